"""Faces: found, brought to one crop whatever their place, size and tilt; refused by name where there is none or two."""

from contextlib import suppress

import cv2
import numpy as np
import pandas as pd
import pytest
import scenes

from helpers import weights, workspace
from helpers.motion import faces, flow, frames, spotting
from helpers.workspace import WorkbookError

PLACES = [(220, 0, (240, 180)), (300, 10, (220, 190)), (300, -10, (260, 180)), (150, 5, (120, 120))]


@pytest.fixture(scope="module")
def people(demo_dir):
    """One strong clip of each person, at 128 px."""
    return scenes.demo_at_128(demo_dir).groupby("subject", as_index=False).first()


@pytest.fixture(scope="module")
def onsets(people):
    return [scenes.key_pictures(row)[0] for row in people.itertuples()]


@pytest.fixture
def cascade(monkeypatch):
    """The stand-in for a machine where YuNet can't be had."""

    def nowhere(*_):
        raise weights.Unavailable("no network")

    monkeypatch.setattr(weights, "file", nowhere)
    faces.detector.cache_clear()
    yield
    faces.detector.cache_clear()


@pytest.fixture
def yunet():
    faces.detector.cache_clear()
    if faces.detector()[0] != "YuNet":
        pytest.skip("the face detector's weights are not beside the real data")


def misplaced(face, place, shape=(360, 480)):
    """Distances (5,) between the standard points and where registration brings those of a pasted face."""
    matrix = scenes.place(face, *place)
    registration = faces.register(faces.the_face(scenes.paste(face, matrix, shape)))
    there = (faces.POINTS * len(face) - 0.5) @ matrix[:, :2].T + matrix[:, 2] + 0.5
    return np.hypot(*(there @ registration.matrix[:, :2].T + registration.matrix[:, 2] - faces.POINTS).T)


def test_eyes_and_mouth_come_to_their_standard_places_however_the_face_lies(yunet, onsets):
    off = np.array([misplaced(face, place) for face in onsets for place in PLACES])
    assert off.mean() < 0.02, "share of the crop's side, people differ by about one hundredth"
    assert off.max() < 0.045


def test_the_stand_in_brings_faces_nearly_there_and_is_named(cascade, onsets):
    off = []
    for face in onsets:
        for place in (PLACES[0], PLACES[3]):
            with suppress(WorkbookError):  # it does not find everyone
                off.append(misplaced(face, place))
    assert len(off) >= 8 and np.mean(off) < 0.06 and np.max(off) < 0.09
    name, _ = faces.detector()
    picture = scenes.paste(onsets[0], scenes.place(onsets[0], *PLACES[0]))
    assert name == "LBP cascade" == faces.register(faces.the_face(picture)).how == faces.finder("casme2")


def test_a_wrong_model_file_is_no_reason_for_the_stand_in(tmp_path, monkeypatch):
    monkeypatch.setenv(workspace.MODELS_VARIABLE, str(tmp_path))
    (tmp_path / faces.YUNET[0]).write_bytes(b"not the network")
    faces.detector.cache_clear()
    with pytest.raises(WorkbookError, match="not the one that was checked"):
        faces.detector()
    faces.detector.cache_clear()


def test_a_registered_crop_shows_the_face_upright_at_its_place(yunet, onsets):
    for face, place in zip(onsets, PLACES, strict=False):
        picture = scenes.paste(face, scenes.place(face, *place))
        crop = faces.apply([picture], faces.register(faces.the_face(picture)), 128)[0]
        inner = np.s_[30:115, 30:98]
        gray = [cv2.GaussianBlur(cv2.cvtColor(one, cv2.COLOR_RGB2GRAY), (0, 0), 2)[inner] for one in (crop, face)]
        assert np.corrcoef(gray[0].ravel(), gray[1].ravel())[0, 1] > 0.85


