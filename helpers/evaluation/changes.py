"""What does one change bring? PCA, SMOTE or weights switched on alone, over the same folds and the same people.

A model is called <feature>:<classifier>[+pca]+<treatment>. Every effect is the difference of two scores that are
resampled together, by person (stills: by cluster), so what makes a person easy or hard cancels.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from helpers.evaluation import compare, predictions
from helpers.evaluation.baselines import ONCE
from helpers.evaluation.scores import BASELINE, interval, metrics, person_counts, resample_people
from helpers.features import embedding

# change: (what is compared, with what); the last one is what source 002 did, two changes at once
CHANGES = {
    "PCA": ("+pca+none", "+none"),
    "SMOTE": ("+smote", "+none"),
    "SMOTE, PCA in both": ("+pca+smote", "+pca+none"),
    "weights": ("+weights", "+none"),
    "PCA and SMOTE at once": ("+pca+smote", "+none"),
}
NETWORK = {
    "weights": ("cnn_lstm+weights", "cnn_lstm+none"),
    "focal loss": ("cnn_lstm+focal", "cnn_lstm+none"),
    "new last layer": ("cnn_lstm+refit", "cnn_lstm+none"),
    "SMOTE": ("cnn_lstm+smote", "cnn_lstm+refit"),
    "CNN + LSTM over linear": ("cnn_lstm+none", "flow_map:logistic+none"),
}
OVERALL = ("macro-F1", "minority recall", "majority recall")
CLAIMED = ("fear", "disgust")  # of which source 002 says that SMOTE raised recall and macro-F1


def pairs_of(models):
    """Rows (feature, learner, change, model, other) of all one-change pairs that `models` has."""
    rows = []
    for start in dict.fromkeys(name.split("+")[0] for name in models if ":" in name):
        for change, (treated, reference) in CHANGES.items():
            if {start + treated, start + reference} <= set(models):
                feature, learner = start.split(":")
                rows.append((feature, learner, change, start + treated, start + reference))
    return pd.DataFrame(rows, columns=["feature", "learner", "change", "model", "other"])


def network_pairs(models):
    """The same rows for the network's treatments."""
    rows = [("flow", "cnn_lstm", change, *pair) for change, pair in NETWORK.items() if set(pair) <= set(models)]
    return pd.DataFrame(rows, columns=["feature", "learner", "change", "model", "other"])


class Resampled(NamedTuple):
    """Confusion counts of all models of one task, as they are and over people drawn anew, the same for all models."""

    task: str
    classes: list
    people: int
    point: dict  # {model: (S, K, K)}, S seeds
    drawn: dict  # {model: (B, S, K, K)}, B resamplings


def resampled(table, task, resamples=2000, seed=0):
    """Resampled counts of one task of a predictions table."""
    rows = table[table.task == task]
    counts = {name: person_counts(some) for name, some in rows.groupby("model", sort=False)}
    point = {name: some.sum(axis=0) for name, some in counts.items()}
    drawn = {name: resample_people(some, resamples, seed) for name, some in counts.items()}
    return Resampled(task, predictions.classes_of(rows), rows.subject.nunique(), point, drawn)


def effects(found, part, wanted, outcomes=OVERALL):
    """Effect of each pair of `wanted` on each outcome: gain, lo, hi, p, and p_holm over all rows of the table.

    found: of `resampled`; part: its baselines.Part; outcomes: of `measured`. A minority is a class with fewer training
    samples than an even share; a class that training never saw is neither minority nor majority.
    """
    trained, tables = train_counts(part), []
    names = list(dict.fromkeys([*wanted.model, *wanted.other]))
    point = {name: measured(found.point[name], found.classes, trained) for name in names}
    drawn = {name: measured(found.drawn[name], found.classes, trained) for name in names}
    pairs = list(zip(wanted.model, wanted.other, strict=True))
    for outcome in outcomes:
        ends = {name: value[outcome].mean() for name, value in point.items()}
        spread = {name: value[outcome].mean(axis=1) for name, value in drawn.items()}
        rows = compare.contrasts(ends, spread, pairs, found.people)[["gain", "lo", "hi", "p"]]
        tables.append(pd.concat([wanted, rows], axis=1).assign(outcome=outcome))
    result = pd.concat(tables, ignore_index=True).assign(task=found.task, unit=part.unit)
    return result.assign(p_holm=compare.holm(result.p))


