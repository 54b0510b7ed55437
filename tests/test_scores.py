"""Scores against scikit-learn, against published confusion matrices, and intervals against theory."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, precision_score, recall_score

from helpers.evaluation import compare, predictions, scores
from helpers.workspace import WorkbookError

CLASSES = ["negative", "positive", "surprise"]


def table(y_true, y_pred, subjects, model="some", seed=0, task="megc3-loso", classes=CLASSES, dataset="casme2"):
    y_pred = np.asarray(y_pred)
    rows = pd.DataFrame({
        "task": task, "sample_id": [f"{dataset}/{who}/{n}" for n, who in enumerate(subjects)], "dataset": dataset,
        "subject": [f"{dataset}/{who}" for who in subjects], "model": model, "seed": seed,
        "fold": [f"{dataset}/{who}" for who in subjects], "y_true": y_true, "y_pred": y_pred,
    })  # fmt: skip
    return rows.assign(**{f"p_{name}": (y_pred == name).astype(float) for name in classes})


def random_table(n=120, people=12, seed=0, right=0.7):
    rng = np.random.default_rng(seed)
    subjects = np.sort(rng.integers(0, people, n).astype(str))
    y_true = rng.choice(CLASSES, n, p=[0.6, 0.25, 0.15])
    y_pred = np.where(rng.random(n) < right, y_true, rng.choice(CLASSES, n))
    majority = table(y_true, np.full(n, "negative"), subjects, "majority")
    return pd.concat([majority, table(y_true, y_pred, subjects)], ignore_index=True)


@given(st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_point_scores_equal_scikit_learns(seed):
    found = random_table(seed=seed)
    some = found[found.model == "some"]
    row = scores.row(scores.score(found, resamples=10), "megc3-loso", "some")
    y = some.y_true, some.y_pred
    assert row.uf1 == pytest.approx(f1_score(*y, average="macro", labels=CLASSES))
    assert row.uar == pytest.approx(recall_score(*y, average="macro", labels=CLASSES))
    assert row.accuracy == pytest.approx(accuracy_score(*y))
    assert row.weighted_f1 == pytest.approx(f1_score(*y, average="weighted", labels=CLASSES))
    assert row.recall_positive == pytest.approx(recall_score(*y, average=None, labels=["positive"])[0])


def test_a_published_matrix_shows_precision_that_was_printed_as_recall():
    counts = np.array([[219, 22, 9], [40, 62, 7], [21, 3, 59]])  # STSTNet's log on the composite
    found = scores.metrics(counts)
    assert found["precision"].mean() == pytest.approx(0.7605, abs=1e-4)  # printed as UAR
    assert found["uar"] == pytest.approx(0.7186, abs=1e-4)


def test_a_class_that_is_never_predicted_counts_and_is_not_dropped():
    counts = np.array([[10, 0, 0], [5, 5, 0], [4, 0, 0]])
    assert scores.metrics(counts)["uar"] == pytest.approx((1 + 0.5 + 0) / 3)
    assert scores.metrics(counts)["f1"][2] == 0


def test_a_class_without_clips_makes_the_mean_undefined_instead_of_better():
    for counts in ([[10, 0, 0], [0, 5, 0], [0, 0, 0]], [[9, 0, 1], [0, 5, 0], [0, 0, 0]]):
        assert np.isnan(scores.metrics(counts)["uar"]) and np.isnan(scores.metrics(counts)["uf1"])


def test_pooling_is_not_the_mean_over_people():
    found = table(["negative"] * 9 + ["positive"], ["negative"] * 10, ["a"] * 9 + ["b"], classes=CLASSES[:2])
    found = pd.concat([found.assign(model="majority"), found], ignore_index=True)
    pooled = scores.row(scores.score(found, resamples=20), "megc3-loso", "some").accuracy
    by_subject = scores.by_subject(found[found.model == "some"])
    assert pooled == pytest.approx(0.9) and by_subject.accuracy.mean() == pytest.approx(0.5)


def test_scores_without_the_majority_row_are_refused():
    found = random_table()
    with pytest.raises(WorkbookError, match="has no majority row"):
        scores.score(found[found.model != "majority"])


def test_seeds_are_averaged_after_pooling():
    found = random_table()
    good, bad = found[found.model == "some"], found[found.model == "some"].copy()
    bad["y_pred"], bad["seed"] = "negative", 1
    bad[["p_negative", "p_positive", "p_surprise"]] = [1.0, 0.0, 0.0]
    both = pd.concat([found, bad], ignore_index=True)
    row = scores.row(scores.score(both, resamples=10), "megc3-loso", "some")
    f1s = [f1_score(part.y_true, part.y_pred, average="macro") for part in (good, bad)]
    assert row.uf1 == pytest.approx(np.mean(f1s)) and row.seeds == 2


def test_composite_slices_are_scored_on_their_own():
    casme2 = random_table(seed=1)
    smic = random_table(seed=2)
    for column in ("sample_id", "subject", "fold", "dataset"):
        smic[column] = smic[column].str.replace("casme2", "smic")
    found = scores.score(pd.concat([casme2, smic], ignore_index=True), resamples=10)
    alone = scores.score(casme2, resamples=10)
    assert set(found["slice"]) == {"all", "casme2", "smic"}
    assert scores.row(found, "megc3-loso", "some", "casme2").uf1 == scores.row(alone, "megc3-loso", "some").uf1


def test_interval_covers_the_truth_about_as_often_as_it_says():
    """Accuracy over independent people of one clip each is binomial: the interval must cover p in about 95 %."""
    rng, covered = np.random.default_rng(0), 0
    for _ in range(60):
        right = rng.random(150) < 0.7
        counts = np.zeros((150, 1, 2, 2))
        truth = np.arange(150) % 2
        counts[np.arange(150), 0, truth, np.where(right, truth, 1 - truth)] = 1
        low, high = scores.interval(scores.metrics(scores.resample_people(counts, 400, 1))["accuracy"][:, 0])
        covered += low <= 0.7 <= high
    assert 50 <= covered <= 60


def test_people_are_resampled_not_clips():
    """Thirty clips of one person, always alike, are one observation: the interval must be as wide as that."""
    rng = np.random.default_rng(1)
    right = np.repeat(rng.random(20) < 0.6, 30)
    truth = np.tile(["negative", "positive"], 300)
    wrong = np.where(truth == "negative", "positive", "negative")
    found = table(truth, np.where(right, truth, wrong), np.repeat(np.arange(20).astype(str), 30), classes=CLASSES[:2])
    majority = table(
        truth, np.full(600, "negative"), np.repeat(np.arange(20).astype(str), 30), "majority", classes=CLASSES[:2]
    )
    row = scores.row(scores.score(pd.concat([found, majority]), resamples=500), "megc3-loso", "some")
    assert row.uar_hi - row.uar_lo > 0.3  # clip by clip it would be 0.08


def test_every_resampling_has_every_class():
    counts = np.zeros((8, 1, 2, 2))
    counts[:, 0, 0, 0] = 3
    counts[5, 0, 1, 1] = 1  # a class that one person alone shows
    drawn = scores.resample_people(counts, 300, 0)
    assert drawn.shape == (300, 1, 2, 2) and (drawn.sum(axis=(1, 3)) > 0).all()


def test_paired_gain_of_a_model_over_itself_is_zero_and_a_better_one_wins():
    found = random_table(right=0.4)
    truth = found[found.model == "some"].y_true
    perfect = found[found.model == "some"].assign(model="perfect", y_pred=truth)
    perfect[["p_negative", "p_positive", "p_surprise"]] = np.stack([truth == name for name in CLASSES], 1).astype(float)
    twin = found[found.model == "some"].assign(model="twin")
    gains = compare.gains(pd.concat([found, perfect, twin]), "megc3-loso", "some", resamples=200).set_index("model")
    assert gains.uf1_gain["twin"] == gains.uf1_lo["twin"] == gains.uf1_hi["twin"] == 0
    assert gains.verdict.to_dict() == {"majority": "worse", "perfect": "better", "twin": "tie"}


def test_paired_gain_needs_the_same_people():
    found = random_table()
    lost = found.subject.iloc[0]
    with pytest.raises(WorkbookError, match="never predicts"):
        compare.gains(found[(found.model == "majority") | (found.subject != lost)], "megc3-loso", "majority", 20)


def test_written_scores_can_be_read_and_agree(tmp_path):
    found = random_table()
    scored = scores.score(found, resamples=50)
    scores.write(found, scored, tmp_path)
    content = json.loads((tmp_path / "scores.json").read_text())
    again = pd.read_csv(tmp_path / "scores.csv")
    assert list(again.columns[: len(scores.COLUMNS)]) == list(scores.COLUMNS)
    assert again.uf1.to_numpy() == pytest.approx([row["uf1"] for row in content["scores"]], rel=1e-5)
    counts = np.array(content["confusion"]["megc3-loso"]["some"]["counts"])
    assert "NaN" not in (tmp_path / "scores.json").read_text()
    assert counts.sum() == 120 and len(content["subjects"]) == 2 * 12 and content["timestamp"]


# ------------------------------------------------------------------------------------------------ predictions


def test_predictions_survive_writing_and_give_the_same_scores(tmp_path):
    found = random_table()
    predictions.write(found, tmp_path / "predictions.csv")
    again = predictions.read(tmp_path / "predictions.csv")
    pd.testing.assert_frame_equal(scores.score(found, 50), scores.score(again, 50))
    some = again[again.model == "some"]
    assert balanced_accuracy_score(some.y_true, some.y_pred) == pytest.approx(
        scores.row(scores.score(again, 10), "megc3-loso", "some").uar
    )
    assert precision_score(some.y_true, some.y_pred, average="macro") > 0


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda t: t.drop(columns="fold"), "lack column.* fold"),
        (lambda t: pd.concat([t, t.iloc[[0]]]), "predicted twice"),
        (lambda t: t.iloc[1:], "never predicts a sample"),
        (lambda t: t.assign(p_negative=t.p_negative + 0.2), "do not sum to 1"),
        (lambda t: t.assign(y_pred=t.y_pred.replace("surprise", "joy")), "no column p_joy"),
        (lambda t: t.assign(p_negative=t.p_negative.mask(t.index == 7)), "are missing, negative"),
        (
            lambda t: t.assign(y_true=t.y_true.mask(t.index == 200, "surprise").mask(t.index == 80, "positive")),
            "y_true",
        ),
        (lambda t: t.assign(subject=t.subject.mask(t.index == 130, "casme2/99")), "several subject"),
    ],
)
def test_a_broken_predictions_table_is_refused_by_name(tmp_path, spoil, message):
    with pytest.raises(WorkbookError, match=message):
        predictions.write(spoil(random_table()), tmp_path / "predictions.csv")
    assert not list(tmp_path.iterdir())
