"""Gradient-boosted trees grown leaf by leaf (LightGBM, Ke et al. 2017, papers.nips.cc/paper/6907) on 50 principal
components. It bins values and grows the leaf that gains most; XGBoost grows level by level."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from helpers.models import _tuning, on_components

STOCHASTIC = True


class LeafwiseTrees(ClassifierMixin, BaseEstimator):
    """LightGBM with balanced classes. X: (n, d). 8 leaves: about what three levels have; 20 clips a leaf, the
    library's default, would leave nothing of a class with ten clips, so 5.

    63 bins a column: a few hundred clips fill no more.
    """

    def __init__(
        self, n_estimators=200, learning_rate=0.1, num_leaves=8, min_child_samples=5, max_bin=63, random_state=0
    ):
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.min_child_samples = min_child_samples
        self.max_bin = max_bin
        self.random_state = random_state

    def fit(self, X, y):
        """Fit on these rows, one thread, in the order that makes it repeatable."""
        from lightgbm import LGBMClassifier  # not at module level: listing models should cost nothing

        settled = {"class_weight": "balanced", "n_jobs": 1, "verbose": -1, "deterministic": True}
        self.trees_ = LGBMClassifier(**settled, force_col_wise=True, **self.get_params()).fit(np.asarray(X), y)
        self.classes_ = self.trees_.classes_
        return self

    def predict_proba(self, X):
        """(n, K) probabilities."""
        return self.trees_.predict_proba(np.asarray(X))

    def predict(self, X):
        """(n,) classes."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def build(profile, seed):
    """LightGBM of profile.trees rounds; leaves and rate are common small-data values, not tuned here."""
    return on_components(LeafwiseTrees(n_estimators=profile.trees, random_state=seed), seed)


def tuned(profile, seed):
    """The same, searched inside the training people: all rounds or a quarter of them, since a few hundred clips are
    learnt by heart soon; in profile full also fewer or more leaves a tree, and slower learning."""
    grid = {"classifier__n_estimators": [profile.trees // 4, profile.trees]}
    if profile.name == "full":
        grid |= {"classifier__num_leaves": [3, 8, 15], "classifier__learning_rate": [0.03, 0.1]}
    return _tuning.tuned(build(profile, seed), grid)
