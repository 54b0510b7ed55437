"""Files that others made: looked at before they are read, refused by what their headers say, never waited for.

A pipe has no end, and a file of a few bytes may stand for more rows, text or pixels than any memory holds. So a file is
read where it is a file and no larger than its kind may be, unpacked where its directory says that this is little, and
decoded where its header says so.
"""

import io
import os
import stat
import warnings
import zipfile
from functools import partial
from pathlib import Path

import pandas as pd
from PIL import Image

from helpers.workspace import WorkbookError

TABLE = 2**24  # bytes, unpacked, and characters of a table: four times what DFME's 7,526 rows would take
PREDICTIONS = 2**30  # bytes; a million of seven classes are about 150 MB
PICTURE = 2**29  # bytes
PIXELS = Image.MAX_IMAGE_PIXELS  # 89 million, from which on Pillow speaks of bombs; the largest dataset has 2 million
FORMATS = ("JPEG", "PNG", "BMP", "WEBP")
SCANS = 20  # passes over so many pixels that a progressive JPEG may ask for; ten are usual
CELL = 4000  # characters of a cell: nobody writes more, and patterns would take minutes
COLUMNS = 4096  # of a table: pandas takes seconds for more


def file(path, most, what="it", remedy="check the path"):
    """The path of a file that may be opened; WorkbookError where it is none, or has more than `most` bytes."""
    try:
        state = os.stat(path)
    except OSError as error:
        raise WorkbookError(f"{what} cannot be read ({error.strerror})", file=path, remedy=remedy) from error
    if not stat.S_ISREG(state.st_mode):
        kind = "Is a directory" if stat.S_ISDIR(state.st_mode) else "Is a device or a pipe"
        raise WorkbookError(f"{what} cannot be read ({kind})", file=path, remedy=remedy)
    if state.st_size > most:
        problem = f"{what} has {_size(state.st_size)}, more than the {_size(most)} that are read"
        raise WorkbookError(problem, file=path, remedy="take it from its source again, or divide it")
    return path if isinstance(path, Path) else Path(path)


def contents(path, most, what="it", remedy="check the path"):
    """Bytes of a `file`."""
    path = file(path, most, what, remedy)
    try:
        return path.read_bytes()
    except OSError as error:
        raise WorkbookError(f"{what} cannot be read ({error.strerror})", file=path, remedy=remedy) from error


def unpacked(archive, most, name):
    """Refuse a zip whose directory announces more than `most` bytes. archive: path or file; name: what errors call it.

    Nothing beyond what the directory says is ever unpacked by zipfile, so it cannot lie.
    """
    with zipfile.ZipFile(archive) as content:
        size = sum(member.file_size for member in content.infolist())
    if size > most:
        problem = f"it unpacks to {_size(size)}, more than the {_size(most)} that are read"
        raise WorkbookError(problem, file=name, remedy="do not use this file; take it from its source again")


def csv(path, most=TABLE, problem="it cannot be read: it is no table", remedy="save it as CSV, UTF-8", **options):
    """pandas' table of a CSV file, whose complaints become one WorkbookError; wrong numbers stay a ValueError.

    options: of pandas.read_csv. Raises WorkbookError for a column that stands twice, too.
    """
    path = file(path, most, remedy=remedy)
    parsed = partial(pd.read_csv, path, encoding="utf-8-sig", index_col=False, compression=None)
    try:
        with path.open("rb") as lines:
            first = next(filter(bytes.strip, lines), b"").strip().split(b"\r")[0]
        if first.count(b",") >= COLUMNS:
            raise WorkbookError(f"its first line names more than {COLUMNS} columns", file=path, remedy=remedy)
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the header lose cells
            names = parsed(header=None, nrows=1, dtype=str).iloc[0].dropna()
            if options.get("header", 0) == 0 and names.duplicated().any():
                twice = names[names.duplicated()].iloc[0][:60]
                raise WorkbookError(f"its header names {twice!r} more than once", file=path, remedy="name it once")
            return parsed(**options)
    except UnicodeDecodeError as error:
        raise WorkbookError(f"{problem}, it is no UTF-8 text", file=path, remedy=remedy) from error
    except (OSError, pd.errors.ParserError, pd.errors.ParserWarning, pd.errors.EmptyDataError) as error:
        said = " ".join(str(error).split())[:120]
        raise WorkbookError(f"{problem} ({said})", file=path, remedy=remedy) from error


def picture(data, path, remedy):
    """(width, height) that a picture's header states.

    Raises WorkbookError where it is none of FORMATS, and for more PIXELS or SCANS than are decoded.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as header:
            width, height = header.size
    except Image.DecompressionBombError as error:
        raise _too_large(str(error), path) from error
    except Exception as error:  # a damaged header surfaces as any of a dozen types
        raise WorkbookError("the image cannot be decoded", file=path, remedy=remedy) from error
    if width * height > PIXELS:
        raise _too_large(f"{width} x {height} pixels", path)
    if data.startswith(b"\xff\xd8") and data.count(b"\xff\xda") * width * height > SCANS * PIXELS:
        raise _too_large(f"{width} x {height} pixels in {data.count(bytes([255, 218]))} scans", path)
    return width, height


def _too_large(found, path):
    remedy = f"give pictures of at most {PIXELS / 1e6:.0f} megapixels, saved anew; it was not decoded"
    return WorkbookError(f"the image is too large ({found})", file=path, remedy=remedy)


def _size(count):
    return f"{count / 1e6:,.1f} MB"
