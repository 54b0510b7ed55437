"""Gradient-boosted trees (Chen & Guestrin 2016, doi:10.1145/2939672.2939785) on 50 principal components."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.class_weight import compute_sample_weight

from helpers.models import _tuning, on_components

STOCHASTIC = True


class BoostedTrees(ClassifierMixin, BaseEstimator):
    """XGBoost with balanced sample weights and class names of any type. X: (n, d).

    64 bins a column: the library's 256 are more than most training sets here have clips, and cost twice the time.
    """

    def __init__(self, n_estimators=200, learning_rate=0.1, max_depth=3, subsample=0.8, max_bin=64, random_state=0):
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.subsample = subsample
        self.max_bin = max_bin
        self.random_state = random_state

    def fit(self, X, y):
        """Fit on these rows; a class that is not among them gets no column."""
        from xgboost import XGBClassifier  # not at module level: importing it costs a second, listing models nothing

        self.classes_, codes = np.unique(y, return_inverse=True)
        self.trees_ = XGBClassifier(n_jobs=1, **self.get_params())
        self.trees_.fit(X, codes, sample_weight=compute_sample_weight("balanced", codes))
        return self

    def predict_proba(self, X):
        """(n, K) probabilities."""
        return self.trees_.predict_proba(X)

    def predict(self, X):
        """(n,) classes."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def build(profile, seed):
    """XGBoost of profile.trees rounds; depth and rate are common small-data values, not tuned here."""
    return on_components(BoostedTrees(n_estimators=profile.trees, random_state=seed), seed)


def tuned(profile, seed):
    """The same, searched inside the training people: all rounds or a quarter of them, since a few hundred clips are
    learnt by heart soon; in profile full also trees of one split (no interactions) or five levels, and slower learning.
    """
    grid = {"classifier__n_estimators": [profile.trees // 4, profile.trees]}
    if profile.name == "full":
        grid |= {"classifier__max_depth": [1, 3, 5], "classifier__learning_rate": [0.03, 0.1]}
    return _tuning.tuned(build(profile, seed), grid)
