"""Our own model: kernel least squares on five mirror-symmetric views of flow, averaged; the kernel is chosen by people.

The views are those of `features/symmetry.py`. A candidate is a view, a kernel (linear or RBF) and a ridge; it predicts
each training person from the others, in closed form (`_ours_kernels.py`): no inner fit at all. For every view and
kernel the ridge of least log loss stays, and probabilities are averaged over the five views: of the linear ones, of the
RBF ones, or of all ten, whichever average has the least inner log loss. That is all that is chosen. Picking single
winners or weights out of candidates that differ by less than noise gains inside the training people what is lost
outside (Caruana et al. 2004, doi:10.1145/1015330.1015432, meet the same and average over draws of the pool).

Classes count equally. Nothing depends on the dataset that a clip is from, and every map is treated by itself: an unseen
dataset needs no special case, and the answer for one clip does not hang on the clips beside it.

Views, ridges and the way of averaging were settled on every second person of the public CASME II and SMIC maps, held
out in turn, and on inner scores, in which the other people take part as training people. So scores on these maps hold
some selection, most of it on those 20 of the 40 people. Every look is in benchmarks/looks.csv.
"""

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import f1_score, recall_score

from helpers.features import _checks
from helpers.features.symmetry import CHANNELS, FaceSymmetry
from helpers.models import GroupedPipeline, fold_pairs, inner_folds
from helpers.models._ours_kernels import Kernel, Scaling, losses, sharpness, solve
from helpers.workspace import WorkbookError

RIDGES = {"linear": (0.3, 1.0, 3.0, 10.0), "rbf": (0.1, 0.3, 1.0, 3.0)}  # a clip's similarity to itself is about 1
EVERYBODY = 10**6  # inner folds asked for: as many as there are people, or as the largest class has clips


class ViewEnsemble(ClassifierMixin, BaseEstimator):
    """Classifier of flow (n, T, 3, H, W), in any units; fit needs `groups`, the person of each row.

    views: of symmetry.CHANNELS. ridges: {kernel: ridges to try}. After fit, `record_` tells the kernels averaged, each
    member's ridge and inner log loss, the inner scores of the average, those of the averages not chosen, and on how
    many clips and inner folds. Inner scores flatter a little: they chose, and pixels were scaled and classes weighted
    over all training people at once. People whom `inner_folds` pins are trained on and never validated on.
    """

    def __init__(self, views=tuple(CHANNELS), ridges=RIDGES):
        self.views = views
        self.ridges = ridges

    def fit(self, X, y, groups=None):
        """Solve every candidate, keep an average. WorkbookError without groups, or where nobody can be validated on."""
        X, y = _checks.flow(X), np.asarray(y)
        fold_of = inner_folds(y, groups, EVERYBODY)
        parts = [test for _, test in fold_pairs(fold_of)]
        self.classes_, codes = np.unique(y, return_inverse=True)
        if not parts or len(self.classes_) < 2:
            problem = "too few people share classes to validate on people who were not trained on"
            raise WorkbookError(problem, remedy="train on more people, or use a model that does not choose")
        self.views_, found = {}, []
        for view in self.views:
            feature = FaceSymmetry(view)
            rows = feature.fit_transform(X)
            scaling = Scaling(rows, X.shape[1] * len(CHANNELS[view]))
            self.views_[view], rows = (feature, scaling), scaling(rows)
            found += [_best_ridge(view, Kernel(kind, rows), self.ridges[kind], codes, parts) for kind in self.ridges]
        truth, weights = codes[fold_of >= 0], _balanced(codes[fold_of >= 0])
        averages = {}
        for kinds in [(kind,) for kind in self.ridges] + [tuple(self.ridges)] * (len(self.ridges) > 1):
            members = [one for one in found if one["kernel"].kind in kinds]
            p = np.mean([softmax(one["held_out"][fold_of >= 0], axis=1) for one in members], axis=0)
            averages[" + ".join(kinds)] = members, p, float(losses(np.log(p), truth, weights).sum())
        chosen = min(averages, key=lambda name: averages[name][2])
        self.members_, p, _ = averages[chosen]
        self.record_ = {"kernels": chosen, **_scores(p, truth, len(self.classes_))}
        self.record_ |= {"inner_log_loss": {name: loss for name, (*_, loss) in averages.items()}}
        self.record_ |= {"inner_folds": len(parts), "validated_on": len(truth)}
        facts = ("view", "ridge", "inner_log_loss")
        self.record_ |= {
            "members": [{"kernel": one["kernel"].kind} | {k: one[k] for k in facts} for one in self.members_]
        }
        return self

    def predict_proba(self, X):
        """(n, K) probabilities: the mean over members."""
        X = _checks.flow(X)
        rows = {view: scaling(feature.transform(X)) for view, (feature, scaling) in self.views_.items()}
        values = [one["kernel"](rows[one["view"]]) @ one["coefficients"] for one in self.members_]
        return np.mean([softmax(some, axis=1) for some in values], axis=0)

    def predict(self, X):
        """(n,) classes."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def _best_ridge(view, kernel, ridges, codes, parts):
    """The candidate of one view and kernel with the least inner log loss; sharpness is in its numbers already."""
    shown, similarity, best = np.concatenate(parts), kernel(kernel.rows), None
    targets = np.eye(codes.max() + 1)[codes] - 1 / (codes.max() + 1)
    for ridge in ridges:
        coefficients, held_out = solve(similarity, targets, _balanced(codes) * len(codes), ridge, parts)
        truth, weights = codes[shown], _balanced(codes[shown])
        sharp = sharpness(held_out[shown], truth, weights)
        loss = float(losses(held_out[shown] * sharp, truth, weights).sum())
        if best is None or loss < best["inner_log_loss"]:
            numbers = {"coefficients": coefficients * sharp, "held_out": held_out * sharp}
            best = {"view": view, "kernel": kernel, "ridge": ridge, "inner_log_loss": loss} | numbers
    return best


def _balanced(codes):
    """(n,) weights that sum to 1, and to the same in every class that is there."""
    counts = np.bincount(codes)
    return 1 / counts[codes] / (counts > 0).sum()


def _scores(p, codes, classes):
    """Inner macro-F1 over all classes, and UAR over those that could be validated on, of probabilities p (n, K)."""
    options, guesses = {"average": "macro", "zero_division": 0}, p.argmax(axis=1)
    return {
        "inner_macro_f1": float(f1_score(codes, guesses, labels=np.arange(classes), **options)),
        "inner_uar": float(recall_score(codes, guesses, labels=np.unique(codes), **options)),
    }


def build(profile, seed):
    """The ensemble, the same in every profile; nothing in it is drawn at random."""
    return GroupedPipeline([("classifier", ViewEnsemble())])
