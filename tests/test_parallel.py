"""Folds and flow on a dask cluster: a scheduler and workers of one thread each, real processes on this machine."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from joblib import Parallel, delayed

from helpers import labels, parallel, run, workspace
from helpers.evaluation import predictions, splits
from helpers.motion import flow
from helpers.workspace import ROOT, WorkbookError

distributed = pytest.importorskip("distributed", reason="dask is not installed: pip install distributed")
PATH = (ROOT, ROOT / "tests")  # what scheduler and workers import from
fit_of_a_fold = predictions._fit


class Cluster:
    """A scheduler and its workers, whose words go to `folder`."""

    def __init__(self, folder):
        self.folder, self.processes = folder, []
        self.address = f"tcp://127.0.0.1:{free_port()}"
        self._start("scheduler", "--port", self.address.rpartition(":")[2])

    def worker(self, address=None, path=PATH):
        """Start a worker, which will find modules in these folders."""
        words = address or self.address, "--nthreads", "1", "--no-nanny", "--local-directory", str(self.folder)
        self._start("worker", *words, path=path)

    def fill(self, workers):
        """Have this many workers, whatever became of the others."""
        with distributed.Client(self.address, timeout=60, set_as_default=False) as client:
            there = list(client.nthreads())
            if there[workers:]:
                client.retire_workers(there[workers:])
            for _ in range(workers - len(there)):
                self.worker()
            client.wait_for_workers(workers, timeout=60)

    def stop(self):
        for process in reversed(self.processes):
            process.kill()
            process.wait()

    def _start(self, what, *words, path=PATH):
        command = [sys.executable, "-m", "dask", what, *words, "--host", "127.0.0.1", "--no-dashboard"]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, path))}
        with open(self.folder / "said", "ab") as said:
            self.processes.append(subprocess.Popen(command, cwd=self.folder, env=environment, stdout=said, stderr=said))


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        for _ in range(2):
            cluster.worker()
        with distributed.Client(cluster.address, timeout=60, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def cluster(started, monkeypatch):
    """What is asked of `parallel.backend` here goes to two workers."""
    started.fill(2)
    monkeypatch.setenv(workspace.SCHEDULER_VARIABLE, started.address)
    return started


@pytest.fixture
def bare(monkeypatch):
    """Make a scheduler in this process, for what goes wrong before anything is computed; nobody waits for long."""
    made = []

    def make(**settings):
        where = {"protocol": "tcp", "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
        made.append(distributed.LocalCluster(processes=False, silence_logs=50, **where, **settings))
        monkeypatch.setenv(workspace.SCHEDULER_VARIABLE, made[0].scheduler_address)
        return made[0].scheduler_address

    monkeypatch.setattr(parallel, "WAIT", 1)
    yield make
    for cluster in made:
        cluster.close()


@pytest.fixture(scope="module")
def maps(demo):
    """Invented maps of the demo's clips, with some signal."""
    y = labels.targets(demo, labels.schemes_for(demo)[0]).to_numpy(str)
    X = np.random.default_rng(0).normal(size=(len(demo), 1, 3, 12, 12)).astype(np.float32)
    X[:, 0, 1, :4] += np.unique(y, return_inverse=True)[1][:, None, None]
    return X, y


@pytest.fixture
def predict(demo, maps, tiny):
    """LOSO of a real model on the demo's people: predictions and records."""

    def ask(names=("logistic",), **settings):
        X, y = maps
        classes = labels.scheme(labels.schemes_for(demo)[0]).classes
        return predictions.cross_predict("demo7-loso", names, X, demo, y, classes, splits.loso(demo), tiny, **settings)

    return ask


def here(monkeypatch, ask, *args, **settings):
    """The same question, answered by this process alone."""
    with monkeypatch.context() as patch:
        patch.delenv(workspace.SCHEDULER_VARIABLE)
        patch.setenv(workspace.JOBS_VARIABLE, "1")
        return ask(*args, **settings)


class Shared:
    packed = 0

    def __reduce__(self):
        Shared.packed += 1
        return Shared, ()


