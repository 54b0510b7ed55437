"""What does a treatment of imbalance do? An experiment: switched on and off over the same people, folds and draws.

Imbalance is one number, 1 - n_min / n_max of the training clips. It is set by choosing how many clips of two classes
a model may train on, their sum held constant, so that more imbalance is not also less data. Held-out people are always
predicted on all their clips. Effects are differences between pooled scores of the same resampled people.
"""

import json
from typing import NamedTuple

import numpy as np
import pandas as pd

from helpers import storage
from helpers.evaluation import compare, predictions, splits
from helpers.evaluation.scores import OUTCOMES, interval, metrics, outcomes, person_counts, rarity, resample_people
from helpers.models.imbalance import names
from helpers.workspace import NotApplicable

RATIOS = (0, 0.25, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)  # close together near the rule
TWO = np.array([False, True]), np.array([True, False])  # of two classes: the rare one and the common one
FEWEST = 3  # clips of the rarer class that a balanced training set needs: below, there is nothing to make rarer
CELL = ["imbalance", "repeat"]


class Problem(NamedTuple):
    """Two classes of one scheme: rows of the samples, their class, and who is held out together."""

    majority: str
    minority: str
    samples: pd.DataFrame
    rows: np.ndarray  # positions in the samples given
    y: np.ndarray
    folds: list
    clips: int  # of each training set, both classes together


def two_classes(samples, y, folds):
    """The Problem of the two classes that most people show (ties: more clips); the one with fewer clips is made rare.

    y: (n,) classes or None. folds: parts that people are divided into. People decide, not clips: they are what recall
    is measured on. NotApplicable where fewer than two classes have two people or enough clips in every training part.
    """
    y = np.asarray(y, dtype=object)
    table = pd.DataFrame({"y": y, "who": samples.subject.to_numpy()}).dropna().groupby("y").who.agg(["nunique", "size"])
    table = table[table["nunique"] >= 2].sort_values(["nunique", "size"], ascending=False)
    if len(table) < 2:
        raise NotApplicable("fewer than two classes are shown by at least two people")
    majority, minority = table.index[:2][np.argsort(-table["size"].to_numpy()[:2], kind="stable")]
    rows = np.flatnonzero(np.isin(y, [majority, minority]))
    some, y = samples.iloc[rows].reset_index(drop=True), y[rows].astype(str)
    parts = splits.grouped(some, y, folds)
    rare, common = (min((y[part.train] == label).sum() for part in parts) for label in (minority, majority))
    clips = int(min(2 * rare, common + 1)) // 2 * 2  # what every training part can give at every ratio
    if clips < 2 * FEWEST:
        raise NotApplicable(f"some training people show only {rare} clips of {minority} and {common} of {majority}")
    return Problem(majority, minority, some, rows, y, parts, clips)


def sizes(clips, ratios=RATIOS):
    """Table of training sets: n_max, n_min with n_max + n_min = clips, and the imbalance 1 - n_min / n_max they have.

    Clips are whole, so each imbalance is the nearest one not above the ratio asked for; doubles are dropped.
    """
    wanted = np.asarray(ratios, float)
    n_min = np.maximum(np.ceil(clips * (1 - wanted) / (2 - wanted) - 1e-9).astype(int), 1)
    table = pd.DataFrame({"n_max": clips - n_min, "n_min": n_min}).drop_duplicates(ignore_index=True)
    return table.assign(imbalance=(1 - table.n_min / table.n_max).round(9))  # .7 must not exceed .7 by rounding


def training_sets(problem, ratios=RATIOS, repeats=3, seed=0):
    """[(imbalance, repeat, Fold)]: each fold's training clips drawn anew in each repeat, its test people whole.

    Within a repeat the sets are nested: a rarer minority is a part of the more frequent one, so that neighbouring
    ratios differ by a few clips and not by luck. Every treatment gets the very same clips.
    """
    found, table = [], sizes(problem.clips, ratios)
    for repeat in range(repeats):
        for part in problem.folds:
            rng = np.random.default_rng(int(storage.digest(seed, repeat, part.name), 16))
            of = {
                label: rng.permutation(part.train[problem.y[part.train] == label])
                for label in (problem.majority, problem.minority)
            }
            for row in table.itertuples():
                train = np.concatenate([of[problem.majority][: row.n_max], of[problem.minority][: row.n_min]])
                name = f"{part.name}-repeat{repeat}-{row.n_min}of{problem.clips}"
                found.append((row.imbalance, repeat, splits.Fold(name, np.sort(train), part.test)))
    return found


