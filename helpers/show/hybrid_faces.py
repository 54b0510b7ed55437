"""Where the hybrid looks, drawn on the face. For notebook 06.

The network that is looked into is trained on some of the people and asked about the others: what it attends to in clips
that it knows by heart would say little.
"""

from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from helpers import labels, models
from helpers.evaluation import attribution, splits
from helpers.evaluation.hybrids import HYBRID
from helpers.models._regions import BOXES
from helpers.motion import faces
from helpers.show.plots import ACCENT, PALETTE, QUIET, SHADES

PARTS = 4  # people are parted so often, and one part is asked
STEPS = 48  # on the way of integrated gradients


class Look(NamedTuple):
    """A network and the people it was not trained on."""

    network: object  # fitted
    samples: pd.DataFrame  # (n,) clips of the others
    X: np.ndarray  # (n, T, 3, H, W) in the standard crop
    y: np.ndarray  # (n,) their classes
    trained_on: int  # people


def look(data, scheme, profile, seed, name=HYBRID):
    """A Look: the network fitted on three of four parts of the people, each person whole. data: arrays.Arrays.

    Of the four the part is asked without which most classes are left to train on, then that of most people.
    """
    y = labels.targets(data.samples, scheme)
    some, y = data.select(y.notna().to_numpy()), y.dropna().to_numpy(str)
    X, who = some.of(name), some.samples.subject.to_numpy(str)
    fold = max(splits.parts(some.samples, PARTS), key=lambda fold: (len(set(y[fold.train])), len(set(who[fold.test]))))
    model = models.build(name, profile, seed).fit(X[fold.train], y[fold.train], groups=who[fold.train])
    known = np.isin(y[fold.test], model.classes_)
    asked = fold.test[known]
    rows = some.samples.iloc[asked].reset_index(drop=True)
    return Look(model[-1], rows, X[asked], y[asked], len(set(who[fold.train])))


def backdrop(found, may_show, size=128):
    """A face to draw on, (size, size, 3) uint8, where one may be shown; else the mean strain map (H, W)."""
    if may_show and found.samples.kind.iloc[0] != "flow":
        row = next(found.samples.iloc[[0]].itertuples(index=False))
        return faces.crops(row, (row.onset,), size, gray=False)[0]
    return found.X[:, 0, 2].mean(axis=0)


def attention(found):
    """({name of a region: share it gets}, (R, R) mean weights, (T, T) mean weights of windows, spread over clips)."""
    graph = found.network.attention(found.X)
    names = found.network.regions
    windows = found.network.attended("windows", found.X).mean(axis=0)
    received = dict(zip(names, graph.mean(axis=(0, 1)), strict=True))
    return received, graph.mean(axis=0), windows, float(graph.std(axis=0).mean())


def plot_attention(found, picture):
    """Regions and the graph's edges on a face or mean map, the weights as a table, and those between windows."""
    received, edges, windows, _ = attention(found)
    figure, (face, table, time) = plt.subplots(1, 3, figsize=(11, 3.9), width_ratios=(1.15, 1, 0.7))
    side, alike = picture.shape[0], 1 / len(received)
    face.imshow(picture, cmap="gray", alpha=0.75)
    boxes = {name: np.array(BOXES[name]) * side for name in received}
    middle = {name: ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) for name, box in boxes.items()}
    for i, to in enumerate(received):
        for j, of in enumerate(received):
            if i != j:
                style = {"arrowstyle": "-|>", "color": PALETTE["happiness"], "alpha": 0.9, "shrinkA": 6, "shrinkB": 6}
                style |= {"connectionstyle": f"arc3,rad={0.35 + 0.2 * abs(i - j)}"}
                width = np.clip(1.5 + 25 * (edges[i, j] - alike), 0.3, 6)
                face.annotate("", middle[to], middle[of], arrowprops=style | {"linewidth": width})
    (left, top), (right, bottom) = _inside(found.network.regions, side)
    for name, (x0, y0, x1, y1) in boxes.items():
        face.add_patch(plt.Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, ec=ACCENT, lw=1.5))
        face.scatter(*middle[name], s=900 * received[name] ** 1.5, color=ACCENT, zorder=3, alpha=0.9)
        line = {"arrowstyle": "-", "color": QUIET}
        face.annotate(f"{name} {received[name]:.2f}", (x1, middle[name][1]), (right + 0.02 * side, middle[name][1]),
                      fontsize=9, va="center", arrowprops=line, annotation_clip=False)  # fmt: skip
    face.set(xlim=(left, right), ylim=(bottom, top))
    face.set_axis_off()
    face.set_title("share of attention that a region gets", fontsize=9.5, fontweight="normal")
    _heat(table, edges, list(received), "graph: a row listens to a column")
    if len(windows) > 1:
        _heat(time, windows, ["onset→apex", "apex→offset"], "windows, likewise")
    else:
        time.set_axis_off()  # a single window listens to itself
    most = max(received, key=received.get)
    figure.suptitle(f"The graph listens to {most} most ({received[most]:.2f}; alike would be {alike:.2f})")
    return figure


