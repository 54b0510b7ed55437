"""Scores from predictions: pooled over folds, with an explicit class list and intervals by resampling people.

UF1 is macro-F1 over pooled counts, UAR is balanced accuracy (See et al. 2019, doi:10.1109/FG.2019.8756611). Pooled
means: predictions of all folds first, then one score. The mean of per-person scores is another number, and a
misleading one where people have few clips of few classes.
"""

import datetime
import json

import numpy as np
import pandas as pd

from helpers import storage
from helpers.evaluation import predictions as tables
from helpers.workspace import WorkbookError

COLUMNS = (
    "task", "slice", "model", "n", "people", "seeds", "uf1", "uf1_lo", "uf1_hi", "uar", "uar_lo", "uar_hi", "accuracy",
    "weighted_f1",
)  # fmt: skip
BASELINE = "majority"
BLIND = (BASELINE, "stratified")  # models that look at no picture
LEVEL = 0.95
OUTCOMES = ("macro-F1", "minority recall", "majority recall")  # what imbalance and its treatments move


def confusion(y_true, y_pred, classes):
    """(K, K) counts, true class by predicted class, in the order of `classes`."""
    index = {name: number for number, name in enumerate(classes)}
    pairs = np.array([index[t] for t in y_true]) * len(classes) + np.array([index[p] for p in y_pred])
    return np.bincount(pairs, minlength=len(classes) ** 2).reshape(len(classes), len(classes))


