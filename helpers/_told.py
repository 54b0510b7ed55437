"""What the runner says: a line a notebook, the closing table, the page that it ends with, the list of --list."""

import re
import time
from collections import Counter
from pathlib import PurePosixPath
from textwrap import shorten

from helpers import _execute


def result(outcome, copy):
    """How a notebook ended, in a line."""
    status = f"{outcome.status}: {outcome.why}" if outcome.why else outcome.status
    more = f"\n    see {copy}" if outcome.status == "FAILED" and copy.is_file() else ""
    return f"{outcome.seconds:.0f} s  {status}{more}"


def _wrote(outcome):
    """`3 figures, 4 tables, predictions, scores` from the files that a run wrote."""
    parts = [PurePosixPath(name) for name in outcome.files if name != "run.json"]
    counts = Counter(path.parts[0] if len(path.parts) > 1 else path.stem for path in parts)
    plural = sorted(counts.keys() & {"figures", "tables"})
    counted = [f"{counts[name]} {name if counts[name] > 1 else name.removesuffix('s')}" for name in plural]
    return ", ".join(counted + [name for name in counts if name not in plural])


def table(outcomes, plan):
    """Closing table: a row a notebook."""
    rows = [("notebook", "status", "seconds", "audit", "wrote")]
    for outcome in sorted(outcomes, key=lambda outcome: outcome.name):
        seconds = "-" if outcome.seconds is None else f"{outcome.seconds:.0f}"
        wrote = shorten(outcome.why, 100, placeholder=" ...") or _wrote(outcome)  # whole above, where it happened
        rows.append((outcome.name, outcome.status, seconds, outcome.audit or "-", wrote))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        f"{a:{widths[0]}}  {b:{widths[1]}}  {c:>{widths[2]}}  {d:{widths[3]}}  {e}".rstrip() for a, b, c, d, e in rows
    ]
    return "\n".join(["", *lines, f"Results: {plan.outputs}"])


def report(outcomes, plan):
    """One page of all executed notebooks, of this run and of earlier ones, unless it is there and nothing is new."""
    page, started = plan.outputs / "report.html", time.monotonic()
    if page.is_file() and all(outcome.seconds is None for outcome in outcomes):
        print(f"Report: {page}")
    elif any(page.parent.glob("executed/*.ipynb")):
        from helpers.show import report

        report.write(plan.outputs, {outcome.name: outcome.why for outcome in outcomes if outcome.status == "FAILED"})
        megabytes, seconds = page.stat().st_size / 1e6, time.monotonic() - started
        print(f"Report: {page} ({megabytes:.1f} MB, written in {seconds:.0f} s)")


def listing(notebooks, plan):
    """Print what there is to run."""
    for path in notebooks:
        prose = "\n".join(cell["source"] for cell in _execute.cells(path) if cell["cell_type"] == "markdown")
        heading = re.search(r"^#+ +(.+)$", prose, re.MULTILINE)
        state = "up to date" if _execute.last_run(path, plan) else "to run"
        print(f"{path.stem[:2]}  {path.stem[3:]:28} {state:10}  {heading[1] if heading else ''}")
