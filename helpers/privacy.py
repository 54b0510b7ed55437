"""What results may say about the machine they were made on: nothing that names its user.

Executed copies and run.json are shared, and tracebacks, parameters and messages in them hold folders. A home folder's
name is a person's, and so may be that of any folder above the data.
"""

import getpass
import os
import tempfile
from pathlib import Path, PurePath

from helpers.workspace import ROOT

CUT = "…"


def shareable(value, *given):
    """The same text, list or dict of JSON, with known folders cut: `/home/jane/casme2/a.csv` is `…/casme2/a.csv`.

    given: folders or files of this call, absolute or relative to the workbook's root: their last part stays. Of the
    root, the home and the folder of temporary files nothing stays; of a path of the user's elsewhere, not their name.
    """
    return _replaced(value, _names(given))


def _names(given):
    """[(text, what stands for it)], longest first, so that the folder above does not cut the one inside it."""
    found = {}
    for path in filter(None, map(str, given)):
        whole = os.path.normpath(ROOT / Path(path).expanduser())
        for spelling in (path.rstrip("/"), whole, os.path.realpath(whole), os.path.relpath(whole, ROOT)):
            if not Path(whole).is_relative_to(ROOT):
                found[spelling] = f"{CUT}/{PurePath(whole).name}"
    for folder in (ROOT, Path.home(), tempfile.gettempdir()):
        found |= {str(folder): CUT, os.path.realpath(folder): CUT, os.path.relpath(folder, ROOT): CUT}
    names = sorted(((text, short) for text, short in found.items() if len(text) > 3), key=lambda pair: -len(pair[0]))
    try:
        return [*names, (f"/{getpass.getuser()}/", f"/{CUT}/")]
    except (KeyError, OSError):  # a container's user may have no name
        return names


def _replaced(value, names):
    if isinstance(value, str):
        for text, short in names:
            value = value.replace(text, short)
        return value
    if isinstance(value, list):
        return [_replaced(part, names) for part in value]
    if isinstance(value, dict):
        return {name: _replaced(part, names) for name, part in value.items()}
    return value
