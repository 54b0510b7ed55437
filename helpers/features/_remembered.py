"""Rows of numbers that cost much to compute, kept on disk by what they were computed from.

A folder holds the rows of one setting. Every call adds one file with the rows that were missing and the digests of what
they belong to; so two processes never write to the same file, and a file is there whole or not at all.
"""

import zipfile
from pathlib import Path

import numpy as np

from helpers import storage


def remembered(folder, items, compute):
    """Rows (n, d) float32 of items (n, ...), from `folder` where it holds them, else from compute(items that lack one).

    items: array; an item's bytes and shape are its key, so equal ones are computed once. compute: (m, ...) -> (m, d).
    """
    folder = Path(folder)
    keys = [storage.digest(np.ascontiguousarray(item).tobytes(), item.shape) for item in items]
    wanted, found = set(keys), {}
    for path in sorted(folder.glob("[!.]*.npz")):
        found |= _stored(path, wanted - set(found))
    first = {key: position for position, key in reversed(list(enumerate(keys))) if key not in found}
    if first:
        missing = sorted(first, key=first.get)
        rows = np.asarray(compute(items[sorted(first.values())]), np.float32)
        with storage.atomic(folder / f"{storage.digest(missing)}.npz") as temporary:
            np.savez(temporary, keys=np.array(missing), rows=rows)
        found |= dict(zip(missing, rows, strict=True))
    return np.stack([found[key] for key in keys])


def _stored(path, wanted):
    """{key: row} of those wanted that a file holds. A damaged file is removed: its rows are computed again."""
    try:
        with np.load(path, allow_pickle=False) as file:
            keys = file["keys"]
            here = [position for position, key in enumerate(keys) if key in wanted]
            return dict(zip(keys[here].tolist(), file["rows"][here], strict=True)) if here else {}
    except (EOFError, ValueError, KeyError, zipfile.BadZipFile):
        path.unlink(missing_ok=True)
        return {}
