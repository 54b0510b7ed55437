"""Folders, pictures, videos and archives from outside: right, or refused by name; nothing is read or written beside."""

import io
import os
import shutil
import stat
import struct
import warnings
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
from hostile import AT, EDITS, cases, damaged, fresh, outcome, packed
from hypothesis import strategies as st
from scenes import write_video
from test_hostile_tables import write_casme2
from test_kaggle import SMALL
from test_kaggle import write as write_stills
from test_readers import WRITERS

from helpers import datasets, staging
from helpers.datasets import _outside
from helpers.inference import recording
from helpers.motion import frames
from helpers.workspace import WorkbookError


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile")


# ------------------------------------------------------------------------------------------------ folders


def delete(path):
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def loops(path):
    for number in range(9):  # nine links back, at each level: 9 ** 8 ways to the same files
        path.with_name(f"loop{number}").symlink_to(".", target_is_directory=True)


TRICKS = {
    "gone": delete,
    "a file in its place": lambda path: (delete(path), path.write_bytes(b"x")),
    "a folder in its place": lambda path: (delete(path), path.mkdir()),
    "a pipe in its place": lambda path: (delete(path), os.mkfifo(path)),
    "a device in its place": lambda path: (delete(path), path.symlink_to("/dev/zero")),
    "a link to nowhere": lambda path: (delete(path), path.symlink_to("nowhere")),
    "a link to itself": lambda path: (delete(path), path.symlink_to(path.name)),
    "a terabyte": lambda path: path.is_file() and os.truncate(path, 2**40),
    "empty": lambda path: path.is_file() and os.truncate(path, 0),
    "loops beside": loops,
    "a twin": lambda path: path.is_file() and shutil.copy(path, path.with_name(f"0{path.name}")),
    "another name": lambda path: path.rename(path.with_name(f"{path.name}\n😀 %s {{}} ;$(x)")),
    "a long name": lambda path: path.rename(path.with_name(path.name[:20] + "x" * 200 + path.suffix)),
    "many digits": lambda path: path.rename(path.with_name("img" + "9" * 40 + path.suffix)),
    "hidden": lambda path: path.rename(path.with_name(f".{path.name}")),
    "bytes for a name": lambda path: path.rename(path.with_name(f"img9\udcff{path.suffix}")),
}  # fmt: skip
LAYOUTS = WRITERS | {"casme2": write_casme2, "kaggle": lambda root: write_stills(root, SMALL)}


@cases(
    40,
    name=st.sampled_from(sorted(LAYOUTS)),
    tricks=st.lists(st.tuples(st.sampled_from(sorted(TRICKS)), AT), max_size=3),
)
def test_a_folder_is_read_or_refused_by_name(place, name, tricks):
    with fresh(place) as root:
        LAYOUTS[name](root)
        for trick, where in tricks:
            there = sorted(root.rglob("*"))
            with suppress(OSError, ZeroDivisionError):  # two tricks may not go together, or leave nothing
                TRICKS[trick](there[where % len(there)])
        samples = outcome(lambda: datasets.load(name, str(root)), str(root), *os.listdir(root))
        for row in () if samples is None else samples.itertuples():
            read = frames.clip if row.kind == "frames" else lambda still: frames.image(still.path)
            shown = outcome(lambda: read(row), str(root))  # noqa: B023
            assert shown is None or shown.dtype == np.uint8


# ------------------------------------------------------------------------------------------------ pictures

GREY = np.random.default_rng(0).integers(0, 255, (24, 32), np.uint8)
COLOUR = np.dstack([GREY] * 3)
KINDS = {
    "colour.png": COLOUR, "grey.png": GREY, "alpha.png": np.dstack([GREY] * 4), "deep.png": GREY * np.uint16(257),
    "colour.jpg": COLOUR, "grey.jpg": GREY, "colour.bmp": COLOUR, "colour.webp": COLOUR,
}  # fmt: skip
KINDS = {name: cv2.imencode(Path(name).suffix, picture)[1].tobytes() for name, picture in KINDS.items()}


