"""Roots, profiles, caches' keys, atomic writing, and errors that say what to do."""

import os
import subprocess
import sys

import pytest

from helpers import storage, workspace
from helpers.workspace import WorkbookError


def test_errors_name_file_row_and_remedy():
    text = str(WorkbookError("no such thing", file="a.csv", row=3, remedy="write it"))
    assert text == "a.csv, row 3: no such thing. What to do: write it."


def test_in_a_notebook_an_error_is_its_message_alone():
    assert WorkbookError("no such thing")._render_traceback_() == ["WorkbookError: no such thing."]


def test_unknown_profile_lists_the_known_ones():
    with pytest.raises(WorkbookError, match="tiny, quick, full"):
        workspace.profile("huge")


def test_given_data_folder_must_exist(tmp_path):
    with pytest.raises(WorkbookError, match="does not exist"):
        workspace.data_dir("casme2", str(tmp_path / "nowhere"))


def test_data_folder_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv(workspace.DATA_VARIABLE, str(tmp_path))
    assert workspace.data_dir("casme2") == tmp_path / "casme2"
    monkeypatch.delenv(workspace.DATA_VARIABLE)
    assert workspace.data_dir("casme2") == workspace.ROOT / "data" / "casme2"


def test_relative_paths_count_from_the_root_wherever_jupyter_runs(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert workspace.path("data/x") == workspace.ROOT / "data" / "x"
    assert workspace.path(str(tmp_path)) == tmp_path


def test_outputs_that_cannot_be_written_say_so(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(WorkbookError, match="cannot write outputs here"):
        workspace.out_dir(str(tmp_path / "file" / "outputs"))


def test_kaggle_is_not_colab(monkeypatch):
    monkeypatch.setenv("COLAB_RELEASE_TAG", "x")
    monkeypatch.delenv("KAGGLE_KERNEL_RUN_TYPE", raising=False)
    assert workspace.in_colab()
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "x")
    assert not workspace.in_colab()


def test_atomic_leaves_the_old_file_when_writing_fails(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(RuntimeError), storage.atomic(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
    with storage.atomic(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


def test_fingerprint_sees_a_changed_file(tmp_path):
    (tmp_path / "a").write_text("1")
    before = storage.fingerprint(tmp_path)
    assert storage.fingerprint(tmp_path) == before
    (tmp_path / "a").write_text("22")
    assert storage.fingerprint(tmp_path) != before


def test_fingerprint_enters_linked_folders_and_survives_a_loop(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "frame").write_text("1")
    data = tmp_path / "data"
    data.mkdir()
    (data / "Cropped").symlink_to(tmp_path / "disk")
    (data / "loop").symlink_to(data)
    before = storage.fingerprint(data)
    (tmp_path / "disk" / "frame").write_text("22")
    assert storage.fingerprint(data) != before


def test_a_fingerprint_without_times_is_the_same_on_every_machine(tmp_path):
    for name, moment in (("a", 1), ("b", 2)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "f").write_text("same")
        os.utime(tmp_path / name / "f", (moment, moment))
    assert storage.fingerprint(tmp_path / "a") != storage.fingerprint(tmp_path / "b")
    assert storage.fingerprint(tmp_path / "a", times=False) == storage.fingerprint(tmp_path / "b", times=False)


def test_a_folder_of_results_belongs_to_one_run_at_a_time(tmp_path):
    with (
        storage.lock(tmp_path),
        pytest.raises(WorkbookError, match="another run is writing"),
        storage.lock(tmp_path),
    ):
        pass
    with storage.lock(tmp_path):
        assert (tmp_path / ".lock").exists()


@pytest.mark.parametrize("value", ["many", "0", "-1"])
def test_a_senseless_number_of_jobs_is_refused(monkeypatch, value):
    monkeypatch.setenv(workspace.JOBS_VARIABLE, value)
    with pytest.raises(WorkbookError, match=workspace.JOBS_VARIABLE):
        workspace.jobs()


@pytest.mark.parametrize(
    "module", ["helpers.run", "helpers.datasets", "helpers.models", "helpers.evaluation.predictions"]
)
def test_heavy_libraries_load_only_where_they_are_used(module):
    heavy = {"torch", "torchvision", "xgboost", "flaml", "lightgbm"}
    code = f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=workspace.ROOT)
    assert done.stdout.strip() == "[]"


def test_progress_bars_are_for_notebooks_and_terminals(monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    assert not workspace.watched()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert workspace.watched()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    assert workspace.watched()
    monkeypatch.setenv("TQDM_DISABLE", "1")
    assert not workspace.watched()
