"""Intensity in words: four levels, the numbers they stand for, and where one ends and the next begins."""

import numpy as np

from helpers.workspace import WorkbookError

LEVELS = ("none", "low", "medium", "high")
CENTRES = (0.0, 1 / 3, 2 / 3, 1.0)  # the intensity that a level stands for
THRESHOLDS = (1 / 6, 1 / 2, 5 / 6)  # midway between them: from there on it is the next level


def level_of(values):
    """Intensities in 0..1, any shape -> positions in LEVELS, int, same shape. WorkbookError for any other number."""
    values = np.asarray(values, float)
    if not ((values >= 0) & (values <= 1)).all():
        raise WorkbookError("an intensity is not in 0..1", remedy="leave out steps without a frame (NaN)")
    return np.digitize(values, THRESHOLDS)
