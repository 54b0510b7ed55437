"""Canaries: a model that cannot know the answer must not find it.

Permuted labels keep everything but the link between a face and its label: what a model still finds then came over
another way. The detector asks that other way: do the features tell who it is, and does who it is tell the label?
"""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold

from helpers import models, storage, workspace
from helpers.evaluation import _folds, predictions, scores, splits
from helpers.evaluation.splits import Fold
from helpers.workspace import NotApplicable, WorkbookError

PERMUTATIONS = 20  # fewer say little about where the null ends
SLACK = 0.01  # of the null's mean, beside its 2 standard errors: of a label that is held out, training has one less
FEWEST_CLIPS = 3  # of a person, to learn the face from two parts and be asked about the third
FIRST = workspace.profile("tiny")  # of a named model, where nobody says which


class Verdict(NamedTuple):
    """What a null says about a score and about the protocol that gave both."""

    real: float
    chance: float
    null_mean: float
    null_se: float
    null_max: float
    p: float  # share of the null, the real score counted in, that is at least as high as the real score
    outside: bool  # the real score is higher than every one of the null
    centred: bool  # the null's mean is within 2 standard errors (and SLACK) of chance
    leaks: bool  # it is above that: something told the model labels that mean nothing


def permuted(samples, y, seed):
    """Labels permuted across people within each dataset: everything is kept but the link between face and label.

    Within people only would not do: people whose clips are all of one class keep their labels. y: (n,); returns (n,).
    """
    return np.array(y, dtype=object)[_moved(samples, seed)]


def predicted(build, X, y, groups, folds):
    """(n,) predictions of every row by a model of the other side of its fold; None for rows that no fold holds out.

    build: called with the number of the fold, gives an unfitted classifier whose fit takes groups. folds: (train, test)
    pairs of row positions, or splits.Fold.
    """
    found = np.full(len(y), None, dtype=object)
    for number, (train, test) in enumerate(fold[-2:] for fold in folds):
        found[test] = build(number).fit(X[train], y[train], groups=groups[train]).predict(X[test])
    return found


def null(model, X, samples, y, classes, n=PERMUTATIONS, seed=0, profile=FIRST, store=None):
    """(real, null): pooled leave-one-subject-out UAR with the labels as they are, and (n,) with permuted ones.

    model: a name of `models`, or what `predicted` takes as `build`. X: (n, ...) in the order of samples. y: (n,)
    classes among `classes`. store: folder that keeps what is done. Permutations run side by side; every second pixel
    is as good for this, and ten times as fast. Raises WorkbookError for a store with a model that has no name.
    """
    named = isinstance(model, str)
    if store and not named:
        raise WorkbookError("only what a model with a name does can be kept", remedy="give no store")
    y, places = np.asarray(y, dtype=str), np.arange(len(y))
    moved = [places, *(_moved(samples, seed + number) for number in range(n))]
    keys = [("permuted", number, Fold(str(number), rows, places)) for number, rows in enumerate(moved)]
    build, people = partial(_named, model, profile, seed) if named else model, samples.subject.to_numpy(str)
    settings = [model, seed, list(classes), storage.digest(Path(__file__))]
    context = _folds.context(profile, settings, X, y, people) if store else ""
    fit = partial(_permuted_uar, build, X, samples[["subject"]], y, list(classes))
    found = [result["uar"] for result in _folds.each(keys, fit, context, store, "permutations")]
    return found[0], np.array(found[1:])


