"""Do probabilities mean what they say? Confidence against success, from stored predictions alone.

Confidence is the probability that a model gives to the class it names. The expected calibration error is the mean
distance between confidence and accuracy over bins of equally many clips (Guo et al. 2017,
proceedings.mlr.press/v70/guo17a; Naeini et al. 2015, doi:10.1609/aaai.v29i1.9602). With few clips it is above zero even
for perfect probabilities, so beside it stands what it would be then. The Brier score is the squared distance between
all probabilities and the truth, 0 to 2 (Brier 1950, doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2).
"""

import numpy as np
import pandas as pd

from helpers.evaluation import compare
from helpers.evaluation.predictions import classes_of
from helpers.evaluation.scores import BASELINE, interval

BINS = 10
DRAWS = 200  # of outcomes from a model's own probabilities


def reliability(predictions, model, bins=BINS, resamples=2000, seed=0):
    """One row a bin of one model of one task: n (clips), people, confidence, accuracy, accuracy_lo, accuracy_hi.

    Bins hold equally many predictions, all seeds together; equal confidences stay together, so that there can be fewer.
    The interval is over people with clips in this bin.
    """
    sure, right, people = _of(predictions, model)
    place, rows = _bins(sure, bins), []
    for number in np.unique(place):
        own = place == number
        accuracy = compare.mean_over_people(right[own], people[own], resamples, seed)
        rows.append((own.sum(), len(set(people[own])), sure[own].mean(), *accuracy))
    return pd.DataFrame(rows, columns=["n", "people", "confidence", "accuracy", "accuracy_lo", "accuracy_hi"])


def scores(predictions, models=None, bins=BINS, resamples=2000, seed=0):
    """One row a model of one task, each number with its 95 % interval over people (`_lo`, `_hi`).

    ece; ece_if_perfect: its mean if outcomes were drawn from the model's own probabilities, and ece_chance: the share
    of such draws that reach the ece found; over: mean confidence - accuracy (above 0: too sure); brier; skill: 1 -
    brier / brier of the majority row, which knows the classes' frequencies among the training people and nothing else.
    Below 0 a model's probabilities are worse than no look at any picture. WorkbookError without the majority row comes
    from `scores.score`, which made the scores beside which this table stands.
    """
    models = sorted(predictions.model.unique()) if models is None else list(models)
    base, rows = _brier(predictions, BASELINE), []
    for model in models:
        sure, right, people = _of(predictions, model)
        who, names = pd.factorize(people, sort=True)
        place, brier = _bins(sure, bins), _brier(predictions, model)
        drawn = np.random.default_rng(seed).multinomial(len(names), [1 / len(names)] * len(names), size=resamples)
        weights = np.vstack([np.ones(len(names)), drawn])
        sums = [_by_person(values, who, place) for values in (np.ones(len(sure)), sure, right)]
        count, confidence, hits = (np.einsum("bp,pk->bk", weights, part) for part in sums)
        total, off = count.sum(axis=1), confidence - hits
        found = {"ece": np.abs(off).sum(axis=1) / total, "over": off.sum(axis=1) / total}
        own, reference = weights @ brier.loc[names].to_numpy(), weights @ base.loc[names].to_numpy()
        found |= {
            "brier": own[:, 0] / own[:, 1],
            "skill": 1 - own[:, 0] / own[:, 1] * reference[:, 1] / reference[:, 0],
        }
        row = {"model": model, "n": int(predictions[predictions.model == model].sample_id.nunique())}
        for name, values in found.items():
            ends = upright(values[1:], values[0]) if name == "ece" else interval(values[1:])
            row[name], (row[f"{name}_lo"], row[f"{name}_hi"]) = values[0], ends
        clip = pd.factorize(predictions.sample_id[predictions.model == model])[0]
        luck = _if_perfect(sure, place, clip, seed)
        rows.append(row | {"ece_if_perfect": luck.mean(), "ece_chance": (1 + (luck >= row["ece"]).sum()) / (1 + DRAWS)})
    return pd.DataFrame(rows)


def upright(drawn, point):
    """95 % interval of a distance that is never below zero, freed of what resampling adds to it: (low, high).

    Drawn people differ more than people do, so that resampled distances are too large on average; all of them are
    lowered by that average (Efron & Tibshirani 1993, chapter 10), to zero at most.
    """
    return interval(np.maximum(drawn - (drawn.mean() - point), 0))


def _of(predictions, model):
    """(confidence, right, person) of one model's rows: arrays (n,)."""
    rows, classes = predictions[predictions.model == model], classes_of(predictions)
    p = rows[[f"p_{name}" for name in classes]].to_numpy(float)
    named = rows.y_pred.map({name: place for place, name in enumerate(classes)}).to_numpy(int)
    right = (rows.y_true == rows.y_pred).to_numpy(float)
    return p[np.arange(len(p)), named], right, rows.subject.to_numpy(str)


def _brier(predictions, model):
    """Sum of squared distances and number of rows of each person, indexed by person: two columns."""
    rows, classes = predictions[predictions.model == model], classes_of(predictions)
    truth = rows.y_true.to_numpy()[:, None] == np.array(classes)
    distance = ((rows[[f"p_{name}" for name in classes]].to_numpy(float) - truth) ** 2).sum(axis=1)
    return pd.Series(distance, index=rows.subject.to_numpy(str)).groupby(level=0).agg(["sum", "count"])


def _bins(sure, bins):
    edges = np.unique(np.quantile(sure, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.unique(np.searchsorted(edges, sure, side="right"), return_inverse=True)[1]


def _by_person(values, who, place):
    """(P, bins) sums of values by person and bin."""
    people, bins = who.max() + 1, place.max() + 1
    return np.bincount(who * bins + place, values, people * bins).reshape(people, bins)


def _if_perfect(sure, place, clip, seed):
    """(DRAWS,) calibration errors were each prediction right with the probability it states.

    Predictions of one clip by several seeds are right or wrong together: they would not average out, either.
    """
    hits = np.random.default_rng(seed).random((DRAWS, clip.max() + 1))[:, clip] < sure
    bins = np.eye(place.max() + 1)[place]
    return np.abs((sure - hits) @ bins).sum(axis=1) / len(sure)
