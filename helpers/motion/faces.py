"""Faces: found once on the onset frame, brought to one standard crop, cut into regions of interest.

The standard crop is the layout of the demo's faces (`GEOMETRY`), so that one table of boxes serves every dataset. The
transform of the onset frame serves the whole clip: registering each frame anew would add the detector's jitter to a
movement of a pixel or two.
"""

from functools import lru_cache
from threading import Lock
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from helpers import datasets, weights, workspace
from helpers.datasets.demo.geometry import GEOMETRY
from helpers.motion import frames
from helpers.weights import Unavailable
from helpers.workspace import WorkbookError

# Regions of interest, boxes (x0, y0, x1, y1) relative to the standard crop; "nose" holds the upper lip: AU9 and AU10.
REGIONS = {name: GEOMETRY[name] for name in ("eyebrows", "eyes", "nose", "mouth")}
# Right eye, left eye, tip of the nose, corners of the mouth: means of what YuNet finds on 26 demo faces, symmetrised
POINTS = np.array([[0.3765, 0.456], [0.6235, 0.456], [0.5, 0.590], [0.3945, 0.700], [0.6055, 0.700]])
# Where the cascade's box lies in the standard crop: measured on the same faces, agrees with the eyes of photographs.
BOX = (0.181, 0.213, 0.638)  # x, y, side
# Wu, Peng & Yu 2023, doi:10.1007/s11633-023-1423-y; the file takes pictures of any size, in OpenCV 4 and 5
YUNET = (
    "face_detection_yunet.onnx",
    "https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models/face_detection_yunet/"
    "face_detection_yunet_2026may.onnx",
    "ebafce4e3c118d6554634be5c27ab333b4c047a9a8c3faf1d7cf93101c22f0f0",
)
SCORE = 0.6  # YuNet's confidence from which a face counts
LARGEST = 640  # pixels; larger pictures are searched at this width or height
_ONE_AT_A_TIME = Lock()  # clips are read by threads, and the network keeps state between its two calls
RIVAL = 0.25  # a second face of this share of the first one's area or more makes the picture ambiguous


class Face(NamedTuple):
    """One detection, in pixels of the picture (a pixel's centre has whole coordinates)."""

    box: tuple  # x, y, width, height
    points: np.ndarray | None  # (5, 2) in the order of POINTS; None from the cascade
    score: float


class Registration(NamedTuple):
    """How a picture becomes the standard crop."""

    matrix: np.ndarray | None  # (2, 3): from pixel edges of the picture to 0..1 of the crop; None: picture is the crop
    how: str  # "known geometry", "YuNet", "LBP cascade" or "crop taken as it is"


@lru_cache(maxsize=1)
def detector():
    """(name, function picture -> list of Face): YuNet, or scikit-image's cascade where YuNet can't be had.

    Which one it is stands in `Registration.how` and in run.json.
    """
    try:
        path = weights.file(*YUNET)
    except Unavailable:
        return "LBP cascade", _cascade
    return "YuNet", lambda picture: _yunet(str(path), picture)


def detect(picture):
    """All faces of a picture (H, W, 3) or (H, W) uint8, largest first; empty when there is none."""
    return sorted(detector()[1](picture), key=lambda face: -face.box[2] * face.box[3])


def the_face(picture, file=None, row=None):
    """The one face of a picture. Raises WorkbookError when there is none, or a second one nearly as large."""
    found = detect(picture)
    if not found:
        remedy = "give frames that show one face from the front, lit and at least 40 pixels wide"
        raise WorkbookError("no face was found", file=file, row=row, remedy=remedy)
    areas = [face.box[2] * face.box[3] for face in found]
    rivals = sum(area >= RIVAL * areas[0] for area in areas)
    if rivals > 1:
        raise WorkbookError(f"{rivals} faces were found", file=file, row=row, remedy="crop the recording to one person")
    return found[0]


def register(face):
    """Registration of a face: the similarity that brings its five points (or the cascade's box) to the standard."""
    if face.points is None:
        x, y, side = face.box[0] + 0.5, face.box[1] + 0.5, face.box[2]
        scale = BOX[2] / side
        return Registration(np.array([[scale, 0, BOX[0] - scale * x], [0, scale, BOX[1] - scale * y]]), "LBP cascade")
    there, here = ((points[:, 0] + 1j * points[:, 1]) for points in (POINTS, face.points + 0.5))
    turn, shift = np.linalg.lstsq(np.stack([here, np.ones(5)], axis=1), there, rcond=None)[0]  # similarity = a z + b
    matrix = np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
    return Registration(matrix, "YuNet")


def apply(pictures, registration, size):
    """Standard crops (T, size, size[, 3]) uint8 of pictures that share one registration."""
    return np.stack([_crop(picture, registration.matrix, size) for picture in pictures])


def locating_frame(row):
    """Frame in which a sample's face is looked for: the onset, or the first one where none is known."""
    return frames.first(row) if pd.isna(row.onset) else int(row.onset)


def locate(row):
    """Registration of one sample by its onset frame (its first frame, where no onset is known).

    row: a row of Samples. A dataset whose reader states its `GEOMETRY` is not searched. Crops of others are, since no
    release states where its eyes are; a crop without a findable face (tight crops lack the context detectors want) is
    taken as it is, and `how` says so. Raises WorkbookError for whole pictures without a face or with several.
    """
    if hasattr(datasets.reader(row.dataset), "GEOMETRY"):
        return Registration(None, "known geometry")
    picture = frames.clip(row, (locating_frame(row),))[0]
    if not getattr(row, "cropped", False):
        return register(the_face(picture, row.path, row.sample_id))
    found = detect(picture)
    return register(found[0]) if found else _as_it_is(picture)


