"""What every regressor of intensity asks of its input: clips of maps, a number for each of their frames."""

import numpy as np

from helpers.workspace import WorkbookError

AXES = (2, 3, 4)  # of one map in (n, T, 3, H, W)


def check(X):
    """(n, T, 3, H, W), u, v, strain, NaN throughout where a step has no frame -> the same as an array.

    A map of zeros is a map: nothing moved. WorkbookError names the first row with a map that is finite in part only,
    or without any frame.
    """
    X = np.asarray(X)
    if X.dtype.kind != "f" or X.ndim != 5 or X.shape[2] != 3 or 0 in X.shape:
        problem = f"the array has the shape {X.shape} and the type {X.dtype}"
        raise WorkbookError(problem, remedy="give (n, T, 3, H, W) floats: u, v and strain, NaN where there is no frame")
    finite = np.isfinite(X).all(axis=AXES)
    _refuse(~(finite | np.isnan(X).all(axis=AXES)).all(axis=1), "a map holds numbers that are not finite",
            "measure the clip again, or set the whole map to NaN: a missing frame")  # fmt: skip
    _refuse(~finite.any(axis=1), "the clip has no frame", "leave the clip out by name")
    return X


def mask(X):
    """(n, T) bool of checked clips: the steps that have a frame."""
    return ~np.isnan(X[:, :, 0, 0, 0])


def still(maps):
    """(m, 3, H, W) -> float32 copy, each map's own median off u and v: what is left of head motion."""
    maps = np.array(maps, np.float32)
    maps[:, :2] -= np.median(maps[:, :2], axis=(-2, -1), keepdims=True)
    return maps


def labels(y, real):
    """(n, T) intensities, NaN where a frame has none -> (n, T) float32, NaN at steps without a frame as well.

    real: (n, T) bool, of `mask`. WorkbookError names the first row with an intensity outside 0..1, or without any.
    """
    y = np.asarray(y, np.float32)
    if y.shape != real.shape:
        problem = f"there are intensities {y.shape} for clips {real.shape}"
        raise WorkbookError(problem, remedy="give one a step, (n, T), NaN where there is none")
    _refuse(((y < 0) | (y > 1)).any(axis=1), "an intensity lies outside 0..1", "correct the table, or rescale it")
    y = np.where(real, y, np.float32(np.nan))
    _refuse(np.isnan(y).all(axis=1), "no frame of the clip has an intensity", "leave the clip out by name")
    return y


def _refuse(bad, problem, remedy):
    """WorkbookError for the first row where (n,) `bad` is True."""
    if bad.any():
        raise WorkbookError(problem, row=int(bad.argmax()), remedy=f"{remedy} ({bad.sum()} of {len(bad)} rows)")
