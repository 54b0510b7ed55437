"""Files that last: digests for cache keys, fingerprints of folders, one writer a folder, all or nothing on disk."""

import hashlib
import json
import os
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from helpers.workspace import WorkbookError


def digest(*things):
    """Short SHA-256 over strings, bytes, files' contents (Path) and JSON-able objects: the key of every cache."""
    total = hashlib.sha256()
    for thing in things:
        if isinstance(thing, Path):
            thing = thing.read_bytes()
        elif not isinstance(thing, bytes):
            thing = json.dumps(thing, sort_keys=True, default=str).encode()
        total.update(hashlib.sha256(thing).digest())
    return total.hexdigest()[:16]


def fingerprint(folder, times=True):
    """Digest of a folder's files by relative name, size and modification time (contents would cost minutes).

    Linked folders are entered: large datasets often lie on another disk. Without `times` the digest is the same on
    every machine that holds the same files, and blind to a change that keeps a file's size.
    """
    found, seen = [], set()
    for here, folders, files in os.walk(folder, followlinks=True):
        inside = os.path.realpath(here)
        if inside in seen:  # a link that leads back to a folder above it
            folders.clear()
            continue
        seen.add(inside)
        for name in files:
            path = Path(here, name)
            state = path.stat() if path.exists() else path.lstat()
            found.append((path.relative_to(folder).as_posix(), state.st_size, state.st_mtime_ns if times else 0))
    return digest(sorted(found))


@contextmanager
def lock(folder, wait=False):
    """Keep a folder of results to one run at a time; the system releases it, however the process ends.

    While another process holds it, `wait` waits, and otherwise a WorkbookError is raised. Without fcntl (Windows) there
    is no lock.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    with open(Path(folder) / ".lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError as error:
            remedy = "wait until it ends, or give this run another --out-dir"
            raise WorkbookError("another run is writing here", file=folder, remedy=remedy) from error
        yield


@contextmanager
def atomic(path):
    """Yield a temporary path beside `path`; it takes the final name only if the block ends without an error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}-{uuid4().hex}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
