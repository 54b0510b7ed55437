"""What results may say about the machine they were made on: nothing that names its users or lets anybody in.

Executed copies and run.json are shared, and tracebacks, parameters and messages in them hold folders. A home folder's
name is a person's, and so may be that of any folder above the data. Keys to services stand in the environment.
"""

import getpass
import os
import re
import tempfile
from pathlib import Path, PurePath

from helpers.workspace import ROOT

CUT = "…"
COLOUR = r"(?<=\x1b\[\dm)|(?<=\x1b\[\d\dm)"  # of a traceback: its last letter is none of the path
HOMES = re.compile(  # anybody's
    rf"(?:(?<![\w-])|{COLOUR})(?:/home|/export/home|/Users|[A-Za-z]:[\\/]+Users)[\\/]+[^\s\\/\"'<>:,;()\x1b]+"
)
SECRET = re.compile(
    r"TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|(^|_)(API|ACCESS|AUTH|PRIVATE)_?KEY(_|$)|(^|_)(KEY|PAT|PASS)$",
    re.IGNORECASE,
)
NESTED = re.compile(r"(?<![\w/:.-])(?:/[\w.@+~-]+)+/(?:home|users)/[^\s\\/\"'<>:,;()\x1b]+")  # of a cluster
TOKEN = re.compile(r"\bhf_[A-Za-z0-9]{20,}|(?<=Bearer )\S{16,}")  # wherever it was kept
LOGIN = re.compile(r"(?<=://)[^\s/@:]+:[^\s/@]+(?=@)")  # jane:password@host
# PNG, JPEG, GIF and WebP as base64, in which "/tmp" and "/pi/" stand by chance: a cut would spoil the picture
PICTURE = re.compile(r"((?:iVBORw0KGgo|/9j/|R0lGOD|UklGR)[A-Za-z0-9+/\r\n]{100,}={0,2})")
SHORTEST = 8  # characters of a secret: what is shorter may be a word of the text


def shareable(value, *given):
    """The same text, list or dict of JSON, with known folders cut: `/home/jane/casme2/a.csv` is `…/casme2/a.csv`.

    given: folders or files of this call, absolute or relative to the workbook's root: their last part stays. Of the
    root, the homes and the folder of temporary files nothing stays; of a path of the user's elsewhere, not their name.
    """
    user = _user()  # as a folder somewhere else than in their home
    found = re.compile(rf"(?<=[\\/]){re.escape(user)}(?![\w.@+~-])") if user else None
    return _replaced(value, [*_names(given), *((secret, CUT) for secret in secrets())], found)


def last(path):
    """Last part of a path; nothing of it if that names a person."""
    name, whole = PurePath(path).name, os.path.normpath(ROOT / Path(path).expanduser())
    return CUT if whole == str(_home()) or HOMES.fullmatch(whole) or name == _user() else name


def secrets():
    """Values of environment variables whose names say that nobody else may know them, longest first."""
    found = {value for name, value in os.environ.items() if SECRET.search(name) and len(value) >= SHORTEST}
    return sorted(found, key=len, reverse=True)


def _names(given):
    """[(text, what stands for it)], longest first, so that the folder above does not cut the one inside it."""
    found = {}
    for path in filter(None, map(str, given)):
        whole = os.path.normpath(ROOT / Path(path).expanduser())
        for spelling in (path.rstrip("/"), whole, os.path.realpath(whole), os.path.relpath(whole, ROOT)):
            if not Path(whole).is_relative_to(ROOT):
                found[spelling] = CUT if last(whole) == CUT else f"{CUT}/{last(whole)}"
    for folder in (ROOT, _home(), tempfile.gettempdir()):
        found |= {str(folder): CUT, os.path.realpath(folder): CUT, os.path.relpath(folder, ROOT): CUT}
    return sorted(((text, short) for text, short in found.items() if len(text) > 3), key=lambda pair: -len(pair[0]))


def _user():
    """Their name; None where they have none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # as in a container
        return None


def _home():
    try:
        return Path.home()
    except RuntimeError:  # in a container, too
        return ROOT


def _replaced(value, names, user):
    if isinstance(value, str):
        parts = PICTURE.split(value)
        parts[::2] = [_cut(text, names, user) for text in parts[::2]]
        return "".join(parts)
    if isinstance(value, list):
        return [_replaced(part, names, user) for part in value]
    if isinstance(value, dict):
        return {name: _replaced(part, names, user) for name, part in value.items()}
    return value


def _cut(text, names, user):
    for name, short in names:
        text = text.replace(name, short)
    for cut in (HOMES, NESTED, LOGIN, TOKEN):
        text = cut.sub(CUT, text)
    return user.sub(CUT, text) if user else text
