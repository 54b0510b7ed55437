"""Where independent tasks are computed: processes of this machine, or workers of a dask scheduler (--backend dask).

A task whose worker died is given to another one. Scheduler and workers need the same packages and the same workbook on
their PYTHONPATH, which is checked; workers also need its data, caches and outputs under the same paths (a shared disk):
they read frames and keep finished folds there. What comes back is the same, whoever computed it. dask runs what it is
sent: whoever reaches a scheduler can run code on all its machines, so keep it to 127.0.0.1 or a network you trust.
"""

import os
import platform
import socket
from concurrent.futures import CancelledError
from contextlib import contextmanager
from functools import lru_cache
from urllib.parse import urlsplit

import joblib

from helpers import storage, workspace
from helpers.workspace import WorkbookError

TRIALS = 3  # of handing out what is shared, while workers come and go
WAIT = 10  # seconds for the scheduler to answer, and for its first worker
REMEDY = (
    "start `dask scheduler`, and `dask worker ADDRESS --nthreads 1` once for each core, all with PYTHONPATH=<this "
    "folder>, and give ADDRESS to --scheduler"
)


@contextmanager
def backend(*shared, **local):
    """Around joblib's work: it goes where the caller of this run wanted it to.

    shared: arguments that are the same object for all tasks; they travel to the workers once, and not with each task.
    local: for joblib.parallel_config, where the work stays on this machine. Raises WorkbookError as `check`, for
    workers that are missing or other than this process, and when they or the scheduler are lost for good.
    """
    address = os.environ.get(workspace.SCHEDULER_VARIABLE)
    if not address:
        with joblib.parallel_config(**local):
            yield
        return
    check(address)
    from distributed import Client, KilledWorker

    with Client(address, timeout=WAIT, set_as_default=False) as client:
        _hold_alike(client)
        try:
            with joblib.parallel_config(_given_to_all(client, shared)):
                yield
        except (KilledWorker, CancelledError) as error:  # one worker after another; nobody is left
            problem = f"the scheduler at {address} or its workers were lost ({error})"
            remedy = "see there why (memory?), start them anew, and run this again: what is finished stays"
            raise WorkbookError(problem, remedy=remedy) from error


def ready(address):
    """WorkbookError as `backend`, before any work is begun."""
    check(address)
    from distributed import Client

    with Client(address, timeout=WAIT, set_as_default=False) as client:
        _hold_alike(client)


def check(address):
    """WorkbookError unless dask is installed and a scheduler answers at the address, such as tcp://127.0.0.1:8786."""
    try:
        import distributed  # noqa: F401  # here, as it takes a second
    except ImportError as error:
        raise WorkbookError("dask is not installed", remedy="pip install distributed") from error
    try:
        where = urlsplit(address if "//" in address else f"tcp://{address}")
        with socket.create_connection((where.hostname, where.port or 8786), WAIT) as line:
            # a scheduler speaks first; for what does not, such as its dashboard, dask would wait without end
            if where.scheme == "tcp" and not line.recv(1):
                raise ConnectionError("it hung up")
    except (OSError, ValueError) as error:
        raise WorkbookError(f"no dask scheduler answers at {address}", remedy=REMEDY) from error


def _given_to_all(client, shared):
    """A backend whose workers hold what is shared; dask ends in a KeyError where one of them is lost meanwhile."""
    for trial in range(TRIALS):
        try:
            return _cluster(client, shared)
        except (KeyError, OSError) as error:
            if trial == TRIALS - 1:
                raise CancelledError(f"{TRIALS} times, while data were handed out") from error


def _cluster(client, shared):
    from joblib._dask import DaskDistributedBackend

    class Cluster(DaskDistributedBackend):
        """joblib's dask backend. Tasks stay apart: a worker that dies costs one of them, not a batch."""

        def compute_batch_size(self):
            return 1

        def effective_n_jobs(self, n_jobs):
            return max(2, super().effective_n_jobs(n_jobs))  # where it is 1, joblib computes here and asks nobody

        def submit(self, func, callback=None):
            future = super().submit(func, callback)
            # joblib's own backend says nothing of a task that dask gave up (its workers died), and waits for it forever
            future.add_done_callback(lambda done: done.exception() and callback(done.exception()))
            return future

    return Cluster(client=client, scatter=list(shared))


def _hold_alike(client):
    """WorkbookError unless there is a worker, and all are what this process is: elsewhere a fit is another fit."""
    try:
        found = {"scheduler": client.run_on_scheduler(_kit)}
        client.wait_for_workers(1, WAIT)
        found |= {f"worker {name}": kit for name, kit in client.run(_kit).items()}
    except TimeoutError as error:
        raise WorkbookError("the dask scheduler has no worker", remedy=REMEDY) from error
    except Exception as error:  # of what cannot be imported there, dask tells the words only
        raise WorkbookError(f"dask's scheduler or workers lack the workbook ({error})", remedy=REMEDY) from error
    mine = _kit()
    for place, kit in found.items():
        for what in sorted(mine | kit):
            if mine.get(what) != kit.get(what):
                problem = f"dask's {place} has {what} {kit.get(what)}, and this process {mine.get(what)}"
                raise WorkbookError(problem, remedy="give all the same packages and workbook, and start them anew")
    for worker, threads in client.nthreads().items():
        if threads > 1:  # random numbers of a fit are drawn from one generator a process
            raise WorkbookError(f"dask's worker {worker} has {threads} threads", remedy=REMEDY)


def _kit():
    """{what results depend on: its version}, of the process that this runs in."""
    detectors = ", ".join(sorted(path.name for path in workspace.models_dir().glob("*"))) or "none"
    versions = {"Python": platform.python_version(), **workspace.versions(workspace.COMPUTING)}
    return {**versions, "the workbook": _code(), f"face detectors (${workspace.MODELS_VARIABLE})": detectors}


@lru_cache(maxsize=1)  # as this process has loaded it, whatever becomes of the files
def _code():
    return storage.digest(*sorted((workspace.ROOT / "helpers").rglob("*.py")))
