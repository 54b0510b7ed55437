"""Accuracy, fairness and interpretability of the same models, each as a number with an interval over people.

*Fairness* is asked twice: which class is found least, and how far apart are the people for whom a model works best and
worst? *Interpretability* has no agreed measure (Lipton 2018, doi:10.1145/3236386.3241340). Here it is what can be
checked: the share of a model's decisions that a linear readout foretells, called fidelity (see `readout`).
"""

import numpy as np
import pandas as pd
from scipy import linalg
from sklearn.model_selection import GroupKFold

from helpers.evaluation import compare, predictions
from helpers.evaluation.scores import interval, metrics, person_counts, resample_people
from helpers.features.flow_map import FlowMap

FEWEST_PEOPLE = 5  # who must show a class before its recall says anything about a model
FEWEST_CLIPS = 5  # of a person, before a share of them says anything about the person
SHARE = 0.2  # of the people: the fifth for whom a model works best, and worst
SHUFFLES = 200  # of what was right among clips of a class, for the gap that luck makes
FLOOR = 0.01  # a probability below counts as this: a forest says 0 where it has no tree left to say more with
PARTS = 5  # of the people; the readout of one part learns from the others
RIDGES = (0.01, 0.1, 1.0, 10.0)  # of the readout, in units of a pixel's mean square
MEASURES = ("accuracy", "weighted_f1", "uf1", "worst_recall", "gap", "fidelity")


def shown_enough(part):
    """Classes that at least FEWEST_PEOPLE people show, in the task's order; all classes where not even two are."""
    people = part.groupby("y_true").subject.nunique()
    classes = predictions.classes_of(part)
    enough = [name for name in classes if people.get(name, 0) >= FEWEST_PEOPLE]
    return enough if len(enough) > 1 else classes


def statistics(predictions_table, readings, task, models, resamples=2000, seed=0):
    """Every measure of every model, and its resamplings, which all share their people.

    predictions_table: of the clips as they are; readings: of `readout`. Returns (point, drawn): {measure: {model:
    value}} and {measure: {model: (B,)}}. accuracy, weighted_f1, uf1: pooled. worst_recall: the lowest recall of any
    class that is shown enough, searched anew in each resampling, so that its interval leans low. gap: `gap` below.
    fidelity: mean of `read`.
    """
    of_task = predictions.check(predictions_table[predictions_table.task == task])
    classes = predictions.classes_of(of_task)
    rows = [classes.index(name) for name in shown_enough(of_task)]
    point, drawn = ({name: {} for name in MEASURES} for _ in range(2))
    for model in models:
        part = of_task[of_task.model == model]
        counts = person_counts(part)
        for found, some in ((point, counts.sum(axis=0)), (drawn, resample_people(counts, resamples, seed))):
            value = metrics(some)
            for name in ("accuracy", "weighted_f1", "uf1"):
                found[name][model] = value[name].mean(axis=-1)
            found["worst_recall"][model] = value["recall"][..., rows].mean(axis=-2).min(axis=-1)
        point["gap"][model], drawn["gap"][model] = gap(part, resamples, seed)
        read = readings[(readings.task == task) & (readings.model == model)].groupby("subject")["read"]
        sums, sizes = read.sum().to_numpy(float), read.size().to_numpy(float)
        weights = np.random.default_rng(seed).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), resamples)
        point["fidelity"][model], drawn["fidelity"][model] = (
            sums.sum() / sizes.sum(),
            weights @ sums / (weights @ sizes),
        )
    return point, drawn


def gap(part, resamples=2000, seed=0):
    """How much more often a model is right about its best fifth of people than about its worst, beyond luck.

    part: predictions of one model and task. People with FEWEST_CLIPS clips or more; a person's accuracy is the mean
    over seeds. Best minus worst of n people with a few clips each is large even if a model treats all alike, so the
    same gap is computed SHUFFLES times with what was right or wrong shuffled among all clips of a class, and the mean
    of those is taken off: 0 is what luck and the mix of emotions make. Returns (gap, (B,) of resampled people), nan
    where fewer than FEWEST_PEOPLE people have clips enough.
    """
    rng = np.random.default_rng(seed)
    right = (
        part.assign(right=(part.y_true == part.y_pred).astype(float))
        .groupby("sample_id")
        .agg({"right": "mean", "subject": "first", "y_true": "first"})
    )
    people, codes, sizes = np.unique(right.subject, return_inverse=True, return_counts=True)
    kept = sizes >= FEWEST_CLIPS
    if kept.sum() < FEWEST_PEOPLE:
        return np.nan, np.full(resamples, np.nan)
    values = right.right.to_numpy()
    classes = [np.flatnonzero(right.y_true == name) for name in right.y_true.unique()]

    def shares(some):
        return (np.bincount(codes, some, len(people)) / sizes)[kept]

    luck = []
    for _ in range(SHUFFLES):
        shuffled = values.copy()
        for rows in classes:
            shuffled[rows] = rng.permutation(values[rows])
        luck.append(_between(shares(shuffled)))
    own = shares(values)
    drawn = own[rng.integers(0, len(own), (resamples, len(own)))]
    return _between(own) - np.mean(luck), _between(drawn) - np.mean(luck)


