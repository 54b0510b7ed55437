"""Statistics of the test batch: what is tested is standardised by itself, all clips of the held-out person together.

In a network that is batch normalisation (Ioffe & Szegedy 2015, arXiv:1502.03167) left in its training mode; elsewhere a
scaler fitted on the test rows. No label is seen; but an answer then depends on the other clips of the same batch, and
on how many a person happens to have.
"""

import copy
from functools import partial

from sklearn.preprocessing import StandardScaler

from helpers.evaluation import splits
from helpers.evaluation.leaks import Leak, _twins


def by_itself(data, seed, fold, family):
    """`learn` of the leaky twin: the fit is that of the clean one, and asked otherwise."""
    made = _twins.model(family, data, seed).fit(data.X[fold.train], data.y[fold.train], groups=data.people[fold.train])
    asked = by_own_batch if family == _twins.NETWORK else by_own_scaler
    return made.classes_, {"": asked(made, data.X[fold.test])}


def by_own_scaler(made, X):
    """Probabilities of rows that are standardised by themselves. made: a fitted pipeline with steps map and scaler."""
    rows = StandardScaler().fit_transform(made["map"].transform(X))
    return made[2:].predict_proba(rows)


def by_own_batch(made, X):
    """Probabilities by a network whose batch normalisation knows nothing but these rows."""
    from torch.nn import BatchNorm2d

    made = copy.deepcopy(made)
    for layer in made[-1].network_.modules():
        if isinstance(layer, BatchNorm2d):
            layer.running_mean = layer.running_var = None  # torch then takes the statistics of the batch
    return made.predict_proba(X)


def _twins_of(data, family):
    clean = _twins.loso(data, family)
    seeds = _twins.seeds_of(family, data)
    table = _twins.ask(data, f"{family}+batch", splits.loso(data.samples), partial(by_itself, family=family), seeds)
    return _twins.Twins(clean, _twins.leaky(table, family, "test_statistics"))


LEAKS = (
    Leak(
        "test_statistics", "test batch's own statistics",
        "clips of the held-out person are standardised by their own mean and spread (network: batch normalisation)",
        "by those of training people", _twins_of,
    ),
)  # fmt: skip
