"""Every model of the registry, the harness that keeps test people out of fit, and the label-permutation canary."""

import json
import os
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.metrics import balanced_accuracy_score

from helpers import labels, models, workspace
from helpers.evaluation import _folds, canaries, planted, predictions, scores, splits
from helpers.features.components import Components
from helpers.features.flow_map import FlowMap
from helpers.motion import flow
from helpers.workspace import WorkbookError

TINY = workspace.profile("tiny")
CLASSES = ("negative", "positive", "surprise")
HELD = []  # what a worker does not give back


@pytest.fixture(scope="module")
def problem():
    """60 small maps of 6 people; the class moves a part of the map, the person shifts all of it."""
    rng = np.random.default_rng(0)
    person, y = np.repeat(np.arange(6), 10), np.tile(np.repeat(np.arange(3), [5, 3, 2]), 6)
    X = rng.normal(size=(60, 1, 3, 8, 8)).astype(np.float32) + person[:, None, None, None, None]
    for label in range(3):
        X[y == label, :, :, 2 * label : 2 * label + 3] += 1.5
    groups = np.array([f"casme2/sub{number:02d}" for number in person])
    samples = pd.DataFrame(
        {"sample_id": [f"{who}/{n:02d}" for n, who in enumerate(groups)], "dataset": "casme2", "subject": groups}
    )
    return X, np.array(CLASSES)[y], groups, samples


@pytest.mark.parametrize("name", models.names())
def test_every_model_fits_predicts_and_is_reproducible(name, problem):
    X, y, groups, _ = problem
    train, test = groups != groups[0], groups == groups[0]
    runs = []
    for _ in range(2):
        model = models.build(name, TINY, seed=3)
        model.fit(X[train], y[train], groups=groups[train])
        runs.append(model.predict_proba(X[test]))
    assert list(model.classes_) == sorted(CLASSES)
    assert runs[0].shape == (10, 3) and np.allclose(runs[0].sum(axis=1), 1, atol=1e-5) and (runs[0] >= 0).all()
    assert np.array_equal(runs[0], runs[1]), "same seed, same numbers"
    assert set(model.predict(X[test])) <= set(CLASSES)
    if name not in ("majority", "stratified"):
        assert np.array_equal(model.predict(X[test]), model.classes_[runs[0].argmax(axis=1)])
        assert balanced_accuracy_score(y[test], model.predict(X[test])) > 0.6


@pytest.mark.parametrize("name", models.names())
def test_every_model_is_documented_and_can_be_cloned(name):
    assert models.module(name).__doc__ and models.module(name).build.__doc__
    clone(models.build(name, TINY, 0))


@pytest.mark.parametrize("name", ["svm", "flaml"])
def test_models_that_tune_themselves_refuse_to_do_so_without_people(name, problem):
    X, y, _, _ = problem
    with pytest.raises(WorkbookError, match="fit needs groups"):
        models.build(name, TINY, 0).fit(X, y)


def test_an_unknown_model_lists_the_known_ones():
    with pytest.raises(WorkbookError, match=", ".join(models.names())):
        models.build("oracle", TINY, 0)


def test_automl_tells_what_it_really_tried(problem):
    X, y, groups, _ = problem
    model = models.build("flaml", TINY, 0).fit(X, y, groups=groups)
    record = model[-1].record_
    assert record["chosen"] in record["inner_macro_f1"] and len(record["inner_macro_f1"]) >= 5
    assert all(0 <= score <= 1 for score in record["inner_macro_f1"].values())


# ------------------------------------------------------------------------------------------------ nothing leaks


def test_fit_never_sees_a_person_who_is_predicted(problem, monkeypatch):
    """A spy model writes down which rows reach fit and which reach predict: no person may be in both."""
    X, y, _, samples = problem
    X = np.broadcast_to(np.arange(len(X), dtype=float)[:, None], (len(X), 2))
    seen = []

    class Spy(type(models.build("majority", TINY, 0))):
        def fit(self, X, y=None, groups=None):
            self.rows = {int(value) for value in X[:, 0]}
            assert set(groups) == set(samples.subject.iloc[sorted(self.rows)])
            return super().fit(X, y)

        def predict(self, X):
            seen.append((self.rows, {int(value) for value in X[:, 0]}))
            return super().predict(X)

    monkeypatch.setattr(models, "build", lambda *_: Spy(models.module("majority").build(TINY, 0).steps))
    monkeypatch.setenv(workspace.JOBS_VARIABLE, "1")
    predictions.cross_predict("megc3-loso", ["majority"], X, samples, y, CLASSES, splits.loso(samples), TINY)
    assert len(seen) == 6
    for fitted, predicted in seen:
        who = samples.subject.to_numpy()
        assert not set(who[sorted(fitted)]) & set(who[sorted(predicted)])


