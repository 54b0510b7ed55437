"""Our own model: a planted signal, what it must not see, what it refuses, and the closed form it rests on."""

import json

import numpy as np
import pandas as pd
import pytest

from helpers import models, workspace
from helpers.evaluation import canaries, predictions, scores, splits
from helpers.features.symmetry import CHANNELS, FaceSymmetry
from helpers.models import _ours_kernels
from helpers.workspace import WorkbookError

TINY = workspace.profile("tiny")
CLASSES = ["negative", "positive", "surprise"]


def planted(people=8, seed=0, strength=2.0):
    """Maps (n, 1, 3, 14, 14) in which the class moves a symmetric part of the face; the person shifts all of it."""
    rng = np.random.default_rng(seed)
    person, codes = np.repeat(np.arange(people), 9), np.tile(np.repeat([0, 1, 2], [4, 3, 2]), people)
    X = rng.normal(size=(len(codes), 1, 3, 14, 14)) + 3 * rng.normal(size=people)[person, None, None, None, None]
    for k in range(3):
        X[codes == k, :, 1, 4 * k + 1 : 4 * k + 4] += strength
    X[:, :, 2] = np.abs(X[:, :, 2])
    return X.astype(np.float32), np.array(CLASSES)[codes], np.array([f"casme2/sub{who:02d}" for who in person])


def mirrored(X):
    X = X[..., ::-1].copy()
    X[:, :, 0] *= -1
    return X


def uar(y, guesses):
    return scores.metrics(scores.confusion(y, guesses, CLASSES))["uar"]


def by_halves(X, y, groups):
    """UAR when each half of the people is predicted by a model of the other half."""
    first = groups < "casme2/sub04"
    halves = (first, ~first), (~first, first)
    return uar(y, canaries.predicted(lambda _: models.build("ours", TINY, 0), X, y, groups, halves))


def test_a_planted_signal_is_found_in_people_never_seen():
    assert by_halves(*planted()) > 0.9


def test_canary_permuted_labels_give_chance():
    X, y, groups = planted()
    null = [by_halves(X, np.random.default_rng(seed).permutation(y), groups) for seed in range(6)]
    assert abs(np.mean(null) - 1 / 3) < 0.1 and max(null) < 0.6


def test_the_same_rows_give_the_same_numbers_whatever_the_seed():
    X, y, groups = planted()
    first, second = (models.build("ours", TINY, seed).fit(X, y, groups=groups).predict_proba(X) for seed in (0, 1))
    assert np.array_equal(first, second) and not models.stochastic("ours")


def test_a_mirrored_face_gets_the_same_answer():
    X, y, groups = planted(strength=0.5)
    model = models.build("ours", TINY, 0).fit(X, y, groups=groups)
    assert np.allclose(model.predict_proba(mirrored(X)), model.predict_proba(X), atol=1e-5)
    assert not np.allclose(model.predict_proba(X[..., ::-1]), model.predict_proba(X), atol=1e-3), "u was not negated"


def test_the_answer_for_a_clip_does_not_hang_on_the_clips_beside_it_or_on_units():
    X, y, groups = planted()
    model = models.build("ours", TINY, 0).fit(X, y, groups=groups)
    assert np.allclose(model.predict_proba(X[3:5]), model.predict_proba(X)[3:5], atol=1e-6)
    same = models.build("ours", TINY, 0).fit(100 * X, y, groups=groups).predict_proba(100 * X)
    assert np.allclose(same, model.predict_proba(X), atol=1e-3)


def test_what_was_chosen_is_recorded_as_json():
    X, y, groups = planted()
    record = models.build("ours", TINY, 0).fit(X, y, groups=groups)[-1].record_
    assert json.loads(json.dumps(record)) == record
    kinds = {"linear", "rbf"} if record["kernels"] == "linear + rbf" else {record["kernels"]}
    assert {member["kernel"] for member in record["members"]} == kinds
    assert {member["view"] for member in record["members"]} == set(CHANNELS)
    assert record["inner_folds"] == 8 and record["validated_on"] == len(y) and record["inner_macro_f1"] > 0.9
    assert record["inner_log_loss"][record["kernels"]] == min(record["inner_log_loss"].values())


def test_the_closed_form_is_what_fits_without_those_people_would_say():
    """Held-out numbers of `solve` against fits on the other rows, one by one."""
    rng = np.random.default_rng(0)
    rows, codes, people = rng.normal(size=(30, 5)), rng.integers(0, 3, 30), np.repeat(np.arange(6), 5)
    targets, weights = np.eye(3)[codes] - 1 / 3, rng.uniform(0.5, 1.5, 30)
    for kind in ("linear", "rbf"):
        similarity = _ours_kernels.Kernel(kind, rows)(rows)
        parts = [np.flatnonzero(people == who) for who in range(5)]
        _, held_out = _ours_kernels.solve(similarity, targets, weights, 0.3, parts)
        for part in parts:
            rest = np.setdiff1d(np.arange(30), part)
            block = np.ix_(rest, rest)
            coefficients, _ = _ours_kernels.solve(similarity[block], targets[rest], weights[rest], 0.3, [])
            assert np.allclose(similarity[np.ix_(part, rest)] @ coefficients, held_out[part])
        assert np.isnan(held_out[people == 5]).all()


