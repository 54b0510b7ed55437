"""What moves between onset and apex: compute/plot pairs for notebook 02."""

import time

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from helpers.datasets.demo import truth
from helpers.motion import faces, flow, methods
from helpers.show.plots import ACCENT, QUIET, SEQUENTIAL

MOVING = 0.5  # pixels of true motion from which the error counts: most of a face is still, and would hide it
METHOD_NAMES = {"farneback": "Farneback", "dis": "DIS", "tvl1": "TV-L1", "raft": "RAFT", "zero flow": "zero flow"}


def example(samples, motion):
    """One clip to look at: its motion is stronger than that of three in four. A row of Samples."""
    inside = faces.mask(motion.values.shape[-1])
    strength = np.sqrt((motion.values[:, 0, :2][:, :, inside] ** 2).mean(axis=(1, 2)))
    at = int(np.argsort(strength)[round(0.75 * (len(strength) - 1))])
    return next(motion.select(samples).iloc[[at]].itertuples(index=False))


def plot_key_frames(row, crop=128):
    """Onset, apex, what differs between them and how it moved. Returns a figure. It shows a face."""
    onset, apex = faces.crops(row, (row.onset, row.apex), crop)
    colour = faces.crops(row, (row.onset, row.apex), crop, gray=False)
    moved = flow.between(onset, apex)
    figure, axes = plt.subplots(1, 4, figsize=(11, 3.1))
    difference = cv2.absdiff(onset, apex)
    pictures = (*colour, difference, colour[1])
    names = ("onset", f"apex, {(row.apex - row.onset) / row.fps:.2f} s later", "difference of grey levels", "flow")
    for spot, picture, name in zip(axes, pictures, names, strict=True):
        shades = {"cmap": SEQUENTIAL, "vmax": 60} if picture.ndim == 2 else {}
        spot.imshow(picture, **shades)
        spot.set_title(name, loc="center", fontsize=9.5)
        spot.set_axis_off()
    _arrows(axes[3], moved, colour="white")
    longest = np.percentile(np.hypot(*moved[:2])[faces.mask(crop)], 99)
    figure.suptitle(f"{row.emotion} ({row.aus}): the face moves by {longest:.1f} of {crop} pixels")
    return figure


def plot_regions(picture=None, size=128):
    """The regions of interest in the standard crop, over a face if one may be shown. Returns a figure."""
    figure, axes = plt.subplots(figsize=(3.9, 3.9))
    axes.imshow(np.full((size, size), 235, np.uint8) if picture is None else picture, cmap="gray", vmin=0, vmax=255)
    for name, (x0, y0, x1, y1) in faces.REGIONS.items():
        left, top = x0 * size, y0 * size
        axes.add_patch(plt.Rectangle((left, top), x1 * size - left, y1 * size - top, fill=False, ec="white", lw=3.5))
        axes.add_patch(plt.Rectangle((left, top), x1 * size - left, y1 * size - top, fill=False, ec=ACCENT, lw=2))
        axes.annotate(
            name, (x1 * size, (y0 + y1) / 2 * size), (size * 1.04, (y0 + y1) / 2 * size), va="center", fontsize=9,
            arrowprops={"arrowstyle": "-", "color": QUIET},
        )  # fmt: skip
    axes.scatter(*(faces.POINTS.T * size), color="white", edgecolor="black", marker="o", s=28, zorder=3)
    axes.set_axis_off()
    axes.set_title("Four regions, and the five points a face is registered by")
    return figure


def is_known(samples):
    """True where the true displacement is known: on the demo."""
    return samples.attrs["dataset"] == "demo"


