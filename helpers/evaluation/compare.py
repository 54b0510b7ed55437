"""Is one model better than another? The same people, resampled together."""

from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from helpers.evaluation.predictions import check
from helpers.evaluation.scores import interval, metrics, person_counts, resample_people

ALPHA = 0.05  # of all comparisons of one table together
NOTHING = 1e-9  # a difference of scores below it is rounding


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
    of `two_sided`, with the resampling's standard error; p_holm: corrected for the number of pairs; verdict: "better"
    or "worse" where p_holm < 0.05, else "tie". Where p is nan the intervals are too: all of them would be one point.
    """
    gain = np.array([point[model] - point[other] for model, other in wanted])
    spread = np.array([drawn[model] - drawn[other] for model, other in wanted])
    error = spread.std(axis=1, ddof=1)
    p, moves = two_sided(gain, error, people), error > NOTHING
    scale = np.where(moves, error, np.inf)  # what does not move is no deviation of anything
    largest = np.nan_to_num(np.abs(spread - spread.mean(axis=1, keepdims=True)) / scale[:, None]).max(axis=0)
    reach = np.quantile(largest, 1 - ALPHA) * error
    ends = *np.quantile(spread, [ALPHA / 2, 1 - ALPHA / 2], axis=1), gain - reach, gain + reach
    low, high, all_low, all_high = np.where(np.isnan(p), np.nan, ends)
    table = pd.DataFrame(wanted, columns=["model", "other"]).assign(
        gain=gain, lo=low, hi=high, all_lo=all_low, all_hi=all_high, p=p, p_holm=holm(p)
    )
    sign = np.where(table.gain > 0, "better", "worse")
    return table.assign(verdict=np.where(table.p_holm < ALPHA, sign, "tie"))


def by_outcome(asked, point, drawn, wanted, people):
    """`contrasts` of the outcomes `asked`, averaged over seeds: model, other, gain, lo, hi, p, outcome.

    point, drawn: {model: {outcome: (S,) and (B, S)}}. Not corrected: only the caller knows what else is looked at.
    """
    tables = []
    for outcome in asked:
        ends = {model: values[outcome].mean() for model, values in point.items()}
        spread = {model: values[outcome].mean(axis=1) for model, values in drawn.items()}
        rows = contrasts(ends, spread, wanted, people)[["model", "other", "gain", "lo", "hi", "p"]]
        tables.append(rows.assign(outcome=outcome))
    return pd.concat(tables, ignore_index=True)


def two_sided(gain, error, people):
    """p-values of differences `gain` with standard errors `error`: Student's t with people - 1 degrees of freedom.

    1 where neither moves: two models that never differ. nan where nothing can be said: the difference is undefined, or
    it is the same in every resampling, as when a single person shows what it is about.
    """
    gain, error = np.abs(gain), np.asarray(error)
    p = 2 * stats.t.sf(gain / np.where(error > NOTHING, error, np.nan), people - 1)
    return np.where((gain <= NOTHING) & (error <= NOTHING), 1.0, p)


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
    """p-values (m,) corrected for being m (Holm 1979, jstor.org/stable/4615733): those below .05 hold together.

    nan, where nothing could be tested, stays nan and does not count among the m.
    """
    from statsmodels.stats.multitest import multipletests  # not at module level: it takes a second to import

    corrected = np.array(p, float)
    known = np.isfinite(corrected)
    if known.any():
        corrected[known] = multipletests(corrected[known], method="holm")[1]
    return corrected


def mean_over_people(values, subjects, resamples, seed):
    """Mean of one number a clip with its 95 % interval over people: (mean, low, high). Arguments as of `drawn_mean`."""
    mean, drawn = drawn_mean(values, subjects, resamples, seed)
    return mean, *interval(drawn)


def drawn_mean(values, subjects, resamples, seed):
    """Mean of one number a clip, and the same of resampled people: (mean, (B,)).

    values: (n,) float; subjects: (n,) whose clip it is. People are drawn with replacement, with all their clips.
    """
    people = pd.DataFrame({"value": np.asarray(values, float), "who": np.asarray(subjects)}).groupby("who").value
    sums, counts = people.sum().to_numpy(), people.count().to_numpy()
    drawn = np.random.default_rng(seed).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=resamples)
    return sums.sum() / counts.sum(), (drawn @ sums) / (drawn @ counts)
