"""SAMM: spontaneous micro-facial movements at 200 frames per second, in grey.

Who: 32 people of 13 ethnicities, Manchester Metropolitan University; 159 coded micro-expressions of 29 of them.
How: 200 fps, 2040 x 1088 px, greyscale, under LED arrays. Each person saw videos chosen for what moves that person,
with a prize for keeping a straight face; certified coders marked action units, onset, apex and offset.
Labels: `Estimated Emotion` (anger, contempt, disgust, fear, happiness, sadness, surprise, other). The sheet's objective
classes I..VII, which are functions of the action units, are not read.
Ask for it: https://personalpages.manchester.ac.uk/staff/adrian.davison/SAMM.html (licence agreement). Research only;
only the people whom the agreement names may be printed. This workbook prints none.
Citation: Davison et al. 2018, "SAMM: A Spontaneous Micro-Facial Movement Dataset", IEEE Transactions on Affective
Computing 9(1): 116-129, doi:10.1109/TAFFC.2016.2573832.

Folders: `006/006_1_2/006_05562.jpg` (person, clip, person and frame number), at most three levels down; a folder with
"crop" in its name holds face crops, which are preferred. Sheet: `SAMM_Micro_FACS_Codes_v2.xlsx`, page MICRO_ONLY,
whose header stands below 13 rows of text; a sheet without such text or page is read as well.

Quirks: people are written 6, 06 or 006; 028_4_1 and 032_3_1 have an apex outside onset..offset, which is left open;
a row whose column `Micro` says macro is left out, in the repair report.
"""

import re

from helpers.datasets import _frames, _samples, _sheets, identify

CARD = {
    "title": "SAMM",
    "people": 29,
    "clips": 159,
    "fps": 200,
    "resolution": "2040 x 1088, grey",
    "elicitation": "films chosen for each person, a prize for keeping a neutral face",
    "labels": "8 estimated emotions, action units, onset/apex/offset",
    "access": "ask for it at https://personalpages.manchester.ac.uk/staff/adrian.davison/SAMM.html (licence agreement)",
    "licence": "research only, no redistribution",
    "citation": "Davison et al. 2018, doi:10.1109/TAFFC.2016.2573832",
}
COLUMNS = {
    "subject": "Subject", "clip": "Filename", "emotion": "Estimated Emotion",
    "onset": "Onset Frame", "apex": "Apex Frame", "offset": "Offset Frame", "aus": "Action Units",
}  # fmt: skip
SHEET = "SAMM*FACS*.xlsx"
PAGE = "MICRO_ONLY"
FPS = 200
PERSON = ("{:03d}", "")
WRONG_APEX = {"028_4_1", "032_3_1"}


def read(root, annotations=None):
    """Samples of SAMM. root: folder with the frames and, unless given, the sheet. annotations: path of the sheet.

    Returns (samples, repairs). Raises WorkbookError for a missing sheet, clip folder or frame, and for key frames out
    of order in any row that is not known for it.
    """
    sheet = annotations or _sheets.find_sheet(root, SHEET)
    coded, repairs = mend(read_sheet(sheet), sheet)
    folders = _frames.clip_folders(root, _key, levels=4)
    return _samples.from_sheet("samm", coded.assign(fps=FPS), folders, sheet, mended=repairs)


def read_sheet(path):
    """Coding sheet as columns `subject, clip, emotion, onset, apex, offset, aus` and, if it is there, `Micro`.

    Frame numbers are int or None, as they stand in the sheet. Raises WorkbookError naming file and row.
    """
    return _sheets.read_coded(path, COLUMNS, PERSON, sheet=PAGE, optional=("Micro",))


def mend(coded, sheet):
    """(coded, repairs): micro-expressions only, and without the two apexes that are known to be wrong."""
    coded, repairs = coded.copy(), []
    for row in coded.itertuples():
        sample_id, _ = identify("samm", row.subject, row.clip)
        numbers = row.onset, row.apex, row.offset
        if str(getattr(row, "Micro", "")).lower().startswith("macro"):
            reason = "the column Micro says that this is no micro-expression"
            repairs.append(_sheets.repair(sample_id, sheet, row.Index, f"Micro is {row.Micro}", "left out", reason))
            coded = coded.drop(row.Index)
        elif row.clip in WRONG_APEX and None not in numbers and not row.onset <= row.apex <= row.offset:
            problem = f"apex {row.apex} is outside onset {row.onset} .. offset {row.offset}"
            reason = "a known slip of the released sheet; spotting may estimate the apex"
            repairs.append(_sheets.repair(sample_id, sheet, row.Index, problem, "apex left open", reason))
            coded.at[row.Index, "apex"] = None
    return coded, repairs


def _key(parts):
    clip = re.fullmatch(r"0*(\d+)_\d+_\d+", parts[-1])
    inside = len(parts) > 1 and re.fullmatch(r"0*(\d+)", parts[-2])
    if not clip or not inside or clip[1] != inside[1]:
        return None
    return PERSON[0].format(int(inside[1])), parts[-1]
