"""Synthetic micro-expressions (`demo`): people who do not exist, moved by known muscles.

Title: demo, drawn by this package. People: 26 at full size (profiles decide). Clips: 255, classes as in CASME II.
Frame rate: 200 fps (nominal). Resolution: square face crops of 96, 128 or 224 px. Elicitation: none; movements are
action-unit displacement fields with an onset-apex-offset curve, 1-3 px at the peak (side of 128), plus head drift,
flicker, blinks, gaze and sensor noise. Labels: emotion, action units, key frames; and the truth itself (`truth`).
Layout: CASME II's (`CASME2-coding-synthetic.xlsx`, `Cropped/sub01/EP02_01f/reg_img46.jpg`), and expression stills in
the Kaggle sets' layout under `stills/`. Access: `make` writes it. Licence: the workbook's own.

What it is for: running everything without a licence, and testing flow, spotting and intensity against the truth. What
it is not: evidence about people. Whoever scores well here has recognised our drawing rules (`plan.RATES`), which mix
the classes as coders' action units do in CASME II, so that recognition is neither chance nor perfect. Not modelled:
texture that appears with movement (wrinkles, teeth), head pose in depth, coders' disagreement; glasses move with skin.
"""

import json
import os
import re
import shutil
import socket
import time
from pathlib import Path

import pandas as pd

from helpers import storage, workspace
from helpers.datasets.demo.geometry import GEOMETRY
from helpers.datasets.demo.plan import CLASSES, FPS, VERSION
from helpers.workspace import WorkbookError

__all__ = ["CARD", "CLASSES", "GEOMETRY", "make", "read"]

CARD = {
    "title": "demo (synthetic)",
    "people": 26,
    "clips": 255,
    "fps": FPS,
    "resolution": "128 x 128 px drawn face crops (96 in profile tiny, 224 in full)",
    "elicitation": "none: drawn faces moved by action-unit displacement fields",
    "labels": "emotion (7), action units, onset, apex, offset; true displacement, head motion and intensity",
    "access": "made by helpers.datasets.demo.make in seconds; nothing to download",
    "licence": "that of this workbook; no real person is shown",
    "citation": "this workbook; rates and timing after Yan et al. 2014, doi:10.1371/journal.pone.0086041",
    "synthetic": True,
}
SHEET = "CASME2-coding-synthetic.xlsx"
DONE = "complete.json"


def make(root, profile, seed):
    """Generate the demo under root unless it is there: returns root/<version>-p<people>-c<clips>-s<size>-seed<seed>.

    root: folder for all demos (or a finished demo with these very settings). profile: a workspace.Profile. seed: int.
    The folder appears under its name only when complete; what a killed run left is removed by the next one.
    """
    root = Path(root)
    settings = {"people": profile.people, "clips": profile.clips, "size": profile.size}
    facts = {"version": VERSION, "seed": int(seed), "settings": settings, "code": _code()}
    if (root / DONE).is_file():
        return _finished(root, facts)
    own = r"v\d+-p\d+-c\d+-s\d+-seed\d+"
    own = rf"{own}|corrections-{own}\.csv|README.*"  # an expert's corrections outlive the pictures they are about
    foreign = [path.name for path in root.glob("[!.]*") if not re.fullmatch(own, path.name)]
    if foreign:
        remedy = "name the dataset that lies there with --dataset, or give the demo a folder of its own"
        raise WorkbookError(
            f"this folder holds other data ({min(foreign)}) and the demo would mix in", file=root, remedy=remedy
        )
    final = root / f"{VERSION}-p{profile.people}-c{profile.clips}-s{profile.size}-seed{int(seed)}"
    if final.exists() and not _outdated(final, facts):
        return _finished(final, facts)
    try:
        root.mkdir(parents=True, exist_ok=True)
        _sweep(root)
        fresh = root / f".making-{socket.gethostname()}-{os.getpid()}-{final.name}"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
    except OSError as error:
        remedy = "give --data-dir a folder you may write to"
        raise WorkbookError(f"cannot write the demo here ({error.strerror})", file=root, remedy=remedy) from error
    try:
        facts["counts"] = _generate(fresh, settings, int(seed))
        (fresh / DONE).write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n")
        if _outdated(final, facts):
            shutil.rmtree(final)
        _move(fresh, final)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return _finished(final, facts)


def read(root, annotations=None):
    """(samples, repairs) of a made demo: the CASME II reader reads it. root: as returned by `make`."""
    from helpers.datasets import casme2

    return casme2.read(root, annotations, dataset="demo")