@cases(
    60,
    name=st.sampled_from(sorted(KINDS)),
    edits=st.just([]) | EDITS,
    suffix=st.sampled_from([".png", ".jpg"]),
    gray=st.booleans(),
)
def test_a_picture_is_shown_or_refused_by_name(place, name, edits, suffix, gray):
    path = place / f"img1{suffix}"
    path.write_bytes(damaged(KINDS[name], edits))
    picture = outcome(lambda: frames.image(path, gray), path.name)
    if picture is not None:
        assert picture.dtype == np.uint8 and picture.ndim == (2 if gray else 3) and picture.size <= 3 * 10**8
    assert edits or (picture is None) == (name == "deep.png")


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


SIDES = st.sampled_from([0, 1, 7, 65_535, 100_000, 2**31 - 1, 2**32 - 1]) | st.integers(1, 200)
BYTE = st.integers(0, 255)


@cases(
    30,
    width=SIDES,
    height=SIDES,
    facts=st.tuples(BYTE, BYTE, BYTE, BYTE, BYTE) | st.sampled_from([(8, 2, 0, 0, 0), (1, 0, 0, 0, 1)]),
    zeros=st.integers(0, 10**6),
)
def test_a_picture_whose_header_lies_is_refused_before_it_is_decoded(place, width, height, facts, zeros):
    path = place / "img1.png"
    header = chunk(b"IHDR", struct.pack(">II5B", width, height, *facts))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(zeros))) + chunk(b"IEND", b""))
    picture = outcome(lambda: frames.image(path), path.name)
    assert picture is None or picture.shape == (height, width, 3)


