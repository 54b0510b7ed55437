"""What models look at and what is traded for what: coefficients, importance by region, accuracy against fairness and
interpretability. Compute, plot and say for notebook 04."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

from helpers import models
from helpers.evaluation import regions, tradeoff
from helpers.evaluation.predictions import classes_of
from helpers.evaluation.scores import BLIND
from helpers.motion import faces
from helpers.show.comparison import colour, p_value
from helpers.show.plots import QUIET

AXES = {
    "accuracy": ("accuracy", "accuracy, 0 to 1 →"),
    "worst_recall": ("fairness: classes", "lowest recall of a class, 0 to 1 →"),
    "gap": ("fairness: people", "← gap between people beyond luck"),
    "fidelity": ("interpretability", "decisions a linear readout foretells →"),
}


def compute_weights(X, y, profile, seed):
    """Coefficients of `logistic`, fitted on all clips: ((K, 3, H, W), classes). A description, no evaluation.

    X: (n, 1, 3, H, W); y: (n,) classes. Units: log odds a standard deviation of the normalised pixel over clips.
    """
    model = models.build("logistic", profile, seed).fit(X, np.asarray(y, dtype=str))
    weights = model[-1].coef_
    weights = weights if len(weights) > 1 else np.concatenate([-weights, weights])
    return weights.reshape(len(weights), *X.shape[2:]), list(model.classes_)


def plot_weights(weights, classes, boxes):
    """Coefficients on the flow map, a class a column and a channel a row. boxes: of regions.boxes, drawn over them."""
    figure, grid = plt.subplots(3, len(classes), figsize=(1.65 * len(classes) + 1.4, 5.2), squeeze=False)
    top = np.quantile(np.abs(weights), 0.995)
    for channel, (row, label) in enumerate(zip(grid, ("u, right", "v, down", "strain"), strict=True)):
        for axes, picture, name in zip(row, weights[:, channel], classes, strict=True):
            image = axes.imshow(picture, cmap="RdBu_r", vmin=-top, vmax=top)
            for region in faces.REGIONS:
                ys, xs = np.nonzero(boxes[region])
                size = np.ptp(xs) + 1, np.ptp(ys) + 1
                axes.add_patch(Rectangle((xs.min() - 0.5, ys.min() - 0.5), *size, fill=False, linewidth=0.7))
            axes.set(xticks=[], yticks=[])
            if channel == 0:
                axes.set_title(name, loc="center", fontsize=9.5)
        row[0].set_ylabel(label)
    figure.colorbar(image, ax=grid, shrink=0.6, label="log odds a standard deviation")
    inside, area = weight_share(weights, boxes), boxes[regions.BOXES].mean()
    figure.suptitle(f"The boxes are {area:.0%} of the map and hold {inside:.0%} of the weight")
    return figure


def weight_share(weights, boxes):
    """Share of the sum of absolute weights (K, 3, H, W) that lies inside the boxes of the regions."""
    size = np.abs(weights).sum(axis=(0, 1))
    return size[boxes[regions.BOXES]].sum() / size.sum()


def say_where(weights, boxes):
    """Does the weight lie in the boxes more than their area would have it? Words for a sentence."""
    ratio = weight_share(weights, boxes) / boxes[regions.BOXES].mean()
    words = "more at the boxes" if ratio > 1.1 else "more around the boxes"
    return words if not 0.9 <= ratio <= 1.1 else "everywhere about alike"


def plot_importance(table, boxes):
    """Loss of UF1 when a region is averaged away: a panel a region, a row a model, 95 % intervals over people."""
    names = list(dict.fromkeys(table.model))
    figure, grid = plt.subplots(1, len(boxes), figsize=(13, 0.34 * len(names) + 1.6), sharex=True, sharey=True)
    for axes, (region, box) in zip(grid, boxes.items(), strict=True):
        rows = table[table.region == region].set_index("model").loc[names[::-1]].reset_index()
        colours = [colour(name) for name in rows.model]
        axes.hlines(rows.model, rows.lo, rows.hi, colors=colours, linewidth=2)
        axes.scatter(rows.loss, rows.model, color=colours, s=26, zorder=3)
        axes.axvline(0, color=QUIET, linestyle=":", zorder=0)
        axes.set_title(f"{region}\n{box.mean():.0%} of map", loc="center", fontsize=9.5)
        axes.grid(axis="x", alpha=0.3)
    figure.supxlabel("UF1 lost when the region is averaged away, with 95 % interval over people", fontsize=10)
    first = leading(table).value_counts()
    most = f"{first.index[0]} for {first.iloc[0]} of {len(names)} models"
    figure.suptitle(f"{table.task.iloc[0]}: the box that costs most is {most}")
    return figure


def leading(table):
    """Series {model: the box of faces.REGIONS whose loss is largest} of a table of regions.importance."""
    single = table[table.region.isin(list(faces.REGIONS))]
    return single.loc[single.groupby("model").loss.idxmax()].set_index("model").region


def say_importance(table):
    """Sentences on the boxes against the rest of the map, and on which box leads, as the table has it."""
    wide = {column: table.pivot(index="model", columns="region", values=column) for column in ("loss", "lo")}
    names, boxes, rest = list(dict.fromkeys(table.model)), regions.BOXES, regions.ELSEWHERE
    felt = table[table.region.isin(list(faces.REGIONS)) & (table.lo > 0)].groupby("region").size()
    named = ", ".join(f"{region} in {felt.get(region, 0)}" for region in faces.REGIONS)
    more = int((wide["loss"][boxes] > wide["loss"][rest]).sum())
    linear = wide["loss"].loc[names[0]]
    return (
        f"A single box whose loss has an interval above zero: {named} of {len(names)} models. `{names[0]}` loses "
        f"{linear[boxes]:.3f} UF1 without all boxes, {linear[rest]:.3f} without the rest of the map, and "
        f"{linear[regions.EVERYTHING]:.3f} without both; the boxes matter more than the rest to {more} of {len(names)} "
        "models."
    )


def plot_tradeoff(table, task):
    """Accuracy, fairness twice, interpretability: a panel a measure, a row a model. table: of tradeoff.table."""
    rows = table.sort_values("accuracy", ignore_index=True)
    figure, grid = plt.subplots(1, len(AXES), figsize=(12.5, 0.42 * len(rows) + 1.7), sharey=True)
    learned, leaders = rows[~rows.model.isin(BLIND)], []
    for axes, (measure, (title, label)) in zip(grid, AXES.items(), strict=True):
        colours, places = [colour(name) for name in rows.model], np.arange(len(rows))
        axes.hlines(places, rows[f"{measure}_lo"], rows[f"{measure}_hi"], colors=colours, linewidth=2.5)
        axes.scatter(rows[measure], places, color=colours, s=42, zorder=3)
        axes.set_yticks(places, rows.model)
        axes.set_xlabel(label, fontsize=9)
        axes.set_title(title, loc="center")
        axes.grid(axis="x", alpha=0.3)
        if rows[measure].isna().all():
            axes.text(0.5, 0.5, "too few people with\nclips enough", ha="center", transform=axes.transAxes)
        elif measure == "gap":
            axes.axvline(0, color=QUIET, linestyle=":", zorder=0)
        else:
            axes.set_xlim(-0.03, 1.03)
            top = learned.index[learned[measure] == learned[measure].max()]
            leaders.append(set(rows.model[top]))
            axes.scatter(rows[measure][top], top, s=170, facecolors="none", edgecolors="black", zorder=4)
    everywhere = sorted(set.intersection(*leaders))
    told = f"{everywhere[0]} is" if everywhere else "no learner is"
    figure.suptitle(f"{task}: {told} highest in accuracy, worst recall and fidelity at once (circles)")
    return figure


def plot_poster(table, task, names):
    """The poster's figure 6 on unseen people: accuracy and weighted F1 of some models, 95 % intervals over people.

    table: of tradeoff.table, with the majority row; names: the models to show, in their order.
    """
    rows, floor = table.set_index("model").loc[names[::-1]], table.set_index("model").loc["majority"]
    figure, grid = plt.subplots(1, 2, figsize=(8.5, 0.42 * len(names) + 1.4), sharey=True)
    for axes, (measure, label) in zip(grid, (("accuracy", "accuracy"), ("weighted_f1", "weighted F1")), strict=True):
        colours = [colour(name) for name in rows.index]
        axes.hlines(rows.index, rows[f"{measure}_lo"], rows[f"{measure}_hi"], colors=colours, linewidth=2.5)
        axes.scatter(rows[measure], rows.index, color=colours, s=42, zorder=3)
        axes.axvline(floor[measure], color=QUIET, linestyle=":", zorder=0)
        axes.set(xlim=(0, 1), xlabel=f"{label}, 0 to 1")
        axes.grid(axis="x", alpha=0.3)
    figure.supxlabel("dotted: always the commonest class; bars: 95 % interval over people", fontsize=9)
    leads = rows.accuracy.nlargest(2)
    told = f"{leads.index[0]} has the highest accuracy, by {leads.iloc[0] - leads.iloc[1]:.3f}"
    figure.suptitle(f"{task}, the poster's four models: {told}")
    return figure


def say_front(table, predictions):
    """Is there anything to trade? Who is passed by no other learner in UF1, worst recall and fidelity together.

    table: of tradeoff.table; predictions: of the same task, for the classes that count.
    """
    learned, task = table[~table.model.isin(BLIND)], table.task.iloc[0]
    front = [name for name, others in zip(learned.model, learned.beaten_by, strict=True) if not _seen(others)]
    listed = ", ".join(f"`{name}`" for name in front)
    counted = tradeoff.shown_enough(predictions)
    rare = [name for name in classes_of(predictions) if name not in counted]
    left = f" Too few people show {', '.join(rare)} to count for the worst recall." if rare else ""
    if len(front) == 1:
        return (
            f"**{task}**: by the numbers as they stand nothing has to be traded, no other learner passes {listed} in "
            f"any of UF1, worst recall and fidelity.{left}"
        )
    return (
        f"**{task}**: by the numbers as they stand {len(front)} of {len(learned)} learners are matched or passed in "
        f"everything (UF1, worst recall, fidelity) by no other: {listed}.{left}"
    )


def _seen(others):
    return [name for name in others.split(", ") if name and name not in BLIND]


def say_claim(claim, verdict, found, point):
    """One sentence on a claim of an earlier study. verdict, found: of tradeoff.best; point: {model: value}."""
    claimed, measure = found.model.iloc[0], found.measure.iloc[0]
    values = {claimed: point[claimed]} | {name: point[name] for name in found.other}
    ranked = sorted(values, key=values.get, reverse=True)
    rank, leader = ranked.index(claimed) + 1, ranked[0] if ranked[0] != claimed else ranked[1]
    row = found[found.other == leader].iloc[0]
    words = {
        "holds": "**holds here**: it is better than each of the others after correction",
        "contradicted": "**is contradicted here**: after correction some model is better",
        "not shown": "**is not shown here**: after correction it is neither better than all others nor worse than any",
    }[verdict]
    place = "has the highest" if rank == 1 else f"is number {rank} of {len(ranked)} in"
    measured = measure.replace("_f1", " F1")
    return (
        f"*{claim}* {words}. `{claimed}` {place} {measured}, {values[claimed]:.3f}; `{leader}` has "
        f"{values[leader]:.3f} (difference {row.gain:+.3f}, {row.lo:+.3f} to {row.hi:+.3f}, corrected p "
        f"{p_value(row.p_holm)})."
    )
