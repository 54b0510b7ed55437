"""Local binary patterns of stills: histograms of small textures on a grid of blocks.

Each pixel becomes a word of bits, one a neighbour on a circle: is it at least as bright as the pixel itself? Words
with at most two changes around the circle are "uniform" (edges, corners, spots) and have a bin each; all others share
one: Ojala, Pietikäinen & Mäenpää 2002, doi:10.1109/TPAMI.2002.1017623. One histogram a block, side by side, describes
a face: Ahonen, Hadid & Pietikäinen 2006, doi:10.1109/TPAMI.2006.244, whose 8 points, radius 2 and 7 x 7 blocks are the
defaults. Words are scikit-image's.
"""

import math

import cv2
import numpy as np

from helpers.features import _blocks, _checks
from helpers.features._rowwise import RowByRow
from helpers.workspace import WorkbookError


class LBP(RowByRow):
    """Stills (n, H, W) or (n, H, W, 3) RGB uint8 -> (n, rows * columns * bins) float32, each block's bins sum to 1.

    points: neighbours; there are points * (points - 1) + 3 bins (59 for 8). radius: in pixels; a border that wide is
    dropped, since its neighbours lie outside. grid: blocks, (rows, columns). Colour becomes grey first. Brightness and
    contrast drop out: a * picture + b with a > 0 gives the same numbers, as long as nothing is clipped or rounded.
    """

    TAKES = "stills"

    def __init__(self, points=8, radius=2, grid=(7, 7)):
        self.points = points
        self.radius = radius
        self.grid = grid

    def _fits(self, shape):
        _checks.whole("points", self.points, least=2)
        _checks.grid(self.grid)
        if not self.radius > 0:
            raise WorkbookError(f"radius is {self.radius!r}", remedy="give a radius above 0, in pixels")
        _blocks.need_room(*shape[:2], (self._border(),) * 2, self.grid)

    def _rows(self, X):
        return np.stack([self._histograms(cv2.cvtColor(x, cv2.COLOR_RGB2GRAY) if x.ndim == 3 else x) for x in X])

    def _histograms(self, picture):
        """(H, W) integers -> (blocks * bins,)."""
        from skimage.feature import local_binary_pattern

        inner = slice(self._border(), -self._border())
        words = local_binary_pattern(picture, self.points, self.radius, "nri_uniform")[inner, inner].astype(int)
        block_of = _blocks.blocks(*words.shape, self.grid)
        return _blocks.histograms(words, block_of, math.prod(self.grid), self._bins()).ravel()

    def _names(self):
        return [f"{block}_pattern{k:02d}" for block in _blocks.names(self.grid) for k in range(self._bins())]

    def _border(self):
        return math.ceil(self.radius)

    def _bins(self):
        return self.points * (self.points - 1) + 3


FEATURES = {"lbp": LBP}
