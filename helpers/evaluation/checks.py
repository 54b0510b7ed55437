"""The audit of a predictions table, whoever wrote it: what cannot be, what a reader should know, what is in order.

A violation is a table that contradicts itself, its list of samples, the person-independence it needs, or the score
published from it. A note is no fault: something that changes how a score is to be read. What was checked and found in
order is said too, so that silence is not mistaken for it. An audit sees predictions, not the training: a setting that
was chosen on the held-out people leaves no trace in them but a score that is too good (see `notes.too_good`).
"""

from typing import NamedTuple

import pandas as pd

from helpers.evaluation import _schema, notes, readings
from helpers.evaluation.findings import in_order, note, ordered, shown, violation
from helpers.evaluation.foreign import Unsound, predictions, samples
from helpers.workspace import WorkbookError

NEEDED = ("sample_id", "subject", "y_true", "y_pred")  # without these there is nothing to audit
MOST = {"tasks": 200, "classes": 100}  # more are a column in the wrong place


class Task(NamedTuple):
    """What is checked together."""

    name: str
    rows: pd.DataFrame
    part: readings.Coded
    columns: set  # that the table came with


def of_file(path, samples_path=None, published=None, task=None, model=None, classes=None):
    """[Finding] of a file of predictions: see `audit`. Raises WorkbookError for what is no table at all."""
    listed = samples(samples_path) if samples_path else None
    try:
        table, remarks = predictions(path, classes, task)
    except Unsound as error:
        where = f" (row {shown(error.row)})" if error.row is not None else ""
        return [violation("log", "", error.problem + where, error.remedy or "mend the log")]
    found = audit(table, listed, published, task, model, classes)
    return ordered([*found, *(note("reading", "", remark) for remark in remarks)])


def audit(table, listed=None, published=None, task=None, model=None, classes=None):
    """[Finding] of a predictions table, violations first, then notes, then what is in order.

    table: predictions, any columns missing; attrs["made_up"] names those that no file had. listed: the samples there
    are (sample_id, subject; dataset, emotion, split where known). published: [readings.Claim] of one task and model.
    task: audit this one alone. model: whose scores were published. classes: of all tasks, where no p_ columns name
    them. Raises WorkbookError for a task or model that is not there, and where published scores could be several
    models' or tasks'.
    """
    columns, made_up = set(table), table.attrs.get("made_up", ())
    faults = list(_schema.faults(table, classes)) if not columns >= set(_schema.COLUMNS) else []
    if not columns >= set(NEEDED) or table.empty:
        empty = [violation("rows", "", "there is not one prediction", "write a row a sample")] if table.empty else []
        return [*map(_of_fault, faults), *empty]
    table = _filled(table, task)
    if task is not None:
        _known(task, table.task, "task")
        table = table[table.task == task]
    if model is not None:
        _known(model, table.model, "model")
    if table.task.nunique() > MOST["tasks"]:
        raise WorkbookError(f"it has {table.task.nunique()} tasks", remedy="is the column task the right one?")
    faults += _schema.faults(table, classes)
    found = [_of_fault(fault) for fault in faults]
    broken = {fault.rule for fault in faults}
    columns -= set(made_up)
    without = set() if any(name.startswith("p_") for name in columns) else {"probabilities"}
    unsaid = broken | without | ({"columns"} if made_up else set())
    found += [in_order(rule, "", words) for rule, words in _schema.RULES.items() if rule not in unsaid]
    if without:
        found.append(note("probabilities", "", "there are none: calibration and argmax are not checked"))
    tasks = [_task(name, rows, classes, columns) for name, rows in table.groupby("task", observed=True)]
    for each in tasks:
        found += [*_apart(each), *(_against(each, listed) if listed is not None else ())]
        found += notes.of_task(each)
    return ordered(found + (_published(tasks, published, model) if published else []))


def _of_fault(fault):
    count = f", {fault.rows} in all" if fault.rows > 1 else ""
    where = f" (first: {shown(fault.row, 120)}{count})" if fault.row is not None else ""
    return violation(fault.rule, fault.task, fault.problem + where, _schema.REMEDIES[fault.rule])


def _filled(table, task):
    """Every column of the schema: text as categories, a stand-in where one is missing (and reported as missing)."""
    given = {"task": task or "predictions", "dataset": "unknown", "model": "model", "seed": "0", "fold": "unknown"}
    table = table.assign(**{name: value for name, value in given.items() if name not in table})
    text = [name for name in _schema.COLUMNS if not isinstance(table[name].dtype, pd.CategoricalDtype)]
    filled = {name: table[name].astype(object).where(table[name].notna(), "").astype(str) for name in text}
    return table.assign(**{name: column.astype("category") for name, column in filled.items()})


def _task(name, rows, classes, columns):
    """A Task; where nobody names its classes they are those that occur (and that nobody named them is a violation)."""
    known = list(classes or _schema.classes_of(rows))
    known = known or sorted(set(rows.y_true.unique()) | set(rows.y_pred.unique()))
    if len(known) > MOST["classes"]:
        raise WorkbookError(f"task {shown(name)} has {len(known)} classes", remedy="are y_true and y_pred classes?")
    return Task(str(name), rows, readings.coded(rows, known), columns)


def _known(name, column, what):
    names = sorted(map(str, column.unique()))
    if name not in names:
        known = ", ".join(shown(name) for name in names[:20])
        raise WorkbookError(f"there is no {what} {name!r}", remedy=f"choose --{what} from {known}")


