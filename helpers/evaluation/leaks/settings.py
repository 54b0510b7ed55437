"""Settings picked by those who are tested: for each person alone, or one setting for all of them.

The clean twin has the same grid of 15 and asks inner folds of training people instead (Cawley & Talbot 2010,
jmlr.org/papers/v11/cawley10a.html). Everything is fitted inside the training people of its fold; nothing but the choice
differs.
"""

from functools import partial

import numpy as np
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC

from helpers.evaluation import splits
from helpers.evaluation.leaks import Leak, _network, _twins
from helpers.models import fold_pairs, imbalance, inner_folds
from helpers.workspace import WorkbookError

GRIDS = {  # 15 settings each, as one would write them down; by tens and half tens
    _twins.LINEAR: [(float(C),) for C in np.logspace(-5, 2, 15)],
    _twins.KERNEL: [(gamma, C) for gamma in (0.1, 1.0, 10.0) for C in (0.1, 1.0, 10.0, 100.0, 1000.0)],
    _twins.NETWORK: [(rate, share) for rate in (0.3, 1.0, 3.0) for share in (0.2, 0.4, 0.6, 0.8, 1.0)],
}  # C; gamma in units of 1 / (columns x variance) and C; rate in units of the profile's and share of its epochs
NESTED = "nested"


def logistic(data, seed, train, test):
    """(classes, (15, m, K) probabilities of the rows of `test`): scaled once, each C from the one before."""
    front = Pipeline(imbalance.front(_twins.LINEAR))
    rows, asked = front.fit_transform(data.X[train]), front.transform(data.X[test])
    made = LogisticRegression(class_weight="balanced", max_iter=2000, warm_start=True)
    found = [made.set_params(C=C).fit(rows, data.y[train]).predict_proba(asked) for (C,) in GRIDS[_twins.LINEAR]]
    return made.classes_, np.array(found)


def svm(data, seed, train, test):
    """The same of the kernel machine: distances once, a kernel a gamma."""
    front = Pipeline(imbalance.front(_twins.KERNEL))
    rows, asked = front.fit_transform(data.X[train]), front.transform(data.X[test])
    near, far = (euclidean_distances(some.astype(float), rows.astype(float), squared=True) for some in (rows, asked))
    scale = 1 / (rows.shape[1] * (rows.var() or 1))
    found = []
    for gamma, C in GRIDS[_twins.KERNEL]:
        made = SVC(C=C, kernel="precomputed", class_weight="balanced").fit(np.exp(-gamma * scale * near), data.y[train])
        values = made.decision_function(np.exp(-gamma * scale * far))
        found.append(softmax(values if values.ndim == 2 else np.column_stack([-values, values]), axis=1))
    return made.classes_, np.array(found)


def ststnet(data, seed, train, test):
    """The same of the network: a training a rate, asked after several epochs."""
    last, found = max(_network.all_epochs(data)), []
    for factor in dict.fromkeys(factor for factor, _ in GRIDS[_twins.NETWORK]):
        epochs = [round(share * last) for rate, share in GRIDS[_twins.NETWORK] if rate == factor]
        rate = factor * _network.SETTINGS[data.profile.name]["rate"]
        classes, answers = _network.after(data, seed, train, test, epochs, rate=rate)
        found += [answers[epoch] for epoch in epochs]
    return classes, np.array(found)


CANDIDATES = {_twins.LINEAR: logistic, _twins.KERNEL: svm, _twins.NETWORK: ststnet}


def all_settings(data, seed, fold, family):
    """`learn`: answers of each setting, and once more those of the setting that inner people chose."""
    candidates, y = CANDIDATES[family], data.y[fold.train]
    classes, found = candidates(data, seed, fold.train, fold.test)
    fold_of = inner_folds(y, data.people[fold.train])
    if not fold_pairs(fold_of):
        problem = f"too few people share classes to choose settings when {fold.name} is held out"
        raise WorkbookError(problem, remedy="take more people or a coarser class scheme")
    values = np.zeros((len(found), len(y), len(classes)))
    for train, test in fold_pairs(fold_of):
        values[:, test] = candidates(data, seed, fold.train[train], fold.train[test])[1]
    held_out = np.flatnonzero(fold_of >= 0)
    score = partial(f1_score, y[held_out], labels=classes, average="macro", zero_division=0)
    inner = [score(classes[some[held_out].argmax(axis=1)]) for some in values]
    answers = {str(setting): p for setting, p in zip(GRIDS[family], found, strict=True)}
    return classes, answers | {NESTED: found[int(np.argmax(np.round(inner, 12)))]}


def _twins_of(data, family, leak):
    folds, seeds = splits.loso(data.samples), _twins.seeds_of(family, data)
    learn = partial(all_settings, family=family)
    table = _twins.ask(data, f"{family}+{NESTED}", folds, learn, seeds)
    nested, tried = table[table.variant == NESTED], table[table.variant != NESTED]
    best = (
        _twins.best_for_each_person(tried)
        if leak == "settings_per_person"
        else _twins.best_for_all(tried, data.classes)
    )
    return _twins.Twins(_twins.honest(data, nested, folds, "loso"), _twins.leaky(best, family, leak))


LEAKS = (
    Leak(
        "settings_per_person", "settings picked per test person",
        "of 15 settings the one that is most often right about the held-out person",
        "of the same 15 the one that inner folds of training people choose",
        partial(_twins_of, leak="settings_per_person"),
    ),
    Leak(
        "settings_overall", "settings picked on all test people",
        "of 15 settings the one with the highest pooled UF1 of held-out people",
        "of the same 15 the one that inner folds of training people choose",
        partial(_twins_of, leak="settings_overall"),
    ),
)  # fmt: skip
