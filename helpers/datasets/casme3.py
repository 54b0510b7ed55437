"""CAS(ME)^3, part A: micro-expressions in long colour-and-depth recordings at 30 frames per second.

Who: 100 people watched 13 films each, Institute of Psychology, Chinese Academy of Sciences; 860 micro-expressions of
94 of them are coded.
How: 30 fps, 1280 x 720 px, colour and depth (depth is not read). People watched emotional films and were told to keep
a neutral face; coders marked action units, onset, apex and offset. Labels: disgust, surprise, others, fear, anger, sad,
happy. Part B has no labels, part C (mock crime) has another sheet; neither is read.
Ask for it: http://casme.psych.ac.cn/casme/e4 (release agreement). Research only, no redistribution.
Citation: Li et al. 2023, "CAS(ME)^3: A Third Generation Facial Spontaneous Micro-Expression Database with Depth
Information and High Ecological Validity", IEEE TPAMI 45(3): 2782-2800, doi:10.1109/TPAMI.2022.3174895.

Folders: `spNO.1/a/color/355.jpg` (person, film, frame number without padding), at most four levels down. Sheet:
`cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx`, page `label`, columns Subject, Filename, Onset, Apex, Offset, AU, emotion.

Quirks: every cell is text; a film of a person may hold several events (191 do), so a sample's key includes its onset;
films are written `J` and `j`. Rows with impossible frames (of spNO.149, 216, 40, 214) are corrected or left out in
`mend`, in the repair report. Recordings begin late: the apex of 54 events is their onset.
"""

import re

from helpers.datasets import _frames, _samples, _sheets, identify

CARD = {
    "title": "CAS(ME)^3 part A",
    "people": 94,
    "clips": 860,
    "fps": 30,
    "resolution": "1280 x 720",
    "elicitation": "emotional films, told to keep a neutral face",
    "labels": "7 emotions, action units, onset/apex/offset",
    "access": "ask for it at http://casme.psych.ac.cn/casme/e4 (release agreement)",
    "licence": "academic research only, no redistribution",
    "citation": "Li et al. 2023, doi:10.1109/TPAMI.2022.3174895",
}
COLUMNS = {
    "subject": "Subject", "clip": "Filename", "emotion": "emotion",
    "onset": "Onset", "apex": "Apex", "offset": "Offset", "aus": "AU",
}  # fmt: skip
SHEETS = ("cas(me)3_part_A_ME*.xlsx", "casme3*.xlsx")
PAGE = "label"
FPS = 30
PERSON = ("spNO.{}", r"spNO\.?")
OTHER_PARTS = ("depth", "part_b", "part_c", "partb", "partc", "me_c")
CORRECTED = "a corrected edition of the table has this number"
UNKNOWN = "nobody published when this event ends, and it can't be seen from the sheet"


def read(root, annotations=None):
    """Samples of part A. root: folder with the frames and, unless given, the sheet. annotations: path of the sheet.

    Returns (samples, repairs). Raises WorkbookError for a missing sheet, recording or frame, and for key frames out of
    order in any row that is not known for it.
    """
    sheet = annotations or _sheets.find_sheet(root, *SHEETS)
    coded, repairs = mend(read_sheet(sheet), sheet)
    folders = _frames.clip_folders(root, _key, levels=7, skip=OTHER_PARTS)
    return _samples.from_sheet("casme3", coded.assign(fps=FPS), folders, sheet, by_onset=True, mended=repairs)


def read_sheet(path):
    """Table as columns `subject, clip, emotion, onset, apex, offset, aus`, frame numbers as they stand in it.

    Raises WorkbookError naming file and row.
    """
    coded = _sheets.read_coded(path, COLUMNS, PERSON, sheet=PAGE, key=("subject", "clip", "onset"))
    return coded.assign(clip=coded["clip"].str.lower())


def mend(coded, sheet):
    """(coded, repairs): the rows that are known to be impossible, corrected where a correction is known."""
    coded, repairs = coded.copy(), []
    for row in coded.itertuples():
        fixed, problem, reason = _known(row)
        if not problem:
            continue
        coded.loc[row.Index, list(fixed)] = list(fixed.values())
        sample_id, _ = identify("casme3", row.subject, row.clip, coded.at[row.Index, "onset"])
        done = ", ".join(f"{name} := {value}" for name, value in fixed.items()) or "left out"
        repairs.append(_sheets.repair(sample_id, sheet, row.Index, problem, done, reason))
        if not fixed:
            coded = coded.drop(row.Index)
    return coded, repairs


def _known(row):
    """({name: corrected number}, problem, reason) of a row; no problem: nothing is wrong; nothing fixed: leave out."""
    numbers = (row.onset, row.apex, row.offset)
    said = f"onset {row.onset}, apex {row.apex}, offset {row.offset}"
    if None in numbers:
        return {}, "", ""
    where = row.subject, row.clip
    if where == ("spNO.149", "d") and row.onset == 112 and row.apex < row.onset:
        return {"apex": 160}, said, CORRECTED
    if where == ("spNO.216", "d") and row.onset > row.apex == 2668:
        return {"onset": 2647}, said, CORRECTED
    if where == ("spNO.216", "e") and row.onset == 0:
        return {"onset": 1, "apex": max(row.apex, 1)}, said, "frames are numbered from 1: there is no frame 0"
    if where == ("spNO.40", "e") and row.onset in (1812, 2327) and row.offset < row.apex:
        return {}, said, UNKNOWN
    if where == ("spNO.214", "c") and row.offset - row.onset > 60 * FPS:
        return {}, f"{said}: longer than a minute", UNKNOWN
    return {}, "", ""


def _key(parts):
    person = re.fullmatch(r"spNO\.?0*(\d+)", parts[-3], re.IGNORECASE) if len(parts) > 2 else None
    if not person or parts[-1].lower() != "color":
        return None
    return PERSON[0].format(int(person[1])), parts[-2].lower()
