"""Baselines: one change at a time over the same rows, the given split kept, and what is missing stands as a row."""

import numpy as np
import pandas as pd
import pytest

from helpers.evaluation import baselines, changes
from helpers.evaluation.baselines import Part
from helpers.features import embedding
from helpers.models import imbalance

CLASSES = ("fear", "happiness", "contempt")


def toy():
    """Predictions of four models for 20 people, and their Part: SMOTE gets fear right, PCA changes nothing."""
    y = np.tile(["fear", "happiness", "happiness", "happiness"], 10)
    samples = pd.DataFrame({"sample_id": [f"k/{k}" for k in range(40)], "subject": [f"k/p{k // 2}" for k in range(40)]})
    said = {"+none": "happiness", "+pca+none": "happiness", "+smote": y, "+pca+smote": y}
    tables = []
    for name, y_pred in said.items():
        table = samples.assign(task="t", dataset="k", model=f"lbp:svm{name}", seed=0, fold="test", y_true=y)
        table["y_pred"] = y_pred
        tables.append(table.assign(**{f"p_{label}": (table.y_pred == label).astype(float) for label in CLASSES[:2]}))
    empty = pd.DataFrame()
    folds = [(None, np.arange(40))]
    part = Part("stills", "toy", "cluster", samples, y, CLASSES, empty, "t", folds, {}, {}, None, (), empty)
    return pd.concat(tables, ignore_index=True), part


def test_one_change_at_a_time_is_found_where_it_is_and_nowhere_else(monkeypatch):
    table, part = toy()
    monkeypatch.setattr(changes, "train_counts", lambda part: {"fear": 10, "happiness": 30})
    found = changes.resampled(table, "t", 200)
    wanted = changes.pairs_of(found.point)
    assert list(wanted.change) == ["PCA", "SMOTE", "SMOTE, PCA in both", "PCA and SMOTE at once"]
    effects = changes.effects(found, part, wanted).set_index(["change", "outcome"]).gain
    for change in ("SMOTE", "SMOTE, PCA in both", "PCA and SMOTE at once"):
        assert effects[change, "minority recall"] == 1 and effects[change, "majority recall"] == 0
    assert (effects["PCA"] == 0).all()
    rows = changes.by_class(found, part).set_index(["model", "class"])
    assert rows.recall["lbp:svm+none", "fear"] == 0 and rows.recall["lbp:svm+smote", "fear"] == 1


def test_a_class_that_training_never_saw_is_neither_minority_nor_majority():
    counts = np.array([[2.0, 0, 0], [0, 5, 0], [0, 3, 0]])
    found = changes.measured(counts, ["fear", "happiness", "contempt"], {"fear": 3, "happiness": 9})
    assert found["minority recall"] == 1 and found["majority recall"] == 1
    assert found["macro-F1"] == pytest.approx((1 + 10 / 13 + 0) / 3), "but it stays in macro-F1"
    records = pd.DataFrame({"model": ["majority", "a", "b"], "unseen_classes": ["contempt", "contempt", ""]})
    assert changes.unseen(records) == {"contempt": 0.5}


def test_the_draw_keeps_shares_sides_and_leaves_duplicates_out():
    split = pd.Series(["train"] * 80 + ["test"] * 40 + ["duplicate"] * 5)
    y = pd.Series((["a"] * 3 + ["b"]) * 31 + ["a"])
    kept = baselines.drawn(split, y, 20, 0)
    assert (split[kept] == "train").sum() == 20 and (split[kept] == "test").sum() == 20
    assert y[kept].value_counts().to_dict() == {"a": 30, "b": 10} and "duplicate" not in set(split[kept])


def test_every_feature_meets_every_combination_and_shrinks_alike():
    assert len(baselines.GRID) == 10 and all(imbalance.parse(name) for name in baselines.GRID)
    assert baselines.shrinkage(np.zeros((5, 1, 3, 28, 28)))["logistic"] == pytest.approx(1e-3)
    assert baselines.shrinkage(np.zeros((5, 1176)))["logistic"] == pytest.approx(2e-3)


def test_weights_that_cannot_be_had_are_a_row_that_says_so(monkeypatch):
    keys = {"parameters": 1, "width": 2, "milliseconds": 3.0, "weights": "w", "reason": "weights not reachable"}
    monkeypatch.setattr(embedding, "cost", lambda name: keys | {"name": name})
    table = changes.backbones(None, pd.DataFrame({"model": []})).set_index("name")
    assert table.result["resnet18"] == "unavailable: weights not reachable" and table.uf1.isna().all()
    assert set(table.index) == set(embedding.ARCHITECTURES)
