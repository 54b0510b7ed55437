"""Statistics of flow in regions of the face: how far, how unevenly, and in which directions each of them moves.

Histograms of directions weighted by length: HOOF, Chaudhry et al. 2009, doi:10.1109/CVPR.2009.5206821; here over the
full circle, as left and right are not the same on a face. The mean vector of a region's main direction: MDMO, Liu et
al. 2016, doi:10.1109/TAFFC.2015.2485205; here the main direction is the heaviest bin, not the one with most vectors,
and regions are the workbook's boxes.
"""

import numpy as np

from helpers import workspace
from helpers.features import _checks
from helpers.features._boxes import parts
from helpers.features._rowwise import RowByRow

UNITS = ("px", "8-bit")
MOMENTS = ("u_mean", "v_mean", "strain_mean", "u_variance", "v_variance", "strain_variance")
MAIN = ("u_main", "v_main")


class FlowStatistics(RowByRow):
    """Flow (n, T, 3, H, W) -> (n, T * parts * (8 + bins)) float32.

    Each part of the face has, in this order: mean and variance of u, v and strain; the share of the motion that goes in
    each direction, bin 0 around "right", then turning to "down" (the shares sum to 1, or to 0 where nothing moves); and
    the mean vector of the heaviest bin.

    units: "px" takes maps as they are, since head motion is already out of them: means in pixels, variances in
    pixels^2, no motion gives zeros. "8-bit" maps have an unknown zero, as their makers spread each one over 0..255:
    each map's own median of u and of v is subtracted; strain, which begins at 0, is not. Numbers are grey levels then.
    bins: directions. halves: regions cut along the middle of the face, since both sides of a smile move apart.
    scale: divide each map by its own root mean square vector length, and strain by its root mean square: people and
    clips differ in amplitude, but then amplitude is gone. Without motion nothing is divided.
    """

    TAKES = "flow"

    def __init__(self, units="px", bins=8, halves=True, scale=False):
        self.units = units
        self.bins = bins
        self.halves = halves
        self.scale = scale

    def _fits(self, shape):
        _checks.whole("bins", self.bins)
        workspace.require_known(self.units, UNITS, "unit of flow")
        parts(*shape[-2:], cut=self.halves)

    def _rows(self, X):
        maps = np.array(X, np.float64)
        if self.units == "8-bit":
            maps[:, :, :2] -= np.median(maps[:, :, :2], axis=(-2, -1), keepdims=True)
        if self.scale:
            maps[:, :, :2] /= _or_one(np.sqrt((maps[:, :, :2] ** 2).sum(axis=2).mean(axis=(-2, -1))))
            maps[:, :, 2:] /= _or_one(np.sqrt((maps[:, :, 2] ** 2).mean(axis=(-2, -1))))
        found = [self._part(maps[..., part]) for part in parts(*X.shape[-2:], cut=self.halves).values()]
        return np.concatenate(found, axis=-1).reshape(len(X), -1)

    def _part(self, values):
        """Values (n, T, 3, p) of p pixels -> (n, T, 8 + bins)."""
        length, vectors = np.hypot(values[:, :, 0], values[:, :, 1]), values[:, :, :2]
        turn = np.arctan2(values[:, :, 1], values[:, :, 0]) / (2 * np.pi) * self.bins
        bin_of = np.round(turn).astype(int) % self.bins
        inside = bin_of[:, :, None] == np.arange(self.bins)[:, None]  # (n, T, bins, p)
        weight = (inside * length[:, :, None]).sum(axis=-1)
        total = weight.sum(axis=-1, keepdims=True)
        heaviest = np.take_along_axis(inside, weight.argmax(axis=-1)[..., None, None], axis=2)  # (n, T, 1, p)
        main = (vectors * heaviest).sum(axis=-1) / np.maximum(heaviest.sum(axis=-1), 1)
        shares = weight / np.where(total > 0, total, 1)
        return np.concatenate([values.mean(axis=-1), values.var(axis=-1), shares, main], axis=-1)

    def _names(self):
        directions = [f"direction_{360 * k / self.bins:03.0f}" for k in range(self.bins)]
        names = [*MOMENTS, *directions, *MAIN]
        length, _, height, width = self.row_shape_
        regions = parts(height, width, cut=self.halves)
        return [f"window{t}_{part}_{name}" for t in range(length) for part in regions for name in names]


def _or_one(spread):
    """(n, T) divisors, ready to divide maps; 1 where there is nothing to divide."""
    return np.where(spread > 0, spread, 1)[:, :, None, None, None]


FEATURES = {"flow_statistics": FlowStatistics}
