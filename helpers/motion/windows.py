"""Which frames of a clip are compared: two key frames, frames spread over the clip, or one every so many seconds."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers import workspace
from helpers.motion import frames, methods
from helpers.workspace import WorkbookError

RISE, FALL, WHOLE = ("onset", "apex"), ("apex", "offset"), ("onset", "offset")  # temporal windows: from, to
RIGID = ("median", "patch", "none")


@dataclass(frozen=True)
class Setting:
    """What to measure in each clip. One store on disk for each dataset and setting."""

    windows: tuple = (RISE,)  # T windows; or, with `sequence`, none of them counts
    sequence: int = 0  # T frames spread evenly from onset to offset, each against the onset frame
    every: float = 0.0  # seconds; then `sequence` is the most frames of a clip, so far apart, shorter ones end in NaN
    method: str = methods.DEFAULT
    crop: int = 128  # pixels; side of the standard crop in which flow is computed, and the unit of u and v
    size: int = frames.MAP_SIDE  # side of the maps that come out, averaged down from the crop
    rigid: str = "median"  # head motion: the crop's median vector, that of the bridge of the nose ("patch"), or "none"

    def __post_init__(self):
        """WorkbookError for unknown names, no window at all, steps without a sequence, and sizes below 8 pixels."""
        workspace.require_known(self.rigid, RIGID, "way of removing head motion")
        workspace.require_known(self.method, methods.METHODS, "flow method")
        for window in self.windows:
            if not isinstance(window, tuple) or len(window) != 2:
                remedy = "name two key frames, such as flow.RISE"
                raise WorkbookError(f"{window!r} is no temporal window", remedy=remedy)
            for name in window:
                workspace.require_known(name, ("onset", "apex", "offset"), "key frame")
        if min(self.crop, self.size) < 8 or (not self.windows and not self.sequence):
            raise WorkbookError("nothing to measure", remedy="give windows or a sequence, and sizes of 8 px or more")
        if self.every < 0 or (self.every and not self.sequence):
            raise WorkbookError(f"steps of {self.every} s need a sequence", remedy="say how many frames at most")

    @property
    def length(self):
        """T: maps a clip."""
        return self.sequence or len(self.windows)


def pairs(row, setting):
    """[(frame, later frame), ...] that a setting compares in one clip. WorkbookError where a key frame is missing.

    With `every`: frame numbers nearest to the times onset + every, onset + 2 every, ... up to the offset; None in
    place of a pair whose later frame does not exist. WorkbookError for an unknown frame rate, frames further apart than
    a step, fewer than two frames to measure, and more than `sequence` of them.
    """
    keys = {name: getattr(row, name) for name in ("onset", "apex", "offset")}
    spans = [WHOLE] if setting.sequence else setting.windows
    for name in sorted({name for span in spans for name in span}):
        if pd.isna(keys[name]):
            remedy = "leave the clip out, or spot it (motion/spotting.py)"
            raise WorkbookError(f"no {name} is known", row=row.sample_id, remedy=remedy)
    for first, last in spans:
        if keys[first] == keys[last]:
            problem = f"the {last} is the {first} frame"
            raise WorkbookError(problem, row=row.sample_id, remedy="leave the clip out, or correct its key frames")
    if setting.every:
        return _steps(row, setting)
    if setting.sequence:
        steps = np.linspace(keys["onset"], keys["offset"], setting.sequence + 1)[1:]
        return [(int(keys["onset"]), round(step)) for step in steps]
    return [(int(keys[first]), int(keys[last])) for first, last in spans]


def available(row):
    """Frame numbers of a sample's folder or video, ascending; none in an empty folder. WorkbookError as of `frames`."""
    return list(range(frames.video(row.path).frames) if row.kind == "video" else frames.files(row.path))


def _steps(row, setting):
    if pd.isna(row.fps):
        remedy = "give its frame rate, or leave the clip out"
        raise WorkbookError("no frame rate is known", row=row.sample_id, remedy=remedy)
    stride = float(row.fps) * setting.every  # frames; not whole: the nearest frame is looked at
    if stride < 1 - 1e-6:
        problem = f"its frames are {1 / float(row.fps):.3g} s apart, more than a step of {setting.every:.3g} s"
        raise WorkbookError(problem, row=row.sample_id, remedy="take longer steps")
    onset, offset, here = int(row.onset), int(row.offset), set(available(row))
    numbers = [onset + round(k * stride) for k in range(1, int((offset - onset) / stride + 1e-6) + 1)]
    if len(numbers) > setting.sequence:
        problem = f"{(offset - onset) / float(row.fps):.3g} s are more than {setting.sequence} steps"
        raise WorkbookError(problem, row=row.sample_id, remedy="take longer steps, or leave the clip out")
    found = [(onset, number) if number in here else None for number in numbers]
    if sum(pair is not None for pair in found) < 2:
        raise WorkbookError("fewer than two steps can be measured", row=row.sample_id, remedy="take shorter steps")
    return found
