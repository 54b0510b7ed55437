"""DFME, dynamic facial micro-expressions: the largest set, at 200, 300 and 500 frames per second.

Who: 671 people aged 17 to 40 (381 men, 290 women), China; 7,526 labelled micro-expressions.
How: three parts recorded at 500, 300 and 200 fps. People watched emotional films and kept a neutral face; more than
20 annotators over three years marked action units, onset, apex, offset and one of seven emotions: happiness, anger,
contempt, disgust, fear, sadness, surprise.
Ask for it: https://mea-lab-421.github.io (licence agreement). Research only, no redistribution.
Citation: Zhao et al. 2024, "DFME: A New Benchmark for Dynamic Facial Micro-Expression Recognition", IEEE
Transactions on Affective Computing, doi:10.1109/TAFFC.2023.3341918.

Folders: one folder a clip, named as in the sheet, with frames like `00012.png`: `train_data/sub0003_01/00012.png`,
`test_data_A/...`, `test_data_B/...` (any folder name, at most four levels down). Sheets: `training_full_with_AU.xlsx`,
`testA_full_with_AU.xlsx`, `testB_full_with_AU.xlsx`, columns Subject, Filename, OnsetFrame, ApexFrame, OffsetFrame,
Emotion, EmotionId, Fps, AU; all that are found are read, and each must be complete. The parts of the challenge
are not kept apart here: people are held out instead.

Quirks: the frame rate differs from clip to clip, so durations in frames can't be compared without `fps`.
"""

import pandas as pd

from helpers.datasets import _frames, _samples, _sheets
from helpers.workspace import WorkbookError

CARD = {
    "title": "DFME",
    "people": 671,
    "clips": 7526,
    "fps": "200, 300 or 500",
    "resolution": "differs by part",
    "elicitation": "emotional films, told to keep a neutral face",
    "labels": "7 emotions, action units, onset/apex/offset",
    "access": "ask for it at https://mea-lab-421.github.io (licence agreement)",
    "licence": "academic research only, no redistribution",
    "citation": "Zhao et al. 2024, doi:10.1109/TAFFC.2023.3341918",
}
COLUMNS = {
    "subject": "Subject", "clip": "Filename", "emotion": "Emotion", "fps": "Fps",
    "onset": "OnsetFrame", "apex": "ApexFrame", "offset": "OffsetFrame", "aus": "AU",
}  # fmt: skip
SHEET = "*full_with_AU*.xlsx"
RATES = {"200": 200, "300": 300, "500": 500}  # frames per second
PERSON = ("sub{:04d}", "sub|s")


def read(root, annotations=None):
    """Samples of DFME. root: folder with the frames and, unless given, the sheets. annotations: path of one sheet.

    Returns (samples, repairs). Raises WorkbookError for a missing sheet, clip folder or frame.
    """
    sheets = [annotations] if annotations else _sheets.find_sheets(root, SHEET)
    if not sheets:
        raise WorkbookError("no coding sheet", file=root, remedy=f"put {SHEET} there, or name one with --annotations")
    coded = {sheet: read_sheet(sheet) for sheet in sheets}
    people = {row.clip: row.subject for table in coded.values() for row in table.itertuples()}
    folders = _frames.clip_folders(
        root, lambda parts: (people[parts[-1]], parts[-1]) if parts[-1] in people else None, levels=5
    )
    parts = [_samples.from_sheet("dfme", table, folders, sheet) for sheet, table in coded.items()]
    return pd.concat([samples for samples, _ in parts]), [made for _, repairs in parts for made in repairs]


def read_sheet(path):
    """One sheet as columns `subject, clip, emotion, fps, onset, apex, offset, aus`; clip names are unique in it.

    Raises WorkbookError naming file and row, also for a frame rate that the dataset does not have.
    """
    coded = _sheets.read_coded(path, COLUMNS, PERSON, key=("clip",))
    rates = coded.fps.str.removesuffix(".0").map(RATES)
    if rates.isna().any():
        row = coded.index[rates.isna()][0]
        problem, remedy = f"Fps is {coded.fps[row]!r}", f"correct the cell: one of {', '.join(RATES)}"
        raise WorkbookError(problem, file=path, row=row, remedy=remedy)
    return coded.assign(fps=rates.astype(float))
