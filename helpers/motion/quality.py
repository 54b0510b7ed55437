"""What is wrong with a clip's frames: reported, one row a problem, never hidden and never a reason to stop."""

from collections import Counter
from itertools import pairwise

import cv2
import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from helpers import workspace
from helpers.datasets._frames import listing
from helpers.motion import faces, frames
from helpers.workspace import WorkbookError

COLUMNS = ["sample_id", "frame", "problem", "detail"]
BLUR = 0.35  # a frame is blurred when its sharpness falls below this share of the clip's median
DARK, BRIGHT, CLIPPED = 30, 225, 0.2  # mean grey levels, and share of pixels at 0 or 255
JUMP = 8  # a step this many times the clip's median step is a cut, or frames are missing
LOOKS = 5  # frames of a clip in which the face is looked for


def of_samples(samples):
    """Problems of all clips: DataFrame(sample_id, frame, problem, detail); empty when nothing was found."""
    work = (delayed(of_clip)(row) for row in samples.itertuples(index=False))
    parts = Parallel(n_jobs=workspace.jobs(), prefer="threads")(work)
    return pd.DataFrame([problem for part in parts for problem in part], columns=COLUMNS)


def of_clip(row):
    """Problems of one clip: list of (sample_id, frame number or None, problem, detail).

    Files that are no frames, gaps in the numbering, frames that cannot be read or differ in size; then, of the
    readable ones, what `of_pictures` finds, and frames in which the face is lost (whole pictures only).
    """
    found, pictures, numbers = [], [], []
    try:
        if row.kind == "frames":
            there, strays = listing(row.path)
        else:
            numbers, pictures = map(list, zip(*frames.video_frames(row.path), strict=True))
    except WorkbookError as error:
        return [(row.sample_id, None, "unreadable", error.problem)]
    if row.kind == "frames":
        found += [(None, "not a frame", path.name) for path in strays]
        if not there:
            found.append((None, "no frames", "the clip folder holds no frames"))
        missing = sorted(set(range(min(there), max(there) + 1)) - set(there)) if there else []
        found += [(number, "missing", "no file of this number") for number in missing]
        for number, path in there.items():
            try:
                picture = frames.image(path)
            except WorkbookError as error:
                found.append((number, "unreadable", error.problem))
                continue
            pictures.append(picture)
            numbers.append(number)
        usual = Counter(picture.shape for picture in pictures).most_common(1)
        odd = [k for k, picture in enumerate(pictures) if picture.shape != usual[0][0]]
        found += [(numbers[k], "other size", f"{pictures[k].shape}, most are {usual[0][0]}") for k in odd]
        numbers, pictures = ([part[k] for k in range(len(part)) if k not in odd] for part in (numbers, pictures))
    found += of_pictures(pictures, numbers)
    if pictures and not getattr(row, "cropped", False):
        looks = np.unique(np.linspace(0, len(pictures) - 1, LOOKS).round().astype(int))
        found += [(numbers[k], "face lost", "no face was found") for k in looks if not faces.detect(pictures[k])]
    return [(row.sample_id, *problem) for problem in found]


def of_pictures(pictures, numbers):
    """Blur, exposure, repeated frames and jumps: list of (frame number, problem, detail).

    pictures: list of (H, W[, 3]) uint8 of one size; numbers: their frame numbers.
    """
    gray = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) if picture.ndim == 3 else picture for picture in pictures]
    if not gray:
        return []
    sharp = np.array([cv2.Laplacian(picture, cv2.CV_64F).var() for picture in gray])
    steps = np.array([np.inf, *(cv2.absdiff(a, b).mean() for a, b in pairwise(gray))])
    usual = np.median(steps[1:]) if len(steps) > 2 else np.inf
    found = []
    for number, picture, sharpness, step in zip(numbers, gray, sharp, steps, strict=True):
        if sharpness < BLUR * np.median(sharp):
            found.append((number, "blurred", f"sharpness {sharpness / np.median(sharp):.0%} of the clip's median"))
        clipped = np.mean((picture == 0) | (picture == 255))
        if not DARK <= picture.mean() <= BRIGHT or clipped > CLIPPED:
            found.append((number, "exposure", f"mean grey {picture.mean():.0f}, {clipped:.0%} at the ends"))
        if step == 0:
            found.append((number, "repeated", "the same picture as the frame before"))
        elif np.isfinite(step) and usual > 0 and step > JUMP * usual:
            found.append((number, "jump", f"changes {step / usual:.0f} times as much as usual: a cut or lost frames"))
    return found
