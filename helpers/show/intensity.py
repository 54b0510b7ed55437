"""Regressors of intensity side by side: scores, losses, reliability, groups, apexes. For notebook 05."""

import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

from helpers.evaluation import agreement, scores
from helpers.evaluation.intensity import SHUFFLED
from helpers.models import intensity as models
from helpers.show import hybrid, plots
from helpers.show.comparison import OTHER
from helpers.show.plots import ACCENT, PALETTE, QUIET

NAMES = {
    "spearman": "Spearman", "ccc": "CCC", "mae": "mean absolute error", "rmse": "RMSE", "pearson": "Pearson",
    "icc": "ICC(3,1)", "r2": "R\u00b2",
}  # fmt: skip


def colour(model):
    """Grey for what sees no map or maps out of order, blue for baselines on flow, vermilion for networks."""
    if model in ("constant", "frame_index", "position", SHUFFLED, agreement.OTHERS):
        return QUIET
    return ACCENT if model in models.BASELINES else OTHER


def compute_windows(windows, clips):
    """What the windows of these clips are, a row a fact: steps, reach around onset and apex in milliseconds, gaps."""
    before, after = 1000 * windows.onset, 1000 * (windows.end - windows.apex)
    facts = {
        "clips": len(windows), "clips left out": len(clips.left_out), "from step to step, ms": 1000 * clips.step_s,
        "steps of a clip, fewest": windows.steps.min(),
        "steps, median": windows.steps.median(), "steps, most": windows.steps.max(),
        "begins before the onset, ms, mean": before.mean(), "before the onset, ms, most": before.max(),
        "ends after the apex, ms, mean": after.mean(), "after the apex, ms, most": after.max(),
        "windows that end before the offset": (windows.end < windows.offset).sum(),
        "missing frames": windows.missing.sum(), "clips with missing frames": (windows.missing > 0).sum(),
    }  # fmt: skip
    return pd.DataFrame({"value": pd.Series(facts, dtype=float).round(1)}).rename_axis("of the windows")


def compute_scores(scored, task, names=None):
    """The table of models: each score with its interval as text, highest CCC first. names: of models, default all."""
    rows = scored[(scored.task == task) & scored.model.isin(scored.model if names is None else names)]
    rows = rows.sort_values("ccc", ascending=False)
    table = rows[["model", "n", "frames", "people", "seeds"]].reset_index(drop=True)
    for metric in ("spearman", "ccc", "icc", "pearson", "mae", "rmse", "r2"):
        ends = zip(rows[metric], rows[f"{metric}_lo"], rows[f"{metric}_hi"], strict=True)
        table[NAMES[metric]] = [f"{value:.3f} ({low:.3f} to {high:.3f})" for value, low, high in ends]
    return table


def compute_learning(fits):
    """A row a task and network: fits, how many beat the best constant on their own clips, parameters, CPU seconds."""
    records = [json.loads(text or "{}") for text in fits.recorded]
    facts = [{key: record.get(key) for key in ("parameters", "final_loss", "prior_loss")} for record in records]
    own = pd.concat([fits[["task", "model", "fit_s"]].reset_index(drop=True), pd.DataFrame(facts)], axis=1)
    own["beats_prior"] = [bool(record.get("beats_prior")) for record in records]
    groups = own[own.parameters.notna()].groupby(["task", "model"], sort=False)
    return groups.agg(
        parameters=("parameters", "max"), fits=("fit_s", "size"), beat_prior=("beats_prior", "sum"),
        final_loss=("final_loss", "mean"), prior_loss=("prior_loss", "mean"), cpu_s=("fit_s", "sum"),
    ).reset_index()  # fmt: skip


