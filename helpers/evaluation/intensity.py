"""Intensity of every frame, as predicted by models that never saw the person; and what such a curve is good for.

Clips are `motion.sequences`, their targets `targets`, scores of the outcome `agreement`. A model is a name of
`models.intensity`, with a formulation other than its own behind a plus sign: `cnn_lstm+ordinal`.
"""

import json
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from helpers import labels, storage
from helpers.evaluation import _folds, agreement, compare, predictions, scores, splits
from helpers.models import intensity as models
from helpers.models.training import DidNotLearn
from helpers.motion import sequences
from helpers.workspace import WorkbookError

# Sides of the maps, pixels of the standard crop averaged together: time for models goes with their number
SIDES = {"tiny": 14, "quick": 14, "full": 28}
STEP = 0.025  # seconds between steps, where frames are not further apart
SHUFFLED = "cnn_lstm_shuffled"  # the control: trained and asked on `shuffled` clips


def clips_of(samples, profile, seed=0):
    """Sequences of the clips on which networks are compared (`splits.for_networks`), at the side of the profile.

    Steps are STEP apart; where the median clip's frames are further apart than that, as far as these. Clips of drawn
    people who take no part are in `left_out` with that reason. Raises as `sequences.extract`.
    """
    kept = splits.for_networks(samples, profile)
    apart = (1 / samples.fps[kept].dropna().astype(float)).median()
    step = STEP if np.isnan(apart) else max(STEP, apart)  # where no rate is known, `extract` says so
    clips = sequences.extract(samples[kept].reset_index(drop=True), step=step, side=SIDES[profile.name], seed=seed)
    others = samples.loc[~kept, ["sample_id", "emotion"]].assign(reason="drawn people of whom the profile takes some")
    return clips._replace(left_out=pd.concat([clips.left_out, others], ignore_index=True))


def cross_predict(task, names, clips, y, folds, profile, seeds=(0,), store=None, renamed=None):
    """Predict every frame of every clip by models that never saw its person.

    task: e.g. "triangle-loso". names: model names. clips: motion.sequences.Sequences of n clips. y: (n, T) in 0..1, nan
    where there is no frame or no label. folds: list of splits.Fold. profile, seeds, store: as of
    predictions.cross_predict. renamed: {name: name in the tables}. Returns
    - predictions, a row a labelled frame (`agreement.COLUMNS`),
    - records, a row a fit with its CPU seconds and what it recorded,
    - curves, {(model, seed): {fold's name: (n, T) intensity of all clips, of training clips too}}.
    """
    X, samples = clips.values, clips.samples
    if not len(X) == len(samples) == len(y):
        raise WorkbookError(f"{len(X)} arrays, {len(samples)} samples and {len(y)} labels do not match")
    groups = samples.subject.to_numpy(str)
    keys = [
        (name, seed, fold)
        for name in names
        for seed in (seeds if models.stochastic(name.partition("+")[0]) else seeds[:1])
        for fold in folds
    ]
    arrays = X, y, groups, samples.sample_id.to_numpy(str)
    context = _folds.context(profile, storage.digest(Path(__file__)), *arrays) if store else ""
    results = _folds.each(keys, partial(_fit, profile, X, y, groups), context, store, task)
    renamed, parts, records, curves = renamed or {}, [], [], {}
    for (name, seed, fold), result in zip(keys, results, strict=True):
        curve, shown = np.array(result.pop("curves"), float), renamed.get(name, name)
        curves.setdefault((shown, seed), {})[fold.name] = curve
        about = {"task": task, "model": shown, "seed": seed, "fold": fold.name}
        parts.append(_rows(about, clips, y, curve, fold.test))
        recorded = json.dumps(result.pop("record"))
        records.append(about | {"train": len(fold.train), "test": len(fold.test), **result, "recorded": recorded})
    table = pd.concat(parts, ignore_index=True).sort_values(agreement.KEY, kind="stable", ignore_index=True)
    return agreement.check(table[list(agreement.COLUMNS)]), pd.DataFrame(records), curves


