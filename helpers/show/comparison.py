"""Models side by side: who differs from whom, what tuning chose, what it costs, for whom it works. For notebook 04."""

import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from helpers import models
from helpers.evaluation import compare, scores, tradeoff
from helpers.evaluation.scores import BLIND
from helpers.show.plots import ACCENT, QUIET

LINEAR, OTHER = ACCENT, "#D55E00"  # Okabe & Ito: told apart by all readers


def colour(model):
    """Grey for models that look at nothing, blue for linear ones, vermilion for the others."""
    return QUIET if model in BLIND else LINEAR if model.startswith("logistic") else OTHER


def plot_ties(results, pairs, task):
    """Critical-difference style: UF1 with its interval, sorted, and bars that join models no pair of which differs.

    results: score table; pairs: of compare.pairs over the models to show. Returns a figure.
    """
    names = list(dict.fromkeys([*pairs.model, *pairs.other]))
    rows = pd.DataFrame([scores.row(results, task, name) for name in names]).sort_values("uf1", ignore_index=True)
    order, places = list(rows.model), np.arange(len(rows))
    figure, axes = plt.subplots(figsize=(7.5, 0.42 * len(rows) + 1.4))
    colours = [colour(name) for name in order]
    axes.hlines(places, rows.uf1_lo, rows.uf1_hi, colors=colours, linewidth=2.5)
    axes.scatter(rows.uf1, places, color=colours, s=42, zorder=3)
    edge = rows.uf1_hi.max()
    for number, (first, last) in enumerate(compare.ties(pairs, order)):
        axes.plot([edge + 0.02 * (number + 1)] * 2, [first - 0.15, last + 0.15], color="black", linewidth=4)
    axes.set_yticks(places, order)
    axes.set(xlabel="UF1, 0 to 1, 95 % interval over people; black bar: not told apart")
    axes.grid(axis="x", alpha=0.3)
    apart = (pairs.verdict != "tie").sum()
    told = f"{apart} of {len(pairs)} pairs differ" if apart else f"none of {len(pairs)} pairs differs"
    axes.set_title(f"{task}: after correction {told}")
    return figure


def say_pairs(pairs, what):
    """One sentence on a table of compare.pairs: how many differ after correction, and which most clearly."""
    apart = pairs[pairs.verdict != "tie"]
    task, metric = pairs.task.iloc[0], pairs.metric.iloc[0].upper()
    near = pairs.loc[pairs.p.idxmin()]
    detail = (
        f"the clearest is `{near.model}` {near.verdict} than `{near.other}` by {abs(near.gain):.3f}"
        if len(apart)
        else f"the smallest p-value is that of `{near.model}` against `{near.other}`, {near.gain:+.3f}"
    )
    return (
        f"**{task}**, {what}: of {len(pairs)} differences in {metric}, {len(apart)} "
        f"{'holds' if len(apart) == 1 else 'hold'} after Holm's correction; {detail} "
        f"({near.lo:+.3f} to {near.hi:+.3f}; p {p_value(near.p)}, corrected {p_value(near.p_holm)})."
    )


def p_value(value):
    """A p-value in words for a sentence: three digits, or that it is smaller."""
    return "below 0.001" if value < 0.001 else f"{value:.3f}"


def compute_choices(fits):
    """What inner folds chose: task, model, setting, folds that chose it, and mean inner macro-F1 of the chosen."""
    rows = []
    for fit in fits[fits.model.str.endswith(models.TUNED)].itertuples():
        record = json.loads(fit.recorded)
        chosen = {key.split("__", 1)[1]: value for key, value in record["chosen"].items()}
        setting = ", ".join(f"{key} {value}" for key, value in sorted(chosen.items()))
        rows.append((fit.task, fit.model, setting, record["inner_macro_f1"]))
    table = pd.DataFrame(rows, columns=["task", "model", "setting", "inner"]).groupby(["task", "model", "setting"])
    return table.inner.agg(folds="size", mean_inner_macro_f1="mean").reset_index()


def compute_cost(fits):
    """CPU seconds of fitting (search included) over all folds, milliseconds a clip of predicting, by (task, model)."""
    sums = fits.groupby(["task", "model"])[["fit_s", "predict_s", "test"]].sum()
    cost = {"fit_s_all_folds": sums.fit_s, "predict_ms_a_clip": 1000 * sums.predict_s / sums.test}
    return pd.DataFrame(cost).reset_index()


def plot_people(predictions, task, names):
    """Accuracy of every person with clips enough, by model; a bar each for the best and the worst fifth's mean."""
    rows = predictions[(predictions.task == task) & predictions.model.isin(names)]
    right = rows.assign(right=rows.y_true == rows.y_pred).groupby(["model", "subject"]).right
    shares, sizes = right.mean(), right.size() / rows.groupby("model").seed.nunique()
    figure, axes = plt.subplots(figsize=(7.5, 0.42 * len(names) + 1.4))
    spans = {}
    for place, name in enumerate(reversed(names)):
        own, clips = shares[name], sizes[name]
        own, clips = own[clips >= tradeoff.FEWEST_CLIPS], clips[clips >= tradeoff.FEWEST_CLIPS]
        few, ordered = int(np.ceil(tradeoff.SHARE * len(own))), np.sort(own)
        ends = ordered[:few].mean(), ordered[-few:].mean()
        spans[name] = ends[1] - ends[0]
        axes.scatter(own, np.full(len(own), place), s=5 * clips, color=colour(name), alpha=0.45, linewidth=0)
        axes.plot(ends, (place, place), "|-", color="black", markersize=12, linewidth=0.8)
    axes.set_yticks(range(len(names)), list(reversed(names)))
    axes.set(xlim=(-0.03, 1.03), xlabel="accuracy of one person, 0 to 1; area: their clips; ends: mean of a fifth")
    axes.set_title(f"{task}: worst and best fifth of {len(own)} people are {min(spans.values()):.2f} or more apart")
    return figure
