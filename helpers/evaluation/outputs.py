"""What a run of the workbook left behind, read again: which notebooks ran, and all their predictions side by side.

Nothing is trained or measured here. A *problem* is a task on one set of clips: models are compared within it, and
nowhere else, since the same task may stand for all people in one notebook and for some of them in another.
"""

import json
from typing import NamedTuple

import numpy as np
import pandas as pd

from helpers import labels, storage, workspace
from helpers.evaluation import compare, scores, splits
from helpers.evaluation import predictions as tables
from helpers.evaluation.scores import BASELINE, BLIND
from helpers.workspace import WorkbookError

OURS, LINE = "ours", "logistic"  # chosen by inner validation; the simplest model that works
CLOSE = 0.01  # probabilities nearer than that are the same: notebooks round, and sums run in another order
MISSING, NOT_APPLICABLE = "missing", "not applicable"
ALIKE = ("profile", "seed", "fingerprint")  # of runs that belong together


class Problem(NamedTuple):
    """A task on one set of clips, and everything that any notebook predicted there."""

    task: str
    n: int  # clips
    people: int
    predictions: pd.DataFrame  # of all notebooks, each model once
    notebooks: dict  # model -> numbers of the notebooks it comes from

    @property
    def name(self):
        """For titles: the task and its clips. Under a source's own split nobody knows who is who."""
        if self.task.endswith("-fixed"):
            return f"{self.task}, {self.n} stills of people unknown"
        return f"{self.task}, {self.n} clips of {self.people} people"

    @property
    def headline(self):
        """The model whose score is the claim: never picked by the scores it is about to be given.

        Where notebooks differ (`ours [04]`, `ours [06]`), the first one's.
        """
        known = ((wanted, name) for wanted in (OURS, LINE) for name in self.notebooks)
        return next((name for wanted, name in known if name.partition(" [")[0] == wanted), None)


