"""Guards against leaks, and a fault planted for each: a guard that was never seen to trip guards nothing."""

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.preprocessing import StandardScaler

from helpers.evaluation import splits
from helpers.evaluation.canaries import PERMUTATIONS, null, verdict
from helpers.features.flow_map import FlowMap
from helpers.workspace import WorkbookError


def between_rows(feature, X):
    """What is wrong if a feature's row depends on the rows beside it, or its fit on rows; "" if neither.

    feature: an unfitted transformer with `TAKES`. X: at least five rows of it. One that takes "features" may learn.
    """
    fitted, some = clone(feature).fit(X), [4, 1]
    whole = fitted.transform(X)
    if not np.allclose(fitted.transform(X[some]), whole[some], atol=1e-6):
        return "a row hangs on the rows beside it"
    learns = feature.TAKES == "features"
    if not learns and not np.allclose(clone(feature).fit(X[some]).transform(X[some]), whole[some], atol=1e-6):
        return "fit learned"
    return ""


def spoiled(X, groups, person):
    """X in which the rows of one person are huge: had they reached a scaler, a component or a choice, it would show."""
    return np.where((groups == person).reshape(-1, *[1] * (X.ndim - 1)), 1e6, X)


def told(fit, X, groups, person):
    """Whether what `fit(X)` learned, an array, hangs on the rows of a person who is held out."""
    return not np.array_equal(fit(X), fit(spoiled(X, groups, person)))


class Peeking(TransformerMixin, BaseEstimator):
    """A planted fault: a feature that takes off the mean of whatever rows it is given. (n, T, 3, H, W) -> (n, d)."""

    TAKES = "flow"

    def fit(self, X, y=None):
        """Learn nothing."""
        return self

    def transform(self, X):
        """Each row less the mean of all."""
        return X.reshape(len(X), -1) - X.reshape(len(X), -1).mean(axis=0)


class Remembering(ClassifierMixin, BaseEstimator):
    """A planted fault: what one fold was told is there to be asked for in the next. memory: a dict that folds share."""

    def __init__(self, memory):
        self.memory = memory

    def fit(self, X, y, groups=None):
        """Keep every row with its label."""
        self.classes_ = np.unique(y)
        self.memory.update((row.tobytes(), label) for row, label in zip(X, y, strict=True))
        return self

    def predict(self, X):
        """The label that a row once had; the first class where it is new."""
        return np.array([self.memory.get(row.tobytes(), self.classes_[0]) for row in X])


def guards(n=PERMUTATIONS, seed=0):
    """Does each guard of this workbook trip on a fault planted for it? Columns: fault, guard, passes, trips.

    passes: the guard lets the same thing without the fault go by; trips: it stops the fault. On invented maps, seconds.
    """
    rng = np.random.default_rng(seed)
    y, who = np.tile(["a", "b", "c"], 16), np.repeat([f"invented/p{number}" for number in range(8)], 6)
    X = rng.normal(size=(len(y), 1, 3, 8, 8)).astype(np.float32)
    ids = [f"{person}/{number}" for number, person in enumerate(who)]
    samples = pd.DataFrame({"sample_id": ids, "dataset": "invented", "subject": who})
    held_out, classes = who == who[0], ["a", "b", "c"]

    def stopped(test):
        try:
            splits.fixed(samples.assign(split=np.where(test, "test", "train")))
        except WorkbookError:
            return True
        return False

    def scaler(rows):
        return lambda X: StandardScaler().fit(X[rows].reshape(rows.sum(), -1)).mean_

    def leaks(model):
        return verdict(*null(model, X, samples, y, classes, n, seed), len(classes)).leaks

    maps = FlowMap(), Peeking()
    rows = {
        ("a person on both sides of a split", "splits"): (stopped(held_out), stopped(np.arange(len(y)) % 2 == 0)),
        ("a feature that looks at other rows", "between_rows"): [between_rows(one, X) for one in maps],
        ("a scaler fitted before the split", "told"): (
            told(scaler(~held_out), X, who, who[0]), told(scaler(np.full(len(y), True)), X, who, who[0]),
        ),
        ("a model that remembers earlier folds", "null"): (leaks("logistic"), leaks(_forgetting_nothing())),
    }  # fmt: skip
    found = [(*names, not honest, bool(fault)) for names, (honest, fault) in rows.items()]
    return pd.DataFrame(found, columns=["fault", "guard", "passes", "trips"])


def _forgetting_nothing():
    memory = {}
    return lambda number: Remembering(memory)
