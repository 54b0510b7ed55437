"""Predictions: one row a (task, model, seed, sample). Every score is computed from this table and from nothing else."""

import json
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from helpers import labels, models, storage
from helpers.datasets import _outside
from helpers.evaluation import _folds, _schema, splits
from helpers.evaluation._schema import COLUMNS, KEY
from helpers.workspace import WorkbookError

classes_of = _schema.classes_of


def cross_predict(task, names, X, samples, y, classes, folds, profile, seeds=(0,), store=None, settings=None):
    """Predict every sample by models that never saw its person.

    task: e.g. "megc3-loso". names: model names. X: (n, ...) array in the order of samples. y: (n,) classes.
    classes: all classes of the task, in order. folds: list of splits.Fold. profile: workspace.Profile. seeds: for the
    models that draw random numbers; the others run once, with the first. store: folder where finished folds are kept,
    so that an interrupted run redoes only the fold in hand. settings: of treated models, as `models.build` takes them.
    Returns (predictions, records): COLUMNS plus p_<class>; and one row a fit with its CPU seconds, whether it came
    from the store (its seconds then are those of the first time), and what it recorded.
    A class that a fold's training people lack gets probability 0 there and is named in the records.
    """
    if not len(X) == len(samples) == len(y):
        raise WorkbookError(f"{len(X)} arrays, {len(samples)} samples and {len(y)} labels do not match")
    y = np.asarray(y, dtype=str)
    keys = [
        (name, seed, fold)
        for name in names
        for seed in (seeds if models.stochastic(name) else seeds[:1])
        for fold in folds
    ]
    results = fit_folds(keys, X, samples, y, profile, store, task, settings)
    parts = [_rows(task, samples, y, classes, *key, result) for key, result in zip(keys, results, strict=True)]
    records = [_record(task, classes, *key, result) for key, result in zip(keys, results, strict=True)]
    predictions = pd.concat(parts, ignore_index=True).sort_values(KEY, kind="stable", ignore_index=True)
    return check(predictions), pd.DataFrame(records)


def fit_folds(keys, X, samples, y, profile, store=None, label="folds", settings=None):
    """Fit and predict each (model name, seed, Fold) of `keys`, processes side by side, one thread each.

    Returns a dict a key: `classes` of the fit, `y_pred` and `p` of the fold's test rows, CPU seconds `fit_s` and
    `predict_s`, `record` of the model, `stored`. WorkbookError names the first sample with NaN or infinity.
    """
    fields = [X[name] for name in X.dtype.names] if X.dtype.names else [X]
    broken = ~np.all([np.isfinite(values).reshape(len(X), -1).all(axis=1) for values in fields], axis=0)
    if broken.any():
        remedy = "leave such samples out by name, or repair the feature"
        row = samples.sample_id.iloc[broken.argmax()]
        raise WorkbookError("its array holds NaN or infinity", row=row, remedy=remedy)
    groups = samples.subject.to_numpy(str)
    arrays = X, y, groups, samples.sample_id.to_numpy(str)
    context = _folds.context(profile, [settings, storage.digest(Path(__file__))], *arrays) if store else ""
    return _folds.each(keys, partial(_fit, profile, X, y, groups, settings), context, store, label)


def cross_predict_schemes(schemes, protocol, names, X, samples, profile, seeds=(0,), store=None):
    """cross_predict for several class schemes: tasks <scheme>-<protocol>, each on the rows that its scheme keeps.

    schemes: names of labels.SCHEMES. protocol: name of splits.PROTOCOLS. X: (n, ...) in the order of samples.
    Returns (predictions, records) of all tasks.
    """
    parts = []
    for scheme in schemes:
        y = labels.targets(samples, scheme)
        kept = y.notna().to_numpy()
        some = samples[kept].reset_index(drop=True)
        folds, classes = splits.PROTOCOLS[protocol](some), labels.scheme(scheme).classes
        task = f"{scheme}-{protocol}"
        parts.append(cross_predict(task, names, X[kept], some, y[kept], classes, folds, profile, seeds, store))
    predictions, records = (pd.concat(tables, ignore_index=True) for tables in zip(*parts, strict=True))
    return predictions, records


def check(predictions, file=None):
    """Hold a predictions table to its schema and return it; WorkbookError names what is wrong and where.

    Checked are the rules of `_schema`: columns, no empty cell, unique keys, one truth and one person a sample, classes
    among the p_ columns, probabilities in 0..1 that sum to 1 over the task's classes, each (task, model, seed) predicts
    the same samples.
    """
    for fault in _schema.faults(predictions):
        raise WorkbookError(fault.problem, file=file, row=fault.row, remedy=_schema.REMEDIES[fault.rule])
    return predictions


def write(predictions, path):
    """Write predictions.csv atomically, probabilities with six significant digits."""
    with storage.atomic(path) as temporary:
        check(predictions, path).to_csv(temporary, index=False, float_format="%.6g")


def read(path):
    """Read predictions.csv and hold it to the schema. Raises WorkbookError for what is no table, and as `check`."""
    table = _outside.csv(path, _outside.PREDICTIONS, dtype={column: str for column in COLUMNS if column != "seed"})
    for column in table.columns[[name.startswith("p_") for name in table]]:
        table[column] = pd.to_numeric(table[column], errors="coerce").astype(float)  # what is no number is missing
    if table.get("seed", pd.Series(dtype=int)).dtype.kind != "i":
        raise WorkbookError("a seed is no whole number", file=path, remedy="write 0, 1, 2 in the column seed")
    return check(table, path)


def _fit(profile, X, y, groups, settings, name, fold_seed, fold):
    """Fit one model on one fold's training rows and predict its test rows."""
    model = models.build(name, profile, fold_seed, **(settings or {} if "+" in name else {}))
    start = time.process_time()  # a fit has one thread; wall time would count what else the machine does
    model.fit(X[fold.train], y[fold.train], groups=groups[fold.train])
    fitted = time.process_time()
    return {
        "classes": [str(label) for label in model.classes_],
        "y_pred": [str(label) for label in model.predict(X[fold.test])],
        "p": np.asarray(model.predict_proba(X[fold.test]), dtype=float).tolist(),
        "fit_s": fitted - start,
        "predict_s": time.process_time() - fitted,
        "record": getattr(model[-1], "record_", {}),
    }


def _rows(task, samples, y, classes, name, seed, fold, result):
    mine = samples.iloc[fold.test][["sample_id", "dataset", "subject"]].reset_index(drop=True)
    truth = {
        "task": task,
        "model": name,
        "seed": seed,
        "fold": fold.name,
        "y_true": y[fold.test],
        "y_pred": result["y_pred"],
    }
    p = pd.DataFrame(result["p"], columns=result["classes"]).reindex(columns=list(classes), fill_value=0.0)
    return pd.concat([mine.assign(**truth)[list(COLUMNS)], p.add_prefix("p_")], axis=1)


def _record(task, classes, name, seed, fold, result):
    unseen = ", ".join(label for label in classes if label not in result["classes"])
    timing = {"fit_s": result["fit_s"], "predict_s": result["predict_s"], "stored": result["stored"]}
    record = {"unseen_classes": unseen, "recorded": json.dumps(result["record"]) if result["record"] else ""}
    return (
        {"task": task, "model": name, "seed": seed, "fold": fold.name, "train": len(fold.train), "test": len(fold.test)}
        | timing
        | record
    )
