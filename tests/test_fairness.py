"""Fairness and calibration: planted gaps are found, luck is not taken for one, and perfect probabilities pass."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import recall_score

from helpers import datasets
from helpers.evaluation import calibration, fairness
from helpers.workspace import WorkbookError

CLASSES = ("negative", "positive")


def made(right, people=24, clips=12, seed=0, sure=None):
    """Predictions of `model` that gets the share right(person number) right, and the majority row; two datasets."""
    rng, parts = np.random.default_rng(seed), []
    for number in range(people):
        dataset = "samm" if number % 2 else "smic"
        truth = np.tile(CLASSES, clips // 2)
        hit = rng.random(clips) < right(number)
        answer = np.where(hit, truth, np.where(truth == "positive", "negative", "positive"))
        p = rng.uniform(0.5, 1, clips) if sure is None else np.full(clips, sure)
        part = pd.DataFrame({"y_true": truth, "y_pred": answer, "subject": f"{dataset}/{number:03d}"})
        part["sample_id"] = [f"{dataset}/{number:03d}/{clip}" for clip in range(clips)]
        part["p_positive"] = np.where(answer == "positive", p, 1 - p)
        parts.append(part.assign(dataset=dataset, p_negative=1 - part.p_positive))
    rows = pd.concat(parts, ignore_index=True).assign(task="t-loso", model="model", seed=0)
    rows["fold"] = rows.subject
    half = rows.assign(model="majority", y_pred="negative", p_negative=0.5, p_positive=0.5)
    return pd.concat([rows, half], ignore_index=True)


def gap_of(table, division, people=None):
    divided = fairness.divisions(table, pd.DataFrame({"subject": []}) if people is None else people)
    rows = fairness.gaps(table, "t-loso", "model", divided, resamples=200)
    return rows.set_index("division").loc[division]


def test_a_planted_gap_between_datasets_is_beyond_luck_and_its_size_is_found():
    gap = gap_of(made(lambda number: 0.9 if number % 2 else 0.5), "dataset")
    assert gap.gap == pytest.approx(0.4, abs=0.12) and gap.gap_lo > 0.2
    assert (gap.best, gap.worst) == ("samm", "smic") and gap.p_holm < 0.05 and gap.by_luck < 0.15


def test_luck_is_not_taken_for_a_gap():
    found = [gap_of(made(lambda _: 0.7, seed=seed), "dataset").p for seed in range(10)]
    assert np.mean(np.array(found) < 0.05) <= 0.2 and np.mean(found) > 0.3


def test_a_weak_person_is_found_among_equals_and_single_clips_are_no_person():
    gap = gap_of(made(lambda number: 0.1 if number == 5 else 0.9), "person")
    assert gap.worst == "005" and gap.p < 0.05 and np.isnan(gap.gap_lo)
    few = made(lambda _: 0.7, clips=4)
    assert "person" not in set(fairness.gaps(few, "t-loso", "model", {}, 50).division)


def test_recall_of_groups_is_scikit_learns_over_the_classes_that_all_groups_show():
    table = made(lambda number: 0.8 if number % 2 else 0.6)
    only = (table.dataset == "smic") & (table.y_true == "positive")
    table = table[~only | table.sample_id.str.endswith("/1") & (table.subject == "smic/000")]  # one clip left: too few
    rows = fairness.groups(table, "t-loso", "model", fairness.divisions(table, pd.DataFrame({"subject": []})), 200)
    own = rows[rows.division == "dataset"].set_index("group")
    assert set(own.classes) == {"negative"}
    for name, row in own.iterrows():
        part = table[(table.dataset == name) & (table.model == "model")]
        want = recall_score(part.y_true, part.y_pred, labels=["negative"], average="macro")
        assert row.recall == pytest.approx(want) and row.recall_lo <= row.recall <= row.recall_hi
        assert row.clips == (part.y_true == "negative").sum()


def test_groups_come_from_a_table_of_people_and_small_ones_are_left_out(tmp_path, monkeypatch):
    (tmp_path / "people.csv").write_text(
        "subject,sex,shoe\n" + "".join(f"{n:03d},{'fm'[n % 2]},9\n" for n in range(24))
    )
    monkeypatch.setattr(datasets, "folder", lambda name, given="": tmp_path)
    people = fairness.people("samm", "", "tiny", 0)
    assert list(people.columns) == ["subject", "sex"]
    table = made(lambda number: 0.9 if number % 2 else 0.4)
    assert gap_of(table, "sex", people).best == "m"
    people.loc[2:, "sex"] = ""
    assert set(fairness.divisions(table, people)) == {"dataset"}
    (tmp_path / "people.csv").write_text("subject,sex\n001,f\n001,m\n")
    with pytest.raises(WorkbookError, match="one row a person"):
        fairness.people("samm", "", "tiny", 0)
    (tmp_path / "people.csv").unlink()
    assert fairness.people("samm", "", "tiny", 0).empty


def test_the_demo_tells_who_is_drawn(demo_dir, demo):
    people = fairness.people("demo", str(demo_dir), "tiny", 0)
    assert {"presentation", "age_group", "skin_group"} < set(people.columns)
    assert len(people) == demo.subject.nunique()
    divided = fairness.divisions(demo.assign(y_true=demo.emotion), people.assign(sex=["f", "m"] * 3, age_group="one"))
    assert set(divided) >= {"sex"} and "age_group" not in divided and set(divided["sex"]) == {"f", "m"}


def test_calibration_of_probabilities_that_are_true_and_of_boasting():
    true = calibration.scores(made(lambda _: 0.75, people=60, sure=0.75), ["model"], resamples=200).iloc[0]
    assert true.over == pytest.approx(0, abs=0.05) and true.over_lo < 0 < true.over_hi and true.ece_chance > 0.05
    boast = calibration.scores(made(lambda _: 0.6, people=60, sure=0.99), ["model"], resamples=200).iloc[0]
    assert boast.over_lo > 0.3 and boast.ece == pytest.approx(boast.over, abs=0.01) and boast.ece_chance < 0.05
    assert boast.skill_hi < 0, "who is always sure is worse than who knows only frequencies"


def repeated(table, seeds=5):
    """The same predictions once a seed, as of networks that agree."""
    return pd.concat([table.assign(seed=seed) for seed in range(seeds)], ignore_index=True)


def test_seeds_that_agree_are_no_more_clips():
    table = made(lambda _: 0.75, people=20, clips=6, sure=0.75)
    once, often = (calibration.scores(rows, ["model"], resamples=50).iloc[0] for rows in (table, repeated(table)))
    assert often.ece == pytest.approx(once.ece)
    assert often.ece_if_perfect == pytest.approx(once.ece_if_perfect) and often.ece_chance == once.ece_chance
    once, often = (
        fairness.gaps(rows, "t-loso", "model", {}, 50).set_index("division") for rows in (table, repeated(table))
    )
    assert often.loc["person"].equals(once.loc["person"])


def test_brier_and_skill_by_hand():
    table = made(lambda _: 0.8)
    own = table[table.model == "model"]
    y = (own.y_true == "positive").to_numpy(float)
    brier = (2 * (own.p_positive - y) ** 2).mean()
    found = calibration.scores(table, resamples=100).set_index("model")
    assert found.brier["model"] == pytest.approx(brier) and found.skill["majority"] == pytest.approx(0)
    assert found.skill["model"] == pytest.approx(1 - brier / 0.5)
    bins = calibration.reliability(table, "model", resamples=100)
    assert bins.n.sum() == len(own) and (bins.accuracy_lo <= bins.accuracy).all()


def test_a_distance_is_freed_of_what_resampling_adds():
    low, high = calibration.upright(np.linspace(0.2, 0.4, 101), 0.1)
    assert low < 0.1 < high and low >= 0
