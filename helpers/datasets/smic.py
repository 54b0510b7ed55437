"""SMIC-HS: spontaneous micro-expressions at 100 frames per second, labelled by what the person felt.

Who: 20 people were recorded at the University of Oulu; 164 micro-expressions of 16 of them.
How: 100 fps, 640 x 480 px. People watched emotional films and were told to hide what they felt, or to fill in a long
questionnaire; two coders and the person's own report gave the label: negative 70, positive 51, surprise 43.
No action units and no apex are published.
Ask for it: https://www.oulu.fi/cmvs/node/41319 (licence agreement). Research only, no redistribution.
Citation: Li et al. 2013, "A Spontaneous Micro-expression Database: Inducement, Collection and Baseline", 10th IEEE
International Conference on Automatic Face and Gesture Recognition, doi:10.1109/FG.2013.6553717.

Folders: `HS/s1/micro/positive/s1_po_01/reg_image000001.bmp` in `SMIC_all_cropped`, `.../image000001.bmp` in
`SMIC_all_raw`; cropped frames are preferred. The folder may be any of those above HS, or HS itself. The slower cameras
(VIS, NIR), non-micro clips and the extended recordings (SMIC-E: `s01/s1_ne_01`, no emotion folder) are not read.
Key frames: the released clip begins at the onset and ends at the offset, so its first and last frame are taken.
Apex: none is published. A table of someone's estimates may be given as annotations (columns subject, clip, label,
apex_frame); it must name every clip that is here, and clips that it names must be here.

Quirks: people are written `s1` and `s01`; the cropped release has no frames of s18_sur_03, which is left out, and
single frames are missing inside four more clips, of which the longest unbroken run is kept (the one that holds the
apex, if it is known). Any other gap is refused.
"""

import re
from itertools import pairwise
from pathlib import Path

import pandas as pd

from helpers.datasets import _frames, _sheets, identify
from helpers.workspace import WorkbookError

CARD = {
    "title": "SMIC-HS",
    "people": 16,
    "clips": 164,
    "fps": 100,
    "resolution": "640 x 480",
    "elicitation": "emotional films, told to hide what is felt",
    "labels": "negative, positive, surprise",
    "access": "ask for it at https://www.oulu.fi/cmvs/node/41319 (licence agreement)",
    "licence": "research only, no redistribution",
    "citation": "Li et al. 2013, doi:10.1109/FG.2013.6553717",
}
FPS = 100
PERSON = ("s{:02d}", "s")
EMOTIONS = {"ne": "negative", "po": "positive", "sur": "surprise"}
CLASSES = {"0": "negative", "1": "positive", "2": "surprise"}  # in tables of the MEGC 2019 composite
OTHER_CAMERAS = ("nir", "vis", "non_micro", "non-micro")
EMPTY = {"s18_sur_03"}  # in the cropped release
GAPS = {"s03_po_08", "s03_sur_01", "s03_sur_05", "s03_ne_16"}  # frames missing inside, in the cropped release
NO_FRAMES = "the cropped release has no frames of this clip"
_CLIP = re.compile(r"s0*(\d+)_(ne|po|sur)_0*(\d+)", re.IGNORECASE)


def read(root, annotations=None):
    """Samples of SMIC-HS. root: see the data sheet. annotations: path of a table of apex frames.

    Returns (samples, repairs). Raises WorkbookError for a folder whose label is not that of its clip, an empty clip
    or a gap that is not known, and where the table and the clips differ.
    """
    folders = _frames.clip_folders(root, _key, levels=8, skip=OTHER_CAMERAS)
    if not folders or Path(root).name.lower() in OTHER_CAMERAS:
        remedy = "point --data-dir at SMIC_all_cropped or SMIC_all_raw, which hold HS/s1/micro/positive/s1_po_01"
        raise WorkbookError("no clips of SMIC-HS are here", file=root, remedy=remedy)
    table = _table_of(folders, annotations) if annotations else None
    rows, repairs = [], []
    for (person, clip), (folder, cropped) in sorted(folders.items()):
        sample_id, subject = identify("smic", person, clip)
        frames = _frames.listing(folder)[0]
        if not frames and clip in EMPTY:
            repairs.append(_sheets.repair(sample_id, folder, "-", "no frames", "left out", NO_FRAMES))
            continue
        apex = None if table is None else table.apex[clip]
        onset, offset, made = _run(list(frames), apex, folder, clip, sample_id)
        repairs += made
        if apex is not None and not onset <= apex <= offset:
            problem = f"apex {apex} of {clip} is outside its frames {onset} .. {offset}"
            remedy = "correct the table, or leave the apex empty"
            raise WorkbookError(problem, file=annotations, row=table.row[clip], remedy=remedy)
        rows.append(
            {"sample_id": sample_id, "dataset": "smic", "subject": subject, "clip": clip,
             "emotion": folder.parent.name.lower(), "onset": onset, "apex": apex, "offset": offset, "fps": FPS,
             "aus": "", "path": str(folder), "kind": "frames", "cropped": cropped or _frames.registered(frames)}
        )  # fmt: skip
    gone = [] if table is None else [clip for clip in table.index if (clip[:3], clip) not in folders]
    for clip in gone:
        sample_id, _ = identify("smic", clip[:3], clip)
        repairs.append(_sheets.repair(sample_id, annotations, table.row[clip], "no folder", "left out", NO_FRAMES))
    return pd.DataFrame(rows), repairs


