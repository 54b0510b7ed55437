"""`python -m helpers.run --verify outputs/demo`: the same notebooks once more, elsewhere, and are all numbers the same?

What a run leaves is compared file by file: predictions, scores, tables. Tables of how long something took differ every
time, and are compared without those columns. Figures are made from these numbers and are not compared.
"""

import json
import os
import re
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

from helpers import storage
from helpers._execute import LAST
from helpers.workspace import CACHE_VARIABLE, WorkbookError

FILES = ("*.csv", "tables/*.csv", "scores.json")
RECORDED = ("python", "packages", "commit", "data_fingerprint", "device", "threads", "face_detector", "weights")
TIMES = re.compile(r"second|minute|(^|_)m?s(_|$)|timestamp")  # columns that no two runs share
SAME, TIMED = "identical", "identical but for times"


def main(args, run):
    """Print which files differ; exit status 0 if none does, 1 otherwise. WorkbookError for a call that is wrong.

    args: of run.parse, with `verify` an outputs/<dataset> or the folder of one of its notebooks. run: run.main.
    """
    folder = Path(args.verify).expanduser().resolve()
    records = _records(folder)
    words = _call(records, args)
    base = folder.parent if (folder / "run.json").is_file() else folder
    place = Path(tempfile.mkdtemp(prefix="verify-"))
    with _no_cache(place):
        status = run([*words, "--out-dir", str(place)])
    if status:
        print(f"\nNothing was compared: the run did not end well. What it left is kept in {place}.")
        return status
    again = place / words[words.index("--dataset") + 1]
    for line in _differences(records, _records(again)):
        print(line)
    found = {path: verdict for name in records for path, verdict in compare(base / name, again / name).items()}
    for path, verdict in found.items():
        if verdict not in (SAME, TIMED):
            print(f"{path}: {verdict}")
    if not found:
        raise WorkbookError("these notebooks left no numbers", file=folder, remedy="name others, which keep tables")
    same = sum(verdict in (SAME, TIMED) for verdict in found.values())
    print(f"\n{same} of {len(found)} files of {len(records)} notebook{'s' * (len(records) > 1)} are the same.")
    if same < len(found):
        print(f"The other results are kept in {place}.")
        return 1
    shutil.rmtree(place)
    return 0


@contextmanager
def _no_cache(place):
    """What earlier runs remembered (flow, embeddings, models) is computed again, too."""
    before = os.environ.get(CACHE_VARIABLE)
    os.environ[CACHE_VARIABLE] = str(place / "cache")
    try:
        yield
    finally:
        shutil.rmtree(place / "cache", ignore_errors=True)
        del os.environ[CACHE_VARIABLE]
        os.environ.update({CACHE_VARIABLE: before} if before else {})


def compare(here, there):
    """{path relative to the notebook's parent: how two results of it compare}. here, there: folders of one notebook."""
    names = {
        path.relative_to(place).as_posix() for place in (here, there) for what in FILES for path in place.glob(what)
    }
    return {f"{here.name}/{name}": _compared(here / name, there / name) for name in sorted(names)}


def _compared(one, other):
    if not (one.is_file() and other.is_file()):
        return f"only {'before' if one.is_file() else 'now'}"
    if one.read_bytes() == other.read_bytes():
        return SAME
    try:
        return _scores(one, other) if one.suffix == ".json" else _tables(one, other)
    except (ValueError, TypeError) as error:  # cut short, or no text: that is what was to be found out
        return f"cannot be read ({error})"


def _scores(one, other):
    first, second = (json.loads(path.read_text(encoding="utf-8")) for path in (one, other))
    return TIMED if first | {"timestamp": ""} == second | {"timestamp": ""} else "differs"


