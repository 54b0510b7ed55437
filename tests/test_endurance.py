"""The runner as a process among others: it is stopped, its kernels die, the disk is full, another one is at work.

benchmarks/interruptions.py does the same to the real workbook.
"""

import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from nbclient.exceptions import DeadKernelError
from test_run import RECORD, Workbook

from helpers import _execute, run, storage, workspace
from helpers.workspace import ROOT

PROGRAM = """
import signal, sys, types
from pathlib import Path
from helpers import datasets, run

signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs of a shell inherit that it is ignored
signal.signal(signal.SIGTERM, run._stop)
run.SOURCES = ()
datasets.names = lambda: ["made"]
sys.modules["helpers.datasets.made"] = types.SimpleNamespace(make=None)
sys.exit(run.main(["--dataset", "made", "--out-dir", {outputs!r}], Path({notebooks!r})))
"""


@pytest.fixture
def workbook(tmp_path):
    return Workbook(tmp_path)


def start(workbook, *before):
    """The runner in a process of its own; `before`: words of a command that starts it."""
    program = PROGRAM.format(outputs=str(workbook.outputs), notebooks=str(workbook.notebooks))
    command = [*before, sys.executable, "-c", program]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def finish(runner):
    said, _ = runner.communicate(timeout=60)
    return runner.returncode, said


def until(true, seconds=30):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def busy(workbook, tmp_path):
    """A workbook whose first notebook sleeps, the first time; and what says the process that runs it."""
    asleep = tmp_path / "asleep"
    sleep = f"""
import os, pathlib, time
asleep = pathlib.Path({str(asleep)!r})
if not asleep.exists():
    asleep.write_text(str(os.getpid()))
    time.sleep(60)
"""
    workbook.add("00_a", RECORD, sleep, "record()")
    workbook.add("01_b", RECORD, "record()")
    return workbook, lambda: int(asleep.read_text() or 0) if asleep.exists() else 0


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_takes_its_kernels_along_and_goes_on_later(busy, how):
    workbook, kernel = busy
    runner = start(workbook)
    until(kernel)
    runner.send_signal(how)
    status, said = finish(runner)
    assert status == 130 and "Stopped." in said and "FAILED" not in said and "01_b" not in said
    assert not alive(kernel()) and not list(workbook.executed("").glob("*.json"))
    status, said = finish(start(workbook))
    assert status == 0 and said.count(" ok") >= 2


def test_kernels_of_a_killed_runner_end_and_the_next_one_is_not_locked_out(busy):
    workbook, kernel = busy
    runner = start(workbook)
    until(kernel)
    runner.kill()
    runner.wait()
    assert finish(start(workbook))[0] == 0
    until(lambda: not alive(kernel()))
    assert not list(workbook.executed("").glob("**/.running/*"))


def test_a_second_run_on_the_same_outputs_is_refused_by_name(workbook):
    workbook.add("00_a", RECORD, "record()")
    (workbook.outputs / "made").mkdir(parents=True)
    with storage.lock(workbook.outputs / "made"):
        status, said = finish(start(workbook))
    assert status == 1 and "another run is writing here" in said and "--out-dir" in said
    assert not workbook.executed("00_a.ipynb").exists()


def test_a_cache_that_cannot_be_written_is_named_before_anything_runs(workbook, tmp_path, monkeypatch):
    workbook.add("00_a", RECORD, "record()")
    (tmp_path / "a file").touch()
    monkeypatch.setenv(workspace.CACHE_VARIABLE, str(tmp_path / "a file"))
    status, said = finish(start(workbook))
    assert status == 1 and "cannot write the cache here" in said and f"${workspace.CACHE_VARIABLE}" in said
    assert not workbook.executed("00_a.ipynb").exists()


def test_a_disk_that_knows_no_locks_is_not_taken_for_another_run(tmp_path, monkeypatch):
    def flock(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(workspace.Unwritable, match="knows no locks .*MICROEXPRESSION_CACHE"), storage.lock(tmp_path):
        raise AssertionError("it was let through")


def on_a_disk_of(options, folder):
    """Words that start a command in a namespace where `folder` is a small disk of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    mount = f"mount -t tmpfs -o {options} tmpfs '{folder}'"
    if not shutil.which("unshare") or subprocess.run([*words, mount], capture_output=True).returncode:
        pytest.skip("this system lets nobody mount a small disk (unshare)")
    return [*words, f"{mount} && \"$@\"; status=$?; ls -AR '{folder}'; exit $status", "sh"]


FILLS = {
    "a table": "from helpers import storage\nwith storage.atomic(folder / 'tables' / 'big.csv') as path:\n"
    "    path.write_bytes(bytes(3_000_000))",
    "the executed copy": "print('x' * 3_000_000)",
    "a store": "import numpy as np\nfrom helpers import storage\nbig = folder / 'big.npy'\n"
    "np.lib.format.open_memmap(big, mode='w+', shape=(3_000_000,), dtype='u1')\nstorage.reserve(big)",
}


@pytest.mark.parametrize("what", FILLS)
def test_a_full_disk_is_named_and_nothing_half_written_stays(workbook, what):
    workbook.add("00_a", RECORD, FILLS[what], "record()")
    status, said = finish(start(workbook, *on_a_disk_of("size=1m", workbook.outputs)))
    assert status == 1 and "no space left on device" in said and "free some disk" in said, said
    left = said.split("free some disk")[-1]
    assert "Traceback" not in said and "big" not in left
    assert ("00_a.ipynb" in said.partition("/executed:\n")[2]) == (what != "the executed copy")


def test_outputs_that_cannot_be_written_are_named(workbook):
    workbook.add("00_a", RECORD, "record()")
    status, said = finish(start(workbook, *on_a_disk_of("ro", workbook.outputs)))
    assert status == 1 and "Read-only file system" in said and "--out-dir" in said


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process gets more memory than RLIMIT_AS says")
def test_memory_that_runs_out_is_named(workbook):
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_AS, (2 << 30, resource.RLIM_INFINITY))"
    workbook.add("00_a", RECORD, limit, "import numpy as np\nnp.ones((1 << 33,), 'u1')", "record()")
    status, said = finish(start(workbook))
    assert status == 1 and "memory ran out" in said and "cell 6, In[6]" in said, said


def test_a_kernel_that_dies_before_any_copy_was_written_is_named(tmp_path):
    said = _execute._explain(DeadKernelError("gone"), tmp_path / "00_a.ipynb", tmp_path / "no copy.ipynb")
    assert said.startswith("the kernel died; most likely memory ran out")


def test_only_what_has_a_scheduler_asks_for_dask(workbook):
    with pytest.raises(SystemExit):
        run.parse(["--backend", "dask"])
    with pytest.raises(SystemExit):
        run.parse(["--scheduler", "tcp://127.0.0.1:1"])
