"""Figures and sentences of the augmentation experiment: effects with intervals, levels, and what resampling could not
do. Tables come from `helpers.evaluation.effect`."""

import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from helpers.evaluation.effect import OUTCOMES
from helpers.show.plots import ACCENT

ALPHA = 0.05
NO_MINORITY = " No class has fewer clips than an even share, so there is no minority recall to compare."
COLOURS = {"logistic": ACCENT, "svm": "#D55E00"}  # of Okabe & Ito's palette, as everywhere
MARKS = {"logistic": "o", "svm": "s"}
LINES = dict(zip(OUTCOMES, (("#222222", "-"), ("#009E73", "--"), ("#CC79A7", ":")), strict=True))


def compute_notes(fits):
    """What resampling could not do as asked: task, model, class, what, fits. One row each, most frequent first.

    fits: a table with task, model and `recorded`, as cross_predict and experiment return it.
    """
    rows = []
    for fit in fits[fits.recorded != ""].itertuples():
        found = json.loads(fit.recorded).get("notes", [])
        rows += [(fit.task, fit.model, label, what) for label, what in found]
    table = pd.DataFrame(rows, columns=["task", "model", "class", "what"])
    return table.value_counts().rename("fits").reset_index()


def verdict_on_notes(notes, fits):
    """One sentence on it. `notes` of compute_notes(fits)."""
    sampled = fits[fits.model.str.contains("smote")]
    if notes.empty:
        return f"Every class had neighbours enough in all {len(sampled)} fits with SMOTE."
    bent = sum(bool(json.loads(text).get("notes")) for text in sampled.recorded)
    worst = notes.iloc[0]
    plural = "fit" if worst.fits == 1 else "fits"
    return (
        f"In **{bent} of {len(sampled)}** fits with SMOTE a class was too small to do as asked; most often, in "
        f"{worst.fits} {plural} of `{worst.model}`, `{worst['class']}`: {worst.what}."
    )


def plot_effects(table, what, by=None):
    """Dots with 95 % intervals: a column an outcome, a row of panels a value of `by`. Filled: holds after Holm.

    table: of effect.effects or effect.as_they_come. what: whom the title speaks of. Returns a figure.
    """
    parts = [("", table)] if by is None else list(table.groupby(by, sort=False))
    treatments, learners = list(dict.fromkeys(table.treatment))[::-1], list(dict.fromkeys(table.learner))
    size = 10.5, (0.42 * len(treatments) + 0.75) * len(parts) + 1.1
    figure, grid = plt.subplots(len(parts), len(OUTCOMES), figsize=size, sharex=True, sharey=True, squeeze=False)
    for row, (value, part) in zip(grid, parts, strict=True):
        for axes, outcome in zip(row, OUTCOMES, strict=True):
            some = part[part.outcome == outcome]
            for k, learner in enumerate(learners):
                _dots(axes, some[some.learner == learner], treatments, 0.16 - 0.32 * k, learner)
            axes.axvline(0, color="#222222", linewidth=1, linestyle=":", zorder=0)
            axes.set_title(f"{outcome}{', imbalance ' * bool(value)}{value}", fontsize=10, fontweight="normal")
            axes.set_yticks(range(len(treatments)), treatments)
            axes.grid(axis="x", alpha=0.3)
    for axes in grid[-1]:
        axes.set_xlabel("effect, difference of scores")
    handles = [plt.Line2D([], [], color=COLOURS[who], marker=MARKS[who], label=who) for who in learners]
    handles.append(plt.Line2D([], [], color="#555555", marker="o", mfc="white", ls="", label="not after Holm"))
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    figure.suptitle(f"{what}: {(table.p_holm < ALPHA).sum()} of {table.p_holm.count()} effects hold after correction")
    return figure


def _dots(axes, rows, treatments, shift, learner):
    y = np.array([treatments.index(name) for name in rows.treatment]) + shift
    axes.hlines(y, rows.lo, rows.hi, color=COLOURS[learner], linewidth=2)
    holds = rows.p_holm.to_numpy() < ALPHA
    faces = np.where(holds, COLOURS[learner], "#FFFFFF")
    axes.scatter(rows.effect, y, c=faces, edgecolors=COLOURS[learner], marker=MARKS[learner], s=34, zorder=3)


def verdict(table, by=None):
    """Sentences on a table of effects: how many hold after correction, in which direction, and the largest two."""
    held = table[table.p_holm < ALPHA]
    over, tests = table.over.iloc[0], table.p_holm.count()
    even = NO_MINORITY if table.effect[table.outcome == OUTCOMES[1]].isna().all() else ""
    if held.empty:
        return (
            f"Of {tests} effects over `{over}` **none** holds after Holm's correction: these people are too few, "
            f"or the effects too small, to tell them from zero.{even}"
        )
    counts = "; ".join(
        f"{name} {(held[held.outcome == name].effect > 0).sum()} up, {(held[held.outcome == name].effect < 0).sum()} "
        f"down, of {table.p_holm[table.outcome == name].count()}"
        for name in OUTCOMES
    )
    text = f"**{len(held)} of {tests}** effects over `{over}` hold after Holm's correction: {counts}. "
    for name, sign in (("macro-F1", 1), ("macro-F1", -1), ("majority recall", -1)):
        some = held[(held.outcome == name) & (sign * held.effect > 0)]
        if len(some):
            row, word = some.loc[(sign * some.effect).idxmax()], {1: "gain", -1: "loss"}[sign]
            place = f" at imbalance {row[by]}" if by else ""
            text += f"The largest {word} in {name} is that of `{row.learner}+{row.treatment}`{place}: {_number(row)}. "
    return text.strip() + even