def verdict(real, null, k):
    """Verdict on a real score beside a null (n,) of the same protocol, k classes.

    A mean below chance is no leak: of a rare label that is held out, training has fewer, so few clips a class bring
    honest models below 1/k. Then `centred` and `leaks` are both False.
    """
    mean, se = null.mean(), null.std(ddof=1) / np.sqrt(len(null))
    p = (1 + (null >= real).sum()) / (1 + len(null))
    margin = 2 * se + SLACK
    return Verdict(
        float(real), 1 / k, float(mean), float(se), float(null.max()), float(p), bool(real > null.max()),
        bool(abs(mean - 1 / k) < margin), bool(mean - 1 / k >= margin),
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------ the person


def person_detector(X, samples, model="logistic", seed=0, profile=FIRST, resamples=2000):
    """Do the features tell who it is? A row a dataset: clips, people, balanced_accuracy with lo and hi, chance, tells.

    model: as for `null`; here it classifies people, cross-validated over clips with FEWEST_CLIPS folds, everybody who
    has as many clips on both sides. Datasets apart, so that telling two cameras apart does not count.
    balanced_accuracy: mean over people of the share of their clips that is recognised, with its 95 % interval over
    people; chance: 1 / people; tells: lo is above chance. Raises NotApplicable where no dataset has two such people.
    """
    build, rows = partial(_named, model, profile, seed) if isinstance(model, str) else model, []
    for dataset, places in samples.groupby("dataset").indices.items():
        who = samples.subject.to_numpy(str)[places]
        places = places[pd.Series(who).map(pd.Series(who).value_counts()).ge(FEWEST_CLIPS).to_numpy()]
        who = samples.subject.to_numpy(str)[places]
        if len(set(who)) < 2:
            continue
        folds = StratifiedKFold(FEWEST_CLIPS, shuffle=True, random_state=seed).split(who, who)
        own = pd.Series(predicted(build, X[places], who, np.arange(len(who)).astype(str), folds) == who)
        own = own.groupby(who).mean().to_numpy(float)
        drawn = own[np.random.default_rng(seed).integers(0, len(own), (resamples, len(own)))].mean(axis=1)
        low, high = scores.interval(drawn)
        row = {"dataset": dataset, "clips": len(who), "people": len(own), "balanced_accuracy": own.mean()}
        rows.append(row | {"lo": low, "hi": high, "chance": 1 / len(own), "tells": bool(low > 1 / len(own))})
    if not rows:
        raise NotApplicable(f"no dataset has two people with {FEWEST_CLIPS} clips or more")
    return pd.DataFrame(rows)


def label_from_person(samples, y, classes, resamples=2000, seed=0):
    """How much of the label does the person alone tell? Rows of `scores.score`, models "majority" and "person".

    "person" says what the same person's other clips mostly are (leave one clip out, all other clips of the dataset
    where there is no other or a tie); "majority" what the dataset's other clips mostly are. Neither looks at a picture,
    and "person" may not be had in a leave-one-subject-out: it is what a random split gives away for nothing.
    """
    y, k = np.asarray(y, dtype=str), len(classes)
    marks = (y[:, None] == np.array(classes)).astype(float)
    own, all_ = (pd.DataFrame(marks).groupby(samples[column].to_numpy()).transform("sum").to_numpy() - marks
                 for column in ("subject", "dataset"))  # fmt: skip
    said = {"majority": all_, "person": own + all_ / (all_.sum(axis=1, keepdims=True) + 1)}  # a tie-breaker below 1
    rows = samples[["sample_id", "dataset", "subject"]].assign(task="label", seed=0, fold="clip", y_true=y)
    parts = []
    for name, counts in said.items():
        best = counts.argmax(axis=1)
        p = pd.DataFrame(np.eye(k)[best], columns=[f"p_{c}" for c in classes], index=rows.index)
        parts.append(pd.concat([rows.assign(model=name, y_pred=np.array(classes)[best]), p], axis=1))
    return scores.score(predictions.check(pd.concat(parts, ignore_index=True)), resamples, seed)


def _moved(samples, seed):
    """(n,) row positions, permuted within each dataset."""
    places, rng = np.arange(len(samples)), np.random.default_rng(seed)
    for dataset in samples.dataset.unique():
        rows = np.flatnonzero(samples.dataset == dataset)
        places[rows] = rng.permutation(rows)
    return places


def _named(name, profile, seed, number):
    return models.build(name, profile, seed + number)


def _permuted_uar(build, X, samples, y, classes, _name, _seed, fold):
    given = y[fold.train]  # here a fold is all rows in a permuted order: labels move, pictures and people stay
    found = predicted(build, X, given, samples.subject.to_numpy(str), splits.loso(samples))
    return {"uar": float(scores.metrics(scores.confusion(given, found, classes))["uar"])}
