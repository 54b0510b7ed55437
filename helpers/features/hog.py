"""Histograms of oriented gradients of stills: which edges lie where, whatever the light.

Dalal & Triggs 2005, doi:10.1109/CVPR.2005.177: directions of the grey-level gradient, without their sign, weighted by
its length, in cells of some pixels; histograms are normalised within overlapping blocks of cells. As scikit-image has
it; defaults are the paper's.
"""

import numpy as np

from helpers.features._rowwise import RowByRow
from helpers.workspace import WorkbookError


class HOG(RowByRow):
    """Stills (n, H, W) or (n, H, W, 3) RGB uint8 -> (n, d) float32, all numbers between 0 and 1.

    orientations: bins over 180 degrees. cell: side of a cell in pixels. block: side of a block in cells; it moves by
    one cell, so d = (H // cell - block + 1) * (W // cell - block + 1) * block^2 * orientations. Of a colour picture
    each pixel takes the channel of the longest gradient, as in the paper. A picture of one colour gives zeros;
    brightness drops out, and contrast too but for pictures that are nearly flat. A rest of the picture that fills no
    cell (right, bottom) is not seen.
    """

    TAKES = "stills"

    def __init__(self, orientations=9, cell=8, block=2):
        self.orientations = orientations
        self.cell = cell
        self.block = block

    def _fits(self, shape):
        if min(shape[:2]) < self.cell * self.block:
            problem = f"pictures of {shape[0]} x {shape[1]} have no room for a block of {self.cell * self.block} pixels"
            raise WorkbookError(problem, remedy="give larger pictures, or ask for smaller cells")

    def _rows(self, X):
        from skimage.feature import hog

        cells = {"pixels_per_cell": (self.cell,) * 2, "cells_per_block": (self.block,) * 2}
        colour = -1 if X.ndim == 4 else None
        return np.stack([hog(x, self.orientations, **cells, block_norm="L2-Hys", channel_axis=colour) for x in X])

    def _names(self):
        rows, columns = (side // self.cell - self.block + 1 for side in self.row_shape_[:2])
        inside = [(y, x) for y in range(self.block) for x in range(self.block)]
        return [
            f"block{row}_{column}_cell{y}_{x}_direction{k}"
            for row in range(rows) for column in range(columns) for y, x in inside for k in range(self.orientations)
        ]  # fmt: skip


FEATURES = {"hog": HOG}
