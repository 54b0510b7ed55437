"""Where things are and what they run on: roots, outputs, device, threads, seeds, profiles, errors.

Imports nothing heavy: `helpers.run` and the readers must start without torch.
"""

import os
import pkgutil
import random
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DATA_VARIABLE = "MICROEXPRESSION_DATA"
JOBS_VARIABLE = "MICROEXPRESSION_JOBS"
CACHE_VARIABLE = "MICROEXPRESSION_CACHE"
MODELS_VARIABLE = "MICROEXPRESSION_MODELS"
SCHEDULER_VARIABLE = "MICROEXPRESSION_SCHEDULER"  # of dask, where it computes instead of processes here
DRIVE = Path("/content/drive/MyDrive")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
# What a result depends on: recorded in run.json, part of every cache key. xgboost and OpenCV come in two builds.
COMPUTING = (
    "numpy", "scipy", "scikit-learn", "imbalanced-learn", "torch", "torchvision", "opencv-python-headless",
    "opencv-python", "opencv-contrib-python", "scikit-image", "flaml", "lightgbm", "xgboost", "xgboost-cpu", "joblib",
    "imagehash", "pillow",
)  # fmt: skip
PACKAGES = (
    *COMPUTING, "pandas", "openpyxl", "statsmodels", "matplotlib", "seaborn", "networkx", "nltk", "fairlearn",
    "papermill", "ipykernel",
)  # fmt: skip


class WorkbookError(Exception):
    """Something the reader can mend. The message names the file, the row and the remedy."""

    def __init__(self, problem, *, file=None, row=None, remedy=None):
        self.problem, self.file, self.row, self.remedy = problem, file, row, remedy
        where = ", ".join(str(part) for part in (file, row if row is None else f"row {row}") if part is not None)
        parts = [f"{where}: {problem}" if where else str(problem)]
        if remedy:
            parts.append(f"What to do: {remedy}")
        super().__init__(". ".join(part.rstrip(". ") for part in parts) + ".")

    def _render_traceback_(self):  # IPython's hook: in a notebook the message says it all
        return [f"{type(self).__name__}: {self}"]


class NotApplicable(WorkbookError):
    """There is nothing to work on in this dataset, and this says why instead of faking it."""


class Unwritable(WorkbookError):
    """The call is right and the machine is in the way: a full or read-only disk, another run at work."""


@dataclass(frozen=True)
class Profile:
    """How much of the demo to use and how long to search. Never fewer model families, never no LOSO."""

    name: str
    people: int  # demo people
    clips: int  # demo clips, over all people
    size: int  # demo frame side, pixels
    resamples: int  # bootstrap resamples of people
    automl_iterations: int  # FLAML trials per fold; below 20 it barely leaves its starting points
    trees: int  # trees of a forest, boosting rounds of XGBoost
    seeds: int  # repeats of models that draw random numbers


PROFILES = {
    "tiny": Profile("tiny", people=6, clips=40, size=96, resamples=200, automl_iterations=20, trees=50, seeds=1),
    "quick": Profile("quick", people=26, clips=255, size=128, resamples=2000, automl_iterations=20, trees=200, seeds=1),
    "full": Profile("full", people=26, clips=255, size=224, resamples=5000, automl_iterations=60, trees=500, seeds=5),
}


def modules(folders):
    """Names of the modules in a package's `__path__` that do not begin with an underscore, without importing them."""
    return sorted(module.name for module in pkgutil.iter_modules(folders) if not module.name.startswith("_"))


def require_known(name, known, what):
    """WorkbookError that lists the known names unless `name` is one of them. what: "dataset", "model", ..."""
    if name not in known:
        raise WorkbookError(f"unknown {what} {name!r}", remedy=f"choose one of {', '.join(known)}")


def profile(name):
    """Look up a profile by name; WorkbookError lists the known ones."""
    require_known(name, PROFILES, "profile")
    return PROFILES[name]


def in_colab():
    """True in Colab's own kernels and in kernels papermill starts there. Kaggle's images look alike."""
    if "KAGGLE_KERNEL_RUN_TYPE" in os.environ:
        return False
    return "google.colab" in sys.modules or "COLAB_RELEASE_TAG" in os.environ