def _between(shares):
    """Mean of the highest fifth minus mean of the lowest. shares: (..., P)."""
    few, ordered = int(np.ceil(SHARE * shares.shape[-1])), np.sort(shares, axis=-1)
    return ordered[..., -few:].mean(axis=-1) - ordered[..., :few].mean(axis=-1)


def table(point, drawn):
    """One row a model: each measure of `statistics` with its 95 % interval, and `beaten_by`.

    beaten_by: models that are at least as good in UF1, worst recall and fidelity and better in one of them, by the
    numbers as they stand. Nobody's name there: the model is on the front of best compromises (Pareto).
    """
    rows = []
    for model in point["uf1"]:
        row = {"model": model}
        for name in MEASURES:
            low, high = interval(drawn[name][model])
            row |= {name: point[name][model], f"{name}_lo": low, f"{name}_hi": high}
        rows.append(row)
    found = pd.DataFrame(rows)
    axes = found[["uf1", "worst_recall", "fidelity"]].to_numpy()
    beaten = [", ".join(found.model[(axes >= mine).all(axis=1) & (axes > mine).any(axis=1)]) for mine in axes]
    return found.assign(beaten_by=beaten)


def best(point, drawn, measure, candidates, claimed, people):
    """Is the model that is `claimed` best really best in a measure, among candidates? Differences of one pair each.

    Returns (verdict, table): contrasts of the claimed model with each other candidate, corrected for their number, and
    "holds" where it is better than all of them, "contradicted" where one is better, else "not shown".
    """
    wanted = [(claimed, other) for other in candidates if other != claimed]
    found = compare.contrasts(point[measure], drawn[measure], wanted, people).assign(measure=measure)
    worse = (found.verdict == "worse").any()
    return "contradicted" if worse else "holds" if (found.verdict == "better").all() else "not shown", found


def readout(asked, task, maps, models):
    """Which decisions about unseen people does a linear readout foretell? A row a (model, seed, clip): `read`, 0 or 1.

    asked: of regions.Answers; maps: (sample_ids, flow) of the task. The readout knows a model by its answers alone: one
    weight a pixel and class, ridge regression of the model's centred log probabilities (FLOOR or more each) on
    normalised flow maps. It learns from the answers about other people's clips and about their copies with a region
    averaged away, and foretells what the model says of this person's clips; `read` is 1 where it is right. How much it
    shrinks (RIDGES) is what does best for that model on the people of the other parts. The mean of `read` is the
    model's fidelity (Craven & Shavlik 1996, papers.nips.cc/paper/1152; Guidotti et al. 2018, doi:10.1145/3236009). The
    truth plays no part: a model that is always wrong can be easy to read, and one that always says the same is easiest.
    A few hundred clips pin down only part of the weights, so that 1 is out of reach even for a linear model: the number
    ranks models that are read the same way. Who opens a linear model finds all its decisions in its own weights.
    """
    of_task = asked[(asked.task == task) & asked.model.isin(models)]
    classes = predictions.classes_of(of_task)
    facts = of_task.drop_duplicates("sample_id").set_index("sample_id").loc[maps[0]]
    answers = {key: some.set_index("sample_id").loc[maps[0]] for key, some in of_task.groupby(["model", "seed"])}
    rows = FlowMap().fit_transform(maps[1])
    rows -= rows.mean(axis=0)
    rows /= np.maximum(rows.std(axis=0), 1e-6)
    if len(rows) < rows.shape[1]:  # a rotation, which ridge regression does not notice: fewer numbers, same readout
        rows = linalg.qr(rows.T, mode="r")[0][: len(rows)].T
    logs = np.stack([np.log(some[[f"p_{name}" for name in classes]].clip(lower=FLOOR)) for some in answers.values()], 1)
    logs = logs - logs.mean(axis=2, keepdims=True)  # (rows, models, K)
    subjects, original = facts.subject.to_numpy(), (facts.region == "").to_numpy()
    parts = [part for _, part in GroupKFold(min(PARTS, len(set(subjects)))).split(rows, groups=subjects)]
    products = [rows[part].T @ rows[part] for part in parts]
    right = np.zeros((len(RIDGES), len(rows), len(answers)), int)
    said = np.stack([some.y_pred.map(classes.index) for some in answers.values()], axis=1)
    for part, product in zip(parts, products, strict=True):
        others = np.setdiff1d(np.arange(len(rows)), part)
        mean = logs[others].mean(axis=0)
        targets = rows[others].T @ (logs[others] - mean).reshape(len(others), -1)
        square, unit = sum(products) - product, len(others) * np.eye(rows.shape[1], dtype=rows.dtype)
        for number, ridge in enumerate(RIDGES):
            weights = linalg.solve(square + ridge * unit, targets, assume_a="pos")
            told = (rows[part] @ weights).reshape(len(part), *mean.shape) + mean
            right[number, part] = told.argmax(axis=2) == said[part]
    found = []
    for part in (part[original[part]] for part in parts):
        others = original & ~np.isin(subjects, subjects[part])
        best = right[:, others].mean(axis=1).argmax(axis=0)
        for k, (model, number) in enumerate(answers):
            names = {"task": task, "model": model, "seed": number, "subject": subjects[part]}
            found.append(pd.DataFrame(names | {"read": right[best[k], part, k]}))
    return pd.concat(found, ignore_index=True)
