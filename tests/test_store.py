"""The store of arrays: nothing is computed twice, nothing stale is served, nothing half-written is ever read."""

import json
import os
import signal
import subprocess
import sys
import textwrap

import joblib
import numpy as np
import pytest

from helpers import workspace
from helpers.motion.store import Request, stored
from helpers.workspace import ROOT, WorkbookError

SHAPE = (2, 3)


class Maker:
    """Makes rows from text files and counts its calls; `stop_at` raises what a killed run raises."""

    def __init__(self, folder, names):
        self.folder, self.names, self.calls, self.stop_at = folder, list(names), [], None
        for number, name in enumerate(names):
            (folder / name).mkdir(parents=True, exist_ok=True)
            (folder / name / "value.txt").write_text(str(number))

    def requests(self, names=None, **what):
        return [Request(name, {"method": "a"} | what, str(self.folder / name)) for name in names or self.names]

    def run(self, store, names=None, threads=True, **what):
        names = list(names or self.names)

        def make(position):
            name = names[position]
            if name == self.stop_at:
                raise KeyboardInterrupt
            self.calls.append(name)
            path = self.folder / name / "value.txt"
            text = path.read_text()
            if text == "bad":
                raise WorkbookError("this clip is bad", file=path)
            return np.full(SHAPE, float(text) + what.get("plus", 0), np.float32), [path]

        self.calls.clear()
        array, reasons = stored(store, self.requests(names, **what), make, SHAPE, threads=threads)
        return array, reasons


@pytest.fixture
def maker(tmp_path):
    return Maker(tmp_path / "raw", [f"clip{k}" for k in range(6)])


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def one_worker(monkeypatch):
    monkeypatch.setenv(workspace.JOBS_VARIABLE, "1")


def first_values(array):
    return np.asarray(array)[:, 0, 0].tolist()


def change(path, text):
    """Write and make sure that the modification time differs."""
    before = path.stat().st_mtime_ns
    path.write_text(text)
    os.utime(path, ns=(before + 10**9, before + 10**9))


def test_a_second_call_computes_nothing_and_gives_the_same(maker, store):
    first, reasons = maker.run(store)
    assert sorted(maker.calls) == maker.names and reasons == {} and first_values(first) == [0, 1, 2, 3, 4, 5]
    before = {path.name: path.stat().st_mtime_ns for path in store.iterdir()}
    second, _ = maker.run(store)
    assert maker.calls == [] and np.array_equal(first, second)
    after = {path.name: path.stat().st_mtime_ns for path in store.iterdir()}
    assert {name: after[name] for name in ("rows.npy", "index.json")} == {
        name: before[name] for name in ("rows.npy", "index.json")
    }


def test_rows_are_a_read_only_map_read_by_slice_in_the_order_of_requests(maker, store):
    array, _ = maker.run(store)
    assert isinstance(array, np.memmap) and not array.flags.writeable and array.dtype == np.float32
    assert first_values(array[2:4]) == [2, 3]
    backwards, _ = maker.run(store, maker.names[::-1])
    assert maker.calls == [] and first_values(backwards) == [5, 4, 3, 2, 1, 0]
    some, _ = maker.run(store, ["clip4", "clip1"])
    assert maker.calls == [] and first_values(some) == [4, 1]


def test_results_come_in_the_order_of_requests_whoever_finishes_first(tmp_path, store, monkeypatch):
    import time

    monkeypatch.setenv(workspace.JOBS_VARIABLE, "3")
    requests = [Request(str(k), {}, str(tmp_path)) for k in range(6)]

    def slow_first(position):
        time.sleep(0.03 * (6 - position))
        return np.full(SHAPE, position, np.float32), []

    assert first_values(stored(store, requests, slow_first, SHAPE)[0]) == [0, 1, 2, 3, 4, 5]


def test_a_changed_file_makes_only_its_own_row_again(maker, store):
    maker.run(store)
    change(maker.folder / "clip3" / "value.txt", "33")
    array, _ = maker.run(store)
    assert maker.calls == ["clip3"] and first_values(array) == [0, 1, 2, 33, 4, 5]


def test_a_file_that_was_removed_or_only_touched_counts_as_changed(maker, store):
    maker.run(store)
    path = maker.folder / "clip2" / "value.txt"
    path.unlink()
    maker.names.remove("clip2")
    array, _ = maker.run(store, maker.names)
    assert maker.calls == [] and first_values(array) == [0, 1, 3, 4, 5]
    change(maker.folder / "clip0" / "value.txt", "0")
    maker.run(store, maker.names)
    assert maker.calls == ["clip0"]


def test_another_setting_is_computed_and_the_first_one_stays(maker, store):
    maker.run(store)
    other, _ = maker.run(store, plus=100)
    assert sorted(maker.calls) == maker.names and first_values(other) == [100, 101, 102, 103, 104, 105]
    again, _ = maker.run(store)
    assert maker.calls == [] and first_values(again) == [0, 1, 2, 3, 4, 5]


