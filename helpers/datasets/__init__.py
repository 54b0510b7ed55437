"""Samples: the one table every reader returns, its schema, and the registry of readers.

A source is one module in this folder with a data sheet as docstring, a `CARD`, and
`read(root, annotations=None) -> (samples, repairs)`. Dropping a file here is all it takes to add one. A source that
can be generated also has `make(root, profile, seed) -> root of the made data`.
"""

import importlib

import pandas as pd

from helpers import labels, workspace
from helpers.datasets import _corrections
from helpers.workspace import WorkbookError

COLUMNS = (
    "sample_id", "dataset", "subject", "clip", "emotion", "onset", "apex", "offset", "fps", "aus", "path", "kind",
)  # fmt: skip
OPTIONAL = ("split", "intensity", "cropped")  # where the source has one; cropped: its frames are face crops
KINDS = ("frames", "flow", "image", "video")
REPAIR_COLUMNS = ("sample_id", "file", "row", "problem", "repair", "reason")
FRAME_COLUMNS = ("onset", "apex", "offset")  # nullable integers: SMIC has no apex, flow maps have no frames at all


def names():
    """Names of the known datasets, without importing them."""
    return workspace.modules(__path__)


def reader(name):
    """The module that reads a dataset; WorkbookError lists the known names."""
    workspace.require_known(name, names(), "dataset")
    return importlib.import_module(f"{__name__}.{name}")


def load(name, data_dir="", annotations="", profile="quick", seed=0):
    """Read a dataset into Samples.

    name: see `names()`. data_dir: its folder (empty: the workspace's place for it). annotations: a coding sheet that
    lies elsewhere. profile, seed: matter to the demo only. Returns a DataFrame of COLUMNS, one row a clip or still,
    sorted by sample_id, an expert's corrections applied. `attrs` holds `dataset, root, synthetic, repairs`, and of the
    corrections their file (`corrections`) and the coded key frames of what they change (`coded`: sample_id -> onset,
    apex, offset). Raises WorkbookError on bad input.
    """
    module, root = reader(name), folder(name, data_dir)
    made = can_be_made(name)
    if made:
        root = module.make(root, workspace.profile(profile), seed)
    sheet = workspace.path(annotations) if annotations else None
    if sheet and not sheet.is_file():
        raise WorkbookError("the annotation file does not exist", file=sheet, remedy="check --annotations")
    samples, repairs = module.read(root, sheet)
    experts = _corrections.place(root, made)
    samples, decisions = _corrections.apply(check(samples, file=root), experts)
    samples.attrs |= {
        "dataset": name, "root": str(root), "synthetic": bool(module.CARD.get("synthetic")),
        "repairs": repairs + decisions, "corrections": str(experts),
    }  # fmt: skip
    return samples


def can_be_made(name):
    """True for a source that needs no data from outside: its reader makes them."""
    return hasattr(reader(name), "make")


def folder(name, data_dir=""):
    """The folder of a dataset; WorkbookError says how to get the data when it is absent or empty."""
    root = workspace.data_dir(name, data_dir)
    if not can_be_made(name) and (not root.is_dir() or not any(root.iterdir())):
        state = "is empty" if root.is_dir() else "does not exist"
        remedy = f"give its place with --data-dir. How to get it: {reader(name).CARD['access']}"
        raise WorkbookError(f"the folder of {name} {state}", file=root, remedy=remedy)
    return root


def corrections(name, data_dir=""):
    """Files of expert decisions that a dataset has; those of a generated one for all its profiles and seeds."""
    root = folder(name, data_dir)
    path = _corrections.place(root)
    return _corrections.of_made(root) if can_be_made(name) else [path] * path.is_file()


def repairs(samples):
    """Table of what the reader mended and experts decided, one row a repair or decision, with its reason."""
    return pd.DataFrame(samples.attrs["repairs"], columns=list(REPAIR_COLUMNS))


def card(name):
    """Data sheet of a dataset as a dict: title, people, clips, fps, resolution, elicitation, labels, access, ..."""
    return dict(reader(name).CARD)


def identify(dataset, subject, clip, onset=None):
    """sample_id and subject, both prefixed with the dataset, so that `s1` of two datasets stay two people."""
    parts = [dataset, subject, clip] + ([] if onset is None else [str(onset)])
    return "/".join(parts), f"{dataset}/{subject}"


def check(samples, file=None):
    """Hold a table to the schema and return it in canonical form (column order, dtypes, sorted by sample_id).

    Raises WorkbookError naming the row for: a missing column, no rows, a duplicated key, an unknown emotion or kind,
    a subject that is not prefixed with its dataset, and key frames out of order.
    """
    missing = [column for column in COLUMNS if column not in samples]
    if missing:
        raise WorkbookError(f"missing column(s) {', '.join(missing)}", file=file, remedy="a reader returns COLUMNS")
    if samples.empty:
        raise WorkbookError("no samples were found", file=file, remedy="check that the folder is the dataset's root")
    samples = samples.sort_values("sample_id", kind="stable").reset_index(drop=True)
    twice = samples.sample_id[samples.sample_id.duplicated()]
    if len(twice):
        remedy = "delete one of the rows; the key is (dataset, subject, clip) and, where events repeat, onset"
        raise WorkbookError("the same key stands twice", file=file, row=twice.iloc[0], remedy=remedy)
    samples = samples.astype(dict.fromkeys(FRAME_COLUMNS, "Int64") | {"fps": "Float64"})
    for row in samples.itertuples():
        _check_row(row, file)
    return samples[[*COLUMNS, *(column for column in OPTIONAL if column in samples)]]


def _check_row(row, file):
    labels.canonical(row.emotion, file=file, row=row.sample_id)
    if row.kind not in KINDS:
        raise WorkbookError(f"unknown kind {row.kind!r}", file=file, row=row.sample_id, remedy=f"one of {KINDS}")
    if not row.subject.startswith(f"{row.dataset}/") or not row.sample_id.startswith(f"{row.subject}/"):
        remedy = f"prefix it with {row.dataset!r}: one name in two datasets would count as one person"
        raise WorkbookError(
            f"subject {row.subject!r} does not carry its dataset", file=file, row=row.sample_id, remedy=remedy
        )
    frames = [value for value in (row.onset, row.apex, row.offset) if not pd.isna(value)]
    if frames != sorted(frames):
        problem = f"onset {row.onset}, apex {row.apex}, offset {row.offset} are not in order"
        remedy = "correct the sheet, or add a repair with its reason to the reader"
        raise WorkbookError(problem, file=file, row=row.sample_id, remedy=remedy)
