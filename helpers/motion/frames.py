"""Frames of clips, stills and ready-made flow maps as arrays. Raw data is read, never written."""

import re
from pathlib import Path

import cv2
import numpy as np

from helpers.workspace import WorkbookError

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")
MAP_SIDE = 28  # pixels; the public flow maps


def files(folder):
    """{frame number: path} of a clip folder, in numerical order (img9 before img10).

    The number is the last run of digits in the file name. Raises WorkbookError when a number stands twice.
    """
    found = {}
    for path in Path(folder).iterdir():
        number = re.findall(r"\d+", path.stem)
        if path.suffix.lower() in SUFFIXES and number:
            key = int(number[-1])
            if key in found:
                remedy = "remove one of the two files"
                raise WorkbookError(f"frame {key} stands twice: {found[key].name}", file=path, remedy=remedy)
            found[key] = path
    return dict(sorted(found.items()))


def image(path, gray=False):
    """One image as uint8, (H, W, 3) RGB or (H, W) with `gray`. Raises WorkbookError when it can't be decoded."""
    data = np.frombuffer(Path(path).read_bytes(), np.uint8)
    picture = None
    if data.size:
        picture = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE if gray else cv2.IMREAD_COLOR)
    if picture is None:
        raise WorkbookError("the image cannot be decoded", file=path, remedy="extract or download this file again")
    return picture if gray else cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def clip(row, numbers=None, size=None, gray=False):
    """Frames of one sample. row: a row of Samples with kind "frames"; numbers: frame numbers, default onset..offset.

    Returns (T, H, W[, 3]) uint8, resized to size x size pixels if given. Raises WorkbookError naming a missing or
    unreadable frame, or one whose size differs from the first.
    """
    available = files(row.path)
    numbers = range(row.onset, row.offset + 1) if numbers is None else numbers
    pictures = []
    for number in numbers:
        if number not in available:
            raise WorkbookError(
                f"frame {number} is missing", file=row.path, row=row.sample_id, remedy="extract the clip again"
            )
        picture = image(available[number], gray)
        if pictures and picture.shape != pictures[0].shape and size is None:
            problem = f"{available[number].name} is {picture.shape}, the first frame {pictures[0].shape}"
            raise WorkbookError(problem, file=row.path, row=row.sample_id, remedy="re-extract, or pass a size")
        pictures.append(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA) if size else picture)
    return np.stack(pictures)


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