def plot_scores(scored, task, names, metrics=("spearman", "ccc"), title=None):
    """Scores of models with 95 % intervals, a panel a metric; the dotted line is the best baseline of that panel."""
    rows = scored[(scored.task == task) & scored.model.isin(names)].sort_values("ccc", ignore_index=True)
    figure, grid = plt.subplots(1, len(metrics), figsize=(11, 0.36 * len(rows) + 1.5), sharey=True)
    for axes, metric in zip(grid, metrics, strict=True):
        colours = [colour(model) for model in rows.model]
        axes.hlines(rows.index, rows[f"{metric}_lo"], rows[f"{metric}_hi"], colors=colours, linewidth=2.5)
        axes.scatter(rows[metric], rows.index, color=colours, s=42, zorder=3)
        for value, place in zip(rows[metric], rows.index, strict=True):
            box = {"fc": "white", "ec": "none", "pad": 0.4}
            axes.annotate(f"{value:.3f}", (value, place), (0, 6), textcoords="offset points", ha="center", fontsize=8,
                          bbox=box)  # fmt: skip
        floor = rows.loc[rows.model.isin(models.BASELINES), metric]
        if len(floor):
            best = floor.min() if metric in agreement.ERRORS else floor.max()
            axes.axvline(best, color=QUIET, linestyle=":", zorder=0)
        less = ", less is better" if metric in agreement.ERRORS else ""
        axes.set_xlabel(f"{NAMES[metric]}{less}; 95 % interval over people")
        axes.grid(axis="x", alpha=0.3)
        axes.margins(y=0.1)
    grid[0].set_yticks(rows.index, rows.model)
    best = rows.iloc[-1]
    figure.suptitle(
        title or f"{task}: {best.model} agrees best, CCC {best.ccc:.3f} ({best.n} clips, {best.people} people)"
    )
    return figure


def plot_gains(gains, title):
    """Paired gains in order and agreement, a panel a reference. gains: tables of `agreement.gains`."""
    panels = {}
    for table in gains:
        rows = table[table.metric.isin(("spearman", "ccc"))].sort_values(["model", "metric"])
        panels[f"over {rows.reference.iloc[0]}"] = rows.assign(change=rows.model + ", " + rows.metric.map(NAMES))
    return hybrid.plot_gains(panels, title)


def plot_levels(graded, task):
    """UF1 of predictions as levels, of all frames. graded: score table of `evaluation.intensity.as_levels`."""
    figure, best = plots.intervals(graded, task), scores.best(graded, task)
    title = f"{task}: highest is {best.model}, UF1 {best.uf1:.3f} ({best.n} frames, {best.people} people)"
    figure.axes[0].set_title(title)
    return figure


def plot_reliability(table, task):
    """Mean label against mean prediction of equally many frames, a line a model, intervals over people."""
    figure, axes = plt.subplots(figsize=(5.6, 4.8))
    axes.plot([0, 1], [0, 1], color=QUIET, linestyle=":", zorder=0)
    styles = zip(table.groupby("model"), (OTHER, ACCENT, PALETTE["disgust"], QUIET), strict=False)
    off = {}
    for (model, rows), shade in styles:
        spread = np.abs([rows.true - rows.true_lo, rows.true_hi - rows.true])
        axes.errorbar(rows.predicted, rows.true, yerr=spread, color=shade, marker="o", markersize=4, label=model, lw=1)
        off[model] = np.average((rows.predicted - rows.true).abs(), weights=rows.frames)
    axes.set(xlabel="predicted intensity, mean of a bin", ylabel="label, mean of the bin", xlim=(0, 1), ylim=(0, 1))
    axes.legend(loc="upper left")
    told = ", ".join(f"{model} by {value:.3f}" for model, value in off.items())
    axes.set_title(f"{task}: off the diagonal\n{told}", fontsize=10)
    return figure


def plot_groups(emotions, people, model, other):
    """Mean absolute error by emotion and by person of a model beside another. Tables of `agreement.by`."""
    figure, grid = plt.subplots(1, 2, figsize=(11, 3.4))
    for axes, table, column in zip(grid, (emotions, people), ("emotion", "subject"), strict=True):
        wide = table.pivot(index=column, columns="model", values="mae").sort_values(model)
        clips = table[table.model == model].set_index(column).n
        places = np.arange(len(wide))
        axes.hlines(places, wide[model], wide[other], color="#cccccc", zorder=0)
        axes.scatter(wide[model], places, color=OTHER, s=36, label=model)
        axes.scatter(wide[other], places, color=ACCENT, s=30, marker="D", label=other)
        axes.set_yticks(places, [f"{str(name).split('/')[-1]} ({clips[name]})" for name in wide.index])
        axes.set(xlabel="mean absolute error, less is better; number: clips", xlim=(0, None))
        axes.grid(axis="x", alpha=0.3)
    grid[0].legend(loc="upper left", fontsize=8.5)
    own = emotions[emotions.model == model].set_index("emotion")
    ends = [own.loc[emotion] for emotion in (own.mae.idxmin(), own.mae.idxmax())]
    least, most = (f"{row.name} ({row.mae:.3f}, {row.n:.0f} clips)" for row in ends)
    figure.suptitle(f"{model} errs least on {least}, most on {most}")
    return figure


