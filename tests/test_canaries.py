"""Canaries and guards: chance where labels mean nothing, a person who is recognised, every planted fault stopped."""

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier

from helpers import labels, models, workspace
from helpers.evaluation import canaries, planted, splits
from helpers.features.flow_map import FlowMap
from helpers.motion import flow
from helpers.workspace import NotApplicable, WorkbookError

TINY = workspace.profile("tiny")
CLASSES = ["a", "b", "c"]


def invented(people=6, clips=6, told=0.0, face=0.0, seed=0):
    """Maps (n, 1, 3, 8, 8), classes and samples of two datasets; how much a map tells of its class and its person."""
    rng = np.random.default_rng(seed)
    person, codes = np.repeat(np.arange(people), clips), np.tile(np.arange(clips) % 3, people)
    X = rng.normal(size=(len(codes), 1, 3, 8, 8)) + face * rng.normal(size=(people, 1, 3, 8, 8))[person]
    for k in range(3):
        X[codes == k, :, :, 2 * k : 2 * k + 2] += told
    dataset = np.where(person < people // 2, "one", "two")
    subjects = [f"{where}/p{who}" for where, who in zip(dataset, person, strict=True)]
    ids = [f"{who}/{number}" for number, who in enumerate(subjects)]
    samples = pd.DataFrame({"sample_id": ids, "dataset": dataset, "subject": subjects})
    return X.astype(np.float32), np.array(CLASSES)[codes], samples


# ------------------------------------------------------------------------------------------------ permuted labels


def test_labels_move_within_their_dataset_and_nothing_else_moves():
    samples = pd.DataFrame({"dataset": ["one"] * 20 + ["two"] * 30})
    y = np.array([f"{who}{number}" for number, who in enumerate(samples.dataset)])
    moved = canaries.permuted(samples, y, 0)
    assert set(moved[:20]) == set(y[:20]) and set(moved[20:]) == set(y[20:]) and (moved != y).mean() > 0.8
    assert (canaries.permuted(samples, y, 0) == moved).all() and (canaries.permuted(samples, y, 1) != moved).any()


def test_predictions_are_of_the_other_side_and_rows_without_a_fold_stay_empty():
    X, y, samples = invented()
    groups = samples.subject.to_numpy()
    fold = splits.loso(samples)[0]
    numbers = []
    found = canaries.predicted(
        lambda number: numbers.append(number) or models.build("majority", TINY, 0), X, y, groups, [fold, fold]
    )
    assert numbers == [0, 1] and all(value is None for value in found[fold.train]) and set(found[fold.test]) <= set(y)


def test_a_signal_is_outside_the_null_and_the_null_at_chance():
    X, y, samples = invented(told=1.5)
    real, null = canaries.null("logistic", X, samples, y, CLASSES)
    verdict = canaries.verdict(real, null, 3)
    assert len(null) == 20 and real > 0.9 and verdict.outside and verdict.centred and not verdict.leaks
    assert verdict.p == 1 / 21 and verdict.null_max == null.max() and verdict.chance == 1 / 3
    again = canaries.null(lambda _: models.build("logistic", TINY, 0), X, samples, y, CLASSES)
    assert again[0] == real and np.array_equal(again[1], null)


def test_the_null_is_that_of_permuted_labels_one_by_one():
    X, y, samples = invented()
    groups = samples.subject.to_numpy()
    _, null = canaries.null("logistic", X, samples, y, CLASSES, n=2, seed=5)
    for seed, value in zip((5, 6), null, strict=True):
        moved = canaries.permuted(samples, y, seed)
        said = canaries.predicted(lambda _: models.build("logistic", TINY, 0), X, moved, groups, splits.loso(samples))
        assert np.mean([(said == moved)[moved == name].mean() for name in CLASSES]) == pytest.approx(value)


def test_finished_permutations_are_kept_and_not_mistaken_for_others(tmp_path):
    X, y, samples = invented()
    call = X, samples, y, CLASSES, 3, 0, TINY, tmp_path
    first = canaries.null("logistic", *call)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert len(before) == 4 and np.array_equal(canaries.null("logistic", *call)[1], first[1])
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    canaries.null("svm", *call)
    assert len(list(tmp_path.iterdir())) == 8
    with pytest.raises(WorkbookError, match="a model with a name"):
        canaries.null(lambda _: DummyClassifier(), *call)


def test_a_verdict_tells_leaks_from_few_clips():
    spread = np.linspace(-0.02, 0.02, 20)
    high, low, at = (canaries.verdict(0.8, 1 / 3 + shift + spread, 3) for shift in (0.1, -0.1, 0.0))
    assert high.leaks and not high.centred and not low.leaks and not low.centred and at.centred and not at.leaks
    assert not canaries.verdict(0.34, 1 / 3 + spread, 3).outside and canaries.verdict(0.34, 1 / 3 + spread, 3).p > 0.2


# ------------------------------------------------------------------------------------------------ the person


def test_a_face_in_the_features_is_recognised_and_noise_is_not():
    X, _, samples = invented(people=12, face=1.0)
    table = canaries.person_detector(X, samples)
    assert table.dataset.tolist() == ["one", "two"] and table.people.tolist() == [6, 6] and table.tells.all()
    assert (table.balanced_accuracy > 0.9).all() and (table.chance == 1 / 6).all()
    noise = canaries.person_detector(invented(people=12)[0], samples)
    assert (noise.lo <= noise.chance).all() and (noise.hi >= noise.chance).all() and not noise.tells.any()


def test_people_with_few_clips_are_left_out_and_nobody_left_is_said():
    X, _, samples = invented(face=1.0)
    rows = np.r_[0:6, 6:12, 12:14, 18:36]
    table = canaries.person_detector(X[rows], samples.iloc[rows]).set_index("dataset")
    assert table.people.tolist() == [2, 3] and table.clips["one"] == 12
    with pytest.raises(NotApplicable, match="no dataset has two people with 3 clips"):
        canaries.person_detector(X[:6], samples[:6])


def test_a_person_whose_clips_are_alike_tells_the_label():
    _, _, samples = invented()
    own = np.repeat(["a", "b", "c", "a", "b", "c"], 6)
    table = canaries.label_from_person(samples, own, CLASSES, resamples=100)
    found = table.set_index(["slice", "model"]).uar
    assert found["all", "person"] == 1 and set(table["slice"]) == {"all", "one", "two"}
    alike = canaries.label_from_person(samples, invented()[1], CLASSES, resamples=100).set_index(["slice", "model"]).uar
    assert alike["all", "person"] == 0, "two of each: the other five are mostly of other classes"


def test_a_single_clip_gets_what_the_dataset_mostly_is():
    samples = pd.DataFrame({"sample_id": list("vwxyz"), "dataset": "one", "subject": ["p", "p", "q", "r", "s"]})
    y = np.array(["a", "a", "b", "a", "b"])
    table = canaries.label_from_person(samples, y, ["a", "b"], resamples=50).set_index("model")
    assert table.recall_a["person"] == 1 and table.recall_b["person"] == 0 and table.n["person"] == 5


def test_real_features_tell_who_it_is_and_who_it_is_tells_the_label(real_maps):
    """Why folds that mix people leak: measured on the public maps."""
    X = flow.onset_to_apex(real_maps).values[..., ::2, ::2]
    table = canaries.person_detector(X, real_maps)
    assert (table.balanced_accuracy > 4 * table.chance).all() and table.tells.all()
    y = labels.targets(real_maps, "megc3").to_numpy()
    found = canaries.label_from_person(real_maps, y, labels.scheme("megc3").classes, 200).set_index(["slice", "model"])
    assert found.uar["all", "majority"] == pytest.approx(1 / 3) and found.uar_lo["all", "person"] > 1 / 3


# ------------------------------------------------------------------------------------------------ planted faults


def test_every_guard_lets_honest_work_by_and_stops_the_fault_planted_for_it():
    table = planted.guards()
    assert len(table) == 4 and table.guard.is_unique and table.passes.all() and table.trips.all()


def test_a_planted_leak_between_rows_is_found():
    X = np.random.default_rng(0).normal(size=(6, 1, 3, 8, 8)).astype(np.float32)
    assert planted.between_rows(planted.Peeking(), X) == "a row hangs on the rows beside it"
    assert planted.between_rows(FlowMap(), X) == ""

    class Learning(planted.Peeking):
        """Takes off the mean of the rows of fit."""

        def fit(self, X, y=None):
            self.mean_ = X.reshape(len(X), -1).mean(axis=0)
            return self

        def transform(self, X):
            return X.reshape(len(X), -1) - self.mean_

    assert planted.between_rows(Learning(), X) == "fit learned"


def test_a_spoiled_person_shows_where_it_was_learned_from():
    X, groups = np.ones((4, 2)), np.array(["p", "p", "q", "q"])
    assert planted.spoiled(X, groups, "q").tolist() == [[1, 1], [1, 1], [1e6, 1e6], [1e6, 1e6]] and (X == 1).all()
    assert planted.told(lambda X: X.mean(axis=0), X, groups, "q")
    assert not planted.told(lambda X: X[:2].mean(axis=0), X, groups, "q")
