"""MEGC 2019 composite as public optical-flow maps: three datasets, three classes, no licence, no face.

Who: 442 clips of 68 people: CASME II 145 clips / 24 people, SAMM 133 / 28, SMIC-HS 164 / 16; classes negative 250,
positive 109, surprise 83. A folder may hold any of the three datasets, but a dataset must be complete.
What: one 28 x 28 x 3 PNG a clip, onset -> apex TV-L1 flow (u, v) and optical strain, already scaled to 8 bits: motion
directions are right, pixels and amplitude are lost. No person can be recognised in them.
Where: the maps of the STSTNet authors, also shipped in the HTNet repository (github.com/wangzhifengharrison/HTNet,
commit 18c72a1: `datasets/STSNet_whole_norm_u_v_os/` and `combined_3_class2_for_optical_flow.csv`). Clone it and point
the data folder at it.
With CASME II's coding sheet as annotations, the CASME II rows carry their original labels and key frames.
Citation: See et al. 2019, "MEGC 2019 - The Second Facial Micro-Expressions Grand Challenge",
doi:10.1109/FG.2019.8756611; Liong et al. 2019, "Shallow Triple Stream Three-dimensional CNN (STSTNet)",
doi:10.1109/FG.2019.8756567.
"""

from pathlib import Path

import pandas as pd

from helpers import labels
from helpers.datasets import casme2, identify, samm, smic
from helpers.datasets._sheets import read_table, repair, subject
from helpers.workspace import WorkbookError

CARD = {
    "title": "MEGC 2019 flow maps",
    "people": 68,
    "clips": 442,
    "fps": None,
    "resolution": "28 x 28 flow maps",
    "elicitation": "emotional films (CASME II, SAMM, SMIC-HS)",
    "labels": "negative, positive, surprise",
    "access": "clone github.com/wangzhifengharrison/HTNet and point --data-dir at the clone (README, 'On real data')",
    "licence": "public flow maps; the videos behind them need a licence each",
    "citation": "See et al. 2019, doi:10.1109/FG.2019.8756611; Liong et al. 2019, doi:10.1109/FG.2019.8756567",
}
CLASSES = {"0": "negative", "1": "positive", "2": "surprise"}
COUNTS = {  # clips, people, then negative, positive, surprise: reproduced exactly, or refused
    "casme2": (145, 24, 88, 32, 25),
    "samm": (133, 28, 92, 26, 15),
    "smic": (164, 16, 70, 51, 43),
}
PEOPLE = {"casme2": casme2.PERSON, "samm": samm.PERSON, "smic": smic.PERSON}  # how each writes its people
TABLES = ("labels.csv", "combined_3_class2_for_optical_flow.csv")
FOLDERS = ("flow", "STSNet_whole_norm_u_v_os")


def read(root, annotations=None):
    """Samples of whichever of the three datasets are present; `path` is the PNG, `kind` is "flow", no key frames.

    annotations: CASME II's coding sheet; the casme2 rows then carry its emotion, action units and key frames.
    Returns (samples, repairs). Raises WorkbookError for a missing table or map, and when counts differ from COUNTS.
    """
    table_path, folder = _locate(Path(root))
    table = read_table(table_path, ("dataset", "sub", "filename_o", "label"))
    maps = {path.name.replace(" ", ""): path for path in folder.glob("*.png")}
    wanted = (table["sub"] + "_" + table.filename_o + ".png").str.replace(" ", "")
    present = set(table.dataset[wanted.isin(maps)].str.lower())
    rows, absent = [], set()
    keys = table[["dataset", "sub", "filename_o"]].apply(lambda column: column.str.lower())
    if keys.duplicated().any():
        row = keys.index[keys.duplicated()][0]
        problem = f"clip {'/'.join(keys.loc[row])} stands twice"
        raise WorkbookError(problem, file=table_path, row=row, remedy="delete one of the two rows")
    for cell in table.itertuples():
        dataset, emotion = cell.dataset.lower(), CLASSES.get(cell.label)
        if dataset not in COUNTS or emotion is None:
            problem = f"dataset {cell.dataset!r} with label {cell.label!r} is not of this composite"
            raise WorkbookError(problem, file=table_path, row=cell.Index, remedy="labels are 0, 1 or 2")
        if dataset not in present:
            absent.add(dataset)  # all of it: that is allowed, and reported
            continue
        path = maps.get(wanted[cell.Index])
        if path is None:
            remedy = f"fetch the release again; expected {wanted[cell.Index]} in {folder.name}"
            raise WorkbookError("the flow map of this row is missing", file=table_path, row=cell.Index, remedy=remedy)
        person = subject(cell.sub, *PEOPLE[dataset], table_path, cell.Index)
        sample_id, who = identify(dataset, person, cell.filename_o)
        rows.append((sample_id, dataset, who, cell.filename_o, emotion, "", str(path), "flow"))
    samples = pd.DataFrame(rows, columns=["sample_id", "dataset", "subject", "clip", "emotion", "aus", "path", "kind"])
    samples = samples.assign(onset=pd.NA, apex=pd.NA, offset=pd.NA, fps=pd.NA)
    _check_counts(samples, table_path)
    if annotations:
        samples = _original_labels(samples, annotations)
    reason = "none of its maps is in this folder; scores speak of the others only"
    repairs = [repair(name, table_path, "all", "no map is here", "dataset left out", reason) for name in sorted(absent)]
    return samples, repairs


def _locate(root):
    tables = [path for name in TABLES for path in (root / name, *root.glob(f"*/{name}")) if path.is_file()]
    folders = [path for name in FOLDERS for path in (root / name, *root.glob(f"*/{name}")) if path.is_dir()]
    if not tables or not folders:
        what = f"no label table ({' or '.join(TABLES)})" if not tables else f"no map folder ({' or '.join(FOLDERS)})"
        raise WorkbookError(what, file=root, remedy=CARD["access"])
    return tables[0], folders[0]


def _check_counts(samples, file):
    for dataset, rows in samples.groupby("dataset"):
        emotions = [int((rows.emotion == emotion).sum()) for emotion in CLASSES.values()]
        found = (len(rows), rows.subject.nunique(), *emotions)
        if found != COUNTS[dataset]:
            problem = (
                f"{dataset} has (clips, people, negative, positive, surprise) {found}, the release {COUNTS[dataset]}"
            )
            raise WorkbookError(
                problem, file=file, remedy="rows are missing, added or relabelled: fetch the release again"
            )


def _original_labels(samples, sheet):
    """The same CASME II maps under the labels of the coding sheet, each held against the composite's class."""
    coded = casme2.read_sheet(sheet).set_index(["subject", "clip"])
    samples = samples.copy()
    for index, row in samples[samples.dataset == "casme2"].iterrows():
        key = (row.subject.split("/")[1], row["clip"])
        if key not in coded.index:
            raise WorkbookError(
                "this clip is not in the sheet", file=sheet, row=row.sample_id, remedy="check the edition"
            )
        emotion = coded.emotion[key]
        if labels.SCHEMES["megc3"].of[emotion] != row.emotion:
            problem = f"{emotion} in the sheet is {row.emotion} in the composite"
            raise WorkbookError(problem, file=sheet, row=row.sample_id, remedy="use an official edition of the sheet")
        carried = ["emotion", "aus", "onset", "apex", "offset"]
        samples.loc[index, [*carried, "fps"]] = [*coded.loc[key, carried], casme2.FPS]
    return samples
