"""What a feature asks of its input, in one place: the number of dimensions, the type, finite numbers.

Each check returns the array (clips: the array or list of arrays) that it accepted, or raises WorkbookError, which names
the first row at fault where one is. Constant pictures, clips and maps are accepted: every feature is finite on them.
"""

import numpy as np

from helpers.workspace import WorkbookError

SHAPES = {
    "stills": "(n, H, W) or (n, H, W, 3) uint8",
    "clips": "(n, T, H, W) uint8, or a list of n clips (T, H, W)",
    "flow": "(n, T, 3, H, W): u, v and strain",
    "features": "(n, d)",
}


def stills(X):
    """Pictures (n, H, W) or (n, H, W, 3) uint8."""
    X = _array(X, "stills")
    if X.ndim not in (3, 4) or (X.ndim == 4 and X.shape[3] != 3):
        _refuse("stills", X.shape)
    return _bytes(_filled(X), "pictures")


def clips(X):
    """Gray clips (n, T, H, W) uint8, or a list of n clips (T, H, W) uint8 that differ in length."""
    if isinstance(X, np.ndarray) and X.dtype != object:
        if X.ndim != 4:
            _refuse("clips", X.shape)
        return _bytes(_filled(X), "clips")
    X = [_array(clip, "clips") for clip in X]
    for row, clip in enumerate(X):
        if clip.ndim != 3 or clip.shape[1:] != X[0].shape[1:]:
            problem = f"this clip has the shape {clip.shape}, the first one {X[0].shape}"
            raise WorkbookError(problem, row=row, remedy=f"give {SHAPES['clips']}, all of one H and W")
        _bytes(clip, "clips", row)
    return _filled(X)


def flow(X):
    """Flow (n, T, 3, H, W), every number finite."""
    X = _array(X, "flow")
    if X.ndim != 5 or X.shape[2] != 3 or 0 in X.shape[1:]:
        _refuse("flow", X.shape)
    return finite(X)


def features(X):
    """Rows of numbers (n, d), all finite."""
    X = _array(X, "features")
    if X.ndim != 2:
        _refuse("features", X.shape)
    return finite(X)


def finite(X):
    """Any array (n, ...) of numbers, structured or not; WorkbookError names the first row with NaN or infinity."""
    fields = [X[name] for name in X.dtype.names] if _filled(X).dtype.names else [X]
    bad = ~np.all([np.isfinite(values).reshape(len(X), -1).all(axis=1) for values in fields], axis=0)
    if bad.any():
        problem = f"the numbers are not finite ({bad.sum()} such row{'s' if bad.sum() > 1 else ''}, this is the first)"
        raise WorkbookError(
            problem, row=int(bad.argmax()), remedy="leave these rows out by name, or measure them again"
        )
    return X


CHECKS = {"stills": stills, "clips": clips, "flow": flow, "features": features}


def _array(X, what):
    try:
        X = np.asarray(X)
    except ValueError:  # rows that differ in shape
        X = np.empty(len(X), object)
    if X.dtype.kind not in "fiub":
        problem = f"what was given as {what} is not one array of numbers ({X.dtype}, shape {X.shape})"
        raise WorkbookError(problem, remedy=f"give {what} {SHAPES[what]}")
    return X


def same(shape, known):
    """A row's shape is that of fit, or WorkbookError."""
    if tuple(shape) != tuple(known):
        problem = f"rows have the shape {tuple(shape)}, in fit they had {tuple(known)}"
        raise WorkbookError(problem, remedy="bring all samples to one size")


def whole(name, value, least=1):
    """An integer setting of a feature, at least `least`; WorkbookError names the setting."""
    if not isinstance(value, (int, np.integer)) or value < least:
        raise WorkbookError(f"{name} is {value!r}", remedy=f"give a whole number of {least} or more")


def grid(value):
    """A grid of blocks, (rows, columns)."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise WorkbookError(f"grid is {value!r}", remedy="give (rows, columns)")
    for name, number in zip(("grid rows", "grid columns"), value, strict=True):
        whole(name, number)


def _refuse(what, shape):
    raise WorkbookError(f"the array has the shape {tuple(shape)}", remedy=f"give {what} {SHAPES[what]}")


def _filled(X):
    if len(X) == 0:
        raise WorkbookError("there are no rows", remedy="give at least one sample")
    return X


def _bytes(X, what, row=None):
    if X.dtype != np.uint8:
        if row is None:
            finite(X)  # a row that holds NaN is the more useful complaint
        problem = f"{what} are {X.dtype}, not uint8"
        raise WorkbookError(problem, row=row, remedy="give grey levels 0 to 255, as frames are read")
    return X
