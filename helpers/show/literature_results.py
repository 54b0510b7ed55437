"""Figures of the literature map: what was studied with what, and what papers report, beside what is honest."""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from helpers.show.literature import COLOURS, label, nothing
from helpers.show.plots import ACCENT, PALETTE, QUIET, SHADES

SURE = 0.05  # of the pairs called gaps, the share that may be none
LEAKS = {"yes": (PALETTE["anger"], "X"), "not seen": (QUIET, "o"), "not found": (ACCENT, "s")}
MEANINGS = {
    "yes": "public code chooses on the held-out person",
    "not seen": "training code not read",
    "not found": "no leak found",
}


def plot_matrix(counts):
    """Papers by dataset (rows) and method family (columns); empty cells are 0. Returns a figure."""
    if not counts.size:
        return nothing("no paper names a dataset and a kind of method")
    figure, axes = plt.subplots(figsize=(0.85 * counts.shape[1] + 3, 0.42 * len(counts) + 1.5))
    sns.heatmap(
        counts, annot=counts.astype(str).replace("0", "·"), fmt="", cmap=SHADES, ax=axes, cbar_kws={"label": "papers"}
    )
    axes.set(xlabel="method family", ylabel="")
    axes.tick_params(axis="x", rotation=30)
    empty, first = (counts == 0).to_numpy().mean(), counts.iloc[0].sum() / counts.to_numpy().sum()
    axes.set_title(f"{counts.index[0]} carries {first:.0%} of the entries; {empty:.0%} of the cells are empty")
    return figure


def plot_gaps(gaps, shown=14):
    """Pairs of topics that meet less often than by chance: papers found (dot) and expected (ring). Returns a figure.

    The likeliest gaps, by p. A dot has colour where q, which counts how many pairs were tested, is below `SURE`.
    """
    if not len(gaps):
        return nothing("no pair of topics meets less often than by chance")
    sure = gaps.q < SURE
    rows = gaps.assign(colour=np.where(sure, ACCENT, QUIET)).nsmallest(shown, "p")[::-1]
    names = [f"{row.term} × {row.other}" for row in rows.itertuples()]
    figure, axes = plt.subplots(figsize=(9, 0.3 * len(rows) + 1.4))
    axes.hlines(names, rows.papers, rows.expected, color="#B9C0C8", linewidth=2)
    axes.scatter(
        rows.expected,
        names,
        s=46,
        facecolors="white",
        edgecolors=QUIET,
        linewidths=1.5,
        label="expected by chance",
        zorder=2,
    )
    for colour, meaning in ((ACCENT, f"found, too few for chance (q < {SURE})"), (QUIET, "found, may be chance")):
        own = (rows.colour == colour).to_numpy()
        axes.scatter(rows.papers[own], np.array(names)[own], s=46, color=colour, label=meaning, zorder=3)
    axes.set(xlabel="papers with both topics", xlim=(-0.5, None))
    axes.legend(loc="lower right")
    axes.set_title(f"{sure.sum()} of {len(gaps)} thin pairs are thinner than chance explains")
    return figure


def plot_topics(topics):
    """Topics by size, coloured by how stable they are when a fifth of the papers is left out. Returns a figure."""
    rows = topics[::-1]
    figure, axes = plt.subplots(figsize=(9.5, 0.42 * len(rows) + 1.3))
    shade = plt.get_cmap(SHADES)(0.25 + 0.65 * rows.stability.to_numpy())
    names = [f"{row.topic}. {', '.join(row.terms.split(', ')[:3])}" for row in rows.itertuples()]
    bars = axes.barh(names, rows.papers, color=shade)
    axes.bar_label(bars, [f"stability {value:.2f}" for value in rows.stability], padding=3, fontsize=8)
    axes.set(xlabel="papers whose largest topic it is")
    axes.margins(x=0.14)
    steady = int((topics.stability >= 0.9).sum())
    axes.set_title(f"{steady} of {len(topics)} topics are stable (0.9 or more)")
    return figure


