"""Where an interrupted training goes on: one file a fold, tensors and plain numbers only, read with `weights_only`.

A file belongs to one configuration: settings, first weights, training rows, labels, versions. Any other is refused, so
that nobody goes on with a network that has seen other people. Imports torch: import this module inside functions.
"""

import json
import zipfile
from pathlib import Path

import joblib
import numpy as np
import torch

from helpers import storage, workspace
from helpers.datasets import _outside
from helpers.workspace import WorkbookError

REMEDY = "delete the file to train anew, or name another one"


def identity(settings, X, y, groups):
    """{what: value} that a training depends on; arrays by their digest. settings: JSON-able."""
    labels = list(map(str, np.asarray(y).tolist()))  # of a list: numbers to their last place
    return {
        **settings, "rows": len(y), "arrays": joblib.hash(X), "labels": joblib.hash(labels),
        "people": None if groups is None else joblib.hash(list(map(str, groups))),
        "versions": workspace.versions(("torch", "numpy")),
    }  # fmt: skip


def write(path, mine, state):
    """Write {name: tensors and plain values} all or nothing. mine: of `identity`."""
    with storage.atomic(path) as temporary:
        torch.save({"identity": json.dumps(mine, default=str), "state": state}, temporary)


def read(path, mine):
    """The state, None where there is no file; WorkbookError for a file of another configuration or no checkpoint."""
    path = Path(path)
    if not path.is_file():
        return None
    try:
        _outside.unpacked(path, path.stat().st_size, path)  # `write` does not compress
        with zipfile.ZipFile(path) as whole:
            if whole.testzip():  # torch does not look at the checksums
                raise ValueError("a checksum is wrong")
        found = torch.load(path, map_location="cpu", weights_only=True)
        theirs, state = dict(json.loads(found["identity"])), found["state"]
    except Exception as error:  # a damaged zip or pickle surfaces as any of a dozen types, and nothing in it was run
        raise WorkbookError("this is no checkpoint of a training here", file=path, remedy=REMEDY) from error
    mine = json.loads(json.dumps(mine, default=str))
    differ = sorted(name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name))
    if differ:
        said = ", ".join(f"{name} ({theirs.get(name)} there, {mine.get(name)} here)" for name in differ)
        raise WorkbookError(f"the checkpoint is of another configuration: {said}", file=path, remedy=REMEDY)
    return state
