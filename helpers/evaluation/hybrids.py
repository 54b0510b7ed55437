"""The re-created hybrid networks against a line through the pixels: who is asked what, and what came of it.

Every model gets the same clips, the same held-out people and the same seeds, each from the kind of array that it reads
(`arrays`). A comparison is between two models that differ in one thing.
"""

import json
from typing import NamedTuple

import numpy as np
import pandas as pd

from helpers import labels, workspace
from helpers.evaluation import ablation, compare, predictions, splits, subjects
from helpers.evaluation.scores import BASELINE
from helpers.models import fused_svm

LINEAR, OURS, HYBRID = "logistic", "ours", "roi_hybrid"
SIMPLE = (BASELINE, LINEAR, OURS)
PEERS = ("ststnet", "off_apexnet")
NETWORKS = (*PEERS, *ablation.SYSTEMS, *fused_svm.names())
MODELS = (*SIMPLE, *NETWORKS)
ACROSS = (*SIMPLE, PEERS[0])  # asked about a dataset that they have never seen
# What one more part brings: (model, the model without it) -> the part
STEPS = {
    ("full_face_flow", "rgb_cnn"): "motion instead of colour",
    ("roi_cnn", "full_face_flow"): "regions instead of the face",
    ("roi_graph", "roi_cnn"): "graph over regions",
    ("roi_temporal", "roi_cnn"): "transformer over windows",
    (HYBRID, "roi_graph"): "transformer beside the graph",
    (HYBRID, "roi_temporal"): "graph beside the transformer",
}


class Answers(NamedTuple):
    """Predictions of all tasks, one row of `records` a fit, models that do not apply, and why."""

    predictions: pd.DataFrame
    records: pd.DataFrame
    absent: pd.DataFrame


def predict(data, schemes, run, names=MODELS, protocol="loso"):
    """Ask every model that applies about people (or datasets) it has never seen; a task a scheme.

    data: arrays.Arrays; schemes: of labels.SCHEMES; run: what has profile, seeds and checkpoints, such as a
    show.records.Run; protocol: of splits.PROTOCOLS. For "lodo" a scheme must be about two datasets or more.
    """
    parts = []
    for scheme in schemes:
        y = labels.targets(data.samples, scheme)
        some, classes = data.select(y.notna().to_numpy()), labels.scheme(scheme).classes
        asked = some, y.dropna().to_numpy(str), classes, splits.PROTOCOLS[protocol](some.samples)
        task = f"{scheme}-{protocol}"
        parts.append(ablation.predict(names, *asked, task, run.profile, run.seeds, run.checkpoints))
    table, records, absent = zip(*parts, strict=True)
    return Answers(pd.concat(table, ignore_index=True), pd.concat(records, ignore_index=True), absent[0])


def across(samples, schemes):
    """The schemes whose clips come from two datasets or more: those of leave-one-dataset-out."""
    kept = {scheme: labels.targets(samples, scheme).notna().to_numpy() for scheme in schemes}
    return [scheme for scheme in schemes if samples.dataset[kept[scheme]].nunique() > 1]


def learning(records):
    """What each training of a network recorded, a row a fit: did it learn anything, and how did it go?

    Columns task, model, seed, fold, parameters, prior_loss, final_loss, beats_prior, losses (list, a number an epoch),
    inner_losses (likewise, of inner people; none without early stopping), kept_epoch, settings, fusion (dict or None).
    """
    rows = []
    for fit in records.itertuples():
        record = json.loads(fit.recorded) if fit.recorded else {}
        record = record.get("network", record)
        if "beats_prior" in record:
            own = {"task": fit.task, "model": fit.model, "seed": fit.seed, "fold": fit.fold}
            some = ("parameters", "prior_loss", "final_loss", "beats_prior", "losses", "settings")
            own |= {name: record[name] for name in some}
            own |= {"inner_losses": record.get("inner_losses", []), "kept_epoch": record.get("kept_epoch")}
            rows.append(own | {"fusion": record.get("fusion")})
    return pd.DataFrame(rows)


def over(table, task, reference, names, resamples, seed):
    """Each of these models over one other in UF1, corrected for their number; those that the task lacks are left out.

    Columns as of `compare.pairs`.
    """
    there = set(table.model[table.task == task])
    wanted = [(name, reference) for name in names if name in there and name != reference]
    return compare.pairs(table, task, wanted, "uf1", resamples, seed)


