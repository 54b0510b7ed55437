"""How long does leave-one-subject-out of a network take? `python benchmarks/loso.py [folder of flow maps [rounds]]`.

STSTNet (Liong et al. 2019), every person held out once, 800 epochs each, three ways on the same clips:
the plain script that comes with such papers (reads the PNGs for each fold, three streams, DataLoader, 256 clips a
batch, held-out clips looked at after each epoch, one fold after another, threads as torch chooses them); the same loop
with everything in memory and nothing looked at; and ours. A few folds and epochs are timed and multiplied: both numbers
stand in the table. The ways take turns, so that a busy machine favours none of them; the ratio is that of each round.
Processor time of an epoch of a fold is over all threads: of script and loop it leaves a fold's set-up out, of ours it
does not. Only an idle machine tells the truth: on a busy one torch's threads wait for each other, which makes script
and loop several times slower, in both kinds of time, and ours hardly. All three ways have the channels that suit them:
script and loop first, ours last.
Where there is a GPU, script and loop run on it, and our folds train together. Without a folder: the demo's maps.
"""

import os
import sys
import tempfile
import time
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.pop(name, None)  # threads as a user's libraries choose them

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from joblib import Parallel, delayed, parallel_config  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402

from helpers import datasets, labels, workspace  # noqa: E402
from helpers.evaluation import splits  # noqa: E402
from helpers.models.ststnet import PAPER, STSTNet  # noqa: E402
from helpers.models.training import DidNotLearn  # noqa: E402
from helpers.motion import flow  # noqa: E402

EPOCHS = PAPER["epochs"]
THEIRS, OURS = (2, 12), (4, 40)  # folds and epochs that are timed; ours start more processes, so they get more to do


class ThreeStreams(nn.Module):
    """The network as the paper draws it: three convolutions side by side."""

    def __init__(self, classes):
        super().__init__()
        self.streams = nn.ModuleList(
            nn.Sequential(nn.Conv2d(3, filters, 3, padding=2), nn.ReLU(), nn.BatchNorm2d(filters),
                          nn.MaxPool2d(3, stride=3, padding=1), nn.Dropout(PAPER["dropout"]))
            for filters in (3, 5, 8)
        )  # fmt: skip
        self.pool, self.head = nn.AvgPool2d(2), nn.Linear(400, classes)

    def forward(self, x):
        return self.head(self.pool(torch.cat([stream(x) for stream in self.streams], dim=1)).flatten(1))


def script(paths, codes, folds, epochs, device):
    """Seconds (set-up, epochs, processor in epochs) of the plain script."""
    set_up = training = processor = 0.0
    for fold in folds:
        start = time.perf_counter()
        sides = []
        for rows in (fold.train, fold.test):
            pictures = np.stack([cv2.imread(str(paths[row])) for row in rows]).astype(np.float32)
            sides.append(TensorDataset(torch.from_numpy(pictures).permute(0, 3, 1, 2), torch.from_numpy(codes[rows])))
        learn, look = (DataLoader(side, batch_size=PAPER["batch"]) for side in sides)
        network = ThreeStreams(codes.max() + 1).to(device)
        step, criterion = torch.optim.Adam(network.parameters(), lr=PAPER["rate"]), nn.CrossEntropyLoss()
        begun, busy = time.perf_counter(), time.process_time()
        for _ in range(epochs):
            total = right = 0.0
            network.train()
            for x, truth in learn:
                x, truth = x.to(device), truth.to(device)
                step.zero_grad()
                found = network(x)
                loss = criterion(found, truth)
                loss.backward()
                step.step()
                total += loss.item() * len(x)
                right += (found.argmax(1) == truth).sum().item()
            network.eval()
            for x, truth in look:
                found = network(x.to(device))
                total += criterion(found, truth.to(device)).item()
                right += (found.argmax(1) == truth.to(device)).sum().item()
        set_up, training = set_up + begun - start, training + time.perf_counter() - begun
        processor += time.process_time() - busy
    return set_up, training, processor


def in_memory(X, codes, folds, epochs, device):
    """Seconds (all, processor) of the same loop without files, DataLoader and looks."""
    x_all, truth = torch.from_numpy(X[:, 0]).to(device), torch.from_numpy(codes).to(device)
    start, busy = time.perf_counter(), time.process_time()
    for fold in folds:
        network, criterion = ThreeStreams(codes.max() + 1).to(device), nn.CrossEntropyLoss()
        step, rows = torch.optim.Adam(network.parameters(), lr=PAPER["rate"]), torch.from_numpy(fold.train).to(device)
        for _ in range(epochs):
            for some in rows.split(PAPER["batch"]):
                step.zero_grad()
                loss = criterion(network(x_all[some]), truth[some])
                loss.backward()
                step.step()
        loss.item()
    return time.perf_counter() - start, time.process_time() - busy


def network_of(epochs, **settings):
    return STSTNet(**PAPER | {"epochs": epochs} | settings, random_state=0)


