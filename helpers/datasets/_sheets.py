"""Reading coding sheets as text and repairing what is known to be wrong in them, visibly."""

import re

import openpyxl
import pandas as pd

from helpers.workspace import WorkbookError

MISSING = ("", "/", "nan", "none", "na", "n/a")


def read_table(path, required, sheet=0):
    """Read a spreadsheet or CSV as text: blanks stripped, empty rows and nameless columns dropped.

    required: column names that must be there (case and blanks ignored; they are the names that come back).
    Returns a DataFrame of str whose index is the row number a person sees in the file. Raises WorkbookError
    when the file can't be read, when a column is missing, or when a cell holds a formula: formulas are never evaluated.
    """
    try:
        table = _csv(path) if path.suffix.lower() == ".csv" else _workbook(path, sheet)
    except Exception as error:  # a damaged zip, XML or encoding surfaces as any of a dozen types
        kind = "UTF-8 .csv" if path.suffix.lower() == ".csv" else ".xlsx"
        remedy = f"open it and save it again as {kind}, or fetch it anew"
        raise WorkbookError(
            f"cannot read the table ({type(error).__name__}: {error})", file=path, remedy=remedy
        ) from error
    table = table.apply(lambda column: column.astype(str).str.strip())
    table = table[table.ne("").any(axis=1)]
    plain = {re.sub(r"[\s_]", "", str(column)).lower(): column for column in table}
    found = {name: plain.get(re.sub(r"[\s_]", "", name).lower()) for name in required}
    missing = [name for name, column in found.items() if column is None]
    if missing:
        remedy = (
            f"the first row must name the columns {', '.join(required)}; found {', '.join(map(str, table.columns))}"
        )
        raise WorkbookError(f"missing column(s) {', '.join(missing)}", file=path, remedy=remedy)
    table = table[list(found.values())].set_axis(list(found), axis=1)
    formula = table.apply(lambda column: column.str.startswith("=")).any(axis=1)
    if formula.any():
        remedy = "replace the formula by its value; formulas in data are never evaluated"
        raise WorkbookError("a cell holds a formula", file=path, row=table.index[formula][0], remedy=remedy)
    return table


def _csv(path):
    table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    table.index += 2  # one for the header, one because people count from 1
    return table


def _workbook(path, sheet):
    book = openpyxl.load_workbook(path, read_only=True, data_only=False)  # formulas as text: seen, never evaluated
    page = book[sheet] if isinstance(sheet, str) else book.worksheets[sheet]
    rows = [["" if cell is None else str(cell) for cell in row] for row in page.iter_rows(values_only=True)]
    book.close()
    width = max(map(len, rows), default=0)
    header, *body = ([*row, *[""] * (width - len(row))] for row in rows)
    return pd.DataFrame(body, columns=header, index=range(2, len(rows) + 1))


def frame_number(text, column, file, row):
    """Whole frame number of a cell, or None where the coder left it open (`/`, empty); WorkbookError otherwise."""
    if text.strip().lower() in MISSING:
        return None
    if not re.fullmatch(r"\d+(\.0+)?", text.strip()):
        raise WorkbookError(f"{column} is {text!r}, not a frame number", file=file, row=row, remedy="correct the cell")
    return int(float(text))


def repair(sample_id, file, row, problem, repair, reason):
    """One row of the repair table."""
    return {
        "sample_id": sample_id, "file": file.name, "row": row, "problem": problem, "repair": repair, "reason": reason,
    }  # fmt: skip
