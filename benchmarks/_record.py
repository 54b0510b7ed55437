"""What a check of endurance found: one row of results.csv a command, from which CONTRIBUTING.md's table is written."""

import shlex
import sys
from pathlib import Path

import pandas as pd

from helpers import storage
from helpers.show.records import commit
from helpers.workspace import ROOT

TABLE = Path(__file__).parent / "results.csv"


def write(what, found, failed=False):
    """Print a finding, and put it in the place of the row that the same command wrote before. found: a sentence."""
    print(f"{what}: {found}.")
    command = f"python {Path(sys.argv[0]).resolve().relative_to(ROOT)} {shlex.join(sys.argv[1:])}".strip()
    row = {"what": what, "found": found, "failed": "yes" if failed else "", "command": command, "commit": commit()}
    rows = pd.read_csv(TABLE, dtype=str, keep_default_na=False) if TABLE.is_file() else pd.DataFrame(columns=list(row))
    kept = rows[(rows.what != what) | (rows.command != command)]
    with storage.atomic(TABLE) as temporary:
        pd.concat([kept, pd.DataFrame([row])]).sort_values(["what", "command"]).to_csv(temporary, index=False)
