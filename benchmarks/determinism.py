"""Do numbers stay the same? The same work again, with two threads, and with another version of OpenCV.

    python benchmarks/determinism.py [OPENCV VERSION, by default 4.14.0.94]

Each variant is a process of its own on the same drawn pictures. The other OpenCV goes to a temporary folder with uv
(which needs a network) and in front of the installed one. Stages follow each other in the pipeline, but each is given
the numbers of the first variant, so that its difference is its own.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2
import numpy as np
from threadpoolctl import threadpool_info

from helpers import datasets, features, labels, models, workspace
from helpers.motion import faces, flow, frames, methods

OTHER = "4.14.0.94"
NETWORKS = ("ststnet", "off_apexnet", "ours", "logistic", "svm", "random_forest", "xgboost", "lightgbm")
FEATURES = {"hog": "stills", "lbp": "stills"}
CLIPS = 24


def compute(first, target, threads):
    """Write every stage's arrays to `target`. first: those of the first variant, from whose numbers others start."""
    cv2.setNumThreads(threads)
    given = dict(np.load(first)) if first else {}
    found = {}

    def stage(name, value):
        found[name] = np.asarray(value)
        return given.get(name, found[name])

    samples = datasets.load("demo", given_folder(), profile="tiny").iloc[:CLIPS].reset_index(drop=True)
    pictures = [frames.clip(row, (row.onset, row.apex), gray=True) for row in samples.itertuples()]
    stage("pictures read", pictures)
    tilted = faces.Registration(np.array([[0.0078, 0.0004, 0.011], [-0.0004, 0.0078, 0.017]]), "turned")
    crops = stage("crops (warpAffine)", [faces.apply(pair, tilted, 128) for pair in pictures])
    stage(
        "faces (YuNet)",
        [faces.detect(pair[0])[0].points if faces.detect(pair[0]) else np.zeros((5, 2)) for pair in pictures],
    )
    for method in ("farneback", "dis", "tvl1"):
        if not methods.missing(method):
            stage(f"flow ({method})", [flow.between(*pair, method=method) for pair in crops])
    maps = given.get("flow (dis)", found["flow (dis)"])
    small = np.stack([[cv2.resize(c, (28, 28), interpolation=cv2.INTER_AREA) for c in one] for one in maps])
    X = stage("maps of 28 x 28 (resize)", small)[:, None].astype(np.float32)
    for name in FEATURES:
        stage(f"feature {name}", features.build(name).fit_transform(crops[:, 1]))
    import torch

    torch.set_num_threads(threads)
    asked = {pool["prefix"]: pool["num_threads"] for pool in threadpool_info()}
    assert set(asked.values()) == {threads}, f"asked for {threads} threads and got {asked}"
    y = labels.targets(samples, "demo7").to_numpy(str)
    for name in NETWORKS:
        workspace.seed(0)
        fitted = models.build(name, workspace.profile("tiny"), 0).fit(X, y, groups=samples.subject.to_numpy(str))
        stage(f"model {name}", fitted.predict_proba(X))
    np.savez(target, **found)


def given_folder():
    return os.environ["DETERMINISM_DATA"]


def main(other=OTHER):
    import _record
    import pandas as pd

    with tempfile.TemporaryDirectory() as base:
        os.environ["DETERMINISM_DATA"] = drawn = str(Path(base, "demo"))
        os.mkdir(drawn)
        datasets.load("demo", drawn, profile="tiny")
        place = Path(base, "other")
        command = ["uv", "pip", "install", "--quiet", "--no-deps", "--target", str(place)]
        subprocess.run([*command, f"opencv-python-headless=={other}"], check=True)
        variants = {"first": (1, ""), "again": (1, ""), "with 2 threads": (2, ""), f"OpenCV {other}": (1, str(place))}
        arrays = {}
        for name, (threads, path) in variants.items():
            target = Path(base, f"{name}.npz")
            words = ["--child", str(Path(base, "first.npz")) if arrays else "", str(target), str(threads)]
            paths = os.pathsep.join(filter(None, [path, os.environ.get("PYTHONPATH")]))
            many = dict.fromkeys(workspace.THREAD_VARIABLES, str(threads))  # libraries read them when they are loaded
            environment = {**os.environ, **many, "PYTHONPATH": paths}
            subprocess.run([sys.executable, __file__, *words], check=True, env=environment)
            arrays[name] = dict(np.load(target))
    rows = []
    for stage, was in arrays["first"].items():
        row = {"stage": stage}
        for name in list(variants)[1:]:
            gap = np.abs(arrays[name][stage].astype(float) - was.astype(float))
            row[name] = f"{gap.max():.2g}, {gap.mean():.1g} on average" if gap.any() else "same"
        rows.append(row)
    table = pd.DataFrame(rows)
    print(table.to_string(index=False))
    parts = []
    for name in list(variants)[1:]:
        differ = table[table[name] != "same"]
        told = ", ".join(f"{row.stage} by up to {row[name]}" for _, row in differ.iterrows())
        parts.append(
            f"{name}: {len(table) - len(differ)} of {len(table)} stages are the same to the last bit"
            + (f"; {told}" if told else "")
        )
    _record.write("determinism", f"against one thread and OpenCV {cv2.__version__}, {'. '.join(parts)}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        compute(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        main(*sys.argv[1:])
