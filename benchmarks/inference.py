"""How fast is a recording gone through? `python benchmarks/inference.py [rounds]` prints two tables.

A recording of a drawn stranger (200 frames a second, 640 x 480) goes through the whole pass, step by step. Beside it
the obvious way on the same frames: the face looked for and registered anew in every frame, flow between neighbouring
frames at full crop size, the same models for the same movement. Both in this process, on the cores that it is given;
seconds are wall time, the median over rounds, and models are loaded before (of outputs/demo, else trained on the demo).
"""

import os
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from helpers import datasets, workspace  # noqa: E402
from helpers.inference import example, recording, training, video  # noqa: E402
from helpers.motion import faces, flow, frames  # noqa: E402

SIZE = (640, 480)


def placed(path, folder):
    """The drawn face in the middle of a plain picture of SIZE, as .mp4 as cameras write it."""
    width, height = SIZE
    pictures = []
    for _, face in frames.video_frames(path):
        picture = np.full((height, width, 3), 110, np.uint8)
        top, left = (height - len(face)) // 2, (width - len(face)) // 2
        picture[top : top + len(face), left : left + len(face)] = face
        pictures.append(picture)
    return example.write(Path(folder) / "recording.mp4", pictures, codec="mp4v")


def obvious(path, result, models):
    """(Seconds of the obvious way, frames it went through)."""
    start, before, count = time.perf_counter(), None, 0
    for _, picture in frames.video_frames(path):
        crop = faces.apply([cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)], faces.register(faces.detect(picture)[0]), 128)[
            0
        ]
        if before is not None:
            flow.between(before, crop)
        before, count = crop, count + 1
    for one in result.candidates:
        X = video.moved(result.recording, one.onset, one.apex, models["emotion"].facts["representation"]["side"])
        models["emotion"].fitted.predict_proba(X[None, None])
    return time.perf_counter() - start, count


def main(rounds="5"):
    workspace.one_thread()
    run = SimpleNamespace(profile=workspace.profile("quick"), seed=0, checkpoints=None, notes={})
    models = training.ready(datasets.load("demo"), run, ROOT / "outputs" / "demo")
    with tempfile.TemporaryDirectory() as folder:
        path = placed(example.draw(folder, "disgust").path, folder)
        video.analyse(path, models)  # everything warms up
        passes = [video.analyse(path, models) for _ in range(int(rounds))]
        others = [obvious(path, passes[0], models)[0] for _ in range(max(1, int(rounds) // 2))]
    n = len(passes[0].recording.crops)
    seconds = pd.DataFrame([{**one.recording.clock, "everything": one.seconds} for one in passes]).median()
    print(f"{n} frames of {SIZE[0]} x {SIZE[1]}, 200 a second, crop {recording.CROP} px, {os.cpu_count()} cores, "
          f"load {os.getloadavg()[0]:.1f}, faces found by {passes[0].recording.registration.how}\n")  # fmt: skip
    print("| step | seconds a clip | ms a frame | frames a second |\n|---|---|---|---|")
    for step, value in seconds.items():
        print(f"| {step} | {value:.3f} | {1000 * value / n:.2f} | {n / value:.0f} |")
    usual = float(np.median(others))
    print("\n| | seconds a clip | frames a second | ratio |\n|---|---|---|---|")
    print(f"| the obvious way | {usual:.2f} | {n / usual:.0f} | 1.0 |")
    speed, ratio = n / seconds.everything, usual / seconds.everything
    print(f"| this workbook | {seconds.everything:.2f} | {speed:.0f} | {ratio:.1f} |")


if __name__ == "__main__":
    main(*sys.argv[1:2])