def shuffled(clips, seed=0):
    """The same clips with the maps of each in random order, and frame numbers where they were.

    What a model still knows then is where in the window a frame lies and what moves in the clip, but not when.
    """
    values, chance = np.array(clips.values), np.random.default_rng(seed)
    for row, frames in zip(values, clips.frames, strict=True):
        real = np.flatnonzero(frames >= 0)
        row[real] = row[chance.permutation(real)]
    return clips._replace(values=values)


def best_baseline(scored, task):
    """Name of the baseline of highest CCC, known only once all were scored: a comparison with it favours it."""
    rows = scored[(scored.task == task) & scored.model.isin(models.BASELINES)]
    return rows.loc[rows.ccc.idxmax(), "model"]


def as_levels(table, names):
    """Predictions of classes (evaluation.predictions) from those of intensity: none, low, medium, high, frame by frame.

    table: predictions of one task; its name ends in -levels then. A frame becomes a sample: sample_id#frame.
    Probabilities are 0 and 1, as nothing is asked but the level. Beside the models `names` stands `scores.BASELINE`:
    the level that most frames of other people have. A level that no label reaches is no class, as nothing could be said
    of it: who predicts it is taken to mean the nearest that is one.
    """
    some = table[table.model.isin(names)]
    reached = np.unique(models.level_of(some.y_true.to_numpy()))
    levels = np.array(models.LEVELS)[reached]
    named = some.assign(sample_id=some.sample_id + "#" + some.frame.astype(str), task=some.task + "-levels")
    for column in ("y_true", "y_pred"):
        away = np.abs(models.level_of(named[column].to_numpy())[:, None] - reached)
        named[column] = levels[away.argmin(axis=1)]
    first = named[(named.model == names[0]) & (named.seed == named.seed.min())]
    always = [_commonest(first, rows) for _, rows in first.groupby("fold")]
    named = pd.concat([named, *always], ignore_index=True).drop(columns="frame")
    for level in levels:
        named[f"p_{level}"] = (named.y_pred == level).astype(float)
    return predictions.check(named)


def peaks(table, truth=None):
    """`agreement.peaks` of all tasks <kind>-loso as one task "apex": models are named with the kind they learned from,
    as in cnn_lstm (triangle); agreement.OTHERS stands once."""
    parts = []
    for task, part in table.groupby("task"):
        found = agreement.peaks(part, truth)
        named = found.model + f" ({task.removesuffix('-loso')})"
        parts.append(found.assign(task="apex", model=named.where(found.model != agreement.OTHERS, found.model)))
    return pd.concat(parts, ignore_index=True).drop_duplicates(agreement.KEY, ignore_index=True)


def apexes(peaks, samples, resamples=2000, seed=0):
    """Errors in strength and time of the apex, a row a model of `peaks`: model, n (clips), strength_mae, strength_bias
    (mean of predicted - true), apex_ms (mean distance of the predicted apex from the true one, milliseconds), each with
    the ends of its 95 % interval over people, _lo and _hi."""
    fps = peaks.sample_id.map(samples.set_index("sample_id").fps.astype(float))
    errors = peaks.assign(strength_mae=peaks.strength_error.abs(), strength_bias=peaks.strength_error)
    errors["apex_ms"], rows = 1000 * peaks.frame_error.abs() / fps, []
    for model, own in errors.groupby("model"):
        row = {"model": model, "n": own.sample_id.nunique()}
        for name in ("strength_mae", "strength_bias", "apex_ms"):
            found = compare.mean_over_people(own[name], own.subject, resamples, seed)
            row |= dict(zip((name, f"{name}_lo", f"{name}_hi"), found, strict=True))
        rows.append(row)
    return pd.DataFrame(rows)


