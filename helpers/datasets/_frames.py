"""Clip folders on disk: which there are, and which frames they hold."""

import os
import re
from contextlib import suppress
from pathlib import Path

from helpers.workspace import WorkbookError

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")
_LAST_NUMBER = re.compile(r"(\d+)\D*$")


def listing(folder):
    """({frame number: Path} in numerical order, [paths of files that are no frames]) of a clip folder.

    A frame is an image file; its number is the last run of digits in its name. Raises WorkbookError when a number
    stands twice.
    """
    found, strays = {}, []
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        remedy = "extract the clip again, or correct its path"
        raise WorkbookError(f"the clip folder cannot be read ({error.strerror})", file=folder, remedy=remedy) from error
    for entry in entries:
        stem, suffix = os.path.splitext(entry.name)
        match = _LAST_NUMBER.search(stem)
        litter = suffix.lower() not in SUFFIXES or not match or entry.name.startswith(".")  # `._img1.jpg`: of archives
        if litter or int(match[1]) >= 2**63 or not _is(entry.is_file):  # a pipe would never end
            strays.append(Path(entry.path))
            continue
        number = int(match[1])
        if number in found:
            problem = f"frame {number} stands twice: {os.path.basename(found[number])}"
            raise WorkbookError(problem, file=entry.path, remedy="remove one of the two files")
        found[number] = entry.path
    return {number: Path(found[number]) for number in sorted(found)}, sorted(strays)


def registered(frames):
    """True where the file names say that the faces are cropped and registered (`reg_img46.jpg`, `reg_image...`)."""
    return next(iter(frames.values())).name.lower().startswith("reg_")


def clip_folders(root, key_of, levels, skip=()):
    """{key: (folder, cropped)} of every clip folder up to `levels` below root; cropped ones win.

    key_of: gives the key (subject, clip) of a folder from the names of the folders below root that lead to it, or None
    where it is no clip. skip: names not to look into, in lower case. Clip folders are not looked into, as they may
    hold thousands of files, and a folder that links lead to again is not either. Frames are face crops when a folder
    above subject and clip has "crop" in its name. Raises WorkbookError when two folders could be the same clip.
    """
    found = {}
    for parts in _folders(root, (), key_of, levels, {"__macosx", *skip}, set()):
        key, folder, cropped = key_of(parts), Path(root, *parts), "crop" in "/".join(parts[:-2]).lower()
        if key in found and found[key][1] == cropped:
            problem = f"clip {'/'.join(key)} is there twice: {found[key][0]}"
            raise WorkbookError(problem, file=folder, remedy="keep one of the two folders")
        if key not in found or cropped:
            found[key] = folder, cropped
    return found


def _folders(root, parts, key_of, levels, skip, seen):
    here = Path(root, *parts)
    inside = os.path.realpath(here)
    if inside in seen:  # a link that leads back, of which a few would make millions of ways
        return
    seen.add(inside)
    try:
        with os.scandir(here) as entries:
            names = sorted(entry.name for entry in entries if _is(entry.is_dir))
    except OSError as error:
        raise WorkbookError(f"the folder cannot be read ({error.strerror})", file=here, remedy="check it") from error
    for name in names:
        if name.startswith(".") or name.lower() in skip:
            continue
        if key_of((*parts, name)) is not None:
            yield (*parts, name)
        elif len(parts) + 1 < levels:
            yield from _folders(root, (*parts, name), key_of, levels, skip, seen)


def _is(asked):
    """What an entry of a folder answers; False for a link that leads to itself, which is an error of the system."""
    with suppress(OSError):
        return asked()
    return False