def _apart(task):
    """No person, and with leave-one-dataset-out no dataset, is trained on where it is tested.

    A fold is what was held out together. So whoever is in two folds of one model was trained on when the other one was
    tested, as random folds over clips do it.
    """
    folds = len(task.part.names["fold"])
    if "fold" not in task.columns:
        remedy = "write the fold of every sample"
        yield note("folds", task.name, "without folds nobody can see who was held out: not checked", remedy)
        return
    if folds == 1:
        words = "there is one fold, so who was in training cannot be seen here: person-independence unknown"
        yield note("folds", task.name, words, "give --samples with subject and split")
        return
    for unit in ["person"] + ["dataset"] * task.name.endswith("lodo"):
        codes, names = task.part.codes, task.part.names[unit]
        frame = pd.DataFrame({name: codes[name] for name in ("model", "seed", unit, "fold")}).drop_duplicates()
        split = frame[unit][frame.duplicated(["model", "seed", unit])]
        if len(split):
            who, several = shown(names[split.iloc[0]]), split.nunique()
            words = f"{several} of {len(names)} {unit}(s) are on both sides: {who} is held out in several folds, so "
            words += "what is tested in one was trained on in another"
            yield violation("folds", task.name, words, f"split by {unit}: all samples of a {unit} into one fold")
        else:
            words = f"each {unit} of {len(names)} is held out in one fold of {folds}, and in no other"
            yield in_order("folds", task.name, words)


def _against(task, listed):
    """What the list of samples says otherwise: other people, unknown samples, samples that nobody predicts."""
    own = task.rows.drop_duplicates("sample_id")
    own = own[["sample_id", "dataset", "subject"]].astype(str).set_index("sample_id")
    listed = listed.astype(str).set_index("sample_id")
    both, found = own.join(listed.add_suffix("_listed"), how="inner"), []
    for column in (column for column in ("subject", "dataset") if column in listed):
        other = both[column] != both[f"{column}_listed"]
        if other.any():
            row = both[other].iloc[0]
            words = f"{int(other.sum())} samples have another {column} than in the list of samples: {shown(row.name)} "
            words += f"is of {shown(row[column])} here and of {shown(row[f'{column}_listed'])} there"
            found.append(violation("samples", task.name, words, "write ids as the list does, and people as they are"))
    strangers = own.index.difference(listed.index)
    if len(strangers):
        words = f"{len(strangers)} samples are not in the list of samples, such as {shown(strangers[0])}"
        found.append(violation("samples", task.name, words, "predict samples of the list, under their ids"))
    left, known = listed.drop(own.index, errors="ignore"), listed.loc[listed.index.isin(own.index)]
    if "split" in listed and set(known.split) == {"test"}:
        left = left[left.split == "test"]
        people = set(known.subject) & set(listed.subject[listed.split == "train"])
        if people:
            words = f"{len(people)} people of the test side are on the training side too, such as {shown(min(people))}"
            found.append(violation("samples", task.name, words, "split by person"))
    kinds = [column for column in ("dataset", "emotion") if column in listed]
    asked = pd.MultiIndex.from_frame(left[kinds]).isin(pd.MultiIndex.from_frame(known[kinds])) if kinds else True
    forgotten, excluded = left[asked] if kinds else left, left[~asked] if kinds else left[:0]
    if len(forgotten):
        words = f"{len(forgotten)} samples of the list are never predicted, such as {shown(forgotten.index[0])}"
        found.append(violation("samples", task.name, words, "predict all of them, or list only those that are meant"))
    if len(excluded):
        which = sorted({"/".join(map(shown, kind)) for kind in excluded[kinds].itertuples(index=False)})
        words = f"no sample of {', '.join(which[:8])} is predicted ({len(excluded)} of the list): left out as a whole"
        found.append(note("samples", task.name, words, "say so beside the score"))
    return found or [in_order("samples", task.name, f"the {len(own)} samples and their people are those of the list")]


def _published(tasks, claims, model):
    """Whether the predictions give the published scores; if not, which other sum over them does."""
    if len(tasks) > 1:
        remedy = f"choose --task from {', '.join(task.name for task in tasks[:20])}"
        raise WorkbookError("published scores are of one task, and there are several", remedy=remedy)
    task = tasks[0]
    names = pd.Series(task.part.names["model"])
    if model is None:
        asking = [name for name in names if name not in notes.BLIND] or list(names)
        if len(asking) > 1:
            remedy = f"choose --model from {', '.join(map(shown, asking[:20]))}"
            raise WorkbookError("published scores are of one model, and there are several", remedy=remedy)
        model = asking[0] if asking else None
    else:
        _known(model, names, "model")
    if model is None:
        return []
    part = task.part.of(task.part.codes["model"] == names.tolist().index(model))
    found, where = [], f"{task.name}, {model}"
    for claim in claims:
        given, value, others = readings.check(part, claim)
        if given:
            found.append(in_order("published", where, f"{claim.metric} {claim.text} is what the predictions give"))
            continue
        truth = f"{value:.4f}" if value == value else "undefined, as a class has no sample"
        words = " or ".join(others) if others else "none of the other sums that this audit knows"
        is_what = f"your {claim.metric} {claim.text} is {words}; {readings.WORDS[claim.metric]} is {truth}"
        found.append(violation("published", where, is_what, f"publish {claim.metric} {truth}, pooled over folds"))
    return found