def test_inner_scores_come_from_people_who_were_left_out():
    """Features that name the person and labels that go with the person: seen people would be perfect, new ones not."""
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(9), 8)
    faces = rng.normal(size=(9, 1, 3, 14, 14)) * 5
    X = np.abs(faces[person] + 0.1 * rng.normal(size=(72, 1, 3, 14, 14)))
    y = np.array(CLASSES)[person % 3]
    model = models.build("ours", TINY, 0).fit(X, y, groups=person.astype(str))
    assert uar(y, model.predict(X)) == 1 and model[-1].record_["inner_uar"] < 0.7


def test_a_class_of_one_person_is_trained_on_and_not_validated():
    X, y, groups = planted()
    y = np.where((y == "surprise") & (groups != groups[0]), "negative", y)
    model = models.build("ours", TINY, 0).fit(X, y, groups=groups)
    assert list(model.classes_) == CLASSES and model[-1].record_["validated_on"] == np.sum(groups != groups[0])
    assert np.isfinite(model.predict_proba(X)).all()


def test_two_classes_and_several_windows_are_no_special_case():
    X, y, groups = planted()
    kept = y != "surprise"
    model = models.build("ours", TINY, 0).fit(np.concatenate([X, X], axis=1)[kept], y[kept], groups=groups[kept])
    assert model.predict_proba(np.concatenate([X, X], axis=1)).shape == (len(y), 2)


def test_it_refuses_what_it_cannot_judge():
    X, y, groups = planted()
    with pytest.raises(WorkbookError, match="fit needs groups"):
        models.build("ours", TINY, 0).fit(X, y)
    with pytest.raises(WorkbookError, match="at least two people"):
        models.build("ours", TINY, 0).fit(X, y, groups=np.full(len(y), "casme2/sub01"))
    with pytest.raises(WorkbookError, match="too few people share classes"):
        models.build("ours", TINY, 0).fit(X, np.full(len(y), "negative"), groups=groups)
    with pytest.raises(WorkbookError, match="not finite"):
        models.build("ours", TINY, 0).fit(np.where(X > 4, np.nan, X), y, groups=groups)


def test_a_spoiled_held_out_person_changes_nobody_elses_answer():
    X, y, groups = planted()
    samples = pd.DataFrame({"sample_id": [f"casme2/{k:03d}" for k in range(len(y))], "dataset": "casme2"})
    samples["subject"] = groups
    folds = splits.parts(samples, 2)
    spoiled = X.copy()
    spoiled[groups == groups[0]] = 1e6
    found = [
        predictions.cross_predict("megc3-parts", ["ours"], some, samples, y, CLASSES, folds, TINY)
        for some in (X, spoiled)
    ]
    fold = next(fold.name for fold in folds if (groups[fold.test] == groups[0]).any())
    (before, fits), (after, fits_after) = ((table[table.fold == fold], records) for table, records in found)
    others = before.subject != groups[0]
    assert others.any() and before[others].equals(after[others]), "asked beside the spoiled person, by the same fit"
    assert fits.recorded[fits.fold == fold].equals(fits_after.recorded[fits_after.fold == fold])


@pytest.mark.parametrize("view", CHANNELS)
def test_every_view_is_symmetric_named_and_free_of_translation(view):
    X = planted()[0]
    feature = FaceSymmetry(view).fit(X)
    rows = feature.transform(X)
    assert rows.shape == (len(X), len(CHANNELS[view]) * 14 * 7) == (len(X), len(feature.get_feature_names_out()))
    assert np.allclose(feature.transform(mirrored(X)), rows, atol=1e-4)
    moved = X + np.array([5, -2, 0], np.float32)[:, None, None]
    assert np.allclose(feature.transform(moved), rows, atol=1e-3), "head motion is no expression"
    assert not feature.transform(np.ones_like(X))[:, : 14 * 7].any()


def test_an_unknown_view_lists_the_known_ones():
    with pytest.raises(WorkbookError, match=r"view of flow.*compressed"):
        FaceSymmetry("profile").fit(planted()[0])


def test_directions_and_gradients_are_those_of_the_flow():
    """A face whose halves move apart: u_x is positive, nothing moves up or down."""
    X = np.zeros((1, 1, 3, 28, 28))
    X[0, 0, 0] = np.linspace(-1, 1, 28)
    rows = {view: FaceSymmetry(view).fit_transform(X).reshape(len(CHANNELS[view]), 28, 14) for view in CHANNELS}
    left, right, up, down, _ = rows["directions"]
    assert left[:, :12].min() > 0 and not right[:, :10].any() and not up.any() and not down.any()
    assert rows["deformation"][0, :, 4:10].min() > 0 and np.allclose(rows["deformation"][1:4], 0)
