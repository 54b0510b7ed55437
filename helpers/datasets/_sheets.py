"""Reading coding sheets as text and repairing what is known to be wrong in them, visibly."""

import csv
import re
from pathlib import Path

import openpyxl
import pandas as pd
from openpyxl.worksheet.formula import ArrayFormula, DataTableFormula

from helpers import labels
from helpers.datasets import _outside
from helpers.workspace import WorkbookError

MISSING = ("", "/", "nan", "none", "na", "n/a")
FRAMES = ("onset", "apex", "offset")
ROWS, LAST = 2**17, 2**20  # rows that hold something, and the last one of a spreadsheet


def find_sheet(root, *patterns):
    """The one coding sheet of `find_sheets`; WorkbookError when there is none or more than one edition."""
    sheets = find_sheets(root, *patterns)
    if len(sheets) != 1:
        names = f"{len(sheets)} coding sheets: {', '.join(sheet.name for sheet in sheets)}"
        remedy = f"put one {patterns[0]} there, or name it with --annotations"
        raise WorkbookError(names if sheets else "no coding sheet", file=Path(root), remedy=remedy)
    return sheets[0]


def find_sheets(root, *patterns):
    """Sorted paths of the coding sheets in a folder, one below, or two below where one of them is for annotation."""
    above = ("", "*/", "*annotation*/*/", "*/*annotation*/")
    paths = {path for pattern in patterns for folder in above for path in Path(root).glob(folder + pattern)}
    return sorted(path for path in paths if not path.name.startswith(("~", ".")))


def read_table(path, required, sheet=0, optional=()):
    """Read a spreadsheet or CSV as text: blanks stripped, empty rows and nameless columns dropped.

    required, optional: column names (case, blanks and underscores ignored; they are the names that come back). A name
    may list other spellings: "clip|Filename" comes back as `clip`. The header is the first row that has all required
    names; what stands above it is left aside. sheet: name or position; without a sheet of that name, the first.
    Returns a DataFrame of str whose index is the row number a person sees in the file. Raises WorkbookError
    when the file can't be read or is too large for a table, when a column is missing or stands twice, or when a cell
    holds a formula (formulas are never evaluated) or more than `_outside.CELL` characters.
    """
    rows = read_rows(path, sheet)
    number, columns = _header(rows, required, path)
    columns |= _columns(rows[number], optional)
    plain = list(map(_plain, rows[number]))
    twice = [rows[number][place].strip() for place in columns.values() if plain.count(plain[place]) > 1]
    if twice:
        remedy = "keep the one that is meant"
        raise WorkbookError(f"the column {twice[0]!r} stands twice", file=path, row=number, remedy=remedy)
    below = {place: row for place, row in rows.items() if place > number}
    body = [[row[place] if place < len(row) else "" for place in columns.values()] for row in below.values()]
    table = pd.DataFrame(body, columns=list(columns), index=list(below), dtype=str)
    table = table.apply(lambda column: column.astype(str).str.strip())
    table = table[table.ne("").any(axis=1)]
    remedy = "replace the formula by its value; formulas in data are never evaluated"
    _refuse(table, lambda column: column.str.startswith("="), "a cell holds a formula", path, remedy)
    problem = f"a cell holds more than {_outside.CELL} characters"
    _refuse(table, lambda column: column.str.len() > _outside.CELL, problem, path, "shorten it")
    return table


def _refuse(table, bad, problem, path, remedy):
    """WorkbookError with the first row in which `bad` is true of a column."""
    rows = table.apply(bad).any(axis=1)
    if rows.any():
        raise WorkbookError(problem, file=path, row=table.index[rows.astype(bool)][0], remedy=remedy)


def read_rows(path, sheet=0):
    """{row number: cells as text} of a table's rows, without those that hold nothing; raises as `read_table` does."""
    path = _outside.file(path, _outside.TABLE, "this table", "check the path, or --annotations")
    is_csv = path.suffix.lower() == ".csv"
    try:
        return _csv(path) if is_csv else _workbook(path, sheet)
    except WorkbookError:
        raise
    except Exception as error:  # a damaged zip, XML or encoding surfaces as any of a dozen types
        remedy = f"open it and save it again as {'UTF-8 .csv' if is_csv else '.xlsx'}, or fetch it anew"
        problem = f"cannot read the table ({type(error).__name__}: {error})"
        raise WorkbookError(problem, file=path, remedy=remedy) from error