def fit_one(X, y, fold, epochs):
    """Processor seconds of one fold."""
    busy = time.process_time()
    workspace.one_thread()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DidNotLearn)  # so few epochs teach nothing, and are not meant to
        network_of(epochs).fit(X[fold.train], y[fold.train]).predict(X[fold.test])
    return time.process_time() - busy


def in_processes(X, y, folds, epochs):
    """Seconds (all, processor) of our folds, a process a core, a thread a process, which have been started before."""
    start = time.perf_counter()
    with parallel_config("loky", n_jobs=workspace.cores(), inner_max_num_threads=1):
        processor = sum(Parallel()(delayed(fit_one)(X, y, fold, epochs) for fold in folds))
    return time.perf_counter() - start, processor


def together(X, y, folds, epochs):
    """Seconds (all, processor) of all our folds at once on the GPU."""
    from helpers.models._together import fit_together

    start, busy = time.perf_counter(), time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DidNotLearn)
        fit_together([network_of(epochs, device="cuda") for _ in folds], X, y, [fold.train for fold in folds])
    return time.perf_counter() - start, time.process_time() - busy


def compare(title, rounds, whole, script_way, memory_way, our_way, ours):
    """Print a table: each round's hours for all folds and epochs, multiplied up, the two ratios, and milliseconds of
    processor time for an epoch of a fold: script, loop, ours.

    whole: folds of the dataset; ours: (folds, epochs) that our way is timed on.
    """
    folds, epochs = THEIRS
    print(
        f"\n{title}: {whole} folds x {EPOCHS} epochs, hours multiplied up from {folds} folds x {epochs} epochs (script,"
    )
    print(f"loop) and {ours[0]} folds x {ours[1]} epochs (ours)\n")
    print(
        "| round | script | loop in memory | ours | script / ours | loop / ours | processor ms |\n" + "|---" * 7 + "|"
    )
    ratios, busy = [], []
    for number in range(rounds + 1):
        set_up, training, *times = script_way()
        theirs = whole / folds * (set_up + training * EPOCHS / epochs)
        (loop, second), (mine, third) = memory_way(), our_way()
        loop, mine = whole / folds * EPOCHS / epochs * loop, whole / ours[0] * EPOCHS / ours[1] * mine
        if number:  # round 0 warms up
            ratios.append((theirs / mine, loop / mine))
            counts = folds * epochs, folds * epochs, ours[0] * ours[1]
            busy.append([1e3 * a / b for a, b in zip((*times, second, third), counts, strict=True)])
            hours = " | ".join(f"{seconds / 3600:.3f}" for seconds in (theirs, loop, mine))
            print(f"| {number} | {hours} | {_row(ratios[-1], 1)} | {_row(busy[-1])} |", flush=True)
    print(f"| median | | | | {_row(np.median(ratios, axis=0), 1)} | {_row(np.median(busy, axis=0))} |")


def _row(numbers, digits=0):
    return (" | " if digits else ", ").join(f"{number:.{digits}f}" for number in numbers)


def main(folder="", rounds="5"):
    name = "megc2019" if folder else "demo"
    samples = datasets.load(name, folder)
    scheme = labels.schemes_for(samples)[0]
    targets = labels.targets(samples, scheme)
    samples = samples[targets.notna().to_numpy()].reset_index(drop=True)
    X, y = flow.onset_to_apex(samples).values, targets.dropna().to_numpy(str)
    codes, folds = np.unique(y, return_inverse=True)[1], splits.loso(samples)
    few, more = (folds[:: max(1, len(folds) // n)][:n] for n in (THEIRS[0], OURS[0]))
    threads = torch.get_num_threads()
    print(f"{name}: {len(X)} clips, {len(folds)} people, {workspace.cores()} CPU cores, torch threads {threads}")
    with tempfile.TemporaryDirectory() as place:
        paths = [Path(place, f"{row}.png") for row in range(len(X))]
        for path, one in zip(paths, X[:, 0], strict=True):
            picture = cv2.normalize(one, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
            cv2.imwrite(str(path), np.moveaxis(picture, 0, -1)[..., ::-1])
        devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
        for device in devices:

            def script_way(device=device):
                return script(paths, codes, few, THEIRS[1], device)

            def memory_way(device=device):
                return in_memory(X, codes, few, THEIRS[1], device)

            if device == "cpu":
                title, ours, our_way = "CPU, folds in processes", OURS, lambda: in_processes(X, y, more, OURS[1])
            else:
                title = f"{workspace.device()[1]}, folds together"
                ours, our_way = (len(folds), OURS[1]), lambda: together(X, y, folds, OURS[1])
            compare(title, int(rounds), len(folds), script_way, memory_way, our_way, ours)
    if "cuda" not in devices:
        print("\nno CUDA device here: folds together on a GPU were not timed")


if __name__ == "__main__":
    main(*sys.argv[1:3])
