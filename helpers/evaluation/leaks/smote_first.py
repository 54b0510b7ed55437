"""SMOTE before the split: synthetic rows lie between real ones (Chawla et al. 2002, doi:10.1613/jair.953), whose other
neighbours, copies but for a few per cent, are then tested.

Those who do it resample all rows, deal them out at random and score what comes, synthetic rows included. A synthetic
row belongs to nobody; so that people can be drawn for the interval, it is given to the person of the nearest clip of
its class, as a rule one of the two that it was made from.
"""

from functools import partial

import numpy as np
import pandas as pd
from sklearn.neighbors import NearestNeighbors

from helpers.evaluation.leaks import Leak, _twins
from helpers.models import imbalance

FOLDS = 5


def inside(data, seed, fold, family):
    """`learn` of the clean twin: the same SMOTE, of training rows only."""
    X, y = resampled(data.X[fold.train], data.y[fold.train], seed)
    groups = np.arange(len(y)).astype(str)  # a synthetic row has no person; nothing here splits by them
    made = _twins.model(family, data, seed, "+none").fit(X, y, groups=groups)
    return made.classes_, {"": made.predict_proba(data.X[fold.test])}


def resampled(X, y, seed):
    """(X, y) with new rows behind the old ones, all classes equally frequent. X: (n, ...)."""
    rows, y, _ = imbalance.resample(X.reshape(len(X), -1), y, "smote", random_state=seed)
    return rows.reshape(len(rows), *X.shape[1:]), y


def larger(data, seed):
    """Data with synthetic rows behind the real ones, each given to a person."""
    X, y = resampled(data.X, data.y, seed)
    flat, n, owner = X.reshape(len(X), -1), len(data.y), np.arange(len(y))
    for label in np.unique(y[n:]):
        real, new = np.flatnonzero(y[:n] == label), n + np.flatnonzero(y[n:] == label)
        nearest = NearestNeighbors(n_neighbors=1).fit(flat[real]).kneighbors(flat[new], return_distance=False)
        owner[new] = real[nearest[:, 0]]
    samples = data.samples.iloc[owner].reset_index(drop=True)
    names = [f"{one}#synthetic{k}" for k, one in enumerate(samples.sample_id[n:])]
    samples["sample_id"] = [*data.samples.sample_id, *names]
    samples.attrs = data.samples.attrs
    return data._replace(samples=samples, X=X, y=y)


def _twins_of(data, family):
    folds, n = _twins.parts(data, FOLDS)
    table = _twins.ask(data, f"{family}+smote", folds, partial(inside, family=family))
    learn, tables = partial(_twins.plain, family=family, step="+none"), []
    for seed in data.seeds:
        more = larger(data, seed)._replace(seeds=(seed,))
        mixed = _twins.random_folds_that_mix_people(more, n)
        tables.append(_twins.ask(more, f"{family}+smote_first", mixed, learn))
    leaky = _twins.leaky(pd.concat(tables, ignore_index=True), family, "smote_first")
    return _twins.Twins(_twins.honest(data, table, folds, f"parts{n}"), leaky)


LEAKS = (
    Leak(
        "smote_first", "SMOTE before random folds",
        "SMOTE on all clips, then random folds; synthetic rows are scored like clips",
        "SMOTE on training people in folds of whole people", _twins_of,
    ),
    Leak(
        "smote_first_real_rows", "SMOTE first, real clips scored",
        "SMOTE on all clips, then random folds; only real clips are scored",
        "SMOTE on training people in folds of whole people", _twins_of, real_only=True,
    ),
)  # fmt: skip
