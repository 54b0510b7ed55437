"""How fast is the flow, and how right? `python benchmarks/flow.py [folder of the demo]` prints two tables.

Beside the plain loop users write today: imread of two frames, one calcOpticalFlowFarneback a pair, one clip after the
other, with the threads OpenCV chooses itself. Everything is timed in this one process tree, on the same clips, so the
ratios mean something on any machine. Each row has the gain and the error against the demo's known motion: a speed
without them says nothing. Without a folder the demo is drawn into a temporary one.
"""

import os
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ["TQDM_DISABLE"] = "1"

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import psutil  # noqa: E402

from helpers import datasets, workspace  # noqa: E402
from helpers.datasets.demo import truth  # noqa: E402
from helpers.motion import faces, flow, frames, methods  # noqa: E402
from helpers.weights import Unavailable  # noqa: E402

OPENCV_THREADS = cv2.getNumThreads()  # as a user's script has them
CROPS, WORKERS, REPEATS = (128, 224), (1, 2), 3
CLIPS = {"farneback": 60, "dis": 60, "tvl1": 6, "raft": 6}  # timed clips a method: the slow ones would take minutes
CHECKED = 30  # clips on which each method is held against the truth, the same for all
MOVING = 0.5  # pixels of true motion from which error and gain count
MANY = 1000  # clips whose memory is measured
LIMIT = 2048  # MiB they may take


class Memory:
    """Largest resident memory of this process and its children while the block runs, MiB above what it began with."""

    def __enter__(self):
        self.before = self.peak = self._now()
        self.ended = threading.Event()
        self.watcher = threading.Thread(target=self._watch)
        self.watcher.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.watcher.join()

    def _watch(self):
        while not self.ended.wait(0.02):
            self.peak = max(self.peak, self._now())

    def _now(self):
        total, me = 0, psutil.Process()
        for process in (me, *me.children(recursive=True)):
            try:
                total += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        return total / 2**20


def timed(function, *args, repeats=REPEATS):
    """Seconds of the fastest of several calls."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        function(*args)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def plain_loop(pairs, size):
    """What a script does. pairs: paths of onset and apex."""
    for onset, apex in pairs:
        first, second = (
            cv2.resize(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), (size, size)) for path in (onset, apex)
        )
        cv2.calcOpticalFlowFarneback(first, second, None, **methods.FARNEBACK)


def plain_speed(samples, size):
    pairs = [frames.paths(row, (row.onset, row.apex)) for row in samples.itertuples()]
    cv2.setNumThreads(OPENCV_THREADS)
    return len(pairs) / timed(plain_loop, pairs, size)


def cold(samples, setting, jobs):
    """Seconds of the fastest of several extractions into an empty store, after two clips that load what must be."""
    os.environ[workspace.JOBS_VARIABLE] = str(jobs)

    def once(some):
        with tempfile.TemporaryDirectory() as folder:
            os.environ[workspace.CACHE_VARIABLE] = folder
            start = time.perf_counter()
            flow.extract(some, setting)
            return time.perf_counter() - start

    once(samples.head(2))
    return min(once(samples) for _ in range(REPEATS))


def cached(samples, setting):
    """(cold, cached) seconds of the same extraction."""
    os.environ[workspace.JOBS_VARIABLE] = "2"
    with tempfile.TemporaryDirectory() as folder:
        os.environ[workspace.CACHE_VARIABLE] = folder
        return timed(flow.extract, samples, setting, repeats=1), timed(flow.extract, samples, setting, repeats=5)


def accuracy(samples, method, crop):
    """Mean endpoint error (px), share of that of zero flow, and gain, where the demo truly moves; rigid removed."""
    error, still, along, square = [], [], 0.0, 0.0
    for row in samples.itertuples():
        true = truth.displacement(row.sample_id, samples.attrs["root"], row.apex)
        ratio = crop / true.shape[-1]
        true = ratio * np.stack([cv2.resize(part, (crop, crop)) for part in true])
        moving = np.hypot(*true) > MOVING * crop / 128
        if moving.any():
            found = flow.between(*faces.crops(row, (row.onset, row.apex), crop), method)[:2]
            error.append(np.hypot(*(found - true))[moving].mean())
            still.append(np.hypot(*true)[moving].mean())
            along, square = along + np.sum(found * true * moving), square + np.sum(true**2 * moving)
    return np.mean(error), np.mean(error) / np.mean(still), along / square


def repeated(samples, count):
    """The same clips again and again under other names, up to `count`."""
    parts = [samples.assign(sample_id=samples.sample_id + f"-{k}") for k in range(-(-count // len(samples)))]
    many = pd.concat(parts, ignore_index=True).head(count)
    many.attrs = samples.attrs
    return many


def evenly(samples, count):
    some = samples.iloc[np.unique(np.linspace(0, len(samples) - 1, count).round().astype(int))]
    some.attrs = samples.attrs
    return some


def methods_table(samples):
    """One line a method and crop size: accuracy, and clips a second beside the plain loop."""
    print("| method | crop | error px | of zero flow | gain | clips/s, 1 worker | 2 workers | second core | to plain |")
    print("|---|---|---|---|---|---|---|---|---|")
    gains = {}
    for crop in CROPS:
        plain = plain_speed(samples.head(60), crop)
        print(f"| plain loop, {OPENCV_THREADS} OpenCV threads | {crop} | | | | {plain:.0f} | | | 1.0 |")
        for name in methods.METHODS:
            some = evenly(samples, CLIPS[name])
            try:
                error, share, gain = accuracy(evenly(samples, CHECKED), name, crop)
            except Unavailable as problem:
                print(f"| {name} | {crop} | unavailable: {problem.problem} | | | | | | |")
                continue
            gains[name, crop] = gain
            setting = flow.Setting(method=name, crop=crop)
            one, two = (len(some) / cold(some, setting, jobs) for jobs in WORKERS)
            print(
                f"| {name} | {crop} | {error:.2f} | {share:.0%} | {gain:.2f} | {one:.1f} | {two:.1f} "
                f"| {two / one:.2f} | {two / plain:.1f} |"
            )
    return gains


def main(folder=""):
    with tempfile.TemporaryDirectory() as temporary:
        samples = datasets.load("demo", folder or temporary)
        print(f"demo: {len(samples)} clips, {workspace.cores()} cores, OpenCV {cv2.__version__}\n")
        gains = methods_table(samples)
        print("\n| what | measured | target |\n|---|---|---|")
        sequence, some = flow.Setting(sequence=16, size=64), evenly(samples, 20)
        for name in (methods.DEFAULT, "farneback"):
            seconds = cold(some, replace(sequence, method=name), 2)
            print(
                f"| registered frames per second at 128 px, {name}, 2 workers "
                f"| {len(some) * sequence.sequence / seconds:.0f}, gain {gains[name, 128]:.2f} | 200, gain .75 |"
            )
        first, again = cached(samples, flow.Setting())
        print(f"| cached re-run of {len(samples)} clips ({first:.1f} s cold) | {first / again:.0f} times faster | 50 |")
        for count in (MANY // 4, MANY):
            with tempfile.TemporaryDirectory() as cache, Memory() as memory:
                os.environ[workspace.CACHE_VARIABLE] = cache
                flow.extract(repeated(samples, count), flow.Setting(windows=(flow.RISE, flow.FALL), size=64))
            print(
                f"| memory of {count} clips, 2 windows of 64 px | {memory.peak:.0f} MiB in all, "
                f"{memory.peak - memory.before:.0f} above the start | below {LIMIT}, flat |"
            )


if __name__ == "__main__":
    main(*sys.argv[1:2])
