"""One notebook, executed by papermill in a kernel of its own, and the stamp that says it came to its end.

An executed copy looks complete even when its kernel was killed half-way. So the copy is never asked whether a run
succeeded: a stamp, deleted before the run and written after it, is. Its key covers everything that decides the result.
papermill writes after each cell, to a file of its own, which takes its place when the kernel has ended.
"""

import json
import logging
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from helpers import privacy, storage
from helpers.workspace import ROOT, WorkbookError

PREDICTIONS = "predictions.csv"  # audited when a notebook has written it
TOO_MUCH = "memory ran out. What to do: try a smaller --profile or fewer --jobs."
LAST = "11"  # the notebook of this number sums up what the others wrote: it waits for them and depends on them


@dataclass(frozen=True)
class Plan:
    """What one call asks for, every path absolute."""

    parameters: dict  # handed to every notebook
    outputs: Path  # <out-dir>/<dataset>
    state: str  # digest of what all notebooks depend on: parameters, data, helpers, libraries, device
    jobs: int

    def copy(self, notebook):
        """Where the executed copy goes."""
        return self.outputs / "executed" / notebook.name

    def stamp(self, notebook):
        """Where the record of the last successful run lies."""
        return self.copy(notebook).with_suffix(".json")


@dataclass
class Outcome:
    """What became of a notebook."""

    name: str
    status: str  # ok, up to date, not applicable, FAILED
    seconds: float | None = None  # None if it did not run this time
    files: list = field(default_factory=list)  # written, relative to the notebook's output folder
    why: str = ""  # of a status that is not ok
    audit: str = ""  # clean, or nothing where there are no predictions; with a violation the status is FAILED


def cells(notebook):
    """Cells of a notebook as dicts whose `source` is one string, without importing nbformat."""
    try:
        stored = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except (ValueError, KeyError) as error:
        remedy = "get the file again, or save it anew in JupyterLab"
        raise WorkbookError("this is not a notebook in format 4", file=notebook, remedy=remedy) from error
    return [cell | {"source": "".join(cell["source"])} for cell in stored]


def key(notebook, plan):
    """Digest of everything that decides a notebook's result. Prose is not part of it."""
    code = [cell["source"] for cell in cells(notebook) if cell["cell_type"] == "code"]
    others = []
    if notebook.stem.startswith(LAST):
        mine = plan.stamp(notebook)
        others = sorted(stamp for stamp in mine.parent.glob("[0-9]*.json") if stamp != mine)
    return storage.digest(notebook.stem, code, plan.state, *others)


def last_run(notebook, plan):
    """Outcome of the last run if it still holds: same key, and all that it wrote is there as it was. Else None."""
    stamp, results = plan.stamp(notebook), plan.outputs / notebook.stem
    if not stamp.is_file() or not plan.copy(notebook).is_file():
        return None
    try:
        record = json.loads(stamp.read_text(encoding="utf-8"))
        same = record.pop("key") == key(notebook, plan)
        untouched = record.pop("written") == _written(results, record["files"])
    except (ValueError, KeyError):  # a stamp that somebody edited proves nothing
        return None
    if not (same and untouched):  # results that were replaced since, from Jupyter say, are not this run's
        return None
    return Outcome(notebook.stem, **record)


def check_parameters(notebook, plan):
    """papermill passes over a parameter that the notebook does not declare; here that is an error."""
    import papermill

    declared = papermill.inspect_notebook(_literal(notebook))
    unknown = [name for name in plan.parameters if name not in declared]
    if unknown:
        known = f"it declares {', '.join(declared)}" if declared else "it declares none"
        remedy = f"add them to the cell tagged 'parameters' ({known})"
        raise WorkbookError(f"undeclared parameter(s) {', '.join(unknown)}", file=notebook, remedy=remedy)


def execute(notebook, plan):
    """Run one notebook to its end and stamp it. Returns an Outcome; whatever goes wrong becomes a FAILED one."""
    results, stamp = plan.outputs / notebook.stem, plan.stamp(notebook)
    before, start_key, start = _files(results), key(notebook, plan), time.monotonic()
    try:
        for last in (
            stamp,
            plan.copy(notebook),
        ):  # on a full disk the copy of an earlier run would be taken for this one's
            last.unlink(missing_ok=True)
        _papermill(notebook, plan)
        outcome = _finished(notebook.stem, results, before)
        outcome.audit = _audit(results / PREDICTIONS, before)
    except Exception as error:  # one notebook's failure, whatever it is, must not take the others with it
        outcome = Outcome(notebook.stem, "FAILED", why=_explain(error, notebook, plan.copy(notebook)))
    outcome.seconds = round(time.monotonic() - start, 1)
    outcome.files = sorted(name for name, changed in _files(results).items() if before.get(name) != changed)
    if outcome.status != "FAILED":
        record = {name: value for name, value in vars(outcome).items() if name != "name"}
        record |= {"key": start_key, "written": _written(results, outcome.files)}
        with storage.atomic(stamp) as path:
            path.write_text(json.dumps(record, indent=1), encoding="utf-8")
    return outcome


