"""What is shown of a recording: figures, sentences, and a warning with every emotion of a synthetic training."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from helpers.inference import events, recording, video
from helpers.inference.stored import NOT_REAL
from helpers.motion import faces
from helpers.show import own_video
from helpers.workspace import WorkbookError


def made(emotion="", abstained="", note=NOT_REAL, candidates=1):
    """A result made by hand: noise, one movement in the middle."""
    crops = np.random.default_rng(0).integers(0, 255, (200, 128, 128), dtype=np.uint8)
    how = faces.Registration(np.eye(2, 3) / 128, "YuNet")
    found = recording.Recording(
        recording.Path("clip.mp4"), "video", 200.0, np.arange(200), crops, (128, 128), how,
        faces.Face((0, 0, 128, 128), None, 1.0), [], [], recording.Clock(decode=0.1),
    )  # fmt: skip
    curve = pd.DataFrame({"frame": [80, 100, 120], "seconds": [0, 0.1, 0.2], "intensity": [0.1, 0.8, 0.1]})
    row = {"onset": 80, "apex": 100, "offset": 120, "seconds": 0.2, "peak_px": 1.0, "kind": "micro"}
    row |= {"emotion": emotion, "confidence": 0.8, "abstained": abstained, "decided_by": "mouth", "note": note}
    one = video.Candidate(80, 100, 120, row, {"surprise": 0.8, "disgust": 0.2}, {"mouth": 0.3}, curve)
    facts = {"emotion": {"abstention": {"threshold": 0.5}, "label": "demo (synthetic)", "synthetic": True}}
    return video.Result(found, [one] * candidates, facts, [NOT_REAL], 0.5)


def words(figure):
    parts = [figure, *figure.subfigs]
    return " ".join(text.get_text() for part in parts for text in part.findobj(plt.Text))


def axes_of(figure):
    return [axes for part in [figure, *figure.subfigs] for axes in part.axes]


def test_a_strip_says_what_was_answered_and_that_it_means_nothing_for_real_faces():
    figure = own_video.plot_strips(made("surprise"), truth=np.zeros(200))
    assert "surprise, confidence 0.80" in words(figure) and NOT_REAL in words(figure) and "true" in words(figure)
    plt.close(figure)


def test_an_abstention_gives_its_reason_and_no_emotion():
    told = own_video.say_result(made(abstained="a confidence of 0.30 is below 0.50"))
    assert "no answer, as a confidence of 0.30" in told and NOT_REAL in told
    assert "synthetic" not in own_video.say_result(made("surprise", note=""))


def test_nothing_found_is_shown_as_that_and_many_are_cut():
    figure = own_video.plot_strips(made(candidates=0))
    assert "Nothing was found" in words(figure)
    plt.close(figure)
    figure = own_video.plot_strips(made("surprise", candidates=7))
    assert len(figure.subfigs) == own_video.SHOWN
    plt.close(figure)


def test_a_movement_that_no_model_was_asked_about_leaves_no_empty_panel():
    result = made(abstained="it lasts longer than 0.5 s")
    result.candidates[0].p.clear()
    figure = own_video.plot_strips(result)
    assert "probability" not in words(figure) and "no answer, as it lasts" in words(figure)
    plt.close(figure)


def test_faces_can_be_left_out_of_every_figure():
    drawn = [
        own_video.plot_strips(made("surprise"), may_show=False),
        own_video.plot_strips(made(candidates=0), may_show=False),
        own_video.plot_registration(made().recording, may_show=False),
    ]
    labels = [axes.get_ylabel() for axes in axes_of(drawn[0])]
    assert "face" not in labels and any(label.startswith("motion") for label in labels)
    for figure in drawn:
        shown = [np.asarray(image.get_array()) for axes in axes_of(figure) for image in axes.images]
        assert shown and not any(np.ptp(picture) for picture in shown if picture.ndim == 2)  # greys are frames
        plt.close(figure)


def test_key_frames_that_coincide_share_a_word_and_few_pictures_are_not_repeated():
    result = made(abstained="the face comes to rest without having come back")
    result.candidates[0].apex = 120
    figure = own_video.plot_strips(result)
    assert "apex, offset" in words(figure)
    plt.close(figure)
    result = made(candidates=0)
    few = result.recording._replace(crops=result.recording.crops[:3])
    figure = own_video.plot_strips(video.Result(few, [], {}, [], 0.5))
    assert sum(bool(axes.images) for axes in figure.axes) == 3
    plt.close(figure)


def test_one_picture_is_refused_and_what_is_held_has_not_come_back(monkeypatch):
    found = made().recording
    with pytest.raises(WorkbookError, match="one picture shows no movement"):
        events.spotted(found._replace(crops=found.crops[:1]), [])
    crops = np.zeros_like(found.crops)
    crops[60:] = 200  # brightness stands for motion here
    row = pd.DataFrame([{"onset": 10, "offset": 20}])
    monkeypatch.setattr(events.spotting, "candidates", lambda crops, fps: row)
    monkeypatch.setattr(events.flow, "between", lambda first, later: np.full((3, 32, 32), later.mean() / 100))
    for end, back in ((200, False), (75, True)):
        shown = crops.copy()
        shown[end:] = 0
        ((*_, came_back),) = events.spotted(found._replace(crops=shown), [])
        assert came_back == back


def test_models_are_trained_only_for_a_recording_that_was_accepted(monkeypatch):
    def train():
        raise AssertionError("asked for models")

    with pytest.raises(WorkbookError, match="no such file"):
        video.analyse("nothing.mp4", train)


def test_tables_and_speed():
    result = made("surprise")
    assert result.table.candidate.tolist() == [1] and made(candidates=0).table.empty
    assert own_video.table_chances(result).value.tolist() == [0.8, 0.2, 0.3]
    assert "400 frames a second" in own_video.say_latency(result)
    assert result.latency.frames_a_second.iloc[-1] == pytest.approx(400)
    assert "demo (synthetic)" in own_video.label(result)