def pooled_maps(clips, weights):
    """(n, 1, 3, H, W) mean map of each clip, weighted by (n, T) intensities; nan, where there is no frame, counts 0."""
    weights, values = np.nan_to_num(weights) + 1e-6, np.nan_to_num(clips.values)
    weights = weights * (clips.frames >= 0)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.einsum("nt,ntchw->nchw", weights.astype(np.float32), values)[:, None]


def strongest_maps(clips, curve):
    """(n, 1, 3, H, W) map of each clip's frame of highest intensity (n, T), of those that are there."""
    best = np.where(clips.frames >= 0, curve, -np.inf).argmax(axis=1)
    return clips.values[np.arange(len(best)), best][:, None]


def coded_maps(clips):
    """(n, 1, 3, H, W) map of each clip's frame nearest to the coded apex."""
    return strongest_maps(clips, -np.abs(clips.frames - clips.samples.apex.to_numpy(float)[:, None]))


def recognise(scheme, clips, curves, profile, model="logistic", store=None):
    """Does intensity help recognition? One classifier, leave-one-subject-out, and four ways to one map of a clip.

    curves: {fold's name: (n, T)} of a regressor, as `cross_predict` gives them: in each fold its own network weighs all
    clips. It saw its training clips when it learned, the held-out ones never. Returns evaluation.predictions of task
    <scheme>-loso-intensity, `model` being the input: coded_apex, predicted_apex, weighted_mean, plain_mean, or
    scores.BASELINE.
    """
    y = labels.targets(clips.samples, scheme)
    kept = y.notna().to_numpy()
    some, y = clips.select(kept), y[kept].to_numpy(str)
    folds, task = splits.loso(some.samples), f"{scheme}-loso-intensity"
    fixed = {"coded_apex": coded_maps(some), "plain_mean": pooled_maps(some, np.ones(some.frames.shape))}
    asked = [(name, model, maps, folds) for name, maps in fixed.items()]
    asked.append((scores.BASELINE, scores.BASELINE, fixed["coded_apex"], folds))
    for name, made in (("predicted_apex", strongest_maps), ("weighted_mean", pooled_maps)):
        asked += [(name, model, made(some, curves[fold.name][kept]), [fold]) for fold in folds]
    parts = []
    for name, classifier, maps, own in asked:
        about = task, [classifier], maps, some.samples, y, labels.scheme(scheme).classes, own, profile
        parts.append(predictions.cross_predict(*about, store=store)[0].assign(model=name))
    return predictions.check(pd.concat(parts, ignore_index=True).sort_values(predictions.KEY, ignore_index=True))


def _commonest(table, rows):
    """The rows of one fold, as if the commonest level of all other folds were predicted."""
    others = table.y_true[table.fold != rows.fold.iloc[0]]
    return rows.assign(model=scores.BASELINE, seed=0, y_pred=others.mode().iloc[0])


def _fit(profile, X, y, groups, name, fold_seed, fold):
    """Fit one model on one fold's training clips; the curves of all clips, of training people too."""
    plain, _, formulation = name.partition("+")
    settings = {"formulation": formulation} if formulation else {}
    model = models.build(plain, profile, fold_seed, **settings)
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DidNotLearn)  # the record says it, and so does who reads it
        model.fit(X[fold.train], y[fold.train], groups=groups[fold.train])
    fitted = time.process_time()
    curves = np.round(np.asarray(model.predict(X), float), 6)
    seconds = {"fit_s": fitted - start, "predict_s": time.process_time() - fitted}
    return {"curves": curves.tolist(), **seconds, "record": getattr(model, "record_", {})}


def _rows(about, clips, y, curve, test):
    """Table rows of the labelled frames of a fold's held-out clips."""
    clip, step = np.nonzero(np.isfinite(y[test]) & (clips.frames[test] >= 0))
    clip = test[clip]
    who = clips.samples.iloc[clip][["sample_id", "dataset", "subject"]].reset_index(drop=True)
    return who.assign(**about, frame=clips.frames[clip, step], y_true=y[clip, step], y_pred=curve[clip, step])
