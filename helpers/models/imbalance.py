"""Treatments of class imbalance, each alone, around two classifiers: no model, but what models are built from.

| treatment | what it does to the training rows, and to nothing else |
|---|---|
| `none` | nothing: the row that every treatment is compared with |
| `weights` | a class counts n / (K n_k) times in the loss (King & Zeng 2001, doi:10.1093/oxfordjournals.pan.a004868) |
| `focal` | clips that are already right count less (Lin et al. 2017, arXiv:1708.02002); logistic regression only |
| `smote` | new rows between neighbours of a rare class (Chawla et al. 2002, doi:10.1613/jair.953) |
| `borderline_smote` | the same, but only from rows near other classes (Han et al. 2005, doi:10.1007/11538059_91) |
| `oversample` | copies of rare rows; `undersample`: frequent rows left out, at random, until all classes are equal |

A name such as `svm+smote` or `logistic+pca+weights` is a model everywhere a model's name is asked for: classifier, then
`pca` if wanted, then the treatment. Resampling happens in `fit`, of the rows given to it: `predict` never resamples,
and inner folds (the SVM's calibration) are cut before it, so no synthetic row has a relative on the other side.
"""

import inspect

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.utils.metaestimators import available_if

from helpers.features import _checks
from helpers.features.components import Components
from helpers.features.flow_map import FlowMap
from helpers.models import GroupedPipeline
from helpers.models.focal import FocalLogistic
from helpers.models.svm import KernelSVC, Tempered
from helpers.workspace import WorkbookError, require_known

SAMPLERS = ("smote", "borderline_smote", "oversample", "undersample")
TREATMENTS = ("none", "weights", "focal", *SAMPLERS)
LEARNERS = ("logistic", "svm")
SHRINKAGE = {"logistic": 1e-3, "svm": 1.0}  # C of the models of these names


def names(learners=LEARNERS):
    """Names of all sensible combinations, `none` first: focal loss is a loss of probabilities, an SVM has none."""
    return [f"{who}+{what}" for who in learners for what in TREATMENTS if (who, what) != ("svm", "focal")]


def parse(name):
    """(learner, pca, treatment) of a name such as svm+pca+smote; WorkbookError lists what is known."""
    learner, *between, treatment = name.split("+")
    require_known(learner, LEARNERS, "classifier to treat")
    require_known(treatment, TREATMENTS, "treatment")
    if between not in ([], ["pca"]):
        raise WorkbookError(f"unknown step in {name!r}", remedy="between classifier and treatment only pca may stand")
    return learner, bool(between), treatment


def stochastic(name):
    """True when a fit depends on the seed: samplers draw, and components of large matrices are found by drawing."""
    _, pca, treatment = parse(name)
    return pca or treatment in SAMPLERS


def build(name, profile, seed, C=None, calibrated=True):
    """An unfitted classifier of flow (n, T, 3, H, W) or of any matrix (n, d), by name.

    C: {classifier: C} where SHRINKAGE, which suits rows of 2,352 columns, does not. calibrated: see svm.Tempered.
    """
    learner, pca, treatment = parse(name)
    steps = front(learner, seed if pca else None)
    return pipeline(learner, treatment, seed, steps, (C or {}).get(learner), calibrated)


def front(learner, pca_seed=None):
    """Steps before the classifier: rows, standardised, on 50 principal components if a seed for them is given.

    Logistic regression gets all components otherwise: a rotation into as many numbers as there are clips. Shrinkage and
    neighbours do not notice it, and fits are several times faster. An SVM would: of a new clip it also uses how far it
    lies from the space that training clips span.
    """
    if pca_seed is not None:
        reduce = [("pca", Components(random_state=pca_seed))]
    else:
        reduce = [("rotate", Components(n_components=10**6))] if learner == "logistic" else []
    return [("map", Rows()), ("scaler", StandardScaler()), *reduce]


def pipeline(learner, treatment, seed, steps=None, C=None, calibrated=True):
    """Any front, one classifier, one treatment. steps: [(name, transformer)], default `front`; C: of the classifier.

    calibrated: see svm.Tempered. Raises WorkbookError for an SVM with focal loss.
    """
    C = SHRINKAGE[learner] if C is None else C
    weights = "balanced" if treatment == "weights" else None
    if (learner, treatment) == ("svm", "focal"):
        raise WorkbookError("an SVM has no focal loss", remedy="use logistic+focal, or svm with another treatment")
    if treatment == "focal":
        classifier = FocalLogistic(C=C)
    elif learner == "logistic":
        classifier = LogisticRegression(C=C, class_weight=weights, max_iter=2000)
    else:
        classifier = KernelSVC(C=C, class_weight=weights)
    resampled = Resampled(classifier, treatment if treatment in SAMPLERS else None, random_state=seed)
    last = Tempered(resampled, calibrated) if learner == "svm" else resampled
    return GroupedPipeline([*(front(learner) if steps is None else steps), ("classifier", last)])


