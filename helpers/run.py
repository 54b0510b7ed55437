"""Run the notebooks: `python -m helpers.run`, which is what ./run_all.sh calls. `--help` lists the options.

They run in the order of their numbers, from this one process. A notebook whose code, parameters, helpers and inputs
have not changed since its last run is skipped, which takes seconds: nothing heavy is imported before it is needed.
"""

import argparse
import os
import platform
import shutil
import signal
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Event

from helpers import _execute, _told, _verify, datasets, parallel, storage, workspace
from helpers._execute import LAST, Plan
from helpers.workspace import ROOT, Unwritable, WorkbookError

NOTEBOOKS = ROOT / "notebooks"
SOURCES = (ROOT / "helpers", ROOT / "data" / "literature")  # what notebooks read besides their dataset


def parse(argv=None):
    """Command line to namespace. Names are checked later, where the known ones can be listed."""
    parser = argparse.ArgumentParser("run_all.sh", description="Run the workbook's notebooks.", allow_abbrev=False)
    known = ", ".join(datasets.names())
    parser.add_argument("--dataset", default="demo", help=f"{known} (default: demo, synthetic people)")
    parser.add_argument("--data-dir", default="", metavar="DIR", help="folder of the dataset (default: data/<dataset>)")
    parser.add_argument("--annotations", default="", metavar="FILE", help="coding sheet, if it lies elsewhere")
    parser.add_argument("--out-dir", default="", metavar="DIR", help="where results go (default: outputs)")
    parser.add_argument("--profile", default="quick", help="tiny (for tests), quick (the default), full (a GPU)")
    parser.add_argument("--only", default=None, metavar="01,04", help="numbers or names of the notebooks to run")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="notebooks side by side (default: 1)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="random seed (default: 0)")
    parser.add_argument("--force", action="store_true", help="run what is up to date, too, and no stored folds")
    parser.add_argument("--list", action="store_true", help="list the notebooks and run nothing")
    parser.add_argument("--backend", default="local", choices=("local", "dask"), help="who computes folds and flow")
    parser.add_argument("--scheduler", default="", metavar="ADDRESS", help="of dask, e.g. tcp://127.0.0.1:8786")
    again = "run outputs/<dataset> again, elsewhere, and compare; data: --data-dir, as for the run"
    parser.add_argument("--verify", metavar="OUTPUTS", help=again)
    args = parser.parse_args(argv)
    recorded = ("dataset", "out_dir", "profile", "only", "seed", "force", "list")
    if args.verify is not None and (given := [n for n in recorded if getattr(args, n) != parser.get_default(n)]):
        named = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        parser.error(f"{named}: --verify repeats what the run in OUTPUTS was asked for")
    if (args.backend == "dask") != bool(args.scheduler):
        parser.error("--backend dask and --scheduler ADDRESS belong together")
    if args.jobs < 1:
        parser.error("--jobs must be 1 or more")
    if not 0 <= args.seed < 2**31:
        parser.error("--seed must be 0 or more, and below 2147483648")
    return args


def find(folder, only=None):
    """Notebooks of a folder in the order of their numbers; `only` picks by number, name or beginning of a name."""
    notebooks = sorted(Path(folder).glob("[0-9][0-9]_*.ipynb"))
    if not notebooks:
        raise WorkbookError("there are no notebooks", file=folder, remedy="get the whole repository")
    picked = set()
    for word in [] if only is None else [word.strip().removesuffix(".ipynb") for word in only.split(",")]:
        beginning = f"{int(word):02d}_" if word.isdecimal() else word
        matches = [path for path in notebooks if word and path.stem.startswith(beginning)]
        if not matches:
            remedy = f"choose from {', '.join(path.stem for path in notebooks)}"
            raise WorkbookError(f"unknown notebook {word!r}", remedy=remedy)
        picked.update(matches)
    return [path for path in notebooks if path in picked or not picked]


def device():
    """What the kernels will find, told without importing torch: `cuda`, `mps` or `cpu`."""
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return "mps"
    return (
        "cuda" if shutil.which("nvidia-smi") and not workspace.versions().get("torch", "").endswith("+cpu") else "cpu"
    )


def make_plan(args):
    """Check all that can be wrong before a kernel is started, and settle what the notebooks depend on."""
    workspace.profile(args.profile)
    given = {"DATA_DIR": args.data_dir, "ANNOTATIONS": args.annotations, "OUT_DIR": args.out_dir}
    paths = {name: _shareable(path) if path else "" for name, path in given.items()}
    parameters = {"DATASET": args.dataset, **paths, "PROFILE": args.profile, "SEED": args.seed}
    data = _data_state(args.dataset, paths["DATA_DIR"], paths["ANNOTATIONS"])
    sources = [path for folder in SOURCES for path in sorted(folder.rglob("*")) if path.is_file()]
    sources = [path for path in sources if "__pycache__" not in path.parts]
    named = [path.name for path in sources]
    state = storage.digest(parameters, data, named, *sources, platform.python_version(), workspace.versions(), device())
    outputs = workspace.path(paths["OUT_DIR"] or "outputs").resolve() / args.dataset
    return Plan(parameters, outputs, state, args.jobs)


def _shareable(path):
    """A path as the user meant it, written relative to ROOT: executed copies are shared, home folders are private."""
    return os.path.relpath(Path(path).expanduser().resolve(), ROOT)