def _code():
    """Digest of what draws: pictures of an older version of it are drawn again."""
    here = Path(__file__).parent
    return storage.digest(*sorted(path for path in here.glob("*.py") if path.stem not in ("__init__", "truth")))


def _outdated(folder, facts):
    done = folder / DONE
    return done.is_file() and json.loads(done.read_text()).get("code") != facts["code"]


def _move(fresh, final):
    try:
        fresh.rename(final)
    except OSError:
        if not (final / DONE).is_file():  # else another process finished the same demo first: that one serves
            raise


def _finished(folder, facts):
    try:
        found = json.loads((folder / DONE).read_text())
    except (OSError, ValueError) as error:
        remedy = "it was changed or copied by hand: delete the folder, and it is made anew"
        raise WorkbookError(f"the demo is not complete ({DONE} is missing)", file=folder, remedy=remedy) from error
    if any(found.get(key) != facts[key] for key in ("version", "seed", "settings", "code")):
        remedy = "give --data-dir the folder above it, or none"
        raise WorkbookError(
            f"this demo was made with other settings or by other code: {found}", file=folder, remedy=remedy
        )
    return folder


def _sweep(root):
    """Remove what killed runs left. A folder whose maker may still be at work stays: another host's, for a day."""
    for left in root.glob(".making-*"):
        host, _, pid = left.name.removeprefix(".making-").rpartition("-" + VERSION)[0].rpartition("-")
        if host == socket.gethostname() and pid.isdigit():
            gone = not _alive(int(pid))
        else:
            gone = time.time() - left.stat().st_mtime > 24 * 3600
        if gone:
            shutil.rmtree(left, ignore_errors=True)


def _alive(pid):
    if os.name != "posix":  # asking would stop the process there
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _generate(root, settings, seed):
    """Draw everything under root, in parallel by person. Returns counts."""
    from joblib import Parallel, delayed

    from helpers.datasets.demo import clips, muscles, people, plan, stills

    recipes = plan.clips(seed, settings["people"], settings["clips"])
    crowd = [people.person(seed, "clips", number, muscles.UNITS) for number in range(settings["people"])]
    pictures = stills.planned(seed, settings["clips"])
    _tables(root, recipes, crowd, pictures)
    by_person = [(person, [clip for clip in recipes if clip.subject == person.subject]) for person in crowd]
    by_person.sort(key=lambda item: -sum(clip.last - clip.first for clip in item[1]))
    work = [delayed(clips.write_person)(root, person, mine, settings["size"]) for person, mine in by_person]
    work += [delayed(stills.write)(root, seed, rows) for _, rows in pictures.groupby("person")]
    done = Parallel(n_jobs=min(workspace.jobs(), len(work)))(work)
    return {
        "frames": int(sum(done[: len(crowd)])),
        "clips": len(recipes),
        "people": len(crowd),
        "stills": len(pictures),
    }


def _tables(root, recipes, crowd, pictures):
    """The coding sheet in CASME II's columns, all text, and the tables of truth."""
    sheet = pd.DataFrame(
        [[c.subject, c.clip, c.onset, c.apex, c.offset, c.aus, c.emotion] for c in recipes],
        columns=["Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units", "Estimated Emotion"],
    )
    _workbook(sheet.astype(str), root / SHEET)
    (root / "truth").mkdir()
    rows = [
        {"sample_id": clip.sample_id, "frame": frame, "intensity": round(clip.strength * share, 5)}
        for clip in recipes
        for frame, share in enumerate(clip.progress(range(clip.first, clip.last + 1)).tolist(), clip.first)
    ]
    tables = {
        "clips": pd.DataFrame([clip.row() for clip in recipes]), "intensity": pd.DataFrame(rows),
        "people": pd.DataFrame([person.row() for person in crowd]), "stills": pictures,
    }  # fmt: skip
    for name, table in tables.items():
        table.to_csv(root / "truth" / f"{name}.csv", index=False, lineterminator="\n")


def _workbook(sheet, path):
    """Write a table as .xlsx whose bytes do not depend on the clock."""
    import datetime
    import io
    import zipfile

    import openpyxl

    book = openpyxl.Workbook()
    book.active.append(list(sheet.columns))
    for row in sheet.itertuples(index=False):
        book.active.append(list(row))
    raw = io.BytesIO()
    book.save(raw)
    stamp = datetime.datetime(2000, 1, 1)
    with zipfile.ZipFile(raw) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "docProps/core.xml":
                book.properties.created = book.properties.modified = stamp
                from openpyxl.xml.functions import tostring

                data = tostring(book.properties.to_tree())
            new.writestr(zipfile.ZipInfo(name, stamp.timetuple()[:6]), data)
