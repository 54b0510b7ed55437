"""What a predictions table must be, rule by rule: `predictions.check` stops at the first fault, an audit lists all.

Every rule is vectorised: a million rows take seconds.
"""

from typing import NamedTuple

import numpy as np

COLUMNS = ("task", "sample_id", "dataset", "subject", "model", "seed", "fold", "y_true", "y_pred")
KEY = ["task", "model", "seed", "sample_id"]
OF_A_SAMPLE = ("y_true", "subject", "dataset")  # the same wherever a sample stands
# rule: what is true of a table without such a fault
RULES = {
    "columns": "all columns are there",
    "cells": "no cell is empty",
    "once": "no sample is predicted twice by one model and seed",
    "one truth": "each sample has one truth, one person and one dataset",
    "classes": "every class that is meant or predicted is a class of its task",
    "probabilities": "probabilities are there, between 0 and 1, and sum to 1",
    "all samples": "all models and seeds of a task predict the same samples",
}
REMEDIES = {
    "columns": f"write all of {', '.join(COLUMNS)} and one p_<class> a class",
    "cells": "fill in what is meant: an empty cell is no name",
    "once": "keep one row a (task, model, seed, sample)",
    "one truth": "make sample ids unique: join the dataset, the person and the clip",
    "classes": "name classes as the p_ columns do",
    "probabilities": "write one number a class, or leave out no class of the task",
    "all samples": "predict every sample by every model and seed, or make it a task of its own",
}


class Fault(NamedTuple):
    """A rule that a table breaks."""

    rule: str  # of RULES
    task: str  # "" when it concerns all tasks
    problem: str
    row: object  # the first row that breaks it; None for a whole column
    rows: int  # how many rows (or samples) break it; 0 for a whole column


def faults(table, classes=None):
    """Every fault of a predictions table, one a rule, column and task, found one after another as they are asked for.

    classes: of all tasks; else each task's p_ columns name them. Where columns are missing, nothing else is asked.
    """
    missing = [column for column in COLUMNS if column not in table]
    if missing:
        yield Fault("columns", "", f"predictions lack column(s) {', '.join(missing)}", None, 0)
        return
    for column in COLUMNS:
        empty = (table[column].isna() | (table[column] == "")).to_numpy()
        if empty.any():
            yield Fault("cells", "", f"cells of {column} are empty", _row(table, empty), int(empty.sum()))
    twice = table.duplicated(KEY).to_numpy()
    if twice.any():
        problem = "a sample is predicted twice by one model and seed"
        yield Fault("once", "", problem, _row(table, twice), int(twice.sum()))
    for task, rows in table.groupby("task", observed=True):
        yield from _of_task(task, rows, classes_of(rows) if classes is None else list(classes))


def classes_of(rows):
    """Classes of one task, in column order: the p_ columns that hold numbers for its rows."""
    columns = [column for column in rows if column.startswith("p_")]
    return [column[2:] for column in columns if rows[column].notna().any()]


def _of_task(task, rows, classes):
    for column in OF_A_SAMPLE:
        pairs = rows[["sample_id", column]].drop_duplicates().sample_id
        several = pairs[pairs.duplicated()].unique()
        if len(several):
            yield Fault("one truth", task, f"a sample of {task} has several {column}", several[0], len(several))
    known = [*classes, ""]  # an empty cell is told as such
    strange = {column: ~rows[column].isin(known).to_numpy() for column in ("y_true", "y_pred")}
    names = sorted({str(name) for column, where in strange.items() for name in rows[column][where].unique()})
    if names:
        others = f" (nor for {len(names) - 1} other classes)" if len(names) > 1 else ""
        where = strange["y_true"] | strange["y_pred"]
        problem = f"task {task} has no column p_{names[0]}{others}"
        yield Fault("classes", task, problem, _row(rows, where), int(where.sum()))
    columns = [f"p_{name}" for name in classes if f"p_{name}" in rows]
    if columns:
        p = rows[columns].to_numpy(float)
        bad = ~np.isclose(p.sum(axis=1), 1, atol=1e-4) | (p < 0).any(axis=1) | np.isnan(p).any(axis=1)
        if bad.any():
            problem = f"probabilities of task {task} are missing, negative or do not sum to 1"
            yield Fault("probabilities", task, problem, _row(rows, bad), int(bad.sum()))
    yield from _left_out(task, rows)


def _left_out(task, rows):
    """Models or seeds that miss samples which others of the task predict."""
    wanted = rows.sample_id.unique()
    found = rows.groupby(["model", "seed"], observed=True).sample_id.nunique()
    short = found[found != len(wanted)]
    if short.empty:
        return
    model, seed = short.index[0]
    own = rows.sample_id[(rows.model == model) & (rows.seed == seed)]
    left = sorted(set(wanted) - set(own))[0]
    full = found.index[found == len(wanted)].get_level_values("model")
    seeds = " and other seeds of it do" if model in full else ""
    problem = f"{model} (seed {seed}) never predicts a sample of {task}{seeds}"
    yield Fault("all samples", task, problem, left, int((len(wanted) - short).sum()))


def _row(rows, where):
    return "/".join(map(str, rows[KEY].iloc[int(where.argmax())]))
