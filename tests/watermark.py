"""A pattern in pixels, and the search for it in everything a run leaves behind: pictures, wherever they are packed.

The pattern is random cells of three sizes over the whole frame (8, 16 and 32 a side), so that the coarse ones survive
small prints and averages over people, the fine ones tell it from faces. The search evens out contrast (digits, axes and
cheeks then count alike) and takes the best normalised correlation with the inner part of the pattern, which every way
of showing a face contains, over all places and over sizes from SMALLEST to LARGEST pixels of the whole face.
"""

import base64
import gzip
import html
import io
import json
import re
import urllib.parse
import zipfile
from functools import lru_cache

import cv2
import numpy as np
import pandas as pd
from PIL import Image, ImageSequence

OCTAVES = (8, 16, 32)  # cells a side
FADED = 0.7  # contrast that a frame keeps, so that there is room for the pattern in black and white
STRENGTH = 28  # grey levels, standard deviation of the pattern
INNER = ((0.24, 0.76), (0.34, 0.8))  # the part of the frame that is looked for: from left to right, from top to bottom
SIDE, RIM = 48, 4  # pixels of a whole face, to which pictures are scaled for the search, and around it
SMALLEST, LARGEST, STEP = 48, 900, 1.08
FOUND = 0.46  # correlation from which it is the pattern: elsewhere up to 0.41, of it 0.51 under arrows, else from 0.6
LEAST_SPREAD = 0.6  # of evened-out contrast, which is about 1 where there is a picture
LEAST = 16  # pixels; arrays and pictures that are smaller in a direction show nobody
MOST = 64  # pictures of one array that are looked at, spread evenly, and their mean
RUN = re.compile(r"[A-Za-z0-9+/\r\n]{200,}={0,2}")  # base64, if it decodes to something known
PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*", b"RIFF")
PACKED = (b"PK\x03\x04", b"\x1f\x8b", b"\x93NUMPY")


@lru_cache
def pattern(side):
    """(side, side) float32 of mean 0 and standard deviation 1."""
    rng, total = np.random.default_rng(20240607), np.zeros((512, 512), np.float32)
    for cells in OCTAVES:
        total += cv2.resize(rng.choice([-1.0, 1.0], (cells, cells)), (512, 512), interpolation=cv2.INTER_CUBIC)
    small = cv2.resize(total, (side, side), interpolation=cv2.INTER_AREA)
    return (small - small.mean()) / small.std()


def mark(picture):
    """A frame (H, H, 3) uint8 of less contrast with the pattern on it."""
    marked = 128 + FADED * (picture.astype(np.float32) - 128) + STRENGTH * pattern(len(picture))[..., None]
    return np.clip(np.rint(marked), 0, 255).astype(np.uint8)


def likeness(picture):
    """Best correlation, -1 to 1, of a picture (H, W[, 3 or 4]) of any numbers with the pattern; 0 where it is blank."""
    gray = _gray(picture)
    grow = 128 / min(gray.shape)
    if grow > 1:  # an array's pixels, not a print's
        gray = cv2.resize(gray, None, fx=grow, fy=grow, interpolation=cv2.INTER_LINEAR)
    best, size, halved = 0.0, SMALLEST, 1
    while size < min(LARGEST, 2 * min(gray.shape) * halved):
        if size > 2.5 * SIDE * halved:  # what is looked at stays near its size: quicker, and as sharp
            gray, halved = cv2.resize(gray, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), 2 * halved
        scale = SIDE / size * halved
        scaled = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        size *= STEP
        if np.ptp(scaled) > 0:  # a rim around it, as a close crop may end where the template does
            rim = cv2.copyMakeBorder(_even(scaled), *[RIM] * 4, cv2.BORDER_CONSTANT)
            best = max(best, _correlation(rim) if np.all(np.array(rim.shape) >= _inner().shape) else 0.0)
    return best


def _correlation(even):
    """Largest correlation with the template. A window with little in it counts as if it held a medium contrast."""
    template, size = _inner(), _inner().shape[::-1]
    found = cv2.matchTemplate(even, template, cv2.TM_CCOEFF)
    area = cv2.boxFilter(even, cv2.CV_32F, size, anchor=(0, 0))
    power = cv2.sqrBoxFilter(even, cv2.CV_32F, size, anchor=(0, 0))
    spread = np.sqrt(np.maximum(power - area**2, LEAST_SPREAD**2))[: found.shape[0], : found.shape[1]]
    return float((found / (spread * template.std() * template.size)).max())


@lru_cache
def _inner():
    (left, right), (top, bottom) = ([round(edge * SIDE) for edge in edges] for edges in INNER)
    return np.ascontiguousarray(_even(pattern(SIDE))[top:bottom, left:right])


