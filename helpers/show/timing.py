"""When it moves: energy over time, regions and windows, spotted key frames: compute/plot pairs for notebook 02."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

from helpers.evaluation import compare
from helpers.motion import faces, flow, spotting
from helpers.show.plots import ACCENT, PALETTE, QUIET, SHADES

WINDOWS = {"onset → apex": flow.RISE, "apex → offset": flow.FALL, "onset → offset": flow.WHOLE}


def compute_regions(motion, samples):
    """Mean length of flow (px) by emotion (rows) and window and region (columns): median over the emotion's clips.

    motion: Flow with the three windows of WINDOWS; samples: the same clips.
    """
    lengths = np.hypot(motion.values[:, :, 0], motion.values[:, :, 1])
    columns = {
        (window, name): faces.region(lengths[:, k], name).mean(axis=(1, 2))
        for k, window in enumerate(WINDOWS) for name in faces.REGIONS
    }  # fmt: skip
    return pd.DataFrame(columns).groupby(samples.emotion.to_numpy()).median()


def plot_regions_by_emotion(table, clips):
    """The same as a heat map. clips: Series of the number of clips of each emotion. Returns a figure."""
    order = sorted(table.index, key=list(PALETTE).index)
    figure, axes = plt.subplots(figsize=(9.5, 0.42 * len(table) + 1.9))
    shown = table.loc[order].set_axis([f"{name}\n{window}" for window, name in table.columns], axis=1)
    label = {"label": "median length of flow, px"}
    shown.index = [f"{name} ({clips[name]})" for name in shown.index]
    sns.heatmap(shown, cmap=SHADES, annot=True, fmt=".2f", annot_kws={"size": 8}, ax=axes, vmin=0, cbar_kws=label)
    axes.set(ylabel="emotion (clips)")
    axes.tick_params(axis="x", rotation=45, labelsize=8)
    frequent = clips[table.index] >= 10  # a median of two clips is no headline
    rise = table["onset → apex"][frequent if frequent.any() else slice(None)]
    emotion = rise.max(axis=1).idxmax()
    axes.set_title(f"From onset to apex {emotion} moves most, in the {rise.loc[emotion].idxmax()}")
    return figure


def compute_references(row, steps=32):
    """Energy over one clip against the onset frame and against the frame before: DataFrame(seconds, onset, previous).

    The second column adds nothing up: it is what a model sees that takes flow from frame to frame.
    """
    numbers = np.unique(np.linspace(row.onset, row.offset, steps + 1).round().astype(int))
    every = np.unique(np.concatenate([numbers, numbers[1:] - 1]))
    crops = dict(zip(every, faces.crops(row, every, spotting.CROP), strict=True))
    from_onset = np.stack([flow.between(crops[numbers[0]], crops[number]) for number in numbers])
    step = np.stack([flow.between(crops[max(number - 1, numbers[0])], crops[number]) for number in numbers])
    return pd.DataFrame(
        {
            "seconds": (numbers - row.onset) / row.fps,
            "onset": spotting.energy(from_onset), "previous": spotting.energy(step),
        }
    )  # fmt: skip


def plot_references(table, row):
    """Both curves of one clip. Returns a figure."""
    figure, axes = plt.subplots(figsize=(7.5, 2.9))
    axes.plot(table.seconds, table.onset, color=ACCENT, label="against the onset frame")
    axes.plot(table.seconds, table.previous, color=PALETTE["anger"], label="against the frame before")
    axes.axvline((row.apex - row.onset) / row.fps, color=QUIET, linestyle=":")
    place = {"xycoords": ("data", "axes fraction"), "ha": "center", "va": "bottom"}
    axes.annotate("apex", ((row.apex - row.onset) / row.fps, 1), **place)
    axes.set(xlabel="seconds since onset", ylabel="motion energy, px", ylim=(0, None))
    axes.legend(loc="upper right")
    times = table.onset.mean() / max(table.previous.mean(), 1e-9)
    axes.set_title(f"Against the onset frame the movement is {times:.0f} times as large on average", pad=18)
    return figure


def compute_spotting(samples, reach="coded"):
    """Spotted key frames beside the coded ones, one row a clip, and the curves they come from.

    reach: see `spotting.energies`. Returns (DataFrame, {sample_id: (numbers, energy)}, clips left out). Columns:
    sample_id, subject, fps, onset, apex, offset as spotted, and the distances to the coded ones in frames: error_onset,
    error_apex, error_offset, and error_middle of the window's middle frame, which costs nothing. Clips without a coded
    apex, and those whose key frames an expert has changed (perhaps to what was spotted), are not in the table.
    """
    numbers, curves, motion = spotting.energies(samples, reach)
    kept, rows = motion.select(samples), []
    for row, times, curve in zip(kept.itertuples(index=False), numbers, curves, strict=True):
        found = spotting.spot(times, curve)
        middle = (times[0] + times[-1]) / 2
        coded = {"onset": row.onset, "apex": row.apex, "offset": row.offset}
        errors = {f"error_{name}": abs(getattr(found, name) - frame) for name, frame in coded.items()}
        facts = {"sample_id": row.sample_id, "subject": row.subject, "fps": row.fps, **found._asdict()}
        rows.append(facts | errors | {"error_middle": abs(middle - row.apex)})
    table = pd.DataFrame(rows)
    lines = dict(zip(table.sample_id, zip(numbers, curves, strict=True), strict=True))
    judged = table.error_apex.notna() & ~table.sample_id.isin(samples.attrs.get("coded", {}))
    return table[judged], lines, motion.left_out


def compute_margin(table, resamples, seed):
    """Apex error of spotting and of the middle frame, and the margin, with 95 % intervals over people, in frames."""
    columns = ["apex", "clips", "people", "frames", "frames_lo", "frames_hi"]
    if table.empty:
        return pd.DataFrame(columns=columns)
    rows = []
    values = {
        "spotted": table.error_apex, "middle frame": table.error_middle,
        "margin": table.error_middle - table.error_apex,
    }  # fmt: skip
    for name, column in values.items():
        mean, low, high = compare.mean_over_people(column.to_numpy(float), table.subject, resamples, seed)
        rows.append((name, len(table), table.subject.nunique(), mean, low, high))
    return pd.DataFrame(rows, columns=columns)


def verdict_on_spotting(margin, table):
    """One sentence: is the apex nearer than the middle frame, and by how much, in frames and milliseconds?"""
    if margin.empty:
        return "No apex is coded in this dataset, so what was spotted cannot be judged."
    rows = margin.set_index("apex")
    gain, ms = rows.loc["margin"], 1000 * rows.frames["margin"] / table.fps.median()
    verdict = "better" if gain.frames_lo > 0 else "worse" if gain.frames_hi < 0 else "neither better nor worse"
    return (
        f"Over {len(table)} clips of {table.subject.nunique()} people the spotted apex is "
        f"**{rows.frames['spotted']:.1f} frames** off, the middle frame {rows.frames['middle frame']:.1f}: "
        f"**{verdict}**, by {gain.frames:.1f} frames ({gain.frames_lo:.1f} to {gain.frames_hi:.1f}; {ms:.0f} ms)."
    )


def plot_spotting(table):
    """Share of clips whose apex is missed by at most so many frames, for both ways. Returns a figure."""
    figure, axes = plt.subplots(figsize=(6.6, 3.2))
    ways = (("error_apex", ACCENT, "spotted"), ("error_middle", QUIET, "middle of the window"))
    for column, colour, name in ways:
        errors = np.sort(table[column].to_numpy(float))
        axes.step(errors, np.arange(1, len(errors) + 1) / len(errors), color=colour, label=name, where="post")
    axes.set(xlabel="distance to the coded apex, frames", ylabel="share of clips", ylim=(0, 1.02), xlim=(0, None))
    axes.legend(loc="lower right")
    axes.grid(alpha=0.3)
    spotted, middle = table.error_apex.mean(), table.error_middle.mean()
    verdict = "beats" if spotted < middle else "does not beat"
    axes.set_title(f"Spotting {verdict} the middle frame: {spotted:.1f} against {middle:.1f} frames off on average")
    return figure


def plot_curve(row, curve, found, pictures=None):
    """Energy of one clip with coded and spotted key frames, under a film strip if faces may be shown. A figure.

    curve: (numbers (T,), energy (T,)); found: KeyFrames; pictures: (K, H, W, 3) of frames spread evenly over the curve.
    """
    numbers, values = curve
    heights = [1, 2] if pictures is not None else [1]
    figure, axes = plt.subplots(len(heights), 1, figsize=(9, 4 if pictures is not None else 2.8), height_ratios=heights)
    lower = np.atleast_1d(axes)[-1]
    if pictures is not None:
        axes[0].imshow(np.concatenate(list(pictures), axis=1))
        axes[0].set_axis_off()
    lower.plot(numbers, values, color=ACCENT)
    for name, style, colour, level in (("coded", ":", QUIET, 1.0), ("spotted", "-", PALETTE["anger"], 0.88)):
        source = row if name == "coded" else found
        for key in ("onset", "apex", "offset"):
            lower.axvline(getattr(source, key), color=colour, linestyle=style, linewidth=1)
        place = {"xycoords": ("data", "axes fraction"), "color": colour, "va": "top"}
        lower.annotate(f" {name}: onset, apex, offset", (source.apex, level), **place)
    lower.set(xlabel="frame number", ylabel="motion energy, px", ylim=(0, None), xlim=(numbers[0], numbers[-1]))
    off = abs(found.apex - row.apex)
    how = f"{1000 * off / row.fps:.0f} ms from the coded one" if off else "the coded one"
    figure.suptitle(f"{row.sample_id}: the spotted apex is {how}")
    return figure
