"""Who is held out. Every split is by person and says so by assertion, not by hope."""

from typing import NamedTuple

import numpy as np

from helpers.workspace import WorkbookError

SIDES = {"train", "test"}


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
