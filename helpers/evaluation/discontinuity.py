"""Regression discontinuity (Imbens & Lemieux 2008, doi:10.1016/j.jeconom.2007.05.001) on runs of the experiment.

The rule: augment when the imbalance exceeds a cutoff. Under the rule each run is seen in one arm only, untreated up to
the cutoff and treated above. The jump of two local lines at the cutoff estimates the effect there, if nothing else
jumps. Here both arms were run everywhere, so the estimate can be held against what it estimates.
"""

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.regression.linear_model import WLS

from helpers.evaluation import compare
from helpers.evaluation.scores import LEVEL

BANDWIDTHS = (0.1, 0.15, 0.2, 0.25, 0.3)
BANDWIDTH = 0.2  # of the headline; chosen before any run was looked at
FEWEST_RATIOS = 2  # on either side: a line needs two points
OUTCOMES = ("minority recall", "balanced accuracy")  # means over clips, so sums over people; macro-F1 is not
EMPTY = {"effect": np.nan, "lo": np.nan, "hi": np.nan, "p": np.nan}


def measured(runs, learner, treatment, outcome=OUTCOMES[0]):
    """Both arms side by side: one row a (imbalance, repeat, person, class) with `treated`, `untreated` and `weight`.

    A row's outcome is the share of the person's clips of a class that were right, its weight their number, scaled so
    that each class weighs the same: weighted means over people are recall, and over both classes balanced accuracy.
    """
    key, parts = ["imbalance", "repeat", "subject"], []
    for name in ("minority",) if outcome == OUTCOMES[0] else ("minority", "majority"):
        of = {}
        for arm in ("none", treatment):
            rows = runs[(runs.learner == learner) & (runs.treatment == arm) & (runs[f"{name}_clips"] > 0)]
            of[arm] = rows.set_index(key)[[f"{name}_right", f"{name}_clips"]].sort_index()
        clips = of["none"][f"{name}_clips"]
        shares = {
            "untreated": of["none"][f"{name}_right"] / clips,
            "treated": of[treatment][f"{name}_right"] / of[treatment][f"{name}_clips"],
        }
        parts.append(pd.DataFrame(shares | {"weight": clips / clips.sum(), "class": name}).reset_index())
    return pd.concat(parts, ignore_index=True)


def under_rule(rows, cutoff):
    """What somebody who follows the rule would have seen: rows with `y`, one arm each."""
    return rows.assign(y=np.where(rows.imbalance > cutoff, rows.treated, rows.untreated))


def jump(rows, cutoff, bandwidth, column="y"):
    """Jump of `column` at the cutoff: local-linear on both sides, triangular weights, errors clustered by person.

    rows: imbalance, subject, weight and the column. Returns effect, lo, hi, p (Student's t, clusters - 1 degrees of
    freedom), ratios_left, ratios_right, people. All nan where a side has fewer than FEWEST_RATIOS different ratios.
    """
    near, x = _near(rows, cutoff, bandwidth)
    right = (x > 0).astype(float)
    ratios = {f"ratios_{side}": near.imbalance[right == k].nunique() for side, k in (("left", 0), ("right", 1))}
    ratios["people"] = near.subject.nunique()
    if min(ratios["ratios_left"], ratios["ratios_right"]) < FEWEST_RATIOS or ratios["people"] < 2:
        return EMPTY | ratios
    return _line(near, np.column_stack([right, np.ones(len(x)), x, right * x]), x, bandwidth, column) | ratios


def both_arms(rows, cutoff, bandwidth):
    """The experiment's answer to the same question: the local line of treated - untreated, at the cutoff."""
    near, x = _near(rows.assign(gap=rows.treated - rows.untreated), cutoff, bandwidth)
    if near.imbalance.nunique() < FEWEST_RATIOS or near.subject.nunique() < 2:
        return EMPTY
    return _line(near, np.column_stack([np.ones(len(x)), x]), x, bandwidth, "gap")


def _near(rows, cutoff, bandwidth):
    near = rows[(rows.imbalance - cutoff).abs() < bandwidth]
    return near, near.imbalance.to_numpy() - cutoff


def _line(near, design, x, bandwidth, column):
    """First coefficient of a weighted regression with its clustered interval."""
    weights = near.weight.to_numpy() * (1 - np.abs(x) / bandwidth)
    _, people = np.unique(near.subject, return_inverse=True)
    fit = WLS(near[column].to_numpy(float), design, weights=weights).fit(
        cov_type="cluster", cov_kwds={"groups": people}
    )
    effect, clusters = float(fit.params[0]), people.max() + 1
    error = np.sqrt(max(fit.cov_params()[0, 0], 0))  # where nobody's outcome varies, rounding can end below 0
    p = float(compare.two_sided(effect, error, clusters))
    reach = stats.t.ppf((1 + LEVEL) / 2, clusters - 1) * error if np.isfinite(p) else np.nan
    return {"effect": effect, "lo": effect - reach, "hi": effect + reach, "p": p}


def bandwidths(rows, cutoff, given=BANDWIDTHS):
    """The jump under the rule, and the experiment's answer, for each bandwidth: `design` says which is which."""
    seen, table = under_rule(rows, cutoff), []
    for bandwidth in given:
        table.append({"bandwidth": bandwidth, "design": "discontinuity"} | jump(seen, cutoff, bandwidth))
        table.append({"bandwidth": bandwidth, "design": "experiment"} | both_arms(rows, cutoff, bandwidth))
    return pd.DataFrame(table)


def placebos(rows, cutoff, bandwidth=BANDWIDTH):
    """Jumps at cutoffs where the rule changes nothing: rows of one side of the real cutoff only, so one arm only.

    A placebo cutoff lies half-way between neighbouring ratios that have FEWEST_RATIOS ratios beside each within the
    bandwidth. Every jump found there is an error of the method: the truth is 0, but for the bend of the curve.
    """
    seen, table = under_rule(rows, cutoff), []
    for arm, part in (("untreated", seen[seen.imbalance <= cutoff]), ("treated", seen[seen.imbalance > cutoff])):
        ratios = np.sort(part.imbalance.unique())
        for place in (ratios[1:] + ratios[:-1]) / 2:
            found = jump(part, place, bandwidth)
            if np.isfinite(found["effect"]):
                table.append({"cutoff": place, "arm": arm} | found)
    return pd.DataFrame(table, columns=["cutoff", "arm", *EMPTY, "ratios_left", "ratios_right", "people"])
