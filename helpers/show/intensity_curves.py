"""Intensity over time: what is asked, in which window, what a network answers over a film strip. For notebook 05."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from helpers import labels
from helpers.datasets.demo import truth
from helpers.evaluation import targets
from helpers.motion import faces, flow
from helpers.show.comparison import OTHER
from helpers.show.plots import ACCENT, PALETTE

LINES = {
    "triangle": {"color": ACCENT, "linestyle": "-"}, "cosine": {"color": PALETTE["repression"], "linestyle": "--"},
    "true": {"color": "#222222", "linestyle": ":", "linewidth": 2},
}  # fmt: skip
PICTURES = 12  # of a film strip, at most


def kinds(clips):
    """Kinds of target that need nothing but these clips: the truth, where it is known, last."""
    return ["triangle", "cosine"] + ["true"] * (set(clips.samples.dataset) == {"demo"})


def seconds(clips):
    """(n, T) seconds since the window's first frame; nan where there is no frame."""
    fps = clips.samples.fps.to_numpy(float)[:, None]
    return np.where(clips.frames >= 0, (clips.frames - clips.first[:, None]) / fps, np.nan)


def compute_windows(clips):
    """A row a clip: sample_id, seconds from the window's first frame to onset, apex, coded offset and its last step;
    place, the apex's share of the way from first frame to last step (1 beyond it); steps and missing of `lengths`."""
    fps = clips.samples.fps.to_numpy(float)
    times = {key: (clips.samples[key].to_numpy(float) - clips.first) / fps for key in ("onset", "apex", "offset")}
    table = clips.lengths().assign(**times, end=np.nanmax(seconds(clips), axis=1))
    return table.assign(place=(table.apex / table.end).clip(upper=1))


def plot_targets(clips, shown=3):
    """What is asked of each frame, by kind of target, for clips of low, middle and high strength or length; the window
    that models see is shaded."""
    windows, known = compute_windows(clips), "true" in kinds(clips)
    strength = targets.strengths(clips.samples).strength if known else windows.offset - windows.onset
    order = np.argsort(strength.to_numpy(), kind="stable")
    some = order[(np.linspace(0.1, 0.9, shown) * (len(order) - 1)).round().astype(int)]
    figure, grid = plt.subplots(1, shown, figsize=(11, 2.9), sharey=True)
    for axes, at in zip(grid, some, strict=True):
        row = clips.samples.iloc[at]
        numbers = np.arange(clips.first[at], row.offset + 0.1 * row.fps, dtype=int)
        for kind, curve in _courses(row, numbers, clips.samples.attrs.get("root") if known else None).items():
            axes.plot((numbers - clips.first[at]) / row.fps, curve, label=kind, **LINES[kind])
        axes.axvspan(0, windows.end[at], color="#eeeeee", zorder=-1)
        ticks = windows.loc[at, ["onset", "apex", "offset"]].astype(float)
        axes.set_xticks(ticks, [f"{name}\n{time:.2f}" for name, time in ticks.items()], fontsize=8)
        axes.set_title(f"{_short(row.sample_id)}, {row.emotion}", fontsize=9, fontweight="normal")
        axes.set(ylim=(-0.04, 1.12))
    grid[0].set_ylabel("intensity, 0 to 1")
    grid[shown // 2].set_xlabel("seconds since the window's first frame; shaded: what models see")
    grid[-1].legend(loc="upper left", fontsize=8)
    told = f"; the true strengths reach from {strength.min():.2f} to {strength.max():.2f}" if known else ""
    figure.suptitle(f"The conventions call every apex 1, faint or strong{told}")
    return figure


def _courses(row, numbers, root):
    """{kind: (m,) intensity of these frames} of one clip; root: the demo's folder, else None."""
    keys = row.onset, row.apex, row.offset
    found = {shape: labels.soft_labels(numbers, *keys, shape) for shape in ("triangle", "cosine")}
    if root:
        found["true"] = truth.intensity(row.sample_id, root).set_index("frame").intensity.reindex(numbers).to_numpy()
    return found


def _short(sample_id):
    return sample_id.split("/", 1)[-1]


def plot_windows(clips):
    """Every window as a line, the expression in it thick, its apex a dot; and where in the window the apex lies."""
    table = compute_windows(clips).sort_values("end", ignore_index=True)
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.6), width_ratios=(1.6, 1))
    left.hlines(table.index, 0, table.end, color="#cccccc", linewidth=1)
    left.hlines(table.index, table.onset, table[["offset", "end"]].min(axis=1), color=ACCENT, linewidth=1)
    left.scatter(table.apex, table.index, s=5, color=OTHER, zorder=3)
    left.set(xlabel="seconds since the window's first frame", ylabel="clip", xlim=(0, None))
    left.set_title("grey: window; blue: the expression in it; dot: apex", fontsize=9.5, fontweight="normal")
    right.hist(table.place, bins=np.linspace(0, 1, 21), color=OTHER)
    right.set(xlabel="place of the apex: 0 first frame, 1 last step", ylabel="clips", xlim=(0, 1))
    right.yaxis.set_major_locator(MaxNLocator(integer=True))
    low, high = table.place.quantile([0.1, 0.9])
    figure.suptitle(f"Four of five apexes lie between {low:.2f} and {high:.2f} of the window")
    return figure


