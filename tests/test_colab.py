"""Colab as a notebook's first cell meets it, without Colab: cloning, Drive, one zip instead of many files, caches."""

import json
import os
import stat
import subprocess
import sys
import types
import zipfile
from pathlib import Path

import pytest

from helpers import colab, datasets, staging, workspace
from helpers.run import NOTEBOOKS
from helpers.workspace import ROOT, WorkbookError


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A Colab whose Drive and local disk are temporary folders; returns (Drive, what was mounted)."""
    drive, mounted = tmp_path / "drive", []
    for name in list(sys.modules):
        if name.split(".")[0] == "google":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release")
    monkeypatch.delenv("KAGGLE_KERNEL_RUN_TYPE", raising=False)
    monkeypatch.setenv(workspace.CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(colab, "DRIVE", drive)
    monkeypatch.setattr(staging.workspace, "ROOT", tmp_path / "disk")

    def mount(place):
        mounted.append(place)
        (drive / "MyDrive").mkdir(parents=True)

    module = types.SimpleNamespace(mount=mount)
    monkeypatch.setattr(colab, "install", lambda: None)
    return drive, mounted, module


def in_browser(monkeypatch, module):
    google = types.ModuleType("google.colab")
    google.drive = module
    monkeypatch.setitem(sys.modules, "google.colab", google)


def zipped(folder, archive):
    """casme2_folder as one zip; taken from its folder before the archive, which may lie in it, exists."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix in (".png", ".xlsx"))
    with zipfile.ZipFile(archive, "w") as file:
        for path in paths:
            file.write(path, Path("casme2") / path.relative_to(folder))
        file.writestr("__MACOSX/casme2/._x", b"junk")
    return archive


# Drive


def test_drive_is_mounted_only_for_paths_that_lie_there(machine, monkeypatch):
    drive, mounted, module = machine
    in_browser(monkeypatch, module)
    colab.begin("", "")
    colab.begin("/somewhere/else", "outputs")
    assert not mounted
    colab.begin(str(drive / "MyDrive" / "casme2"), "")
    colab.begin("", str(drive / "MyDrive" / "results"))
    assert mounted == [str(drive)], "and once"


def test_a_kernel_without_a_browser_cannot_mount_and_says_what_to_do(machine):
    with pytest.raises(WorkbookError, match="drive.mount"):
        colab.begin(str(machine[0] / "MyDrive" / "casme2"), "")


def test_outside_colab_nothing_happens(machine, monkeypatch):
    monkeypatch.delenv("COLAB_RELEASE_TAG")
    monkeypatch.setattr(colab, "mount", lambda: pytest.fail("no Drive here"))
    colab.begin(str(machine[0] / "MyDrive" / "casme2"), "")


def test_only_missing_packages_are_installed(monkeypatch):
    called = []
    monkeypatch.setattr(colab.subprocess, "run", lambda command, check: called.append(command))
    colab.install()
    assert not called, "all of them are here"
    monkeypatch.setattr(colab.importlib.util, "find_spec", lambda name: None if name == "flaml" else name)
    colab.install()
    assert called[0][1:] == ["-m", "pip", "install", "-q", "flaml"]


# One zip instead of many files


def test_a_zip_is_a_dataset_and_is_unpacked_once(machine, casme2_folder, tmp_path):
    archive = zipped(casme2_folder, tmp_path / "casme2.zip")
    samples = datasets.load("casme2", str(archive))
    assert len(samples) == 4 and str(tmp_path / "disk") in samples.path.iloc[0]
    folder = staging.stage(archive)
    assert folder.name == "casme2" and not list(folder.parent.glob("__MACOSX"))
    (folder / "seen").touch()
    assert (staging.stage(archive) / "seen").exists()
    archive.write_bytes(archive.read_bytes())
    os.utime(archive, (1, 1))
    assert not (staging.stage(archive) / "seen").exists(), "another archive, another folder"