def measured(counts, classes, train_counts):
    """{outcome: (...)} of confusion counts (..., K, K): OVERALL, accuracy, and recall and F1 of each class."""
    found = metrics(counts)
    trained = np.array([train_counts.get(name, 0) for name in classes])
    rare = (trained > 0) & (trained < trained.sum() / (trained > 0).sum())
    values = {
        "macro-F1": found["uf1"],
        "minority recall": found["recall"][..., rare].mean(-1),
        "majority recall": found["recall"][..., (trained > 0) & ~rare].mean(-1),
        "accuracy": found["accuracy"],
    }
    for k, name in enumerate(classes):
        values |= {f"recall of {name}": found["recall"][..., k], f"F1 of {name}": found["f1"][..., k]}
    return values


def by_class(found, part):
    """Recall, precision and F1 of each class with 95 % intervals over people: a row a (model, class).

    `scored` are its samples that are predicted, `trained` those that there are to train on: 0 means that no model can
    ever say it. found: of `resampled`; part: its baselines.Part.
    """
    trained, rows = train_counts(part), []
    for model, counts in found.point.items():
        point, drawn = metrics(counts), metrics(found.drawn[model])
        for k, name in enumerate(found.classes):
            row = {"task": found.task, "model": model, "class": name, "scored": int(counts[0, k].sum())}
            row |= {"trained": trained.get(name, 0), "unit": part.unit}
            for what in ("recall", "precision", "f1"):
                low, high = interval(drawn[what][..., k].mean(axis=1))
                row |= {what: point[what][..., k].mean(), f"{what}_lo": low, f"{what}_hi": high}
            rows.append(row)
    return pd.DataFrame(rows)


def claimed(classes):
    """Outcomes of source 002's claim among these classes."""
    return [f"{what} of {name}" for name in CLAIMED if name in classes for what in ("recall", "F1")]


def claim(found, part):
    """Effects of all single changes on what source 002's claim is about, on macro-F1 and on accuracy."""
    return effects(found, part, pairs_of(found.point), [*claimed(found.classes), "macro-F1", "accuracy"])


def train_counts(part):
    """{class: samples that there are to train on}: those of the train side, or all where everyone is held out once."""
    rows = part.folds[0].train if len(part.folds) == 1 else slice(None)
    return pd.Series(part.y[rows]).value_counts().to_dict()


def unseen(records):
    """{class: share of fits that never saw it} from the records of fits."""
    named = records.unseen_classes[records.model != BASELINE].str.split(", ").explode()
    fits = (records.model != BASELINE).sum()
    return (named[named != ""].value_counts() / max(fits, 1)).to_dict()


def backbones(part, scores):
    """Table of CNN backbones: what each costs and, where its weights are here, its UF1 with `ONCE` on the stills.

    part: the stills' Part or None. scores: of evaluation.scores. `result` says why a UF1 is missing.
    """
    rows = []
    for name in embedding.ARCHITECTURES:
        cost = embedding.cost(name)
        row = {key: cost[key] for key in ("name", "parameters", "width", "milliseconds", "weights")}
        mine = scores[scores.model == f"{name}:{ONCE[0]}"]
        row["result"] = "measured" if len(mine) else f"unavailable: {cost['reason'] or 'no stills in this dataset'}"
        for metric in ("uf1", "uf1_lo", "uf1_hi"):
            row[metric] = mine[metric].iloc[0] if len(mine) else np.nan
        rows.append(row)
    unit = part.unit if part else "no stills"
    return pd.DataFrame(rows).assign(unit=unit)
