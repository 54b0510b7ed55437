"""The clips that most models miss, looked at. For notebook 06."""

import matplotlib.pyplot as plt
import numpy as np
from scipy import stats

from helpers.evaluation import regions
from helpers.evaluation.scores import interval
from helpers.motion import faces, flow


def strength(data):
    """(n,) mean length of onset-to-apex flow inside the regions, in the units of the maps."""
    maps = data.kinds["flow"]
    moved = maps[:, 0, :2] - np.median(maps[:, 0, :2], axis=(-2, -1), keepdims=True)
    return np.hypot(moved[:, 0], moved[:, 1])[:, regions.boxes_of(maps, data.samples)[regions.BOXES]].mean(axis=1)


def say_failures(missed, data, names, task, resamples, seed):
    """How many clips most models miss, which class and confusion most, and whether weak motion is the reason."""
    hard = missed[missed.missed > 0.5]
    share = (missed.missed > 0.5).groupby(missed.y_true).mean()
    pairs = hard.groupby(["y_true", "said"]).size()
    pair = (
        f"the commonest confusion is {' taken for '.join(pairs.idxmax())}" if len(hard) else "no confusion stands out"
    )
    moved = missed.sample_id.map(dict(zip(data.samples.sample_id, strength(data), strict=True))).to_numpy()
    rho = stats.spearmanr(moved, missed.missed).statistic
    low, high = interval(_drawn_rho(moved, missed, resamples, seed))
    weak = "weaker motion is missed more" if high < 0 else "stronger motion is missed more"
    weak = "no relation can be told" if low <= 0 <= high else weak
    return (
        f"**{task}**: {len(hard)} of {len(missed)} clips are missed by most of {len(names)} models, "
        f"{(missed.missed == 1).sum()} by all. Hardest: {_those(share, share.max())}; "
        f"easiest: {_those(share, share.min())}; {pair}. Strength of motion and being missed: rank "
        f"correlation {rho:+.2f} ({low:+.2f} to {high:+.2f}), {weak}."
    )


def _those(share, value):
    return f"{', '.join(share.index[share == value])} ({value:.0%} of the clips)"


def _drawn_rho(moved, missed, resamples, seed):
    """Rank correlations of resampled people."""
    rng, rows = np.random.default_rng(seed), list(missed.groupby("subject").indices.values())
    drawn = []
    for _ in range(min(resamples, 500)):
        some = np.concatenate([rows[k] for k in rng.integers(len(rows), size=len(rows))])
        drawn.append(stats.spearmanr(moved[some], missed.missed.to_numpy()[some]).statistic)
    return np.array(drawn)[np.isfinite(drawn)]


def plot_failures(missed, data, may_show, shown=6, size=128):
    """The clips that most models miss, at most two a class: apex frame where it may be shown, flow by direction."""
    some = missed.groupby("y_true").head(2).head(shown)
    rows, may_show = data.samples.set_index("sample_id", drop=False), may_show and "frames" in data.kinds
    inside = regions.boxes_of(data.kinds["windows"], data.samples)[regions.BOXES]
    figure, grid = plt.subplots(1 + may_show, len(some), figsize=(1.75 * len(some), 1.75 * (1 + may_show) + 1.1),
                                squeeze=False)  # fmt: skip
    for axes, clip in zip(grid.T, some.itertuples(), strict=True):
        row = rows.loc[clip.sample_id]
        moved = data.kinds["windows"][rows.index.get_loc(clip.sample_id), 0, :2].astype(np.float32)
        moved = moved - np.median(moved, axis=(1, 2), keepdims=True)
        longest = np.percentile(np.hypot(*moved)[inside], 99)
        if may_show:
            axes[0].imshow(faces.crops(row, (row.apex,), size, gray=False)[0])
        axes[-1].imshow(flow.hsv(moved * np.where(inside, 1, 0.15).astype(np.float32), longest))
        title = f"{clip.sample_id.split('/', 1)[-1]}\n{clip.y_true}\nsaid {clip.said}\n{clip.missed:.0%} miss it"
        axes[0].set_title(title, loc="center", fontsize=8.5, fontweight="normal")
        for spot in axes:
            spot.set_axis_off()
    what = "apex frame above, motion below" if may_show else "their motion"
    figure.suptitle(f"Missed by most: {what} (hue: direction; dimmed outside the regions)")
    return figure