class Rows(TransformerMixin, BaseEstimator):
    """Flow (n, T, 3, H, W) as FlowMap makes rows of it; a matrix (n, d) as it is. Refuses numbers that are none."""

    def fit(self, X, y=None):
        """Nothing to learn: every row is treated by itself."""
        self.n_features_in_ = int(np.prod(np.shape(X)[1:]))
        return self

    def transform(self, X):
        """(n, ...) -> (n, d). Raises WorkbookError naming the row that holds NaN or infinity."""
        return _checks.features(X) if np.ndim(X) == 2 else FlowMap().transform(X)

    def __sklearn_is_fitted__(self):
        return True


class Resampled(ClassifierMixin, BaseEstimator):
    """A classifier whose training rows are resampled inside `fit`. X: (n, d) without gaps.

    sampler: one of SAMPLERS or None; neighbours: of SMOTE, fewer where a class has fewer clips. What happened to each
    class stands in `record_`: clips before and after, and notes on what could not be done as asked.
    """

    def __init__(self, classifier, sampler=None, neighbours=5, random_state=None):
        self.classifier = classifier
        self.sampler = sampler
        self.neighbours = neighbours
        self.random_state = random_state

    def fit(self, X, y, groups=None):
        """Resample these rows, fit on the result. groups, (n,) people, are taken and not passed on.

        Raises WorkbookError for a single class, for rows with gaps, and for a classifier that would cut inner folds by
        person: rows made from two people belong to nobody, and their relatives would be on the other side.
        """
        X, y = _checks.features(X), np.asarray(y)
        if "groups" in inspect.signature(self.classifier.fit).parameters:
            remedy = "put the resampling inside: Tempered(Resampled(KernelSVC())), not the other way round"
            raise WorkbookError("a classifier with inner folds cannot be fitted on resampled rows", remedy=remedy)
        if len(np.unique(y)) < 2:
            raise WorkbookError(f"all training clips are {y[0]}", remedy="train on more people or on coarser classes")
        X, y, self.record_ = resample(X, y, self.sampler, self.neighbours, self.random_state)
        self.classifier_ = clone(self.classifier).fit(X, y)
        self.classes_ = self.classifier_.classes_
        return self

    def predict(self, X):
        """(n,) classes, a row each: nothing is resampled here."""
        return self.classifier_.predict(_checks.features(X))

    def decision_function(self, X):
        """(n, K) values, or (n,) for two classes, of the classifier."""
        return self.classifier_.decision_function(_checks.features(X))

    @available_if(lambda self: hasattr(self.classifier, "predict_proba"))
    def predict_proba(self, X):
        """(n, K) probabilities, where the classifier has them."""
        return self.classifier_.predict_proba(_checks.features(X))


def resample(X, y, sampler, neighbours=5, random_state=None):
    """(X, y, record) with all classes equally frequent. X: (n, d); y: (n,); sampler: one of SAMPLERS, or None.

    New rows follow the old ones, which stay as they are; undersampling keeps a subset. A class of n clips has at most
    n - 1 neighbours; the only clip of a class has none, and is copied: that is where SMOTE's line between neighbours
    shrinks to a point. Borderline SMOTE makes nothing for a class that has no border clip. `record` says all of it:
    {"clips": {class: [before, after]}, "notes": [[class, what]]}, and is empty without a sampler.
    """
    if sampler is None:
        return X, y, {}
    require_known(sampler, SAMPLERS, "sampler")
    labels, counts = np.unique(y, return_counts=True)
    notes = []
    if sampler == "undersample":
        from imblearn.under_sampling import RandomUnderSampler

        X, y = RandomUnderSampler(random_state=random_state).fit_resample(X, y)
    else:
        new = [_more(X, y, label, counts.max(), sampler, neighbours, random_state, notes) for label in labels]
        y = np.concatenate([y, np.repeat(labels, [len(rows) for rows in new])])
        X = np.concatenate([X, *new])
    clips = {str(label): [int(count), int((y == label).sum())] for label, count in zip(labels, counts, strict=True)}
    return X, y, {"clips": clips, "notes": notes}


def _more(X, y, label, wanted, sampler, neighbours, random_state, notes):
    """(m, d) new rows of one class, so that it has `wanted` of them. What had to be done otherwise goes into notes."""
    from imblearn.over_sampling import SMOTE, BorderlineSMOTE, RandomOverSampler  # not at module level: half a second

    count = int((y == label).sum())
    if count == wanted:
        return X[:0]
    few = min(neighbours, count - 1)
    if sampler != "oversample" and few < neighbours:
        notes.append([str(label), f"{few} instead of {neighbours} neighbours" if few else "its only clip was copied"])
    given = {"sampling_strategy": {label: wanted}, "random_state": random_state}
    if sampler == "oversample" or not few:
        maker = RandomOverSampler(**given)
    elif sampler == "smote":
        maker = SMOTE(k_neighbors=few, **given)
    else:
        maker = BorderlineSMOTE(k_neighbors=few, m_neighbors=min(2 * neighbours, len(y) - 1), **given)
    new = maker.fit_resample(X, y)[0][len(X) :]
    if not len(new):
        notes.append([str(label), "no clip at the border, nothing made"])
    return new
