"""Folders that name a person are cut from what is shared; everything else stays as it is."""

import getpass
import os
from pathlib import Path

import pytest

from helpers import privacy
from helpers.workspace import ROOT


@pytest.fixture
def jane(monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: Path("/home/jane"))
    monkeypatch.setattr(getpass, "getuser", lambda: "jane")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/jane/sets/casme2/sub01/a.png", "…/casme2/sub01/a.png"),  # the folder that was given keeps its name
        ("/home/jane/notes.txt", "…/notes.txt"),
        (f"{ROOT}/helpers/run.py", "…/helpers/run.py"),
        (os.path.relpath("/home/jane/sets/casme2", ROOT), "…/casme2"),
        ("/media/jane/stick/a.csv", "/media/…/stick/a.csv"),
        ("1/2 of notebooks/04.ipynb, https://doi.org/10.1/x", "1/2 of notebooks/04.ipynb, https://doi.org/10.1/x"),
    ],
)
def test_a_folder_is_cut_and_nothing_else(jane, text, shown):
    assert privacy.shareable({"a": [text, 1, None]}, "/home/jane/sets/casme2", "") == {"a": [shown, 1, None]}


def test_a_user_without_a_name_is_no_error(monkeypatch):
    def nameless():
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert privacy.shareable("plain") == "plain"
