"""Figures and sentences of the regression discontinuity beside the experiment's answer.

Tables come from `helpers.evaluation.discontinuity`."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from helpers.evaluation import discontinuity
from helpers.show.effect import COLOURS, MARKS

SEEN, UNSEEN = "#222222", "#999999"
NOTHING = 0.01  # recall; less than a clip in a hundred


def compute_answers(runs, treatment, cutoff):
    """Both designs for each classifier and outcome at the headline bandwidth: one row each, with intervals."""
    rows = []
    for learner in sorted(runs.learner.unique()):
        for outcome in discontinuity.OUTCOMES:
            both = discontinuity.measured(runs, learner, treatment, outcome)
            table = discontinuity.bandwidths(both, cutoff, [discontinuity.BANDWIDTH])
            rows.append(table.assign(learner=learner, outcome=outcome))
    table = pd.concat(rows, ignore_index=True)
    return table[
        ["learner", "outcome", "design", "bandwidth", "effect", "lo", "hi", "p", "ratios_left", "ratios_right"]
    ]


def verdict(answers, learner):
    """Sentence on minority recall of one classifier: the jump, the experiment's answer, and whether they agree."""
    mine = answers[(answers.learner == learner) & (answers.outcome == discontinuity.OUTCOMES[0])]
    jump, truth = (mine[mine.design == name].iloc[0] for name in ("discontinuity", "experiment"))
    if not np.isfinite(jump.effect):
        return (
            f"With `{learner}` the discontinuity **cannot be estimated**: within {jump.bandwidth:g} of the cutoff a "
            f"side has fewer than {discontinuity.FEWEST_RATIOS} imbalance ratios."
        )
    if max(abs(jump.effect), abs(truth.effect)) < NOTHING:
        return (
            f"With `{learner}` neither the jump ({jump.effect:+.3f}) nor the experiment ({truth.effect:+.3f}) shows an "
            f"effect of {NOTHING:g} or more on minority recall at the cutoff."
        )
    holds = "contains" if jump.lo <= truth.effect <= jump.hi else "does not contain"
    text = (
        f"With `{learner}` the jump in minority recall at the cutoff is **{jump.effect:+.3f}** ({jump.lo:+.3f} to "
        f"{jump.hi:+.3f}); the experiment's effect at the same place is **{truth.effect:+.3f}** ({truth.lo:+.3f} to "
        f"{truth.hi:+.3f}). The interval of the discontinuity {holds} the experiment's answer"
    )
    width, reference = jump.hi - jump.lo, truth.hi - truth.lo
    ratio = f", and is {width / reference:.1f} times as wide as the experiment's" if reference > 1e-6 else ""
    return text + ratio + "."


def verdict_on_placebos(placebos, bandwidths):
    """Sentence on false cutoffs and on the choice of the bandwidth. Both tables have a column `learner`."""
    placebos = placebos.dropna(subset="effect")
    if placebos.empty:
        return "There are too few imbalance ratios for a placebo cutoff."
    placebos = placebos.assign(size=placebos.effect.abs())
    wrong, largest = placebos[(placebos.lo > 0) | (placebos.hi < 0)], placebos.nlargest(1, "size").iloc[0]
    text = f"At **{len(wrong)} of {len(placebos)}** placebo cutoffs, where nothing changes, the interval excludes zero"
    named = [
        f"`{r.learner}` at {r.cutoff:.2f}, {r.effect:+.3f} ({r.lo:+.3f} to {r.hi:+.3f})" for r in wrong.itertuples()
    ]
    text += f": {'; '.join(named)}" if named else ""
    text += f". The largest false jump is {largest.effect:+.3f} ({largest.lo:+.3f} to {largest.hi:+.3f}). "
    for learner, rows in bandwidths[bandwidths.design == "discontinuity"].dropna(subset="effect").groupby("learner"):
        low, high = rows.bandwidth.min(), rows.bandwidth.max()
        text += (
            f"With `{learner}` the jump lies between {rows.effect.min():+.3f} and {rows.effect.max():+.3f} for "
            f"bandwidths from {low:g} to {high:g}. "
        )
    return text.strip()


