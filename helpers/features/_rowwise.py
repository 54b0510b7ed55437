"""The base of features that treat every row by itself, so that nothing can leak from one sample to another."""

import math
from itertools import pairwise

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from helpers import workspace
from helpers.features import _checks
from helpers.features._checks import CHECKS


class RowByRow(TransformerMixin, BaseEstimator):
    """fit learns the shape of a row and nothing else; transform gives (n, d) float32, in `workspace.jobs()` threads.

    A feature states what it `TAKES` (a key of `_checks.SHAPES`) and writes `_rows(X)`, some rows -> (len(X), d), and
    `_names()`, d strings. It may write `_fits(shape)`, which raises WorkbookError for a shape it has no room in.
    Raises WorkbookError as the checks do, and for rows of another shape than those of fit.
    """

    TAKES = ""

    def fit(self, X, y=None):
        """Learn the shape of a row; y is ignored."""
        X = CHECKS[self.TAKES](X)
        self._fits(X[0].shape)
        self.row_shape_ = self._comparable(X[0].shape)
        self.n_features_in_ = math.prod(self.row_shape_)
        return self

    def transform(self, X):
        """Rows of the shape known from fit -> (n, d) float32."""
        check_is_fitted(self)
        X = CHECKS[self.TAKES](X)
        _checks.same(self._comparable(X[0].shape), self.row_shape_)
        return _checks.finite(self._transformed(X))

    def get_feature_names_out(self, input_features=None):
        """Names of the d columns, (d,) object."""
        check_is_fitted(self)
        return np.asarray(self._names(), dtype=object)

    def _transformed(self, X):
        jobs = workspace.jobs()
        edges = np.linspace(0, len(X), min(len(X), 4 * jobs) + 1).astype(int)  # a few turns each: rows differ in cost
        work = (delayed(self._rows)(X[first:last]) for first, last in pairwise(edges))
        return np.concatenate(Parallel(n_jobs=jobs, prefer="threads")(work)).astype(np.float32)

    def _comparable(self, shape):
        """The part of a row's shape that all rows share."""
        return shape

    def _fits(self, shape):
        """Nothing to refuse by default."""

    def _rows(self, X):
        raise NotImplementedError

    def _names(self):
        raise NotImplementedError
