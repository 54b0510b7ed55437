"""What is wrong with a clip's frames: reported, one row a problem, never hidden and never a reason to stop."""

from collections import Counter

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
BEYOND = 0.5  # seconds around onset and offset that are looked at: a folder may hold a whole film


def of_samples(samples):
    """Problems of all clips: DataFrame(sample_id, frame, problem, detail); empty when nothing was found."""
    work = (delayed(of_clip)(row) for row in samples.itertuples(index=False))
    parts = Parallel(n_jobs=workspace.jobs(), prefer="threads")(work)
    return pd.DataFrame([problem for part in parts for problem in part], columns=COLUMNS)


def of_clip(row):
    """Problems of one clip: list of (sample_id, frame number or None, problem, detail).

    Files that are no frames, gaps in the numbering, frames that cannot be read or differ in size; then, of the
    readable ones, what `of_pictures` finds, and frames in which the face is lost (whole pictures only). One frame is in
    memory at a time.
    """
    found = []
    try:
        if row.kind == "frames":
            there, strays = listing(row.path)
            found += [(None, "not a frame", path.name) for path in strays] + _gaps(_near(row, there))
            pictures = _readable(_near(row, there), found)
        else:
            pictures = frames.video_frames(row.path, gray=True)
        seen = {}
        found += of_pictures(_noted(pictures, seen))
        if seen and not getattr(row, "cropped", False):
            looks = {list(seen)[round(k)] for k in np.linspace(0, len(seen) - 1, LOOKS)}
            lost = [number for number in sorted(looks) if not faces.detect(frames.clip(row, (number,))[0])]
            found += [(number, "face lost", "no face was found") for number in lost]
    except WorkbookError as error:
        found.append((None, "unreadable", error.problem))
    return [(row.sample_id, *problem) for problem in found]


def of_pictures(pictures):
    """Other sizes, blur, exposure, repeated frames and jumps: list of (frame number, problem, detail).

    pictures: pairs of frame number and (H, W) uint8 picture; read once, in order.
    """
    facts, before = [], None
    for number, picture in pictures:
        comparable = before is not None and before.shape == picture.shape
        step = cv2.absdiff(before, picture).mean() if comparable else np.nan
        ends = np.mean((picture == 0) | (picture == 255))
        facts.append((number, picture.shape, cv2.Laplacian(picture, cv2.CV_64F).var(), picture.mean(), ends, step))
        before = picture
    if not facts:
        return []
    size = Counter(fact[1] for fact in facts).most_common(1)[0][0]
    found = [(fact[0], "other size", f"{fact[1]}, most are {size}") for fact in facts if fact[1] != size]
    facts = [fact for fact in facts if fact[1] == size]
    sharp = np.median([fact[2] for fact in facts])
    steps = np.array([fact[5] for fact in facts])
    usual = np.median(steps[np.isfinite(steps)]) if np.isfinite(steps).sum() > 1 else np.nan
    for number, _, sharpness, mean, ends, step in facts:
        if sharpness < BLUR * sharp:
            found.append((number, "blurred", f"sharpness {sharpness / sharp:.0%} of the clip's median"))
        if not DARK <= mean <= BRIGHT or ends > CLIPPED:
            found.append((number, "exposure", f"mean grey {mean:.0f}, {ends:.0%} at the ends"))
        if step == 0:
            found.append((number, "repeated", "the same picture as the frame before"))
        elif step > JUMP * usual > 0:
            found.append((number, "jump", f"changes {step / usual:.0f} times as much as usual: a cut or lost frames"))
    return found


def _near(row, there):
    if pd.isna(row.onset) or pd.isna(row.offset) or pd.isna(row.fps):
        return there
    margin = round(BEYOND * float(row.fps))
    return {number: path for number, path in there.items() if row.onset - margin <= number <= row.offset + margin}


def _gaps(there):
    if not there:
        return [(None, "no frames", "the clip folder holds no frames of this event")]
    alone = [(min(there), "one frame", "nothing can move in a single frame")] if len(there) == 1 else []
    missing = sorted(set(range(min(there), max(there) + 1)) - set(there))
    return alone + [(number, "missing", "no file of this number") for number in missing]


def _readable(there, found):
    for number, path in there.items():
        try:
            yield number, frames.image(path, gray=True)
        except WorkbookError as error:
            found.append((number, "unreadable", error.problem))


def _noted(pictures, seen):
    for number, picture in pictures:
        seen[number] = True
        yield number, picture
