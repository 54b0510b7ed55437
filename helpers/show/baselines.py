"""Figures of the classical baselines: tables come from `helpers.evaluation.baselines` and `changes`."""

import matplotlib.pyplot as plt
import numpy as np

from helpers.evaluation.baselines import STEPS
from helpers.evaluation.changes import OVERALL
from helpers.evaluation.scores import BASELINE
from helpers.models import cnn_lstm
from helpers.show.plots import PALETTE, QUIET

ALPHA = 0.05
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#222222")  # Okabe & Ito
MARKS = {"logistic": "o", "svm": "s", "cnn_lstm": "D"}
SHOWN = {"+none": "baseline", "+pca+none": "PCA", "+smote": "SMOTE", "+pca+smote": "PCA and SMOTE"}


def plot_distribution(part):
    """Share of each class on each side of the split, counts written beside the bars (source 002's figure 4)."""
    counts = part.counts.loc[[name for name in PALETTE if name in part.counts.index]]
    sides = [name for name in ("train", "test", "clips") if name in counts]
    figure, grid = plt.subplots(1, len(sides), figsize=(4.6 * len(sides) + 1, 0.36 * len(counts) + 1.4), sharey=True)
    for axes, side in zip(np.atleast_1d(grid), sides, strict=True):
        share = counts[side] / counts[side].sum()
        axes.barh(counts.index, share, color=[PALETTE[name] for name in counts.index])
        for name, value in share.items():
            axes.annotate(
                f"{counts.loc[name, side]}", (value, name), (4, 0), textcoords="offset points", va="center", fontsize=9
            )
        axes.set_title(f"{side}: {counts[side].sum()}", fontweight="normal")
        axes.set_xlim(0, 1.15 * (counts[sides] / counts[sides].sum()).max().max())
        axes.set_xlabel("share of the side, 0 to 1")
        axes.grid(axis="x", alpha=0.3)
    np.atleast_1d(grid)[0].invert_yaxis()
    figure.suptitle(f"{part.label}: {describe_distribution(part)}")
    return figure


def describe_distribution(part):
    """The finding of plot_distribution: the largest and smallest class, and classes that are never trained on."""
    side = "train" if "train" in part.counts else "clips"
    some = part.counts[side].sort_values()
    absent, some = list(some.index[some == 0]), some[some > 0]
    text = f"{some.index[-1]} {some.iloc[-1]}, {some.index[0]} {some.iloc[0]} to train on"
    return text + (f", {', '.join(absent)} none" if absent else "")


def plot_factorial(scores, task, label):
    """Macro-F1 of all combinations with 95 % intervals: a panel a feature, both classifiers, majority as a line."""
    rows = scores[(scores.task == task) & (scores["slice"] == "all")].set_index("model")
    features = sorted({name.split(":")[0] for name in rows.index if ":" in name})
    size = 2.7 * len(features) + 1.4, 3.7
    figure, grid = plt.subplots(1, len(features), figsize=size, sharey=True, sharex=True, squeeze=False)
    for axes, feature in zip(grid[0], features, strict=True):
        for k, learner in enumerate(("logistic", "svm")):
            for y, step in enumerate(STEPS):
                name = f"{feature}:{learner}{step}"
                if name in rows.index:
                    _dot(axes, rows.loc[name, ["uf1", "uf1_lo", "uf1_hi"]], y + 0.3 * k - 0.15, COLOURS[k], learner)
        axes.axvline(rows.uf1[BASELINE], color=QUIET, linestyle=":")
        axes.set_title(feature, fontweight="normal", fontsize=10)
        axes.grid(axis="x", alpha=0.3)
    grid[0][0].set_yticks(range(len(STEPS)), [step.removeprefix("+") for step in STEPS])
    grid[0][0].invert_yaxis()
    figure.supxlabel("macro-F1, 0 to 1, with 95 % interval; dotted: majority", fontsize=10)
    _legend(figure, {"logistic": COLOURS[0], "svm": COLOURS[1]}, {})
    best = rows[rows.index != BASELINE].nlargest(1, "uf1").iloc[0]
    figure.suptitle(f"{label}: {best.name} is highest, {best.uf1:.2f}")
    return figure


def plot_changes(table, label):
    """Effects of single changes with 95 % intervals: a panel an outcome, a row a change, a colour a feature.

    table: of changes.effects. Filled: holds after Holm's correction. Returns a figure.
    """
    changes, features = list(dict.fromkeys(table.change)), list(dict.fromkeys(table.feature))
    outcomes = [name for name in OVERALL if name in set(table.outcome)]
    combinations = list(dict.fromkeys(zip(table.feature, table.learner, strict=True)))
    size = 10.5, (0.35 + 0.07 * len(combinations)) * len(changes) + 1.6
    figure, grid = plt.subplots(1, len(outcomes), figsize=size, sharey=True, squeeze=False)
    shifts = np.linspace(-0.36, 0.36, len(combinations)) if len(combinations) > 1 else [0]
    for axes, outcome in zip(grid[0], outcomes, strict=True):
        for (feature, learner), shift in zip(combinations, shifts, strict=True):
            some = table[(table.feature == feature) & (table.learner == learner) & (table.outcome == outcome)]
            for row in some.itertuples():
                colour = COLOURS[features.index(feature)]
                ends, y = (row.gain, row.lo, row.hi), changes.index(row.change) + shift
                _dot(axes, ends, y, colour, learner, filled=row.p_holm < ALPHA)
        for edge in range(1, len(changes)):
            axes.axhline(edge - 0.5, color=QUIET, linewidth=0.4)
        axes.axvline(0, color="#222222", linewidth=1, linestyle=":", zorder=0)
        axes.set_title(outcome, fontweight="normal", fontsize=10)
        axes.set_xlabel("difference of scores")
        axes.locator_params(axis="x", nbins=5)
        axes.grid(axis="x", alpha=0.3)
    grid[0][0].set_yticks(range(len(changes)), changes)
    grid[0][0].invert_yaxis()
    if len(combinations) > 1:
        marks = {who: MARKS[who] for who in dict.fromkeys(table.learner)}
        _legend(figure, dict(zip(features, COLOURS, strict=False)), marks)
    figure.suptitle(f"{label}: {(table.p_holm < ALPHA).sum()} of {len(table)} effects hold after correction (filled)")
    return figure


