"""What the tests of hostile input share: how many cases, how files are spoiled, and what must hold whatever comes.

A few hundred cases, the same ones every time, are part of the suite. `MICROEXPRESSION_CASES=10000 ./run_tests.sh
tests/test_hostile_*.py` tries that many others and says so at its end; it prints what repeats a case that fails.
"""

import atexit
import csv
import functools
import io
import math
import os
import resource
import signal
import sys
import tempfile
import zipfile
import zlib
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import openpyxl
import psutil
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from helpers.workspace import WorkbookError

CASES = int(os.environ.get("MICROEXPRESSION_CASES") or 0)
USUAL, FEW = 700, 350  # a test's share is out of so many; cases of all tests where nobody asks for more
SECONDS, ROOM = 30, 3 * 2**30  # what one case may take, and bytes of address space (threads reserve some)
tried, ended = Counter(), Counter()


def cases(share, **strategies):
    """Decorator of a test that is given drawn values by name; its other arguments are fixtures."""
    many = math.ceil((CASES or FEW) * share / USUAL)
    options = settings(
        max_examples=many, derandomize=not CASES, database=None, deadline=None, print_blob=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip

    def decorate(test):
        @functools.wraps(test)
        def counted(*args, **kwargs):
            tried[test.__name__] += 1
            test(*args, **kwargs)

        return options(given(**strategies)(counted))

    return decorate


@atexit.register
def tell():
    """Say at the very end how many cases were tried, where somebody asked for a number."""
    if CASES:
        cases, readings = f"{tried.total():,} cases in {len(tried)} tests", f"{ended.total():,} readings"
        print(f"Hostile input: {cases}, {readings}, of which {ended['refused']:,} were refused by name")


class Endless(BaseException):
    """Raised by the clock; no `except Exception` of a reader takes it for a damaged file."""


@contextmanager
def bounded():
    """Within it, what runs on ends with Endless, and what asks for absurd memory gets none."""

    def stop(*_):
        raise Endless

    before, limits = signal.signal(signal.SIGALRM, stop), resource.getrlimit(resource.RLIMIT_AS)
    most = psutil.Process().memory_info().vms + ROOM
    if sys.platform == "linux" and (limits[0] == resource.RLIM_INFINITY or most < limits[0]):  # not kept elsewhere
        resource.setrlimit(resource.RLIMIT_AS, (most, limits[1]))
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    except Endless:
        raise AssertionError(f"it was not done after {SECONDS} s") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, limits)


def outcome(call, *names):
    """What `call` gives, or None where it refuses: by a WorkbookError that names one of the files, in time and memory.

    Any other error is the test's failure, and so is a refusal for want of memory: a bomb is told by its header.
    """
    try:
        with bounded():
            found = call()
    except WorkbookError as error:
        assert any(name in str(error) for name in names), f"it names no file: {error}"
        assert "memory" not in str(error).lower(), error
        ended["refused"] += 1
        return None
    ended["read"] += 1
    return found


