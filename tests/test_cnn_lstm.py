"""CNN + LSTM and its training loop: a classifier that learns, says when it did not, and finds nothing in nothing."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import balanced_accuracy_score

from helpers import models, workspace
from helpers.models import cnn_lstm
from helpers.models.cnn_lstm import CNNLSTM, FrozenHead
from helpers.models.training import DidNotLearn
from helpers.workspace import WorkbookError

TINY = workspace.profile("tiny")


def clips(n=48, length=3, size=8, signal=1.5, seed=0):
    """Sequences (n, T, 3, 8, 8) whose class moves a part of the map, more each step; two thirds are one class."""
    rng = np.random.default_rng(seed)
    y = np.array(["disgust", "others", "others"])[np.arange(n) % 3]
    X = rng.normal(size=(n, length, 3, size, size)).astype(np.float32)
    for step in range(length):
        X[y == "disgust", step, :, :3] += signal * (step + 1) / length
    return X, y, np.array([f"demo/p{k % 8}" for k in range(n)])


@pytest.mark.parametrize("name", cnn_lstm.names())
def test_every_treatment_is_a_classifier_that_learns_and_repeats(name):
    X, y, groups = clips()
    fits = [models.build(name, TINY, 3).fit(X[:36], y[:36], groups=groups[:36]) for _ in range(2)]
    p = [model.predict_proba(X[36:]) for model in fits]
    assert np.array_equal(*p), "same seed, same numbers"
    assert (
        p[0].shape == (12, 2) and np.allclose(p[0].sum(axis=1), 1) and list(fits[0].classes_) == ["disgust", "others"]
    )
    assert balanced_accuracy_score(y[36:], fits[0].predict(X[36:])) > 0.8
    assert (
        fits[0][-1].record_["beats_prior"] and len(fits[0][-1].record_["losses"]) == cnn_lstm.TRAINING["tiny"]["epochs"]
    )
    assert not hasattr(clone(fits[0])[-1], "classes_") and models.stochastic(name)


def test_it_can_be_stored_and_another_seed_gives_another_network():
    X, y, _ = clips()
    model = CNNLSTM(epochs=3, random_state=0).fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(model.predict_proba(X), again.predict_proba(X))
    assert not np.array_equal(model.predict_proba(X), CNNLSTM(epochs=3, random_state=1).fit(X, y).predict_proba(X))


def test_padding_changes_nothing():
    X, y, _ = clips()
    padded = np.concatenate([X, np.zeros_like(X[:, :2])], axis=1)
    short = CNNLSTM(epochs=4, random_state=0).fit(X, y)
    assert np.allclose(short.predict_proba(X), short.predict_proba(padded), atol=1e-6)
    long = CNNLSTM(epochs=4, random_state=0).fit(padded, y)
    assert np.array_equal(short.scale_, long.scale_)
    assert np.allclose(short.predict_proba(X), long.predict_proba(X), atol=1e-3)


def test_a_constant_shift_of_a_map_is_head_motion_and_drops_out():
    X, y, _ = clips()
    model = CNNLSTM(epochs=3, random_state=0).fit(X, y)
    moved = X.copy()
    moved[:, :, :2] += 5
    assert np.allclose(model.predict_proba(X), model.predict_proba(moved), atol=1e-4)


def test_training_that_does_not_beat_the_prior_warns_and_is_recorded():
    X, y, _ = clips()
    with pytest.warns(DidNotLearn, match="class prior"):
        model = CNNLSTM(epochs=1, rate=1e-9, random_state=0).fit(X, y)
    assert not model.record_["beats_prior"] and model.record_["final_loss"] > 0.99 * model.record_["prior_loss"]


def test_the_prior_it_has_to_beat_is_that_of_its_own_loss():
    X, y, _ = clips()
    share = np.array([1 / 3, 2 / 3])
    entropy = -(share * np.log(share)).sum()
    focal = -(share * (1 - share) ** 2 * np.log(share)).sum()
    for settings, floor in (({}, entropy), ({"class_weight": "balanced"}, np.log(2)), ({"loss": "focal"}, focal)):
        assert CNNLSTM(epochs=20, batch=8, **settings).fit(X, y).record_["prior_loss"] == pytest.approx(floor, rel=1e-5)


def test_permuted_labels_leave_held_out_people_at_chance():
    X, y, _ = clips(n=60)
    rng, found = np.random.default_rng(0), []
    for k in range(8):
        shuffled = rng.permutation(y)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DidNotLearn)
            model = CNNLSTM(epochs=8, batch=8, random_state=k).fit(X[:40], shuffled[:40])
        found.append(balanced_accuracy_score(shuffled[40:], model.predict(X[40:])))
    assert abs(np.mean(found) - 0.5) < 2.5 * max(np.std(found, ddof=1) / np.sqrt(len(found)), 0.03)


def test_smote_touches_embeddings_only_and_says_what_it_made():
    X, y, _ = clips()
    plain, smote = (
        FrozenHead(CNNLSTM(epochs=4, batch=8, random_state=0), kind, 0).fit(X, y) for kind in (None, "smote")
    )
    assert np.array_equal(plain.network_.embed(X), smote.network_.embed(X)), "the network is the same"
    assert smote.record_["clips"]["disgust"] == [16, 32] and "clips" not in plain.record_


def test_bad_input_is_refused():
    X, y, _ = clips(n=12)
    with pytest.raises(WorkbookError, match="all training clips are"):
        CNNLSTM().fit(X, np.repeat("others", 12))
    with pytest.raises(WorkbookError, match="unknown loss"):
        CNNLSTM(loss="hinge").fit(X, y)
    with pytest.raises(WorkbookError, match="finite"):
        CNNLSTM().fit(np.where(np.arange(12)[:, None, None, None, None] == 3, np.nan, X), y)
    with pytest.raises(WorkbookError, match="the loss is"):
        CNNLSTM(rate=1e30).fit(X, y)
    with pytest.raises(WorkbookError, match="treatment of cnn_lstm"):
        models.build("cnn_lstm+hope", TINY, 0)
