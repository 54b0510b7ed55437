"""Preparation that has seen everybody: scaler and components, or a choice of pixels by class, fitted on all data.

The second is the worse one: with many more pixels than clips, some go with the classes by chance, test clips included
(Ambroise & McLachlan 2002, doi:10.1073/pnas.102102699).
"""

from functools import partial

import numpy as np
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from helpers.evaluation import splits
from helpers.evaluation.leaks import Leak, _twins
from helpers.features.components import Components
from helpers.models import imbalance

BEST = 100  # pixels kept by the selection


def chosen(rows, y):
    """F of each column between the classes; 0 for a column without any variance, which can tell nothing."""
    varies = rows.std(axis=0) > 0
    found = np.zeros(rows.shape[1])
    found[varies] = f_classif(rows[:, varies], y)[0]
    return np.nan_to_num(found)


def steps(how, seed):
    """(steps that a leaky twin fits on all data, steps that it fits on training people as it should), unfitted."""
    if how == "selected":
        return [("map", imbalance.Rows()), ("select", SelectKBest(chosen, k=BEST))], [("scaler", StandardScaler())]
    projection = [("scaler", StandardScaler()), ("pca", Components(random_state=seed))]
    return [("map", imbalance.Rows()), *projection], []


def within(data, seed, fold, family, how):
    """`learn` of the clean twin: everything is fitted on training people."""
    first, rest = steps(how, seed)
    return _fitted(data, seed, fold, family, [*first, *rest])


def before(data, seed, fold, family, how):
    """`learn` of the leaky twin: rows come prepared, and only what follows is fitted on training people."""
    return _fitted(data, seed, fold, family, steps(how, seed)[1])


def _fitted(data, seed, fold, family, front):
    made = imbalance.pipeline(family, "weights", seed, front, calibrated=False)
    made.fit(data.X[fold.train], data.y[fold.train])
    return made.classes_, {"": made.predict_proba(data.X[fold.test])}


def _twins_of(data, family, how):
    folds, seeds = splits.loso(data.samples), data.seeds[:1]
    learn = partial(within, family=family, how=how)
    clean = _twins.honest(data, _twins.ask(data, f"{family}+{how}", folds, learn, seeds), folds, "loso")
    rows = Pipeline(steps(how, seeds[0])[0]).fit_transform(data.X, data.y)
    learn = partial(before, family=family, how=how)
    table = _twins.ask(data._replace(X=rows), f"{family}+{how}_on_all", folds, learn, seeds)
    return _twins.Twins(clean, _twins.leaky(table, family, f"{how}_on_all"))


LEAKS = (
    Leak(
        "projected_on_all", "scaler and PCA on all data", "each pixel standardised, 50 components found, on all clips",
        "both on training people", partial(_twins_of, how="projected"),
        {_twins.NETWORK: "it projects nothing; all that it measures is one scale a channel, anew in each fit"},
    ),
    Leak(
        "selected_on_all", "pixels selected on all data",
        f"the {BEST} pixels with the largest F between classes, of all clips", "the same on training people",
        partial(_twins_of, how="selected"), {_twins.NETWORK: "it takes all pixels"},
    ),
)  # fmt: skip
