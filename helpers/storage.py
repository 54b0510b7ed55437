"""Files that last: digests for cache keys, fingerprints of folders, one writer a folder, all or nothing on disk."""

import errno
import hashlib
import json
import os
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from helpers.workspace import CACHE_VARIABLE, Unwritable

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


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

    While another process holds it, `wait` waits, and otherwise Unwritable is raised. Without fcntl (Windows) there
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
        except BlockingIOError as error:
            remedy = "wait until it ends, or give this run another --out-dir"
            raise Unwritable("another run is writing here", file=folder, remedy=remedy) from error
        except OSError as error:  # as on some disks of clusters
            remedy = f"give --out-dir (results) or ${CACHE_VARIABLE} (caches) a folder on another disk"
            raise Unwritable(f"this disk knows no locks ({error.strerror})", file=folder, remedy=remedy) from error
        yield


@contextmanager
def atomic(path):
    """Yield a temporary path beside `path`; it takes the final name only if the block ends without an error.

    Raises Unwritable where the disk is full.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}-{uuid4().hex}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise no_room(error, path) from error
    finally:
        temporary.unlink(missing_ok=True)


def reserve(path):
    """Claim the disk for a file that is laid out but empty: a full disk is then an error now, not a crash later."""
    if hasattr(os, "posix_fallocate"):  # not on macOS
        with open(path, "r+b") as file:
            try:
                os.posix_fallocate(file.fileno(), 0, max(1, os.fstat(file.fileno()).st_size))
            except OSError as error:
                if error.errno in FULL:
                    Path(path).unlink()
                    raise no_room(error, path) from error


def no_room(error, path):
    """Unwritable that says so, of an OSError whose number is one of FULL. path: what was to be written."""
    remedy = f"free some disk, or give --out-dir (results) or ${CACHE_VARIABLE} (caches) a folder on another one"
    return Unwritable(f"it could not be written ({error.strerror.lower()})", file=path, remedy=remedy)
