"""Principal components (Jolliffe & Cadima 2016, doi:10.1098/rsta.2015.0202), fitted on the rows given to fit."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA

from helpers.features import _checks


class Components(TransformerMixin, BaseEstimator):
    """(n, d) -> (n, k) scores on the first k principal components; k = min(n_components, n, d) of the fit.

    Raises WorkbookError for another shape, and for NaN or infinity with the row.
    """

    TAKES = "features"

    def __init__(self, n_components=50, random_state=None):
        self.n_components = n_components
        self.random_state = random_state

    def fit(self, X, y=None):
        """Find the components. Few training rows allow fewer of them; `pca_.n_components_` tells how many."""
        X = _checks.features(X)
        with np.errstate(invalid="ignore"):  # where nothing varies, shares of the variance are 0 / 0; nobody reads them
            self.pca_ = PCA(min(self.n_components, *X.shape), random_state=self.random_state).fit(X)
        return self

    def transform(self, X):
        """(n, d) -> (n, k)."""
        return self.pca_.transform(_checks.features(X))


FEATURES = {"components": Components}
