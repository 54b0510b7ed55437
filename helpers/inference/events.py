"""When something moves in a recording: spotted, or as somebody coded it. Positions count crops."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import cv2
import numpy as np

from helpers import workspace
from helpers.inference.recording import CROP
from helpers.motion import flow, spotting
from helpers.workspace import WorkbookError

RATE = 50  # frames per second at which candidates are looked for; their ends are then read at LOOKS
LOOKS = 100  # frames per second
STAYS = 0.5  # share of the peak that is left where the face rests again: it has not come back


def spotted(recording, notes):
    """[(onset, apex, offset, peak in px, came back?)] of what moves and comes back, in order of time.

    A smile that is held has passed where its height wavers: it is found, and has not come back. notes: list to add to.
    Raises WorkbookError for a single picture.
    """
    if len(recording.crops) < 2:
        remedy = "give a video, or a folder of all frames"
        raise WorkbookError("one picture shows no movement", file=recording.path, remedy=remedy)
    every = max(1, round(recording.fps / RATE))
    small = np.stack([_small(crop) for crop in recording.crops[::every]])
    if len(small) < 0.5 * recording.fps / every:
        notes.append("shorter than half a second: no rest is seen around a movement, so nothing can be spotted")
    table = spotting.candidates(small, recording.fps / every)
    return [_refined(recording, every, row) for row in table.itertuples()]


def coded(recording, onset, apex, offset):
    """The same of one event whose frame numbers somebody coded; the apex is spotted where it is None.

    Raises WorkbookError for frames that are not there or out of order.
    """
    given = [number for number in (onset, apex, offset) if number is not None]
    for number in given:
        if number not in recording.numbers:
            problem = f"frame {number} is not among frames {recording.numbers[0]} to {recording.numbers[-1]}"
            raise WorkbookError(problem, file=recording.path, remedy="frames of a video count from 0, others as named")
    if given != sorted(set(given)):
        problem = f"the frames {', '.join(map(str, given))} are not in order"
        raise WorkbookError(problem, file=recording.path, remedy="onset comes before apex, apex before offset")
    places = [int(np.flatnonzero(recording.numbers == number)[0]) for number in given]
    found, _ = _spot(recording, places[0], places[-1], spotting.STEPS)
    top = places[1] if apex is not None else int(np.clip(found.apex, places[0] + 1, places[-1]))
    return [(places[0], top, places[-1], found.peak * CROP / spotting.CROP, True)]


def _refined(recording, every, row):
    """A candidate that was found at RATE, looked at once more at LOOKS."""
    last = len(recording.crops) - 1
    first, end = max(0, (row.onset - 1) * every), min(last, (row.offset + 1) * every)
    steps = round((end - first) / max(1, recording.fps / LOOKS))
    found, left = _spot(recording, first, end, max(4, min(steps, 2 * spotting.STEPS)))
    return found.onset, found.apex, found.offset, found.peak * CROP / spotting.CROP, left <= STAYS


def side_by_side(work, items):
    """[work(item), ...] in threads: flow is computed outside Python's lock."""
    with ThreadPoolExecutor(workspace.jobs()) as pool:
        return list(pool.map(work, items))


def _spot(recording, first, last, steps):
    """Key frames between two positions, and the share of the highest energy that is left at the offset."""
    numbers = np.unique(np.linspace(first, last, steps + 1).round().astype(int))
    crops = [_small(recording.crops[number]) for number in numbers]
    maps = side_by_side(partial(flow.between, crops[0]), crops)
    curve = spotting.energy(np.stack(maps))
    found = spotting.spot(numbers, curve)
    return found, np.interp(found.offset, numbers, curve) / max(curve.max(), 1e-9)


def _small(crop):
    return cv2.resize(crop, (spotting.CROP, spotting.CROP), interpolation=cv2.INTER_AREA)
