"""Folders that name a person, and keys, are cut from what is shared; everything else stays as it is."""

import base64
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
    monkeypatch.setenv("HF_TOKEN", "hf_of-nobody-else")
    monkeypatch.setenv("KAGGLE_KEY", "0123456789abcdef")
    monkeypatch.setenv("MY_TOKEN", "short")
    monkeypatch.setenv("KEYBOARD", "MY_TOKEN is short")  # no secret


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/jane/sets/casme2/sub01/a.png", "…/casme2/sub01/a.png"),  # the folder that was given keeps its name
        ("/home/jane/notes.txt", "…/notes.txt"),
        (f"{ROOT}/helpers/run.py", "…/helpers/run.py"),
        (os.path.relpath("/home/jane/sets/casme2", ROOT), "…/casme2"),
        ("/media/jane/stick/a.csv", "/media/…/stick/a.csv"),
        ("No such folder: '/media/jane'", "No such folder: '/media/…'"),
        ("/media/jane-doe and jane's, jane@host", "/media/jane-doe and jane's, jane@host"),  # names that hold theirs
        ("/home/bob/lib/a.py:3, /Users/bob, see", "…/lib/a.py:3, …, see"),
        (r"C:\Users\Bob\a.csv and 'C:\\Users\\Bob\\a.csv'", r"…\a.csv and '…\\a.csv'"),
        ("../../../../home/bob/x", "../../../..…/x"),
        ("https://a.org/home/page.html", "https://a.org/home/page.html"),
        ("Authorization: Bearer hf_of-nobody-else", "Authorization: Bearer …"),
        ("key=0123456789abcdef", "key=…"),
        ("\x1b[32m/home/bob\x1b[0m/a.py, \x1b[1m/home/jane/b.py", "\x1b[32m…\x1b[0m/a.py, \x1b[1m…/b.py"),
        ("'/mnt/nfs/home/bob/x', /scratch/users/bob: no", "'…/x', …: no"),
        ("hf_ABCDEFGHIJKLMNOPQRSTUVWX of `huggingface-cli login`", "… of `huggingface-cli login`"),
        ("https://jane:pass@proxy.org:80/x, user@host", "https://…@proxy.org:80/x, user@host"),
        ("MY_TOKEN is short", "MY_TOKEN is short"),
        ("1/2 of notebooks/04.ipynb, https://doi.org/10.1/x", "1/2 of notebooks/04.ipynb, https://doi.org/10.1/x"),
    ],
)
def test_a_folder_is_cut_and_nothing_else(jane, text, shown):
    assert privacy.shareable({"a": [text, 1, None]}, "/home/jane/sets/casme2", "") == {"a": [shown, 1, None]}


@pytest.mark.parametrize(
    ("given", "shown"), [("/scratch/jane", "…"), ("/home/jane", "…"), ("/home/bob", "…"), ("/data/jane/sets", "sets")]
)
def test_a_folder_that_is_called_like_a_person_is_cut_too(jane, given, shown):
    assert privacy.last(given) == shown
    said = privacy.shareable(f"{given}: no such folder", given)
    assert said == ("…: no such folder" if shown == "…" else "…/sets: no such folder")


def test_a_user_without_a_name_or_a_home_is_no_error(monkeypatch):
    def nameless():
        raise KeyError("getpwuid(): uid not found")

    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(getpass, "getuser", nameless)
    monkeypatch.setattr(Path, "home", homeless)
    assert privacy.shareable("plain", "sets/casme2") == "plain"


def test_a_picture_stays_as_it_is(jane):
    """In some 10 MB of base64, "/tmp" and a short user's name are to be expected."""
    made = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(91)).decode() + "/tmp/jane//home/jane/x" * 9
    page = f'/home/jane/a <img src="data:image/png;base64,{made}="/> /home/jane/b'
    shown = {"image/png": made, "text/html": [page]}
    cut = page.replace("/home/jane/a", "…/a").replace("/home/jane/b", "…/b")
    assert privacy.shareable(shown) == {"image/png": made, "text/html": [cut]}
