"""CASME II: spontaneous micro-expressions at 200 frames per second.

Who: 26 young adults (mean age 22), Institute of Psychology, Chinese Academy of Sciences; 255 coded clips.
How: 200 fps, 640 x 480 px (faces about 280 x 340 px), under four LED lamps. People watched emotional films and were
paid to keep a neutral face; emotions were labelled from action units, film content and self-report by two coders
(reliability .846). Labels: happiness, surprise, disgust, repression, sadness, fear, others.
Editions: 20140508 (surprise 25, sadness 7) and 20190701 (surprise 28, sadness 4); the sheet in the folder is the
one that is read, and `attrs`/run.json name it.
Ask for it: http://casme.psych.ac.cn/casme/e2 (release agreement, academic staff only); faces of three people may be
printed, no others. This workbook prints none.
Citation: Yan et al. 2014, "CASME II: An Improved Spontaneous Micro-Expression Database and the Baseline
Evaluation", PLoS ONE 9(1): e86041, doi:10.1371/journal.pone.0086041.

Folders: `CASME2_RAW_selected/sub01/EP02_01f/img46.jpg` or `Cropped/sub01/EP02_01f/reg_img46.jpg` (any folder name, at
most three levels down; the number in a file name is the frame number, unpadded). Where both are there, the cropped
frames are read.
"""

import re
from pathlib import Path

import pandas as pd

from helpers import labels
from helpers.datasets import identify
from helpers.datasets._sheets import frame_number, read_table, repair
from helpers.workspace import WorkbookError

CARD = {
    "title": "CASME II",
    "people": 26,
    "clips": 255,
    "fps": 200,
    "resolution": "640 x 480",
    "elicitation": "emotional films, told to keep a neutral face",
    "labels": "7 emotions, action units, onset/apex/offset",
    "access": "ask for it at http://casme.psych.ac.cn/casme/e2 (release agreement)",
    "licence": "academic research only, no redistribution",
    "citation": "Yan et al. 2014, doi:10.1371/journal.pone.0086041",
}
COLUMNS = ("Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units", "Estimated Emotion")
SHEET = "CASME2-coding*.xlsx"
FPS = 200
SHORT = {("sub16", "EP01_08")}  # released with fewer frames than coded
_FRAME = re.compile(r"(?:reg_)?img(\d+)\.(?:jpg|png|bmp)", re.IGNORECASE)


def read(root, annotations=None, dataset="casme2"):
    """Samples of CASME II from its folder; `dataset` names the rows (the demo is written in the same layout).

    root: folder with the frames and, unless given, the coding sheet. annotations: path of the sheet.
    Returns (samples, repairs); the column `cropped` tells face crops from whole pictures. Raises WorkbookError for a
    missing sheet, clip folder or frame.
    """
    sheet = annotations or find_sheet(root)
    coded = read_sheet(sheet)
    folders = clip_folders(root)
    rows, repairs = [], []
    for row in coded.itertuples():
        sample_id, subject = identify(dataset, row.subject, row.clip)
        if (row.subject, row.clip) not in folders:
            problem = f"no frames of clip {row.subject}/{row.clip} under {root}"
            remedy = "extract the release completely, or remove the row from the sheet"
            raise WorkbookError(problem, file=sheet, row=row.Index, remedy=remedy)
        folder, cropped = folders[row.subject, row.clip]
        onset, apex, offset, mended = _key_frames(row, folder, sheet, sample_id)
        repairs += mended
        frames = {"onset": onset, "apex": apex, "offset": offset, "fps": FPS}
        place = {"path": str(folder), "kind": "frames", "cropped": cropped}
        who = {"sample_id": sample_id, "dataset": dataset, "subject": subject, "clip": row.clip}
        rows.append(who | {"emotion": row.emotion, "aus": row.aus} | frames | place)
    return pd.DataFrame(rows), repairs


def find_sheet(root):
    """The coding sheet in a folder; WorkbookError when there is none or more than one edition."""
    sheets = sorted(path for path in Path(root).glob(SHEET) if not path.name.startswith("~"))
    if len(sheets) != 1:
        found = "no coding sheet" if not sheets else f"{len(sheets)} coding sheets: {', '.join(s.name for s in sheets)}"
        raise WorkbookError(found, file=Path(root), remedy=f"put one {SHEET} there, or name it with --annotations")
    return sheets[0]