def packed(parts, bomb=None, size=0):
    """Bytes of a zip of {name: content}. bomb: name of one more member, of `size` zeros, which nobody unpacks first."""
    new = io.BytesIO()
    with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(name, content)
        if bomb:
            press = zlib.compressobj(9, zlib.DEFLATED, -15)
            block = press.compress(bytes(2**24)) + press.flush(zlib.Z_FULL_FLUSH)
            file.writestr(bomb, block * (size // 2**24), zipfile.ZIP_STORED)
            member = file.filelist[-1]  # the directory, which is written last, says what the content stands for
            member.compress_type, member.file_size = zipfile.ZIP_DEFLATED, size
    return new.getvalue()


@contextmanager
def fresh(place):
    """An empty folder for one case."""
    with tempfile.TemporaryDirectory(dir=place) as folder:
        yield Path(folder)


class Trap:
    """Whoever unpickles this leaves a folder behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


# ------------------------------------------------------------------------------------------------ bytes

PLACES = st.floats(0, 1) | st.floats(0, 0.05) | st.floats(0.95, 1)
NUMBERS = st.sampled_from([b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", bytes(4), b"\0\1", b"9" * 40])
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "insert", "drop", "cut", "again"]),
        PLACES,
        NUMBERS | st.binary(min_size=1, max_size=6),
    ),
    min_size=1, max_size=4,
)  # fmt: skip


def damaged(data, edits):
    """Bytes with some of them overwritten, added, left out, cut off or repeated. edits: of EDITS."""
    data = bytearray(data)
    for kind, where, new in edits:
        at = int(where * len(data))
        end = at + len(new)
        if kind == "cut":
            del data[at:]
        elif kind == "again":
            data[at:at] = data[at : at + 50 * len(new)]
        else:
            data[at : at if kind == "insert" else end] = b"" if kind == "drop" else new
    return bytes(data)


# ------------------------------------------------------------------------------------------------ tables

ABSURD = st.sampled_from([
    None, "", " ", "nan", "-1", "0", "1e9", "1e400", "inf", "1.5", "9" * 19, "9" * 400, "9" * 5000, "٣", "１２", "1_0",
    "0x10", "True", "/", "?", "-", "+", "=1+1", '=HYPERLINK("http://localhost")', "+cmd|' /C calc'!A0", "@SUM(1)",
    "\0", "\u202e", "\ufeff", "😀", "a/b", "../../etc/passwd", "x" * 40_000, "1" + " " * 30_000 + "2", "(" * 9000,
    "+" * 9000, "12\n13", '"', "'", ",", "{}", "sub01", "sub" + "9" * 30, "happiness", "Others", "12", "EP02_01f",
])  # fmt: skip
CELLS = ABSURD | st.text(max_size=12) | st.integers(-(10**6), 10**6).map(str)
AT = st.integers(0, 10**6)
CHANGES = st.lists(
    st.tuples(
        st.sampled_from([
            "cell", "cell", "cell", "cell", "drop column", "double column", "move column", "drop row", "double row",
            "move row", "cut row", "long row", "header",
        ]),
        AT, AT, CELLS,
    ),
    min_size=1, max_size=4,
)  # fmt: skip


def changed(table, changes):
    """Rows (lists of cells, the header first) with cells, rows and columns spoiled. changes: of CHANGES."""
    rows = [list(row) for row in table]
    for kind, first, second, cell in changes:
        row, column = first % len(rows), second % max(1, len(rows[0]))
        if kind.endswith("column"):
            for each in rows:
                taken = each[column : column + 1]
                if kind != "double column":
                    del each[column : column + 1]
                if kind != "drop column":
                    each[first % (len(each) + 1) : 0] = taken
        elif kind == "drop row" and len(rows) > 1:
            del rows[row]
        elif kind == "double row":
            rows.insert(second % (len(rows) + 1), list(rows[row]))
        elif kind == "move row":
            rows.insert(second % len(rows), rows.pop(row))
        elif kind == "cut row":
            del rows[row][column:]
        elif kind == "long row":
            rows[row] += [cell] * 3
        else:
            row = 0 if kind == "header" else row
            rows[row][column : column + 1] = [cell]
    return rows


def write_table(path, rows, edits=None):
    """Write rows as .xlsx or as .csv, as the name says, and damage the file. Cells lose what no workbook can hold."""
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="", errors="replace") as file:
            csv.writer(file).writerows(rows)
    else:
        book = openpyxl.Workbook(write_only=True)
        page = book.create_sheet("label")
        for row in rows:
            page.append([ILLEGAL_CHARACTERS_RE.sub("", cell) if isinstance(cell, str) else cell for cell in row])
        book.save(path)
    if edits:
        path.write_bytes(damaged(path.read_bytes(), edits))
    return path


# ------------------------------------------------------------------------------------------------ JSON

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["2020", 2020]),
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.sampled_from(["title", "year", "authors", "doi"]), one),
    max_leaves=8,
)