def test_a_subset_is_read_without_rewriting_and_more_clips_add_to_what_is_there(maker, store):
    maker.run(store, maker.names[:4])
    before = (store / "rows.npy").stat()
    maker.run(store, maker.names[1:3])
    after = (store / "rows.npy").stat()
    assert maker.calls == [] and (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    array, _ = maker.run(store, maker.names[3:])
    assert sorted(maker.calls) == ["clip4", "clip5"] and first_values(array) == [3, 4, 5]
    array, _ = maker.run(store)
    assert maker.calls == [] and first_values(array) == [0, 1, 2, 3, 4, 5]


def test_arrays_that_were_handed_out_survive_a_later_change_of_the_store(maker, store):
    array, _ = maker.run(store)
    change(maker.folder / "clip0" / "value.txt", "77")
    maker.run(store)
    assert first_values(array) == [0, 1, 2, 3, 4, 5]


def test_an_interrupted_run_goes_on_where_it_stopped(maker, store, one_worker):
    maker.stop_at = "clip4"
    with pytest.raises(KeyboardInterrupt):
        maker.run(store)
    done = list(maker.calls)
    assert done == ["clip0", "clip1", "clip2", "clip3"]
    assert not (store / "rows.npy").exists() and not (store / "index.json").exists()
    maker.stop_at = None
    array, _ = maker.run(store)
    finished = len(set(maker.names) - set(maker.calls))
    assert finished >= 3 and "clip4" in maker.calls and "clip5" in maker.calls
    assert first_values(array) == [0, 1, 2, 3, 4, 5]
    assert {path.name for path in store.iterdir()} == {"rows.npy", "index.json", ".lock"}


def test_what_changed_while_the_run_lay_interrupted_is_made_again(maker, store, one_worker):
    maker.stop_at = "clip4"
    with pytest.raises(KeyboardInterrupt):
        maker.run(store)
    maker.stop_at = None
    change(maker.folder / "clip1" / "value.txt", "11")
    array, _ = maker.run(store)
    assert "clip1" in maker.calls and "clip0" not in maker.calls and first_values(array) == [0, 11, 2, 3, 4, 5]


def test_an_interrupted_renewal_leaves_the_old_rows_readable(maker, store, one_worker):
    maker.run(store, maker.names[:3])
    before = (store / "rows.npy").read_bytes()
    maker.stop_at = "clip5"
    with pytest.raises(KeyboardInterrupt):
        maker.run(store)
    assert (store / "rows.npy").read_bytes() == before
    array, _ = maker.run(store, maker.names[:3])
    assert maker.calls == [] and first_values(array) == [0, 1, 2]


@pytest.mark.parametrize("damage", ["a cut line", "a wrong sum", "another run's state", "no journal", "no rows"])
def test_a_damaged_journal_costs_time_but_never_a_wrong_row(maker, store, one_worker, damage):
    maker.stop_at = "clip4"
    with pytest.raises(KeyboardInterrupt):
        maker.run(store)
    maker.stop_at = None
    journal, partial = store / "partial.jsonl", store / "partial.npy"
    text = journal.read_text()
    if damage == "a cut line":
        journal.write_text(text[:-20])
    elif damage == "a wrong sum":
        rows = np.load(partial, mmap_mode="r+")
        rows[1] = 99
        rows.flush()
    elif damage == "another run's state":
        journal.write_text("0123456789abcdef\n" + text.split("\n", 1)[1])
    elif damage == "no journal":
        journal.unlink()
    else:
        partial.unlink()
    array, _ = maker.run(store)
    assert first_values(array) == [0, 1, 2, 3, 4, 5]
    if damage == "a wrong sum":
        assert "clip1" in maker.calls and "clip0" not in maker.calls


@pytest.mark.parametrize("size", [0, 20, 150])
def test_a_file_of_rows_that_was_killed_while_it_was_laid_out_is_laid_out_again(maker, store, one_worker, size):
    maker.stop_at = "clip4"
    with pytest.raises(KeyboardInterrupt):
        maker.run(store)
    maker.stop_at = None
    with (store / "partial.npy").open("r+b") as file:
        file.truncate(size)
    assert first_values(maker.run(store)[0]) == [0, 1, 2, 3, 4, 5]


def test_the_partial_rows_of_another_request_are_never_taken_over(maker, store, one_worker):
    maker.stop_at = "clip1"
    with pytest.raises(KeyboardInterrupt):
        maker.run(store, maker.names[:2])
    few = (store / "partial.npy").read_bytes()
    maker.stop_at = "clip4"
    with pytest.raises(KeyboardInterrupt):
        maker.run(store)
    maker.stop_at = None
    (store / "partial.npy").write_bytes(few)  # killed after the journal's first line, before the new file was laid out
    (store / "partial.jsonl").write_text((store / "partial.jsonl").read_text().split("\n")[0] + "\n")
    assert first_values(maker.run(store)[0]) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("content", ["", '{"cut": {"row', "null", "[]", '{"key": 3}', "\ufeff\x00\x01"])
def test_a_damaged_index_is_made_again(maker, store, content):
    maker.run(store)
    (store / "index.json").write_text(content)
    array, _ = maker.run(store)
    assert sorted(maker.calls) == maker.names and first_values(array) == [0, 1, 2, 3, 4, 5]
    json.loads((store / "index.json").read_text())


@pytest.mark.parametrize("size", [None, 0, 100, -10])
def test_missing_or_cut_rows_are_made_again(maker, store, size):
    array, _ = maker.run(store)
    del array
    path = store / "rows.npy"
    if size is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:size])
    array, _ = maker.run(store)
    assert sorted(maker.calls) == maker.names and first_values(array) == [0, 1, 2, 3, 4, 5]


