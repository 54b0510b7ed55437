"""What earlier systems claim follows, or does not follow, from what they print: by independent sums."""

import numpy as np
import pandas as pd
import pytest
from conftest import casme2_sheet
from sklearn.metrics import balanced_accuracy_score, f1_score, precision_score

from helpers.datasets import casme2
from helpers.evaluation import _printed as printed
from helpers.evaluation import claims
from helpers.workspace import WorkbookError


def answers(counts):
    """(true, predicted) rows of a confusion matrix, for sums by another library."""
    true, predicted = np.indices(np.shape(counts)).reshape(2, -1)
    return np.repeat(true, np.ravel(counts)), np.repeat(predicted, np.ravel(counts))


def test_the_summary_names_every_claim_once_and_what_went_wrong():
    table = claims.table()
    assert [*table.columns] == ["system", "printed_in", "claimed", "recomputed", "wrong", "holds"] and len(table) == 10
    assert (table.wrong == "").equals(table.holds) and table.claimed.is_unique and (table.recomputed != "").all()
    assert table[table.holds].claimed.tolist() == ["accuracy 46.3%, UAR 24.8%"], "one sum of ten is right"


def test_unknown_labels_were_counted_as_happiness():
    found = claims.happiness_141()
    assert not found.holds and "99 + 32 + 7 + 2 + 1 = 141" in found.recomputed and "published" in found.printed_in
    assert found.table.set_index("emotion").read_as_happiness["others"] == 99


def test_the_published_counts_are_those_of_the_real_sheet(shared):
    coded = casme2.read_sheet(casme2_sheet(shared))
    assert coded.emotion.value_counts().to_dict() == printed.SHEET
    found = claims.happiness_141(coded)
    assert "at hand" in found.printed_in and found.recomputed == claims.happiness_141().recomputed
    assert found.table.read_as_happiness.sum() == 141
    pd.testing.assert_frame_equal(claims.class_table(coded).table, claims.class_table().table)
    with pytest.raises(WorkbookError, match="254 clips are not all 255"):
        claims.table(coded[1:])


def test_the_class_table_is_of_other_data_than_the_matrix_and_the_weights():
    found = claims.class_table()
    table = found.table.set_index("emotion")
    assert not found.holds and table.class_table.sum() == table.confusion.sum() == 255
    assert table.loc[["surprise", "repression"], "class_table"].tolist() == [35, 17]
    for column in ("confusion", "trained_on", "sheet"):
        assert table.loc[["surprise", "repression"], column].tolist() == [25, 27]


def test_the_printed_class_weights_have_one_answer():
    weights, answers = np.array(printed.WEIGHTS), []
    for n in range(4, 1000):
        counts = np.rint(n / 4 / weights)
        if counts.all() and counts.sum() == n and np.allclose(np.round(n / 4 / counts, 3), weights):
            answers.append(counts.tolist())
    assert answers[0] == claims.class_table().table.trained_on.tolist() == [138, 25, 60, 27]
    assert all(sum(other) > 255 for other in answers[1:]), "more clips than there are"


def test_the_headline_of_004_is_the_right_sum_and_worse_than_a_constant():
    true, predicted = answers(printed.CONFUSION)
    table = claims.uar_of_004().table.set_index("metric")
    assert table.recomputed["uar"] == pytest.approx(balanced_accuracy_score(true, predicted))
    assert table.recomputed["accuracy"] == pytest.approx((true == predicted).mean())
    worse = claims.balanced()
    assert not worse.holds and worse.table.set_index("model").accuracy["majority"] == pytest.approx(141 / 255)
    assert worse.table.set_index("model").uar["majority"] == 0.25


def test_a_flat_loss_is_ln_4_and_its_accuracy_that_of_one_word():
    found = claims.flat_loss()
    assert not found.holds and "1.3863" in found.recomputed and "disgust: 60 of 250" in found.recomputed
    assert found.table.above.between(0, 0.001).all() and (found.table.accuracy == found.table.constant).all()