def plot_augmentation(table, feature, label):
    """Recall and F1 of each class: baseline, PCA, SMOTE and both, with 95 % intervals (source 002's comparison).

    table: of changes.by_class. A row of panels a classifier. Returns a figure.
    """
    classes = [name for name in PALETTE if name in set(table["class"])]
    figure, grid = plt.subplots(2, 2, figsize=(10.5, 6), sharex=True, sharey=True)
    for row, learner in zip(grid, ("logistic", "svm"), strict=True):
        for axes, what in zip(row, ("recall", "f1"), strict=True):
            for k, step in enumerate(SHOWN):
                some = table[table.model == f"{feature}:{learner}{step}"].set_index("class").loc[classes]
                x = np.arange(len(classes)) + 0.2 * k - 0.3
                axes.vlines(x, some[f"{what}_lo"], some[f"{what}_hi"], color=COLOURS[k], linewidth=2)
                axes.scatter(x, some[what], color=COLOURS[k], s=22, zorder=3)
            axes.set(ylim=(-0.03, 1.03), title="")
            axes.set_title(f"{learner}: {'recall' if what == 'recall' else 'F1'}", fontweight="normal", fontsize=10)
            axes.grid(axis="y", alpha=0.3)
    for axes in grid[1]:
        axes.set_xticks(range(len(classes)), classes, rotation=30)
    grid[0][0].set_ylabel("score, 0 to 1")
    grid[1][0].set_ylabel("score, 0 to 1")
    _legend(figure, dict(zip(SHOWN.values(), COLOURS, strict=False)), {})
    figure.suptitle(f"{label}, {feature}: {describe_augmentation(table, feature)}")
    return figure


def describe_augmentation(table, feature):
    """The finding of plot_augmentation: in how many classes SMOTE alone raises recall, by chance or not."""
    found = []
    for learner in ("logistic", "svm"):
        plain, smote = (
            table[table.model == f"{feature}:{learner}{step}"].set_index("class").recall for step in ("+none", "+smote")
        )
        found.append(f"{(smote > plain).sum()} of {len(plain)} classes ({learner})")
    return f"SMOTE alone has higher recall in {', '.join(found)}"


def plot_network(table, label):
    """Recall of each class by the network with each treatment, 95 % intervals. table: of changes.by_class."""
    classes = [name for name in PALETTE if name in set(table["class"])]
    there = dict.fromkeys([*cnn_lstm.names(), *table.model])
    models = [name for name in there if name in set(table.model) - {BASELINE}]
    figure, axes = plt.subplots(figsize=(10.5, 4))
    for k, model in enumerate(models):
        some = table[table.model == model].set_index("class").loc[classes]
        x = np.arange(len(classes)) + 0.8 * (k + 0.5) / len(models) - 0.4
        axes.vlines(x, some.recall_lo, some.recall_hi, color=COLOURS[k], linewidth=2)
        axes.scatter(x, some.recall, color=COLOURS[k], s=24, zorder=3)
    scored = table.drop_duplicates("class").set_index("class").scored
    axes.set_xticks(range(len(classes)), [f"{name}\n{scored[name]} scored" for name in classes])
    axes.set(ylim=(-0.03, 1.03), ylabel="recall, 0 to 1")
    axes.grid(axis="y", alpha=0.3)
    _legend(figure, dict(zip(models, COLOURS, strict=False)), {})
    mean = table[(table.scored > 0) & (table.model != BASELINE)].groupby("model").recall.mean().sort_values()
    figure.suptitle(f"{label}: mean recall {mean.iloc[-1]:.2f} at best ({mean.index[-1]})")
    return figure


def _dot(axes, ends, y, colour, learner, filled=True):
    value, low, high = ends
    axes.hlines(y, low, high, color=colour, linewidth=1.6)
    axes.scatter(value, y, c=colour if filled else "#FFFFFF", edgecolors=colour, marker=MARKS[learner], s=24, zorder=3)


def _legend(figure, colours, marks):
    handles = [plt.Line2D([], [], color=colour, lw=3, label=name) for name, colour in colours.items()]
    grey = {"color": "#555555", "ls": "", "mfc": "white"}
    handles += [plt.Line2D([], [], marker=mark, label=who, **grey) for who, mark in marks.items() if who not in colours]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 4))
