"""Several rows of one clip on both sides: its temporal windows, or copies of its map, dealt out at random.

Of frames: flow onset-apex, apex-offset, onset-offset, as source 004 trains on each of three frames ("temporal
expansion"). Of ready-made maps, which have one window: the map, its mirror image, and the map shifted by a pixel, made
before the split. The clean twin has the same rows, in folds of whole people. Every row is scored.
"""

from functools import partial

import numpy as np

from helpers.evaluation import arrays
from helpers.evaluation.leaks import Leak, _twins
from helpers.motion import flow

FOLDS = 5


def rows(data):
    """Data with three rows a clip. Clips that cannot be measured in all windows are left out."""
    if set(data.samples.kind) == {"flow"}:
        return spread(data, ("map", "mirrored", "shifted"), copies(data.X))
    side = data.X.shape[-1]
    setting = flow.Setting(
        windows=arrays.WINDOWS, size=arrays.SIDES[data.profile.name]["windows"],
        crop=arrays.CROP.get(data.profile.name, 128),
    )  # fmt: skip
    motion = flow.extract(data.samples, setting)
    data = data.take(data.samples.sample_id.isin(motion.sample_id).to_numpy())
    return spread(data, ["-".join(window) for window in arrays.WINDOWS], arrays.resized(motion.values, side))


def copies(X):
    """(n, 1, 3, H, W) maps -> (n, 3, 3, H, W): each, mirrored (u changes sign), and shifted right by a pixel."""
    mirrored = X[..., ::-1] * np.array([-1, 1, 1], X.dtype)[:, None, None]
    shifted = np.concatenate([X[..., :1], X[..., :-1]], axis=-1)
    return np.concatenate([X, mirrored, shifted], axis=1)


def spread(data, names, X):
    """Data with a row for each of T views of a clip. X: (n, T, 3, H, W)."""
    n, views = X.shape[:2]
    more = data.take(np.repeat(np.arange(n), views), X=X.reshape(n * views, 1, *X.shape[2:]))
    more.samples["sample_id"] = [f"{one}#{name}" for one in data.samples.sample_id for name in names]
    return more


def _twins_of(data, family):
    more, learn = rows(data), partial(_twins.plain, family=family)
    folds, n = _twins.parts(more, FOLDS)
    table = _twins.ask(more, family, folds, learn, _twins.seeds_of(family, data))
    mixed = _twins.random_folds_that_mix_people(more, n)
    leaky = _twins.leaky(_twins.ask(more, f"{family}+mixed", mixed, learn), family, "windows")
    return _twins.Twins(_twins.honest(more, table, folds, f"windows{n}"), leaky)


LEAKS = (
    Leak(
        "windows", "several rows of a clip across folds", "three windows (or copies) of each clip, in random folds",
        "the same rows in folds of whole people", _twins_of,
    ),
)  # fmt: skip
