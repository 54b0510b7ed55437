"""Local binary patterns on three orthogonal planes: texture of a clip in space (XY) and in time (XT, YT).

Zhao & Pietikäinen 2007, doi:10.1109/TPAMI.2007.1110. As in `lbp`, a voxel becomes a word of bits, one a neighbour, but
three times: in the picture itself, and in the two planes that contain the time axis, where a movement leaves slanted
stripes. Neighbours lie on an ellipse and are read at the nearest voxel instead of being interpolated, so words hang on
comparisons of grey levels alone: any change of brightness that keeps their order gives the same words.
"""

import math

import numpy as np

from helpers.features import _blocks, _checks
from helpers.features._checks import clips
from helpers.features._rowwise import RowByRow
from helpers.workspace import WorkbookError

POINTS = 8
PLANES = {"XY": (2, 1), "XT": (2, 0), "YT": (1, 0)}  # the two axes of a clip (T, H, W) that span each plane
WORDS = np.array([[word >> bit & 1 for bit in range(POINTS)] for word in range(2**POINTS)])  # bits of every word
UNIFORM = np.flatnonzero((WORDS != np.roll(WORDS, 1, axis=1)).sum(axis=1) <= 2)  # at most two changes: 58 words
BINS = len(UNIFORM) + 1  # the last one for all other words
_FOLD = np.zeros((2**POINTS, BINS))  # adds the counts of words to the counts of bins
_FOLD[np.arange(2**POINTS), BINS - 1] = 1
_FOLD[UNIFORM] = np.eye(BINS)[: BINS - 1]


class LBPTOP(RowByRow):
    """Clips (n, T, H, W) uint8, or a list of clips (T, H, W) -> (n, 3 * rows * columns * 59) float32.

    radii: distance of the neighbours along x, y (pixels) and t (frames); the defaults are tuned on nothing. grid:
    blocks of the picture, (rows, columns); a block spans the whole clip. Columns: plane, block, pattern; every
    histogram sums to 1, so clips may differ in length. A border as wide as the radii is dropped on all six sides.
    Raises WorkbookError with the row of a clip that is too short.
    """

    TAKES = "clips"

    def __init__(self, radii=(1, 1, 2), grid=(5, 5)):
        self.radii = radii
        self.grid = grid

    def fit(self, X, y=None):
        """Learn height and width of the clips; y is ignored."""
        return super().fit(self._long_enough(X))

    def transform(self, X):
        """Clips of the size known from fit, of any sufficient length -> (n, d) float32."""
        return super().transform(self._long_enough(X))

    def _fits(self, shape):
        _checks.grid(self.grid)
        _blocks.need_room(*shape[1:], self.radii[1::-1], self.grid)

    def _comparable(self, shape):
        return shape[1:]

    def _long_enough(self, X):
        X, needed = clips(X), 2 * self.radii[2] + 1
        for row, clip in enumerate(X):
            if len(clip) < needed:
                problem = f"a clip of {len(clip)} frames is too short for a radius of {self.radii[2]} frames"
                raise WorkbookError(problem, row=row, remedy=f"give at least {needed} frames, or leave the clip out")
        return X

    def _rows(self, X):
        return np.stack([self._histograms(clip) for clip in X])

    def _histograms(self, clip):
        found = []
        for plane in PLANES:
            words = words_of(clip, plane, self.radii)
            block_of = _blocks.blocks(*words.shape[1:], self.grid)
            found.append(_blocks.histograms(words, block_of, math.prod(self.grid), 2**POINTS) @ _FOLD)
        return np.concatenate(found).ravel()

    def _names(self):
        bins = [*(f"pattern{word:08b}" for word in UNIFORM), "other"]
        return [f"{plane}_{block}_{name}" for plane in PLANES for block in _blocks.names(self.grid) for name in bins]


def words_of(clip, plane, radii):
    """Words of one plane for every voxel that has all its neighbours: (T - 2 rt, H - 2 ry, W - 2 rx) uint8.

    clip: (T, H, W); radii: (x, y, t). Bit k is set where the neighbour at the angle of k eighths of a turn, from the
    plane's first axis towards its second one, is at least as bright as the voxel.
    """
    reach, (across, along) = radii[::-1], PLANES[plane]  # reach: in the order of the clip's axes
    inner = tuple(slice(r, size - r) for r, size in zip(reach, clip.shape, strict=True))
    centre = np.ascontiguousarray(clip[inner])
    words, bit = np.zeros(centre.shape, np.uint8), np.empty(centre.shape, bool)
    for k in range(POINTS):
        shift = [0, 0, 0]
        shift[across] = round(reach[across] * math.cos(2 * math.pi * k / POINTS))
        shift[along] = round(reach[along] * math.sin(2 * math.pi * k / POINTS))
        there = tuple(slice(part.start + s, part.stop + s) for part, s in zip(inner, shift, strict=True))
        np.greater_equal(clip[there], centre, out=bit)
        words |= bit.view(np.uint8) << np.uint8(k)
    return words


FEATURES = {"lbp_top": LBPTOP}
