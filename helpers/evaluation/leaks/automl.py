"""AutoML with the test set as its validation set, as source 001 gave it to FLAML (Wang et al. 2021, arXiv:1911.04706).

The search keeps what does best on the very rows that it is then reported on. Learners and trials are those of the clean
twin, which validates on inner folds by person (helpers/models/flaml.py); both take 50 components of training people.
"""

import logging
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from helpers import models
from helpers.evaluation.leaks import Leak, _twins
from helpers.models.flaml import CONVERGE, GroupedAutoML

FOLDS, TRIALS = 5, {"tiny": 7, "quick": 14, "full": 60}  # trials: each of FLAML's seven learners gets as many


def within(data, seed, fold):
    """`learn` of the clean twin."""
    made = models.on_components(GroupedAutoML(TRIALS[data.profile.name], seed), seed)
    made.fit(data.X[fold.train], data.y[fold.train], groups=data.people[fold.train])
    return made.classes_, {"": made.predict_proba(data.X[fold.test])}


def peeking(data, seed, fold):
    """`learn` of the leaky twin. Test rows of a class that training people lack cannot be validated on.

    FLAML would also repeat rows of rare classes here, and does not where it is given inner folds: that is turned off.
    """
    from flaml import AutoML

    front = models.on_components(None, seed)[:-1]
    rows, asked = front.fit_transform(data.X[fold.train]), front.transform(data.X[fold.test])
    y, truth = data.y[fold.train], data.y[fold.test]
    known = np.isin(truth, y)
    logging.getLogger("flaml.automl").setLevel(logging.ERROR)
    made = AutoML()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        made.fit(
            rows, y, X_val=asked[known], y_val=truth[known], task="classification", metric="macro_f1",
            max_iter=TRIALS[data.profile.name], time_budget=-1, eval_method="holdout", learner_selector="roundrobin",
            sample=False, auto_augment=False, seed=seed, n_jobs=1, verbose=0, custom_hp=CONVERGE,
        )  # fmt: skip
    return np.asarray(made.classes_), {"": made.predict_proba(asked)}


def _twins_of(data, family):
    (folds, n), seeds = _twins.parts(data, FOLDS), data.seeds[:1]
    clean = _twins.honest(data, _twins.ask(data, family, folds, within, seeds), folds, f"parts{n}")
    table = _twins.ask(data, f"{family}+peeking", folds, peeking, seeds)
    return _twins.Twins(clean, _twins.leaky(table, family, "automl"))


LEAKS = (
    Leak(
        "automl", "AutoML validates on the test set", "FLAML's search is given the test people as validation set",
        "it validates on inner folds of training people", _twins_of,
        dict.fromkeys(_twins.FAMILIES, "FLAML searches among learners of its own"), (_twins.AUTOML,),
    ),
)  # fmt: skip
