"""Nested tuning: settings are chosen inside the training people, by people, and never by those who are held out.

A search on the same people who are predicted is a leak (Cawley & Talbot 2010, jmlr.org/papers/v11/cawley10a.html), and
so is one whose inner folds share people. Everything that is fitted, scaler and components included, is fitted anew in
each inner fold, so that the inner score is honest too. scikit-learn's GridSearchCV averages a score over folds; with
few people a fold may lack a class, so here predictions are pooled over inner folds first and scored once, as outside.
"""

import json

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.metrics import f1_score
from sklearn.model_selection import ParameterGrid

from helpers.features import _checks
from helpers.models import GroupedPipeline, fold_pairs, inner_folds
from helpers.workspace import WorkbookError


def tuned(pipeline, grid, while_searching=None):
    """The pipeline as a model that tunes itself: see Tuned."""
    return GroupedPipeline([("tuned", Tuned(pipeline, grid, while_searching))])


class Tuned(ClassifierMixin, BaseEstimator):
    """A pipeline with the parameters that do best on inner folds by person. X: (n, ...); fit needs `groups`.

    grid: of scikit-learn's ParameterGrid, a dict {step__parameter: values} or a list of them. while_searching:
    parameters that make the search cheaper, such as fewer trees; the last fit goes without. The score is macro-F1 over
    the pooled predictions of all inner folds, over all classes of the training set; a class that no inner fold can
    validate counts 0 for every candidate alike. Of equals the first in the grid's order wins.
    After fit, `record_` tells what was chosen, its inner score and those of all candidates. A classifier without
    probabilities gets them by temperature from the held-out decision values of the candidate chosen.
    """

    def __init__(self, pipeline, grid, while_searching=None):
        self.pipeline = pipeline
        self.grid = grid
        self.while_searching = while_searching

    def fit(self, X, y, groups=None):
        """Search, then fit the best candidate on all rows.

        WorkbookError without groups, with nobody to validate on, and for NaN or infinity, by row.
        """
        X, y, fold_of = _checks.finite(np.asarray(X)), np.asarray(y), inner_folds(y, groups)
        pairs, candidates = fold_pairs(fold_of), list(ParameterGrid(self.grid))
        if not pairs:
            problem = "too few people share classes to validate on people who were not trained on"
            raise WorkbookError(problem, remedy="use a model that does not tune itself, or a coarser class scheme")
        self.classes_, codes = np.unique(y, return_inverse=True)
        values = np.zeros((len(candidates), len(y), len(self.classes_)))
        for train, test in pairs:
            values[:, test] = self._held_out(candidates, X[train], y[train], X[test])
        held_out = np.flatnonzero(fold_of >= 0)
        labels = np.arange(len(self.classes_))
        found = [
            f1_score(codes[held_out], some[held_out].argmax(axis=1), labels=labels, average="macro", zero_division=0)
            for some in values
        ]
        best = int(np.argmax(np.round(found, 12)))  # rounding: equal but for the last bit is equal
        self.pipeline_ = clone(self.pipeline).set_params(**candidates[best]).fit(X, y)
        own = {"chosen": candidates[best], "inner_macro_f1": float(found[best])}
        self.record_ = own | {"tried": [[one, float(score)] for one, score in zip(candidates, found, strict=True)]}
        if not hasattr(self.pipeline_, "predict_proba"):
            self.record_ |= self._calibrate(values[best, held_out], codes[held_out])
            self.record_["calibrated_on"] = len(held_out)
        return self

    def predict_proba(self, X):
        """(n, K) probabilities."""
        if hasattr(self.pipeline_, "predict_proba"):
            return self.pipeline_.predict_proba(X)
        return self._probabilities(columns(self.pipeline_, X))

    def predict(self, X):
        """(n,) classes."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def _calibrate(self, values, truth):
        """Learn to make probabilities of decision values (n, K) of unseen rows; return what is to be recorded."""
        self.temperature_ = temperature(values, truth)
        return {"temperature": self.temperature_}

    def _probabilities(self, values):
        return softmax(values / self.temperature_, axis=1)

    def _held_out(self, candidates, X, y, X_test):
        """(candidates, n, K) values for one inner fold; what stands before the classifier is fitted once a setting."""
        values, fronts = [], {}
        for parameters in candidates:
            pipeline = clone(self.pipeline).set_params(**parameters, **(self.while_searching or {}))
            front, (name, classifier) = pipeline[:-1], pipeline.steps[-1]
            before = {key: value for key, value in parameters.items() if not key.startswith(f"{name}__")}
            key = json.dumps(before, sort_keys=True)
            if key not in fronts:
                fronts[key] = front.fit_transform(X, y), front.transform(X_test)
            rows, rows_test = fronts[key]
            values.append(columns(classifier.fit(rows, y), rows_test))
        return values


def columns(estimator, X):
    """(n, K) decision values, or probabilities of a classifier that has no such values; K = 2 gives two columns too."""
    if not hasattr(estimator, "decision_function"):
        return estimator.predict_proba(X)
    values = estimator.decision_function(X)
    return values if values.ndim == 2 else np.column_stack([-values, values])


def temperature(values, truth):
    """The number that decision values are divided by before softmax (Guo et al. 2017, arXiv:1706.04599).

    values: (n, K) of rows that the classifier had not seen; truth: (n,) column of each row's true class. Minimises log
    loss between e^-3 and e^3. Nobody to learn from (n = 0) leaves the values as they come: 1.
    """
    if not len(truth):
        return 1.0

    def loss(log_temperature):
        return -log_softmax(values / np.exp(log_temperature), axis=1)[np.arange(len(truth)), truth].mean()

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))
