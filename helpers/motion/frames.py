"""Frames of clips, stills, videos and ready-made flow maps as arrays. Raw data is read, never written."""

import os
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from helpers.datasets import _outside
from helpers.datasets._frames import listing
from helpers.workspace import WorkbookError

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # what is wrong with a video stands in our message
MAP_SIDE = 28  # pixels; the public flow maps
_PLAYLISTS, _TEXT = (b"#EXTM3U", b"ffconcat"), bytes([*range(9, 14), *range(32, 127)])  # lists of other files; text
_ENDS = {b"\xff\xd8": b"\xff\xd9", b"\x89P": b"IEND"}  # how JPEG and PNG files begin, and what must stand at their end


def files(folder):
    """{frame number: path} of a clip folder, in numerical order (img9 before img10).

    The number is the last run of digits in the file name; other files are left aside (`quality.of_clip` names them).
    Raises WorkbookError when a number stands twice.
    """
    return listing(folder)[0]


def image(path, gray=False):
    """One image as uint8, (H, W, 3) RGB or (H, W) with `gray`.

    Raises WorkbookError when the file is empty, cut off or no image, for one whose header states more pixels than are
    decoded (`_outside.PIXELS`), and for 16-bit images, whose scale nobody states (a 12-bit recording would come out
    nearly black).
    """
    remedy = "extract or download this file again"
    data = _outside.contents(path, _outside.PICTURE, "the image", remedy)
    if data[:2] in _ENDS and _ENDS[data[:2]] not in data[-4096:]:
        raise WorkbookError("the image is cut off", file=path, remedy=remedy)  # OpenCV would fill the rest with grey
    _outside.picture(data, path, remedy)
    colour = cv2.IMREAD_GRAYSCALE if gray else cv2.IMREAD_COLOR
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), colour | cv2.IMREAD_ANYDEPTH)
    except cv2.error:
        picture = None
    if picture is None:
        raise WorkbookError("the image cannot be decoded", file=path, remedy=remedy)
    if picture.dtype != np.uint8:
        problem = f"the image has {8 * picture.itemsize} bits a channel, not 8"
        raise WorkbookError(problem, file=path, remedy="convert the whole dataset to 8 bits with one stated scale")
    return picture if gray else cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def clip(row, numbers=None, size=None, gray=False):
    """Frames of one sample. row: a row of Samples; numbers: frame numbers, default onset..offset.

    Returns (T, H, W[, 3]) uint8, resized to size x size pixels if given. Raises WorkbookError naming a missing or
    unreadable frame, or one whose size differs from the first.
    """
    numbers = list(range(row.onset, row.offset + 1) if numbers is None else numbers)
    pictures = _of_video(row, numbers, gray) if row.kind == "video" else _of_folder(row, numbers, gray)
    if size:
        pictures = [cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA) for picture in pictures]
    return np.stack(pictures)


def paths(row, numbers):
    """Files that hold the given frames of a sample: one each in a folder, one for all in a video."""
    if row.kind == "video":
        return [Path(row.path)]
    available = files(row.path)
    for number in numbers:
        if number not in available:
            remedy = "extract the clip again, or correct its key frames"
            raise WorkbookError(f"frame {number} is missing", file=row.path, row=row.sample_id, remedy=remedy)
    return [available[number] for number in numbers]


def first(row):
    """Number of a sample's first frame. Raises WorkbookError for a folder without frames."""
    if row.kind == "video":
        return 0
    available = files(row.path)
    if not available:
        remedy = "extract the clip again"
        raise WorkbookError("the clip folder holds no frames", file=row.path, row=row.sample_id, remedy=remedy)
    return next(iter(available))


class Video(NamedTuple):
    """What a video file says of itself."""

    path: Path
    fps: float
    frames: int  # as its header has it, at most one a byte; streams may hold fewer; 0 where it says nothing
    width: int
    height: int


def video(path):
    """Facts of a video file (frame rate, size). Raises WorkbookError when it can't be opened or names no frame rate."""
    with opened(path) as capture:
        fps, count = capture.get(cv2.CAP_PROP_FPS), max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        size = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    if not 0 < fps < 100_000:
        raise WorkbookError(f"the video states no frame rate ({fps})", file=path, remedy="convert it, e.g. to .mp4")
    return Video(Path(path), fps, min(count, Path(path).stat().st_size), *size)


def video_frames(path, gray=False):
    """Yield (number from 0, frame) of a video, one at a time. Frames are uint8 as of `image`."""
    with opened(path) as capture:
        number = 0
        while True:
            there, picture = capture.read()
            if not there:
                break
            yield number, cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY if gray else cv2.COLOR_BGR2RGB)
            number += 1
    if not number:
        raise WorkbookError("the video holds no frame that can be decoded", file=path, remedy="export it again")


def flow_map(path):
    """A public onset -> apex map as (3, 28, 28) float32 = u, v, strain, in 8-bit grey levels (scaled by its makers).

    The PNG stores u in the red, v in the green and strain in the blue channel; `helpers.motion.flow` holds that
    order against the data. Raises WorkbookError when the file is unreadable or of another size.
    """
    picture = image(path)
    if picture.shape != (MAP_SIDE, MAP_SIDE, 3):
        problem = f"the flow map is {' x '.join(map(str, picture.shape))}, not {MAP_SIDE} x {MAP_SIDE} x 3"
        raise WorkbookError(problem, file=path, remedy="fetch the release's own file")
    return np.moveaxis(picture.astype(np.float32), -1, 0)


@contextmanager
def opened(path):
    """A video file as cv2.VideoCapture. WorkbookError for what is no video, and for pictures of too many pixels."""
    if not Path(path).is_file() or not Path(path).stat().st_size:
        absent = "is a folder" if Path(path).is_dir() else "does not exist"
        state = "is empty (0 bytes)" if Path(path).is_file() else absent
        raise WorkbookError(f"the video {state}", file=path, remedy="copy or export it again")
    remedy = "export it again as .mp4 (H.264) or .avi"
    with open(path, "rb") as file:
        start = file.read(4096)
    if start.startswith(_PLAYLISTS) or not start.strip(_TEXT):  # what it names would be read in its stead
        raise WorkbookError("this is no video that can be opened, but text", file=path, remedy=remedy)
    capture = cv2.VideoCapture(str(path))
    try:
        if not capture.isOpened():
            raise WorkbookError("this is no video that can be opened", file=path, remedy=remedy)
        width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
        if width * height > _outside.PIXELS:
            raise WorkbookError(f"its pictures are too large ({width:.0f} x {height:.0f})", file=path, remedy=remedy)
        yield capture
    finally:
        capture.release()


def _of_folder(row, numbers, gray):
    pictures = []
    for path in paths(row, numbers):
        picture = image(path, gray)
        if pictures and picture.shape != pictures[0].shape:
            problem = f"{path.name} is {picture.shape}, the first frame {pictures[0].shape}"
            raise WorkbookError(problem, file=row.path, row=row.sample_id, remedy="extract the clip again, in one size")
        pictures.append(picture)
    return pictures


def _of_video(row, numbers, gray):
    found = {}
    for number, picture in video_frames(row.path, gray):
        if number in numbers:
            found[number] = picture
        if len(found) == len(set(numbers)):
            break
    missing = sorted(set(numbers) - set(found))
    if missing:
        problem = f"frame {missing[0]} is beyond the video's end"
        raise WorkbookError(problem, file=row.path, row=row.sample_id, remedy="correct the frame numbers")
    return [found[number] for number in numbers]
