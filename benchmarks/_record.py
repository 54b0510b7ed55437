"""What a check of endurance found: a row of results.csv for each command, and CONTRIBUTING.md's table of them all."""

import shlex
import sys
from pathlib import Path

import pandas as pd

from helpers import storage
from helpers.show.records import commit
from helpers.workspace import ROOT

TABLE = Path(__file__).parent / "results.csv"
PAGE = ROOT / "CONTRIBUTING.md"
BEGIN, END = "<!-- endurance: written by the commands in it -->", "<!-- end of endurance -->"


def write(what, found, failed=False, command=""):
    """Print a finding and put it in the place of what the same command found before.

    found: a sentence with figures. command: by default the one that runs now.
    """
    print(f"{what}: {found}.")
    command = command or f"python {Path(sys.argv[0]).resolve().relative_to(ROOT)} {shlex.join(sys.argv[1:])}".strip()
    row = {"what": what, "found": found, "failed": "yes" if failed else "", "command": command, "commit": commit()}
    rows = pd.read_csv(TABLE, dtype=str, keep_default_na=False) if TABLE.is_file() else pd.DataFrame(columns=list(row))
    rows = pd.concat([rows[rows.command != command], pd.DataFrame([row])]).sort_values(["what", "command"])
    with storage.atomic(TABLE) as temporary:
        rows.to_csv(temporary, index=False)
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    with storage.atomic(PAGE) as temporary:
        temporary.write_text(f"{before}{BEGIN}\n{table(rows)}\n{END}{rest.split(END)[1]}", encoding="utf-8")


def table(rows):
    """Markdown."""
    lines = [("what", "found", "command", "commit"), ["---"] * 4]
    for row in rows.itertuples():
        found = f"**failed**: {row.found}" if row.failed else row.found
        lines.append((row.what, found.replace("|", "\\|"), f"`{row.command}`", row.commit))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