def compute_methods(samples, clips, crop=128):
    """Every flow method on some clips, one row a clip and method: method, sample_id, ms, and what is known of truth.

    samples: measured samples; clips: how many to take, evenly. On the demo, where the true field is known and moves by
    more than MOVING: error (mean endpoint error, px), still (that of zero flow), along and square (sums whose ratio is
    the gain). Elsewhere agreement: correlation with the default method inside the regions. A method whose weights are
    not to be had gives one row with the reason in `note`.
    """
    cv2.setNumThreads(1)
    known, inside, rows = is_known(samples), faces.mask(crop), []
    for row in samples.iloc[np.unique(np.linspace(0, len(samples) - 1, clips).round())].itertuples(index=False):
        pair = faces.crops(row, (row.onset, row.apex), crop)
        true = _true_field(row, samples.attrs["root"], crop) if known else None
        default = flow.between(*pair)[:2]
        for name in methods.METHODS:
            facts = {"method": name, "sample_id": row.sample_id}
            if methods.missing(name):
                rows.append(facts | {"note": f"unavailable: {methods.missing(name)}"})
                continue
            start = time.perf_counter()
            moved = flow.between(*pair, name)[:2]
            facts["ms"] = 1000 * (time.perf_counter() - start)
            facts["agreement"] = np.corrcoef(moved[:, inside].ravel(), default[:, inside].ravel())[0, 1]
            rows.append(facts | (_errors(moved, true) if known else {}))
    return pd.DataFrame(rows).reindex(columns=[*rows[0], *([] if "note" in rows[0] else ["note"])])


def summary_of_methods(table):
    """A row a method: ms (median), and where the truth is known error, share of zero flow's error and gain."""
    rows = []
    for name, part in table.groupby("method", sort=False):
        row = {"method": METHOD_NAMES[name], "clips": int(part.ms.notna().sum()), "ms": part.ms.median()}
        if "error" in part:
            row |= {"error_px": part.error.mean(), "share_of_zero_flow": part.error.mean() / part.still.mean()}
            row["gain"] = part.along.sum() / part.square.sum() if part.square.sum() else np.nan
        rows.append(row | {"agreement": part.agreement.mean(), "note": part.note.dropna().head(1).str.cat()})
    if "error" in table:
        still = table.still.mean()
        rows.append({"method": "zero flow", "clips": table.sample_id.nunique(), "error_px": still,
                     "share_of_zero_flow": 1.0, "gain": 0.0, "note": "claims that nothing moves"})  # fmt: skip
    return pd.DataFrame(rows)


def verdict_on_methods(table):
    """One sentence on `summary_of_methods`: the default against the target, or what can be said without truth."""
    row = table.set_index("method").loc[METHOD_NAMES[methods.DEFAULT]]
    missing = table.method[table.note.str.startswith("unavailable")].to_list()
    tail = f" Not compared here: {', '.join(missing)} (weights not reachable)." if missing else ""
    if "gain" not in table:
        return f"The true motion is not known here; {row.name} takes {row.ms:.1f} ms a pair on one core.{tail}"
    return (
        f"The default, **{row.name}**, has an endpoint error of **{row.error_px:.2f} px**, "
        f"{row.share_of_zero_flow:.0%} of that of zero flow, and a gain of **{row.gain:.2f}**, "
        f"in {row.ms:.1f} ms a pair on one core.{tail}"
    )


def plot_methods(table):
    """Endpoint error against time for each method, with its gain. table: of `summary_of_methods`. Returns a figure."""
    rows = table[table.ms.notna()]
    figure, axes = plt.subplots(figsize=(6.6, 3.2))
    axes.axhline(1, color=QUIET, linestyle=":")
    axes.annotate("zero flow: nothing moves", (rows.ms.max() * 2, 1), ha="right", va="bottom", color=QUIET)
    axes.scatter(rows.ms, rows.share_of_zero_flow, s=300 * rows.gain, color=ACCENT)
    for above, row in zip((True, False, True, False), rows.itertuples(), strict=False):
        text, place = f"{row.method}, gain {row.gain:.2f}", (0, 12 if above else -20)
        axes.annotate(text, (row.ms, row.share_of_zero_flow), place, textcoords="offset points", ha="center")
    axes.set(xscale="log", xlabel="milliseconds a pair, one core", ylabel="endpoint error,\nshare of zero flow's")
    axes.set(ylim=(0, 1.15), xlim=(rows.ms.min() / 2, rows.ms.max() * 2.2))
    best = rows.loc[rows.share_of_zero_flow.idxmin()]
    axes.set_title(
        f"{best.method} is nearest to the true motion: {best.share_of_zero_flow:.0%} of the error of no flow"
    )
    return figure


