"""Folds, each fitted once: side by side, one thread each, and kept on disk, so that an interrupted run redoes one."""

import json
import platform
from contextlib import suppress
from dataclasses import asdict

import joblib
from joblib import Parallel, delayed
from joblib.externals.loky import process_executor
from tqdm.auto import tqdm

from helpers import parallel, storage, workspace

# Bytes by which a worker may grow. loky takes 300 MB for a leak, ends the worker and starts another one; torch alone
# takes 650 MB when the first network asks for it, so that all had to be imported a second time.
GROWTH = 4 * 10**9
IDLE = 60  # seconds after which workers end that have nothing to do; no sooner do those whose notebook was killed


def each(keys, fit, context="", store=None, label="folds"):
    """The results of `fit(name, fold_seed, fold)` for all `keys` (model name, seed, splits.Fold), in their order.

    fit: gives a JSON-able dict, which returns with `stored`: whether it came from disk. context: of `context`; what
    lies in the folder `store` under another one is fitted again. label: of the progress bar.
    """
    work = (delayed(_once)(fit, *key, context, store) for key in keys)
    here = {"backend": "loky", "n_jobs": workspace.jobs(), "inner_max_num_threads": 1, "idle_worker_timeout": IDLE}
    with parallel.backend(fit, **here):
        bar = {"total": len(keys), "desc": label, "mininterval": 5, "leave": False, "disable": not workspace.watched()}
        return list(tqdm(Parallel(return_as="generator")(work), **bar))


def context(profile, settings, *arrays):
    """Digest of what all folds of a call depend on: data, settings, versions, and the code that a fit runs through."""
    helpers = workspace.ROOT / "helpers"
    files = [
        *helpers.glob("features/*.py"),
        *helpers.glob("models/**/*.py"),
        helpers / "motion" / "faces.py",  # where the regions of a face lie
        helpers / "datasets" / "demo" / "geometry.py",
        helpers / "workspace.py",
        helpers / "storage.py",
        *helpers.glob("evaluation/_folds.py"),
    ]
    versions = workspace.versions(workspace.COMPUTING), platform.python_version()
    return storage.digest(joblib.hash(arrays), asdict(profile), settings, versions, *sorted(files))


def _once(fit, name, seed, fold, context, store):
    # One seed for all folds would make guesses agree across people; a fold's own seed keeps them independent.
    fold_seed = int(storage.digest(seed, fold.name), 16) % 2**31
    path = None
    if store:
        key = storage.digest(context, name, fold_seed, fold.train.tolist(), fold.test.tolist())
        path = store / f"{name}-{seed}-{key}.json"
        with suppress(FileNotFoundError, ValueError):  # not there yet, or cut short by a crash: fitted again
            return json.loads(path.read_text()) | {"stored": True}
    process_executor._MAX_MEMORY_LEAK_SIZE = GROWTH
    workspace.one_thread()
    workspace.seed(fold_seed)
    with joblib.parallel_config("sequential"):  # a fold has one core, and keeps to it
        result = fit(name, fold_seed, fold)
    if path:
        with storage.atomic(path) as temporary:
            temporary.write_text(json.dumps(result))
    return result | {"stored": False}