def test_unpacked_files_keep_the_archives_times(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr(zipfile.ZipInfo("x", (2014, 5, 8, 1, 2, 4)), b"1")
    staging.unpack(tmp_path / "a.zip", tmp_path / "a")
    assert (tmp_path / "a" / "x").stat().st_mtime == 1399510924  # 2014-05-08T01:02:04Z


@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_STORED])
def test_damaged_contents_are_said(tmp_path, packing):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w", packing) as file:
        file.writestr("x", os.urandom(500).hex())
    data = bytearray(archive.read_bytes())
    data[35:60] = bytes(25)
    archive.write_bytes(data)
    with pytest.raises(WorkbookError, match="cannot be read"):
        staging.unpack(archive, tmp_path / "a")


def test_a_zip_that_states_no_times_and_one_that_contradicts_itself(tmp_path):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("x", b"1")
    data = bytearray(archive.read_bytes())
    at = data.index(b"PK\x01\x02") + 12
    data[at : at + 4] = bytes(4)
    archive.write_bytes(data)
    staging.unpack(archive, tmp_path / "a")
    assert (tmp_path / "a" / "x").stat().st_mtime == 315532800  # 1980-01-01, the first day a zip can state
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("x", b"1")
        file.writestr("x/y", b"1")
    with pytest.raises(WorkbookError, match="cannot be read"):
        staging.unpack(archive, tmp_path / "b")
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("x/a.png", b"1")
        file.writestr("x/A.png", b"2")
    with pytest.raises(WorkbookError, match="two members have one name"):
        staging.unpack(archive, tmp_path / "c")


def link():
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "..\\x", "C:x", link()], ids=str)
def test_archives_that_reach_outside_are_refused_whole(machine, tmp_path, name):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("good", b"1")
        file.writestr(name, b"/etc/passwd")
    with pytest.raises(WorkbookError, match=r"a\.zip.*(outside|link)"):
        workspace.data_dir("casme2", str(tmp_path / "a.zip"))
    assert not [path for path in (tmp_path / "disk").rglob("*") if path.name != ".lock" and path.is_file()]


