"""What is in the data, before any model: compute/plot pairs for notebook 01."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

from helpers import datasets, labels
from helpers.show.plots import ACCENT, PALETTE, SHADES


def emotions(samples):
    """Emotions of the samples in canonical order."""
    return [emotion for emotion in labels.EMOTIONS if emotion in set(samples.emotion)]


def compute_classes(samples):
    """Clips by emotion (rows, canonical order) and by the source's own split, or else by dataset (columns)."""
    return pd.crosstab(samples.emotion, samples["split" if "split" in samples else "dataset"]).reindex(
        emotions(samples)
    )


def plot_classes(table):
    """Bars of clips per emotion, stacked by the table's columns from dark to light. Returns a figure."""
    total = table.sum(axis=1)
    figure, axes = plt.subplots(figsize=(7, 0.38 * len(table) + 1.4))
    left = np.zeros(len(table))
    for column, shade in zip(table, np.linspace(1, 0.4, table.shape[1]), strict=True):
        axes.barh(table.index, table[column], left=left, color=[PALETTE[name] for name in table.index], alpha=shade)
        left += table[column].to_numpy()
    for name, count in total.items():
        axes.annotate(f" {count} ({count / total.sum():.0%})", (count, name), va="center")
    axes.invert_yaxis()
    order = f" (dark to light: {', '.join(table)})" if table.shape[1] > 1 else ""
    axes.set(xlabel=f"clips{order}", ylabel="", xlim=(0, total.max() * 1.18))
    # sources label in different words, so each is compared with itself
    ranges = {name: column[column > 0] for name, column in table.items()}
    found = [f"{some.idxmax()} {some.max() / some.min():.1f} times {some.idxmin()}" for some in ranges.values()]
    axes.set_title(f"Commonest against rarest: {'; '.join(found)}", fontsize=10)
    return figure


def compute_imbalance(counts):
    """Imbalance of one class distribution, as a dict.

    counts: Series of clips by class. imbalance_ratio: largest / smallest. effective_classes: exp of the Shannon
    entropy, K when balanced. *_effective_clips of the rarest and the commonest class: (1 - b^n) / (1 - b)
    (Cui et al. 2019, doi:10.1109/CVPR.2019.00949).
    """
    share = counts / counts.sum()
    beta = 0.99
    effective = (1 - beta**counts) / (1 - beta)
    return {
        "clips": int(counts.sum()), "classes": len(counts), "imbalance_ratio": counts.max() / counts.min(),
        "effective_classes": float(np.exp(-(share * np.log(share)).sum())), "commonest": counts.idxmax(),
        "rarest": counts.idxmin(), "rarest_clips": int(counts.min()), "rarest_effective_clips": effective.min(),
        "commonest_effective_clips": effective.max(),
    }  # fmt: skip


def compute_people(samples):
    """Clips by person (rows, most clips first) and emotion (columns)."""
    table = pd.crosstab(samples.subject, samples.emotion)[emotions(samples)]
    return table.loc[table.sum(axis=1).sort_values(ascending=False, kind="stable").index]


