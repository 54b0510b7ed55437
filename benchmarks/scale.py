"""What do more clips cost? `python benchmarks/scale.py [CLIPS ...]`, by default 250, 1,000 and 4,000 drawn ones.

People grow with the clips, as many as DFME has for each of its. Three steps are timed, each in a process of its own, on
all cores, with nothing in its cache: optical flow from onset to apex; the features of notebook 03 (flow in sequences,
statistics and patterns of flow, LBP-TOP of frames); and leave-one-subject-out of the logistic regression on the maps,
which every person adds one fit to and every clip a row, so that it grows as people times clips. Drawing is not timed.
Memory is the most that the process and its workers held at once, libraries included, pages that they share counted in
each of them.

What DFME would take is not measured: seconds are extrapolated by a power of the number of clips, memory by a straight
line, both fitted to all sizes. How far that can be trusted is shown by the same fit to all sizes but the largest.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import _record  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import psutil  # noqa: E402

from helpers import datasets, labels, workspace  # noqa: E402

SIZES = (250, 1000, 4000)
DFME = {"clips": 7526, "people": 671}
MB, POLL = 1e6, 0.1  # s between two looks at the memory


def drawn(clips, folder):
    """Samples of a demo of this size, whose pictures are as small as in profile tiny."""
    people = max(2, round(clips * DFME["people"] / DFME["clips"]))
    profile = replace(workspace.profile("tiny"), name=f"{clips} clips", clips=clips, people=people)
    workspace.PROFILES[profile.name] = profile
    return datasets.load("demo", str(folder), profile=profile.name)


def measure_flow(samples):
    from helpers.motion import flow

    return partial(flow.onset_to_apex, samples)


def measure_features(samples):
    from helpers.evaluation import baselines

    return partial(baselines.clips, samples, workspace.profile("quick"), 0)


def measure_loso(samples):
    from helpers.evaluation import predictions, splits
    from helpers.motion import flow

    X, store = flow.onset_to_apex(samples).values, workspace.cache_dir("folds")
    scheme = labels.scheme(labels.schemes_for(samples)[0])
    given = X, samples, labels.targets(samples, scheme.name), scheme.classes, splits.loso(samples)
    profile = workspace.profile("quick")
    predictions.cross_predict(
        "start-loso", ["majority"], *given, profile
    )  # worker processes are there before the clock
    return partial(predictions.cross_predict, "scale-loso", ["logistic"], *given, profile, store=store)


STEPS = {"flow": measure_flow, "features": measure_features, "LOSO": measure_loso}


def in_a_process(step, clips, folder):
    """(seconds of the step, most MB that it and its workers held) in a process that does nothing else."""
    environment = os.environ | dict.fromkeys(workspace.THREAD_VARIABLES, "1") | {"TQDM_DISABLE": "1"}
    environment[workspace.CACHE_VARIABLE] = str(folder / "cache")
    command = [sys.executable, __file__, step, str(clips), str(folder / "data")]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    most, tree = 0, psutil.Process(process.pid)
    while process.poll() is None:
        most = max(most, held(tree))
        time.sleep(POLL)
    if process.returncode:
        raise SystemExit(f"step {step} failed")
    return json.loads(process.stdout.read()), most / MB


def held(tree):
    """Bytes of resident memory of a process and all below it."""
    total = 0
    try:
        for process in (tree, *tree.children(recursive=True)):
            total += process.memory_info().rss
    except psutil.NoSuchProcess:  # it ended between two looks
        pass
    return total


def fitted(table):
    """What a table of one step foretells: exponent of the seconds, and functions of clips: seconds, MB."""
    exponent, level = np.polyfit(np.log(table.clips), np.log(table.seconds), 1)
    slope, start = np.polyfit(table.clips, table.mb, 1)
    return exponent, lambda clips: np.exp(level) * clips**exponent, lambda clips: start + slope * clips


def extrapolated(rows):
    """DataFrame, a row a step: exponent, seconds and MB of a set as large as DFME, and what the fit is worth."""
    found = []
    for step, table in rows.groupby("step", sort=False):
        exponent, seconds, mb = fitted(table)
        row = {"step": step, "exponent": exponent, "seconds": seconds(DFME["clips"]), "mb": mb(DFME["clips"])}
        if len(table) > 2:
            _, earlier, smaller = fitted(table.iloc[:-1])
            last = table.iloc[-1]
            row |= {"seconds_off": earlier(last.clips) / last.seconds - 1, "mb_off": smaller(last.clips) / last.mb - 1}
        found.append(row)
    return pd.DataFrame(found)


def told(rows, beyond):
    """The figures in one sentence."""
    parts = []
    for step, table in rows.groupby("step", sort=False):
        parts.append(f"{step} {listed(table.seconds, '.3g')} s and {listed(table.mb / 1e3, '.2g')} GB")
    sizes = listed(rows.clips.unique(), ",")
    ahead = "; ".join(
        f"{row.step} {row.seconds / 60:.2g} min (clips to the power {row.exponent:.2f}) and {row.mb / 1e3:.2g} GB"
        for row in beyond.itertuples()
    )
    worth = ""
    if "seconds_off" in beyond:
        off = ", ".join(f"{row.step} {row.seconds_off:+.0%} and {row.mb_off:+.0%}" for row in beyond.itertuples())
        worth = f". The same fit to the smaller sizes is off at the largest by: {off}"
    return (
        f"{sizes} demo clips on {workspace.cores()} cores, measured: {'; '.join(parts)}. Extrapolated to "
        f"{DFME['clips']:,} clips of {DFME['people']} people, as in DFME: {ahead}{worth}"
    )


def listed(numbers, form):
    words = [format(number, form) for number in numbers]
    return f"{', '.join(words[:-1])} and {words[-1]}"


def main(sizes):
    rows = []
    print("| step | clips | people | seconds | MB |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as temporary:
        for clips in sorted(sizes):
            folder = Path(temporary, str(clips))
            (folder / "data").mkdir(parents=True)
            people = drawn(clips, folder / "data").subject.nunique()
            for step in STEPS:
                seconds, mb = in_a_process(step, clips, folder)
                rows.append({"step": step, "clips": clips, "people": people, "seconds": seconds, "mb": mb})
                print(f"| {step} | {clips:,} | {people} | {seconds:.1f} | {mb:.0f} |", flush=True)
            shutil.rmtree(folder)
    rows = pd.DataFrame(rows)
    _record.write("scale", told(rows, extrapolated(rows)))


if __name__ == "__main__":
    words = sys.argv[1:]
    if words and words[0] in STEPS:
        ready = STEPS[words[0]](drawn(int(words[1]), words[2]))
        begun = time.perf_counter()
        ready()
        print(time.perf_counter() - begun)
    else:
        given = [int(word) for word in words] or SIZES
        if len(given) < 2:
            sys.exit("give at least two sizes: one says nothing about growth")
        main(given)
