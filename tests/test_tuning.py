"""Nested tuning: by person, blind to held-out people, recorded; every family at chance where labels mean nothing."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.special import log_softmax
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import f1_score
from sklearn.model_selection import ParameterGrid
from sklearn.svm import SVC

from helpers import models, workspace
from helpers.evaluation import canaries, planted, predictions, splits
from helpers.models import GroupedPipeline, _tuning, fold_pairs, inner_folds
from helpers.models.svm import KernelSVC, Tempered
from helpers.workspace import WorkbookError

TINY = workspace.profile("tiny")
TUNED = [name for name in models.names() if name.endswith(models.TUNED)]
LEARNERS = [name for name in models.names() if not name.startswith(("majority", "stratified", "cnn_"))]
CLASSES = ("negative", "positive", "surprise")


def people(clips=(5, 3, 2), persons=6, signal=1.5, seed=0):
    """Small maps (n, 1, 3, 8, 8) of some people whose class moves a part of the map; labels, people, samples."""
    rng = np.random.default_rng(seed)
    each = np.repeat(np.arange(3), clips)
    person, y = np.repeat(np.arange(persons), len(each)), np.tile(each, persons)
    X = rng.normal(size=(len(y), 1, 3, 8, 8)).astype(np.float32)
    for label in range(3):
        X[y == label, :, :, 2 * label : 2 * label + 3] += signal
    groups = np.array([f"casme2/sub{number:02d}" for number in person])
    samples = pd.DataFrame({"sample_id": [f"{who}/{n}" for n, who in enumerate(groups)], "dataset": "casme2"})
    return X, np.array(CLASSES)[y], groups, samples.assign(subject=groups)


class Threshold(ClassifierMixin, BaseEstimator):
    """Says "b" where the first column exceeds a threshold: what it gets right depends on its parameter alone."""

    def __init__(self, threshold=0.0):
        self.threshold = threshold

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X):
        return X[:, 0] - self.threshold


class Rows(TransformerMixin, BaseEstimator):
    """A step that writes down which rows (first column) it is fitted on and which it transforms."""

    seen = []  # noqa: RUF012

    def fit(self, X, y=None):
        self.rows_ = {int(value) for value in X[:, 0]}
        return self

    def transform(self, X):
        self.seen.append((self.rows_, {int(value) for value in X[:, 0]}))
        return X


@pytest.fixture
def numbered():
    """90 rows that carry their own number, of 9 people and two classes."""
    X = np.column_stack([np.arange(90.0), np.random.default_rng(0).normal(size=(90, 2))])
    return X, np.array(["a", "b"])[np.arange(90) % 2], np.repeat([f"p{n}" for n in range(9)], 10)


def test_what_is_fitted_inside_a_search_never_sees_the_people_it_is_judged_on(numbered):
    X, y, groups = numbered
    Rows.seen.clear()
    pipeline = GroupedPipeline([("rows", Rows()), ("classifier", Threshold())])
    _tuning.Tuned(pipeline, {"classifier__threshold": [10.0, 50.0]}).fit(X, y, groups=groups)
    judged = [(fitted, asked) for fitted, asked in Rows.seen if fitted != asked]
    assert len(judged) == 3, "one fit of the front a fold, however many candidates"
    for fitted, asked in judged:
        assert not set(groups[sorted(fitted)]) & set(groups[sorted(asked)])
        assert fitted | asked == set(range(90))


def test_the_last_fit_has_all_rows_and_the_chosen_setting(numbered):
    X, _, groups = numbered
    y = np.where(X[:, 0] > 49.5, "b", "a")
    pipeline = GroupedPipeline([("rows", Rows()), ("classifier", Threshold())])
    model = _tuning.tuned(pipeline, {"classifier__threshold": [10.0, 49.5, 80.0]}).fit(X, y, groups=groups)
    record = model[-1].record_
    assert record["chosen"] == {"classifier__threshold": 49.5} and record["inner_macro_f1"] == 1
    assert [one["classifier__threshold"] for one, _ in record["tried"]] == [10.0, 49.5, 80.0]
    assert model[-1].pipeline_[0].rows_ == set(range(90)) and (model.predict(X) == y).all()


def test_the_inner_score_is_macro_f1_of_pooled_predictions(numbered):
    X, y, groups = numbered
    pipeline = GroupedPipeline([("rows", Rows()), ("classifier", Threshold())])
    tuned = _tuning.Tuned(pipeline, {"classifier__threshold": [30.0]}).fit(X, y, groups=groups)
    held_out = inner_folds(y, groups) >= 0
    said = np.where(X[:, 0] > 30, "b", "a")
    assert tuned.record_["inner_macro_f1"] == pytest.approx(f1_score(y[held_out], said[held_out], average="macro"))


def test_of_equal_candidates_the_first_wins(numbered):
    X, _, groups = numbered
    y = np.where(X[:, 0] > 49.5, "b", "a")
    pipeline = GroupedPipeline([("rows", Rows()), ("classifier", Threshold())])
    tuned = _tuning.Tuned(pipeline, {"classifier__threshold": [49.6, 49.4]}).fit(X, y, groups=groups)
    assert tuned.record_["chosen"] == {"classifier__threshold": 49.6}


def test_the_temperature_comes_from_held_out_decision_values():
    X, y, groups, _ = people(signal=0.3)
    model = models.build("svm_tuned", TINY, 0).fit(X, y, groups=groups)[-1]
    fold_of, chosen = inner_folds(y, groups), model.record_["chosen"]
    values = np.zeros((len(y), 3))
    for train, test in fold_pairs(fold_of):
        pipeline = clone(model.pipeline).set_params(**chosen).fit(X[train], y[train])
        values[test] = pipeline.decision_function(X[test])
    truth = np.searchsorted(model.classes_, y)

    def loss(temperature):
        return -log_softmax(values / temperature, axis=1)[np.arange(len(y)), truth].mean()

    steps = model.temperature_ * np.array([0.8, 1, 1.25])
    assert min(map(loss, steps)) == loss(steps[1]) and model.record_["calibrated_on"] == len(y)
    p = model.predict_proba(X)
    assert np.allclose(p.sum(axis=1), 1) and (model.predict(X) == model.classes_[p.argmax(axis=1)]).all()


def test_nobody_to_learn_a_temperature_from_leaves_the_values_alone():
    assert _tuning.temperature(np.empty((0, 3)), np.empty(0, int)) == 1


@pytest.mark.parametrize("name", TUNED)
def test_tuned_models_refuse_to_search_without_people(name):
    X, y, _, _ = people()
    with pytest.raises(WorkbookError, match="fit needs groups"):
        models.build(name, TINY, 0).fit(X, y)


def test_a_search_with_nobody_to_validate_on_is_refused():
    X, y, groups, _ = people(clips=(2, 2, 2), persons=3)
    groups = np.array([f"p{label}" for label in y])  # one person a class: each is pinned to the training side
    with pytest.raises(WorkbookError, match="too few people share classes"):
        models.build("logistic_tuned", TINY, 0).fit(X, y, groups=groups)


@pytest.mark.parametrize("name", TUNED)
@pytest.mark.parametrize("profile", ["quick", "full"])
def test_every_grid_holds_the_fixed_setting_of_its_family(name, profile):
    """Otherwise a comparison of searched with fixed settings would say what the grid lacks."""
    profile = workspace.profile(profile)
    fixed = models.build(name.removesuffix(models.TUNED), profile, 0)
    tuned = models.build(name, profile, 0)[-1]
    candidates = [clone(tuned.pipeline).set_params(**one) for one in ParameterGrid(tuned.grid)]
    inner = fixed[-1].estimator if isinstance(fixed[-1], Tempered) else fixed[-1]  # of the SVM without its temperature
    same = [
        repr(one[-1].get_params()) == repr(inner.get_params()) and repr(one[0]) == repr(fixed[0]) for one in candidates
    ]
    assert sum(same) == 1


def test_rotating_the_pixels_changes_no_answer_of_logistic_regression():
    X, y, _, _ = people()
    tuned, fixed = (models.build(name, TINY, 0) for name in ("logistic_tuned", "logistic"))
    rotated = clone(tuned[-1].pipeline).set_params(classifier__C=1e-3, classifier__tol=1e-8).fit(X, y)
    plain = fixed.set_params(classifier__tol=1e-8).fit(X, y)
    assert np.allclose(rotated.predict_proba(X), plain.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize("kernel", ["rbf", "linear"])
@pytest.mark.parametrize("classes", [2, 3])
def test_our_kernel_machine_is_scikit_learns(kernel, classes):
    X, y, _, _ = people()
    rows, y = X.reshape(len(X), -1).astype(float), np.where(y == CLASSES[classes - 1], y, CLASSES[0])
    for weights in (None, "balanced"):
        theirs, ours = (made(C=2.0, kernel=kernel, class_weight=weights).fit(rows, y) for made in (SVC, KernelSVC))
        assert np.allclose(ours.decision_function(rows), theirs.decision_function(rows), atol=1e-6)
        assert np.array_equal(ours.predict(rows), theirs.predict(rows))


def test_automls_own_logistic_regression_gets_rounds_enough():
    X, y, groups, _ = people(signal=3.0)
    search = models.build("flaml", TINY, 0).fit(X, y, groups=groups)[-1]
    tried = search.automl_.best_config_per_estimator["lrl1"]
    assert (tried["max_iter"], tried["tol"]) == (2000, 3e-3) and search.record_["not_converged"] == 0


def test_what_has_not_converged_is_counted_and_other_warnings_stay(monkeypatch):
    import flaml

    X, y, groups, _ = people(signal=3.0)

    class Warns(flaml.AutoML):
        def fit(self, *args, **options):
            for category in (ConvergenceWarning, ConvergenceWarning, UserWarning):
                warnings.warn("something", category, stacklevel=1)
            return super().fit(*args, **options)

    monkeypatch.setattr(flaml, "AutoML", Warns)
    with pytest.warns(UserWarning, match="something") as caught:
        record = models.build("flaml", TINY, 0).fit(X, y, groups=groups)[-1].record_
    assert [str(one.message) for one in caught].count("something") == 1 and record["not_converged"] == 2


# ------------------------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize("name", LEARNERS)
def test_a_constant_pixel_a_clip_without_motion_and_a_class_of_one_clip_do_no_harm(name):
    X, y, groups, _ = people()
    X[:, :, :, 7, 7] = 5
    X[3] = 0  # pictures of one colour have no motion
    y[y == "surprise"] = "negative"
    y[0] = "surprise"
    model = models.build(name, TINY, 0).fit(X, y, groups=groups)
    assert list(model.classes_) == sorted(CLASSES) and np.isfinite(model.predict_proba(X)).all()


@pytest.mark.parametrize("name", LEARNERS)
def test_gaps_in_the_maps_are_refused_by_row(name):
    X, y, groups, samples = people()
    X[17, 0, 1, 4, 4] = np.nan
    with pytest.raises(WorkbookError, match="row 17"):
        models.build(name, TINY, 0).fit(X, y, groups=groups)
    with pytest.raises(WorkbookError, match=samples.sample_id[17]):
        predictions.cross_predict("t", [name], X, samples, y, CLASSES, splits.loso(samples), TINY)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_class_that_training_never_saw_is_named_and_gets_probability_zero(name):
    X, y, groups, samples = people()
    y = np.where((y == "surprise") & (groups != groups[0]), "negative", y)
    call = "t", [name], X, samples, y, CLASSES, splits.loso(samples)[:1], TINY
    found, fits = predictions.cross_predict(*call)
    assert set(fits.unseen_classes) == {"surprise"} and (found.p_surprise == 0).all()
    assert (found.y_pred != "surprise").all()


# ------------------------------------------------------------------------------------------------ nothing leaks


def test_a_spoiled_held_out_person_changes_nothing_that_was_chosen(monkeypatch):
    X, y, groups, samples = people()
    monkeypatch.setenv(workspace.JOBS_VARIABLE, "1")
    fold, found = splits.loso(samples)[:1], []
    for arrays in (X, planted.spoiled(X, groups, fold[0].name)):
        call = "megc3-loso", ["logistic_tuned", "svm_tuned"], arrays, samples, y, CLASSES, fold, TINY
        found.append(predictions.cross_predict(*call)[1].recorded.tolist())
    assert found[0] == found[1] and all("inner_macro_f1" in text for text in found[0])


def test_tuned_results_do_not_depend_on_the_number_of_processes(monkeypatch):
    X, y, _, samples = people()
    found = []
    for jobs in ("1", "2"):
        monkeypatch.setenv(workspace.JOBS_VARIABLE, jobs)
        call = "megc3-loso", ["random_forest_tuned", "lightgbm_tuned"], X, samples, y, CLASSES, splits.loso(samples)
        found.append(predictions.cross_predict(*call, TINY)[0])
    pd.testing.assert_frame_equal(*found)


@pytest.mark.parametrize("name", LEARNERS)
def test_canary_labels_that_mean_nothing_are_recognised_at_chance(name):
    """Labels drawn anew for every clip: the mean accuracy is within 2 standard errors of 1/K.

    Drawn, not permuted: of a permuted label the training side has one less, and on 54 clips this alone brings every
    honest model down to about a quarter. Under drawn labels the expected accuracy is 1/K exactly.
    """
    X, _, groups, _ = people(clips=(3, 3, 3), persons=6, seed=1)
    profile = workspace.Profile("tiny", 6, 40, 96, 200, automl_iterations=8, trees=12, seeds=1)
    pairs = [np.isin(groups, np.unique(groups)[start : start + 2]) for start in (0, 2, 4)]
    null, folds = [], [(~pair, pair) for pair in pairs]  # three folds of two people
    for repeat in range(3 if name in ("flaml", "off_apexnet") else 8):  # these take seconds each
        y = np.random.default_rng(repeat).choice(CLASSES, len(X))
        said = canaries.predicted(lambda _, seed=repeat: models.build(name, profile, seed), X, y, groups, folds)
        null.append((said == y).mean())
    assert abs(np.mean(null) - 1 / 3) < 2 * np.sqrt(2 / 9 / len(y) / len(null))