def plot_people(table, most=100):
    """Stacked bars: one bar a person, at most `most` of them, coloured by emotion. Returns a figure."""
    total, shown = table.sum(axis=1), table.head(most)
    figure, axes = plt.subplots(figsize=(max(6, 0.24 * len(shown)), 3.4))
    bottom = np.zeros(len(shown))
    for emotion in table:
        axes.bar(range(len(shown)), shown[emotion], bottom=bottom, color=PALETTE[emotion], label=emotion, width=0.85)
        bottom += shown[emotion].to_numpy()
    axes.set_xticks(range(len(shown)), [name.split("/")[-1] for name in shown.index], rotation=90, fontsize=7)
    others = f" (the first {most} of {len(table)})" if len(table) > most else ""
    axes.set(xlabel=f"person{others}", ylabel="clips", xlim=(-0.6, len(shown) - 0.4))
    axes.yaxis.get_major_locator().set_params(integer=True)
    quarter = total.iloc[: max(1, len(total) // 4)].sum() / total.sum()
    axes.set_title(f"A quarter of the people gave {quarter:.0%} of the clips")
    axes.legend(ncols=4, fontsize=8)
    return figure


def compute_durations(samples):
    """Seconds onset -> offset, onset -> apex, apex -> offset, and apex position (0 onset .. 1 offset).

    One row a clip that has key frames and a frame rate.
    """
    timed = samples[samples.onset.notna() & samples.offset.notna() & samples.fps.notna()]
    onset, apex, offset, fps = (timed[name].astype("Float64") for name in ("onset", "apex", "offset", "fps"))
    seconds = {"duration_s": (offset - onset) / fps, "rise_s": (apex - onset) / fps, "fall_s": (offset - apex) / fps}
    table = timed[["sample_id", "emotion"]].assign(**seconds, apex_position=(apex - onset) / (offset - onset))
    return table.astype(dict.fromkeys([*seconds, "apex_position"], float)).reset_index(drop=True)


def compute_phases(durations):
    """Median duration, rise and fall (seconds) by emotion, and over all clips."""
    columns = ["duration_s", "rise_s", "fall_s"]
    grouped = durations.groupby("emotion")[columns]
    table = grouped.median().assign(clips=grouped.size()).reindex(emotions(durations))
    table.loc["all"] = [*durations[columns].median(), len(durations)]
    return table.rename_axis("emotion")


# What a re-created system states as fact, held against the sheet: seconds, and phases as shares of onset..offset.
CLAIM = {"duration_s": (0.25, 0.5), "apex_position": (0.4, 0.6)}


def compute_claims(durations):
    """Share of clips inside each claimed range, with quantiles: a table, one row a claim."""
    rows = []
    for name, (low, high) in CLAIM.items():
        values = durations[name].dropna()
        quantiles = values.quantile([0.05, 0.5, 0.95])
        inside = values.between(low, high).mean()
        rows.append((name, low, high, len(values), inside, values.mean(), values.std(), *quantiles))
    names = ["quantity", "claimed_low", "claimed_high", "clips", "share_inside", "mean", "sd", "q05", "median", "q95"]
    return pd.DataFrame(rows, columns=names)


def verdict_on_time(claims):
    """The claims on time as a sentence with its numbers filled in."""
    if not claims.clips.all():
        return "This source gives no key frames with a frame rate, so the claims on time cannot be checked on it."
    time, apex = (claims[claims.quantity == name].iloc[0] for name in CLAIM)
    return (
        f"**{time.share_inside:.0%}** of {time.clips} clips last {time.claimed_low:g} to {time.claimed_high:g} s "
        f"(median {time['median']:.2f} s), and **{apex.share_inside:.0%}** have their apex in the claimed middle (mean "
        f"{apex['mean']:.3f}, standard deviation {apex.sd:.2f}). The other clips contradict the claims."
    )


def plot_durations(durations):
    """Histograms of duration and apex position with the claimed ranges shaded. Returns a figure."""
    figure, both = plt.subplots(1, 2, figsize=(9, 3.2))
    titles = {
        "duration_s": ("onset to offset (seconds)", " s", 0.025),
        "apex_position": ("apex position (0 = onset, 1 = offset)", "", 0.05),
    }
    for axes, (name, (label, unit, width)) in zip(both, titles.items(), strict=True):
        values, (low, high) = durations[name].dropna(), CLAIM[name]
        axes.hist(values, bins=np.arange(0, values.max() + width, width), color=ACCENT)
        axes.axvspan(low, high, color=PALETTE["happiness"], alpha=0.3, zorder=0, label="claimed")
        axes.axvline(values.median(), color="black", linestyle=":", label="median")
        axes.yaxis.get_major_locator().set_params(integer=True)
        axes.margins(y=0.15)
        axes.set(xlabel=label, ylabel="clips")
        axes.set_title(f"{values.between(low, high).mean():.0%} of clips lie in the claimed {low:g} to {high:g}{unit}")
    both[0].legend()
    return figure


def compute_coded(samples):
    """Clips of each emotion whose action units are coded."""
    return samples.emotion[[bool(labels.action_units(text)) for text in samples.aus]].value_counts()


def compute_action_units(samples):
    """Share of an emotion's coded clips that show each action unit: units (rows, frequent first) by emotion (columns).

    A unit counts once a clip, whichever side it is on. Empty when no clip is coded.
    """
    units = [
        {unit.number for unit in labels.action_units(text, row=row)}
        for row, text in zip(samples.sample_id, samples.aus, strict=True)
    ]
    pairs = [
        (number, emotion) for found, emotion in zip(units, samples.emotion, strict=True) for number in sorted(found)
    ]
    if not pairs:
        return pd.DataFrame()
    long = pd.DataFrame(pairs, columns=["action unit", "emotion"])
    table = pd.crosstab(long["action unit"], long.emotion)
    table = table.loc[table.sum(axis=1).sort_values(ascending=False, kind="stable").index, emotions(long)]
    return table / compute_coded(samples)[table.columns]


def plot_action_units(table, coded, most=14):
    """Heat map of the `most` frequent action units by emotion. coded: coded clips by emotion. Returns a figure."""
    top = table.head(most)
    figure, axes = plt.subplots(figsize=(1.05 * table.shape[1] + 3.6, 0.3 * len(top) + 1.6))
    sns.heatmap(
        top, vmin=0, vmax=1, cmap=SHADES, annot=True, fmt=".0%", ax=axes, cbar_kws={"label": "share of clips"},
        xticklabels=[f"{name}\nn = {coded[name]}" for name in table],
        yticklabels=[f"{labels.UNIT_NAMES.get(unit, '')}  {unit}" for unit in top.index],
    )  # fmt: skip
    axes.set(xlabel="", ylabel="action unit")
    axes.tick_params(axis="y", rotation=0)
    frequent = coded[table.columns] >= 10  # a share of two clips is no headline
    unit, emotion = (top.loc[:, frequent] if frequent.any() else top).stack().idxmax()
    axes.set_title(f"AU {unit} is in {top.loc[unit, emotion]:.0%} of the {emotion} clips")
    return figure


def compute_folds(samples):
    """Class by class: clips, people, and the fewest clips that a leave-one-subject-out training set keeps."""
    by_person = compute_people(samples)
    table = pd.DataFrame({"clips": by_person.sum(), "people": (by_person > 0).sum()})
    table["fewest_in_training"] = table.clips - by_person.max()
    table["share"] = table.clips / table.clips.sum()
    table.index.name = "emotion"
    return table


def verdict_on_folds(folds):
    """Whether some fold leaves a class without training clips, as a sentence."""
    lost = folds.index[folds.fewest_in_training == 0]
    if len(lost):
        return f"In some fold no clip of **{', '.join(lost)}** is left to learn from; it is never predicted there."
    rarest = folds.fewest_in_training.idxmin()
    return f"Every fold keeps clips of every class; the fewest, {folds.fewest_in_training.min()}, are of **{rarest}**."


def compute_summary(samples):
    """The dataset table: what the data sheet says beside what is in the folder, one row a quantity."""
    card = datasets.card(samples.attrs["dataset"])
    rates = sorted(set(samples.fps.dropna()))
    units = samples.subject.nunique()
    counted = {
        "clips": len(samples),
        "people": f"{units} clusters of near-duplicates" if set(samples.kind) == {"image"} else units,
        "fps": ", ".join(f"{rate:g}" for rate in rates) or "none given",
        "labels": ", ".join(emotions(samples)),
    }
    table = pd.DataFrame({"data sheet": card, "in this folder": counted}).reindex([*card]).fillna("")
    return table.rename_axis("quantity").astype(str)


def plot_folds(folds):
    """Clips of each class and, inside the bar, the people they come from. Returns a figure."""
    figure, axes = plt.subplots(figsize=(7, 0.38 * len(folds) + 1.4))
    axes.barh(folds.index, folds.clips, color="#CCCCCC", label="clips")
    axes.barh(folds.index, folds.people, height=0.4, color=ACCENT, label="people who show it")
    for name, people in folds.people.items():
        axes.annotate(f" {people}", (folds.clips[name], name), va="center")
    axes.invert_yaxis()
    axes.set(xlabel="count (the number is people)", ylabel="")
    fewest = folds.people.idxmin()
    axes.set_title(f"{fewest} comes from {folds.people.min()} people: that is its real sample size")
    figure.legend(loc="outside lower left", ncols=2)
    return figure