def test_password_damage_and_a_full_disk_are_said(machine, tmp_path, monkeypatch):
    archive = tmp_path / "a.zip"
    archive.write_bytes(b"no zip")
    with pytest.raises(WorkbookError, match="cannot be read"):
        staging.stage(archive)
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("x", b"123")
    whole = archive.read_bytes()
    marked = bytearray(whole)
    marked[whole.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(marked)
    with pytest.raises(WorkbookError, match="password"):
        staging.stage(archive)
    archive.write_bytes(whole)
    monkeypatch.setattr(staging.shutil, "disk_usage", lambda folder: types.SimpleNamespace(free=2))
    with pytest.raises(WorkbookError, match="disk"):
        staging.stage(archive)


def test_decisions_on_a_zipped_dataset_outlive_its_copy(machine, casme2_folder, tmp_path):
    archive = zipped(casme2_folder, tmp_path / "casme2.zip")
    decision = (
        "sample_id,onset,apex,offset,decision,by,date,note\ncasme2/s01/EP02_01f,46,49,51,changed,me,2026-01-02,\n"
    )
    (staging.stage(archive) / staging.CORRECTIONS).write_text(decision)
    staging.keep_corrections(archive)
    assert (tmp_path / "casme2-corrections.csv").read_text() == decision
    os.utime(archive, (1, 1))  # a new session, or a new upload
    assert (staging.stage(archive) / staging.CORRECTIONS).read_text() == decision


def test_a_zip_in_its_place_on_drive_is_found(machine, monkeypatch, casme2_folder):
    monkeypatch.setattr(workspace, "DRIVE", machine[0] / "MyDrive")
    monkeypatch.delenv(workspace.DATA_VARIABLE, raising=False)
    (machine[0] / "MyDrive" / "micro-expressions").mkdir(parents=True)
    zipped(casme2_folder, machine[0] / "MyDrive" / "micro-expressions" / "casme2.zip")
    assert workspace.data_dir("casme2").name == "casme2" and len(datasets.load("casme2")) == 4


# Caches


def test_caches_come_back_in_the_next_session(machine, tmp_path):
    cache, kept = workspace.cache_dir("flow") / "demo" / "abc", machine[0] / "MyDrive" / "results" / "cache"
    cache.mkdir(parents=True)
    (cache / "rows.npy").write_bytes(b"1")
    (cache / ".lock").touch()
    colab.keep(kept)
    (archive,) = kept.iterdir()
    before = archive.stat().st_mtime_ns
    colab.keep(kept)
    assert archive.stat().st_mtime_ns == before, "unchanged, so not written again"
    (cache / "rows.npy").write_bytes(b"22")
    os.utime(cache / "rows.npy", (2e9, 2e9))
    colab.keep(kept)
    (cache / "rows.npy").unlink()
    colab.restore(kept)
    assert (cache / "rows.npy").read_bytes() == b"22"
    (cache / "rows.npy").write_bytes(b"333")
    colab.restore(kept)
    assert (cache / "rows.npy").read_bytes() == b"333", "what is here is newer"
    assert sorted(path.name for path in workspace.cache_dir("").iterdir()) == ["flow"]


def test_every_cell_keeps_them(machine, monkeypatch):
    drive, _, module = machine
    in_browser(monkeypatch, module)
    registered = {}
    shell = types.SimpleNamespace(events=types.SimpleNamespace(register=registered.__setitem__))
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    colab.begin("", str(drive / "MyDrive" / "results"))
    (workspace.cache_dir("flow")).mkdir(parents=True)
    (workspace.cache_dir("flow") / "x").write_text("1")
    registered["post_run_cell"](None)
    assert (drive / "MyDrive" / "results" / "cache" / "flow.zip").is_file()


# The setup cell itself


def setup_cell():
    cells = json.loads((NOTEBOOKS / "00_start_here.ipynb").read_text(encoding="utf-8"))["cells"]
    return next("".join(cell["source"]) for cell in cells if "setup" in cell["metadata"].get("tags", []))


def first_cells(cwd, before="", **environment):
    code = f"import sys; sys.path[0] = ''\nDATA_DIR = OUT_DIR = ''\n{before}\n{setup_cell()}\nprint(colab.__file__)"
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=cwd, env=clean | environment, capture_output=True, text=True)


@pytest.mark.parametrize("folder", [".", "notebooks", "helpers/models"])
def test_the_setup_cell_finds_the_repository_from_any_folder_in_it(folder):
    done = first_cells(ROOT / folder)
    assert done.stdout.strip() == str(ROOT / "helpers" / "colab.py"), done.stderr


def test_elsewhere_it_uses_an_installed_one_or_says_what_to_do(tmp_path):
    assert str(ROOT) in first_cells(tmp_path, PYTHONPATH=str(ROOT)).stdout
    assert "git clone https://" in first_cells(tmp_path).stderr


def test_in_colab_it_clones_once(tmp_path):
    """A restarted kernel finds the clone of the one before it. git is a stub that copies the helpers."""
    stub = f"""
import shutil
def run(command, check):
    print(*command[:5])
    shutil.copytree({str(ROOT / "helpers")!r}, command[-1] + "/helpers", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy({str(ROOT / "requirements-colab.txt")!r}, command[-1])
import subprocess; subprocess.run = run
"""
    first = first_cells(tmp_path, stub, COLAB_RELEASE_TAG="1")
    assert "git clone -q --depth 1\n" in first.stdout and first.stdout.rstrip().endswith("/helpers/colab.py"), (
        first.stderr
    )
    second = first_cells(tmp_path, stub, COLAB_RELEASE_TAG="1")
    assert "git" not in second.stdout and str(tmp_path) in second.stdout