@pytest.mark.parametrize("name", ["logistic", "svm", "random_forest"])
def test_a_spoiled_held_out_person_changes_nothing_that_was_fitted(name, problem, monkeypatch):
    """The held-out person's arrays become huge: had they reached a scaler, a component or a calibration, it shows."""
    X, y, groups, samples = problem
    fitted = []

    class Watched(models.GroupedPipeline):
        def predict(self, X):
            pca = self.named_steps["pca"].pca_.components_ if "pca" in self.named_steps else 0
            fitted.append((self.named_steps["scaler"].mean_.copy(), pca, getattr(self[-1], "temperature_", 0)))
            return super().predict(X)

    build = models.module(name).build
    monkeypatch.setattr(models, "build", lambda _, profile, seed: Watched(build(profile, seed).steps))
    monkeypatch.setenv(workspace.JOBS_VARIABLE, "1")
    fold = splits.loso(samples)[:1]
    for arrays in (X, planted.spoiled(X, groups, fold[0].name)):
        predictions.cross_predict("megc3-loso", [name], arrays, samples, y, CLASSES, fold, TINY)
    (mean, pca, temperature), (mean2, pca2, temperature2) = fitted
    assert np.array_equal(mean, mean2) and np.array_equal(pca, pca2) and temperature == temperature2


def test_automl_validates_on_people_it_did_not_train_on_and_keeps_rows_and_labels_together(monkeypatch):
    """Every validation that FLAML makes is watched: the folds are ours, the labels belong to the rows."""
    from flaml.automl.task import generic_task

    rng = np.random.default_rng(0)
    groups, y = np.repeat([f"p{n}" for n in range(9)], 10), np.array(["a", "b", "c"])[rng.integers(0, 3, 90)]
    y[:3] = "z"  # a class that one person alone shows
    X = rng.normal(size=(90, 6))
    X[:, 0] = np.arange(90)
    fold_of, codes = models.inner_folds(y, groups), {label: code for code, label in enumerate(sorted(set(y)))}
    seen, original = [], generic_task.get_val_loss

    def watch(config, estimator, X_train, y_train, X_val, y_val, *args, **options):
        seen.append([np.asarray(part) for part in (X_train, y_train, X_val, y_val)])
        return original(config, estimator, X_train, y_train, X_val, y_val, *args, **options)

    monkeypatch.setattr(generic_task, "get_val_loss", watch)
    models.module("flaml").GroupedAutoML(10).fit(X, y, groups=groups)
    assert len(seen) >= 20
    for X_train, y_train, X_val, y_val in seen:
        train, val = X_train[:, 0].astype(int), X_val[:, 0].astype(int)
        assert not set(groups[train]) & set(groups[val])
        assert (
            len(set(fold_of[val])) == 1
            and fold_of[val[0]] >= 0
            and set(train) == set(np.flatnonzero(fold_of != fold_of[val[0]]))
        )
        assert [codes[label] for label in y[train]] == y_train.astype(int).tolist()
        assert [codes[label] for label in y[val]] == y_val.astype(int).tolist()


def test_a_feature_that_names_the_person_helps_nobody(problem):
    """With features that identify people but say nothing about classes, honest LOSO must be at chance."""
    _, y, groups, samples = problem
    rng = np.random.default_rng(1)
    faces = {who: rng.normal(size=(1, 3, 8, 8)) * 5 for who in set(groups)}
    X = np.stack([faces[who] for who in groups]) + rng.normal(size=(60, 1, 3, 8, 8)) * 0.1
    found, _ = predictions.cross_predict(
        "megc3-loso", ["majority", "logistic"], X, samples, y, CLASSES, splits.loso(samples), TINY
    )
    assert scores.row(scores.score(found, 50), "megc3-loso", "logistic").uar < 0.5


def test_canary_permuted_labels_give_chance_on_real_maps(real_maps):
    """The null's mean is within 2 standard errors of 1/K, the real score is outside the null."""
    X = flow.onset_to_apex(real_maps).values[..., ::2, ::2]  # every second pixel: many times as fast, the same test
    y = labels.targets(real_maps, "megc3").to_numpy()
    real, null = canaries.null("logistic", X, real_maps, y, CLASSES, 20, profile=TINY)
    assert canaries.verdict(real, null, 3).centred and real > null.max() + 0.2


# ------------------------------------------------------------------------------------------------ the harness


def test_a_class_unseen_in_training_gets_probability_zero_and_is_recorded(problem):
    X, y, groups, samples = problem
    y = np.where(groups == groups[0], y, np.where(y == "surprise", "negative", y))  # only one person shows surprise
    found, fits = predictions.cross_predict(
        "megc3-loso", ["majority", "logistic", "xgboost"], X, samples, y, CLASSES, splits.loso(samples), TINY
    )
    lone = found[(found.fold == groups[0]) & (found.model != "majority")]
    assert (lone.p_surprise == 0).all() and (lone.y_pred != "surprise").all()
    assert set(fits[fits.fold == groups[0]].unseen_classes) == {"surprise"}
    assert scores.row(scores.score(found, 20), "megc3-loso", "logistic").recall_surprise == 0


