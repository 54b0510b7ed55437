"""The expert's decisions on key frames: a table that lies with a dataset, is read with it and changes no raw file.

File: `corrections.csv` in the dataset's folder. A generated dataset keeps one beside each of its variants
(`data/demo/corrections-<variant>.csv`): the same sample_id is another clip there when profile or seed differ.
Format: UTF-8 CSV, one row a clip, columns `sample_id, onset, apex, offset, decision, by, date, note`. Numbers are those
of the frame files; a blank apex says that there is none. decision: `changed` (the numbers replace the coded ones) or
`accepted` (an expert has looked and keeps the coded ones; the numbers say which). date: ISO, the day of the decision.
"""

import re
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pandas as pd

from helpers import storage, workspace
from helpers.datasets._frames import listing
from helpers.datasets._sheets import frame_number, read_rows, read_table, repair
from helpers.workspace import WorkbookError

COLUMNS = ("sample_id", "onset", "apex", "offset", "decision", "by", "date", "note")
KEY_FRAMES = ("onset", "apex", "offset")
DECISIONS = ("accepted", "changed")


def place(root, made=False):
    """Path of the corrections of a dataset at root. made: root is one variant of a generated dataset."""
    return root.with_name(f"corrections-{root.name}.csv") if made else root / "corrections.csv"


def of_made(folder):
    """Existing corrections of a generated dataset, for all its variants. folder: that of the variants, or of one."""
    return sorted([*folder.glob("corrections-*.csv"), *folder.parent.glob(place(folder, made=True).name)])


def read(path):
    """Decisions as a DataFrame of COLUMNS indexed by the row in the file; frame numbers are int or None, the rest text.

    A file that is not there holds no decisions. Raises WorkbookError naming file and row for wrong columns, a formula,
    an unknown decision, an unreadable frame number and a clip that stands twice.
    """
    if not path.exists():
        return pd.DataFrame(columns=list(COLUMNS))
    _check_shape(path)
    table = read_table(path, COLUMNS)
    for name in KEY_FRAMES:
        numbers = [frame_number(text, name, path, row) for row, text in table[name].items()]
        table[name] = pd.Series(numbers, table.index, object)
    for row, decision in table.decision.items():
        if decision not in DECISIONS:
            remedy = f"write one of {', '.join(DECISIONS)}"
            raise WorkbookError(f"unknown decision {decision!r}", file=path, row=row, remedy=remedy)
    twice = table.index[table.sample_id.duplicated()]
    if len(twice):
        problem = f"{table.sample_id[twice[0]]} stands twice"
        raise WorkbookError(problem, file=path, row=twice[0], remedy="keep the row that holds and delete the other")
    return table


def apply(samples, path):
    """(samples, repairs): Samples with the decisions at path applied, and a repair row for each decision.

    samples: as of `datasets.check`. `attrs["coded"]` of the result maps the sample_id of every changed clip to its
    coded (onset, apex or None, offset). Raises WorkbookError as `read` does, and naming the row for a clip that is not
    in the dataset, numbers out of order or without a frame, and an acceptance of numbers that are not the coded ones.
    """
    samples, repairs, changed = samples.copy(), [], {}
    table = read(path)
    position = dict(zip(samples.sample_id, samples.index, strict=True)) if len(table) else {}
    for row in table.itertuples():
        if row.sample_id not in position:
            problem = f"no clip {row.sample_id!r} in this dataset"
            remedy = "correct the sample_id as the table of samples has it, or delete the row"
            raise WorkbookError(problem, file=path, row=row.Index, remedy=remedy)
        sample, numbers = samples.loc[position[row.sample_id]], (row.onset, row.apex, row.offset)
        before = key_frames(sample)
        _verify(sample, row.decision, before, numbers, path, row.Index)
        done = "kept as coded"
        if row.decision == "changed":
            changed[row.sample_id] = before
            for name, number in zip(KEY_FRAMES, numbers, strict=True):
                samples.at[position[row.sample_id], name] = pd.NA if number is None else number
            triples = zip(KEY_FRAMES, before, numbers, strict=True)
            done = ", ".join(f"{name} := {_word(new)}" for name, old, new in triples if old != new) or done
        reason = f"{row.note or 'expert decision'} ({row.by or 'by nobody named'}, {row.date or 'undated'})"
        repairs.append(repair(row.sample_id, path, row.Index, f"coded {words(before)}", done, reason))
    samples.attrs["coded"] = changed
    return samples, repairs


def key_frames(sample):
    """(onset, apex, offset) of a row of Samples as int or None."""
    return tuple(None if pd.isna(sample[name]) else int(sample[name]) for name in KEY_FRAMES)


def coded(samples, sample_id):
    """Key frames of a clip as its dataset codes them, whatever an expert has changed since: (onset, apex, offset)."""
    changed = samples.attrs["coded"].get(sample_id)
    return changed or key_frames(samples.loc[samples.sample_id == sample_id].iloc[0])