def test_the_mean_over_people_is_not_the_pooled_score():
    found = claims.mean_of_people()
    row = found.table.iloc[0]
    assert not found.holds and row.clips == 147 and row.mean_over_people == 0.367
    assert row.pooled_uar == pytest.approx(balanced_accuracy_score(*answers(printed.HYBRID)))
    assert round(row.pooled_uar, 3) == 0.467 and round(row.accuracy, 3) == 0.449


def test_guessing_is_within_the_interval_of_003():
    found = claims.no_better_than_guessing()
    row = found.table.iloc[0]
    assert not found.holds and row.lo < row.chance < row.hi < row.headline and row["mean"] < row.chance


def test_ststnet_printed_precision_as_recall_in_all_four_parts():
    found = claims.precision_as_recall()
    assert not found.holds and found.table.clips.tolist() == [442, 145, 164, 133]
    for row, (counts, claimed) in zip(found.table.itertuples(), printed.LOGS.values(), strict=True):
        true, predicted = answers(counts)
        assert row.precision == pytest.approx(precision_score(true, predicted, average="macro"))
        assert row.recall == pytest.approx(balanced_accuracy_score(true, predicted))
        assert row.uf1 == pytest.approx(f1_score(true, predicted, average="macro"))
        assert round(row.precision, 4) == claimed != round(row.recall, 4)
    assert round(found.table.recall[0], 4) == 0.7186
    full, *parts = (np.array(counts) for counts, _ in printed.LOGS.values())
    assert (sum(parts) == full).all(), "the three logs are the whole"


def test_the_best_validation_accuracy_is_the_error():
    found = claims.error_as_accuracy()
    assert not found.holds and len(found.table) == 1, "one count of images gives it"
    row = found.table.iloc[0]
    assert (row["count"], row["rest"]) == (105, 91) and round(row.rest_share, 2) == row.poster
    assert round(row.share, 2) != row.poster


def test_smote_and_pca_lowered_what_they_are_said_to_raise():
    found = claims.smote_claim()
    assert not found.holds and found.table[["pca", "smote"]].sum().tolist() == [2, 1]
    assert found.table.changed.tolist()[1:] == pytest.approx([-0.0677, 0.0036])
    assert (
        found.table.iloc[-1][["macro_f1", "fear", "disgust"]] < found.table.iloc[0][["macro_f1", "fear", "disgust"]]
    ).all()


def test_a_claim_that_becomes_true_is_found_to_hold(monkeypatch):
    """The verdicts are computed, not written down."""
    monkeypatch.setattr(printed, "HYBRID_MEAN", 0.467)
    monkeypatch.setattr(printed, "PERSON_MEAN", 0.6)
    monkeypatch.setattr(printed, "TRAINING", {3: (0.9, 0.6)})
    monkeypatch.setattr(printed, "BEST_VALIDATION", 0.4643)
    monkeypatch.setattr(printed, "PCA_SMOTE", {"macro_f1": 0.5, "fear": 0.3, "disgust": 0.4})
    monkeypatch.setattr(printed, "CONFUSION", ((141, 0, 0, 0), (0, 35, 0, 0), (0, 0, 62, 0), (0, 0, 0, 17)))
    monkeypatch.setattr(printed, "LOGS", {part: (log, recall) for (part, (log, _)), recall in zip(
        printed.LOGS.items(), (0.7186, 0.8190, 0.6703, 0.6415), strict=True)})  # fmt: skip
    monkeypatch.setattr(printed, "SHEET", printed.SHEET | {"happiness": 141, "others": 0, "disgust": 62})
    assert claims.happiness_141().holds and claims.class_table().holds and claims.balanced().holds
    assert claims.mean_of_people().holds and claims.no_better_than_guessing().holds and claims.flat_loss().holds
    assert claims.error_as_accuracy().holds and claims.smote_claim().holds and claims.precision_as_recall().holds
    assert not claims.uar_of_004().holds