def read_sheet(path):
    """Coding sheet as text columns `subject, clip, emotion, onset, apex, offset, aus` (both editions).

    Keys are (subject, clip): file names repeat across people. Frame numbers are int or None. Raises WorkbookError
    naming file and row for an unknown emotion, unreadable frame number or action unit, or a duplicated key.
    """
    table = read_table(path, COLUMNS)
    rows = {}
    for cell in table.itertuples():
        row = cell.Index
        subject, clip = f"sub{int(_digits(cell.Subject, path, row)):02d}", cell.Filename
        if (subject, clip) in rows.values():
            remedy = "delete one of the two rows: the key is (Subject, Filename)"
            raise WorkbookError(f"clip {subject}/{clip} stands twice", file=path, row=row, remedy=remedy)
        rows[row] = (subject, clip)
    keys = pd.DataFrame.from_dict(rows, orient="index", columns=["subject", "clip"])
    keys["emotion"] = [labels.canonical(word, file=path, row=row) for row, word in table["Estimated Emotion"].items()]
    for name in ("onset", "apex", "offset"):
        column = f"{name.capitalize()}Frame"
        numbers = [frame_number(text, column, path, row) for row, text in table[column].items()]
        keys[name] = pd.Series(numbers, keys.index, object)
    for row, units in table["Action Units"].items():
        labels.action_units(units, file=path, row=row)
    return keys.assign(aus=table["Action Units"])


def clip_folders(root):
    """{(subject, clip): (folder, cropped)} of every clip folder up to three levels below root; cropped ones win.

    Frames are face crops when a folder between root and clip has "crop" in its name. Raises WorkbookError when two
    folders could be the same clip.
    """
    found = {}
    for depth in ("*/*", "*/*/*", "*/*/*/*"):
        for folder in sorted(Path(root).glob(depth)):
            subject = re.fullmatch(r"(?:sub)?0*(\d+)", folder.parent.name, re.IGNORECASE)
            parts = folder.relative_to(root).parts
            if not subject or not folder.is_dir() or parts[0].startswith(("__MACOSX", ".")):
                continue
            key, cropped = (f"sub{int(subject[1]):02d}", folder.name), "crop" in "/".join(parts[:-2]).lower()
            if key in found and found[key][1] == cropped:
                remedy = "keep one of the two folders"
                raise WorkbookError(f"clip {'/'.join(key)} is there twice: {found[key][0]}", file=folder, remedy=remedy)
            if key not in found or cropped:
                found[key] = folder, cropped
    return found


def _digits(text, path, row):
    match = re.fullmatch(r"(?:sub|s)?0*(\d+)(?:\.0)?", text.strip(), re.IGNORECASE)
    if not match:
        raise WorkbookError(f"subject {text!r} has no number", file=path, row=row, remedy="write it as 01 or sub01")
    return match[1]


def _key_frames(row, folder, sheet, sample_id):
    """Onset, apex, offset held against the frames on disk, with the repairs that are known to be right."""
    numbers = sorted(int(match[1]) for match in map(_FRAME.fullmatch, (f.name for f in folder.iterdir())) if match)
    onset, apex, offset, repairs = row.onset, row.apex, row.offset, []
    if not numbers or onset is None or offset is None:
        problem = "the clip folder holds no frames" if not numbers else "onset or offset is missing"
        raise WorkbookError(problem, file=sheet, row=row.Index, remedy=f"check {folder.name} and the row")
    if apex is None:
        reason = "the coders marked no apex; spotting may estimate one"
        repairs.append(repair(sample_id, sheet, row.Index, "apex is open", "left empty", reason))
    elif not onset <= apex <= offset:
        problem = f"apex {apex} is outside onset {onset} .. offset {offset}"
        raise WorkbookError(problem, file=sheet, row=row.Index, remedy="correct the frame numbers of this row")
    last = numbers[-1]
    if (row.subject, row.clip) in SHORT and offset > last and apex is not None and apex <= last:
        reason = "the released frames end before the coded offset; onset and apex are there"
        repairs.append(
            repair(sample_id, sheet, row.Index, f"offset {offset} > last frame", f"offset := {last}", reason)
        )
        offset = last
    needed = range(onset, offset + 1)
    short = len(needed) - len(set(needed) & set(numbers))
    if short:
        problem = f"{short} of {len(needed)} frames of {folder.name} are missing"
        raise WorkbookError(problem, file=sheet, row=row.Index, remedy=f"extract {folder} again")
    return onset, apex, offset, repairs