def plot_apexes(peaks, errors, model):
    """True against predicted strength of each apex by a model, a panel a kind of label; and errors of all models.

    peaks, errors: of `evaluation.intensity.peaks` and `apexes`.
    """
    learned = [name for name in peaks.model.unique() if name.startswith(f"{model} (")]
    figure, grid = plt.subplots(
        1, len(learned) + 1, figsize=(3.2 * len(learned) + 5, 4), width_ratios=[1] * len(learned) + [1.2]
    )
    for axes, name in zip(grid, learned, strict=False):
        own = peaks[peaks.model == name]
        axes.plot([0, 1], [0, 1], color=QUIET, linestyle=":", zorder=0)
        axes.scatter(own.y_true, own.y_pred, s=14, color=OTHER, alpha=0.6, linewidth=0)
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="true strength of the apex", ylabel="highest prediction")
        axes.set_title(name, fontsize=9.5, fontweight="normal")
    axes, rows = grid[-1], errors.sort_values("strength_mae", ascending=False, ignore_index=True)
    shades = [colour(name.split(" (")[0]) for name in rows.model]
    axes.hlines(rows.index, rows.strength_mae_lo, rows.strength_mae_hi, colors=shades, linewidth=2.5)
    axes.scatter(rows.strength_mae, rows.index, color=shades, s=30, zorder=3)
    axes.set_yticks(rows.index, rows.model, fontsize=8)
    axes.set(xlabel="mean absolute error of the strength", xlim=(0, None))
    axes.grid(axis="x", alpha=0.3)
    best = rows.iloc[-1]
    figure.suptitle(f"How strong was the apex? {best.model} comes nearest, {best.strength_mae:.2f} off on average")
    return figure


def plot_ranking(scored, tasks, names):
    """CCC of the same models under two kinds of label, a line a model."""
    wide = scored[scored.model.isin(names)].pivot(index="model", columns="task", values="ccc")[list(tasks)]
    figure, axes = plt.subplots(figsize=(7, 4.2))
    left, right = _apart(wide[tasks[0]]), _apart(wide[tasks[1]])
    for model, (first, second) in wide.iterrows():
        axes.plot([0, 1], [first, second], color=colour(model), marker="o")
        axes.text(-0.05, left[model], f"{model} {first:.2f}", ha="right", va="center", fontsize=8.5)
        axes.text(1.05, right[model], f"{second:.2f} {model}", ha="left", va="center", fontsize=8.5)
    heights = [*left.values(), *right.values()]
    room = 0.04 * np.ptp(heights)
    limits = min(heights) - room, max(heights) + room
    axes.set(xticks=[0, 1], xticklabels=tasks, xlim=(-1.1, 2.1), ylim=limits, ylabel="CCC")
    sns.despine(ax=axes, bottom=True)
    figure.suptitle(f"First on {tasks[0]}: {wide[tasks[0]].idxmax()}; on {tasks[1]}: {wide[tasks[1]].idxmax()}")
    return figure


def _apart(values, least=0.05):
    """{name: height of its label}: near its value, and so far from the others that all can be read. values: Series."""
    ordered = values.sort_values()
    heights, step = ordered.to_numpy(copy=True), least * np.ptp(ordered)
    for _ in range(200):
        push = np.maximum(step - np.diff(heights), 0) / 2
        heights[:-1] -= push
        heights[1:] += push
    return dict(zip(ordered.index, heights, strict=True))
