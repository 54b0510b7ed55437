"""Support vector machine with RBF kernel (Cortes & Vapnik 1995, doi:10.1007/BF00994018) and honest probabilities.

Decision values become probabilities by temperature scaling (Guo et al. 2017, arXiv:1706.04599): one number, fitted on
decision values of training people whom the inner SVM had not seen (the scaler in front of the untuned one had seen all
training people). It never changes which class wins.
"""

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from helpers.features.flow_map import FlowMap
from helpers.models import GroupedPipeline, _tuning, fold_pairs, inner_folds

# With scaling of maps off, amplitude stays. gamma = 1 / (pixels x variance) suits any map size, as distances of
# standardised pixels grow with their number; C: a soft margin and a hard one.
GRID = {"map__scale": [True, False], "classifier__C": [1.0, 10.0]}
FULL = GRID | {"classifier__C": [0.1, 0.3, 1.0, 3.0, 10.0, 30.0], "classifier__kernel": ["rbf", "linear"]}


class KernelSVC(ClassifierMixin, BaseEstimator):
    """scikit-learn's SVC with gamma "scale", its kernel computed as one matrix product. X: (n, d).

    libsvm multiplies row by row, which on thousands of pixels takes most of a fit's time; the answers are the same. The
    kernel of n training rows needs 8 n^2 bytes.
    """

    def __init__(self, C=1.0, kernel="rbf", class_weight=None):
        self.C = C
        self.kernel = kernel
        self.class_weight = class_weight

    def fit(self, X, y):
        """Fit on these rows."""
        self.rows_ = np.asarray(X, dtype=np.float64)
        self.gamma_ = 1 / (self.rows_.shape[1] * (self.rows_.var() or 1))
        self.machine_ = SVC(C=self.C, kernel="precomputed", class_weight=self.class_weight).fit(self._with(X), y)
        self.classes_ = self.machine_.classes_
        return self

    def decision_function(self, X):
        """(n, K) one-versus-rest decision values, or (n,) for two classes."""
        return self.machine_.decision_function(self._with(X))

    def predict(self, X):
        """(n,) classes."""
        return self.machine_.predict(self._with(X))

    def _with(self, X):
        X = np.asarray(X, dtype=np.float64)
        return pairwise_kernels(X, self.rows_, metric=self.kernel, filter_params=True, gamma=self.gamma_)


class Tempered(ClassifierMixin, BaseEstimator):
    """A classifier with decision values, and temperature-scaled probabilities. X: (n, d); fit needs `groups`.

    estimator: e.g. KernelSVC(). A `record_` of its own, if it keeps one, becomes part of this one's. calibrated: fit
    the temperature; without it probabilities are those of the decision values as they come, and nobody need be held
    out. Classes are the same either way.
    """

    def __init__(self, estimator, calibrated=True):
        self.estimator = estimator
        self.calibrated = calibrated

    def fit(self, X, y, groups=None):
        """Fit on all rows; the temperature comes from inner folds by person, each with a fit of its own."""
        y = np.asarray(y)
        fold_of = inner_folds(y, groups) if self.calibrated else np.full(len(y), -1)
        self.estimator_ = clone(self.estimator).fit(X, y)
        self.classes_ = self.estimator_.classes_
        values = np.zeros((len(y), len(self.classes_)))
        for train, test in fold_pairs(fold_of):
            values[test] = _tuning.columns(clone(self.estimator).fit(X[train], y[train]), X[test])
        held_out = np.flatnonzero(fold_of >= 0)  # nobody, where a class has one person each: then as it comes
        self.temperature_ = _tuning.temperature(values[held_out], np.searchsorted(self.classes_, y)[held_out])
        own = {"temperature": self.temperature_, "calibrated_on": len(held_out)}
        self.record_ = getattr(self.estimator_, "record_", {}) | own
        return self

    def decision_function(self, X):
        """(n, K) one-versus-rest decision values, also for two classes."""
        return _tuning.columns(self.estimator_, X)

    def predict_proba(self, X):
        """(n, K) probabilities; the largest belongs to the class with the largest decision value."""
        return softmax(self.decision_function(X) / self.temperature_, axis=1)

    def predict(self, X):
        """(n,) classes."""
        return self.classes_[self.decision_function(X).argmax(axis=1)]


def _pipeline(classifier):
    return GroupedPipeline([("map", FlowMap()), ("scaler", StandardScaler()), ("classifier", classifier)])


def build(profile, seed):
    """Centre and scale each map, standardise each pixel over training clips, RBF-SVM with C = 1 (not tuned here)."""
    return _pipeline(Tempered(KernelSVC(C=1.0, class_weight="balanced")))


def tuned(profile, seed):
    """The same, with GRID searched inside the training people (FULL in profile full)."""
    return _tuning.tuned(_pipeline(KernelSVC(class_weight="balanced")), FULL if profile.name == "full" else GRID)