def plot_fields(row, root=None, crop=128):
    """True displacement (where it is known) and what each available method finds in one clip. Returns a figure."""
    pair = faces.crops(row, (row.onset, row.apex), crop)
    fields = {"truth": _true_field(row, root, crop)} if root else {}  # shown inside the face: around it nothing counts
    available = [name for name in methods.METHODS if not methods.missing(name)]
    fields |= {METHOD_NAMES[name]: flow.between(*pair, name)[:2] for name in available}
    fields = {name: faces.region(field, "face") for name, field in fields.items()}
    longest = max(np.percentile(np.hypot(*field), 99.5) for field in fields.values())
    figure, axes = plt.subplots(1, len(fields), figsize=(2.3 * len(fields), 3.4))
    for spot, (name, field) in zip(axes, fields.items(), strict=True):
        spot.imshow(flow.hsv(field, longest))
        _arrows(spot, field, colour="white")
        spot.set_title(name, loc="center", fontsize=10)
        spot.set_axis_off()
    figure.suptitle(f"The same clip by every method (brightness: length, up to {longest:.1f} px; hue: direction)")
    return figure


def compute_strain_examples(size=33, rate=0.02):
    """Four textbook fields, their strain in theory and as computed: DataFrame(field, theory, computed)."""
    rows = []
    for name, (gradient, theory) in _TEXTBOOK.items():
        values = flow.strain(_textbook(gradient, size, rate))
        rows.append((name, theory * rate, float(values.mean()), float(np.abs(values - theory * rate).max())))
    return pd.DataFrame(rows, columns=["field", "theory", "computed", "largest_difference"])


def plot_strain_examples(size=33, rate=0.02):
    """The same four fields as arrows over their strain. Returns a figure."""
    figure, axes = plt.subplots(1, len(_TEXTBOOK), figsize=(11, 2.9))
    for spot, (name, (gradient, _)) in zip(axes, _TEXTBOOK.items(), strict=True):
        field = _textbook(gradient, size, rate)
        image = spot.imshow(flow.strain(field), cmap=SEQUENTIAL, vmin=0, vmax=1.5 * rate)
        _arrows(spot, field, step=5, colour="white")
        spot.set_title(name, loc="center", fontsize=9.5)
        spot.set_axis_off()
    figure.colorbar(image, ax=axes, shrink=0.8, label="strain (no unit)")
    figure.suptitle("Strain sees stretching and shearing skin, and neither shift nor turn of the head")
    return figure


# du/dx, du/dy, dv/dx, dv/dy in units of the rate, and the strain this must give
_TEXTBOOK = {
    "stretch": ((1, 0, 0, 0), 1.0),
    "shear": ((0, 1, 1, 0), np.sqrt(2)),
    "small rotation": ((0, 1, -1, 0), 0.0),
    "shift": ((0, 0, 0, 0), 0.0),
}


def _textbook(gradient, size, rate):
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    a, b, c, d = (rate * value for value in gradient)
    shift = 0.3 if not any(gradient) else 0.0
    return np.stack([a * x + b * y + shift, c * x + d * y])


def _arrows(axes, field, step=8, colour="black"):
    height, width = field.shape[1:]
    y, x = np.mgrid[step // 2 : height : step, step // 2 : width : step]
    u, v = (part[step // 2 :: step, step // 2 :: step] for part in field[:2])
    longest = max(np.percentile(np.hypot(u, v), 99), 1e-6)
    axes.quiver(x, y, u, v, color=colour, angles="xy", scale_units="xy", scale=longest / (1.4 * step), width=0.006)


def _true_field(row, root, crop):
    field = truth.displacement(row.sample_id, root, row.apex)
    ratio = crop / field.shape[-1]
    return np.stack([cv2.resize(part, (crop, crop), interpolation=cv2.INTER_LINEAR) for part in field]) * ratio


def _errors(moved, true):
    where = np.hypot(*true) > MOVING
    if not where.any():
        return {"error": np.nan, "still": np.nan, "along": 0.0, "square": 0.0}
    return {
        "error": np.hypot(*(moved - true))[where].mean(), "still": np.hypot(*true)[where].mean(),
        "along": (moved * true)[:, where].sum(), "square": (true**2)[:, where].sum(),
    }  # fmt: skip
