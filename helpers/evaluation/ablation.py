"""Two ablations on the same people, folds and seeds: networks on regions of the face, and parts of the fused SVM."""

import json

import pandas as pd

from helpers import models
from helpers.evaluation import changes, compare, predictions
from helpers.evaluation.scores import metrics
from helpers.models import fused_svm
from helpers.workspace import NotApplicable

SYSTEMS = ("rgb_cnn", "full_face_flow", "roi_cnn", "roi_graph", "roi_temporal", "roi_hybrid")
# One change at a time, against the variant without it
AU_PAIRS = [
    (f"fused_svm+{variant}", f"fused_svm+{other}")
    for variant, other in (("emphasis", "neither"), ("features", "neither"), ("both", "features"), ("both", "emphasis"),
                           ("both", "neither"))
]  # fmt: skip
SIGN = "disgust"  # what action units 9 and 10 are signs of


def predict(names, found, y, classes, folds, task, profile, seeds=(0,), store=None):
    """cross_predict of each model on the array that it takes. found: `arrays.Arrays`, y: (n,) classes in their order.

    Returns (predictions, records, absent): absent tells which models do not apply to this dataset, and why.
    WorkbookError, as of cross_predict; NotApplicable when none applies.
    """
    by_kind, absent = {}, []
    for name in names:
        try:
            found.of(name)
        except NotApplicable as why:
            absent.append({"model": name, "reason": why.problem})
        else:
            by_kind.setdefault(models.takes(name), []).append(name)
    if not by_kind:
        raise NotApplicable("; ".join(row["reason"] for row in absent))
    given = found.samples, y, classes, folds, profile, seeds, store
    made = [predictions.cross_predict(task, some, found.kinds[kind], *given) for kind, some in by_kind.items()]
    table, records = (pd.concat(tables, ignore_index=True) for tables in zip(*made, strict=True))
    return table, records, pd.DataFrame(absent, columns=["model", "reason"])


def systems(table, records, scores, task, names=SYSTEMS, resamples=2000, seed=0):
    """One row a model of `names` that is there, in this order: what it has, what it learned, what it scores.

    table, records: of `predict`; scores: of `scores.score` of that table. Columns: parameters; beats_prior, the share
    of fits that beat the class prior on their training clips; uf1, uar with intervals; uar_gain with uar_gain_lo and
    uar_gain_hi, paired over people, over the model of the row before; fusion_temporal, fusion_graph: mean learned
    weights, and fusion_sd, their deviation over fits.
    """
    names = [name for name in names if name in set(table.model[table.task == task])]
    rows = scores[(scores.task == task) & (scores.slice == "all")].set_index("model").loc[names]
    rows = rows[["n", "people", "seeds", "uf1", "uf1_lo", "uf1_hi", "uar", "uar_lo", "uar_hi"]]
    learned = pd.DataFrame(
        {name: _learned(records[(records.task == task) & (records.model == name)]) for name in names}
    )
    steps = pd.DataFrame(index=pd.Index(names[1:], name="model"), columns=["uar_gain", "uar_gain_lo", "uar_gain_hi"])
    if len(names) > 1:
        pairs = list(zip(names[1:], names[:-1], strict=True))
        steps[:] = compare.pairs(table, task, pairs, "uar", resamples, seed)[["gain", "lo", "hi"]].to_numpy()
    return learned.T.join(rows).join(steps.astype(float)).rename_axis("model").reset_index().infer_objects()


def _learned(records):
    """Facts of one model's fits."""
    found = [json.loads(text) for text in records.recorded]
    facts = {
        "parameters": found[0]["parameters"], "beats_prior": sum(one["beats_prior"] for one in found) / len(found)
    }  # fmt: skip
    if "fusion" in found[0]:
        shares = pd.DataFrame([one["fusion"] for one in found])
        facts |= {f"fusion_{branch}": shares[branch].mean() for branch in shares} | {
            "fusion_sd": shares.iloc[:, 0].std()
        }
    return pd.Series(facts, dtype=object)


def signs(table, task, label=SIGN, wanted=None, resamples=2000, seed=0):
    """What emphasis and AU9/10 columns bring to the recall of one class: AU_PAIRS, paired over people.

    Columns as of `compare.contrasts`, with recall, that of `model`. NotApplicable for a task without the class.
    """
    found = changes.resampled(table[table.model.isin(fused_svm.names())], task, resamples, seed)
    if label not in found.classes:
        raise NotApplicable(f"{task} has no class {label}")
    column = found.classes.index(label)
    point = {name: metrics(counts)["recall"][..., column].mean() for name, counts in found.point.items()}
    drawn = {name: metrics(counts)["recall"][..., column].mean(axis=1) for name, counts in found.drawn.items()}
    rows = compare.contrasts(point, drawn, wanted or AU_PAIRS, found.people)
    return rows.assign(recall=rows.model.map(point), label=label, task=task)