def metrics(counts):
    """Metrics of confusion counts (..., K, K): a dict of arrays (...), and `recall`, `precision` (..., K).

    Every class counts in the means. A class without any true clip makes recall, F1 and both means nan: undefined, for
    every model alike, and not better by one class less. Precision of a class that is never predicted is 0.
    """
    counts = np.asarray(counts, dtype=float)
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    true, predicted, total = counts.sum(-1), counts.sum(-2), counts.sum((-2, -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = right / true
        precision = np.where(predicted > 0, right / predicted, 0)
        f1 = np.where(true > 0, 2 * right / (true + predicted), np.nan)
        weighted = np.nansum(f1 * true, -1) / total
    return {
        "uf1": f1.mean(-1), "uar": recall.mean(-1), "accuracy": right.sum(-1) / total, "weighted_f1": weighted,
        "recall": recall, "precision": precision, "f1": f1,
    }  # fmt: skip


def rarity(clips):
    """(rare, common): masks (K,) of classes with fewer of `clips` (K,) to train on than an even share, and the others.

    A class without any clip is neither, and takes no share. Where all classes are even none is rare.
    """
    clips = np.asarray(clips)
    rare = (clips > 0) & (clips * np.count_nonzero(clips) < clips.sum())
    return rare, (clips > 0) & ~rare


def outcomes(found, rare, common):
    """{outcome: (...)} of `metrics`: macro-F1, mean recall of `rare` and of `common` classes, masks (K,).

    Without a class in a mask its recall is nan: it is undefined.
    """
    some = [found["recall"][..., mask] if mask.any() else found["recall"] * np.nan for mask in (rare, common)]
    return dict(zip(OUTCOMES, (found["uf1"], *(recall.mean(-1) for recall in some)), strict=True))


def score(predictions, resamples=2000, seed=0):
    """Score table of a predictions table: COLUMNS, then recall_<class> of all tasks.

    One row a (task, slice, model); slice is "all" or, in a composite, a dataset. uf1 and uar are means over seeds of
    the pooled score; `_lo`, `_hi` are 95 % percentile intervals over `resamples` resamplings of people with
    replacement (Efron & Tibshirani 1993). A resampling without any clip of a class that the slice has is drawn again.
    Raises WorkbookError when the majority row is missing: a score without it can't be judged.
    """
    rows = []
    for task, of_task in predictions.groupby("task", sort=True):
        if BASELINE not in set(of_task.model):
            raise WorkbookError(
                f"task {task} has no {BASELINE} row", remedy=f"predict with the model {BASELINE!r} as well"
            )
        for name, part in _slices(of_task):
            models = sorted(part.model.unique(), key=lambda model: (model not in BLIND, model))
            rows += [_score(task, name, model, part[part.model == model], resamples, seed) for model in models]
    table = pd.DataFrame(rows)
    return table[[*COLUMNS, *(column for column in table if column.startswith("recall_"))]]


def row(table, task, model, part="all"):
    """One row of a score table."""
    return table[(table.task == task) & (table["slice"] == part) & (table.model == model)].iloc[0]


def best(table, task, metric="uf1", part="all"):
    """The row with the highest score of a task; chosen by outer scores, so it describes a table and is no claim."""
    return table[(table.task == task) & (table["slice"] == part)].nlargest(1, metric).iloc[0]


def by_subject(predictions):
    """A table, never a headline: clips, emotions, dominant emotion, accuracy, UAR of each person (mean over seeds)."""

    def one(part):
        right = part.y_true == part.y_pred
        recalls = right.groupby([part.seed, part.y_true]).mean()
        classes = part[part.seed == part.seed.iloc[0]].y_true.value_counts()
        shown = {"n": int(classes.sum()), "emotions": len(classes), "dominant": classes.index[0]}
        return pd.Series(shown | {"accuracy": right.mean(), "uar": recalls.groupby(level=0).mean().mean()})

    return predictions.groupby(["task", "model", "subject"])[["seed", "y_true", "y_pred"]].apply(one).reset_index()


def confusions(predictions):
    """{task: {model: {"classes": [...], "counts": K x K summed over seeds}}}, true class by predicted class."""
    found = {}
    for (task, model), part in predictions.groupby(["task", "model"]):
        classes = tables.classes_of(predictions[predictions.task == task])
        counts = confusion(part.y_true, part.y_pred, classes)
        found.setdefault(task, {})[model] = {"classes": classes, "counts": counts.tolist()}
    return found


def write(predictions, table, folder):
    """Write scores.csv and scores.json (scores, confusion matrices, per-subject results, time) into a folder."""
    with storage.atomic(folder / "scores.csv") as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")
    content = {
        "timestamp": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "scores": _without_nan(table),
        "confusion": confusions(predictions),
        "subjects": _without_nan(by_subject(predictions)),
    }
    with storage.atomic(folder / "scores.json") as temporary:
        temporary.write_text(json.dumps(content, indent=1, allow_nan=False))


def _without_nan(table):
    return table.astype(object).where(table.notna(), None).to_dict("records")


def resample_people(per_person, resamples, seed):
    """Confusion counts (B, S, K, K) of people drawn by `draw_people`. per_person: (P, S, K, K)."""
    return np.einsum("bp,pskl->bskl", draw_people(per_person, resamples, seed), per_person, optimize=True)


def draw_people(per_person, resamples, seed):
    """How often each of P people is drawn, (B, P); B = resamples. per_person: (P, S, K, K) counts of S seeds.

    Every class that has any clip is present in each resampling.
    """
    rng = np.random.default_rng(seed)
    people = len(per_person)
    has = per_person.sum(axis=(1, 3)) > 0  # (P, K): does this person have clips of this class?
    weights = np.empty((0, people))
    while len(weights) < resamples:
        drawn = rng.multinomial(people, np.full(people, 1 / people), size=resamples).astype(float)
        complete = ((drawn @ has > 0) | ~has.any(axis=0)).all(axis=1)
        weights = np.concatenate([weights, drawn[complete]])
    return weights[:resamples]


def _slices(of_task):
    datasets = sorted(of_task.dataset.unique())
    return [("all", of_task)] + (
        [(name, of_task[of_task.dataset == name]) for name in datasets] if len(datasets) > 1 else []
    )


def person_counts(part):
    """Confusion counts of one model's predictions of one task by person and seed: (P, S, K, K), people sorted."""
    classes, people, seeds = tables.classes_of(part), sorted(part.subject.unique()), sorted(part.seed.unique())
    counts = np.zeros((len(people), len(seeds), len(classes), len(classes)))
    for (subject, number), some in part.groupby(["subject", "seed"]):
        counts[people.index(subject), seeds.index(number)] = confusion(some.y_true, some.y_pred, classes)
    return counts


def interval(values):
    """Lower and upper end of the 95 % percentile interval of resampled values (B,)."""
    return tuple(np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]))


def _score(task, name, model, part, resamples, seed):
    counts = person_counts(part)
    point, drawn = metrics(counts.sum(axis=0)), metrics(resample_people(counts, resamples, seed))
    people, seeds = counts.shape[:2]
    row = {"task": task, "slice": name, "model": model, "n": part.sample_id.nunique(), "people": people, "seeds": seeds}
    for metric in ("uf1", "uar"):
        low, high = interval(drawn[metric].mean(axis=1))
        row |= {metric: point[metric].mean(), f"{metric}_lo": low, f"{metric}_hi": high}
    row |= {metric: point[metric].mean() for metric in ("accuracy", "weighted_f1")}
    recalls = point["recall"].mean(axis=0)
    return row | {f"recall_{label}": value for label, value in zip(tables.classes_of(part), recalls, strict=True)}
