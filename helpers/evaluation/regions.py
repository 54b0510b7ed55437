"""Which part of the face does a model look at? Asked of people it has never seen, by taking a part away from it.

In every held-out clip one region of the flow map is replaced by what that region is on average among the training
clips, and the model predicts again; what the score loses is the region's importance (Breiman 2001,
doi:10.1023/A:1010933404324; Zeiler & Fergus 2014, doi:10.1007/978-3-319-10590-1_53). To permute the region is the usual
way, and has no sound version here. Among the held-out person's own clips it comes back from a clip of the same emotion,
or from the clip itself: people have few clips of few emotions. From a clip of the training people it brings along what
the model has learnt by heart of that very clip, so that regions without any signal seem to matter
(`tests/test_tradeoff.py` has such a world). The average says nothing about any class or person; a linear model then
decides by the rest of the map alone. It is a flat patch, though, which no face makes, and trees and kernels may
answer such maps oddly (Hooker et al. 2021, doi:10.1007/s11222-021-10057-z).
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from helpers import labels
from helpers.evaluation import predictions, splits
from helpers.evaluation.scores import interval, metrics, person_counts, resample_people
from helpers.motion import faces

BOXES, ELSEWHERE, EVERYTHING = "all boxes", "elsewhere", "whole map"
OWN = ["region", "origin"]
# Public flow maps come ready-made, in a tighter crop whose landmarks nobody published. Where the mean strain over their
# clips shows eyes (x of both, y) and the mouth (y), relative to the map; the boxes are carried there.
PUBLIC = {"eyes": (0.18, 0.80, 0.26), "mouth": 0.73}


class Answers(NamedTuple):
    """What models said: `predictions` of the clips as they are; `asked`, predictions of the clips and of their copies
    with the columns OWN beside them; `records` of all fits; `maps` {task: (sample_ids, flow)} of what was asked."""

    predictions: pd.DataFrame
    asked: pd.DataFrame
    records: pd.DataFrame
    maps: dict


def boxes(size, public=False):
    """{name: (size, size) bool}: each box of faces.REGIONS, all of them, what lies in none, and the whole map.

    public: maps in the crop of the public release, not in the standard crop. Neighbouring boxes may share pixels.
    """
    found = {}
    for name, (x0, y0, x1, y1) in faces.REGIONS.items():
        xs, ys = np.array([x0, x1]), np.array([y0, y1])
        if public:
            left, right, eyes = PUBLIC["eyes"]
            (there_left, there_eyes), (there_right, _), *_, (_, there_mouth) = faces.POINTS
            xs = left + (xs - there_left) * (right - left) / (there_right - there_left)
            ys = eyes + (ys - there_eyes) * (PUBLIC["mouth"] - eyes) / (there_mouth - there_eyes)
        (x0, x1), (y0, y1) = (np.clip(np.round(ends * size).astype(int), 0, size) for ends in (xs, ys))
        found[name] = np.zeros((size, size), bool)
        found[name][y0:y1, x0:x1] = True
    inside = np.any(list(found.values()), axis=0)
    return found | {BOXES: inside, ELSEWHERE: ~inside, EVERYTHING: np.ones((size, size), bool)}


def boxes_of(X, samples):
    """`boxes` that fit flow (n, T, 3, H, H) of these samples: of the public crop where the maps came ready-made."""
    return boxes(X.shape[-1], public=bool((samples.kind == "flow").all()))


def averaged(X, samples, folds):
    """Copies of all clips with one region averaged away, and folds that predict them with their originals.

    X: (n, T, 3, H, H) flow; samples: n rows; folds: list of splits.Fold, each clip held out once. The average is over
    the training clips of the fold that holds the clip out, each centred by its median and divided by its standard
    deviation, and comes in the scale and around the median of the clip, a channel each.
    Returns (X, samples, folds), originals first. samples has `region` ("" for originals) and `origin`, the clip's
    sample_id. Training rows are the originals they were.
    """
    middle, spread = np.median(X, axis=(-2, -1), keepdims=True), X.std(axis=(-2, -1), keepdims=True)
    shape = (X - middle) / np.where(spread > 0, spread, 1)
    typical = np.empty_like(X)
    for fold in folds:
        typical[fold.test] = shape[fold.train].mean(axis=0) * spread[fold.test] + middle[fold.test]
    arrays, tables = [X], [samples.assign(region="", origin=samples.sample_id)]
    for name, box in boxes_of(X, samples).items():
        arrays.append(np.where(box, typical, X))
        tables.append(samples.assign(sample_id=samples.sample_id + f"|{name}", region=name, origin=samples.sample_id))
    copies = np.arange(len(arrays)) * len(X)
    wider = [splits.Fold(fold.name, fold.train, (copies[:, None] + fold.test).ravel()) for fold in folds]
    return np.concatenate(arrays), pd.concat(tables, ignore_index=True), wider


def ask(schemes, protocol, names, X, samples, profile, seeds=(0,), store=None):
    """predictions.cross_predict_schemes that asks each fitted model about the copies of `averaged`, too: Answers.

    The models are fitted once and on the same rows, so `predictions` are what they would be without the copies.
    """
    tables, records, maps = [], [], {}
    for scheme in schemes:
        y = labels.targets(samples, scheme)
        kept = y.notna().to_numpy()
        some, task = samples[kept].reset_index(drop=True), f"{scheme}-{protocol}"
        arrays, rows, folds = averaged(X[kept], some, splits.PROTOCOLS[protocol](some))
        truth = np.tile(y[kept].to_numpy(str), len(rows) // len(some))
        classes = labels.scheme(scheme).classes
        found, fits = predictions.cross_predict(task, names, arrays, rows, truth, classes, folds, profile, seeds, store)
        tables.append(found.merge(rows[["sample_id", *OWN]], on="sample_id", validate="many_to_one"))
        records.append(fits)
        maps[task] = rows.sample_id.to_numpy(), arrays
    asked = pd.concat(tables, ignore_index=True)
    originals = asked[asked.region == ""].drop(columns=OWN).reset_index(drop=True)
    return Answers(predictions.check(originals), asked, pd.concat(records, ignore_index=True), maps)


def importance(asked, task, models, resamples=2000, seed=0):
    """UF1 that each model loses when a region is averaged away: task, model, region, uf1, loss, lo, hi.

    Means over seeds; 95 % interval over people, the same resampled people with the region and without.
    """
    rows, of_task = [], asked[asked.task == task]
    for model in models:
        part = of_task[of_task.model == model]
        point, drawn = _uf1(part[part.region == ""], resamples, seed)
        for region in (*faces.REGIONS, BOXES, ELSEWHERE, EVERYTHING):
            other, redrawn = _uf1(part[part.region == region], resamples, seed)
            low, high = interval(drawn - redrawn)
            names = {"task": task, "model": model, "region": region}
            rows.append(names | {"uf1": point, "loss": point - other, "lo": low, "hi": high})
    return pd.DataFrame(rows)


def _uf1(part, resamples, seed):
    counts = person_counts(part)
    point, drawn = metrics(counts.sum(axis=0)), metrics(resample_people(counts, resamples, seed))
    return point["uf1"].mean(), drawn["uf1"].mean(axis=1)
