"""outputs/<dataset>/report.html: every notebook of a run on one page that needs no network, no server and no Jupyter.

Executed copies go through nbconvert (`_cells`), their run.json becomes the table of where results come from, and
page.html.j2, page.css and page.js hold it together. A content security policy in the page forbids every request, and
every program but those whose digests it names.
"""

import base64
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from helpers import storage
from helpers.show.report import _cells
from helpers.workspace import WorkbookError

HERE = Path(__file__).parent
NAME = "report.html"
FACTS = ("profile", "seed", "seconds", "audit", "samples", "people", "device", "weights", "face_detector",
         "data_fingerprint", "commit")  # fmt: skip


def write(outputs, failed=()):
    """Write <outputs>/report.html from all that lies in outputs/<dataset> and return its path.

    outputs: folder of one dataset, with executed/ in it. failed: {notebook: why} of the run that just ended. Raises
    WorkbookError if nothing was executed there yet.
    """
    copies = sorted((outputs / "executed").glob("[0-9][0-9]_*.ipynb"))
    if not copies:
        remedy = "run ./run_all.sh first"
        raise WorkbookError("there is no executed notebook to report", file=outputs / "executed", remedy=remedy)
    failed = dict(failed)
    notebooks = [_notebook(copy, outputs, failed, [copy.stem for copy in copies]) for copy in copies]
    runs = [notebook["run"] for notebook in notebooks if notebook["run"]]
    page = Environment(loader=FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    script = page.get_template("page.js").render()
    programs = dict.fromkeys([script, *(one for notebook in notebooks for one in notebook["cells"].scripts)])
    text = page.get_template("page.html.j2").render(
        dataset=outputs.name,
        synthetic=any(run.get("synthetic") for run in runs),
        notebooks=notebooks,
        packages=_packages(runs),
        facts=FACTS,
        script=script,
        digests=[base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in programs],
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    with storage.atomic(outputs / NAME) as path:
        path.write_text(text, encoding="utf-8")
    return outputs / NAME


def _notebook(copy, outputs, failed, known):
    """What the page says of one notebook: status, why, facts of its run, rendered cells."""
    stamp, run = _json(copy.with_suffix(".json")), _json(outputs / copy.stem / "run.json")
    status = "FAILED" if copy.stem in failed else stamp.get("status", "did not finish")
    why = _cells.private(failed.get(copy.stem) or stamp.get("why", ""))
    finished = status in ("ok", "not applicable")
    try:
        rendered = _cells.render(copy, known)
    except WorkbookError as error:
        rendered, why = _cells.Rendered(copy.stem, copy.stem, "", [], []), why or str(error)
    run = run if finished else {}
    return {"cells": rendered, "status": status, "why": why, "run": run, "facts": _facts(run, stamp)}


def _facts(run, stamp):
    """{fact: text} of a run.json and the runner's stamp; what they don't say is left empty."""
    given = run.get("parameters", {})
    said = {"profile": given.get("PROFILE"), "seed": given.get("SEED"), "device": run.get("device", {}).get("name")}
    known = {**run, **said, "seconds": stamp.get("seconds"), "audit": stamp.get("audit")}
    if isinstance(known.get("weights"), dict):  # of each network
        known["weights"] = "; ".join(dict.fromkeys(known["weights"].values()))
    return {name: "" if known.get(name) is None else known[name] for name in FACTS}


def _packages(runs):
    """{package: versions}, Python first: normally one each, several where notebooks ran at different times."""
    versions = {}
    for run in runs:
        for name, version in {"python": run.get("python"), **run.get("packages", {})}.items():
            versions.setdefault(name, set()).add(version)
    return {name: ", ".join(sorted(filter(None, found))) for name, found in versions.items()}


def _json(path):
    """Contents of a JSON file; nothing if it is absent or half-written, which the page then shows as not finished."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