def large_png(side):
    row = zlib.compressobj(9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">II5B", side, side, 1, 0, 0, 0, 0))
        + chunk(b"IDAT", row.compress(bytes(side * (side // 8 + 1))) + row.flush()) + chunk(b"IEND", b"")
    )  # fmt: skip


def large_jpeg(side):
    data = bytearray(KINDS["grey.jpg"])
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", side, side)
    return bytes(data)


def large_bmp(side):
    return KINDS["colour.bmp"][:18] + struct.pack("<ii", side, side) + KINDS["colour.bmp"][26:]


def slow_jpeg():
    data = cv2.imencode(".jpg", np.zeros((4000, 4000), np.uint8), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    return data[:-2] + data[data.rindex(b"\xff\xda") : -2] * 3000 + data[-2:]


PICTURES = {
    "a bomb.png": large_png(20_000), "100,000 pixels.png": large_png(100_000)[:60] + b"IEND",
    "65,000 pixels.jpg": large_jpeg(65_000), "a million pixels.bmp": large_bmp(10**6),
    "passes without end.jpg": slow_jpeg(),
}  # fmt: skip


@pytest.mark.parametrize("name", PICTURES)
def test_a_decompression_bomb_is_refused_by_its_header(place, name):
    path = place / f"img1 {name}"
    path.write_bytes(PICTURES[name])
    with pytest.raises(
        WorkbookError, match=r"img1 .* the image (is too large|cannot be decoded|is cut off).*What to do"
    ):
        frames.image(path)
    stills = {f"train/happy/{name}": PICTURES[name], "train/happy/good.png": 1, "test/sad/other.png": 2}
    with fresh(place) as root:
        assert outcome(lambda: len(datasets.load("kaggle", str(write_stills(root, stills)))), str(root)) == 2


# ------------------------------------------------------------------------------------------------ videos


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    pictures = [np.full((48, 64, 3), 20 * k, np.uint8) for k in range(10)]
    write_video(folder / "a.avi", pictures)
    made = cv2.VideoWriter(str(folder / "a.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 30, (64, 48))
    for picture in pictures:
        made.write(picture)
    made.release()
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@cases(40, name=st.sampled_from(["a.avi", "a.mp4"]), edits=EDITS)
def test_a_damaged_video_is_read_as_far_as_it_goes_or_refused(place, films, name, edits):
    path = place / f"film{name[1:]}"
    path.write_bytes(damaged(films[name], edits))
    facts = outcome(lambda: frames.video(path), path.name)
    assert facts is None or (0 < facts.fps and facts.frames >= 0 and facts.width * facts.height <= 10**8)
    shown = outcome(lambda: [picture.dtype for _, picture in frames.video_frames(path)], path.name)
    assert shown is None or set(shown) == {np.dtype(np.uint8)}
    outcome(lambda: recording.read(path), path.name)


def test_a_video_of_pictures_too_large_is_refused_before_they_are_decoded(place, films, monkeypatch):
    (place / "large.avi").write_bytes(films["a.avi"])
    monkeypatch.setattr(_outside, "PIXELS", 64 * 48 - 1)
    for read in (frames.video, recording.read):
        with pytest.raises(WorkbookError, match=r"large\.avi: its pictures are too large \(64 x 48\)"):
            read(place / "large.avi")


@pytest.mark.parametrize(
    "content",
    [
        "ffconcat version 1.0\nfile {}\n",
        "ffconcat version 1.0\n# ü\0\nfile {}\n",
        "#EXTM3U\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n",
    ],
)
@pytest.mark.parametrize("suffix", [".mp4", ".m3u8", ".avi"])
def test_a_list_of_other_files_is_no_video(place, films, content, suffix):
    (place / "private.avi").write_bytes(films["a.avi"])
    (place / f"list{suffix}").write_text(content.format("private.avi"))
    for read in (frames.video, recording.read):
        with pytest.raises(WorkbookError, match=rf"list\{suffix}: this is no video that can be opened, but text"):
            read(place / f"list{suffix}")


# ------------------------------------------------------------------------------------------------ archives

NAMES = st.sampled_from([
    "a/b.png", "a/B.png", "a", "a/", "../x", "a/../../x", "/{}/absolute", "C:x", "..\\x", "a\\..\\..\\x", "a\0../x",
    "x" * 300, "con", "a/./b", "//x", "", ".", "corrections.csv", "__MACOSX/../x", "\u202egnp.exe", "a\nb",
]) | st.text(max_size=6)  # fmt: skip
MODES = st.sampled_from([0, stat.S_IFREG | 0o4777, stat.S_IFLNK | 0o777, stat.S_IFIFO | 0o666, stat.S_IFDIR | 0o777])
MEMBERS = st.lists(
    st.tuples(NAMES, MODES, st.sampled_from([b"x", b"/etc/passwd", b"../../x", bytes(10**5)])), max_size=4
)


@cases(40, members=MEMBERS, edits=st.just([]) | EDITS)
def test_an_archive_is_unpacked_inside_its_folder_or_refused(place, members, edits):
    with fresh(place) as box, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of zipfile, as it writes a name twice
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
            for name, mode, content in members:
                member = zipfile.ZipInfo(name.replace("{}", str(box)))
                member.external_attr = mode << 16
                file.writestr(member, content)
        (box / "data.zip").write_bytes(damaged(made.getvalue(), edits))
        outcome(lambda: staging.unpack(box / "data.zip", box / "out" / "files"), "data.zip")
        assert {path.name for path in box.iterdir()} <= {"data.zip", "out"}
        inside = list((box / "out").rglob("*"))
        assert all(path.is_dir() or path.is_file() for path in inside) and not any(path.is_symlink() for path in inside)
        assert not any(path.stat().st_mode & stat.S_ISUID for path in inside)


def test_a_bomb_of_an_archive_is_refused_before_it_fills_the_disk(place):
    with fresh(place) as box:
        (box / "bomb.zip").write_bytes(packed({"a": b"x"}, "zeros", 2**32))
        with pytest.raises(WorkbookError, match="bomb.zip"):
            staging.unpack(box / "bomb.zip", box / "out")
        assert not (box / "out").exists()
