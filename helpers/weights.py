"""Network weights from outside: looked for on disk, else fetched once; used only when their checksum is right.

Where they lie: `workspace.models_dir()`. What can't be had raises `Unavailable`; who asked decides what to do without
them, and says so. Nothing else ever stands in their place in silence.
"""

import os
import socket
from contextlib import contextmanager
from pathlib import Path

from helpers import workspace
from helpers.workspace import WorkbookError

PATIENCE = 30  # seconds


class Unavailable(WorkbookError):
    """Weights that are neither on disk nor to be had from the network."""


class WrongHash(Unavailable):
    """Weights that came from the network with another hash than theirs, and were not kept."""


def file(name, address, checksum):
    """Path of a model file: `name` in the models folder if its SHA-256 is `checksum`, else fetched from `address`.

    Raises WorkbookError when a file of that name has another checksum, Unavailable when it can't be fetched (WrongHash
    when what came is another file).
    """
    import pooch

    path = workspace.models_dir() / name
    if path.exists():
        if pooch.file_hash(path) != checksum:
            remedy = "delete it; the right one is fetched again"
            raise WorkbookError("this model file is not the one that was checked", file=path, remedy=remedy)
        return path
    pooch.get_logger().setLevel("ERROR")
    try:
        return Path(pooch.retrieve(address, f"sha256:{checksum}", name, workspace.models_dir()))
    except (OSError, ValueError) as error:  # no network; ValueError: what came has another checksum
        raise _unavailable(name, address, error) from error


def of_torchvision(entry):
    """State dict of a torchvision weights entry (such as `Raft_Small_Weights.C_T_V2`), never unpickled as objects.

    Raises as `file_of_torchvision`.
    """
    return _loaded(file_of_torchvision(entry))


def file_of_torchvision(entry):
    """Path of the file of a torchvision weights entry.

    Looked for in the models folder, then in torch's own cache, else downloaded into the models folder; torchvision's
    hash, the end of the file name, is checked in each case. Raises as `file`.
    """
    import torch

    name = entry.url.rsplit("/", 1)[1]
    beginning = Path(name).stem.rsplit("-", 1)[1]
    cache = Path(torch.hub.get_dir()) / "checkpoints"
    for folder in (workspace.models_dir(), cache):
        path = folder / name
        if path.is_file():
            _check_beginning(path, beginning)
            return path
    path = workspace.models_dir() / name
    try:
        os.makedirs(path.parent, exist_ok=True)
        with _patience():
            torch.hub.download_url_to_file(entry.url, str(path), hash_prefix=beginning, progress=False)
    except (OSError, RuntimeError) as error:  # RuntimeError: torch found another hash
        raise _unavailable(name, entry.url, error) from error
    return path


@contextmanager
def _patience():
    """Give up on a server that does not answer: torch itself would wait for minutes where a firewall swallows calls."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _loaded(path):
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # objects, or something that is no weights file: any of a dozen types
        problem = f"this is no plain weights file ({type(error).__name__}), and nothing in it was run"
        raise WorkbookError(problem, file=path, remedy="delete it; the right one is fetched again") from error


def _check_beginning(path, beginning):
    import pooch

    if not pooch.file_hash(path).startswith(beginning):
        remedy = "delete it; the right one is fetched again"
        raise WorkbookError("the weights' hash is not the one in their name", file=path, remedy=remedy)


def _unavailable(name, address, error):
    another = isinstance(error, (RuntimeError, ValueError))  # that is how torch and pooch say it
    reason = "what came has another hash" if another else type(error).__name__
    problem = f"the weights {name} are not on this machine and could not be fetched ({reason})"
    return (WrongHash if another else Unavailable)(problem, remedy=f"save {address} as {workspace.models_dir() / name}")
