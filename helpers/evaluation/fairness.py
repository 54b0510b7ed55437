"""For whom does a model work? Recall by class, person, dataset and what is known of people; gaps, and what luck makes.

The recall of a group is the mean over classes of the share of its clips that are recognised, over those classes of
which every group of the division has FEWEST clips: groups that show other emotions are not compared by them. A gap is
the best group's recall minus the worst's. It is never below zero, and with few people it is large by luck alone, so
beside it stands what it is when people are dealt to groups at random (their clips stay together; of persons and classes
see `gaps`). Equal recall is what equalised odds ask for (Hardt et al. 2016, doi:10.48550/arXiv.1610.02413). Point
values: fairlearn's MetricFrame (Weerts et al. 2023, jmlr.org/papers/v24/23-0389).
"""

from pathlib import Path

import numpy as np
import pandas as pd

from helpers import datasets, workspace
from helpers.datasets import _outside
from helpers.evaluation import compare
from helpers.evaluation.calibration import upright
from helpers.evaluation.predictions import classes_of
from helpers.evaluation.scores import interval
from helpers.workspace import WorkbookError

TABLES = ("people.csv", "truth/people.csv")  # in a dataset's folder: one row a person
ATTRIBUTES = ("sex", "gender", "presentation", "age_group", "skin_group", "ethnicity")
FEWEST = 3  # people a group needs to be compared, and clips of a class: of two, an interval says nothing
ENOUGH = 5  # clips a person needs to be compared with others: with one clip everybody has all or nothing
CLASS, PERSON, DATASET = "class", "person", "dataset"


def people(dataset, data_dir, profile, seed):
    """What a source tells of its people: DataFrame(subject, and those of ATTRIBUTES that it has); empty if nothing.

    A table `people.csv` in the dataset's folder, column `subject` as the readers name people, without the dataset and
    without `sub`; the demo has one of its own. Ages and sexes that nobody wrote down are not guessed from faces. Raises
    WorkbookError for a table without `subject` or with a person twice.
    """
    root = datasets.folder(dataset, data_dir)
    if datasets.can_be_made(dataset):
        root = datasets.reader(dataset).make(root, workspace.profile(profile), seed)
    found = [Path(root) / name for name in TABLES if (Path(root) / name).is_file()]
    if not found:
        return pd.DataFrame(columns=["subject"])
    table = _outside.csv(found[0], dtype=str, keep_default_na=False)
    if "subject" not in table or table.subject.duplicated().any():
        raise WorkbookError("it needs one row a person, named in `subject`", file=found[0], remedy="correct the table")
    return table[["subject", *(name for name in ATTRIBUTES if name in table)]]


def divisions(predictions, people):
    """{division: (P,) group of each person, indexed by subject} that can be compared: DATASET and attributes.

    predictions: rows of one task. people: of `people`. A person without a known group is in none (""). Groups of
    fewer than FEWEST people are left out; a division with fewer than two groups is none.
    """
    who = predictions.drop_duplicates("subject").set_index("subject").dataset.sort_index()
    found = {DATASET: who}
    for name in [column for column in people if column != "subject"]:
        known = people.set_index("subject")[name]
        found[name] = pd.Series([known.get(_short(subject), "") for subject in who.index], index=who.index)
    kept = {}
    for name, groups in found.items():
        sizes = groups[groups != ""].value_counts()
        groups = groups.where(groups.isin(sizes.index[sizes >= FEWEST]), "")
        if (groups != "").any() and groups[groups != ""].nunique() > 1:
            kept[name] = groups
    return kept


def _short(subject):
    """A person's name in a table of people: without the dataset, and without `sub` before the number."""
    return subject.split("/")[-1].removeprefix("sub")


