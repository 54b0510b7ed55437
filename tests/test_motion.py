"""Frames: what is read is what is there, in order and whole; what is not is refused by name."""

import re

import cv2
import numpy as np
import pytest
import scenes

from helpers import datasets
from helpers.motion import faces, frames
from helpers.workspace import WorkbookError


def noise(side=64, channels=3, dtype=np.uint8, seed=0):
    top = np.iinfo(dtype).max
    return np.random.default_rng(seed).integers(0, top, (side, side, channels)[: 2 + (channels > 1)], dtype)


def test_frames_sort_by_number_and_bad_ones_are_named(casme2_folder):
    row = datasets.load("casme2", str(casme2_folder)).iloc[1]
    folder = casme2_folder / "CASME2_RAW_selected/sub01/EP03_02"
    assert list(frames.files(folder)) == [8, 9, 10, 11, 12]
    clip = frames.clip(row)
    assert clip.shape == (5, 12, 16, 3) and [int(frame[0, 0, 0]) for frame in clip] == [8, 9, 10, 11, 12]
    assert frames.clip(row, size=6, gray=True).shape == (5, 6, 6)
    with pytest.raises(WorkbookError, match="frame 99 is missing"):
        frames.clip(row, [99])
    cv2.imwrite(str(folder / "img10.png"), np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(WorkbookError, match="img10.png is .*the first frame"):
        frames.clip(row)
    (folder / "img10.png").write_bytes(b"")
    with pytest.raises(WorkbookError, match="img10.png: the image cannot be decoded"):
        frames.clip(row)
    (folder / "reg_img9.png").write_bytes((folder / "img9.png").read_bytes())
    with pytest.raises(WorkbookError, match="frame 9 stands twice"):
        frames.files(folder)


def test_images_with_blanks_and_unicode_in_their_path(tmp_path):
    path = scenes.write(tmp_path / "clip ü 表情" / "img1.png", np.full((5, 5, 3), (3, 2, 1), np.uint8))
    assert frames.image(path)[0, 0].tolist() == [3, 2, 1], "RGB"


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9, 0.99])
def test_a_picture_that_is_cut_off_anywhere_is_refused_by_name(tmp_path, suffix, share):
    path = scenes.write(tmp_path / f"img1{suffix}", noise())
    whole = path.read_bytes()
    assert frames.image(path).shape == (64, 64, 3)
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(WorkbookError, match=rf"img1\{suffix}.*(cut off|cannot be decoded)"):
        frames.image(path)


def test_a_text_file_and_an_empty_file_are_no_pictures(tmp_path):
    for name, content in (("img1.jpg", b""), ("img2.png", b"not a picture at all")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(WorkbookError, match=f"{name}: the image cannot be decoded"):
            frames.image(tmp_path / name)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("gray", [True, False])
def test_16_bit_pictures_are_refused_with_their_depth(tmp_path, channels, gray):
    path = scenes.write(tmp_path / "img1.png", noise(channels=channels, dtype=np.uint16))
    with pytest.raises(WorkbookError, match="16 bits a channel, not 8"):
        frames.image(path, gray)


def test_grayscale_pictures_are_read_as_colour_and_as_gray(tmp_path):
    picture = noise(channels=1)
    path = scenes.write(tmp_path / "img1.png", picture)
    assert np.array_equal(frames.image(path, gray=True), picture)
    assert np.array_equal(frames.image(path), np.dstack([picture] * 3))


def test_files_that_are_no_frames_are_left_aside(tmp_path):
    scenes.write_clip(tmp_path, [noise(8)] * 2, first=9)
    for name in ("Thumbs.db", "notes 11.txt", "cover.png"):
        (tmp_path / name).write_bytes(b"x")
    assert list(frames.files(tmp_path)) == [9, 10]


def test_a_video_gives_its_facts_and_any_of_its_frames(tmp_path):
    pictures = [np.full((48, 64, 3), 20 * k, np.uint8) for k in range(8)]
    path = scenes.write_video(tmp_path / "clip ü 表情.avi", pictures, fps=25)
    facts = frames.video(path)
    assert (facts.fps, facts.frames, facts.width, facts.height) == (25, 8, 64, 48)
    assert [number for number, _ in frames.video_frames(path)] == list(range(8))
    row = scenes.samples({"path": path, "kind": "video", "onset": 0, "apex": 3, "offset": 7}).iloc[0]
    clip = frames.clip(row, [6, 2, 2], gray=True)
    assert clip.shape == (3, 48, 64) and np.abs(clip.mean(axis=(1, 2)) - [120, 40, 40]).max() < 3
    with pytest.raises(WorkbookError, match=r"demo/sub01/c1: frame 8 is beyond the video's end"):
        frames.clip(row, [0, 8])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"only text in a file that says mp4\n" * 50, "no video that can be opened"),
        (None, "does not exist"),
    ],
)
def test_a_file_that_is_no_video_is_refused_by_name(tmp_path, content, message):
    path = tmp_path / "film.mp4"
    if content is not None:
        path.write_bytes(content)
    row = scenes.samples({"path": path, "kind": "video", "onset": 0, "apex": 3, "offset": 7}).iloc[0]
    for read in (lambda: frames.video(path), lambda: list(frames.video_frames(path)), lambda: frames.clip(row)):
        with pytest.raises(WorkbookError, match=rf"{re.escape(str(path))}.*{message}"):
            read()


def test_a_region_is_cut_where_its_box_lies_at_any_size():
    for side in (28, 32, 96, 128, 224):
        inside = faces.mask(side, ("mouth",))
        rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        x0, y0, x1, y1 = faces.REGIONS["mouth"]
        edges = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
        assert np.abs(edges - np.array([x0, y0, x1, y1]) * side).max() <= 0.5
        assert faces.region(inside[None, None], "mouth").all()
    assert faces.mask(64).sum() > max(faces.mask(64, (name,)).sum() for name in faces.REGIONS)