def _csv(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return _filled(csv.reader(file), path)


def _workbook(path, sheet):
    _outside.unpacked(path, _outside.TABLE, path)
    # formulas as text: seen, never evaluated; other workbooks that this one refers to are not looked at
    book = openpyxl.load_workbook(path, read_only=True, data_only=False, keep_links=False)
    page = book[sheet] if sheet in book.sheetnames else book.worksheets[sheet if isinstance(sheet, int) else 0]
    page.reset_dimensions()  # what it says of its size would be filled up with empty cells, however much that is
    rows = _filled(page.iter_rows(values_only=True), path)
    book.close()
    return rows


def _filled(rows, path):
    """Rows by number, without those that hold nothing; WorkbookError where they are more than a coding sheet has."""
    found, size = {}, 0
    for number, row in enumerate(rows, start=1):
        cells = [_text(cell) for cell in row]
        size += len(cells) + sum(map(len, cells))
        if any(cells):
            found[number] = cells
        if number > LAST or len(found) > ROWS or size > _outside.TABLE:
            remedy = "delete what is no coded event, or divide the table"
            raise WorkbookError("it is larger than a coding sheet can be", file=path, row=number, remedy=remedy)
    return found


def _text(cell):
    return "=" if isinstance(cell, ArrayFormula | DataTableFormula) else "" if cell is None else str(cell)


def _header(rows, required, path):
    """(row number, {name: column position}) of the first row that has all required names."""
    best, found = 0, {}
    for number, row in rows.items():
        columns = _columns(row, required)
        if len(columns) > len(found):
            best, found = number, columns
        if len(columns) == len(required):
            break
    missing = [name.split("|")[0] for name in required if name.split("|")[0] not in found]
    if missing:
        names = ", ".join(cell.strip() for cell in rows.get(best, ()) if cell.strip())[:500] or "nothing"
        wanted = ", ".join(name.replace("|", " or ") for name in required)
        remedy = f"one row must name the columns {wanted}; found {names}"
        raise WorkbookError(f"missing column(s) {', '.join(missing)}", file=path, remedy=remedy)
    return best, found


def _columns(row, names):
    """{name: position in row} of the names that are there."""
    plain = {_plain(cell): place for place, cell in reversed(list(enumerate(row)))}
    found = {}
    for name in names:
        places = [plain[spelling] for spelling in map(_plain, name.split("|")) if spelling in plain]
        if places:
            found[name.split("|")[0]] = places[0]
    return found


def _plain(name):
    return re.sub(r"[\s_]", "", name).lower()


def read_coded(path, columns, person, sheet=0, key=("subject", "clip"), optional=()):
    """Coding sheet as columns `subject, clip, emotion, onset, apex, offset, aus`, one row a coded event.

    columns: {one of those names: its name in the sheet}, as for `read_table`. person: (form, prefixes) of `subject`.
    key: names that together are unique. Frame numbers are int or None, in no checked order; columns beyond the seven
    and the optional ones come back as text. Raises WorkbookError naming file and row for an unknown emotion, a
    subject without number, an unreadable frame number or action unit, or a duplicated key.
    """
    table = read_table(path, columns.values(), sheet, optional)
    coded = table.rename(columns={header.split("|")[0]: name for name, header in columns.items()}).astype(object)
    for row in coded.index:
        coded.at[row, "subject"] = subject(coded.at[row, "subject"], *person, file=path, row=row)
        coded.at[row, "emotion"] = labels.canonical(coded.at[row, "emotion"], file=path, row=row)
        labels.action_units(coded.at[row, "aus"], file=path, row=row)
    for name in FRAMES:
        header = columns[name].split("|")[0]
        numbers = [frame_number(text, header, path, row) for row, text in coded[name].items()]
        coded[name] = pd.Series(numbers, coded.index, object)
    twice = coded.index[coded.duplicated(list(key))]
    if len(twice):
        again = "/".join(str(coded.at[twice[0], name]) for name in dict.fromkeys(("subject", "clip", *key)))
        remedy = f"delete one of the two rows: the key is ({', '.join(columns[name].split('|')[0] for name in key)})"
        raise WorkbookError(f"clip {again} stands twice", file=path, row=twice[0], remedy=remedy)
    return coded


def subject(text, form, prefixes, file, row):
    """One spelling a person, so that no one is counted twice: `01`, `1.0`, `sub01` all become form.format(1).

    prefixes: what may stand before the number, as a regular expression. WorkbookError when there is no number.
    """
    match = re.fullmatch(rf"(?:{prefixes})?\s*0*(\d+)(?:\.0+)?", text.strip(), re.IGNORECASE)
    if not match:
        problem, remedy = f"subject {text!r} has no number", f"write it as 1, 01 or {form.format(1)}"
        raise WorkbookError(problem, file=file, row=row, remedy=remedy)
    return form.format(int(match[1]))


def frame_number(text, column, file, row):
    """Whole frame number of a cell, or None where the coder left it open (`/`, empty); WorkbookError otherwise."""
    if text.strip().lower() in MISSING:
        return None
    match = re.fullmatch(r"(-?\d{1,18})(\.0+)?", text.strip())  # as many digits as fit 64 bits
    if not match:
        problem = f"{column} is {text[:60]!r}, not a frame number"
        raise WorkbookError(problem, file=file, row=row, remedy="correct the cell")
    return int(match[1])


def repair(sample_id, file, row, problem, repair, reason):
    """One row of the repair table."""
    return {
        "sample_id": sample_id, "file": Path(file).name, "row": row, "problem": problem, "repair": repair,
        "reason": reason,
    }  # fmt: skip
