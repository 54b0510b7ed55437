"""Local binary patterns of flow maps: the texture of u, v and strain instead of that of the skin.

The words are those of Ojala et al. 2002, doi:10.1109/TPAMI.2002.1017623. They keep which neighbour moves further and
drop by how much, so units, centring and scaling of the maps make no difference: 8-bit maps and pixels are alike.
"""

import numpy as np

from helpers.features.lbp import LBP

CHANNELS = ("u", "v", "strain")
FLAT = 1e-5  # range of a channel, as a share of its largest number, below which 32-bit rounding may have made it


class FlowLBP(LBP):
    """Flow (n, T, 3, H, W) in any units -> (n, T * 3 * rows * columns * bins) float32, each block's bins sum to 1.

    Parameters as of `LBP`; the defaults suit maps of 28 x 28. Each map and channel is spread over 16 bits first, since
    words of floating-point numbers would hang on their last digits. A channel that is constant but for rounding (FLAT)
    is one flat texture.
    """

    TAKES = "flow"

    def __init__(self, points=8, radius=1, grid=(4, 4)):
        super().__init__(points, radius, grid)

    def _fits(self, shape):
        super()._fits(shape[-2:])

    def _rows(self, X):
        maps = np.asarray(X, np.float64)
        low, high = maps.min(axis=(-2, -1), keepdims=True), maps.max(axis=(-2, -1), keepdims=True)
        span = high - low
        span[span <= FLAT * np.maximum(np.abs(low), np.abs(high))] = np.inf
        maps = np.round((maps - low) / span * 65535).astype(np.uint16)
        found = [self._histograms(channel) for channel in maps.reshape(-1, *maps.shape[-2:])]
        return np.stack(found).reshape(len(X), -1)

    def _names(self):
        patterns = super()._names()
        windows = range(self.row_shape_[0])
        return [f"window{t}_{channel}_{name}" for t in windows for channel in CHANNELS for name in patterns]


FEATURES = {"flow_lbp": FlowLBP}
