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

from helpers.datasets import _frames, _samples, _sheets

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
COLUMNS = {
    "subject": "Subject", "clip": "Filename", "emotion": "Estimated Emotion",
    "onset": "OnsetFrame", "apex": "ApexFrame", "offset": "OffsetFrame", "aus": "Action Units",
}  # fmt: skip
SHEET = "CASME2-coding*.xlsx"
FPS = 200
PERSON = ("sub{:02d}", "sub|s")
SHORT = {("sub16", "EP01_08")}  # released with fewer frames than coded


def read(root, annotations=None, dataset="casme2"):
    """Samples of CASME II from its folder; `dataset` names the rows (the demo is written in the same layout).

    root: folder with the frames and, unless given, the coding sheet. annotations: path of the sheet.
    Returns (samples, repairs); the column `cropped` tells face crops from whole pictures. Raises WorkbookError for a
    missing sheet, clip folder or frame.
    """
    sheet = annotations or _sheets.find_sheet(root, SHEET)
    folders = _frames.clip_folders(root, _key, levels=4)
    return _samples.from_sheet(dataset, read_sheet(sheet).assign(fps=FPS), folders, sheet, SHORT)


def read_sheet(path):
    """Coding sheet as columns `subject, clip, emotion, onset, apex, offset, aus` (both editions).

    Keys are (subject, clip): file names repeat across people. Frame numbers are int or None. Raises WorkbookError
    naming file and row for an unknown emotion, unreadable frame number or action unit, or a duplicated key.
    """
    return _sheets.read_coded(path, COLUMNS, PERSON)


def _key(parts):
    person = re.fullmatch(r"(?:sub)?0*(\d+)", parts[-2], re.IGNORECASE) if len(parts) > 1 else None
    return (PERSON[0].format(int(person[1])), parts[-1]) if person else None