def path(given):
    """A path parameter as a Path: `~` expanded, relative ones counted from the workbook's root."""
    return Path(os.path.normpath(ROOT / Path(given).expanduser()))


def data_dir(dataset, given=""):
    """Folder of one dataset: the argument, else $MICROEXPRESSION_DATA/<dataset>, else Drive on Colab, else ./data.

    The argument, and what lies on Drive, may also be one zip of that folder, which is unpacked to the local disk, once.
    """
    if given:
        folder = path(given)
        if folder.is_file() and folder.suffix.lower() == ".zip":
            return _staged(folder)
        if not folder.is_dir():
            state = "is neither a folder nor a zip" if folder.exists() else "does not exist"
            remedy = "check --data-dir, or make the folder; on Colab mount Drive first"
            raise WorkbookError(f"the data folder {state}", file=folder, remedy=remedy)
        return folder
    if os.environ.get(DATA_VARIABLE):
        return path(os.environ[DATA_VARIABLE]) / dataset
    on_drive = DRIVE / "micro-expressions" / dataset
    if in_colab() and on_drive.with_name(f"{dataset}.zip").is_file():
        return _staged(on_drive.with_name(f"{dataset}.zip"))
    return on_drive if in_colab() and on_drive.is_dir() else ROOT / "data" / dataset


def _staged(archive):
    from helpers import staging  # it stands on this module

    return staging.stage(archive)


def cache_dir(name):
    """Folder of what can be computed again (flow, hashes): $MICROEXPRESSION_CACHE/<name>, else ./data/cache/<name>."""
    return path(os.environ.get(CACHE_VARIABLE) or "data/cache") / name


def models_dir():
    """Folder of downloaded network weights: $MICROEXPRESSION_MODELS, else ./data/models."""
    return path(os.environ.get(MODELS_VARIABLE) or "data/models")


def out_dir(given=""):
    """Root of everything written: the argument, else ./outputs. Made if absent, checked to be writable."""
    return _writable(path(given or "outputs"), "outputs", "--out-dir; --out of helpers.predict")


def usable_cache():
    """Folder of all that `cache_dir` names, made if absent. Raises Unwritable."""
    return _writable(cache_dir(""), "the cache", f"${CACHE_VARIABLE}")


def _writable(folder, what, setting):
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        remedy = f"name a folder you may write to ({setting})"
        raise Unwritable(f"cannot write {what} here ({error.strerror})", file=folder, remedy=remedy) from error
    return folder


def device():
    """'cuda', 'mps' or 'cpu', and a name for people. Imports torch: call it only where torch is used."""
    import torch

    if torch.cuda.is_available():
        return "cuda", torch.cuda.get_device_name(0)
    if torch.backends.mps.is_available():
        return "mps", "Apple GPU"
    return "cpu", f"{cores()} CPU cores"


def cores():
    """CPU cores this process may use (containers and taskset respected)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def jobs():
    """Worker processes a loop may start: $MICROEXPRESSION_JOBS, which the runner sets, else all cores."""
    wanted = os.environ.get(JOBS_VARIABLE) or str(cores())
    if not wanted.isdigit() or int(wanted) < 1:
        raise WorkbookError(f"{JOBS_VARIABLE} is {wanted!r}", remedy="set it to the number of processes, 1 or more")
    return int(wanted)


def watched():
    """Whether somebody sees progress bars: in a notebook or a terminal, but not where run_all.sh runs notebooks."""
    return not os.environ.get("TQDM_DISABLE") and ("ipykernel" in sys.modules or sys.stderr.isatty())


def one_thread():
    """One thread a process: on small folds, processes with one thread each beat threads."""
    from threadpoolctl import threadpool_limits

    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    threadpool_limits(1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def seed(number):
    """Seed Python, NumPy and, if it is already loaded, torch."""
    import numpy

    random.seed(number)
    numpy.random.seed(number)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(number)


def versions(packages=PACKAGES):
    """{package: version} of the installed ones, without importing them."""
    found = {}
    for package in packages:
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found
