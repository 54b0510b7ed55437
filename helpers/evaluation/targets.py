"""What a model of intensity is asked for: a number in 0..1 for each frame, from one of four sources.

| kind | from |
|---|---|
| triangle, cosine | coded onset (0), apex (1) and offset (0); the way between is a convention (`labels.soft_labels`) |
| true | the demo's own truth: the strength of the expression times its course, so that apexes differ |
| table | a user's CSV: `sample_id, frame, intensity`, or `sample_id, intensity`: the peak of the clip's triangle |

No source of soft labels was found in the Kaggle stills that an earlier system names for them. `position_only` tells
what a convention is worth: how well the place in the clip alone, without any picture, predicts it.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from helpers import labels
from helpers.datasets import _outside
from helpers.datasets.demo import truth
from helpers.evaluation import agreement
from helpers.workspace import NotApplicable, WorkbookError, require_known

KINDS = ("triangle", "cosine", "true", "table")
FORMS = (["sample_id", "frame", "intensity"], ["sample_id", "intensity"])
POSITIONS = 20


def of(sequences, kind, table=None, root=None):
    """Targets (n, T) float32 in 0..1 of `motion.sequences.Sequences`; NaN where there is no frame, or no label.

    kind: one of KINDS. table: path of the CSV, for kind "table"; a frame or clip it does not name has no label: see
    `unlabelled`. root: the demo's folder, by default the one its samples were read from. Raises NotApplicable for the
    truth of other clips than the demo's, WorkbookError for a table that breaks `read_table`'s rules, or labels nothing.
    """
    require_known(kind, KINDS, "kind of target")
    if (kind == "table") != (table is not None):
        raise WorkbookError(f"targets of kind {kind!r} and table {table!r}", remedy="give a table with kind='table'")
    samples, frames = sequences.samples, sequences.frames
    if kind == "true":
        y = _true(samples, frames, root)
    elif kind == "table":
        y = _tabled(sequences, read_table(table, [*samples.sample_id, *sequences.left_out.sample_id]), table)
    else:
        y = _convention(samples, frames, kind)
    return np.where(frames >= 0, y, np.nan).astype(np.float32)


def unlabelled(sequences, y):
    """Clips of which some frames have no target: DataFrame(sample_id, frames, unlabelled); empty if all have one."""
    there = sequences.frames >= 0
    table = pd.DataFrame({"sample_id": sequences.samples.sample_id, "frames": there.sum(axis=1)})
    table["unlabelled"] = (there & np.isnan(y)).sum(axis=1)
    return table[table.unlabelled > 0].reset_index(drop=True)


def strengths(samples, root=None):
    """True apex of demo clips: DataFrame(sample_id, apex (frame), strength 0..1), as `agreement.peaks` takes it."""
    rows = []
    for sample_id in samples.sample_id:
        curve = truth.intensity(sample_id, _root(samples, root))
        best = curve.intensity.idxmax()
        rows.append((sample_id, curve.frame[best], curve.intensity[best]))
    return pd.DataFrame(rows, columns=["sample_id", "apex", "strength"])


def position_only(samples, positions=POSITIONS, **resampling):
    """How well the place between onset and offset alone predicts the triangle: `agreement.scores`, a row a dataset.

    samples: Samples; clips without the three key frames, or whose offset is the onset, are not counted. Each clip is
    looked at in so many places, evenly from onset to offset; the prediction is the mean label in that place over all
    other people's clips. No picture is read. Raises NotApplicable where no clip is left, or all are one person's.
    """
    coded = samples[samples[["onset", "apex", "offset"]].notna().all(axis=1)]
    coded = coded[coded.offset > coded.onset]
    if coded.empty:
        raise NotApplicable("no clip has onset, apex and offset coded")
    places = np.linspace(0, 1, positions)
    tables = [_by_place(name, part, places) for name, part in coded.groupby("dataset")]
    return agreement.scores(pd.concat(tables, ignore_index=True), **resampling)


def read_table(path, known):
    """A user's intensities as DataFrame(sample_id, [frame int,] intensity float), indexed by line of the file.

    path: CSV with exactly the columns of one of FORMS. known: sample_ids that it may name. Raises WorkbookError with
    file, row and remedy for other columns, an unknown sample_id, a frame that is no whole number, an intensity that is
    no number in 0..1, a row that stands twice, and rows of the two forms mixed.
    """
    if not Path(path).is_file():
        raise WorkbookError("the table does not exist", file=path, remedy="check its path")
    said = {"problem": "this is no CSV table", "remedy": f"give {_forms()}"}
    text = _outside.csv(path, **said, header=None, dtype=str, na_filter=False, skip_blank_lines=False)
    text = text.fillna("").apply(lambda column: column.str.strip())
    text.index += 1  # lines of the file
    table = text.iloc[1:].set_axis(text.iloc[0].str.lower(), axis=1)
    if sorted(table.columns) not in map(sorted, FORMS):
        problem = f"the columns are {', '.join(table.columns)}"
        raise WorkbookError(problem, file=path, row=1, remedy=f"give exactly {_forms()}")
    table = table[table.ne("").any(axis=1)]
    _refuse(table, ~table.sample_id.isin(set(known)), "sample_id", path, "take sample_id from the samples' own table")
    if "frame" in table:
        remedy = "give each row its frame number, or leave the column out: one intensity a clip"
        _refuse(table, ~table.frame.str.fullmatch(r"\d{1,9}"), "frame", path, remedy)
        table["frame"] = table.frame.astype(int)
    numbers = pd.to_numeric(table.intensity, errors="coerce")
    _refuse(table, ~numbers.between(0, 1), "intensity", path, "give a number from 0 to 1, or delete the row")
    twice = table.duplicated([name for name in ("sample_id", "frame") if name in table])
    _refuse(table, twice, "sample_id", path, "delete one of the rows: this clip or frame stands twice")
    return table.assign(intensity=numbers)


def _forms():
    return " or ".join(", ".join(names) for names in FORMS)


def _refuse(table, bad, column, path, remedy):
    if bad.any():
        row = table[bad].iloc[0]
        raise WorkbookError(f"{column} {row[column]!r} is refused", file=path, row=row.name, remedy=remedy)


def _convention(samples, frames, shape):
    rows = zip(frames, samples.onset, samples.apex, samples.offset, strict=True)
    return np.stack([labels.soft_labels(numbers, *keys, shape) for numbers, *keys in rows])


def _true(samples, frames, root):
    curves = (truth.intensity(sample_id, _root(samples, root)) for sample_id in samples.sample_id)
    rows = zip(curves, frames, strict=True)
    return np.stack([curve.set_index("frame").intensity.reindex(numbers).to_numpy() for curve, numbers in rows])


def _root(samples, root):
    if set(samples.dataset) != {"demo"}:
        raise NotApplicable("only the demo knows the true intensity of its frames")
    return root or samples.attrs["root"]


def _tabled(sequences, table, path):
    frames, ids = sequences.frames, sequences.samples.sample_id
    if "frame" in table:
        known = table.set_index(["sample_id", "frame"]).intensity
        wanted = pd.MultiIndex.from_arrays([np.repeat(ids, frames.shape[1]), frames.ravel()])
        y = known.reindex(wanted).to_numpy(float).reshape(frames.shape)
    else:
        peaks = ids.map(table.set_index("sample_id").intensity).to_numpy(float)
        y = _convention(sequences.samples, frames, "triangle") * peaks[:, None]
    if np.isnan(y[frames >= 0]).all():
        remedy = "give frame numbers as in the file names; sequences look at every few milliseconds only"
        raise WorkbookError("the table labels none of the frames that are looked at", file=path, remedy=remedy)
    return y


def _by_place(dataset, part, places):
    keys = part[["onset", "apex", "offset"]].to_numpy(float)
    y = np.stack([labels.soft_labels(a + places * (c - a), a, b, c) for a, b, c in keys])
    who = part.subject.to_numpy(str)
    if len(set(who)) < 2:
        raise NotApplicable(f"all clips of {dataset} are of one person: there is nobody else to learn from")
    predicted = np.empty(y.shape)
    for person in set(who):
        predicted[who == person] = y[who != person].mean(axis=0, dtype=float)
    clip, place = np.indices(y.shape).reshape(2, -1)
    table = part[["sample_id", "dataset", "subject"]].iloc[clip].reset_index(drop=True)
    table = table.assign(task=f"{dataset}-place", model="position", seed=0, fold=table.subject, frame=place)
    return table.assign(y_true=y.ravel(), y_pred=predicted.ravel().round(6))[list(agreement.COLUMNS)]
