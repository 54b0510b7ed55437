"""How fast are regressors of intensity? `python benchmarks/intensity.py [clips] [rounds]` prints two tables.

First, what the store of flow saves: an epoch that computes the flow of its clips anew, as a training loop over video
files does, against one that finds it in memory, and a first run against one that reads the store. Second, sequences
trained on and predicted a second, by network and device. Everything runs in this process, one thread on the CPU.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import torch  # noqa: E402

from helpers import datasets, workspace  # noqa: E402
from helpers.evaluation import intensity, targets  # noqa: E402
from helpers.models import intensity as models  # noqa: E402
from helpers.motion import sequences  # noqa: E402

PROFILE = workspace.profile("quick")
EPOCHS = 5  # that a training is timed on


def timed(function, *args, **settings):
    """(Seconds, what it returns)."""
    start = time.perf_counter()
    found = function(*args, **settings)
    return time.perf_counter() - start, found


def stored(samples):
    """(Seconds of the first run, seconds of the second, Sequences), with an empty store at first."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ[workspace.CACHE_VARIABLE] = folder
        first, _ = timed(sequences.extract, samples, side=intensity.SIDES[PROFILE.name])
        again, clips = timed(sequences.extract, samples, side=intensity.SIDES[PROFILE.name])
    return first, again, clips


def trained(name, clips, y, device):
    """(Seconds of an epoch, seconds of a prediction of all clips)."""
    people = clips.samples.subject.to_numpy(str)
    network = models.build(name, PROFILE, 0, epochs=EPOCHS, device=device)
    training, fitted = timed(network.fit, clips.values, y, groups=people)
    return training / EPOCHS, timed(fitted.predict, clips.values)[0]


def main(clips="60", rounds="3"):
    samples = datasets.load("demo", profile=PROFILE.name)
    some = samples.iloc[np.linspace(0, len(samples) - 1, int(clips)).astype(int)].reset_index(drop=True)
    workspace.one_thread()
    first, again, found = stored(some)
    y, n = targets.of(found, "triangle"), len(found.samples)
    print(f"demo: {n} sequences of {found.values.shape[1]} steps at most, {found.values.shape[-1]} px\n")
    trained("cnn_lstm", found, y, "cpu")  # torch warms up
    epoch, _ = trained("cnn_lstm", found, y, "cpu")
    print("| | computed anew | from the store or memory | ratio |\n|---|---|---|---|")
    print(f"| seconds to get the flow of all clips | {first:.2f} | {again:.3f} | {first / again:.0f} |")
    print(f"| seconds of an epoch of cnn_lstm | {first + epoch:.2f} | {epoch:.3f} | {1 + first / epoch:.0f} |")
    print("\n| network | device | trained on, sequences/s | predicted, sequences/s |\n|---|---|---|---|")
    for device in ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]:
        for name in models.NETWORKS:
            trained(name, found, y, device)
            times = np.median([trained(name, found, y, device) for _ in range(int(rounds))], axis=0)
            print(f"| {name} | {device} | {n / times[0]:.0f} | {n / times[1]:.0f} |", flush=True)
    if device == "cpu":
        print("\nno CUDA device here: a GPU was not timed")


if __name__ == "__main__":
    main(*sys.argv[1:3])
