"""The base of baselines that judge every frame by itself, from a few numbers of it, by a scikit-learn regressor."""

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from helpers.models.intensity import _clips


class FrameRegressor(RegressorMixin, BaseEstimator):
    """Flow (n, T, 3, H, W), NaN where a step has no frame -> (n, T) intensities. Every labelled frame counts alike.

    A subclass writes `numbers` and `regressor`. Predictions are cut off at 0 and 1. Raises WorkbookError as `_clips`
    does.
    """

    def numbers(self, X, mask):
        """(m, d) numbers of the m real frames, clip by clip in order. X: (n, T, 3, H, W); mask: (n, T) bool."""
        raise NotImplementedError

    def regressor(self):
        """An unfitted scikit-learn regressor of rows (m, d)."""
        raise NotImplementedError

    def fit(self, X, y, groups=None):
        """Fit on the labelled frames of these rows. y: (n, T) in 0..1, NaN where a frame has none; groups: not used."""
        X = _clips.check(X)
        mask = _clips.mask(X)
        truth = _clips.labels(y, mask)[mask]
        known = ~np.isnan(truth)
        self.regressor_ = self.regressor().fit(self.numbers(X, mask)[known], truth[known])
        return self

    def predict(self, X):
        """(n, T) intensities in 0..1, NaN where X has no frame."""
        check_is_fitted(self)
        X = _clips.check(X)
        mask = _clips.mask(X)
        found = np.full(mask.shape, np.nan)
        found[mask] = np.clip(self.regressor_.predict(self.numbers(X, mask)), 0, 1)
        return found
