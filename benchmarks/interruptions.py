"""Is anything lost when a run is killed? The workbook on the demo, killed at random moments and started again.

    python benchmarks/interruptions.py [KILLS] [SEED] [NOTEBOOKS]

One run is left in peace. Another one is stopped at random moments and started again: by Ctrl-C (SIGINT), SIGTERM,
SIGKILL of the runner alone, whose kernels have to notice, and SIGKILL of everything at once.
After each, every file under its final name must be whole, and no finished fold may be fitted again; when it has come to
its end, every number must be that of the run in peace, and it begins anew. Exit status 1 if anything was lost.
"""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import _record
import cv2
import numpy as np
import pandas as pd

from helpers import _verify
from helpers.workspace import CACHE_VARIABLE, ROOT

WAYS = {"Ctrl-C": signal.SIGINT, "SIGTERM": signal.SIGTERM, "SIGKILL": signal.SIGKILL, "SIGKILL of all": signal.SIGKILL}
UNFINISHED = re.compile(r"^\.|^partial\.")  # names of files at work


def start(place, only):
    """The runner as a process group of its own, its words going to place/said."""
    words = ["--profile", "tiny", "--data-dir", place / "data", "--out-dir", place / "out"]
    words += ["--only", only] if only else []
    (place / "data").mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, CACHE_VARIABLE: str(place / "cache"), "PYTHONUNBUFFERED": "1"}
    with open(place / "said", "ab") as said:
        command = [sys.executable, "-m", "helpers.run", *map(str, words)]
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=said, stderr=said, start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )  # fmt: skip


def stop(runner, way):
    """Send the signal; seconds until the runner was gone."""
    began = time.monotonic()
    if way == "SIGKILL of all":
        for group in groups_of(runner.pid):
            os.killpg(group, signal.SIGKILL)
    else:
        runner.send_signal(WAYS[way])
    runner.wait(60)
    return time.monotonic() - began


def groups_of(pid):
    """Process groups of a process and all that it started: kernels lead their own."""
    import psutil

    parent = psutil.Process(pid)
    return {os.getpgid(process.pid) for process in [*parent.children(recursive=True), parent]}


def damaged(place):
    """Files under their final names that cannot be read to their end."""
    found = []
    for path in sorted(place.rglob("*")):
        inside = path.relative_to(place).parts
        if not path.is_file() or any(UNFINISHED.match(part) for part in inside) or inside[0] == "said":
            continue
        try:
            whole(path)
        except FileNotFoundError:  # a kernel that outlived its runner is just putting something in its place
            continue
        except Exception as error:
            found.append(f"{path.relative_to(place)}: {error}")
    return found


def whole(path):
    """Raises something unless a file is complete."""
    if path.suffix in (".json", ".ipynb"):
        json.loads(path.read_text())
    elif path.suffix == ".csv":
        if not path.read_bytes().endswith(b"\n"):
            raise ValueError("the last line is cut")
        pd.read_csv(path, dtype=str)
    elif path.suffix in (".png", ".jpg"):
        if cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED) is None:
            raise ValueError("no picture")
    elif path.suffix in (".npy", ".npz"):
        np.load(path, mmap_mode="r")
    elif path.suffix == ".html" and not path.read_text().rstrip().endswith("</html>"):
        raise ValueError("the page is cut")


def folds(place):
    """{(notebook, file): time of writing} of all finished folds."""
    return {
        (path.parts[path.parts.index("checkpoints") - 1].strip("."), path.name): path.stat().st_mtime_ns
        for path in place.glob("out/demo/*/checkpoints/**/*.json")
    }


def in_hand(place):
    """The notebook that the runner named last."""
    names = re.findall(r"^(\d\d)_\w+ …", (place / "said").read_text(errors="replace"), re.MULTILINE)
    return names[-1] if names else "start"


def ended(calm, shaken):
    """({file: verdict} of all numbers against those of the run in peace, hidden files left behind)."""
    names = sorted(path.parent.name for path in calm.glob("out/demo/*/run.json"))
    parts = (_verify.compare(calm / "out" / "demo" / name, shaken / "out" / "demo" / name) for name in names)
    verdicts = {path: said for part in parts for path, said in part.items()}
    return verdicts, [path.name for path in shaken.glob("out/demo/**/.*") if path.name not in (".lock", ".running")]


def main(kills=20, seed=0, only=""):
    rng, rows, verdicts, left, chains, twice = random.Random(seed), [], [], [], 0, 0
    with tempfile.TemporaryDirectory() as base:
        calm, shaken = Path(base, "calm"), Path(base, "shaken")
        calm.mkdir()
        began = time.monotonic()
        if start(calm, only).wait():
            sys.exit((calm / "said").read_text())
        length = time.monotonic() - began
        print(f"in peace: {length:.0f} s", flush=True)
        ways = rng.sample(list(WAYS) * (kills // len(WAYS) + 1), kills)
        known = {}
        while len(rows) < kills or known is not None:
            shaken.mkdir(exist_ok=True)
            runner, wait = start(shaken, only), rng.uniform(1, length / 3)
            way = ways[len(rows)] if len(rows) < kills else None
            try:
                status = runner.wait(wait if way else None)
            except subprocess.TimeoutExpired:
                notebook, seconds = in_hand(shaken), stop(runner, way)
                broken, now = damaged(shaken), folds(shaken)
                rows.append({"after_s": round(wait), "way": way, "in_hand": notebook, "stop_s": round(seconds, 1),
                             "exit": runner.returncode, "folds": len(now), "damaged": "; ".join(broken)})  # fmt: skip
                print(rows[-1], flush=True)
            else:
                if status:
                    sys.exit((shaken / "said").read_text())
                now = folds(shaken)
            again = sum(now.get(fold) != written for fold, written in (known or {}).items())
            twice, known = twice + again, now
            if runner.returncode == 0:
                found, hidden = ended(calm, shaken)
                verdicts += found.items()
                left += hidden
                chains, known = chains + 1, None
                shutil.rmtree(shaken)
    other = sorted({f"{name}: {said}" for name, said in verdicts if said not in (_verify.SAME, _verify.TIMED)})
    broken = sum(bool(row["damaged"]) for row in rows)
    print(pd.DataFrame(rows).to_string(index=False), *other, *(f"left behind: {name}" for name in left), sep="\n")
    told = (
        f"{kills} kills in {chains} run{'s' * (chains > 1)} of {length:.0f} s: {broken} left a damaged file, {twice} "
        f"finished folds were fitted again; {len(verdicts) - len(other)} of {len(verdicts)} files of numbers equal "
        f"those of a run in peace ({sum(said == _verify.TIMED for _, said in verdicts)} but for times)"
    )
    lost = bool(broken or twice or other or left)
    _record.write("interruption", told, lost)
    return int(lost)


if __name__ == "__main__":
    words = sys.argv[1:]
    sys.exit(main(*map(int, words[:2]), *words[2:]))
