"""Features of a network, features made by hand and signs of disgust, side by side, into one support vector machine.

| part | columns | what |
|---|---|---|
| network | 128 | `_frame_cnn` on onset, apex and offset frame, each with the clip's flow; the mean over the three |
| by hand | 48 | 16 components each of LBP-TOP, HOG of the apex and flow statistics |
| AU9/10 | 48 | strain and lift of nose and upper lip (`features.au_regions`), 16 for each of three windows |

The 224 columns are standardised and go to an RBF-SVM (Cortes & Vapnik 1995, doi:10.1007/BF00994018) with balanced
class weights; C and gamma are searched by person. Probabilities are Platt's (1999): a sigmoid a class, fitted to
decision values of inner people whom neither network nor components nor SVM had seen (C and gamma they helped to
choose). The class is that of the largest
decision value, as sigmoids know how rare a class is and would undo the weights. The re-created documentation does not
say how its hand-made features become 48; components of the training fold do it here. The network has 425,159
parameters for seven classes (profile full).

| variant | nose and upper lip times 1.3 in the frames | AU9/10 columns |
|---|---|---|
| `both` | yes | yes |
| `emphasis` | yes | no |
| `features` | no | yes |
| `neither` | no | no |
"""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from helpers.features.components import Components
from helpers.models import GroupedPipeline, _tuning
from helpers.models._frame_cnn import FrameCNN, examples, per_clip
from helpers.models.training import SOURCES
from helpers.workspace import require_known

STOCHASTIC = True
TAKES = "fused"
BY_HAND = ("lbp_top", "hog", "flow_statistics")
COMPONENTS = 16  # of each of them
AU = "au_regions"
VARIANTS = {"both": (1.3, True), "emphasis": (1.3, False), "features": (1.0, True), "neither": (1.0, False)}
GRID = {"classifier__C": [1.0, 10.0], "classifier__gamma": ["scale", 1e-3, 1e-2]}  # "scale" is 1/224 here
SMALL = {"channels": (8, 16, 32, 64), "epochs": 6}
SETTINGS = {"tiny": SMALL | {"batch": 16}, "quick": SMALL, "full": {"device": "auto"}}


class Fused(TransformerMixin, BaseEstimator):
    """Clips, a structured array with `frames`, `flow`, BY_HAND and AU -> (n, 224) float, or 176 without `au`.

    cnn: an unfitted FrameCNN. Fewer than COMPONENTS training clips give fewer columns; `widths_` tells how many.
    """

    def __init__(self, cnn, au=True, random_state=None):
        self.cnn = cnn
        self.au = au
        self.random_state = random_state

    def fit(self, X, y):
        """Train the network and find the components on these clips."""
        made = examples(X)
        self.cnn_ = clone(self.cnn).fit(made, np.repeat(y, len(made) // len(X)))
        self.by_hand_ = {
            name: GroupedPipeline([("scaler", StandardScaler()), ("pca", Components(COMPONENTS, self.random_state))])
            for name in BY_HAND
        }
        for name, steps in self.by_hand_.items():
            steps.fit(X[name])
        self.widths_ = {name: part.shape[1] for name, part in self._parts(X[:1]).items()}
        return self

    def transform(self, X):
        """(n,) clips -> (n, columns)."""
        return np.hstack(list(self._parts(X).values()))

    def _parts(self, X):
        parts = {"network": per_clip(self.cnn_.embed(examples(X)), len(X))}
        parts["by hand"] = np.hstack([steps.transform(X[name]) for name, steps in self.by_hand_.items()])
        return parts | ({AU: X[AU]} if self.au else {})


class FusedSVM(_tuning.Tuned):
    """The tuned pipeline, with Platt's probabilities; `record_` also holds the widths and what the network recorded."""

    def fit(self, X, y, groups=None):
        """As Tuned: network, components and SVM are fitted anew in each inner fold, by person."""
        super().fit(X, y, groups)
        front = self.pipeline_[0]
        self.record_ |= {"widths": front.widths_, "network": front.cnn_.record_}
        return self

    def predict(self, X):
        """(n,) classes, each of the largest decision value."""
        return self.classes_[_tuning.columns(self.pipeline_, X).argmax(axis=1)]

    def _calibrate(self, values, truth):
        """One sigmoid for each class that inner people show; the others get the probability of something never seen.

        Where they show one class or none, there is nothing to calibrate by: then as Tuned does, and the record says so.
        """
        self.seen_, every = np.unique(truth), np.arange(len(truth))
        self.unseen_p_ = 1 / (len(truth) + 2)  # Platt's target for a class without examples
        if len(self.seen_) < 2:
            return super()._calibrate(values, truth) | {"calibration": "temperature"}
        known = values[:, self.seen_]
        given = FrozenEstimator(AsGiven().fit(known, truth))
        self.platt_ = CalibratedClassifierCV(given, cv=[(every, every)], ensemble=False)  # whoever fits, saw none of it
        self.platt_.fit(known, truth)
        return {"calibration": "sigmoid"}

    def _probabilities(self, values):
        if len(self.seen_) < 2:
            return super()._probabilities(values)
        p = np.full(values.shape, self.unseen_p_)
        p[:, self.seen_] = self.platt_.predict_proba(values[:, self.seen_])
        return p / p.sum(axis=1, keepdims=True)


class AsGiven(ClassifierMixin, BaseEstimator):
    """A classifier whose rows are decision values already, (n, K)."""

    def fit(self, X, y):
        """Nothing to learn but the classes."""
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X):
        """(n, K), or (n,) for two classes, as scikit-learn has it."""
        return X if X.shape[1] > 2 else X[:, 1] - X[:, 0]

    def predict(self, X):
        """(n,) classes, each of the largest value."""
        return self.classes_[X.argmax(axis=1)]


def names():
    """Names of all variants, the source's first."""
    return [f"fused_svm+{variant}" for variant in VARIANTS]


def build(profile, seed):
    """With emphasis and AU9/10 columns, as the source has it; GRID searched inside the training people."""
    return treated("fused_svm+both", profile, seed)


def treated(name, profile, seed):
    """A variant, by a name such as fused_svm+neither."""
    variant = name.partition("+")[2]
    require_known(variant, VARIANTS, "variant of fused_svm")
    emphasis, au = VARIANTS[variant]
    cnn = FrameCNN(emphasis=emphasis, random_state=seed, **SOURCES["fusion"] | SETTINGS[profile.name])
    svm = SVC(class_weight="balanced")
    steps = [("fused", Fused(cnn, au, seed)), ("scaler", StandardScaler()), ("classifier", svm)]
    return GroupedPipeline([("tuned", FusedSVM(GroupedPipeline(steps), GRID))])
