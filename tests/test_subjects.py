"""Person-by-person tables against counted cases and the documented matrix of an earlier system; logs both ways."""

import numpy as np
import pandas as pd
import pytest
from test_scores import CLASSES, random_table, table

from helpers.evaluation import logs, scores, subjects
from helpers.workspace import WorkbookError

TASK = "megc3-loso"


def two_people():
    """One person with three clips of two classes, one of them right in each class but one; one with a single clip."""
    people = ["a", "a", "a", "b"]
    truth = ["negative", "negative", "positive", "surprise"]
    found = table(truth, ["negative", "surprise", "positive", "negative"], people)
    return pd.concat([found, table(truth, ["negative"] * 4, people, "majority")], ignore_index=True)


def test_a_persons_uar_is_over_the_classes_that_this_person_shows():
    shown = subjects.table(two_people(), TASK, "some")
    assert shown.subject.tolist() == ["casme2/a", "casme2/b"]
    assert shown.uar.tolist() == [0.75, 0.0] and shown.emotions.tolist() == [2, 1]
    assert shown.dominant.tolist() == ["negative", "surprise"]


def test_the_mean_over_people_is_not_the_pooled_score():
    row = subjects.summary(two_people(), TASK, ["some"], "majority", resamples=50).iloc[0]
    assert row.person_mean == pytest.approx(0.375) and row.person_best == 0.75
    assert row.pooled == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert row.gain == pytest.approx(0.375 - 0.25)
    assert subjects.one_class(two_people(), TASK) == (1, 2)


def test_a_model_gains_nothing_over_itself_and_the_interval_holds_the_gain():
    found = random_table(people=20)
    rows = subjects.summary(found, TASK, ["some", "majority"], "majority", resamples=500).set_index("model")
    assert rows.loc["majority", ["gain", "gain_lo", "gain_hi", "pooled_gain", "pooled_lo", "pooled_hi"]].eq(0).all()
    some = rows.loc["some"]
    assert some.gain_lo < some.gain < some.gain_hi and some.pooled_lo < some.pooled_gain < some.pooled_hi
    means = scores.by_subject(found).groupby("model").uar.mean()
    assert rows.person_mean.to_dict() == pytest.approx(means.to_dict())


def test_a_log_comes_back_as_it_was_written(tmp_path):
    found = random_table()
    logs.write(found, TASK, "some", 0, tmp_path / "some.txt")
    back = logs.read(tmp_path / "some.txt", TASK, CLASSES, "some")
    wanted = found[found.model == "some"].sort_values("sample_id", ignore_index=True)
    assert back.sort_values("sample_id", ignore_index=True)[list(wanted)].equals(wanted)


def test_a_published_log_is_read_and_scored(tmp_path):
    path = tmp_path / "log.txt"
    path.write_text("casme2 sub01\nEP02_01f 1 1\nEP19_05f 0 0\nsmic s02\ns02_po_01 1 0\ns02_sur_01 2 2\n")
    back = logs.read(path, TASK, CLASSES)
    assert back.subject.unique().tolist() == ["casme2/sub01", "smic/s02"]
    counts = scores.confusion(back.y_true, back.y_pred, CLASSES)
    assert np.array_equal(counts, [[1, 0, 0], [1, 1, 0], [0, 0, 1]])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("EP02_01f 1 1\n", "line of a log"),
        ("casme2 sub01\nEP02_01f 1 7\n", "classes are 0 to 2"),
        ("casme2 sub01\nEP02_01f one 1\n", "classes are 0 to 2"),
        ("casme2 sub01\nEP02_01f 1 1 9\n", "line of a log"),
        ("casme2 sub01\n", "empty"),
    ],
)
def test_what_is_no_log_is_refused_by_its_line(tmp_path, text, problem):
    (tmp_path / "log.txt").write_text(text)
    with pytest.raises(WorkbookError, match=f"log.txt.*{problem}"):
        logs.read(tmp_path / "log.txt", TASK, CLASSES)


def test_a_log_of_nothing_is_not_written(tmp_path):
    with pytest.raises(WorkbookError, match="no predictions of other"):
        logs.write(random_table(), TASK, "other", 0, tmp_path / "log.txt")
    spaced = random_table().assign(sample_id=lambda rows: rows.sample_id + " x")
    with pytest.raises(WorkbookError, match="space"):
        logs.write(spaced, TASK, "some", 0, tmp_path / "log.txt")
    assert not list(tmp_path.iterdir())