def inventory(folder, besides):
    """One row a notebook of the workbook but `besides`: status (ok, not applicable, missing), why, facts of its run.

    folder: outputs/<dataset>. Facts: profile, seed, fingerprint (of the data), commit, seconds; empty if missing.
    Raises WorkbookError for a record that can't be read.
    """
    names = sorted(path.stem for path in (workspace.ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    rows = [{"notebook": name} | _facts(record(folder, name)) for name in names if name != besides]
    return pd.DataFrame(rows).astype(object).fillna("")


def record(folder, notebook):
    """run.json of a notebook as a dict; empty where it left none."""
    path = folder / notebook / "run.json"
    if not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        remedy = "delete the folder it is in, and run that notebook again"
        raise WorkbookError("this record of a run cannot be read", file=path, remedy=remedy) from error


def _facts(found):
    if not found:
        return {"status": MISSING, "why": "not run, or not to the end"}
    own = {name.lower(): found.get("parameters", {}).get(name, "") for name in ("PROFILE", "SEED")}
    rest = {
        "fingerprint": found.get("data_fingerprint", ""),
        "commit": found.get("commit"),
        "seconds": found.get("seconds"),
    }
    return {"status": found.get("status"), "why": found.get("why", "")} | own | rest


def synthetic(folder, listed):
    """Whether any of the listed runs read drawn people."""
    return any(record(folder, name).get("synthetic") for name in listed.notebook)


def mixed(listed):
    """Facts in which runs with results differ although all of them should agree: {fact of ALIKE: [values]}."""
    ran = listed[(listed.status == "ok") & ~listed.notebook.str.startswith("07")]  # the literature is its own data
    found = {fact: sorted({str(value) for value in ran.get(fact, ()) if value != ""}) for fact in ALIKE}
    return {fact: values for fact, values in found.items() if len(values) > 1}


def table(folder, notebook, name):
    """A saved table of a notebook without its column `data`; None where it was not written."""
    path = folder / notebook / "tables" / f"{name}.csv"
    return pd.read_csv(path).drop(columns="data", errors="ignore") if path.is_file() else None


def problems(folder, listed):
    """Every Problem of the listed runs whose task is a class scheme under a protocol of `splits`, largest first.

    Experiments with folds, classes or clips of their own (their task says so) are left to their notebooks.
    Predictions that several notebooks share count once; where they differ, the notebook's number is added to the name
    (of models that look at no picture the first notebook's are taken).
    """
    found = {}
    for notebook in listed.notebook[listed.status == "ok"]:
        path = folder / notebook / "predictions.csv"
        if not path.is_file():
            continue
        for task, rows in tables.read(path).groupby("task"):
            scheme, _, protocol = task.rpartition("-")
            if scheme in labels.SCHEMES and protocol in splits.PROTOCOLS:
                clips = storage.digest(sorted(rows.sample_id.unique()))
                found.setdefault((task, clips), []).append((notebook[:2], rows))
    made = [_problem(task, parts) for (task, _), parts in found.items()]
    return sorted(made, key=lambda one: (one.task.split("-")[-1] != "loso", one.task, -one.n))


def _problem(task, parts):
    known = {}  # model -> [(rows, [notebook numbers])]
    for number, rows in parts:
        for model, own in rows.groupby("model"):
            own = own.dropna(axis=1, how="all").sort_values(["seed", "sample_id"], ignore_index=True)
            same = [numbers for other, numbers in known.get(model, []) if _same(own, other)]
            if same:
                same[0].append(number)
            else:
                known.setdefault(model, []).append((own, [number]))
    merged, notebooks = [], {}
    for model, variants in known.items():
        for own, numbers in variants:
            name = model if len(variants) == 1 or model in BLIND else f"{model} [{numbers[0]}]"
            if name not in notebooks:
                merged.append(own.assign(model=name))
            notebooks.setdefault(name, []).extend(numbers)
    rows = tables.check(pd.concat(merged, ignore_index=True))
    return Problem(task, rows.sample_id.nunique(), rows.subject.nunique(), rows, notebooks)


def _same(one, other):
    """Whether two tables hold the same predictions, but for rounding."""
    if len(one) != len(other) or set(one) != set(other):
        return False
    told = ["sample_id", "seed", "y_pred"]
    p = [name for name in one if name.startswith("p_")]
    return (one[told] == other[told]).all(axis=None) and np.allclose(one[p], other[p], atol=CLOSE)


def headline(problem, resamples, seed):
    """Score table of a problem (columns of `scores.score`) with two more things about each row of all clips.

    notebooks: where it comes from. gain, gain_lo, gain_hi, verdict: its UF1 over the majority row, the same people
    drawn for both; "better" or "worse" where it holds after Holm's correction for all models of the problem.
    """
    found = scores.score(problem.predictions, resamples, seed)
    found.insert(3, "notebooks", found.model.map(lambda model: ", ".join(sorted(set(problem.notebooks[model])))))
    others = [(model, BASELINE) for model in found.model.unique() if model != BASELINE]
    if not others:
        return found.assign(gain=0.0, gain_lo=0.0, gain_hi=0.0, verdict="")
    pairs = compare.pairs(problem.predictions, problem.task, others, "uf1", resamples, seed)
    pairs = pairs[["model", "gain", "lo", "hi", "verdict"]].rename(columns={"lo": "gain_lo", "hi": "gain_hi"})
    found = found.merge(pairs.assign(slice="all"), on=["model", "slice"], how="left")
    return found.assign(verdict=found.verdict.fillna(""))


def stored(folder, problem):
    """Stored scores of a problem's models, for holding new ones against: model, notebook, uf1 (of all clips)."""
    parts = []
    for path in sorted(folder.glob("[0-9][0-9]_*/scores.csv")):
        own = pd.read_csv(path)
        own = own[(own.task == problem.task) & (own["slice"] == "all") & (own.n == problem.n)]
        parts.append(own[["model", "uf1"]].assign(notebook=path.parent.name[:2]))
    return pd.concat(parts, ignore_index=True)
