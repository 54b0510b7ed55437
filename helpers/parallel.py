"""Where independent tasks are computed: processes of this machine, or workers of a dask scheduler (--backend dask).

Workers need the same packages, the workbook on their PYTHONPATH, and its folders under the same paths (a shared disk):
finished folds are kept there. The scheduler gives the task of a worker that died to another one.
"""

import os
import socket
from contextlib import contextmanager
from urllib.parse import urlsplit

import joblib

from helpers import workspace
from helpers.workspace import WorkbookError

WAIT = 10  # seconds for the scheduler to answer
REMEDY = "start it with `dask scheduler` and `dask worker ADDRESS --nthreads 1`, and give its address to --scheduler"


@contextmanager
def backend(**local):
    """Around joblib's work: it goes where the caller of this run wanted it to. Raises WorkbookError as `check`.

    local: for joblib.parallel_config, where it stays on this machine.
    """
    address = os.environ.get(workspace.SCHEDULER_VARIABLE)
    if not address:
        with joblib.parallel_config(**local):
            yield
        return
    check(address)
    from dask.distributed import Client

    with Client(address, timeout=WAIT, set_as_default=False) as client:
        with joblib.parallel_config("dask", client=client, wait_for_workers_timeout=WAIT):
            yield


def check(address):
    """WorkbookError unless dask is installed and something listens at the address, such as tcp://127.0.0.1:8786."""
    try:
        import distributed  # noqa: F401  # here, as it takes a second
    except ImportError as error:
        raise WorkbookError("dask is not installed", remedy="pip install distributed") from error
    try:
        where = urlsplit(address if "//" in address else f"tcp://{address}")
        socket.create_connection((where.hostname, where.port or 8786), WAIT).close()
    except (OSError, ValueError) as error:
        raise WorkbookError(f"no dask scheduler answers at {address}", remedy=REMEDY) from error
