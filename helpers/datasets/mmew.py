"""MMEW, the micro-and-macro expression warehouse: 300 micro-expressions at 90 frames per second.

Who: 36 people; 300 micro-expressions, and 900 macro-expressions of the same people, which are not read.
How: 90 fps, 1920 x 1080 px. People watched emotional films and were told to hide
what they felt; coders marked action units, onset, apex, offset. Labels: happiness, surprise, disgust, sadness, fear,
anger, and one more that is "others" or "repression", see below.
Ask for it: http://www.dpailab.com/database.html (licence agreement). Research only, no redistribution.
Citation: Ben et al. 2022, "Video-Based Facial Micro-Expression Analysis: A Survey of Datasets, Features and
Algorithms", IEEE TPAMI 44(9): 5826-5846, doi:10.1109/TPAMI.2021.3067464.

Folders: `Micro_Expression/<emotion>/S01-01-001/15.jpg` (clips are named person-emotion-sample, frames numbered from
1), or `S01/<emotion>/S01-01-001/15.jpg`, as its web page has it; at most five levels down. Sheet:
`MMEW_Micro_Exp.xlsx`, columns Subject, Filename, OnsetFrame, ApexFrame, OffsetFrame, Action Units, Estimated Emotion.

Quirks: folder and sheet name the seventh class differently, "others" in one and "repression" in the other; both
become others. Action units may carry the side behind the number (12L). An open offset becomes the last frame.
"""

import re

from helpers import labels
from helpers.datasets import _frames, _samples, _sheets, identify
from helpers.workspace import WorkbookError

CARD = {
    "title": "MMEW",
    "people": 36,
    "clips": 300,
    "fps": 90,
    "resolution": "1920 x 1080",
    "elicitation": "emotional films, told to hide what is felt",
    "labels": "7 emotions, action units, onset/apex/offset",
    "access": "ask for it at http://www.dpailab.com/database.html (licence agreement)",
    "licence": "research only, no redistribution",
    "citation": "Ben et al. 2022, doi:10.1109/TPAMI.2021.3067464",
}
COLUMNS = {
    "subject": "Subject", "clip": "Filename", "emotion": "Estimated Emotion",
    "onset": "OnsetFrame", "apex": "ApexFrame", "offset": "OffsetFrame", "aus": "Action Units",
}  # fmt: skip
SHEET = "MMEW_Micro_Exp*.xlsx"
FPS = 90
PERSON = ("S{:02d}", "S")
ONE_CLASS = {"others", "repression"}  # two names of the seventh class
_CLIP = re.compile(r"S0*(\d+)-\d+-\d+", re.IGNORECASE)


def read(root, annotations=None):
    """Samples of MMEW. root: folder with the frames and, unless given, the sheet. annotations: path of the sheet.

    Returns (samples, repairs). Raises WorkbookError for a missing sheet, clip folder or frame, and where the folder
    says another emotion than the sheet.
    """
    sheet = annotations or _sheets.find_sheet(root, SHEET)
    folders = _frames.clip_folders(root, _key, levels=6, skip=("macro_expression",))
    coded, repairs = mend(read_sheet(sheet), folders, sheet)
    return _samples.from_sheet("mmew", coded.assign(fps=FPS), folders, sheet, mended=repairs)


def read_sheet(path):
    """Coding sheet as columns `subject, clip, emotion, onset, apex, offset, aus`, as they stand in it.

    Raises WorkbookError naming file and row, also where Subject and Filename name different people.
    """
    coded = _sheets.read_coded(path, COLUMNS, PERSON)
    for row in coded.itertuples():
        clip = _CLIP.fullmatch(row.clip)
        if not clip or PERSON[0].format(int(clip[1])) != row.subject:
            problem = f"clip {row.clip!r} is not one of person {row.subject}"
            raise WorkbookError(problem, file=path, row=row.Index, remedy="clips are named like S01-02-003")
    return coded


def mend(coded, folders, sheet):
    """(coded, repairs): one name for the seventh class, and the last frame where the offset is open."""
    coded, repairs, renamed = coded.copy(), [], []
    for row in coded.itertuples():
        folder, _ = folders.get((row.subject, row.clip), (None, False))
        if folder:
            stored = labels.canonical(folder.parent.name, file=folder)
            if stored != row.emotion and not {stored, row.emotion} <= ONE_CLASS:
                problem = f"the sheet says {row.emotion}, the folder {stored}"
                raise WorkbookError(problem, file=sheet, row=row.Index, remedy=f"correct the row, or move {folder}")
        if row.emotion in ONE_CLASS:
            renamed.append(row.Index)
        frames = _frames.listing(folder)[0] if folder and row.offset is None else {}
        if frames:
            coded.at[row.Index, "offset"] = max(frames)
            sample_id, _ = identify("mmew", row.subject, row.clip)
            apex = " and apex is open" if row.apex is None else ""
            reason = "the released frames end with the expression"
            done = f"offset := {max(frames)}, the last frame"
            repairs.append(_sheets.repair(sample_id, sheet, row.Index, f"offset is open{apex}", done, reason))
    if renamed:
        reason = "sheet and folders name this class differently; the published counts call it others"
        problem = f"{len(renamed)} clips are of the class that is called others or repression"
        repairs.append(_sheets.repair("mmew", sheet, "all", problem, "emotion := others", reason))
        coded.loc[renamed, "emotion"] = "others"
    return coded, repairs


def _key(parts):
    clip = _CLIP.fullmatch(parts[-1]) if len(parts) > 1 else None
    return (PERSON[0].format(int(clip[1])), parts[-1]) if clip else None