def groups(predictions, task, model, divided, resamples=2000, seed=0):
    """One row a (division, group) of one model: people, clips, recall, recall_lo, recall_hi (over people), classes.

    divided: of `divisions`. The division CLASS comes first: recall of each class. clips, classes: those that count in
    the recall. Means over seeds. An interval leaves out draws in which the group shows one of its classes no more;
    fewer than FEWEST people have none.
    """
    rows = _rows(predictions, task, model)
    counts = _Counts(rows)
    out = []
    for label, clips, right in zip(counts.classes, counts.clips.T, counts.right.T, strict=True):
        if clips.any():
            ends = _ends(clips[:, None], right[:, None], resamples, seed)
            out.append(
                (CLASS, label, int((clips > 0).sum()), int(clips.sum()), right.sum() / clips.sum(), *ends, label)
            )
    for name, who in divided.items():
        shared = _shared(counts, who)
        frame = frame_of(rows, who, shared)
        for group in sorted(set(who) - {""}):
            own = (who == group).to_numpy()
            ends = _ends(counts.clips[own][:, shared], counts.right[own][:, shared], resamples, seed)
            value = frame.by_group[group] if frame is not None else np.nan
            known = ", ".join(np.array(counts.classes)[shared])
            out.append((name, group, int(own.sum()), int(counts.clips[own][:, shared].sum()), value, *ends, known))
    columns = ["division", "group", "people", "clips", "recall", "recall_lo", "recall_hi", "classes"]
    return pd.DataFrame(out, columns=columns).assign(task=task, model=model)


def gaps(predictions, task, model, divided, resamples=2000, seed=0):
    """One row a division of one model: groups, best, worst, gap, gap_lo, gap_hi, by_luck, p, p_holm.

    The interval is over people, of whatever groups are best and worst in each draw (`calibration.upright`). by_luck:
    mean gap after a random deal, p: share of deals with a gap at least as large, corrected over the divisions. PERSON
    compares accuracies of people with ENOUGH clips; there luck deals the hits of each class out among its clips, and
    there is no interval, since a person cannot be drawn from. CLASS has an interval only, since nobody is dealt a
    class; classes that fewer than FEWEST people show are left out of it.
    """
    rows = _rows(predictions, task, model)
    counts = _Counts(rows)
    out = [_class_gap(counts, resamples, seed), _person_gap(rows, resamples, seed)]
    for name, who in divided.items():
        shared = _shared(counts, who)
        if shared.any():
            out.append(_gap(name, counts, who, shared, resamples, seed))
    columns = ["division", "groups", "best", "worst", "gap", "gap_lo", "gap_hi", "by_luck", "p"]
    table = pd.DataFrame([row for row in out if row], columns=columns)
    return table.assign(p_holm=compare.holm(table.p), task=task, model=model)


def frame_of(rows, who, shared):
    """fairlearn's MetricFrame of the recall over `shared` classes by group; None where groups share no class."""
    from fairlearn.metrics import MetricFrame  # not at module level: it takes a second to import
    from sklearn.metrics import recall_score

    classes = np.array(classes_of(rows))[shared]
    group = rows.subject.map(who)
    kept = (group != "") & rows.y_true.isin(classes)
    if not kept.any() or not len(classes):
        return None

    def recall(y_true, y_pred):
        return recall_score(y_true, y_pred, labels=list(classes), average="macro", zero_division=np.nan)

    some = rows[kept]
    return MetricFrame(metrics=recall, y_true=some.y_true, y_pred=some.y_pred, sensitive_features=group[kept])


class _Counts:
    """Clips and hits of each person (sorted) by class: (P, K) each, means over seeds."""

    def __init__(self, rows):
        self.classes = classes_of(rows)
        self.people = sorted(rows.subject.unique())
        seeds = rows.seed.nunique()
        cells = rows.assign(hit=rows.y_true == rows.y_pred).groupby(["subject", "y_true"]).hit.agg(["size", "sum"])
        wide = cells.unstack(fill_value=0) / seeds
        self.clips, self.right = (
            wide[part].reindex(index=self.people, columns=self.classes, fill_value=0).to_numpy(float)
            for part in ("size", "sum")
        )


def _rows(predictions, task, model):
    return predictions[(predictions.task == task) & (predictions.model == model)].dropna(axis=1, how="all")


def _shared(counts, who):
    """(K,) mask of classes of which every group has enough clips."""
    shown = [counts.clips[(who == group).to_numpy()].sum(axis=0) >= FEWEST for group in set(who) - {""}]
    return np.all(shown, axis=0)


