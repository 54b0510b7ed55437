"""Nose and upper lip against the rest of the face: strain where action units 9 and 10 show, the signs of disgust.

AU9 wrinkles the nose, AU10 raises the upper lip: Ekman & Friesen 1978, Facial Action Coding System,
doi:10.1037/t27734-000. Both deform the skin beside the nose and lift it. Strain as the measure of an expression: Shreve
et al. 2011, doi:10.1109/FG.2011.5771451. One of the re-created systems adds 48 numbers of this kind to its classifier
to help disgust: means and spread in a fixed patch. Here they are told relative to the rest of the face, so that a face
which moves as a whole does not count.
"""

import numpy as np

from helpers.datasets.demo.geometry import GEOMETRY, MEASURES
from helpers.features._boxes import inside, parts
from helpers.features._rowwise import RowByRow

X0, Y0, X1, Y1 = GEOMETRY["nose"]
BASE = MEASURES["nose_y"][0]  # where the nose ends and the upper lip begins
BOXES = {"nose": (X0, Y0, X1, BASE), "lip": (X0, BASE, X1, Y1)}  # AU9, AU10
STATISTICS = ("strain_mean", "strain_spread", "strain_top", "v_mean")
TOP = 10  # strain_top is the mean of one in so many pixels, those with the most strain


class AURegions(RowByRow):
    """Flow (n, T, 3, H, W) in any units -> (n, 16 T) float32; the three windows between onset, apex, offset give 48.

    Four parts: right and left half (the person's own) of nose and upper lip. Strain and v of each map are standardised
    first: less their mean over the face outside the nose box, divided by their standard deviation over the whole face.
    Each part then has the mean and the standard deviation of strain, the mean of its top tenth, and the mean of v
    (negative: lifted). All numbers are dimensionless; a map in which nothing moves, or all moves alike, gives zeros.
    Amplitude drops out (`flow_statistics` keeps it), and with it units, head motion and the makers' scaling.
    """

    TAKES = "flow"

    def _fits(self, shape):
        parts(*shape[-2:], BOXES)

    def _rows(self, X):
        height, width = X.shape[-2:]
        face = inside(height, width, GEOMETRY["face"])
        rest = face & ~inside(height, width, GEOMETRY["nose"])
        maps = np.asarray(X, np.float64)[:, :, 1:]  # v, strain
        mean, spread = maps[..., rest].mean(axis=-1), maps[..., face].std(axis=-1)
        # what rounding leaves of a constant map is no motion
        moves = spread > 1e-9 * np.abs(maps[..., face]).max(axis=-1)
        maps = (maps - mean[..., None, None]) * (moves / np.where(moves, spread, 1))[..., None, None]
        found = [self._part(maps[..., part]) for part in parts(height, width, BOXES).values()]
        return np.concatenate(found, axis=-1).reshape(len(X), -1)

    def _part(self, values):
        """Values (n, T, 2, p) of v and strain -> (n, T, 4)."""
        strain = np.sort(values[:, :, 1], axis=-1)
        top = strain[..., -max(1, strain.shape[-1] // TOP) :]
        mean, spread, highest = strain.mean(axis=-1), strain.std(axis=-1), top.mean(axis=-1)
        return np.stack([mean, spread, highest, values[:, :, 0].mean(axis=-1)], axis=-1)

    def _names(self):
        windows, regions = range(self.row_shape_[0]), parts(*self.row_shape_[-2:], BOXES)
        return [f"window{t}_{part}_{name}" for t in windows for part in regions for name in STATISTICS]


FEATURES = {"au_regions": AURegions}