def plot_reported(reported, band, metric="uf1"):
    """Reported scores on the composite by year and by what the public code does, with the honest band drawn in.

    reported: compute_reported; band: compute_band. Dark band: from the weakest to the best learner under an honest
    protocol; light: the best one's 95 % interval over people upwards; dashed: leaks made on purpose that exceed it.
    """
    if not len(reported):
        return nothing("no paper reports a score on the composite")
    figure, axes = plt.subplots(figsize=(10, 5.4))
    axes.axhspan(band["low"], band["high"], color=COLOURS[2], alpha=0.22, linewidth=0)
    axes.axhspan(band["high"], band["high"] + band["margin"], color=COLOURS[2], alpha=0.09, linewidth=0)
    for height in band["leaks"].values():
        axes.axhline(height, color=PALETTE["anger"], linestyle="--", linewidth=1)
    years = reported.year.clip(lower=2017).to_numpy() + _apart(reported)
    for name, (colour, marker) in LEAKS.items():
        rows = (reported.leak == name).to_numpy()
        text = f"{MEANINGS[name]} ({rows.sum()})"
        axes.scatter(
            years[rows], reported[metric][rows], s=70, c=colour, marker=marker, label=text, zorder=3, edgecolors="white"
        )
    axes.set(xlabel="year of publication (2017: 2017 or earlier)", ylabel=f"{metric.upper()}, 0 to 1", ylim=(0.5, 1))
    axes.set(xlim=(2016, reported.year.max() + 1.2))
    axes.xaxis.get_major_locator().set_params(integer=True)
    notes = (
        (2020.1, band["low"] + 0.01, "measured without a leak: from the weakest to the best learner"),
        (2020.1, band["high"] + 0.01, "95 % interval of the best"),
        *((2016.2, height + 0.01, f"leak on purpose: {name}") for name, height in band["leaks"].items()),
    )
    for left, height, text in notes:
        axes.annotate(text, (left, height), fontsize=8, color="#444444")
    above = reported[reported[metric] > band["high"] + band["margin"]]
    leaky = int((above.leak == "yes").sum())
    axes.set_title(
        f"{len(above)} of {len(reported)} reported {metric.upper()} exceed the honest band, {leaky} with a known leak"
    )
    axes.legend(loc="lower right")
    read_first = np.argsort(reported.leak == "not seen", kind="stable")  # the code somebody read keeps its name
    points = np.column_stack([years, reported[metric]])[read_first]
    label(axes, points, [*reported.method.iloc[read_first]], 5)
    return figure


def plot_accuracy(accuracy):
    """Accuracy of methods that one table holds to one protocol, by year. Returns a figure."""
    if not len(accuracy):
        return nothing("no paper reports an accuracy under this protocol")
    figure, axes = plt.subplots(figsize=(9, 3.8))
    years = accuracy.year + 0.0
    axes.scatter(years, accuracy.accuracy, s=55, color=ACCENT, zorder=2)
    yearly = accuracy.groupby("year").accuracy.max().cummax()
    gain, span = yearly.iloc[-1] - yearly.iloc[0], yearly.index[-1] - yearly.index[0]
    axes.step(yearly.index, yearly, where="post", color=QUIET, linestyle=":", label="best so far")
    axes.set(
        xlabel="year of publication",
        ylabel="accuracy, 0 to 1",
        ylim=(0.4, 0.8),
        xlim=(accuracy.year.min() - 0.6, accuracy.year.max() + 0.9),
    )
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(loc="upper left")
    axes.set_title(f"CASME II under one protocol: the best rose by {gain:.2f} in {span} years")
    label(
        axes,
        accuracy[["year", "accuracy"]].to_numpy(float),
        [*accuracy.paper.str.replace(r" \d{4}$", "", regex=True)],
        4,
    )
    return figure


def _apart(reported):
    """Sideways shift of papers of one year, so that their marks do not cover one another. (n,) years."""
    place = reported.groupby("year").cumcount() - (reported.groupby("year").year.transform("size") - 1) / 2
    return 0.16 * place.to_numpy()