def compute_picked(rows):
    """Best, median and worst clip by mean absolute error. rows: predictions of one model and task; seeds averaged."""
    error = (rows.y_pred - rows.y_true).abs().groupby(rows.sample_id).mean().sort_values(kind="stable")
    places = {"smallest error": 0, "median": len(error) // 2, "largest error": len(error) - 1}
    table = pd.DataFrame({"how": places.keys(), "sample_id": error.index[[*places.values()]]})
    return table.assign(mae=error.iloc[[*places.values()]].to_numpy())


def plot_strips(picked, rows, clips, may_show):
    """Predicted intensity, label and, where it is known, truth over a film strip of the clip and of its motion.

    picked: of `compute_picked`; rows: predictions of one model and task. Frames are read only if they may be shown.
    """
    true = targets.of(clips, "true") if "true" in kinds(clips) else None
    heights = [1.9, *[0.85] * (1 + may_show)] * len(picked)
    figure, grid = plt.subplots(
        len(heights), 1, figsize=(10.5, 1.05 * sum(heights)), height_ratios=heights, layout="constrained"
    )
    figure.get_layout_engine().set(h_pad=0.02, hspace=0)
    for one, spots in zip(picked.itertuples(), np.split(grid, len(picked)), strict=True):
        at = int(np.flatnonzero(clips.samples.sample_id == one.sample_id)[0])
        row, time = next(clips.samples.iloc[[at]].itertuples(index=False)), seconds(clips)[at]
        _curves(spots[0], rows[rows.sample_id == one.sample_id], clips, at, None if true is None else true[at])
        title = f"{one.how}: {_short(one.sample_id)}, {row.emotion}, mean absolute error {one.mae:.3f}"
        spots[0].set_title(title, fontsize=9.5, fontweight="normal")
        real = np.flatnonzero(clips.frames[at] >= 0)
        some = real[:: -(-len(real) // PICTURES)]
        if may_show:
            _strip(spots[1], faces.crops(row, clips.frames[at, some], 96, gray=False), time[some], "face")
        _strip(spots[-1], _motion(clips.values[at, some]), time[some], "motion")
        gap = (time[real[-1]] - time[real[0]]) / (2 * PICTURES)
        for spot in spots:
            spot.set_xlim(time[real[0]] - gap, time[real[-1]] + gap)
    grid[0].legend(loc="upper right", ncols=3, fontsize=8.5)
    grid[-1].set_xlabel(
        "seconds since the window's first frame; hue: direction of motion, brightness: length, dimmed outside regions"
    )
    people = "Synthetic people" if clips.samples.attrs["synthetic"] else "People"
    best, middle, worst = picked.mae
    figure.suptitle(
        f"{people} whom the network never saw: {best:.2f} off at best, {middle:.2f} midway, {worst:.2f} at worst"
    )
    return figure


def _curves(axes, rows, clips, at, true):
    time, curve = seconds(clips)[at], rows.groupby("frame")[["y_true", "y_pred"]].mean()
    when = (curve.index.to_numpy() - clips.first[at]) / float(clips.samples.fps.iloc[at])
    axes.plot(when, curve.y_true, label="label", color=ACCENT)
    axes.plot(when, curve.y_pred, label="predicted", color=OTHER, linewidth=2)
    if true is not None:
        axes.plot(time, true, label="true", **LINES["true"])
    axes.set(ylim=(-0.04, 1.1), xticks=[], ylabel="intensity")


def _motion(maps):
    """(k, 3, H, W) -> k pictures (H, W, 3): hue is direction, brightness length, one scale for the clip; head motion is
    off, and what lies outside the regions is dimmed, as the edge of a face is no skin."""
    still = maps[:, :2] - np.median(maps[:, :2], axis=(-2, -1), keepdims=True)
    inside = faces.mask(maps.shape[-1])
    longest = float(np.percentile(np.hypot(still[:, 0], still[:, 1])[:, inside], 99))
    return [flow.hsv((one * np.where(inside, 1, 0.15)).astype(np.float32), longest) for one in still]


def _strip(axes, pictures, times, label):
    """Pictures side by side, each centred at its time, and no wider than high: axes are some PICTURES times as wide."""
    half = np.ptp(times) / (2 * (max(len(times), PICTURES) - 1))
    for picture, time in zip(pictures, times, strict=True):
        axes.imshow(picture, extent=(time - half, time + half, 0, 1), aspect="auto", interpolation="bilinear")
    axes.set(ylim=(0, 1), yticks=[], ylabel=label)
    axes.spines[["left", "bottom"]].set_visible(False)
    if label == "face":
        axes.set_xticks([])
