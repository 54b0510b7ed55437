"""Support vector machine with RBF kernel (Cortes & Vapnik 1995, doi:10.1007/BF00994018) and honest probabilities.

Decision values become probabilities by temperature scaling (Guo et al. 2017, arXiv:1706.04599): one number, fitted on
decision values of training people whom the inner SVM had not seen (the scaler in front had seen all training people).
It never changes which class wins.
"""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from helpers.features.flow_map import FlowMap
from helpers.models import GroupedPipeline, fold_pairs, inner_folds


class TemperatureSVC(ClassifierMixin, BaseEstimator):
    """RBF-SVM, balanced classes, with temperature-scaled probabilities. X: (n, d); fit needs `groups`."""

    def __init__(self, C=1.0):
        self.C = C

    def fit(self, X, y, groups=None):
        """Fit on all rows; the temperature comes from inner folds by person."""
        y, fold_of = np.asarray(y), inner_folds(y, groups)
        self.svc_ = self._svc().fit(X, y)
        self.classes_ = self.svc_.classes_
        values = np.zeros((len(y), len(self.classes_)))
        for train, test in fold_pairs(fold_of):
            values[test] = _columns(self._svc().fit(X[train], y[train]), X[test])
        held_out = np.flatnonzero(fold_of >= 0)  # nobody, where a class has one person each: then as it comes
        truth = np.searchsorted(self.classes_, y)[held_out]

        def loss(log_temperature):
            return -log_softmax(values[held_out] / np.exp(log_temperature), axis=1)[np.arange(len(truth)), truth].mean()

        found = minimize_scalar(loss, bounds=(-3, 3), method="bounded").x if len(held_out) else 0.0
        self.temperature_ = float(np.exp(found))
        self.record_ = {"temperature": self.temperature_, "calibrated_on": len(held_out)}
        return self

    def decision_function(self, X):
        """(n, K) one-versus-rest decision values, also for two classes."""
        return _columns(self.svc_, X)

    def predict_proba(self, X):
        """(n, K) probabilities; the largest belongs to the class with the largest decision value."""
        return softmax(self.decision_function(X) / self.temperature_, axis=1)

    def predict(self, X):
        """(n,) classes."""
        return self.classes_[self.decision_function(X).argmax(axis=1)]

    def _svc(self):
        return SVC(C=self.C, kernel="rbf", gamma="scale", class_weight="balanced", decision_function_shape="ovr")


def _columns(svc, X):
    values = svc.decision_function(X)
    return values if values.ndim == 2 else np.column_stack([-values, values])


def build(profile, seed):
    """Centre and scale each map, standardise each pixel over training clips, RBF-SVM with C = 1 (not tuned here)."""
    return GroupedPipeline([("map", FlowMap()), ("scaler", StandardScaler()), ("classifier", TemperatureSVC())])