def read_sheet(path):
    """Table of apex frames as columns `row, emotion, apex` (int or None), indexed by clip, `s1_po_01` as `s01_po_01`.

    Raises WorkbookError naming file and row for a clip name or label that SMIC does not have, a label that is not the
    clip's, and a clip that stands twice.
    """
    found = {}
    for cell in _sheets.read_table(path, ("clip|Filename", "label|Emotion", "apex_frame|ApexF")).itertuples():
        clip, emotion = _clip(cell.clip), CLASSES.get(cell.label.removesuffix(".0"), cell.label.lower())
        problem = ""
        if not clip or EMOTIONS[clip.split("_")[1]] != emotion:
            problem = f"clip {cell.clip!r} with label {cell.label!r} is not of SMIC"
        elif clip in found:
            problem = f"clip {clip} stands twice"
        if problem:
            remedy = "clips are named like s1_po_01; ne is negative (0), po positive (1), sur surprise (2)"
            raise WorkbookError(problem, file=path, row=cell.Index, remedy=remedy)
        found[clip] = cell.Index, emotion, _sheets.frame_number(cell.apex_frame, "apex_frame", path, cell.Index)
    return pd.DataFrame.from_dict(found, orient="index", columns=["row", "emotion", "apex"], dtype=object)


def _table_of(folders, path):
    """The table, held against the clips on disk."""
    table, here = read_sheet(path), {clip for _, clip in folders}
    unnamed, gone = sorted(here - set(table.index)), sorted(set(table.index) - here - EMPTY)
    if gone:
        remedy = "extract the release completely, or remove the row"
        raise WorkbookError(f"no frames of clip {gone[0]}", file=path, row=table.row[gone[0]], remedy=remedy)
    if unnamed:
        remedy = "add a row for it; the apex may be empty"
        raise WorkbookError(f"clip {unnamed[0]} is not in the table", file=path, remedy=remedy)
    return table


def _run(numbers, apex, folder, clip, sample_id):
    """(first frame, last frame, repairs) of a clip; where frames are known to be missing, of its longest run."""
    breaks = [0, *(i for i in range(1, len(numbers)) if numbers[i] != numbers[i - 1] + 1), len(numbers)]
    runs = [numbers[start:end] for start, end in pairwise(breaks)]
    if not numbers or (len(runs) > 1 and clip not in GAPS):
        what = f"frame {runs[0][-1] + 1} of {clip} is missing" if numbers else f"{clip} holds no frames"
        raise WorkbookError(what, file=folder, remedy="extract the release again")
    kept = max(runs, key=lambda run: (apex in run, len(run)))
    if len(runs) == 1:
        return kept[0], kept[-1], []
    problem = f"frames are missing inside {numbers[0]} .. {numbers[-1]}"
    done, reason = (
        f"onset := {kept[0]}, offset := {kept[-1]}",
        "the release lacks them; the longest unbroken run is kept",
    )
    return kept[0], kept[-1], [_sheets.repair(sample_id, folder, "-", problem, done, reason)]


def _clip(name):
    """`s01_po_01` of any spelling of a clip's name, or None."""
    match = _CLIP.fullmatch(name.strip())
    return f"s{int(match[1]):02d}_{match[2].lower()}_{int(match[3]):02d}" if match else None


def _key(parts):
    """(person, clip) of `[HS/]s1/micro/positive/s1_po_01`; WorkbookError where the folders contradict each other."""
    clip = _clip(parts[-1]) if len(parts) > 3 and parts[-3].lower() == "micro" else None
    if not clip or (len(parts) > 4 and parts[-5].upper() != "HS"):
        return None
    code, place = clip.split("_")[1], Path(*parts)
    person = _sheets.subject(parts[-4], *PERSON, file=place, row=None)
    if clip[:3] != person or parts[-2].lower() != EMOTIONS[code]:
        problem = f"{parts[-1]} is not a clip of {person} labelled {parts[-2]}"
        raise WorkbookError(problem, file=place, remedy="move it to the folder of its person and label")
    return person, clip
