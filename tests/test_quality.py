"""Quality of frames: each fault is reported once with its frame, and a sound clip reports nothing."""

import cv2
import numpy as np
import pytest
import scenes

from helpers.motion import frames, quality


@pytest.fixture(scope="module")
def clip(demo):
    """Twenty RGB frames of a demo clip, numbered from 1."""
    row = demo.iloc[0]
    return list(frames.clip(row, list(frames.files(row.path))[:20]))


def problems_of(folder, **more):
    row = {"path": folder, "onset": 1, "apex": 5, "offset": 20} | more
    table = quality.of_samples(scenes.samples(row))
    assert list(table.columns) == ["sample_id", "frame", "problem", "detail"]
    return [(None if frame is None or frame != frame else int(frame), what) for frame, what in table.to_numpy()[:, 1:3]]


def blurred(picture):
    return cv2.GaussianBlur(picture, (0, 0), 3)


FAULTS = {
    "blurred": lambda clip: blurred(clip[9]),
    "exposure": lambda clip: (clip[9] * 0.1).astype(np.uint8),
    "exposure, bright": lambda clip: 255 - ((255 - clip[9]) * 0.05).astype(np.uint8),
    "repeated": lambda clip: clip[8],
}


def test_a_sound_clip_reports_nothing(demo):
    assert quality.of_samples(demo).empty
    assert list(quality.of_samples(demo).columns) == quality.COLUMNS


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_reported_once_with_its_frame(clip, tmp_path, fault):
    pictures = [*clip[:9], FAULTS[fault](clip), *clip[10:]]
    found = problems_of(scenes.write_clip(tmp_path, pictures))
    name = fault.split(",")[0]
    assert [item for item in found if item[1] == name] == [(10, name)]
    consequences = {"jump", "blurred"} if name == "exposure" else {"jump"}  # into the fault and out of it
    assert {what for _, what in found} - {name} <= consequences and {number for number, _ in found} <= {10, 11}


def test_a_cut_is_a_jump_at_its_first_frame(clip, tmp_path):
    pictures = [*clip[:9], *(np.roll(picture, 12, axis=1) for picture in clip[9:])]
    assert problems_of(scenes.write_clip(tmp_path, pictures)) == [(10, "jump")]


def test_a_gap_in_the_numbers_is_reported_for_every_missing_frame(clip, tmp_path):
    folder = scenes.write_clip(tmp_path, clip)
    for number in (7, 8):
        (folder / f"img{number}.png").unlink()
    assert problems_of(folder) == [(7, "missing"), (8, "missing")]


def test_files_that_cannot_be_frames_are_reported_and_the_others_still_looked_at(clip, tmp_path):
    folder = scenes.write_clip(tmp_path, [*clip[:14], blurred(clip[14]), *clip[15:]])
    (folder / "Thumbs.db").write_bytes(b"x")
    content = (folder / "img3.png").read_bytes()
    (folder / "img3.png").write_bytes(content[: len(content) // 2])
    (folder / "img4.png").write_bytes(b"")
    scenes.write(folder / "img6.png", frames.image(folder / "img6.png").astype(np.uint16))
    scenes.write(folder / "img8.png", np.zeros((9, 9, 3), np.uint8))
    found = problems_of(folder)
    expected = [(None, "not a frame"), (3, "unreadable"), (4, "unreadable"), (6, "unreadable"), (8, "other size")]
    assert found[:5] == expected
    assert {item for item in found[5:] if item[1] != "jump"} == {(15, "blurred")}


def test_a_first_frame_of_another_size_does_not_condemn_all_the_others(clip, tmp_path):
    folder = scenes.write_clip(tmp_path, clip)
    scenes.write(folder / "img1.png", np.zeros((9, 9, 3), np.uint8))
    found = [item for item in problems_of(folder) if item[1] == "other size"]
    assert len(found) == 1


def test_a_face_that_is_lost_is_reported_where_it_was_looked_for(clip, tmp_path):
    there = [scenes.paste(picture, scenes.place(picture, 240, 0, (240, 180)), seed=k) for k, picture in enumerate(clip)]
    gone = [scenes.paste(clip[0] * 0, scenes.place(clip[0], 1, 0, (0, 0)), seed=k) for k in range(20)]
    row = {"dataset": "casme2", "cropped": False}
    assert [
        item for item in problems_of(scenes.write_clip(tmp_path / "there", there), **row) if "face" in item[1]
    ] == []
    half = scenes.write_clip(tmp_path / "half", [*there[:12], *gone[12:]])
    lost = [number for number, what in problems_of(half, **row) if what == "face lost"]
    assert lost and min(lost) > 12 and max(lost) == 20


def test_gray_clips_short_clips_and_videos_are_looked_at_too(clip, tmp_path):
    gray = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in clip]
    assert problems_of(scenes.write_clip(tmp_path / "gray", [*gray[:5], blurred(gray[5]), *gray[6:]]))[0] == (
        6, "blurred",
    )  # fmt: skip
    assert problems_of(scenes.write_clip(tmp_path / "one", clip[:1])) == [(1, "one frame")]
    assert problems_of(scenes.write_clip(tmp_path / "two", clip[:2])) == []
    path = scenes.write_video(tmp_path / "film.avi", [*clip[:5], clip[5] // 12, *clip[6:]])
    found = problems_of(path, kind="video", onset=0)
    assert (5, "exposure") in found and {number for number, _ in found} <= {5, 6}


@pytest.mark.parametrize("fault", ["an empty folder", "no folder", "a number twice", "an empty video", "text as video"])
def test_a_clip_that_cannot_be_opened_is_a_row_and_the_others_are_still_looked_at(clip, tmp_path, fault):
    path, kind = tmp_path / "bad", "frames"
    if fault == "an empty folder":
        path.mkdir()
    elif fault == "a number twice":
        scenes.write_clip(path, clip[:3])
        scenes.write_clip(path, clip[:3], name="x{}.png")
    elif "video" in fault:
        path, kind = tmp_path / "film.mp4", "video"
        path.write_bytes(b"" if fault == "an empty video" else b"only text\n" * 100)
    good = scenes.write_clip(tmp_path / "good", [*clip[:9], blurred(clip[9]), *clip[10:]])
    key_frames = {"onset": 1, "apex": 2, "offset": 3}
    table = quality.of_samples(
        scenes.samples(
            {"path": path, "kind": kind, "clip": "bad"} | key_frames, {"path": good, "clip": "good"} | key_frames
        )
    )
    assert (table.sample_id == "demo/sub01/bad").sum() == 1
    assert (10, "blurred") in table[table.sample_id == "demo/sub01/good"][["frame", "problem"]].itertuples(
        index=False, name=None
    )
