"""What was found in one recording: film strips with motion, intensity and probabilities.

The command line shows a recording to whoever made it, in the folder that they named. Notebooks get shared: they leave
its face out unless somebody sets SHOW_FACES.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from helpers import storage
from helpers.inference import recording as recordings
from helpers.inference import video
from helpers.inference.stored import NOT_REAL
from helpers.motion import faces, flow
from helpers.show import plots
from helpers.show.plots import ACCENT, PALETTE, QUIET
from helpers.workspace import WorkbookError

PICTURES = 9  # of a strip
SHOWN = 3  # candidates in one figure, the strongest ones
HIDDEN = 110  # grey in place of a face


def plot_registration(recording, may_show=True):
    """The boxes that regions are cut from and the points it was registered by, on the first crop if that may_show."""
    crop = recording.crops[0] if may_show else np.full_like(recording.crops[0], HIDDEN)
    figure, axes = plt.subplots(figsize=(3.6, 3.8))
    axes.imshow(crop, cmap="gray", vmin=0, vmax=255)
    side = len(crop)
    for name, (x0, y0, x1, y1) in faces.REGIONS.items():
        axes.add_patch(plt.Rectangle((x0 * side, y0 * side), (x1 - x0) * side, (y1 - y0) * side, fill=False, ec="w"))
        axes.annotate(name, (x0 * side + 1, y0 * side + 1), color="white", fontsize=8, va="top")
    axes.scatter(*(faces.POINTS.T * side), color=PALETTE["happiness"], edgecolor="black", s=20, zorder=3)
    axes.set_axis_off()
    axes.set_title(f"Found by {recording.registration.how}", fontsize=10)
    return figure


def plot_strips(result, truth=None, may_show=True):
    """For each candidate (at most SHOWN) frames, motion, intensity and probabilities; without any, the recording alone.

    truth: (frames of the recording,) true intensity, where it is known. may_show: show frames, not motion alone.
    """
    chosen = sorted(range(len(result.candidates)), key=lambda at: -result.candidates[at].row["peak_px"])[:SHOWN]
    if not chosen:
        return _plot_nothing(result, may_show)
    figure = plt.figure(figsize=(12, (4.3 if may_show else 3.2) * len(chosen)))
    rows = np.atleast_1d(figure.subfigures(len(chosen), 1))
    wide = 3 if any(result.candidates[at].p for at in chosen) else 0  # columns of the probabilities
    for part, at in zip(rows, sorted(chosen), strict=True):
        _plot_candidate(part, result, at, (truth, may_show, wide))
    return figure


def say_result(result):
    """What was found and answered, in sentences; every emotion of a synthetic training with its warning."""
    if not result.candidates:
        return "Nothing was found that moves and soon comes back."
    parts = [f"Movements found: {len(result.candidates)}."]
    for number, one in enumerate(result.candidates, 1):
        row = one.row
        when = f"**{number}**: frames {row['onset']} to {row['offset']}, {row['seconds']:.2f} s ({row['kind']})"
        parts.append(f"{when}: {_answer(row)}.")
    return " ".join(parts)


def say_recording(result):
    """What was given and how the face was found."""
    found = result.recording
    width, height = found.size
    told = f"{len(found.crops)} frames of {width} x {height} pixels, {found.fps:.4g} a second; "
    told += (
        f"the face was found by {found.registration.how}, once, and brought to {recordings.CROP} x {recordings.CROP}."
    )
    notes = [note for note in result.notes if note != NOT_REAL]
    return told + (" Notes: " + "; ".join(notes) + "." if notes else " Nothing to warn of.")


def say_truth(result, example):
    """How far the strongest candidate is from what was drawn."""
    if not result.candidates:
        return "What was drawn was not found."
    one = max(result.candidates, key=lambda found: found.row["peak_px"])
    away = {name: one.row[name] - getattr(example, name) for name in video.KEY_FRAMES}
    told = ", ".join(f"{name} {frames:+d}" for name, frames in away.items())
    told = f"Found against drawn, in frames: {told}. What was drawn is coded as {example.emotion}."
    if one.intensity is None:
        return told
    error = np.abs(one.intensity.intensity - example.intensity[one.intensity.frame]).mean()
    return f"{told} Intensity is off by {error:.2f} on average, from 0 to 1."


def table_models(models):
    """What stands behind the answers: task, model, trained on, people, clips, held-out scores with their intervals."""
    rows = []
    for task, (facts, *_) in models.items():
        scores = {
            name: f"{value:.2f} ({low:.2f} to {high:.2f})"
            for name, (value, low, high) in facts["scores"]["values"].items()
        }
        about = {"task": task, "model": facts["model"], "trained_on": facts["label"], "people": len(facts["people"])}
        rows.append(about | {"clips": facts["clips"], "held_out": ", ".join(f"{k} {v}" for k, v in scores.items())})
    return pd.DataFrame(rows)


def table_chances(result):
    """Probability of each class, and what the answer loses without a region: candidate, of, kind, value."""
    rows = [
        (number, kind, name, value)
        for number, one in enumerate(result.candidates, 1)
        for kind, values in (("probability", one.p), ("lost without the region", one.regions))
        for name, value in values.items()
    ]
    return pd.DataFrame(rows, columns=["candidate", "kind", "of", "value"])


def compute_refusals(cases):
    """What each spoiled input is told: DataFrame(what, message, what_to_do). cases: of inference.example.spoiled."""
    rows = []
    for what, ask in cases:
        try:
            ask()
            rows.append((what, "not refused", ""))
        except WorkbookError as error:
            rows.append((what, error.problem, error.remedy or ""))
    return pd.DataFrame(rows, columns=["what", "message", "what_to_do"])


def say_latency(result):
    """How fast it went."""
    frames, recorded = len(result.recording.crops), len(result.recording.crops) / result.recording.fps
    speed = frames / result.seconds
    return f"{frames} frames ({recorded:.2f} s) took {result.seconds:.2f} s: {speed:.0f} frames a second."


def _answer(row):
    note = f" ({NOT_REAL})" if row["note"] else ""
    if row["emotion"]:
        return f"**{row['emotion']}**, confidence {row['confidence']:.2f}{note}"
    return f"no answer, as {row['abstained']}{note}" if row["abstained"] else "no model was asked"


def _plot_candidate(part, result, at, options):
    truth, may_show, wide = options
    one, recording = result.candidates[at], result.recording
    before, after = (round(video.AROUND * recording.fps / 2) for _ in range(2))
    first, last = max(0, one.onset - before), min(len(recording.crops) - 1, one.offset + after)
    some = np.unique(np.linspace(first, last, PICTURES).round().astype(int))
    grid = part.add_gridspec(2 + may_show, len(some) + wide, height_ratios=(1,) * (1 + may_show) + (1.1,))
    maps = [flow.between(recording.crops[one.onset], recording.crops[k])[:2] for k in some]
    inside = faces.mask(recordings.CROP)
    longest = max(1e-3, float(np.percentile(np.hypot(*np.moveaxis(maps, 1, 0))[:, inside], 99.5)))
    for column, (k, field) in enumerate(zip(some, maps, strict=True)):
        motion = flow.hsv((field * np.where(inside, 1, 0.15)).astype(np.float32), longest)
        for row, picture in enumerate((recording.crops[k], motion) if may_show else (motion,)):
            axes = part.add_subplot(grid[row, column], xticks=[], yticks=[])
            axes.imshow(picture, cmap="gray", vmin=0, vmax=255)
            axes.spines[:].set_visible(False)
            if row == 0:
                when = f"{(k - one.onset) / recording.fps:+.2f} s"
                axes.set_title(when, fontsize=8, fontweight="normal", loc="center")
    scale = f"motion,\nto {longest:.1f} px"
    for axes, name in zip(part.axes, ("face", scale) if may_show else (scale,), strict=False):
        axes.set_ylabel(name)
    _plot_intensity(part.add_subplot(grid[-1, : len(some)]), one, recording, (first, last), truth)
    if one.p:
        _plot_chances(part.add_subplot(grid[:, len(some) + 1 :]), one, result)
    row = one.row
    about = f"{at + 1}: frames {row['onset']}, {row['apex']}, {row['offset']}; {row['seconds']:.2f} s, {row['kind']}"
    part.suptitle(f"{about}\n{_answer(row).replace('**', '')}", fontsize=10.5, x=0.01, ha="left", fontweight="bold")


def _plot_intensity(axes, one, recording, ends, truth):
    words = {}  # key frames may coincide
    for name, at in zip(video.KEY_FRAMES, (one.onset, one.apex, one.offset), strict=True):
        words.setdefault((at - one.onset) / recording.fps, []).append(name)
    for place, names in words.items():
        side = "right" if "onset" in names else "left" if "offset" in names else "center"
        axes.axvline(place, color=QUIET, linestyle=":")
        axes.annotate(", ".join(names), (place, 1.0), fontsize=8, color=QUIET, ha=side, va="bottom")
    if truth is not None:
        some = np.arange(ends[0], ends[1] + 1)
        axes.plot((some - one.onset) / recording.fps, truth[some], color="#222222", linestyle="--", label="true")
    if one.intensity is not None:
        axes.plot(one.intensity.seconds, one.intensity.intensity, color=ACCENT, linewidth=2, label="read")
    else:
        axes.text(0.5, 0.5, "intensity was not read", transform=axes.transAxes, ha="center", color=QUIET)
    axes.set(xlim=[(end - one.onset) / recording.fps for end in ends], ylim=(-0.03, 1.03))
    axes.set(xlabel="seconds after the onset", ylabel="intensity, 0 to 1")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper right", fontsize=8)


def _plot_chances(axes, one, result):
    names = sorted(one.p, key=one.p.get)
    colours = [PALETTE[name] if one.row["emotion"] == name else QUIET for name in names]
    axes.barh(names, [one.p[name] for name in names], color=colours)
    level = result.models["emotion"]["abstention"]["threshold"]
    if level is not None:
        axes.axvline(level, color="#222222", linestyle=":")
        top = axes.get_xaxis_transform()
        axes.annotate("answers from here", (level, 1.01), xycoords=top, fontsize=8, ha="center", va="bottom")
    most = one.row["decided_by"]
    axes.set(xlim=(0, 1), xlabel="probability" + (f"; most depends on the {most}" if most else ""))


def _plot_nothing(result, may_show):
    recording = result.recording
    crops = recording.crops if may_show else np.full_like(recording.crops, HIDDEN)
    some = np.unique(np.linspace(0, len(recording.crops) - 1, PICTURES).round().astype(int))
    figure, grid = plt.subplots(1, PICTURES, figsize=(12, 1.9))
    for axes in grid:
        axes.set_axis_off()
    for axes, k in zip(grid, some, strict=False):
        axes.imshow(crops[k], cmap="gray", vmin=0, vmax=255)
        axes.set_title(f"{k / recording.fps:.2f} s", fontsize=8, fontweight="normal", loc="center")
    figure.suptitle("Nothing was found that moves and soon comes back", fontsize=10.5)
    return figure


def label(result):
    """What a figure is stamped with: the recording, and what the model was trained on."""
    trained = sorted({facts["label"] for facts in result.models.values()})
    return f"{result.recording.path.name}; models trained on {', '.join(trained) or 'nothing'}"


def save_figure(result, path, truth=None):
    """Write `plot_strips` as PNG."""
    plots.use_style()
    figure = plot_strips(result, truth)
    plots.stamp(figure, label(result))
    with storage.atomic(path) as temporary:
        figure.savefig(temporary)
    plots.close(figure)
