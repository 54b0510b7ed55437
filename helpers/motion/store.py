"""A store of computed arrays on disk: one `.npy` file a dataset and setting, one row a clip, read by slice.

A row is computed again only when its request (settings, key frames) or one of the files it was made from (name, size,
modification time) has changed. Rows are written as they are computed, with their checksum in a journal, so that an
interrupted run goes on where it stopped; the file takes its final name only when it is complete.
"""

import json
import os
import zlib
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from helpers import parallel, storage, workspace
from helpers.weights import Unavailable
from helpers.workspace import WorkbookError


class Request(NamedTuple):
    """One row asked for."""

    name: str  # sample_id
    what: dict  # everything the row depends on besides files, JSON-able
    place: str  # folder or file of the clip: a row that could not be made is tried again when this has changed


def stored(folder, requests, make, shape, what="clips", threads=True):
    """Rows of all requests, made where the store does not hold them: (array, {position: reason of a row left out}).

    folder: of this store. requests: list of Request. make: position -> (array of `shape`, [paths it was made from]);
    a WorkbookError from it leaves the row out and is the reason. what: word for the progress bar. threads: for work
    that OpenCV does, which lets other threads run; processes otherwise. Returns (n, *shape) float32, a read-only memory
    map where the rows lie side by side; rows left out are zeros. A scheduler (`helpers.parallel`), and
    joblib.parallel_config around the call, take precedence over `threads`. Rows that others asked for stay, unless
    their files have changed.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    keys = [storage.digest(*request[:2], list(shape)) for request in requests]
    with storage.lock(folder, wait=True):
        index = _read(folder, shape)
        if not all(key in index and _unchanged(index[key]) for key in keys):
            index = _renew(
                folder, index, dict(zip(keys, range(len(keys)), strict=True)), requests, make, shape, what, threads
            )
        rows = [index[key]["row"] for key in keys]
        array = np.load(folder / "rows.npy", mmap_mode="r")
    side_by_side = rows == list(range(rows[0], rows[0] + len(rows)))
    reasons = {position: index[key]["reason"] for position, key in enumerate(keys) if index[key]["reason"]}
    return array[rows[0] : rows[0] + len(rows)] if side_by_side else array[rows], reasons


def _renew(folder, old, positions, requests, make, shape, what, threads):
    """Write a new file beside the old one: unchanged rows copied, those of an interrupted run taken over, rest made."""
    kept = {key: entry for key, entry in old.items() if _unchanged(entry)}
    keys = [*positions, *(key for key in kept if key not in positions)]
    partial, journal = folder / "partial.npy", folder / "partial.jsonl"
    rows, index = _resume(partial, journal, keys, shape)
    if kept:
        source = np.load(folder / "rows.npy", mmap_mode="r")
        for row, key in enumerate(keys):
            if key in kept and key not in index:
                rows[row], index[key] = source[kept[key]["row"]], kept[key]
    todo = [key for key in keys if key not in index]
    work = (delayed(_attempt)(make, key, positions[key], requests[positions[key]].place) for key in todo)
    prefer = "threads" if threads else "processes"
    place = {key: row for row, key in enumerate(keys)}
    bar = {"total": len(todo), "desc": what, "unit": "clip", "leave": False, "disable": not workspace.watched()}
    with parallel.backend(make), journal.open("a", encoding="utf-8") as lines:
        results = Parallel(n_jobs=workspace.jobs(), prefer=prefer, return_as="generator_unordered")(work)
        for key, values, entry in tqdm(results, **bar):
            rows[place[key]] = 0 if values is None else values
            index[key] = entry | {"sum": zlib.crc32(rows[place[key]].tobytes())}
            lines.write(json.dumps([key, index[key]]) + "\n")
            lines.flush()
    rows.flush()
    index = {key: index[key] | {"row": row} for row, key in enumerate(keys)}
    (folder / "index.json").unlink(missing_ok=True)  # killed between the two: no index, and the rows are made again
    os.replace(partial, folder / "rows.npy")
    with storage.atomic(folder / "index.json") as temporary:
        temporary.write_text(json.dumps(index), encoding="utf-8")
    journal.unlink()
    return index


def _attempt(make, key, position, place):
    try:
        with joblib.parallel_config("sequential"):  # a clip has one core, and keeps to it
            values, paths = make(position)
    except Unavailable:  # concerns every row, and may end without any file changing
        raise
    except WorkbookError as error:
        where = f"{Path(error.file).name}: " if error.file else ""  # of the path only its end: tables are shared
        return key, None, {"files": [], "place": [place, _fingerprint(place)], "reason": where + error.problem}
    return key, values, {"files": [_state(path) for path in paths], "reason": ""}


def _unchanged(entry):
    if entry["reason"]:
        place, fingerprint = entry["place"]
        return _fingerprint(place) == fingerprint
    with suppress(OSError):  # a file that is gone has changed
        return all(_state(state[0]) == state for state in entry["files"])
    return False


def _fingerprint(place):
    return storage.fingerprint(place) if os.path.isdir(place) else _state(place) if os.path.exists(place) else None


def _state(path):
    state = os.stat(path)
    return [str(path), state.st_size, state.st_mtime_ns]


def _resume(partial, journal, keys, shape):
    """(rows, index) of an interrupted run for the very same keys, each row held against its sum; else fresh ones."""
    state, index = storage.digest(keys, list(shape)), {}
    lines = journal.read_text(encoding="utf-8").splitlines() if journal.exists() else []
    rows = _opened(partial, (len(keys), *shape), "r+") if lines and lines[0] == state else None
    if rows is None:
        journal.unlink(missing_ok=True)  # in this order: a journal never speaks of rows that are not laid out
        rows = np.lib.format.open_memmap(partial, mode="w+", dtype=np.float32, shape=(len(keys), *shape))
        storage.reserve(partial)
        journal.write_text(state + "\n", encoding="utf-8")
        return rows, index
    place = {key: row for row, key in enumerate(keys)}
    for line in lines[1:]:
        with suppress(ValueError):  # the last line of a killed run may be cut
            key, entry = json.loads(line)
            if _unchanged(entry) and zlib.crc32(rows[place[key]].tobytes()) == entry["sum"]:
                index[key] = entry
    return rows, index


def _opened(path, shape, mode):
    """The array of a file, or None where it is missing, cut off or of another shape."""
    with suppress(OSError, ValueError, EOFError):
        array = np.load(path, mmap_mode=mode)
        if array.dtype == np.float32 and array.shape == shape:
            return array
    return None


def _read(folder, shape):
    """The index, or an empty one where it or its rows are missing or damaged: then everything is made again."""
    with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        whole = {"row", "files", "reason"}
        rows = sorted(entry["row"] for entry in index.values() if whole <= set(entry))
        if rows == list(range(len(index))) and _opened(folder / "rows.npy", (len(index), *shape), "r") is not None:
            return index
    return {}
