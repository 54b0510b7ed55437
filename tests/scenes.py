"""Small clips of known content for the tests of motion: faces pasted into pictures, sequences, samples of them."""

import cv2
import numpy as np
import pandas as pd

from helpers import datasets, workspace
from helpers.datasets import demo as drawn
from helpers.motion import frames

PROFILE = workspace.Profile(
    "at 128 px", people=6, clips=40, size=128, resamples=1, automl_iterations=1, trees=1, seeds=1
)


def demo_at_128(folder):
    """Samples of a demo with the side of real crops; made in `folder` once, then found there."""
    root = drawn.make(folder, PROFILE, 0)
    samples = datasets.check(drawn.read(root)[0])
    samples.attrs = {"dataset": "demo", "root": str(root), "synthetic": True, "repairs": []}
    return samples


def samples(*rows):
    """Samples from dicts that say at least `path`, `onset`, `apex`, `offset` (None: not coded); by default crops."""
    table = []
    for number, row in enumerate(rows, 1):
        dataset, clip = row.get("dataset", "demo"), row.get("clip", f"c{number}")
        sample_id, subject = datasets.identify(dataset, row.get("subject", "sub01"), clip)
        usual = {"emotion": "others", "aus": "?", "fps": 200, "kind": "frames", "cropped": True, "dataset": dataset}
        key_frames = {name: pd.NA if row[name] is None else row[name] for name in ("onset", "apex", "offset")}
        table.append(usual | row | key_frames | {"sample_id": sample_id, "subject": subject, "clip": clip})
        table[-1]["path"] = str(row["path"])
    checked = datasets.check(pd.DataFrame(table))
    checked.attrs = {"dataset": table[0]["dataset"], "root": "", "synthetic": False, "repairs": []}
    return checked


def write(path, picture, suffix=None):
    """Write an RGB or gray picture (OpenCV's own imwrite cannot take every path)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = picture if picture.ndim == 2 else picture[..., ::-1]
    path.write_bytes(cv2.imencode(suffix or path.suffix, picture)[1].tobytes())
    return path


def write_clip(folder, pictures, first=1, name="img{}.png"):
    """Write pictures as the numbered frames of a clip folder."""
    for number, picture in enumerate(pictures, first):
        write(folder / name.format(number), picture)
    return folder


def write_video(path, pictures, fps=30):
    """Write RGB pictures as a Motion-JPEG video."""
    height, width = pictures[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), fps, (width, height))
    assert writer.isOpened()
    for picture in pictures:
        writer.write(np.ascontiguousarray(picture[..., ::-1]))
    writer.release()
    return path


def key_pictures(row, numbers=None):
    """RGB pictures of a sample, by default its onset, apex and offset frame."""
    return frames.clip(row, numbers or (row.onset, row.apex, row.offset))


def place(face, side, degrees, centre):
    """2x3 matrix from pixels of a square face crop to those of a picture: scaled to `side`, turned, moved."""
    size = len(face)
    matrix = cv2.getRotationMatrix2D(((size - 1) / 2, (size - 1) / 2), degrees, side / size)
    matrix[:, 2] += np.array(centre) - (size - 1) / 2
    return matrix


def paste(face, matrix, shape=(360, 480), seed=0):
    """A noisy picture (H, W, 3) with a face crop pasted where `matrix` says."""
    rng = np.random.default_rng(seed)
    back = cv2.GaussianBlur(rng.normal(120, 12, (*shape, 3)), (0, 0), 2).clip(0, 255).astype(np.uint8)
    there = cv2.warpAffine(face, matrix, shape[::-1], flags=cv2.INTER_CUBIC)
    inside = cv2.warpAffine(np.full(face.shape[:2], 255, np.uint8), matrix, shape[::-1]) > 127
    return np.where(inside[..., None], there, back)