def _data_state(dataset, data_dir, annotations):
    """Digests of the dataset's folder and sheet. What a reader makes follows from code and parameters; experts add."""
    if annotations and not workspace.path(annotations).is_file():
        raise WorkbookError("the annotation file does not exist", file=annotations, remedy="check --annotations")
    sheet = storage.digest(workspace.path(annotations)) if annotations else ""
    root = datasets.folder(dataset, data_dir)
    made = datasets.can_be_made(dataset)
    return [storage.digest(*datasets.corrections(dataset, data_dir)) if made else storage.fingerprint(root), sheet]


def prepare(jobs, scheduler=""):
    """Environment that the kernels inherit: a fair share of the cores, one thread a process, no progress bars.

    scheduler: address of dask's, where it computes. WorkbookError where nobody answers.
    """
    if scheduler:
        parallel.ready(scheduler)
        os.environ[workspace.SCHEDULER_VARIABLE] = scheduler
    share = max(1, workspace.cores() // jobs)
    os.environ.update(dict.fromkeys(workspace.THREAD_VARIABLES, "1"))
    os.environ.update({workspace.JOBS_VARIABLE: str(share), "TQDM_DISABLE": "1"})
    os.environ.pop("MPLBACKEND", None)  # figures belong into the executed copy, so the kernel's inline backend draws
    for name in (workspace.DATA_VARIABLE, workspace.CACHE_VARIABLE, workspace.MODELS_VARIABLE):
        if os.environ.get(name):  # kernels start in ROOT, where a relative path would mean another place
            os.environ[name] = str(Path(os.environ[name]).expanduser().absolute())


def run_all(notebooks, plan, force=False):
    """Run what is not up to date, `plan.jobs` at a time and the summing-up notebook last. Yields an Outcome each."""
    if force or not all(_execute.last_run(path, plan) for path in notebooks):
        for path in notebooks:
            _execute.check_parameters(path, plan)
    for path in notebooks if force else ():
        shutil.rmtree(plan.outputs / path.stem / "checkpoints", ignore_errors=True)  # else folds come from the store
    for last in (False, True):
        chosen = [path for path in notebooks if path.stem.startswith(LAST) == last]
        still_good = {} if force else {path: _execute.last_run(path, plan) for path in chosen}
        for outcome in filter(None, still_good.values()):
            status = "up to date" if outcome.status == "ok" else outcome.status
            yield replace(outcome, status=status, seconds=None)
        yield from _side_by_side([path for path in chosen if not still_good.get(path)], plan)


def _side_by_side(notebooks, plan):
    """Threads suffice: each of them only waits for its kernel, and kernels are processes."""
    stopped = Event()

    def told(notebook):
        name = f"{notebook.stem} … "
        if plan.jobs == 1:  # nothing can come between the name and its result
            print(name, end="", flush=True)
        outcome = _execute.execute(notebook, plan)
        if not stopped.is_set():
            print(("" if plan.jobs == 1 else name) + _told.result(outcome, plan.copy(notebook)), flush=True)
        return outcome

    pool = ThreadPoolExecutor(plan.jobs)
    futures = [pool.submit(told, path) for path in notebooks]
    try:
        for future in as_completed(futures):
            yield future.result()
    except BaseException:  # above all Ctrl-C: kernels do not hear it, and their threads wait for them
        stopped.set()
        pool.shutdown(wait=False, cancel_futures=True)
        while running := [future for future in futures if not future.done()]:
            _stop_kernels()
            wait(running, timeout=1)
        raise
    pool.shutdown()


def _stop_kernels():
    import psutil

    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it may end by itself in the meantime
            process.kill()


def main(argv=None, folder=NOTEBOOKS):
    """Exit status: 0 all is well, 1 a notebook or the disk failed, 2 the call itself is wrong, 130 stopped."""
    args = parse(argv)
    sys.stdout.reconfigure(errors="replace")  # a terminal that lacks a character must not end the run
    outcomes = []
    try:
        if args.verify is not None:
            return _verify.main(args, main)
        prepare(args.jobs, args.scheduler)  # first: the plan must look for data where the kernels will
        notebooks, plan = find(folder, args.only), make_plan(args)
        if args.list:
            _told.listing(notebooks, plan)
            return 0
        workspace.out_dir(plan.outputs / "executed")
        workspace.usable_cache()
        with storage.lock(plan.outputs):
            shutil.rmtree(plan.outputs / "executed" / ".running", ignore_errors=True)  # of a run that was killed
            print(
                f"dataset {args.dataset} · profile {args.profile} · device {device()} ({workspace.cores()} CPU cores)"
            )
            for outcome in run_all(notebooks, plan, args.force):
                outcomes.append(outcome)
            print(_told.table(outcomes, plan))
            _told.report(outcomes, plan)
    except WorkbookError as error:
        print(error, file=sys.stderr)
        return 1 if isinstance(error, Unwritable) else 2
    except OSError as error:
        if error.errno not in storage.FULL:
            raise
        print(storage.no_room(error, plan.outputs), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Notebooks that had not finished will run again next time.", file=sys.stderr)
        return 130
    return int(any(outcome.status == "FAILED" for outcome in outcomes))


def _stop(*_):
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)  # as Ctrl-C: kernels are stopped, finished notebooks and folds stay
    sys.exit(main())
