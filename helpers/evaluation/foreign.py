"""Tables that others wrote: predictions as CSV or as a challenge's log, lists of samples. Nothing in them is trusted.

Every cell is text until it is asked to be a number, so a spreadsheet's formula stays what was typed. What cannot be
read at all is a WorkbookError with its remedy; what can be read and is wrong is for `checks` to say.
"""

import pandas as pd

from helpers import labels
from helpers.datasets import _outside
from helpers.evaluation import _schema, logs
from helpers.evaluation.findings import shown
from helpers.workspace import WorkbookError

PEEK = 2**16  # bytes that are looked at before a file is read
EMPTY = ["", "nan", "NaN", "NA", "null"]  # what others write for a probability that is not there
CHALLENGE = "megc3"  # whose classes the numbers of a log mean unless somebody says otherwise
MARKS = {
    b"\xff\xfe": ("UTF-16 text", "save it as UTF-8"),
    b"\xfe\xff": ("UTF-16 text", "save it as UTF-8"),
    b"PK\x03\x04": ("a zip archive or an Excel workbook", "save the sheet as CSV, UTF-8"),
    b"\x1f\x8b": ("a compressed file", "unpack it first"),
}


class Unsound(WorkbookError):
    """It can be read, and it is wrong: what an audit is there to say."""


def predictions(path, classes=None, task=None):
    """Predictions table of a CSV file or of a log of the MEGC challenge: which of the two, its content tells.

    classes: names of a log's numbers, in their order (default: the challenge's three). task: name for a log's task.
    Returns (table, remarks): text columns as categories, p_ columns as float64, nan where there was no number; and
    sentences about how the file was read. Raises WorkbookError for what is no table, Unsound for a log that is wrong.
    """
    start = _peek(path)
    first = start.lstrip().split(b"\n")[0]
    if len(first.split()) in (2, 3) and not any(mark in first for mark in (b",", b";", b"\t", b"|")):
        return _log(path, classes, task)
    return _csv(path, start, _schema.COLUMNS)


def samples(path):
    """List of samples (CSV with sample_id and subject; dataset, emotion and split where known), every cell text.

    Raises WorkbookError for what is no table, lacks these columns, or names a sample twice.
    """
    table, _ = _csv(path, _peek(path), ("sample_id", "subject", "dataset", "emotion", "split"))
    missing = [column for column in ("sample_id", "subject") if column not in table]
    if missing:
        remedy = "give the table of samples: sample_id, subject, and dataset, emotion, split where known"
        raise WorkbookError(f"samples lack column(s) {', '.join(missing)}", file=path, remedy=remedy)
    twice = table.sample_id.duplicated()
    if twice.any():
        raise WorkbookError("a sample is listed twice", file=path, row=shown(table.sample_id[twice].iloc[0]))
    return table


def _peek(path):
    """First bytes of a file that may be a table of text; WorkbookError says what else it is."""
    remedy = "give a CSV file, of one task where there are many"
    try:
        with _outside.file(path, _outside.PREDICTIONS, remedy=remedy).open("rb") as file:
            start = file.read(PEEK)
    except OSError as error:
        raise WorkbookError(f"it cannot be read ({error.strerror})", file=path, remedy=remedy) from error
    found = next((mark for mark in MARKS if start.startswith(mark)), None)
    if found:
        what, remedy = MARKS[found]
        raise WorkbookError(f"this is {what}", file=path, remedy=remedy)
    if b"\0" in start:
        raise WorkbookError("this is a binary file, no table", file=path, remedy="give a CSV file")
    if not start.strip():
        raise WorkbookError("the file is empty", file=path, remedy="write the predictions first")
    return start.removeprefix(b"\xef\xbb\xbf")


def _csv(path, start, known):
    header = _table(path, header=None, nrows=1, dtype=str).iloc[0].fillna("").tolist()
    if len(header) == 1:
        mark = next((mark for mark in ";\t|" if mark.encode() in start.split(b"\n")[0]), None)
        problem = f"its columns are separated by {mark!r}" if mark else "it has a single column"
        raise WorkbookError(problem, file=path, remedy="save it as CSV with commas and decimal points")
    stripped = [name.strip() for name in header]
    lower = {name.lower() for name in stripped}
    names = [name.lower() if name.lower() in known else name for name in stripped]
    names = [f"p_{name[2:]}" if name.startswith("P_") else name for name in names]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        remedy = "name every column once"
        raise WorkbookError(f"its header names {shown(twice[0])} more than once", file=path, remedy=remedy)
    if not lower & set(known):
        remedy = f"the first line names the columns: {', '.join(known)}"
        raise WorkbookError("it has no header that an audit knows", file=path, remedy=remedy)
    numbers = [name for name in names if name.startswith("p_")]
    types = dict.fromkeys(names, "category") | dict.fromkeys(numbers, float)
    options = {"header": 0, "names": names, "keep_default_na": False}
    try:
        table = _table(path, dtype=types, na_values=dict.fromkeys(numbers, EMPTY), **options)
    except ValueError:  # some probability is no number: which, a second reading tells
        table = _table(path, dtype=types | dict.fromkeys(numbers, "category"), **options)
        for name in numbers:
            values = pd.Series(pd.to_numeric(table[name].cat.categories, errors="coerce"), dtype=float)
            table[name] = values.reindex(table[name].cat.codes).to_numpy()
    changed = [shown(old) for old, new in zip(header, names, strict=True) if old != new]
    remarks = [f"columns {', '.join(changed)} are read as if written in lower case"] if changed else []
    return table, remarks


def _table(path, **options):
    remedy = "every line needs as many cells as the first; cells with commas or quotes need quotes around them"
    return _outside.csv(path, _outside.PREDICTIONS, remedy=remedy, **options)


def _log(path, classes, task):
    try:
        lines = [line.split() for line in path.read_text("utf-8-sig").splitlines()]
    except UnicodeDecodeError as error:
        raise WorkbookError("it is no UTF-8 text", file=path, remedy="save it as UTF-8") from error
    names, remarks = classes, ["it is a log of the challenge: one model, one seed"]
    if classes is None:
        names = labels.scheme(CHALLENGE).classes
        remarks.append(f"its classes 0, 1, 2 are read as {', '.join(names)}, as in the challenge")
        more = [number for number, line in enumerate(lines, 1) if len(line) == 3 and set(line[1:]) & set("3456789")]
        if more:
            remedy = "name them in their order: --classes A,B,C,D"
            raise WorkbookError("the log has more classes than the challenge", file=path, row=more[0], remedy=remedy)
    try:
        table = logs.read(path, task or CHALLENGE, list(names))
    except WorkbookError as error:
        raise Unsound(error.problem, row=error.row, remedy=error.remedy) from error
    table.attrs["made_up"] = ["fold", *(f"p_{name}" for name in names)]  # to complete the table: a log has neither
    return table, remarks
