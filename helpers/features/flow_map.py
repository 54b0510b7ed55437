"""Flow maps as rows of numbers: per-map centring and scaling, then flattening. Learns nothing from other samples."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from helpers.features import _checks


class FlowMap(TransformerMixin, BaseEstimator):
    """(n, T, 3, H, W) flow -> (n, T*3*H*W) float32.

    centre: subtract each map's median per channel (what is left of the head's rigid motion).
    scale: divide by each map's standard deviation per channel (people and clips differ in amplitude; direction and
    place of the motion are what linear models generalise from). A constant channel becomes zero.
    Raises WorkbookError for another shape than that of fit, and for NaN or infinity with the row.
    """

    TAKES = "flow"

    def __init__(self, centre=True, scale=True):
        self.centre = centre
        self.scale = scale

    def fit(self, X, y=None):
        """Learn the shape of a row and nothing else: every map is treated by itself."""
        self.row_shape_ = _checks.flow(X).shape[1:]
        self.n_features_in_ = int(np.prod(self.row_shape_))
        return self

    def transform(self, X):
        """(n, T, 3, H, W) -> (n, T*3*H*W) float32."""
        maps = np.array(_checks.flow(X), dtype=np.float32)
        _checks.same(maps.shape[1:], self.row_shape_)
        if self.centre:
            maps -= np.median(maps, axis=(-2, -1), keepdims=True)
        if self.scale:
            spread = maps.std(axis=(-2, -1), keepdims=True)
            maps /= np.where(spread > 0, spread, 1)
        return maps.reshape(len(maps), -1)


FEATURES = {"flow_map": FlowMap}
