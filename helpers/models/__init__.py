"""Models: one file each, found by discovery. A file has the paper in its docstring and `build(profile, seed)`,
which returns an unfitted scikit-learn classifier whose `fit(X, y, groups=None)` sees training rows only.

X is flow (n, T, 3, H, W) float32, or what the file's `TAKES` names (evaluation/arrays.py makes it); y is (n,) str;
groups is (n,) str, the person of each row. A model whose fit draws random numbers sets `STOCHASTIC = True`; only those
are repeated over seeds. A file may also have `tuned(profile, seed)`: the same classifier with its settings searched
inside the training people (`_tuning`). It is a model too, under the file's name and `_tuned`, so that what tuning
brings can be seen.
"""

import importlib
import inspect
import warnings

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from helpers import workspace
from helpers.features.components import Components
from helpers.features.flow_map import FlowMap
from helpers.workspace import WorkbookError

# What models are made of, in this folder because only models use it; a module that is listed here is no model
PARTS = ("focal", "imbalance", "intensity", "training")
TUNED = "_tuned"
KINDS = ("flow", "windows", "standard", "frames", "fused")  # of arrays that models take


def names(kind="flow"):
    """Names of the models that take "flow" (or other arrays): of their files, and `_tuned` where a file has that."""
    files = {name: _file(name) for name in workspace.modules(__path__) if name not in PARTS}
    plain = [name for name, file in files.items() if getattr(file, "TAKES", "flow") == kind]
    return sorted([*plain, *(f"{name}{TUNED}" for name in plain if hasattr(files[name], "tuned"))])


def takes(name):
    """What a model is fed, one of KINDS."""
    return getattr(_keeper(name) if "+" in name else module(name), "TAKES", "flow")


def module(name):
    """The module of a model; WorkbookError lists the known names."""
    workspace.require_known(name, [known for kind in KINDS for known in names(kind)], "model")
    return _file(name.removesuffix(TUNED))


def build(name, profile, seed, **settings):
    """An unfitted classifier. profile: a workspace.Profile; seed: its random state.

    name: one of names(), or a classifier with its treatment of imbalance, such as svm+smote (`imbalance`) or
    cnn_lstm+weights (a file that has `treated`). settings: only those that `imbalance.build` takes.
    """
    if "+" in name:
        keeper = _keeper(name)
        return getattr(keeper, "treated", keeper.build)(name, profile, seed, **settings)
    made = module(name)
    return (made.tuned if name.endswith(TUNED) else made.build)(profile, seed, **settings)


def stochastic(name):
    """True when the model's fit depends on its seed."""
    known = _keeper(name) if "+" in name else module(name)
    return known.stochastic(name) if hasattr(known, "stochastic") else getattr(known, "STOCHASTIC", False)


def _keeper(name):
    """The file that builds a model with a treatment: that of its network, else `imbalance`."""
    learner = name.split("+")[0]
    own = _file(learner) if learner in workspace.modules(__path__) else None
    return own if hasattr(own, "treated") else _file("imbalance")


def _file(name):  # not at module level: the files import this module
    return importlib.import_module(f"{__name__}.{name}")


class GroupedPipeline(Pipeline):
    """A Pipeline whose fit takes `groups` (the person of each row) and hands them to the last step if it wants them."""

    def fit(self, X, y=None, groups=None):
        """Fit every step on these rows only. groups: (n,) person of each row; needed by steps that tune themselves."""
        last, estimator = self.steps[-1]
        wants = "groups" in inspect.signature(estimator.fit).parameters
        return super().fit(X, y, **({f"{last}__groups": groups} if wants else {}))


def on_components(classifier, seed, components=50):
    """Map, standardise, project to principal components, classify: the front of every tree model.

    On 2,352 pixels it makes tree models many times faster (benchmarks/evaluation.py).
    """
    reduce = Components(components, random_state=seed)
    steps = [("map", FlowMap()), ("scaler", StandardScaler()), ("pca", reduce), ("classifier", classifier)]
    return GroupedPipeline(steps)


def inner_folds(y, groups, n=3):
    """Person-grouped, class-stratified folds for tuning inside a training set, every class in every training part.

    y: (n,) classes; groups: (n,) person of each row; n: folds wanted, fewer where there are fewer people. A class so
    rare that a fold would train without it pins the person who shows it most to the training side of all folds.
    Returns (n,) int: the fold that validates each row, -1 for rows of pinned people. WorkbookError without groups or
    with a single person: inner splits that ignore people would put one person on both sides.
    """
    if groups is None:
        raise WorkbookError("fit needs groups", remedy="pass the person of each row: fit(X, y, groups=subjects)")
    y, people = np.asarray(y), np.unique(np.asarray(groups, dtype=str), return_inverse=True)[1]
    n = min(n, people.max() + 1, np.unique(y, return_counts=True)[1].max())
    if n < 2:
        problem = "inner folds need at least two people and two clips of some class"
        raise WorkbookError(problem, remedy="train on more people, or use a model that does not tune itself")
    fold_of = np.empty(len(y), int)
    with warnings.catch_warnings():
        # a class rarer than the folds is no surprise here: that is what pinning is for
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        for number, (_, test) in enumerate(StratifiedGroupKFold(n).split(np.zeros(len(y)), y, people)):
            fold_of[test] = number
    for label in np.unique(y):
        if len(set(fold_of[y == label])) == 1 and fold_of[y == label][0] >= 0:
            fold_of[people == np.bincount(people[y == label]).argmax()] = -1
    return fold_of


def fold_pairs(fold_of):
    """(train, test) index arrays of each fold that `inner_folds` left with somebody to validate on."""
    return [(np.flatnonzero(fold_of != k), np.flatnonzero(fold_of == k)) for k in np.unique(fold_of[fold_of >= 0])]