def steps(table, task, resamples, seed):
    """What each part of the hybrid brings in UF1, against the network without it: of STEPS, those that can be asked.

    Columns as of `compare.pairs`, then `change`. A correction for the number of steps.
    """
    there = set(table.model[table.task == task])
    wanted = [pair for pair in STEPS if set(pair) <= there]
    return compare.pairs(table, task, wanted, "uf1", resamples, seed).assign(change=[STEPS[pair] for pair in wanted])


def signs(table, task, resamples, seed):
    """`ablation.signs` of its class, or None where the task lacks the class or the variants of the fused SVM."""
    own = table[(table.task == task) & table.model.isin(fused_svm.names())]
    if ablation.SIGN not in set(own.y_true):
        return None
    return ablation.signs(table, task, resamples=resamples, seed=seed)


def chosen(records):
    """What models that search inside the training people chose: task, model, setting, folds, mean inner macro-F1."""
    rows = []
    for fit in records.itertuples():
        record = json.loads(fit.recorded) if fit.recorded else {}
        if "inner_macro_f1" in record:
            setting = record.get("kernels") or _words(record["chosen"])
            rows.append((fit.task, fit.model, setting, record["inner_macro_f1"]))
    table = pd.DataFrame(rows, columns=["task", "model", "setting", "inner"]).groupby(["task", "model", "setting"])
    found = table.inner.agg(folds="size", mean_inner_macro_f1="mean").reset_index()
    return found.sort_values(["task", "model", "folds"], ascending=[True, True, False], ignore_index=True)


def members(records):
    """The ensemble that `ours` became: ridge that inner people chose for each view and kernel, and in how many fits."""
    own = records[records.model == OURS]
    rows = [one | {"task": fit.task} for fit in own.itertuples() for one in json.loads(fit.recorded)["members"]]
    found = pd.DataFrame(rows).groupby(["task", "view", "kernel"]).ridge
    return found.agg(median_ridge="median", least="min", largest="max", fits="size").reset_index()


def _words(setting):
    return ", ".join(f"{key.split('__')[-1]} {value}" for key, value in sorted(setting.items()))


def people(table, task, model, other):
    """Person by person as the sources print it, most clips first, ending in mean, standard deviation, best and gain.

    The last row is the mean UAR of people less that of `other`. UAR of a person: over the classes that this person
    shows, which is why its mean is not the score (`subjects`).
    """
    rows, theirs = (subjects.table(table, task, name) for name in (model, other))
    ends = rows[["accuracy", "uar"]].agg(["mean", "std", "max"])
    ends.loc["gain"] = ends.loc["mean"] - theirs[["accuracy", "uar"]].mean()
    ends.insert(0, "subject", ["mean", "standard deviation", "best", f"gain over {other}"])
    return pd.concat([rows, ends], ignore_index=True).astype({"n": "Int64", "emotions": "Int64"})


def misses(table, task, names):
    """How each clip fares: a row a clip with truth, share of models (and seeds) that miss it, their commonest answer.

    Columns sample_id, subject, y_true, missed (0 to 1), said (commonest wrong answer or ""), p_true (mean probability
    of the truth), hardest first.
    """
    rows = table[(table.task == task) & table.model.isin(names)]
    p = rows[[f"p_{name}" for name in predictions.classes_of(rows)]].to_numpy()
    column = [predictions.classes_of(rows).index(truth) for truth in rows.y_true]
    rows = rows.assign(p_true=p[np.arange(len(rows)), column], missed=rows.y_true != rows.y_pred)
    said = rows[rows.missed].groupby("sample_id").y_pred.agg(lambda answers: answers.value_counts().index[0])
    found = rows.groupby(["sample_id", "subject", "y_true"]).agg(missed=("missed", "mean"), p_true=("p_true", "mean"))
    found = found.reset_index().assign(said=lambda clips: clips.sample_id.map(said).fillna(""))
    return found.sort_values(["missed", "p_true"], ascending=[False, True], ignore_index=True)


def looks(dataset, tasks):
    """Every configuration of these tasks whose held-out score anyone looked at: rows of benchmarks/looks.csv."""
    rows = pd.read_csv(workspace.ROOT / "benchmarks" / "looks.csv")
    schemes = {task.split("-")[0] for task in tasks}
    return rows[rows.data.str.startswith(dataset) & rows.task.str.split(r"[- ]", regex=True).str[0].isin(schemes)]
