"""What does a treatment of imbalance do? An experiment: switched on and off over the same people, folds and draws.

Imbalance is one number, 1 - n_min / n_max of the training clips. It is set by choosing how many clips of two classes
a model may train on, their sum held constant, so that more imbalance is not also less data. Held-out people are always
predicted on all their clips. Effects are differences between pooled scores of the same resampled people.
"""

import json
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from helpers import storage
from helpers.evaluation import predictions, splits
from helpers.evaluation.compare import holm
from helpers.evaluation.scores import interval, metrics, person_counts, resample_people
from helpers.models.imbalance import names
from helpers.workspace import NotApplicable

RATIOS = (0, 0.25, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)  # close together near the rule
OUTCOMES = ("macro-F1", "minority recall", "majority recall")
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


def outcomes(confusions, rare):
    """{outcome: (...)} of confusion counts (..., K, K). rare: (K,) bool, the minority classes; recalls are means."""
    found = metrics(confusions)
    recall = found["recall"]
    values = found["uf1"], recall[..., rare].mean(-1), recall[..., ~rare].mean(-1)
    return dict(zip(OUTCOMES, values, strict=True))


def difference(treated, reference, rare, resamples=2000, seed=0):
    """Effects of one model over another: rows of outcome, effect, lo, hi, p.

    treated, reference: (P, S, K, K) counts of the same people. The effect is the difference of the scores, averaged
    over S. Interval: 95 % of differences over resampled people, the same ones for both. p: two-sided, from Student's t
    with P - 1 degrees of freedom and the standard error of the resampling. No difference in anybody has p = 1.
    """
    point, drawn = (
        [outcomes(f(some), rare) for some in (treated, reference)]
        for f in (lambda some: some.sum(axis=0), lambda some: resample_people(some, resamples, seed))
    )
    rows = []
    for name in OUTCOMES:
        effect = point[0][name].mean() - point[1][name].mean()
        spread = drawn[0][name].mean(axis=1) - drawn[1][name].mean(axis=1)
        error = spread.std(ddof=1)
        p = 2 * stats.t.sf(abs(effect) / error, len(treated) - 1) if error > 0 else float(effect == 0)
        low, high = interval(spread)
        rows.append({"outcome": name, "effect": effect, "lo": low, "hi": high, "p": p})
    return rows


def effects(runs, by, reference="none", treatments=None, resamples=2000, seed=0):
    """Effect of each treatment over `reference`, for each classifier and each value of the column `by` of runs.

    treatments: only these. Returns learner, treatment, `by`, outcome, effect, lo, hi, p, and p_holm: p corrected for
    all rows of the table, because all of them are looked at.
    """
    rows, rare = [], np.array([False, True])
    for (learner, value), part in runs.groupby(["learner", by], sort=False):
        base = counts(part[part.treatment == reference])
        for treatment in [name for name in part.treatment.unique() if name != reference]:
            if treatments is None or treatment in treatments:
                given = {"learner": learner, "treatment": treatment, "over": reference, by: value}
                found = difference(counts(part[part.treatment == treatment]), base, rare, resamples, seed)
                rows += [given | row for row in found]
    table = pd.DataFrame(rows)
    return table.assign(p_holm=holm(table.p))


def sides(runs, cutoff):
    """runs with a column `side`: whether their imbalance exceeds the cutoff of the rule."""
    return runs.assign(side=np.where(runs.imbalance > cutoff, f"above {cutoff:g}", f"up to {cutoff:g}"))


def levels(runs, resamples=2000, seed=0):
    """The scores themselves by imbalance: learner, treatment, imbalance, outcome, score, lo, hi."""
    rows = []
    for (learner, treatment, imbalance), part in runs.groupby(["learner", "treatment", "imbalance"]):
        some = counts(part)
        rare = np.array([False, True])
        point, drawn = outcomes(some.sum(axis=0), rare), outcomes(resample_people(some, resamples, seed), rare)
        for name in OUTCOMES:
            low, high = interval(drawn[name].mean(axis=1))
            given = {"learner": learner, "treatment": treatment, "imbalance": imbalance, "outcome": name}
            rows.append(given | {"score": point[name].mean(), "lo": low, "hi": high})
    return pd.DataFrame(rows)


def as_they_come(table, task, resamples=2000, seed=0):
    """Effects over `none` of a predictions table whose models are classifier+treatment, the classes uneven as found.

    Minority classes are those with fewer clips than an even share n / K. Columns as of `effects`, without `by`.
    """
    part = table[(table.task == task) & table.model.str.contains("+", regex=False)]
    classes = predictions.classes_of(part)
    clips = part.drop_duplicates("sample_id").y_true.value_counts().reindex(classes, fill_value=0).to_numpy()
    rare, rows = clips < clips.sum() / len(classes), []
    found = {model: person_counts(some) for model, some in part.groupby("model")}
    for model in [name for name in names() if name in found]:
        learner, treatment = model.split("+")
        if treatment != "none":
            given = {"learner": learner, "treatment": treatment, "over": "none"}
            rows += [given | row for row in difference(found[model], found[f"{learner}+none"], rare, resamples, seed)]
    result = pd.DataFrame(rows)
    return result.assign(p_holm=holm(result.p))
