"""One address, in one place, and a command that renews what repeats it."""

import shutil

import pytest

from helpers import badges
from helpers.workspace import ROOT, WorkbookError

NEW = "https://github.com/some-body/my.fork"


@pytest.fixture
def fork(tmp_path):
    """A copy of the files in which the address stands."""
    (tmp_path / "notebooks").mkdir()
    for name in ("pyproject.toml", "CITATION.cff", "README.md", *ROOT.glob("notebooks/[0-9]*.ipynb")):
        shutil.copy(ROOT / name, tmp_path / (ROOT / name).relative_to(ROOT))
    return tmp_path


def test_the_address_is_the_same_everywhere():
    assert not badges.renewed(badges.address()), "python -m helpers.badges mends it"


def test_a_fork_renews_all_of_it_and_only_that(fork, capsys):
    old = badges.address()
    texts = {path: path.read_text() for path in sorted(fork.rglob("*")) if path.is_file()}
    assert badges.main([NEW + ".git"], fork) == 0 and "all agree" in capsys.readouterr().out
    assert badges.address(fork) == NEW and badges.main([], fork) == 0
    for path, before in texts.items():
        text, owner = path.read_text(), old.removeprefix("https://github.com/")
        assert owner not in text
        assert text.replace("some-body/my.fork", owner) == before, "nothing else has changed"
    assert badges.main([old], fork) == 0
    assert {path: path.read_text() for path in texts} == texts, "and back"


def test_a_badge_that_opens_another_notebook_is_found_and_mended(fork, capsys):
    path = fork / "notebooks" / "01_eda_and_imbalance.ipynb"
    good = path.read_text()
    path.write_text(good.replace("blob/main/notebooks/01_eda_and_imbalance", "blob/main/notebooks/00_start_here"))
    assert badges.main([], fork) == 1 and "01_eda_and_imbalance.ipynb" in capsys.readouterr().out
    assert badges.main([badges.address(fork)], fork) == 0 and path.read_text() == good


@pytest.mark.parametrize("wrong", ["https://gitlab.com/a/b", "a/b", "https://github.com/a", "https://github.com/a/b/c"])
def test_colab_opens_github_only(fork, wrong):
    with pytest.raises(WorkbookError, match="https://github.com/owner/name"):
        badges.renewed(wrong, fork)
    assert badges.main([wrong], fork) == 2
