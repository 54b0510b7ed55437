"""A dataset as one zip: unpacked once to the local disk, where thousands of small files are fast.

An archive comes from outside: members that would land beside the folder, links and passwords are refused, and nothing
is half unpacked. Files keep the times that the archive states, so that what was computed from them stays valid when the
same archive is unpacked on another day or machine.
"""

import calendar
import os
import shutil
import stat
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from helpers import storage, workspace
from helpers.workspace import WorkbookError

DENSEST, SMALL = 100, 2**28  # what an archive may unpack to: times its own size, or so many bytes
JUNK = "__MACOSX"  # what macOS adds to a zip
CORRECTIONS = "corrections.csv"  # an expert's decisions, which belong to the archive and not to its copy


def stage(archive):
    """The folder that a zip of a dataset was unpacked to, in data/staged; unpacks it unless that is done.

    A single folder that carries the archive's own name (casme2.zip holding casme2/) is entered. Decisions that lie
    beside the archive (see `keep_corrections`) are laid into the folder. Raises WorkbookError as `unpack` does.
    """
    archive = Path(archive)
    facts = archive.stat()
    base = workspace.ROOT / "data" / "staged"
    place = base / f"{archive.stem}-{storage.digest(archive.name, facts.st_size, facts.st_mtime_ns)}"
    base.mkdir(parents=True, exist_ok=True)
    with storage.lock(base, wait=True):
        if not place.exists():
            with tempfile.TemporaryDirectory(dir=base, prefix=".") as workshop:
                local = Path(workshop, archive.name)
                shutil.copyfile(archive, local)  # in one go: Drive is slow at jumping about in a file
                unpack(local, Path(workshop, "files"), name=archive)
                os.rename(Path(workshop, "files"), place)
            if _beside(archive).is_file():
                shutil.copyfile(_beside(archive), _entered(place, archive) / CORRECTIONS)
    return _entered(place, archive)


def keep_corrections(archive):
    """Copy the decisions made on a staged dataset to `<name>-corrections.csv` beside its archive, if they are new."""
    made, kept = stage(archive) / CORRECTIONS, _beside(Path(archive))
    if made.is_file() and not (kept.is_file() and kept.read_bytes() == made.read_bytes()):
        with storage.atomic(kept) as temporary:
            shutil.copyfile(made, temporary)


def unpack(archive, folder, name=None):
    """Unpack a zip into a new folder. name: what errors call it.

    Raises WorkbookError for a file that is no zip or is damaged, a member that is a link, has a password or a path
    that leads out of the folder, for two of one name, for more than DENSEST of what it takes itself (no pictures pack
    so well), and when the disk is too small for what the archive says it holds.
    """
    folder, name = Path(folder), name or archive
    try:
        with zipfile.ZipFile(archive) as content:
            members = [member for member in content.infolist() if not member.filename.startswith(JUNK)]
            for member in members:
                _refuse(member, name)
            if len({member.filename.casefold() for member in members}) < len(members):  # one file on many disks
                raise WorkbookError("two members have one name", file=name, remedy="zip the dataset's own folder")
            needed = sum(member.file_size for member in members)
            if needed > max(SMALL, DENSEST * os.path.getsize(archive)):
                problem = f"it unpacks to {needed / 1e9:.1f} GB, more than {DENSEST} times its size"
                raise WorkbookError(problem, file=name, remedy="do not use this archive; zip the dataset's own folder")
            folder.mkdir(parents=True)
            free = shutil.disk_usage(folder).free
            if needed > free:
                problem = f"it holds {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB of disk are free"
                raise WorkbookError(problem, file=name, remedy="free some disk, or zip only what is needed")
            for member in members:
                path = content.extract(member, folder)
                year, month, day, *clock = member.date_time
                moment = calendar.timegm((year, max(month, 1), max(day, 1), *clock))  # 0 where none was written
                os.utime(path, (moment, moment))
    except WorkbookError:
        raise
    except Exception as error:  # of zipfile, of each way of packing, of names that this disk does not take
        raise WorkbookError(f"the zip cannot be read ({error})", file=name, remedy="copy or zip it again") from error


def _refuse(member, name):
    path = PurePosixPath(member.filename)
    # a colon is a drive's letter on Windows; zipfile would quietly mend such names instead of refusing them
    outside = path.is_absolute() or ".." in path.parts or "\\" in member.orig_filename or ":" in member.filename
    link = stat.S_ISLNK(member.external_attr >> 16)
    if outside or link:
        problem = f"member {member.filename!r} {'is a link' if link else 'could land outside the folder'}"
        raise WorkbookError(problem, file=name, remedy="do not use this archive; zip the dataset's own folder")
    if member.flag_bits & 1:
        remedy = "unpack it with its password, and zip the folder again without one"
        raise WorkbookError("the archive is protected by a password", file=name, remedy=remedy)


def _entered(place, archive):
    inside = [entry for entry in place.iterdir() if entry.name != CORRECTIONS]
    own = len(inside) == 1 and inside[0].is_dir() and inside[0].name.lower() == archive.stem.lower()
    return inside[0] if own else place


def _beside(archive):
    return archive.with_name(f"{archive.stem}-{CORRECTIONS}")