def _inside(names, side):
    """((left, top), (right, bottom)) in pixels: what holds all boxes, and a little more."""
    ends = np.array([BOXES[name] for name in names]) * side
    return ends[:, :2].min(axis=0) - 0.04 * side, ends[:, 2:].max(axis=0) + 0.04 * side


def _heat(axes, values, names, title):
    axes.imshow(values, cmap=SHADES, vmin=0, vmax=max(1.5 * values.max(), 1e-9))
    for (i, j), value in np.ndenumerate(values):
        axes.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=9)
    axes.set_xticks(range(len(names)), names, rotation=20)
    axes.set_yticks(range(len(names)), names)
    axes.set_title(title, fontsize=9.5, fontweight="normal")


def say_attention(found):
    """How far attention is from treating all regions alike, and how much it depends on the clip."""
    received, edges, _, spread = attention(found)
    most, least = max(received, key=received.get), min(received, key=received.get)
    asked = found.samples.subject.nunique()
    return (
        f"Trained on {found.trained_on} people and asked about {asked} other{'s' * (asked > 1)}: `{most}` gets "
        f"**{received[most]:.2f}** of the attention, `{least}` {received[least]:.2f}; weights reach "
        f"from {edges.min():.2f} to {edges.max():.2f} where alike would be {1 / len(received):.2f}, and differ between "
        f"clips by a standard deviation of {spread:.3f}, between regions by {np.std([*received.values()]):.3f}."
    )


def gradients(found):
    """Integrated gradients of the true class of every clip: an attribution.Attribution."""
    return attribution.integrated_gradients(found.network, found.X, found.y, STEPS)


def shares(found, explained):
    """Share of absolute attribution by region (columns) and true class (rows); boxes share a few pixels."""
    maps, names = np.abs(explained.maps()).sum(axis=1), found.network.regions
    by_box = np.array([_box(maps, name).sum(axis=(-2, -1)) for name in names])  # (R, n)
    rows = {label: by_box[:, found.y == label].sum(axis=1) for label in sorted(set(found.y), key=list(PALETTE).index)}
    table = pd.DataFrame(rows, index=list(names)).T
    return table.div(table.sum(axis=1), axis=0).rename_axis("class")


def _box(maps, name):
    height, width = maps.shape[-2:]
    x0, y0, x1, y1 = BOXES[name]
    return maps[..., round(y0 * height) : round(y1 * height), round(x0 * width) : round(x1 * width)]


def plot_gradients(found, explained):
    """Mean attribution of each true class (columns) in each window (rows), with the boxes the network reads."""
    names, maps = sorted(set(found.y), key=list(PALETTE).index), explained.maps()
    means = np.array([maps[found.y == name].mean(axis=0) for name in names])  # (K, T, H, W)
    (left, top), (right, bottom) = _inside(found.network.regions, maps.shape[-1])
    tall = 1.7 * (bottom - top) / (right - left)
    size = 1.7 * len(names) + 1.2, tall * maps.shape[1] + 1
    figure, grid = plt.subplots(maps.shape[1], len(names), figsize=size, squeeze=False)
    for column, name in enumerate(names):
        largest = np.percentile(np.abs(means[column]), 99.5) or 1
        for row, axes in enumerate(grid[:, column]):
            image = axes.imshow(means[column, row] / largest, cmap="RdBu_r", vmin=-1, vmax=1)
            for box in found.network.regions:
                x0, y0, x1, y1 = np.array(BOXES[box]) * maps.shape[-1] - 0.5
                axes.add_patch(plt.Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, ec=QUIET, lw=0.7))
            axes.set(xticks=[], yticks=[], xlim=(left, right), ylim=(bottom, top))
        clips = (found.y == name).sum()
        grid[0, column].set_title(f"{name}\n{clips} {'clip' if clips == 1 else 'clips'}", loc="center", fontsize=9)
    for axes, label in zip(grid[:, 0], ("onset to apex", "apex to offset"), strict=False):
        axes.set_ylabel(label)
    figure.colorbar(image, ax=grid, shrink=0.8, label="for (red) or against (blue) the class,\n1: largest of the class")
    share = shares(found, explained).mean()
    pixels = {box: _box(maps, box)[0, 0].size for box in found.network.regions}
    held = f"holds {share.max():.0%} of it and {pixels[share.idxmax()] / sum(pixels.values()):.0%} of the pixels"
    figure.suptitle(f"What speaks for or against each class: the {share.idxmax()} box {held}")
    return figure


def say_gradients(explained):
    """Whether the attributions add up to what they explain."""
    rest = np.abs(explained.residual).mean() / np.abs(explained.difference).mean()
    return (
        f"Attributions must add up to the difference between the class's score for the clip and for no motion; on "
        f"average {rest:.1%} of it is missing, which is the error of taking {STEPS} steps."
    )
