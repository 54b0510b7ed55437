"""What a notebook needs in Colab and nowhere else. Every notebook's setup cell calls `begin`; outside Colab it is idle.

Colab's machine is forgotten when its session ends, and Drive, which stays, is slow with many files. So data come from
Drive as one zip (`helpers.staging`), results go where OUT_DIR says, and what was computed on the way (flow, say) is
kept beside them, one zip a folder, after every cell.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from helpers import staging, storage, workspace
from helpers.workspace import ROOT, WorkbookError

DRIVE = Path("/content/drive")
KEPT = "cache"  # folder in OUT_DIR


def begin(data_dir="", out_dir=""):
    """Make Colab ready: missing packages, Drive if one of the two folders lies there, caches of earlier sessions.

    After every cell caches that have changed are kept, and an expert's decisions on a zipped dataset everywhere.
    """
    data, out = workspace.path(data_dir), workspace.path(out_dir)
    if workspace.in_colab():
        install()
        if any(path.is_relative_to(DRIVE) for path in (data, out)):
            mount()
    on_drive = workspace.in_colab() and out.is_relative_to(DRIVE)
    if on_drive:
        restore(out / KEPT)
    if on_drive or data.suffix.lower() == ".zip":
        _after_every_cell(lambda: _keep(out / KEPT if on_drive else None, data))


def install():
    """Install what Colab lacks, and only that: replacing its own numpy or torch breaks a running session."""
    lines = (ROOT / "requirements-colab.txt").read_text(encoding="utf-8").splitlines()
    names = [line.split("#")[0].strip() for line in lines]
    missing = [name for name in names if name and importlib.util.find_spec(name) is None]
    if missing:
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", *missing], check=True)


def mount():
    """Mount Drive, unless it is there. Only a notebook open in a browser can: a kernel of run_all.sh is told so."""
    if (DRIVE / "MyDrive").exists():
        return
    if "google.colab" not in sys.modules:
        remedy = "run `from google.colab import drive; drive.mount('/content/drive')` in a cell first"
        raise WorkbookError("Drive is not mounted", file=DRIVE, remedy=remedy)
    from google.colab import drive

    drive.mount(str(DRIVE))


def keep(folder, cache=None):
    """Zip every folder of files in the cache into `folder`, unless it has not changed since the last time."""
    cache = Path(cache or workspace.cache_dir(""))
    for place in sorted({path.parent for path in cache.rglob("*") if path.is_file()}):
        files = sorted(path for path in place.iterdir() if path.is_file() and not path.name.startswith("."))
        inside = place.relative_to(cache)
        kept = Path(folder, "--".join(inside.parts or ("top",)) + ".zip")
        if not files or (kept.exists() and kept.stat().st_mtime >= max(path.stat().st_mtime for path in files)):
            continue
        with storage.atomic(kept) as temporary, zipfile.ZipFile(temporary, "w", strict_timestamps=False) as archive:
            for path in files:
                archive.write(path, (inside / path.name).as_posix())


def restore(folder, cache=None):
    """Unpack what `keep` has kept, where the cache does not hold it yet. Archives are checked as any other is."""
    cache = Path(cache or workspace.cache_dir(""))
    for kept in sorted(Path(folder).glob("*.zip")):
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=".") as workshop:
            unpacked = Path(workshop, "files")
            staging.unpack(kept, unpacked)
            places = {path.parent for path in unpacked.rglob("*") if path.is_file()}
            for place in places:
                wanted = cache / place.relative_to(unpacked)
                if not any(path.is_file() for path in wanted.glob("[!.]*")):
                    wanted.mkdir(parents=True, exist_ok=True)
                    for path in place.iterdir():
                        os.replace(path, wanted / path.name)


def _keep(cache, data):
    if cache:
        keep(cache)
    if data.suffix.lower() == ".zip" and data.is_file():
        staging.keep_corrections(data)


def _after_every_cell(work):
    from IPython import get_ipython

    shell = get_ipython()
    if shell:  # not in a script, where there are no cells
        shell.events.register("post_run_cell", lambda *_: work())