def process_of(number, *_):
    return number, os.getpid()


class Unreadable:
    def __reduce__(self):
        return int, ("no number",)


def refuse(number):
    raise WorkbookError("this one is bad", file=Path("clips.csv"), row=number, remedy="leave it out")


def counted(profile, X, y, groups, settings, name, fold_seed, fold):
    """A fold that says that it began; its worker dies of the chosen one, the first time it gets it."""
    log = Path(settings["log"])
    with log.open("a") as lines:
        lines.write(f"{fold.name}\n")
    if fold.name == settings["deadly"] and log.read_text().split().count(fold.name) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return fit_of_a_fold(profile, X, y, groups, None, name, fold_seed, fold)


def test_predictions_are_those_of_this_process_and_checkpoints_are_written_once(
    cluster, predict, tmp_path, monkeypatch
):
    # the forest has joblib inside, and random numbers of its own: both stay in the worker
    names = ["logistic", "random_forest"]
    alone, _ = here(monkeypatch, predict, names)
    found, records = predict(names, store=tmp_path)
    assert found.equals(alone) and not records.stored.any() and len(records) == 12
    written = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert len(written) == len(records)
    again, records = predict(names, store=tmp_path)
    assert again.equals(alone) and records.stored.all()
    resumed, records = here(monkeypatch, predict, names, store=tmp_path)  # nobody asks who fitted a fold
    assert resumed.equals(alone) and records.stored.all()
    assert written == {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}


def test_flow_is_that_of_this_process_and_bad_clips_are_named_alike(cluster, demo, tmp_path, monkeypatch):
    some = demo.head(12).copy()
    some.loc[5, "path"] = str(tmp_path / "nowhere")
    some.attrs = demo.attrs

    def measure(cache):
        monkeypatch.setenv(workspace.CACHE_VARIABLE, str(tmp_path / cache))
        return flow.onset_to_apex(some)

    there, alone = measure("there"), here(monkeypatch, measure, "alone")
    assert np.array_equal(there.values, alone.values) and there.sample_id.tolist() == alone.sample_id.tolist()
    assert len(there.values) == 11 and there.left_out.equals(alone.left_out)
    monkeypatch.setenv(workspace.SCHEDULER_VARIABLE, "tcp://127.0.0.1:1")  # what is stored asks no scheduler
    assert np.array_equal(measure("there").values, alone.values)
    with pytest.raises(WorkbookError, match="no dask scheduler answers"):
        measure("elsewhere")


def test_work_goes_to_all_workers_in_order_and_shared_things_travel_once(cluster):
    shared, packed = Shared(), []
    for given in ([shared], []):
        Shared.packed = 0
        with parallel.backend(*given):
            work = Parallel(n_jobs=1, prefer="threads", return_as="generator")
            found = list(work(delayed(process_of)(k, shared) for k in range(9)))
        assert [number for number, _ in found] == list(range(9))
        assert len({process for _, process in found} - {os.getpid()}) == 2
        packed.append(Shared.packed)
    assert packed[0] < 9 <= packed[1]


def test_a_worker_lost_while_data_are_handed_out_is_no_end(cluster, monkeypatch):
    """Only dask's own error is planted: the moment is too short to be met."""
    tried, made = [], parallel._cluster

    def lost(times):
        def give(client, shared):
            tried.append(times)
            if len(tried) <= times:
                raise KeyError("tcp://127.0.0.1:1")
            return made(client, shared)

        tried.clear()
        monkeypatch.setattr(parallel, "_cluster", give)

    lost(2)
    with parallel.backend():
        assert len(Parallel()(delayed(process_of)(k) for k in range(3))) == 3
    lost(9)
    refused("were lost .*while data were handed out")


def test_an_error_of_a_worker_arrives_as_itself(cluster):
    with pytest.raises(WorkbookError) as caught, parallel.backend():
        Parallel()(delayed(refuse)(k) for k in (7, 7))
    error = caught.value
    assert (error.problem, error.file, error.row, error.remedy) == (
        "this one is bad", Path("clips.csv"), 7, "leave it out",
    )  # fmt: skip
    assert str(error) == "clips.csv, row 7: this one is bad. What to do: leave it out."


