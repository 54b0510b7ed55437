"""What networks are fed: rows of one array, or of several side by side, standardised and, in training, augmented.

Inside, rows are always {field: tensor}; a plain array is the field None. Kinds of fields: `flow` (n, ..., 3, H, W),
u, v and strain; `picture` (n, ..., H, W); `numbers` (n, d); `mask` (n, T), 1 where the flow beside it has a map: then a
map is padding where the mask says so, else where it is zero throughout. Imports torch: import this module inside
functions.
"""

import numpy as np
import torch
from torch.nn import functional

from helpers.models import _augmentation
from helpers.workspace import WorkbookError

KINDS = ("flow", "picture", "numbers", "mask")


def fields(X):
    """{field: array} of a structured array, {None: X} of a plain one."""
    return {name: X[name] for name in X.dtype.names} if X.dtype.names else {None: X}


def kinds_of(X, known):
    """{field: kind}; WorkbookError for a field that nobody said the kind of. known: {field: one of KINDS}."""
    for name in fields(X):
        if known.get(name) not in KINDS:
            raise WorkbookError(
                f"nobody says of what kind the field {name!r} is", remedy="name it in KINDS of the class"
            )
    return {name: known[name] for name in fields(X)}


def measure(X, kinds):
    """{field: (centre, scale)} over these rows, which must be training rows only.

    Flow is divided by the root mean square of each channel, (3, 1, 1), over maps that are not padding; it stays
    uncentred, since zero means no motion. Of pictures one mean and deviation are taken, of numbers those of each
    column; a mask stays as it is.
    """
    rows = fields(X)
    mask = next((values for name, values in rows.items() if kinds[name] == "mask"), None)
    return {
        name: _flow(values, mask) if kinds[name] == "flow" else MEASURES[kinds[name]](values)
        for name, values in rows.items()
    }


def _flow(values, mask):
    real = values.any(axis=(-3, -2, -1)) if mask is None else mask
    size = np.sqrt(np.square(values[real], dtype=np.float64).mean(axis=(0, 2, 3)))
    return None, np.where(size > 0, size, 1).astype(np.float32)[:, None, None]


def _picture(values):
    return np.float32(values.mean(dtype=np.float64)), np.float32(values.std(dtype=np.float64) or 1)


def _numbers(values):
    spread = values.std(axis=0, dtype=np.float64)
    return values.mean(axis=0, dtype=np.float64).astype(np.float32), np.where(spread > 0, spread, 1).astype(np.float32)


def _mask(values):
    return None, np.float32(1)


MEASURES = {"picture": _picture, "numbers": _numbers, "mask": _mask}


class Feed:
    """Rows that a network is fed, on its device, and what each is to be told.

    rows: {field: tensor (n, ...)}; truth: (n, ...) class numbers or targets, or None; standard: of `measure`; kinds: of
    `kinds_of`; augment: settings of `_augmentation`, or None; dtype: what batches are made of.
    """

    def __init__(self, rows, truth, standard, kinds, augment=None, device="cpu", dtype=torch.float32):
        self.rows = {name: values.to(device) for name, values in rows.items()}
        self.truth = None if truth is None else torch.as_tensor(truth, device=device)
        self.kinds, self.augment, self.dtype = kinds, augment, dtype
        self.standard = {
            name: [None if value is None else torch.as_tensor(value, device=device, dtype=dtype) for value in pair]
            for name, pair in standard.items()
        }

    def __len__(self):
        return len(next(iter(self.rows.values())))

    def batch(self, index, chance=None):
        """A tensor (n, ...), or {field: tensor} of several: the rows of `index`. chance: generator, while training."""
        found = {name: values[index].to(self.dtype) for name, values in self.rows.items()}
        changed = self.augment is not None and chance is not None
        if changed:
            found = _augmentation.moved(found, self.kinds, self.augment, chance)
        found = {name: self._standardised(name, values) for name, values in found.items()}
        if changed:
            found = _augmentation.noisy(found, self.kinds, self.augment, chance)
        return found[None] if None in found else found

    def _standardised(self, name, values):
        centre, scale = self.standard[name]
        return (values if centre is None else values - centre) / scale


def tensors(X):
    """{field: tensor (n, ...)}, of the array's own type: bytes stay bytes until they are in a batch."""
    return {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in fields(X).items()}


def first_maps(X, side):
    """(n, T, 3, H, W) flow -> (n, 1, 3, side, side) float32: the first window, which is onset to apex.

    Each map's own median is taken off u and v: what is left of head motion. Other sizes are resized, vectors included.
    """
    maps = np.array(X[:, 0], np.float32)
    maps[:, :2] -= np.median(maps[:, :2], axis=(-2, -1), keepdims=True)
    height, width = maps.shape[-2:]
    if (height, width) != (side, side):
        smaller = functional.interpolate(torch.from_numpy(maps), (side, side), mode="bilinear", antialias=True)
        maps = smaller.numpy() * np.array([side / width, side / height, 1], np.float32)[:, None, None]
    return maps[:, None]
