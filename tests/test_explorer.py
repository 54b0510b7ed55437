"""The controls for looking through clips, worked from Python as a front end would work them."""

import shutil

import cv2
import numpy as np
import pytest

from helpers import datasets, workspace
from helpers.motion import frames
from helpers.show import explorer
from helpers.workspace import NotApplicable, WorkbookError


@pytest.fixture
def watched(monkeypatch):
    monkeypatch.setattr(workspace, "watched", lambda: True)


@pytest.fixture
def alone(monkeypatch):
    monkeypatch.setattr(workspace, "watched", lambda: False)


def picture(image):
    return cv2.imdecode(np.frombuffer(image.value, np.uint8), cv2.IMREAD_COLOR)


def test_it_opens_at_the_apex_and_shows_two_pictures(demo, watched):
    look = explorer.explore(demo)
    row = look.row
    assert row.sample_id == demo.sample_id[0] and look.frame.value == row.apex
    assert picture(look.picture).shape == picture(look.strain).shape == (*explorer.SIZE[::-1], 3)
    assert f"{row.emotion}, action units {row.aus}" in look.status.value and "synthetic" in look.status.value
    labels = {number: label for label, number in look.frame.options}
    assert labels[row.onset] == f"onset {row.onset} · 0.000 s" and labels[row.apex].startswith(f"apex {row.apex} · 0.")
    first, last = look.frame.options[0][1], look.frame.options[-1][1]
    assert row.onset - first <= 0.25 * row.fps and last - row.offset <= 0.25 * row.fps


def test_frames_and_arrows_change_the_picture(demo, watched):
    look = explorer.explore(demo)
    apex = look.picture.value
    look.longer.value = 15
    longer = look.picture.value
    assert longer != apex
    look.frame.value = look.row.onset
    assert not picture(look.strain)[..., 2].any(), "nothing has moved at the onset, the dark end of the scale"
    assert look.play.max == len(look.frame.options) - 1


def test_filters_go_together(demo):
    look = explorer.explore(demo)
    person, emotion = demo.subject.iloc[-1], demo.emotion.iloc[-1]
    look.person.value = person
    assert set(look.clip.options) == set(demo.sample_id[demo.subject == person])
    look.emotion.value = emotion
    wanted = demo[(demo.subject == person) & (demo.emotion == emotion)]
    assert list(look.clip.options) == list(wanted.sample_id) and look.row.emotion == emotion
    assert (f"{person} ({(demo.subject == person).sum()})", person) in look.person.options
    look.person.value = look.emotion.value = explorer.ALL
    assert len(look.clip.options) == len(demo) and look.clip.value in set(wanted.sample_id), "the clip stays"


def test_filters_that_exclude_each_other_show_nothing(demo, watched):
    look = explorer.explore(demo)
    shown = demo.groupby("subject").emotion.agg(set)
    person, missing = next((p, set(demo.emotion) - e) for p, e in shown.items() if set(demo.emotion) - e)
    look.person.value = person
    look.emotion.value = sorted(missing)[0]
    assert look.row is None and not look.picture.value and "No clip of this person" in look.status.value
    with pytest.raises(WorkbookError, match="choose"):
        look.figure()
    look.emotion.value = explorer.ALL
    assert look.picture.value


def test_without_a_front_end_a_figure_stands_for_it_and_no_picture_is_kept(demo, alone):
    look = explorer.explore(demo)
    look.frame.index = 3
    assert not look.picture.value and not look.strain.value
    assert set(look._repr_mimebundle_()) == {"text/plain"}
    figure = look.figure()
    titles = [axes.get_title(loc="center") for axes in figure.axes]
    assert any(title.startswith("apex") for title in titles) and titles[0].startswith("onset")
    assert look.row.sample_id in figure.get_suptitle()


def test_displaying_it_draws(demo, alone, monkeypatch):
    look = explorer.explore(demo)
    monkeypatch.setattr(workspace, "watched", lambda: True)
    assert "application/vnd.jupyter.widget-view+json" in look._repr_mimebundle_() and look.picture.value


@pytest.fixture
def licensed(casme2_folder):
    """Frames that are no noise, in a dataset that is not synthetic."""
    for number, path in enumerate(sorted(casme2_folder.rglob("*.png"))):
        face = np.random.default_rng(0).integers(0, 255, (96, 96, 3), np.uint8)
        cv2.imwrite(str(path), np.roll(cv2.GaussianBlur(face, (0, 0), 3) // 2, number % 3, 0))
    return datasets.load("casme2", str(casme2_folder)).assign(cropped=True)


def test_faces_of_a_licensed_dataset_only_by_hand(licensed, watched):
    look = explorer.explore(licensed)
    assert "SHOW_FACES = True" in look.status.value
    grey = picture(look.picture)
    assert (grey.max(axis=2).astype(int) - grey.min(axis=2) < 1).mean() > 0.5, "grey with arrows"
    shown = explorer.explore(licensed, show_faces=True)
    assert "SHOW_FACES" not in shown.status.value
    assert abs(picture(shown.picture).astype(int) - grey).mean() > 20


def test_a_clip_that_cannot_be_opened_says_so_and_shows_nothing(licensed, watched):
    look = explorer.explore(licensed)
    assert look.picture.value
    rows = licensed[licensed.sample_id != look.clip.value]
    shutil.rmtree(rows.path.iloc[0])
    look.clip.value = rows.sample_id.iloc[0]
    assert "cannot be read" in look.status.value and not look.picture.value
    look.clip.index = 0
    assert look.picture.value


def test_stills_and_maps_have_nothing_to_look_through(smic_maps):
    with pytest.raises(NotApplicable, match="flow maps"):
        explorer.explore(datasets.load("megc2019", str(smic_maps)))


def test_frames_that_are_far_from_the_movement_are_not_read(demo, monkeypatch):
    asked, real = [], frames.clip
    monkeypatch.setattr(
        frames, "clip", lambda row, numbers, **more: asked.append(numbers) or real(row, numbers, **more)
    )
    row = demo.assign(fps=20.0).itertuples(index=False)
    one = explorer.Clip(next(row))
    assert asked == [one.numbers] and one.numbers[0] >= one.onset - 5