def experiment(problem, X, models, profile, ratios=RATIOS, repeats=3, seed=0, store=None):
    """Fit every model name on every training set and count what held-out people get.

    X: (n, ...) in the order of problem.samples. models: names, classifier+treatment. Returns (runs, fits). runs: a row
    a (model, imbalance, repeat, person) with n_max, n_min and the person's `majority_right` of `majority_clips` and
    `minority_right` of `minority_clips`: with two classes that is the person's whole confusion matrix, so every score
    below can be computed from it. fits: one row a fit, with what it recorded about its resampling.
    """
    sets = training_sets(problem, ratios, repeats, seed)
    keys = [(name, seed, fold) for name in models for _, _, fold in sets]
    settings = {"calibrated": False}  # nobody asks for probabilities here, and calibrating takes most of an SVM's time
    results = predictions.fit_folds(keys, X, problem.samples, problem.y, profile, store, "experiment", settings)
    subjects, runs, fits = problem.samples.subject.to_numpy(), [], []
    for (name, _, fold), (imbalance, repeat, _), result in zip(keys, sets * len(models), results, strict=True):
        learner, treatment = name.split("+", 1)
        n_min = int((problem.y[fold.train] == problem.minority).sum())
        cell = {
            "model": name, "learner": learner, "treatment": treatment, "imbalance": imbalance, "repeat": repeat,
            "n_max": problem.clips - n_min, "n_min": n_min,
        }  # fmt: skip
        rare, right = problem.y[fold.test] == problem.minority, np.array(result["y_pred"]) == problem.y[fold.test]
        for who in np.unique(subjects[fold.test]):
            own = subjects[fold.test] == who
            runs.append(cell | {
                "subject": who, "majority_clips": int((own & ~rare).sum()), "minority_clips": int((own & rare).sum()),
                "majority_right": int((own & ~rare & right).sum()), "minority_right": int((own & rare & right).sum()),
            })  # fmt: skip
        recorded = json.dumps(result["record"]) if result["record"] else ""
        fits.append({"task": "experiment", "fold": fold.name, "recorded": recorded} | cell)
    return pd.DataFrame(runs), pd.DataFrame(fits)


def counts(runs):
    """Confusion counts (P, S, 2, 2) of one model's runs: people sorted, S = its cells, minority second."""
    wide = runs.set_index(["subject", *CELL]).sort_index()
    shape = runs.subject.nunique(), runs[CELL].drop_duplicates().shape[0]
    found = np.zeros((*shape, 2, 2))
    for k, name in enumerate(("majority", "minority")):
        right, clips = (wide[f"{name}_{what}"].to_numpy().reshape(shape) for what in ("right", "clips"))
        found[..., k, k], found[..., k, 1 - k] = right, clips - right
    return found


def differences(found, wanted, rare, common, resamples=2000, seed=0):
    """Effects of models over others: rows of model, other, outcome, effect, lo, hi, p (see `compare.contrasts`).

    found: {model: (P, S, K, K)} counts of the same people; scores are averaged over S. wanted: [(model, other)]; rare,
    common: (K,) bool, minority and majority classes.
    """
    point = {name: outcomes(metrics(some.sum(axis=0)), rare, common) for name, some in found.items()}
    drawn = {
        name: outcomes(metrics(resample_people(some, resamples, seed)), rare, common) for name, some in found.items()
    }
    people = len(next(iter(found.values())))
    return compare.by_outcome(OUTCOMES, point, drawn, wanted, people).rename(columns={"gain": "effect"})


def effects(runs, by, reference="none", treatments=None, resamples=2000, seed=0):
    """Effect of each treatment over `reference`, for each classifier and each value of the column `by` of runs.

    treatments: only these. Returns learner, treatment, `by`, outcome, effect, lo, hi, p, and p_holm: p corrected for
    all rows of the table, because all of them are looked at.
    """
    tables = []
    if treatments is not None:
        runs = runs[runs.treatment.isin([*treatments, reference])]
    for (learner, value), part in runs.groupby(["learner", by], sort=False):
        found = {name: counts(some) for name, some in part.groupby("treatment", sort=False)}
        wanted = [(name, reference) for name in found if name != reference]
        tables.append(differences(found, wanted, *TWO, resamples, seed).assign(learner=learner, **{by: value}))
    table = pd.concat(tables, ignore_index=True).rename(columns={"model": "treatment", "other": "over"})
    table = table[["learner", "treatment", "over", by, "outcome", "effect", "lo", "hi", "p"]]
    return table.assign(p_holm=compare.holm(table.p))


def sides(runs, cutoff):
    """runs with a column `side`: whether their imbalance exceeds the cutoff of the rule."""
    return runs.assign(side=np.where(runs.imbalance > cutoff, f"above {cutoff:g}", f"up to {cutoff:g}"))


def levels(runs, resamples=2000, seed=0):
    """The scores themselves by imbalance: learner, treatment, imbalance, outcome, score, lo, hi."""
    rows = []
    for (learner, treatment, imbalance), part in runs.groupby(["learner", "treatment", "imbalance"]):
        some = counts(part)
        point, drawn = (outcomes(metrics(n), *TWO) for n in (some.sum(axis=0), resample_people(some, resamples, seed)))
        for name in OUTCOMES:
            low, high = interval(drawn[name].mean(axis=1))
            given = {"learner": learner, "treatment": treatment, "imbalance": imbalance, "outcome": name}
            rows.append(given | {"score": point[name].mean(), "lo": low, "hi": high})
    return pd.DataFrame(rows)


def as_they_come(table, task, resamples=2000, seed=0):
    """Effects over `none` of a predictions table whose models are classifier+treatment, the classes uneven as found.

    Minority classes are those of `scores.rarity`; where all classes are even there is none, and no minority recall.
    Columns as of `effects`, without `by`.
    """
    part = table[(table.task == task) & table.model.str.contains("+", regex=False)]
    classes = predictions.classes_of(part)
    clips = part.drop_duplicates("sample_id").y_true.value_counts().reindex(classes, fill_value=0)
    found = {model: person_counts(some) for model, some in part.groupby("model")}
    wanted = [(model, model.split("+")[0] + "+none") for model in names() if model in found]
    wanted = [pair for pair in wanted if pair[0] != pair[1]]
    rows = differences(found, wanted, *rarity(clips), resamples, seed)
    rows[["learner", "treatment"]] = rows.model.str.split("+", n=1, expand=True)
    rows = rows.assign(over="none")[["learner", "treatment", "over", "outcome", "effect", "lo", "hi", "p"]]
    return rows.assign(p_holm=compare.holm(rows.p))