def verdict_on_onset(table, treatment):
    """Sentence on where a treatment begins to help macro-F1: at which ratios its interval lies above zero, pointwise.

    table: of effect.effects by imbalance.
    """
    parts = []
    for learner, rows in table[(table.treatment == treatment) & (table.outcome == "macro-F1")].groupby("learner"):
        above = rows[rows.lo > 0].imbalance
        reach = f", from {above.min():.2f} to {above.max():.2f}" if len(above) > 1 else ""
        parts.append(f"at **{len(above)} of {len(rows)}** imbalances with `{learner}`{reach}")
    return f"Taken singly, the interval of `{treatment}`'s effect on macro-F1 lies above zero {'; '.join(parts)}."


def verdict_on_pair(table):
    """One sentence on one treatment against another, for tables of effects with a single treatment."""
    row, held, tests = table.iloc[0], table[table.p_holm < ALPHA], table.p_holm.count()
    some = table[table.outcome == "macro-F1"].effect
    return (
        f"`{row.treatment}` over `{row.over}`: **{len(held)} of {tests}** differences hold after correction, "
        f"{(held.effect > 0).sum()} up and {(held.effect < 0).sum()} down; in macro-F1 all lie between "
        f"{some.min():+.3f} and {some.max():+.3f}."
    )


def _number(row):
    return f"**{row.effect:+.3f}** ({row.lo:+.3f} to {row.hi:+.3f})"


def plot_levels(levels, problem):
    """Scores of the untreated classifiers by imbalance, with 95 % bands: a panel a classifier. Returns a figure.

    levels: of effect.levels, treatment none only. problem: its effect.Problem.
    """
    learners = list(dict.fromkeys(levels.learner))
    figure, grid = plt.subplots(1, len(learners), figsize=(4.6 * len(learners), 3.6), sharey=True, squeeze=False)
    for axes, learner in zip(grid[0], learners, strict=True):
        for name, (colour, line) in LINES.items():
            rows = levels[(levels.learner == learner) & (levels.outcome == name)]
            axes.plot(rows.imbalance, rows.score, color=colour, linestyle=line, marker=".", label=name)
            axes.fill_between(rows.imbalance, rows.lo, rows.hi, color=colour, alpha=0.15, linewidth=0)
        axes.set(xlabel="imbalance of the training set, 1 − n_min / n_max", ylim=(-0.02, 1.02))
        axes.set_title(learner, fontweight="normal", fontsize=10)
        axes.grid(alpha=0.3)
    grid[0][0].set_ylabel("score of held-out people, 0 to 1")
    figure.legend(*grid[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.suptitle(f"Untreated, {problem.minority} among {problem.majority}: {describe_levels(levels)}")
    return figure


def describe_levels(levels):
    """The finding of plot_levels in words: minority recall of logistic regression at both ends."""
    rows = levels[(levels.learner == levels.learner.iloc[0]) & (levels.outcome == "minority recall")]
    first, last = rows.loc[rows.imbalance.idxmin()], rows.loc[rows.imbalance.idxmax()]
    return (
        f"minority recall {first.score:.2f} at imbalance {first.imbalance:.2f}, "
        f"{last.score:.2f} at {last.imbalance:.2f} ({first.learner})"
    )


def plot_by_ratio(table, cutoff):
    """Effect by imbalance: a row an outcome, a column a treatment, both classifiers, the rule's cutoff as a line."""
    treatments = list(dict.fromkeys(table.treatment))
    size = 1.9 * len(treatments) + 1, 6
    figure, grid = plt.subplots(len(OUTCOMES), len(treatments), figsize=size, sharex=True, sharey="row", squeeze=False)
    for row, outcome in zip(grid, OUTCOMES, strict=True):
        for axes, treatment in zip(row, treatments, strict=True):
            some = table[(table.outcome == outcome) & (table.treatment == treatment)]
            for learner, rows in some.groupby("learner"):
                axes.plot(rows.imbalance, rows.effect, color=COLOURS[learner], marker=MARKS[learner], ms=3)
                axes.fill_between(rows.imbalance, rows.lo, rows.hi, color=COLOURS[learner], alpha=0.2, linewidth=0)
            axes.axhline(0, color="#222222", linewidth=0.8)
            axes.axvline(cutoff, color="#555555", linestyle=":", linewidth=1)
            axes.grid(alpha=0.3)
        row[0].set_ylabel(f"effect on\n{outcome}")
    for axes, treatment in zip(grid[0], treatments, strict=True):
        axes.set_title(treatment, fontweight="normal", fontsize=10)
    figure.supxlabel(f"imbalance of the training set, 1 − n_min / n_max (dotted: the rule's {cutoff:g})", fontsize=10)
    handles = [plt.Line2D([], [], color=COLOURS[who], marker=MARKS[who], label=who) for who in table.learner.unique()]
    figure.legend(handles=handles, loc="outside upper right", ncols=2)
    top = table[table.outcome == "macro-F1"].nlargest(1, "effect").iloc[0]
    figure.suptitle(
        f"Macro-F1 gains most, {top.effect:+.2f}, from {top.learner}+{top.treatment} at imbalance {top.imbalance:.2f}"
    )
    return figure
