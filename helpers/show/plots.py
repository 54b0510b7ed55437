"""One look for every figure: style, one palette for emotions, and the plots that more than one notebook draws."""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from helpers.evaluation.scores import BASELINE, BLIND
from helpers.workspace import WorkbookError

# Okabe & Ito's colours (jfly.uni-koeln.de/color) first, then Paul Tol's muted ones; safe for colour-blind readers.
PALETTE = {
    "happiness": "#E69F00", "surprise": "#56B4E9", "disgust": "#009E73", "repression": "#CC79A7", "sadness": "#0072B2",
    "fear": "#222222", "anger": "#D55E00", "contempt": "#882255", "neutral": "#BBBBBB", "others": "#888888",
    "positive": "#DDCC77", "negative": "#AA4499",
}  # fmt: skip
ACCENT, QUIET = "#0072B2", "#888888"
SEQUENTIAL = "cividis"  # for pictures: perceptually uniform and made for colour-blind readers
SHADES = "Blues"  # for cells with numbers in them, which stay readable on every shade
UNITS = {"px": ("px", "1"), "8-bit": ("grey levels", "grey levels")}  # of flow and of strain
STYLE = {
    "figure.dpi": 110, "savefig.dpi": 150, "savefig.bbox": "tight", "figure.constrained_layout.use": True,
    "axes.spines.top": False, "axes.spines.right": False, "axes.titlelocation": "left", "axes.titleweight": "bold",
    "axes.titlesize": 11, "axes.labelsize": 10, "font.size": 9.5, "legend.frameon": False, "axes.axisbelow": True,
}  # fmt: skip


def use_style():
    """Apply the workbook's style to all figures that follow."""
    plt.rcParams.update(STYLE)


def stamp(figure, label):
    """Name the dataset in the figure's lower right corner: a figure that travels alone still says what it shows."""
    figure.text(1, -0.01, label, ha="right", va="top", fontsize=8, color=QUIET, style="italic")


def close(figure):
    """Free a figure that has been shown."""
    plt.close(figure)


def mean_maps(motion, classes):
    """Average u, v and strain map of each class (columns), each clip's median flow taken off first. Returns a figure.

    motion: helpers.motion.flow.Flow; classes: (n,) class of each sample or None.
    """
    centred = motion.values[:, 0].copy()
    centred[:, :2] -= np.median(centred[:, :2], axis=(-2, -1), keepdims=True)  # strain knows no head motion
    names = sorted(set(classes.dropna()), key=list(PALETTE).index)
    means = np.stack([centred[(classes == name).to_numpy()].mean(axis=0) for name in names])
    frequent = [(classes == name).sum() >= 5 for name in names]  # a mean of two clips must not set the scale
    top = np.abs(means[frequent] if any(frequent) else means).max(axis=(0, 2, 3))
    figure, grid = plt.subplots(3, len(names), figsize=(1.65 * len(names) + 0.8, 4.9), squeeze=False)
    for channel, (row, label) in enumerate(zip(grid, ("u, right", "v, down", "strain"), strict=True)):
        signed = {"cmap": "RdBu_r", "vmin": -top[:2].max(), "vmax": top[:2].max()}
        scale = {"cmap": SEQUENTIAL, "vmin": 0, "vmax": top[2]} if label == "strain" else signed
        for axes, picture, name in zip(row, means[:, channel], names, strict=True):
            image = axes.imshow(picture, **scale)
            axes.set(xticks=[], yticks=[])
            if channel == 0:
                axes.set_title(f"{name}\n{(classes == name).sum()} clips", loc="center", fontsize=9.5)
        row[0].set_ylabel(f"{label}\n({UNITS[motion.units][label == 'strain']})")
        figure.colorbar(image, ax=row, shrink=0.8)
    figure.suptitle("Mean motion from onset to apex, by class")
    return figure


def intervals(scores, task, metric="uf1", part="all"):
    """Score and 95 % interval of every model of a task, sorted, with the majority row as the line to beat.

    scores: table of evaluation.scores. Returns a figure. Raises WorkbookError where the score is undefined.
    """
    rows = scores[(scores.task == task) & (scores["slice"] == part)].sort_values(metric)
    if rows[metric].isna().any():
        problem = f"{metric.upper()} of {task} is undefined: a class of the scheme has no clip here"
        raise WorkbookError(problem, remedy="take more clips, or a scheme whose classes are all shown")
    figure, axes = plt.subplots(figsize=(7, 0.42 * len(rows) + 1.3))
    colours = [QUIET if model in BLIND else ACCENT for model in rows.model]
    axes.hlines(rows.model, rows[f"{metric}_lo"], rows[f"{metric}_hi"], colors=colours, linewidth=2.5)
    axes.scatter(rows[metric], rows.model, color=colours, s=42, zorder=3)
    floor = rows.loc[rows.model == BASELINE, metric].iloc[0]
    axes.axvline(floor, color=QUIET, linestyle=":", zorder=0)
    for value, model in zip(rows[metric], rows.model, strict=True):
        axes.annotate(
            f"{value:.3f}",
            (value, model),
            (0, 7),
            textcoords="offset points",
            ha="center",
            fontsize=8.5,
            bbox={"fc": "white", "ec": "none", "pad": 0.5},
        )
    axes.set(xlim=(0, 1), xlabel=f"{metric.upper()}, 0 to 1, with 95 % interval over people")
    axes.grid(axis="x", alpha=0.3)
    axes.margins(y=0.12)
    best = rows.iloc[-1]
    axes.set_title(
        f"{task}: highest is {best.model}, {metric.upper()} {best[metric]:.3f} ({best.n} clips, {best.people} people)"
    )
    return figure


def recalls(scores, task, part="all"):
    """Recall of every class (columns) by every model (rows) as a heat map. Returns a figure."""
    rows = scores[(scores.task == task) & (scores["slice"] == part)].sort_values("uar", ascending=False)
    table = rows.set_index("model").filter(like="recall_").dropna(axis=1, how="all")
    table.columns = [name.removeprefix("recall_") for name in table]
    table = table[sorted(table, key=list(PALETTE).index)]
    figure, axes = plt.subplots(figsize=(max(6.5, 1.15 * table.shape[1] + 2.4), 0.42 * len(table) + 1.3))
    sns.heatmap(
        table, vmin=0, vmax=1, cmap=SHADES, annot=True, fmt=".2f", ax=axes, cbar_kws={"label": "recall, 0 to 1"}
    )
    axes.set(xlabel="true class", ylabel="")
    axes.tick_params(axis="x", rotation=30)
    found = table.drop(index=[*BLIND], errors="ignore").mean()
    least = " and ".join(found.index[found == found.min()])
    axes.set_title(f"{task}: least found on average: {least}")
    return figure


def confusion(counts, classes, title):
    """Confusion matrix: counts written in the cells, colour by the share of the true class. Returns a figure."""
    counts = np.asarray(counts)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 0.75 * len(classes) + 2
    figure, axes = plt.subplots(figsize=(side + 0.8, side - 0.4))
    sns.heatmap(
        share, vmin=0, vmax=1, cmap=SHADES, annot=counts, fmt="g", ax=axes,
        xticklabels=classes, yticklabels=classes, cbar_kws={"label": "share of the true class"},
    )  # fmt: skip
    axes.set(xlabel="predicted class", ylabel="true class", title=title)
    axes.tick_params(axis="x", rotation=30)
    axes.tick_params(axis="y", rotation=0)
    return figure