def test_finished_folds_are_kept_and_used_again(problem, tmp_path, monkeypatch):
    X, y, _, samples = problem
    call = (
        "megc3-loso",
        ["majority", "stratified"],
        X,
        samples,
        y,
        CLASSES,
        splits.loso(samples),
        TINY,
        (0, 1),
        tmp_path,
    )
    first, _ = predictions.cross_predict(*call)
    kept = sorted(tmp_path.iterdir())
    assert len(kept) == 6 + 2 * 6, "majority draws nothing at random and runs once"
    kept[0].unlink()
    before = {path: path.stat().st_mtime_ns for path in kept[1:]}
    again, _ = predictions.cross_predict(*call)
    pd.testing.assert_frame_equal(first, again)
    assert {path: path.stat().st_mtime_ns for path in kept[1:]} == before and kept[0].exists()


def _grow(name, seed, fold):
    HELD.append(b"1" * (400_000_000 if fold.name else 0))  # more than all that loky lets a worker grow by
    time.sleep(1.1)  # it looks once a second
    return {"worker": os.getpid()}


def test_a_worker_that_grows_by_what_a_network_needs_stays(monkeypatch):
    monkeypatch.setenv(workspace.JOBS_VARIABLE, "2")
    nobody = np.array([], int)
    keys = [("any", 0, splits.Fold(name, nobody, nobody)) for name in ["", "", "a", "b", "", ""]]
    workers = [result["worker"] for result in _folds.each(keys, _grow)]
    assert os.getpid() not in workers and len(set(workers)) == 2


def test_a_fold_file_that_was_cut_short_is_fitted_again(problem, tmp_path):
    X, y, _, samples = problem
    call = ("megc3-loso", ["majority"], X, samples, y, CLASSES, splits.loso(samples), TINY, (0,), tmp_path)
    first, fits = predictions.cross_predict(*call)
    path = min(tmp_path.iterdir())
    path.write_text(path.read_text()[:40])
    again, stored = predictions.cross_predict(*call)
    pd.testing.assert_frame_equal(first, again)
    assert not fits.stored.any() and stored.stored.sum() == 5


def test_changed_data_is_not_answered_from_the_store(problem, tmp_path):
    X, y, _, samples = problem
    call = (samples, y, CLASSES, splits.loso(samples), TINY, (0,), tmp_path)
    predictions.cross_predict("megc3-loso", ["majority"], X, *call)
    predictions.cross_predict("megc3-loso", ["majority"], X + 1, *call)
    assert len(list(tmp_path.iterdir())) == 12


def test_results_do_not_depend_on_the_number_of_processes(problem, monkeypatch):
    X, y, _, samples = problem
    found = []
    for jobs in ("1", "2"):
        monkeypatch.setenv(workspace.JOBS_VARIABLE, jobs)
        table, _ = predictions.cross_predict(
            "megc3-loso", ["majority", "random_forest"], X, samples, y, CLASSES, splits.loso(samples), TINY
        )
        found.append(table)
    pd.testing.assert_frame_equal(*found)


def test_guesses_differ_between_people(problem):
    """One random stream for all folds would make the guesses of different people agree."""
    X, y, _, samples = problem
    found, _ = predictions.cross_predict(
        "megc3-loso", ["majority", "stratified"], X, samples, y, CLASSES, splits.loso(samples), TINY
    )
    guesses = found[found.model == "stratified"].groupby("subject").y_pred.agg(tuple)
    assert guesses.nunique() > 3


def test_arrays_must_match_the_samples(problem):
    X, y, _, samples = problem
    with pytest.raises(WorkbookError, match="59 arrays, 60 samples"):
        predictions.cross_predict("megc3-loso", ["majority"], X[1:], samples, y, CLASSES, splits.loso(samples), TINY)


# ------------------------------------------------------------------------------------------------ features


def test_flow_map_takes_off_head_motion_and_amplitude():
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(4, 1, 3, 8, 8)).astype(np.float32)
    moved = maps * 3 + np.array([5, -2, 1], np.float32)[:, None, None]
    assert np.allclose(FlowMap().fit_transform(maps), FlowMap().fit_transform(moved), atol=1e-4)
    assert not np.allclose(FlowMap(scale=False).fit_transform(maps), FlowMap(scale=False).fit_transform(moved))
    flat = FlowMap().fit_transform(np.ones((2, 1, 3, 8, 8)))
    assert not flat.any() and np.isfinite(flat).all()


def test_components_are_fewer_where_rows_are_few():
    X = np.random.default_rng(0).normal(size=(7, 30))
    assert Components(50).fit(X).transform(X).shape == (7, 7)


def test_recorded_search_is_json(problem):
    X, y, _, samples = problem
    _, fits = predictions.cross_predict(
        "megc3-loso", ["majority", "flaml"], X, samples, y, CLASSES, splits.loso(samples)[:2], TINY
    )
    summary = models.module("flaml").summary(fits[fits.model == "flaml"])
    assert summary.folds_chosen.sum() == 2 and json.loads(fits.recorded.iloc[-1])
