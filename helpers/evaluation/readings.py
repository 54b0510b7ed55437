"""A published score held against the predictions that should give it; and if they do not, which other sum does.

The same predictions give many numbers: pooled or averaged over people, recall or precision, all seeds or the best one.
What the field means by UF1 and UAR is one of them (See et al. 2019, doi:10.1109/FG.2019.8756611, module `scores`); the
others are known here by name, so that a number can be read for what it is. One of them: the F1 of mean precision and
mean recall, which is no mean F1 (Opitz & Burst 2019, arXiv:1911.03347).
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from helpers.evaluation.scores import metrics
from helpers.workspace import WorkbookError, require_known

CELLS = 2**22  # confusion counts held at a time
OTHER_NAMES = {"macro_f1": "uf1", "balanced_accuracy": "uar", "war": "accuracy"}
WORDS = {
    "uar": "the recall (UAR)", "precision": "the macro precision", "uf1": "the UF1", "accuracy": "the accuracy",
    "weighted_f1": "the weighted F1", "weighted_precision": "the weighted precision",
    "f1_of_means": "the F1 of mean precision and mean recall",
}  # fmt: skip
PUBLISHED = ("uf1", "uar", "accuracy", "weighted_f1")


class Coded(NamedTuple):
    """Rows of one task as numbers; rows whose truth or prediction is no class of the task are not among them."""

    classes: list
    true: np.ndarray  # (n,) place in classes
    predicted: np.ndarray
    codes: dict  # of columns: (n,) place in names
    names: dict

    def of(self, rows):
        """The rows of a mask (n,), numbered anew so that every name is one that they have."""
        names, codes = {}, {}
        for column in self.codes:
            found, codes[column] = np.unique(self.codes[column][rows], return_inverse=True)
            names[column] = self.names[column][found]
        return Coded(self.classes, self.true[rows], self.predicted[rows], codes, names)


class Claim(NamedTuple):
    """A published score: `text` as it was written, and by how much rounding may have changed it."""

    metric: str
    text: str
    value: float
    rounding: float


def coded(rows, classes):
    """Coded of a task's rows. A person is a dataset's subject: two datasets may both have a `1`."""
    places = pd.Index(classes)
    true, predicted = places.get_indexer(rows.y_true), places.get_indexer(rows.y_pred)
    known = (true >= 0) & (predicted >= 0)
    rows, codes, names = rows[known], {}, {}
    for column in ("sample_id", "dataset", "subject", "model", "seed", "fold"):
        codes[column], found = pd.factorize(rows[column], sort=True)
        names[column] = np.asarray(found).astype(str)
    people, codes["person"] = np.unique(
        codes["dataset"] * np.int64(len(names["subject"])) + codes["subject"], return_inverse=True
    )
    names["person"] = names["subject"][people % max(len(names["subject"]), 1)]
    return Coded(list(classes), true[known], predicted[known], codes, names)


def tally(units, true, predicted, classes, size):
    """(size, K, K) confusion counts of the rows of each unit. units: (n,) in 0..size-1; classes: K."""
    cells = (units * classes + true) * classes + predicted
    return np.bincount(cells, minlength=size * classes**2).reshape(size, classes, classes)


def scored(part, units):
    """Every kind of mean, a row a unit, in bounded memory. part: Coded; units: (n,) whole numbers from 0, none missing.

    Columns: those of WORDS over all classes; `<metric>_shown` over classes that the unit's truth has, and
    `<metric>_named` over those that its truth or its predictions have: what averaging libraries do by themselves.
    """
    k, size = len(part.classes), int(units.max()) + 1
    step = max(1, CELLS // k**2)
    order = np.argsort(units, kind="stable")
    edges = [*range(0, size, step), size]
    ends = np.searchsorted(units[order], edges)
    tables = []
    for first, last, begin, end in zip(edges, edges[1:], ends, ends[1:], strict=False):
        rows = order[begin:end]
        tables.append(_means(tally(units[rows] - first, part.true[rows], part.predicted[rows], k, last - first)))
    return pd.concat(tables, ignore_index=True)


def claims(text):
    """[Claim] of `uf1=.72,uar=71.9%`. Numbers above 1 are per cent. Raises WorkbookError for what is no claim."""
    found = []
    for part in text.split(","):
        name, _, number = (word.strip() for word in part.partition("="))
        name = OTHER_NAMES.get(name.lower(), name.lower())
        require_known(name, (*PUBLISHED, *OTHER_NAMES), "score")
        try:
            digits = len(number.rstrip("% ").partition(".")[2])
            value = float(number.rstrip("% "))
        except ValueError:
            value = np.nan
        if "%" in number or value > 1:
            value, digits = value / 100, digits + 2
        if not 0 <= value <= 1 or digits < 1:
            remedy = "write a number such as .7186 or 71.9%"
            raise WorkbookError(f"{name}={number} is no score", remedy=remedy)
        found.append(Claim(name, number, value, 0.5 * 10.0**-digits + 1e-9))
    return found


def check(part, claim):
    """(whether the predictions give the claim, what they give, what else gives it). part: Coded of one model.

    They give the mean over seeds of the pooled score. What else: words for each other reading with the claimed value,
    at most two.
    """
    runs = scored(part, part.codes["seed"])
    value = runs[claim.metric].mean()
    if abs(value - claim.value) <= claim.rounding:
        return True, value, []
    others = [words for words, other in _readings(part, runs, claim) if abs(other - claim.value) <= claim.rounding]
    return False, value, list(dict.fromkeys(others))[:2]


def _readings(part, runs, claim):
    """(words, value) of all that may have been published under the name of a metric, the likeliest first."""
    metric, words = claim.metric, WORDS[claim.metric]
    for name, other in WORDS.items():
        if name != metric:
            yield f"{other} of these predictions", runs[name].mean()
    absent = len(part.classes) - len(np.unique(part.true))
    if absent and f"{metric}_shown" in runs:
        for kind in ("shown", "named"):
            yield f"{words} without the {absent} class(es) that no sample has", runs[f"{metric}_{kind}"].mean()
    for group in _groups(part):
        column, size = part.codes[group], len(part.names[group])
        units, where = np.unique(part.codes["seed"] * np.int64(size) + column, return_inverse=True)
        table = scored(part, where)
        for kind in (metric, f"{metric}_shown", f"{metric}_named"):
            if kind in table:
                means = table[kind].groupby(units // size).mean()
                yield f"the mean over {_plural(group)} of {words}", means.mean()
    if len(runs) > 1:
        best = runs[metric].idxmax()
        for number, value in sorted(runs[metric].items(), key=lambda item: item[0] != best):
            which = f"{words} of seed {part.names['seed'][number]} alone"
            yield f"{which}, the best of {len(runs)}" if number == best else which, value
        together = scored(part, np.zeros(len(part.true), int))
        yield f"{words} of all seeds' counts added up, not the mean over seeds", together[metric].iloc[0]
    if len(part.names["dataset"]) > 1:
        for number, name in enumerate(part.names["dataset"]):
            some = part.of(part.codes["dataset"] == number)
            yield f"{words} on {name} alone", scored(some, some.codes["seed"])[metric].mean()


def _groups(part):
    """What scores may have been averaged over; folds that are people are not listed twice."""
    people, folds = (len(part.names[name]) for name in ("person", "fold"))
    pairs = len(np.unique(part.codes["person"] * np.int64(folds) + part.codes["fold"]))
    return ("person",) if people == folds == pairs else ("person", "fold")


def _plural(group):
    return {"person": "people"}.get(group, f"{group}s")


def _means(counts):
    found = metrics(counts)
    true, named = counts.sum(-1) > 0, (counts.sum(-1) + counts.sum(-2)) > 0
    precision, recall, f1 = found["precision"], np.nan_to_num(found["recall"]), np.nan_to_num(found["f1"])
    mean = precision.mean(-1), found["recall"].mean(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        table = {name: found[name] for name in PUBLISHED} | {
            "precision": mean[0],
            "weighted_precision": (precision * counts.sum(-1)).sum(-1) / counts.sum((-2, -1)),
            "f1_of_means": 2 * mean[0] * mean[1] / (mean[0] + mean[1]),
        }
        for kind, over in (("shown", true), ("named", named)):
            table[f"uar_{kind}"], table[f"uf1_{kind}"] = recall.sum(-1) / over.sum(-1), f1.sum(-1) / over.sum(-1)
    return pd.DataFrame(table)