def _papermill(notebook, plan):
    import papermill
    from jupyter_client.manager import KernelManager
    from traitlets.config import Config

    logging.getLogger("papermill").setLevel(logging.CRITICAL)  # its errors reach the reader through `_explain`
    config = Config()
    if "transport_encryption" in KernelManager.class_trait_names():  # without it newer kernels warn on every run
        config.KernelManager.transport_encryption = "auto"
    options = {
        "kernel_name": "python3", "progress_bar": False, "start_timeout": 120, "config": config,
        "resources": {"metadata": {"path": str(ROOT)}},  # the kernel's folder; papermill's `cwd` would move all threads
    }  # fmt: skip
    running = plan.copy(notebook).parent / ".running" / notebook.name
    running.parent.mkdir(exist_ok=True)
    try:
        for attempt in (1, 2):
            try:
                papermill.execute_notebook(_literal(notebook), _literal(running), plan.parameters, **options)
                return
            except RuntimeError as error:  # kernels that start at the same moment can be given the same port
                if attempt == 2 or "before replying" not in str(error):
                    raise
    finally:
        _publish(running, notebook, plan)


def _publish(running, notebook, plan):
    """Put an executed copy in its place, without folders that name a person; not one that was cut short."""
    with suppress(FileNotFoundError, ValueError):  # papermill did not come to write it, or not to its end
        content = json.loads(running.read_text(encoding="utf-8"))
        given = [plan.parameters[name] for name in ("DATA_DIR", "ANNOTATIONS", "OUT_DIR")]
        content["metadata"]["papermill"] |= {"input_path": f"notebooks/{notebook.name}", "output_path": ""}
        content["metadata"] = privacy.shareable(content["metadata"], *given)
        for cell in content["cells"]:
            ours = "injected-parameters" in cell["metadata"].get("tags", ())
            for part in ("outputs", "source") if ours else ("outputs",):
                if part in cell:
                    cell[part] = privacy.shareable(cell[part], *given)
        with storage.atomic(plan.copy(notebook)) as temporary:
            temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
    running.unlink(missing_ok=True)


def _literal(path):
    return str(path).replace("{", "{{").replace("}", "}}")  # papermill takes braces in a path for a template


def _finished(name, results, before):
    """Outcome that the notebook's last cell recorded; without a new record it did not get there."""
    record = results / "run.json"
    if not record.is_file() or before.get("run.json") == record.stat().st_mtime_ns:
        raise WorkbookError("it did not finish", remedy="its last cell must write run.json")
    run = json.loads(record.read_text(encoding="utf-8"))
    if run.get("status") == "not applicable":
        return Outcome(name, "not applicable", why=run.get("why", ""))
    return Outcome(name, "ok")


def _audit(predictions, before):
    """`clean`, or nothing where this run wrote no predictions; WorkbookError says the first violation in them."""
    if not predictions.is_file() or before.get(PREDICTIONS) == predictions.stat().st_mtime_ns:
        return ""
    from helpers.evaluation import checks

    wrong = [finding for finding in checks.of_file(predictions) if finding.kind == "violation"]
    if wrong:
        others = f" ({len(wrong) - 1} more: python -m helpers.audit)" if len(wrong) > 1 else ""
        place = f"{wrong[0].where}: " if wrong[0].where else ""
        problem = f"audit of {PREDICTIONS}: {place}{wrong[0].message}{others}"
        raise WorkbookError(problem, remedy=wrong[0].remedy)
    return "clean"


def _explain(error, notebook, copy):
    """What went wrong, in a line for a reader who wants to mend it; never a traceback."""
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    if isinstance(error, WorkbookError):
        return str(error)
    if isinstance(error, DeadKernelError):
        executed = cells(copy) if copy.is_file() else []  # on a full disk there may be none
        begun = [i for i, cell in enumerate(executed) if cell["metadata"].get("papermill", {}).get("start_time")]
        place = f"cell {_number(begun[-1], notebook)}: " if begun else ""
        return f"{place}the kernel died; most likely {TOO_MUCH}"
    if isinstance(error, OSError) and error.errno in storage.FULL:
        return str(storage.no_room(error, copy))
    if not isinstance(error, PapermillExecutionError):
        return f"{type(error).__name__}: {error}"
    ours = error.ename in ("WorkbookError", "NotApplicable", "Unwritable")  # their whole message is for the reader
    message = error.evalue if ours else f"{error.ename}: {error.evalue.strip()}".splitlines()[0]
    if error.ename.endswith("MemoryError"):
        message += f"; {TOO_MUCH}"
    return f"cell {_number(error.cell_index, notebook)}, In[{error.exec_count}]: {message}"


def _number(index, notebook):
    """Number of a cell in the notebook itself: papermill puts a cell of its own after the parameters."""
    tagged = [i for i, cell in enumerate(cells(notebook)) if "parameters" in cell["metadata"].get("tags", ())]
    return index + (index <= tagged[0])


def _files(folder):
    files = (path for path in folder.rglob("*") if path.is_file() and "checkpoints" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in files}


def _written(folder, names):
    """Sizes and times of files, in order; None for one that is gone."""
    paths = [folder / name for name in names]
    return [[path.stat().st_size, path.stat().st_mtime_ns] if path.is_file() else None for path in paths]
