"""Who is held out. Every split is by person and says so by assertion, not by hope."""

import warnings
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

from helpers.workspace import WorkbookError

SIDES = {"train", "test"}
FEWER = {"tiny": 4, "quick": 8}  # demo people among whom networks are compared; profile full takes all of them


class Fold(NamedTuple):
    """One held-out part: `name`, and row positions of training and test samples."""

    name: str
    train: np.ndarray
    test: np.ndarray


def loso(samples):
    """Leave one subject out: a fold a person (dataset + subject), in sorted order.

    samples: Samples. Raises WorkbookError when there is one person only.
    """
    return _held_out(samples, samples.subject, "person")


def lodo(samples):
    """Leave one dataset out. Raises WorkbookError when there is one dataset only."""
    return _held_out(samples, samples.dataset, "dataset")


def grouped(samples, y, n):
    """n folds of people with about the same share of each class; fewer where fewer people show a class.

    y: (n,) classes. For work that fits thousands of models; a headline is leave-one-subject-out. Raises WorkbookError
    when a class is shown by one person only: it would be missing where that person is held out.
    """
    y, subjects = np.asarray(y, dtype=str), samples.subject.to_numpy()
    people = min(len(set(subjects[y == label])) for label in np.unique(y))
    if people < 2:
        raise WorkbookError("a class is shown by one person only", remedy="take classes that more people show")
    with warnings.catch_warnings():  # fewer clips of a class than folds is no surprise here
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        parts = list(StratifiedGroupKFold(min(n, people)).split(y, y, subjects))
    return _apart([Fold(f"part{number}", *part) for number, part in enumerate(parts)], samples)


def parts(samples, n):
    """n folds of whole people with about as many clips each, whatever their classes; fewer for fewer people.

    For a training that is looked into; a headline is leave-one-subject-out. A class that one part's people alone show
    is not there to train on when they are held out.
    """
    people = samples.subject.to_numpy()
    if len(set(people)) < 2:
        raise WorkbookError("only one person here: nothing is left to train on", remedy="give at least two persons")
    found = GroupKFold(min(n, len(set(people)))).split(people, groups=people)
    return _apart([Fold(f"part{number}", *part) for number, part in enumerate(found)], samples)


def for_networks(samples, profile):
    """Whose clips networks are trained and asked on: (n,) bool. Real people all, of drawn ones some, by profile.

    Networks take long, and leaving out one person at a time is not given up for that; so the demo is cut instead, to
    the people who show the most emotions (then: the most clips), that rare ones stay in. samples.attrs["synthetic"]
    says what is drawn.
    """
    if not samples.attrs["synthetic"] or profile.name not in FEWER:
        return np.full(len(samples), True)
    shown = samples.groupby("subject").emotion.agg(["nunique", "size"]).sort_values(["nunique", "size"], kind="stable")
    return samples.subject.isin(shown.index[-FEWER[profile.name] :]).to_numpy()


def fixed(samples):
    """The source's own train/test split (column `split`). Raises WorkbookError where a person is on both sides.

    Rows whose split is "duplicate", test stills that repeat a train still, are on neither side: nobody learns from
    them, and nobody is asked about them.
    """
    given = set(samples.split) if "split" in samples else set()
    if not SIDES <= given <= SIDES | {"duplicate"}:
        raise WorkbookError("these samples carry no train/test split", remedy="use loso")
    train, test = (np.flatnonzero(samples.split == side) for side in ("train", "test"))
    return _apart([Fold("test", train, test)], samples)


def natural(samples):
    """Name of the protocol that fits a source: its own split where it has one (it names no people), else "loso"."""
    return "fixed" if "split" in samples else "loso"


PROTOCOLS = {"loso": loso, "lodo": lodo, "fixed": fixed}


def _held_out(samples, column, what):
    units = sorted(column.unique())
    if len(units) < 2:
        raise WorkbookError(f"only one {what} here: nothing is left to train on", remedy=f"give at least two {what}s")
    values = column.to_numpy()
    return _apart(
        [Fold(unit, np.flatnonzero(values != unit), np.flatnonzero(values == unit)) for unit in units], samples
    )


def _apart(folds, samples):
    subjects = samples.subject.to_numpy()
    for fold in folds:
        both = set(subjects[fold.train]) & set(subjects[fold.test])
        if both:
            remedy = "prefix subjects with their dataset, or hold out people instead"
            raise WorkbookError(f"{min(both)} is on both sides of fold {fold.name}", remedy=remedy)
    return folds