def plot_rule(runs, treatment, cutoff, answers):
    """Minority recall by imbalance under the rule (black, with local lines) and the arm that the rule hides (grey).

    A panel a classifier; a dot is the mean over people and repeats at one ratio. Returns a figure.
    """
    learners = sorted(runs.learner.unique())
    figure, grid = plt.subplots(1, len(learners), figsize=(4.8 * len(learners), 3.9), sharey=True, squeeze=False)
    texts = []
    for axes, learner in zip(grid[0], learners, strict=True):
        both = discontinuity.measured(runs, learner, treatment)
        above = both.imbalance > cutoff
        seen, hidden = np.where(above, both.treated, both.untreated), np.where(above, both.untreated, both.treated)
        _means(axes, both, hidden, UNSEEN, "white", "the other arm, hidden by the rule")
        _means(axes, both, seen, SEEN, SEEN, "seen under the rule")
        for side in (both[~above], both[above]):
            _local_line(axes, side, cutoff)
        axes.axvline(cutoff, color="#555555", linestyle=":")
        axes.set(xlabel="imbalance of the training set, 1 − n_min / n_max", ylim=(-0.03, 1.03))
        axes.set_title(learner, fontweight="normal", fontsize=10)
        axes.grid(alpha=0.3)
        mine = answers[(answers.learner == learner) & (answers.outcome == discontinuity.OUTCOMES[0])]
        jump, truth = (mine.loc[mine.design == name, "effect"].iloc[0] for name in ("discontinuity", "experiment"))
        texts.append(f"{learner} {jump:+.2f}, experiment {truth:+.2f}" if np.isfinite(jump) else f"{learner} none")
    grid[0][0].set_ylabel("minority recall of held-out people, 0 to 1")
    figure.legend(*grid[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    figure.suptitle(f"Jump in minority recall at imbalance {cutoff:g}: {'; '.join(texts)}")
    return figure


def _means(axes, rows, values, colour, face, label):
    weights = rows.weight.to_numpy()
    sums = pd.DataFrame({"x": rows.imbalance, "y": values * weights, "w": weights}).groupby("x").sum()
    axes.plot(sums.index, sums.y / sums.w, "o", color=colour, mfc=face, ms=5, label=label)


def _local_line(axes, side, cutoff):
    """The local line of one side, as `discontinuity.jump` fits it: triangular weights within the bandwidth."""
    near = side[(side.imbalance - cutoff).abs() < discontinuity.BANDWIDTH]
    if near.imbalance.nunique() < discontinuity.FEWEST_RATIOS:
        return
    y = np.where(near.imbalance > cutoff, near.treated, near.untreated)
    weights = near.weight * (1 - (near.imbalance - cutoff).abs() / discontinuity.BANDWIDTH)
    slope, level = np.polyfit(near.imbalance - cutoff, y, 1, w=np.sqrt(weights))
    ends = np.array([cutoff, near.imbalance.max() if near.imbalance.max() > cutoff else near.imbalance.min()])
    axes.plot(ends, level + slope * (ends - cutoff), color=SEEN, linewidth=2)


def plot_checks(bandwidths, placebos, cutoff):
    """Left: the jump for each bandwidth beside the experiment's answer. Right: jumps at cutoffs that change nothing.

    Both tables have a column `learner`. Returns a figure.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.9), sharey=True, layout="constrained")
    for k, (learner, rows) in enumerate(bandwidths.dropna(subset="effect").groupby("learner")):
        for j, (design, some) in enumerate(rows.groupby("design")):
            x = some.bandwidth + 0.006 * (2 * k + j - 1.5)
            _bars(left, x, some, learner, f"{learner}, {design}", hollow=design == "experiment")
    for k, (learner, some) in enumerate(placebos.groupby("learner")):
        _bars(right, some.cutoff + 0.006 * (k - 0.5), some, learner, learner)
    right.axvline(cutoff, color="#555555", linestyle=":")
    right.annotate(" the rule's cutoff", (cutoff, 0.98), xycoords=("data", "axes fraction"), fontsize=8.5, va="top")
    low, high = left.get_ylim()  # where nothing jumps, rounding is no picture
    left.set_ylim(min(low, -0.05), max(high, 0.05))
    left.set(xlabel="bandwidth, in units of imbalance", ylabel="jump in minority recall")
    right.set(xlabel="placebo cutoff, imbalance")
    for axes, title in ((left, f"at {cutoff:g}, by bandwidth"), (right, "at cutoffs where nothing changes")):
        axes.axhline(0, color="#222222", linewidth=0.8)
        axes.grid(alpha=0.3)
        axes.set_title(title, fontweight="normal", fontsize=10)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower left", ncols=4)
    jumps = bandwidths[bandwidths.design == "discontinuity"].dropna(subset="effect").groupby("learner").effect
    ranges = [f"{learner} {some.min():+.2f} to {some.max():+.2f}" for learner, some in jumps]
    wrong = int(((placebos.lo > 0) | (placebos.hi < 0)).sum())
    figure.suptitle(
        f"Jumps by bandwidth: {'; '.join(ranges) or 'none'}. Placebos: {wrong} of {len(placebos)} intervals exclude 0"
    )
    return figure


def _bars(axes, x, rows, learner, label, hollow=False):
    colour = COLOURS[learner]
    axes.vlines(x, rows.lo, rows.hi, color=colour, linewidth=1.6, linestyle=":" if hollow else "-")
    axes.plot(x, rows.effect, MARKS[learner], color=colour, mfc="white" if hollow else colour, ms=5, label=label)