def test_a_registration_is_exact_at_every_scale():
    side = 256
    y, x = np.mgrid[:side, :side]
    picture = np.dstack([x, y, np.zeros_like(x)]).astype(np.uint8)  # colours are coordinates
    for part, size in ((1.0, 256), (0.5, 128), (0.5, 64), (0.25, 128)):
        matrix = np.array([[1 / part, 0, -0.25 / part], [0, 1 / part, -0.25 / part]]) / side
        matrix[:, 2] *= side
        crop = faces.apply([picture], faces.Registration(matrix, "test"), size)[0].astype(float)
        inside = 256 * (0.25 + part * (np.arange(size) + 0.5) / size) - 0.5
        visible = inside < 250
        assert np.abs(crop[size // 4, visible, 0] - inside[visible]).max() < 1
        assert np.abs(crop[visible, size // 4, 1] - inside[visible]).max() < 1


def test_grayscale_pictures_are_registered_like_coloured_ones(yunet, onsets):
    for face in onsets[:3]:
        gray = np.dstack([cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)] * 3)
        assert misplaced(gray, PLACES[0]).max() < 0.045
    picture = scenes.paste(onsets[0], scenes.place(onsets[0], *PLACES[0]))[..., 1]
    registration = faces.register(faces.the_face(picture))
    assert faces.apply([picture], registration, 64).shape == (1, 64, 64)


def test_large_pictures_are_searched_smaller_and_answered_in_their_own_pixels(yunet, onsets):
    place = (700, -10, (900, 600))
    assert misplaced(onsets[0], place, (1080, 1920)).max() < 0.045


def uncropped(folder, pictures, **more):
    scenes.write_clip(folder, pictures)
    row = {"path": folder, "dataset": "casme2", "cropped": False, "onset": 1, "apex": 2, "offset": len(pictures)}
    return row | {"clip": folder.name} | more


def test_pictures_without_a_face_or_with_two_are_refused_by_name(tmp_path, onsets):
    face, other = onsets[:2]
    one = scenes.paste(face, scenes.place(face, 200, 0, (120, 180)))
    two = np.hstack([one, scenes.paste(other, scenes.place(other, 190, 0, (200, 180)))])
    none = scenes.paste(np.zeros_like(face), scenes.place(face, 1, 0, (0, 0)))
    samples = scenes.samples(
        uncropped(tmp_path / "one", [one] * 3), uncropped(tmp_path / "two", [two] * 3),
        uncropped(tmp_path / "none", [none] * 3),
    )  # fmt: skip
    by_clip = {row.clip: row for row in samples.itertuples()}
    assert faces.locate(by_clip["one"]).how in ("YuNet", "LBP cascade")
    for clip, problem in (("two", "2 faces were found"), ("none", "no face was found")):
        with pytest.raises(WorkbookError, match=f"{clip}.*casme2/sub01/{clip}: {problem}.*What to do"):
            faces.locate(by_clip[clip])
    table = faces.registrations(samples).set_index("sample_id")
    assert table.reason["casme2/sub01/none"] == "no face was found" and table.how["casme2/sub01/none"] == ""
    assert table.reason["casme2/sub01/one"] == "" and table.eyes["casme2/sub01/one"] == pytest.approx(49, abs=5)
    found = flow.extract(samples, flow.Setting(crop=96))
    assert list(found.sample_id) == ["casme2/sub01/one"]
    assert found.left_out.reason.str.contains("face").all() and len(found.left_out) == 2


def test_a_smaller_face_in_the_background_does_not_count(yunet, tmp_path, onsets):
    picture = scenes.paste(onsets[0], scenes.place(onsets[0], 260, 0, (200, 180)))
    small = scenes.paste(onsets[1], scenes.place(onsets[1], 90, 0, (60, 60)), (360, 130))
    assert len(faces.detect(np.hstack([picture, small]))) == 2
    faces.the_face(np.hstack([picture, small]))


def test_tilt_and_distance_of_the_eyes_are_reported(yunet, tmp_path, onsets):
    rows = []
    for degrees in (-10, 0, 10):  # OpenCV turns counter-clockwise for positive angles
        for number, face in enumerate(onsets):
            picture = scenes.paste(face, scenes.place(face, 300, degrees, (240, 180)))
            rows.append(uncropped(tmp_path / f"{number} turned {degrees}", [picture] * 3))
    table = faces.registrations(scenes.samples(*rows))
    tilt = table.tilt.groupby(table.sample_id.str.rsplit(" ").str[-1]).mean()
    assert abs(tilt["10"] - tilt["-10"]) == pytest.approx(20, abs=4) and abs(tilt["0"]) < 3
    assert table.eyes.mean() == pytest.approx(0.247 * 300, rel=0.05)


def test_flow_of_a_registered_recording_is_that_of_the_crops(yunet, tmp_path, people):
    row = next(people.itertuples())
    crops = scenes.key_pictures(row)
    matrix = scenes.place(crops[0], 256, 8, (250, 180))
    folder = tmp_path / "recording"
    samples = scenes.samples(uncropped(folder, [scenes.paste(crop, matrix) for crop in crops]))
    found = flow.extract(samples, flow.Setting(size=128)).values[0, 0, :2]
    direct = flow.extract(people.head(1), flow.Setting(size=128)).values[0, 0, :2]
    inside = faces.mask(128)
    smooth = [np.stack([cv2.GaussianBlur(part, (0, 0), 2) for part in maps])[:, inside] for maps in (found, direct)]
    assert np.corrcoef(smooth[0].ravel(), smooth[1].ravel())[0, 1] > 0.8
    assert np.sum(smooth[0] * smooth[1]) / np.sum(smooth[1] ** 2) == pytest.approx(1, abs=0.25)


def test_one_transform_serves_the_whole_clip(yunet, tmp_path, onsets):
    shifts = [(240, 180), (244, 180), (252, 180)]
    pictures = [scenes.paste(onsets[0], scenes.place(onsets[0], 256, 0, centre)) for centre in shifts]
    row = next(scenes.samples(uncropped(tmp_path / "head moves", pictures)).itertuples())
    crops = faces.crops(row, (1, 2, 3), 128)
    for later, expected in ((1, 2), (2, 6)):  # registered anew, the movement of the head would be gone
        u, _ = flow.between(crops[0], crops[later], rigid="none")[:2][:, faces.mask(128)].mean(axis=1)
        assert u == pytest.approx(expected, abs=0.3)


def test_known_geometry_is_not_searched(people, monkeypatch):
    monkeypatch.setattr(faces, "detect", lambda _: pytest.fail("a demo face was searched for"))
    row = next(people.itertuples())
    assert faces.locate(row) == (None, "known geometry") and faces.finder("demo") == "known geometry"
    assert np.array_equal(faces.crops(row, (row.onset,), 128, gray=False)[0], frames.clip(row, (row.onset,))[0])


def test_a_crop_without_a_findable_face_is_taken_as_it_is_and_says_so(tmp_path):
    flat = [np.full((64, 64, 3), level, np.uint8) for level in (90, 100, 110)]
    row = next(scenes.samples(uncropped(tmp_path / "flat", flat, cropped=True)).itertuples())
    found = faces.locate(row)
    assert found.how == "crop taken as it is"
    scale = np.hypot(*found.matrix[:, 0]), np.hypot(*found.matrix[:, 1])
    assert scale[0] == pytest.approx(scale[1]), "never stretched: motion keeps one unit"


def test_the_first_frame_serves_where_no_onset_is_coded(yunet, tmp_path, onsets):
    picture = scenes.paste(onsets[0], scenes.place(onsets[0], *PLACES[0]))
    samples = scenes.samples(uncropped(tmp_path / "uncoded", [picture] * 2, onset=None, apex=None, offset=None))
    assert faces.locate(next(samples.itertuples())).how == "YuNet"


def test_an_empty_clip_folder_is_a_row_with_a_reason(tmp_path):
    (tmp_path / "empty").mkdir()
    empty = {"path": tmp_path / "empty", "dataset": "casme2", "cropped": False}
    samples = scenes.samples(empty | {"onset": None, "apex": None, "offset": None})
    assert faces.registrations(samples).reason[0]


def test_key_frames_are_pictures_for_networks(people):
    pictures = faces.key_frames(people, size=64)
    assert pictures.shape == (len(people), 3, 64, 64, 3) and pictures.dtype == np.uint8
    row = people.iloc[2]
    apex = faces.crops(row, (row.apex,), 64, gray=False)[0]
    assert np.array_equal(pictures[2, 1], apex)
    missing = people.copy()
    missing.loc[1, "apex"] = pd.NA
    with pytest.raises(WorkbookError, match=f"{missing.sample_id[1]}: a key frame is not known"):
        faces.key_frames(missing)


def test_a_real_video_goes_through_detection_registration_flow_and_spotting(yunet, shared):
    path = shared / "data" / "video" / "single_face.mp4"
    facts = frames.video(path)
    samples = scenes.samples(
        {"path": path, "kind": "video", "dataset": "casme2", "cropped": False, "onset": 0, "apex": 9, "offset": 20}
    )
    row = next(samples.itertuples())
    registration = faces.locate(row)
    crops = faces.crops(row, range(24), 96, registration=registration)
    assert crops.shape == (24, 96, 96) and registration.how == "YuNet"
    again = faces.the_face(faces.apply(frames.clip(row, [0]), registration, 256)[0])
    assert np.hypot(*((again.points + 0.5) / 256 - faces.POINTS).T).max() < 0.06, "the crop has the face in its place"
    found = flow.extract(samples, flow.Setting(windows=(flow.RISE, flow.FALL), size=32))
    assert found.values.shape == (1, 2, 3, 32, 32) and found.left_out.empty and np.isfinite(found.values).all()
    assert np.hypot(*found.values[0, 0, :2]).max() > 0.5, "someone who talks moves"
    table = spotting.candidates(crops, facts.fps)
    assert list(table.columns) == ["onset", "apex", "offset", "seconds", "peak", "kind"]
    assert ((table.onset <= table.apex) & (table.apex <= table.offset) & (table.offset < 24)).all()


def test_a_video_without_a_face_is_refused(tmp_path):
    rng = np.random.default_rng(0)
    path = scenes.write_video(tmp_path / "wall.avi", rng.integers(90, 130, (10, 240, 320, 3), np.uint8))
    samples = scenes.samples(
        {"path": path, "kind": "video", "dataset": "casme2", "cropped": False, "onset": 0, "apex": 4, "offset": 9}
    )
    with pytest.raises(WorkbookError, match=r"wall\.avi.*no face was found.*What to do"):
        faces.locate(next(samples.itertuples()))
    with pytest.raises(WorkbookError, match=r"no clip can be measured.*no face was found"):
        flow.extract(samples)
