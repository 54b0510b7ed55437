"""Predictions as the log file of the MEGC 2019 challenge, which the field's published models share.

A line `dataset person` opens each person, then a line `clip truth prediction` for each clip, classes as numbers: See et
al. 2019, doi:10.1109/FG.2019.8756611. A log holds one model and one seed, and no probabilities.
"""

import pandas as pd

from helpers import storage
from helpers.evaluation import predictions as tables
from helpers.workspace import WorkbookError

REMEDY = "a log has lines `dataset person` and, below each, `clip truth prediction` with classes numbered from 0"


def write(predictions, task, model, seed, path):
    """Write one model's predictions of one task as a log. The numbers of classes are their order in the task.

    Raises WorkbookError when there are no such predictions, and for names with spaces, which the format can't hold.
    """
    of_task = predictions[predictions.task == task]
    rows = of_task[(of_task.model == model) & (of_task.seed == seed)].sort_values("sample_id")
    if rows.empty:
        raise WorkbookError(f"there are no predictions of {model}, seed {seed}, for {task}", file=path)
    spaced = rows.sample_id.str.contains(r"\s")
    if spaced.any():
        raise WorkbookError("a name with a space does not fit a log", row=rows.sample_id[spaced].iloc[0])
    number = {name: str(place) for place, name in enumerate(tables.classes_of(of_task))}
    lines = []
    for subject, clips in rows.groupby("subject"):
        lines.append(subject.replace("/", " ", 1))
        named = zip(clips.sample_id.str.removeprefix(f"{subject}/"), clips.y_true, clips.y_pred, strict=True)
        lines += [f"{clip} {number[true]} {number[predicted]}" for clip, true, predicted in named]
    with storage.atomic(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n")


def read(path, task, classes, model="log"):
    """Predictions table of a log: seed 0, each person a fold, probability 1 for the class that was predicted.

    classes: names in the order of their numbers. WorkbookError names the line that is no log line, comes before any
    person, or has a number without a class.
    """
    rows, person = [], None
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        words = line.split()
        if len(words) == 2:
            person = "/".join(words)
        elif len(words) == 3 and person:
            known = [
                classes[int(word)] if word.isdecimal() and int(word) < len(classes) else None for word in words[1:]
            ]
            if None in known:
                raise WorkbookError(f"{line!r}: classes are 0 to {len(classes) - 1}", file=path, row=number)
            rows.append((f"{person}/{words[0]}", person.split("/")[0], person, person, *known))
        elif words:
            raise WorkbookError(f"{line!r} is no line of a log", file=path, row=number, remedy=REMEDY)
    if not rows:
        raise WorkbookError("the log is empty", file=path, remedy=REMEDY)
    table = pd.DataFrame(rows, columns=["sample_id", "dataset", "subject", "fold", "y_true", "y_pred"])
    table = table.assign(task=task, model=model, seed=0)[list(tables.COLUMNS)]
    return tables.check(table.assign(**{f"p_{name}": (table.y_pred == name) * 1.0 for name in classes}), path)
