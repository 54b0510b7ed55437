"""How much faster than the obvious way? `python benchmarks/evaluation.py [folder of flow maps]` prints one table.

Both ways run in this one process tree, one after the other, on the same data, so the ratio means something on any
machine. Without a folder of public flow maps the demo's maps are used.
"""

import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.pop(name, None)  # threads as a user's libraries choose them

import numpy as np  # noqa: E402
from sklearn.metrics import balanced_accuracy_score, f1_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

from helpers import datasets, labels, models, workspace  # noqa: E402
from helpers.evaluation import predictions, scores, splits  # noqa: E402
from helpers.features.flow_map import FlowMap  # noqa: E402
from helpers.models.xgboost import BoostedTrees  # noqa: E402
from helpers.motion import flow  # noqa: E402

PROFILE = workspace.profile("quick")
RESAMPLES = 2000


def timed(function, *args):
    start = time.perf_counter()
    function(*args)
    return time.perf_counter() - start


def folds_in_a_loop(X, y, folds, groups):
    """What a script does: one fold after another, threads as the libraries choose them."""
    for fold in folds:
        model = models.build("logistic", PROFILE, 0).fit(X[fold.train], y[fold.train], groups=groups[fold.train])
        model.predict(X[fold.test])


def folds_in_processes(X, y, samples, folds, classes):
    predictions.cross_predict("benchmark-loso", ["logistic"], X, samples, y, classes, folds, PROFILE)


def trees_on_pixels(X, y, folds):
    for fold in folds:
        model = make_pipeline(FlowMap(), StandardScaler(), BoostedTrees(PROFILE.trees))
        model.fit(X[fold.train], y[fold.train]).predict(X[fold.test])


def trees_on_components(X, y, folds):
    for fold in folds:
        models.build("xgboost", PROFILE, 0).fit(X[fold.train], y[fold.train]).predict(X[fold.test])


def bootstrap_in_a_loop(table, resamples):
    """What a script does: draw people, collect their rows, call scikit-learn."""
    rng, by_person = np.random.default_rng(0), dict(list(table.groupby("subject")))
    people = list(by_person)
    for _ in range(resamples):
        drawn = [by_person[who] for who in rng.choice(people, len(people))]
        y_true = np.concatenate([rows.y_true for rows in drawn])
        y_pred = np.concatenate([rows.y_pred for rows in drawn])
        f1_score(y_true, y_pred, average="macro"), balanced_accuracy_score(y_true, y_pred)


def bootstrap_at_once(table):
    scores.score(table, RESAMPLES)


def main(folder=""):
    name = "megc2019" if folder else "demo"
    samples = datasets.load(name, folder)
    scheme = labels.scheme(labels.schemes_for(samples)[0])
    X, y = flow.onset_to_apex(samples).values, labels.targets(samples, scheme.name).to_numpy(str)
    folds, groups = splits.loso(samples), samples.subject.to_numpy(str)
    table, _ = predictions.cross_predict("benchmark-loso", ["majority"], X, samples, y, scheme.classes, folds, PROFILE)
    few = folds[:: max(1, len(folds) // 4)][:4]
    tenth = RESAMPLES // 10  # the loop is timed on a tenth and multiplied: said in the table
    loop, ours = (
        timed(folds_in_a_loop, X, y, folds, groups),
        timed(folds_in_processes, X, y, samples, folds, scheme.classes),
    )
    rows = [("LOSO of logistic regression", "folds in a loop", loop, ours)]
    pixels, ours = timed(trees_on_pixels, X, y, few), timed(trees_on_components, X, y, few)
    rows.append((f"XGBoost, {len(few)} folds", "on raw pixels", pixels, ours))
    loop, ours = 10 * timed(bootstrap_in_a_loop, table, tenth), timed(bootstrap_at_once, table)
    rows.append((f"{RESAMPLES} resamples of people", f"in a loop, from {tenth}", loop, ours))
    print(f"{name}: {len(samples)} clips, {len(folds)} people, {workspace.cores()} cores\n")
    print("| what | the obvious way | seconds | ours | ratio |\n|---|---|---|---|---|")
    for what, way, theirs, ours in rows:
        print(f"| {what} | {way} | {theirs:.1f} | {ours:.2f} | {theirs / ours:.1f} |")


if __name__ == "__main__":
    main(*sys.argv[1:2])