def _draw(people, resamples, seed):
    return np.random.default_rng(seed).multinomial(people, np.full(people, 1 / people), size=resamples).astype(float)


def _recall(clips, right):
    """Mean recall over the last axis; nan where a class has no clip."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return (right / clips).mean(axis=-1)


def _ends(clips, right, resamples, seed):
    """95 % interval of the recall of some people, (P, K) each: (low, high)."""
    if not clips.shape[1] or (clips.sum(axis=1) > 0).sum() < FEWEST:
        return np.nan, np.nan
    weights = _draw(len(clips), resamples, seed)
    values = _recall(weights @ clips, weights @ right)
    return interval(values[np.isfinite(values)]) if np.isfinite(values).any() else (np.nan, np.nan)


def _class_gap(counts, resamples, seed):
    shown = (counts.clips > 0).sum(axis=0) >= FEWEST
    if shown.sum() < 2:
        return None
    clips, right = counts.clips[:, shown], counts.right[:, shown]
    weights, names = _draw(len(clips), resamples, seed), np.array(counts.classes)[shown]
    recall = right.sum(axis=0) / clips.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = (weights @ right) / (weights @ clips)
    return _named(CLASS, names, recall, drawn) | {"by_luck": np.nan, "p": np.nan}


def _gap(name, counts, who, shared, resamples, seed):
    names = sorted(set(who) - {""})
    member = np.array([(who == group).to_numpy() for group in names], float)  # (G, P)
    clips, right = counts.clips[:, shared], counts.right[:, shared]
    recall = _recall(member @ clips, member @ right)
    weights = _draw(len(clips), resamples, seed)
    drawn = np.stack([_recall((weights * own) @ clips, (weights * own) @ right) for own in member], axis=1)
    rng, known = np.random.default_rng(seed), np.flatnonzero(member.sum(axis=0))
    luck = []
    for _ in range(resamples):
        dealt = np.zeros_like(member)
        dealt[:, known] = member[:, rng.permutation(known)]
        luck.append(np.ptp(_recall(dealt @ clips, dealt @ right)))
    luck = np.array(luck)[np.isfinite(luck)]  # deals in which a group lacks a class of all others are no comparison
    return _named(name, names, recall, drawn) | _luck(luck, np.ptp(recall))


def _person_gap(rows, resamples, seed):
    """Accuracy of single people (seeds averaged); luck permutes hits among the clips of a class, whoever shows them."""
    rows = rows.assign(hit=(rows.y_true == rows.y_pred).astype(float))
    rows = rows.groupby(["subject", "sample_id", "y_true"], observed=True, as_index=False).hit.mean()
    rows = rows[rows.groupby("subject").hit.transform("size") >= ENOUGH]
    if rows.subject.nunique() < 2:
        return None
    hit = rows.hit.to_numpy()
    who, names = pd.factorize(rows.subject, sort=True)
    number, label, rng = np.bincount(who), pd.factorize(rows.y_true)[0], np.random.default_rng(seed)
    accuracy, luck = np.bincount(who, hit) / number, []
    order = np.argsort(label, kind="stable")
    for _ in range(resamples):
        mixed = np.lexsort((rng.random(len(hit)), label))
        dealt = np.empty_like(hit)
        dealt[order] = hit[mixed]
        luck.append(np.ptp(np.bincount(who, dealt) / number))
    found = _named(PERSON, [name.split("/")[-1] for name in names], accuracy, np.full((1, len(names)), np.nan))
    return found | _luck(np.array(luck), np.ptp(accuracy))


def _named(name, groups, recall, drawn):
    spread = np.ptp(drawn, axis=1)
    spread = spread[np.isfinite(spread)]
    low, high = upright(spread, np.ptp(recall)) if len(spread) else (np.nan, np.nan)
    row = {"division": name, "groups": len(groups), "best": groups[recall.argmax()], "worst": groups[recall.argmin()]}
    return row | {"gap": np.ptp(recall), "gap_lo": low, "gap_hi": high}


def _luck(luck, gap):
    if not len(luck):
        return {"by_luck": np.nan, "p": np.nan}
    return {"by_luck": luck.mean(), "p": (1 + (luck >= gap - 1e-12).sum()) / (1 + len(luck))}
