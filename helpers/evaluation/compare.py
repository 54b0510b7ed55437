"""Is one model better than another? The same people, resampled together."""

from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from helpers.evaluation.predictions import check
from helpers.evaluation.scores import interval, metrics, person_counts, resample_people

ALPHA = 0.05  # of all comparisons of one table together


def gains(predictions, task, reference, resamples=2000, seed=0):
    """Paired gain of every model of a task over a reference model, with 95 % intervals over people.

    Both models are scored on the same resampled people (Efron & Tibshirani 1993), so what makes a person easy or
    hard cancels. Returns one row a model: uf1_gain, uf1_lo, uf1_hi, and the same for uar; `verdict` is "tie" when the
    interval of the UF1 gain contains 0. The intervals are not corrected for the number of models: see `pairs`.
    """
    of_task = check(predictions[predictions.task == task])  # the same people and classes for all, or the pairs break
    counts = {model: person_counts(part) for model, part in of_task.groupby("model")}
    drawn = {model: metrics(resample_people(some, resamples, seed)) for model, some in counts.items()}
    point = {model: metrics(some.sum(axis=0)) for model, some in counts.items()}
    rows = []
    for model in sorted(set(counts) - {reference}):
        row = {"task": task, "model": model, "reference": reference}
        for metric in ("uf1", "uar"):
            difference = drawn[model][metric].mean(axis=1) - drawn[reference][metric].mean(axis=1)
            row[f"{metric}_gain"] = point[model][metric].mean() - point[reference][metric].mean()
            row[f"{metric}_lo"], row[f"{metric}_hi"] = interval(difference)
        row["verdict"] = "better" if row["uf1_lo"] > 0 else "worse" if row["uf1_hi"] < 0 else "tie"
        rows.append(row)
    return pd.DataFrame(rows)


def pairs(predictions, task, which, metric="uf1", resamples=2000, seed=0):
    """Difference between models in one metric, paired over people and corrected for the number of pairs.

    which: models, every pair of which is compared, or a list of (model, other) pairs. metric: uf1, uar, accuracy or
    weighted_f1. Columns and corrections: see `contrasts`. Ranks over people (Friedman, Nemenyi) would be the usual way
    to a critical-difference diagram (Demsar 2006, jmlr.org/papers/v7/demsar06a.html), but they need one score a person,
    and a person with a few clips of one class has no macro-F1.
    """
    of_task = check(predictions[predictions.task == task])
    wanted = list(which) if not isinstance(which[0], str) else list(combinations(which, 2))
    point, drawn, people = {}, {}, of_task.subject.nunique()
    for model in dict.fromkeys(name for pair in wanted for name in pair):
        counts = person_counts(of_task[of_task.model == model])
        point[model] = metrics(counts.sum(axis=0))[metric].mean()
        drawn[model] = metrics(resample_people(counts, resamples, seed))[metric].mean(axis=1)
    return contrasts(point, drawn, wanted, people).assign(task=task, metric=metric)


def contrasts(point, drawn, wanted, people):
    """Differences of any statistic between models, whose resamplings `drawn` share their people.

    point: {model: value}; drawn: {model: (B,) values of resampled people}; wanted: [(model, other)]; people: their
    number. Columns model, other, gain = value of model - value of other; lo, hi: 95 % percentile interval of this pair
    alone; all_lo, all_hi: intervals that hold for all pairs together, gain -/+ c standard errors with c from the
    largest |deviation| of all pairs in each resampling (Romano & Wolf 2005, doi:10.1198/016214504000000539); p:
    two-sided, Student's t with people - 1 degrees of freedom and the resampling's standard error; p_holm: corrected
    for the number of pairs; verdict: "better" or "worse" where p_holm < 0.05, else "tie".
    """
    gain = np.array([point[model] - point[other] for model, other in wanted])
    spread = np.array([drawn[model] - drawn[other] for model, other in wanted])
    error = spread.std(axis=1, ddof=1)
    moves = error > 1e-12  # two models that never differ: no error, and no difference either
    safe = np.where(moves, error, 1)
    p = np.where(moves, 2 * stats.t.sf(np.abs(gain) / safe, people - 1), (np.abs(gain) < 1e-12).astype(float))
    largest = (np.abs(spread - spread.mean(axis=1, keepdims=True)) / safe[:, None]).max(axis=0)
    reach = np.quantile(largest, 1 - ALPHA) * error
    low, high = np.quantile(spread, [ALPHA / 2, 1 - ALPHA / 2], axis=1)
    table = pd.DataFrame(wanted, columns=["model", "other"]).assign(
        gain=gain, lo=low, hi=high, all_lo=gain - reach, all_hi=gain + reach, p=p, p_holm=holm(p)
    )
    sign = np.where(table.gain > 0, "better", "worse")
    return table.assign(verdict=np.where(table.p_holm < ALPHA, sign, "tie"))


def ties(table, order):
    """Runs of models that no pair of `table` tells apart: [(first, last)] positions in `order`, longest runs only.

    table: of `pairs` over all models of `order`, which is sorted by score. Runs of one model are not listed.
    """
    apart = {frozenset(pair) for pair in table.loc[table.verdict != "tie", ["model", "other"]].to_numpy()}
    found = []
    for first in range(len(order)):
        last = first
        while last + 1 < len(order) and not any(
            frozenset((order[last + 1], model)) in apart for model in order[first : last + 1]
        ):
            last += 1
        if last > first and not any(last <= end for _, end in found):
            found.append((first, last))
    return found


def holm(p):
    """p-values (m,) corrected for being m (Holm 1979, jstor.org/stable/4615733): those below .05 hold together."""
    from statsmodels.stats.multitest import multipletests  # not at module level: it takes a second to import

    return multipletests(np.asarray(p, float), method="holm")[1] if len(p) else np.empty(0)


def mean_over_people(values, subjects, resamples, seed):
    """Mean of one number a clip with its 95 % interval over people: (mean, low, high).

    values: (n,) float; subjects: (n,) whose clip it is. People are drawn with replacement, with all their clips.
    """
    people = pd.DataFrame({"value": np.asarray(values, float), "who": np.asarray(subjects)}).groupby("who").value
    sums, counts = people.sum().to_numpy(), people.count().to_numpy()
    drawn = np.random.default_rng(seed).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=resamples)
    low, high = interval((drawn @ sums) / (drawn @ counts))
    return sums.sum() / counts.sum(), low, high