def _even(gray):
    """Local mean off, local contrast one: what remains is the pattern of light and dark, not its strength."""
    centred = gray - cv2.GaussianBlur(gray, (0, 0), SIDE / 20)
    return centred / (np.sqrt(cv2.GaussianBlur(centred**2, (0, 0), SIDE / 10)) + 1e-3 * np.ptp(gray) + 1e-12)


def _gray(picture):
    picture = np.nan_to_num(np.asarray(picture, np.float32), posinf=0, neginf=0)
    if picture.ndim == 2:
        return picture
    if picture.shape[-1] == 4:  # a figure's transparent parts are shown on white
        share = picture[..., 3:] / 255
        picture = picture[..., :3] * share + 255 * (1 - share)
    return picture.mean(axis=-1)


def contents(where, data):
    """What a file's bytes hold, unpacked as far as it goes: (where, picture (H, W[, C])) and (where, text).

    Pictures, animations, NumPy arrays that may be pictures, zip and gzip archives, and in texts the strings of JSON,
    escaped HTML, base64 and tables of numbers. Raises ValueError for bytes that nobody can look into.
    """
    if data.startswith(PICTURES):
        picture = Image.open(io.BytesIO(data))
        yield where, str(picture.info)
        for number, frame in enumerate(ImageSequence.Iterator(picture)):
            yield f"{where}#{number}" if number else where, np.asarray(frame.convert("RGBA"))
    elif data.startswith(b"\x93NUMPY"):
        array = np.load(io.BytesIO(data), allow_pickle=False)
        yield from ((where, str(array.tolist())) for _ in range(array.dtype.kind not in "biufc"))
        yield from ((where, picture) for picture in _slices(array))
    elif data.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield where, name
                yield from contents(f"{where}/{name}", archive.read(name))
    elif data.startswith(b"\x1f\x8b"):
        yield from contents(where, gzip.decompress(data))
    else:
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise ValueError(f"{where}: nobody can look into this file: {data[:16]}") from None
        yield from _of_text(where, text)
        if not text.lstrip().startswith(("{", "[", "<")):
            yield from ((where, picture) for picture in _table(text))


def _of_text(where, text):
    yield where, text
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = None
    if isinstance(parsed, dict | list):
        yield from _of_json(where, parsed)
        return
    plain = urllib.parse.unquote(html.unescape(text).replace("\\n", "\n").replace("\\/", "/"))
    if plain != text:
        yield from _of_text(where, plain)
        return
    for number, run in enumerate(RUN.findall(text)):
        digits = re.sub(r"\s", "", run).rstrip("=")
        data = base64.b64decode(digits[: len(digits) - (len(digits) % 4 == 1)] + "==")
        if data.startswith(PICTURES[:3] + PACKED) or data[8:12] == b"WEBP":
            yield from contents(f"{where}:{number}", data)
        elif data.lstrip()[:5] in (b"<?xml", b"<svg ", b"<!DOC", b"<html"):
            yield from _of_text(f"{where}:{number}", data.decode())


def _of_json(where, value):
    if isinstance(value, str):
        yield from _of_text(where, value)
    elif isinstance(value, dict):
        for name, part in value.items():
            yield where, name
            yield from _of_json(f"{where}/{name}" if len(where) < 200 else where, part)
    elif isinstance(value, list):
        if value and all(isinstance(part, str) for part in value):  # lines of a notebook's output
            yield from _of_text(where, "".join(value))
            return
        try:
            array = np.array(value, float)
        except (ValueError, TypeError):
            for part in value:
                yield from _of_json(where, part)
            return
        yield from ((where, picture) for picture in _slices(array))


def _table(text):
    """The numbers of a CSV file as one picture, and its rows as pictures each."""
    try:
        table = pd.read_csv(io.StringIO(text)).select_dtypes("number").to_numpy(float)
    except (ValueError, pd.errors.ParserError):
        return []
    return _slices(table)


def _slices(array):
    """Pictures that an array may hold: its planes, and its rows where they are squares laid out in a line."""
    if array.dtype.kind not in "biuf" or array.size < LEAST**2:
        return
    if array.ndim > 2 and array.shape[-1] in (1, 3, 4) and min(array.shape[-3:-1]) >= LEAST:
        array = array[..., :3].mean(axis=-1)
    if array.ndim > 1 and min(array.shape[-2:]) >= LEAST:
        yield from _some(array.reshape(-1, *array.shape[-2:]))
    row = array.shape[-1]
    for layers in (1, 2, 3, 6, 9):
        side = round((row / layers) ** 0.5)
        if side >= LEAST and layers * side**2 == row:
            yield from _some(array.reshape(-1, side, side))
            if layers == 3:
                yield from _some(array.reshape(-1, side, side, 3).mean(axis=-1))


def _some(planes):
    yield from planes[:: -(-len(planes) // MOST)]
    if len(planes) > 1:
        yield planes.mean(axis=0)