def words(numbers):
    """`onset 46, apex none, offset 86` from three key frames."""
    return ", ".join(f"{name} {_word(number)}" for name, number in zip(KEY_FRAMES, numbers, strict=True))


def save(samples, sample_id, numbers=None, by="", note=""):
    """Write an expert's decision on one clip; an earlier one on the same clip is replaced. Returns the file's path.

    samples: as loaded. numbers: (onset, apex or None, offset), or None to accept the coded ones. by: who decides. Text
    that a spreadsheet would run as a formula gets an apostrophe in front. The samples at hand stay as they are: load
    the dataset again. Raises WorkbookError, and writes nothing, when `by` is empty, when `apply` would refuse the row,
    and when the file can't be written.
    """
    path, before = Path(samples.attrs["corrections"]), coded(samples, sample_id)
    decision, chosen = ("accepted", before) if numbers is None else ("changed", tuple(numbers))
    if not by.strip():
        raise WorkbookError("a decision needs a name", row=sample_id, remedy="fill in `by`: who has looked at the clip")
    sample = samples.loc[samples.sample_id == sample_id].iloc[0]
    _verify(sample, decision, before, chosen, path, sample_id)
    row = {"sample_id": sample_id, **dict(zip(KEY_FRAMES, chosen, strict=True)), "decision": decision}
    row |= {"by": _plain(by), "date": date.today().isoformat(), "note": _plain(note)}
    try:
        with _alone(path):
            table = read(path)  # now, under the lock: another expert may have saved since
            rows = [*table[table.sample_id != sample_id].to_dict("records"), row]
            with storage.atomic(path) as temporary:
                text = pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)
                text.to_csv(temporary, index=False, lineterminator="\n", encoding="utf-8")
    except (OSError, workspace.Unwritable) as error:
        why = (error.__cause__ or error).strerror
        remedy = "make the dataset's folder writable, or copy the dataset to a place that is"
        raise WorkbookError(f"cannot write the decision ({why})", file=path, remedy=remedy) from error
    return path


def _check_shape(path):
    """Refuse what `read_table` leaves aside and the next save would drop: other columns, cells beyond the last one."""
    rows = read_rows(path)
    header = rows.pop(1, [])
    names = [re.sub(r"[\s_]", "", name).lower() for name in header if name.strip()]
    if len(set(names)) < len(names) or not set(names) <= {name.replace("_", "") for name in COLUMNS}:
        remedy = f"the first row names {', '.join(COLUMNS)}, each once; remarks belong into note"
        raise WorkbookError("an unknown or repeated column", file=path, row=1, remedy=remedy)
    for number, row in rows.items():
        if any(cell.strip() for cell in row[len(header) :]):
            remedy = "put a note that holds commas in double quotes"
            raise WorkbookError("more cells than columns", file=path, row=number, remedy=remedy)


def _verify(sample, decision, before, numbers, file, row):
    """Hold a decision to its clip. before: the coded numbers. Raises WorkbookError naming file and row."""
    if decision == "accepted":
        if numbers not in (before, (None, None, None)):
            problem = f"accepted was {words(numbers)}, but coded is {words(before)}"
            remedy = "look at the clip again, or delete the row"
            raise WorkbookError(problem, file=file, row=row, remedy=remedy)
        return
    onset, _, offset = numbers
    if sample.kind not in ("frames", "video"):
        problem, remedy = (
            f"{sample.sample_id} is of kind {sample.kind}, which has no frames to choose",
            "delete the row",
        )
        raise WorkbookError(problem, file=file, row=row, remedy=remedy)
    if onset is None or offset is None:
        problem = f"{words(numbers)}: onset and offset are needed"
        raise WorkbookError(problem, file=file, row=row, remedy="fill them in; only the apex may be blank")
    marked = [number for number in numbers if number is not None]
    if marked != sorted(marked):
        problem = f"{words(numbers)} are not in order"
        raise WorkbookError(problem, file=file, row=row, remedy="correct them: onset <= apex <= offset")
    there = listing(sample.path)[0] if sample.kind == "frames" else marked  # a video says where it ends when it is read
    for name, number in zip(KEY_FRAMES, numbers, strict=True):
        if number is not None and number not in there:
            problem = f"{name} {number} has no frame on disk ({min(there, default='none')} .. {max(there, default='')})"
            raise WorkbookError(problem, file=file, row=row, remedy="choose a frame of the clip")


@contextmanager
def _alone(path):
    """Let one process or thread at a time change the file. The lock lies in the cache: data folders stay clean."""
    folder = workspace.cache_dir("locks") / storage.digest(str(path.resolve()))
    folder.mkdir(parents=True, exist_ok=True)
    with storage.lock(folder, wait=True):
        yield


def _plain(text):
    """Text without blank ends, in one kind of line break, that no spreadsheet takes for a formula."""
    text = "\n".join(text.strip().splitlines())
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def _word(number):
    return "none" if number is None else str(number)