def _tables(one, other):
    import numpy as np
    import pandas as pd

    tables = [pd.read_csv(path, dtype=str, keep_default_na=False) for path in (one, other)]
    timed = [{name for name in table if TIMES.search(name)} for table in tables]
    first, second = (table.drop(columns=list(drop)) for table, drop in zip(tables, timed, strict=True))
    if first.equals(second):
        return TIMED
    if list(first) != list(second) or len(first) != len(second):
        gone, new = (", ".join(a.columns.difference(b.columns)) for a, b in ((first, second), (second, first)))
        columns = f"{f'; no longer {gone}' * bool(gone)}{f'; new {new}' * bool(new)}"
        return f"{len(first)} rows, now {len(second)}{columns}"
    changed = [name for name in first if not first[name].equals(second[name])]
    numbers = [
        first[changed].apply(pd.to_numeric, errors="coerce"),
        second[changed].apply(pd.to_numeric, errors="coerce"),
    ]
    most = np.nanmax(np.abs((numbers[0] - numbers[1]).to_numpy()), initial=0)
    rows = int((first[changed] != second[changed]).any(axis=1).sum())
    return f"{rows} of {len(first)} rows differ in {', '.join(changed)}" + f", numbers by up to {most:.2g}" * bool(most)


def _records(folder):
    """{notebook: its run.json} of an outputs/<dataset>, or of one notebook in it."""
    found = (
        [folder] if (folder / "run.json").is_file() else sorted(path.parent for path in folder.glob("[0-9]*/run.json"))
    )
    if not found:
        below = [path.parent.parent.name for path in folder.glob("*/[0-9]*/run.json")]
        remedy = f"name {folder.name}/{below[0] if below else '<dataset>'}, or the folder of one notebook in it"
        raise WorkbookError("no notebook has finished here", file=folder, remedy=remedy)
    if [path.name[:2] for path in found] == [LAST]:
        remedy = "verify outputs/<dataset>: it sums up what all the others wrote"
        raise WorkbookError("this notebook cannot be verified alone", file=folder, remedy=remedy)
    return {path.name: _record(path / "run.json") for path in found}


def _record(path):
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        _ = record["parameters"]["DATASET"]
    except (ValueError, KeyError, TypeError) as error:
        raise WorkbookError("this is no record of a run", file=path, remedy="run the notebook again") from error
    return record


def _call(records, args):
    """Words of the command line that ran them."""
    asked = {storage.digest(record["parameters"]): record["parameters"] for record in records.values()}
    if len(asked) > 1:
        remedy = "name the folder of one notebook, or run all with the same options first"
        raise WorkbookError("these notebooks were run with different parameters", remedy=remedy)
    (asked,) = asked.values()
    given = {"--data-dir": args.data_dir, "--annotations": args.annotations, "--scheduler": args.scheduler}
    for name, option in (("DATA_DIR", "--data-dir"), ("ANNOTATIONS", "--annotations")):
        if asked[name] and not given[option]:  # run.json, which is shared, keeps only the last part of a path
            problem = f"the run had {option} with a path that ends in {asked[name]!r}"
            raise WorkbookError(problem, remedy=f"give {option} here, too")
    words = ["--dataset", asked["DATASET"], "--profile", asked["PROFILE"], "--seed", str(asked["SEED"])]
    words += ["--only", ",".join(records), "--jobs", str(args.jobs), "--backend", args.backend]
    return words + [word for option, value in given.items() if value for word in (option, value)]


def _differences(before, now):
    """What the two runs were made with, where it differs."""
    told = {}
    for name in before.keys() & now.keys():
        for what in RECORDED:
            was, became = before[name].get(what), now[name].get(what)
            if isinstance(was, dict) and isinstance(became, dict):
                changed = [key for key in {**was, **became} if was.get(key) != became.get(key)]
                parts = [f"{key} {was.get(key)}, now {became.get(key)}" for key in changed]
            else:
                parts = [f"{was}, now {became}"] if was != became else []
            told |= {f"{what}: {part}": None for part in parts}
    return sorted(told)