def finder(dataset):
    """What locates the faces of a dataset, for cache keys and records: "known geometry" or the detector's name."""
    return "known geometry" if hasattr(datasets.reader(dataset), "GEOMETRY") else detector()[0]


def crops(row, numbers, size, gray=True, registration=None):
    """Registered frames of one sample: (T, size, size) uint8, or (T, size, size, 3) RGB without `gray`.

    numbers: frame numbers. registration: as of `locate`, found if not given. Raises WorkbookError as `frames.clip`.
    """
    registration = registration or locate(row)
    return apply(frames.clip(row, numbers, gray=gray), registration, size)


def key_frames(samples, size=64):
    """Onset, apex and offset frame of every sample as registered RGB pictures: (n, 3, size, size, 3) uint8.

    Raises WorkbookError for a clip without one of the three, or whose frames cannot be read.
    """
    numbers = samples[["onset", "apex", "offset"]].astype(object)
    if numbers.isna().any(axis=None):
        row = samples.sample_id[numbers.isna().any(axis=1)].iloc[0]
        raise WorkbookError("a key frame is not known", row=row, remedy="keep what flow.extract could measure")
    rows = samples.itertuples(index=False)
    work = (delayed(crops)(row, (row.onset, row.apex, row.offset), size, gray=False) for row in rows)
    return np.stack(Parallel(n_jobs=workspace.jobs(), prefer="threads")(work))


def registrations(samples):
    """How faces were located: DataFrame(sample_id, how, eyes (px apart), tilt (degrees), reason if it failed)."""
    work = (delayed(_registration)(row) for row in samples.itertuples(index=False))
    rows = Parallel(n_jobs=workspace.jobs(), prefer="threads")(work)
    return pd.DataFrame(rows, columns=["sample_id", "how", "eyes", "tilt", "reason"])


def region(values, name):
    """Part (..., h, w) of arrays (..., H, W) that a region's box covers (`REGIONS`; "bridge", "face" as well)."""
    workspace.require_known(name, GEOMETRY, "region")
    height, width = values.shape[-2:]
    x0, y0, x1, y1 = GEOMETRY[name]
    return values[..., round(y0 * height) : round(y1 * height), round(x0 * width) : round(x1 * width)]


def mask(size, names=tuple(REGIONS)):
    """(size, size) bool: True inside any of the named regions."""
    inside = np.zeros((size, size), bool)
    for name in names:
        region(inside, name)[:] = True
    return inside


def _crop(picture, matrix, size):
    height, width = picture.shape[:2]
    if matrix is None:
        if (height, width) == (size, size):
            return picture
        smooth = cv2.INTER_AREA if size < min(height, width) else cv2.INTER_LINEAR
        return cv2.resize(picture, (size, size), interpolation=smooth)
    scale = size * float(np.hypot(*matrix[:, 0]))
    if scale < 1:  # averaging pixels first, as warping alone would skip some
        smaller = max(1, round(width * scale)), max(1, round(height * scale))
        picture = cv2.resize(picture, smaller, interpolation=cv2.INTER_AREA)
        matrix = matrix @ np.diag([width / smaller[0], height / smaller[1], 1])
    centres = matrix * size @ np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]]) - [[0, 0, 0.5], [0, 0, 0.5]]
    return cv2.warpAffine(picture, centres, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _as_it_is(picture):
    """The crop in the middle of a square, never stretched: its motion keeps one unit."""
    height, width = picture.shape[:2]
    side = max(height, width)
    matrix = np.array([[1 / side, 0, (1 - width / side) / 2], [0, 1 / side, (1 - height / side) / 2]])
    return Registration(matrix, "crop taken as it is")


def _registration(row):
    try:
        matrix, how = locate(row)
    except WorkbookError as error:
        return row.sample_id, "", np.nan, np.nan, error.problem
    if how in ("known geometry", "crop taken as it is"):
        return row.sample_id, how, np.nan, np.nan, ""
    eyes = (POINTS[1, 0] - POINTS[0, 0]) / np.hypot(*matrix[:, 0])
    return row.sample_id, how, eyes, -np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])), ""


def _rgb(picture):
    return picture if picture.ndim == 3 else cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB)


def _yunet(path, picture):
    height, width = picture.shape[:2]
    scale = min(1.0, LARGEST / max(height, width))
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else picture
    with _ONE_AT_A_TIME:
        network = _network(path)
        network.setInputSize(small.shape[1::-1])
        _, found = network.detect(cv2.cvtColor(_rgb(small), cv2.COLOR_RGB2BGR))
    rows = () if found is None else found
    points = [(row[4:14].reshape(5, 2) + 0.5) / scale - 0.5 for row in rows]
    return [Face(tuple(row[:4] / scale), at, float(row[14])) for row, at in zip(rows, points, strict=True)]


@lru_cache(maxsize=1)
def _network(path):
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)  # OpenCV 5 warns of its own default
    try:
        return cv2.FaceDetectorYN.create(path, "", (320, 320), SCORE)
    finally:
        cv2.utils.logging.setLogLevel(level)


def _cascade(picture):
    """The cascade that ships with scikit-image: boxes of upright faces, no points."""
    side = min(picture.shape[:2])
    sizes = {"min_size": (max(24, side // 5),) * 2, "max_size": (side, side)}
    found = _lbp_cascade().detect_multi_scale(_rgb(picture), scale_factor=1.2, step_ratio=1, **sizes)
    return [Face((item["c"], item["r"], item["width"], item["height"]), None, 1.0) for item in found]


@lru_cache(maxsize=1)
def _lbp_cascade():
    from skimage import data, feature

    return feature.Cascade(data.lbp_frontal_face_cascade_filename())