def test_a_bad_clip_is_left_out_with_its_reason_and_tried_again_when_mended(maker, store):
    path = maker.folder / "clip2" / "value.txt"
    path.write_text("bad")
    array, reasons = maker.run(store)
    assert list(reasons) == [2] and "this clip is bad" in reasons[2] and first_values(array) == [0, 1, 0, 3, 4, 5]
    _, reasons = maker.run(store)
    assert maker.calls == [] and list(reasons) == [2], "what has not changed fails again without being read"
    change(path, "22")
    array, reasons = maker.run(store)
    assert maker.calls == ["clip2"] and reasons == {} and first_values(array) == [0, 1, 22, 3, 4, 5]


def test_a_clip_that_comes_back_after_its_folder_was_gone_is_tried_again(maker, store, tmp_path):
    def gone(position):
        raise WorkbookError("no such clip")

    requests = [Request("x", {}, str(tmp_path / "later"))]
    assert list(stored(store, requests, gone, SHAPE)[1]) == [0]
    (tmp_path / "later").mkdir()
    array, reasons = stored(store, requests, lambda position: (np.ones(SHAPE, np.float32), []), SHAPE)
    assert reasons == {} and first_values(array) == [1]


def square(position):
    return np.full(SHAPE, position**2, np.float32), []


def test_threads_processes_and_any_number_of_workers_give_identical_rows(tmp_path, monkeypatch):
    requests = [Request(str(k), {}, str(tmp_path)) for k in range(12)]
    contents = set()
    for jobs, threads in ((1, True), (2, True), (3, True), (2, False)):
        monkeypatch.setenv(workspace.JOBS_VARIABLE, str(jobs))
        folder = tmp_path / f"{jobs}{threads}"
        stored(folder, requests, square, SHAPE, threads=threads)
        contents.add((folder / "rows.npy").read_bytes())
    assert len(contents) == 1


def test_the_callers_choice_of_workers_takes_precedence(maker, store):
    with joblib.parallel_config(backend="sequential"):
        array, _ = maker.run(store)
    assert maker.calls == maker.names and first_values(array) == [0, 1, 2, 3, 4, 5]


SLOW = """
    import sys, time
    from pathlib import Path
    import numpy as np
    from helpers.motion.store import Request, stored

    store, log, pause = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])

    def make(position):
        time.sleep(pause)
        with log.open("a") as lines:
            lines.write(f"{position}\\n")
        return np.full((2, 3), position, np.float32), []

    array, _ = stored(store, [Request(str(k), {}, str(log.parent)) for k in range(40)], make, (2, 3))
    print(array[:, 0, 0].tolist() == list(range(40)))
"""


def slow_run(store, log, pause):
    command = [sys.executable, "-c", textwrap.dedent(SLOW), str(store), str(log), str(pause)]
    environment = os.environ | {workspace.JOBS_VARIABLE: "1"}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def test_a_killed_run_goes_on_without_doing_finished_rows_again(tmp_path):
    store, log = tmp_path / "store", tmp_path / "log" / "calls.txt"
    log.parent.mkdir()
    log.touch()
    first = slow_run(store, log, 0.1)
    while len(log.read_text().splitlines()) < 8 and first.poll() is None:
        pass
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert not (store / "rows.npy").exists(), "never a half-written file under the final name"
    before = len(log.read_text().splitlines())
    assert 8 <= before < 40
    second = slow_run(store, log, 0)
    assert second.communicate()[0].decode().strip() == "True"
    again = len(log.read_text().splitlines()) - 40
    assert again <= 2, "at most what was under way is computed twice"


def test_two_runs_at_once_wait_for_each_other_and_compute_each_row_once(tmp_path):
    store, log = tmp_path / "store", tmp_path / "log" / "calls.txt"
    log.parent.mkdir()
    log.touch()
    runs = [slow_run(store, log, 0.01) for _ in range(2)]
    assert [run.communicate()[0].decode().strip() for run in runs] == ["True", "True"]
    assert sorted(map(int, log.read_text().split())) == list(range(40))