def test_a_task_that_dask_gives_up_is_an_error_and_not_waited_for(cluster):
    with pytest.raises(RuntimeError, match="deserialization"), parallel.backend():
        Parallel()(delayed(process_of)(Unreadable()) for _ in range(3))


def test_a_worker_killed_in_the_middle_costs_its_task_only(cluster, predict, demo, tmp_path, monkeypatch):
    alone, _ = here(monkeypatch, predict)
    monkeypatch.setattr(predictions, "_fit", counted)
    deadly, log = splits.loso(demo)[2].name, tmp_path / "log"
    found, _ = predict(store=tmp_path / "folds", settings={"log": str(log), "deadly": deadly})
    assert found.equals(alone)
    begun = log.read_text().split()
    assert sorted(begun) == sorted([*demo.subject.unique(), deadly])
    with parallel.backend():  # the one that is left goes on; this process, which would be as fast, does not
        found = Parallel()(delayed(process_of)(k) for k in range(4))
    assert len({process for _, process in found}) == 1 and os.getpid() not in dict(found).values()


def test_a_cluster_that_is_lost_is_named_and_what_is_finished_stays(cluster, predict, demo, tmp_path, monkeypatch):
    cluster.fill(1)
    alone, _ = here(monkeypatch, predict)
    monkeypatch.setattr(predictions, "_fit", counted)
    deadly, log = splits.loso(demo)[3].name, tmp_path / "log"
    asked = {"store": tmp_path / "folds", "settings": {"log": str(log), "deadly": deadly}}
    with pytest.raises(WorkbookError, match="were lost") as caught:
        predict(**asked)
    assert "start them anew" in caught.value.remedy
    finished = len(list((tmp_path / "folds").glob("*.json")))
    found, records = here(monkeypatch, predict, **asked)
    assert found.equals(alone) and records.stored.sum() == finished > 0
    assert sorted(log.read_text().split()) == sorted([*demo.subject.unique(), deadly])


def test_nobody_there_is_refused_with_what_to_do(bare, monkeypatch, capsys):
    address = f"tcp://127.0.0.1:{free_port()}"
    monkeypatch.delenv(workspace.SCHEDULER_VARIABLE, raising=False)
    assert run.main(["--backend", "dask", "--scheduler", address]) == 2
    said = capsys.readouterr().err
    assert address in said and "`dask scheduler`" in said and workspace.SCHEDULER_VARIABLE not in os.environ
    with socket.create_server(("127.0.0.1", 0)) as other:  # it takes calls and says nothing
        monkeypatch.setenv(workspace.SCHEDULER_VARIABLE, f"127.0.0.1:{other.getsockname()[1]}")
        refused("no dask scheduler answers")
    bare(n_workers=0)
    refused("has no worker")


def test_workers_that_are_not_as_this_process_are_refused(bare, monkeypatch):
    bare(n_workers=1, threads_per_worker=2)
    refused("has 2 threads")
    monkeypatch.setattr(parallel, "_kit", lambda: {"numpy": str(os.urandom(4))})
    refused("has numpy")


def test_a_worker_that_would_find_faces_otherwise_is_refused(cluster, monkeypatch, tmp_path):
    monkeypatch.setenv(workspace.MODELS_VARIABLE, str(tmp_path))  # here there is no YuNet, or other than there
    (tmp_path / "another.onnx").touch()
    refused("has face detectors")


def test_a_worker_without_the_workbook_is_refused(started, bare, tmp_path, monkeypatch):
    address = bare(n_workers=0)
    started.worker(address, path=[tmp_path])
    monkeypatch.setattr(parallel, "WAIT", 20)
    refused("lack the workbook")


def refused(words):
    with pytest.raises(WorkbookError, match=words) as caught, parallel.backend():
        raise AssertionError("it was let through")
    assert caught.value.remedy
