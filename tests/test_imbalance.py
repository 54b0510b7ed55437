"""Treatments of imbalance: they touch training rows only, say what they could not do, and find nothing in nothing."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import check_grad
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from helpers import models, workspace
from helpers.evaluation import canaries, planted, predictions, scores, splits
from helpers.features.flow_map import FlowMap
from helpers.models import focal, imbalance
from helpers.models.focal import FocalLogistic
from helpers.models.imbalance import Resampled, Rows, resample
from helpers.models.svm import Tempered
from helpers.workspace import ROOT, WorkbookError

TINY = workspace.profile("tiny")
NAMES = imbalance.names()
CLASSES = ("disgust", "fear", "others")


def people(shares=(0.6, 0.28, 0.12), n=120, d=12, signal=2.0, seed=0):
    """Matrix (n, d), classes, people (10) and a table of samples: classes shift the first columns, people all."""
    rng = np.random.default_rng(seed)
    y = np.array(("others", "disgust", "fear"))[
        rng.permutation(np.repeat([0, 1, 2], (np.array(shares) * n).round().astype(int)))
    ]
    groups = np.array([f"demo/p{k % 10}" for k in range(n)])
    X = rng.normal(size=(n, d)) + rng.normal(size=(10, d))[np.arange(n) % 10] * 0.5
    for k, name in enumerate(CLASSES):
        X[y == name, k] += signal
    samples = pd.DataFrame(
        {"sample_id": [f"{who}/{k}" for k, who in enumerate(groups)], "dataset": "demo", "subject": groups}
    )
    return X, y, groups, samples


# ------------------------------------------------------------------------------------------------ names and contract


def test_infrastructure_is_no_model():
    assert not {"imbalance", "focal", "training"} & set(models.names())
    assert {"logistic", "svm", "flaml"} <= set(models.names())


def test_names_say_classifier_components_and_treatment():
    assert len(NAMES) == 13 and "svm+focal" not in NAMES and NAMES[0] == "logistic+none"
    assert imbalance.parse("svm+pca+smote") == ("svm", True, "smote")
    assert models.stochastic("svm+smote") and models.stochastic("svm+pca+none") and not models.stochastic("svm+weights")


@pytest.mark.parametrize(
    "name, message",
    [("svm+magic", "unknown treatment"), ("forest+smote", "classifier to treat"), ("svm+lda+smote", "unknown step"),
     ("svm+focal", "no focal loss")],
)  # fmt: skip
def test_unknown_combinations_are_errors(name, message):
    with pytest.raises(WorkbookError, match=message):
        models.build(name, TINY, 0)


@pytest.mark.parametrize("name", [*NAMES, "logistic+pca+smote"])
def test_every_treatment_fits_predicts_clones_and_is_reproducible(name):
    X, y, groups, _ = people()
    train = groups != groups[0]
    runs = [models.build(name, TINY, 3).fit(X[train], y[train], groups=groups[train]) for _ in range(2)]
    p = [model.predict_proba(X[~train]) for model in runs]
    assert np.array_equal(*p) and np.allclose(p[0].sum(axis=1), 1) and list(runs[0].classes_) == list(CLASSES)
    assert np.array_equal(runs[0].predict(X[~train]), runs[0].classes_[p[0].argmax(axis=1)])
    copy = clone(runs[0])
    assert repr(copy) == repr(models.build(name, TINY, 3)) and not hasattr(copy[-1], "record_")


@pytest.mark.parametrize("learner", imbalance.LEARNERS)
def test_weights_are_what_the_plain_models_have(learner):
    rng = np.random.default_rng(0)
    X, (_, y, groups, _) = rng.normal(size=(120, 1, 3, 6, 6)), people()
    plain, named = (models.build(name, TINY, 0).fit(X, y, groups=groups) for name in (learner, f"{learner}+weights"))
    assert np.allclose(plain.predict_proba(X), named.predict_proba(X), atol=1e-3)
    assert np.array_equal(plain.predict(X), named.predict(X))


@pytest.mark.parametrize("treatment", imbalance.TREATMENTS)
def test_rotating_the_pixels_changes_no_answer_of_a_treated_logistic_regression(treatment):
    X, y, groups, _ = people(d=300)
    steps = imbalance.front("logistic")
    assert [name for name, _ in steps] == ["map", "scaler", "rotate"]
    pair = [imbalance.pipeline("logistic", treatment, 0, some) for some in (steps, steps[:2])]
    rotated, plain = (model.fit(X, y, groups=groups).predict_proba(X) for model in pair)
    assert np.allclose(rotated, plain, atol=2e-3)


def test_without_calibration_the_classes_stay_and_nobody_is_held_out():
    X, y, groups, _ = people()
    usual, quick = (models.build("svm+smote", TINY, 0, calibrated=flag) for flag in (True, False))
    usual.fit(X, y, groups=groups)
    quick.fit(X, y)
    assert np.array_equal(usual.predict(X), quick.predict(X)) and quick[-1].record_["calibrated_on"] == 0
    assert np.allclose(quick.predict_proba(X).sum(axis=1), 1)


def test_any_front_can_stand_before_the_classifier():
    X, y, groups, _ = people()
    model = imbalance.pipeline("logistic", "smote", 0, [("scaler", StandardScaler())], C=0.5)
    assert model.fit(X, y, groups=groups).predict(X).shape == y.shape and model[-1].classifier.C == 0.5


def test_maps_and_matrices_share_one_front():
    maps = np.random.default_rng(0).normal(size=(4, 1, 3, 5, 5))
    assert np.array_equal(Rows().fit_transform(maps), FlowMap().fit_transform(maps))
    assert np.array_equal(Rows().fit_transform(maps[:, 0, 0, 0]), maps[:, 0, 0, 0])


# ------------------------------------------------------------------------------------------------ focal loss


@pytest.mark.parametrize("K", [2, 3])
def test_focal_loss_without_focus_is_logistic_regression(K):
    X, y, _, _ = people()
    keep = np.isin(y, CLASSES[:K])
    ours = FocalLogistic(C=0.1, gamma=0.0).fit(X[keep], y[keep])
    theirs = LogisticRegression(C=0.1, tol=1e-8, max_iter=5000).fit(X[keep], y[keep])
    assert np.allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=2e-4 if K == 3 else 0.2)
    if K == 3:
        assert np.allclose(ours.coef_, theirs.coef_, atol=1e-3)
    else:  # two rows of weights instead of one share the penalty: the same as half of it on one row
        half = LogisticRegression(C=0.2, tol=1e-8, max_iter=5000).fit(X[keep], y[keep])
        assert np.allclose(ours.predict_proba(X), half.predict_proba(X), atol=2e-4)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
def test_gradient_of_the_focal_loss(gamma):
    rng = np.random.default_rng(0)
    X, truth = rng.normal(size=(20, 4)), np.eye(3)[rng.integers(0, 3, 20)]
    value, slope = (lambda w, k=k: focal.objective(w, X, truth, 0.7, gamma)[k] for k in (0, 1))
    assert check_grad(value, slope, rng.normal(size=15)) < 1e-4


def test_focal_loss_is_finite_where_everything_is_sure():
    X, truth = np.array([[1.0], [-1.0]]), np.eye(2)
    for gamma in (0.5, 2.0):
        value, slope = focal.objective(np.array([500.0, 0, -500, 0]), X, truth, 1.0, gamma)
        assert np.isfinite(value) and np.isfinite(slope).all()


def test_focal_loss_refuses_a_negative_gamma_and_says_when_it_did_not_converge():
    X, y, _, _ = people()
    with pytest.raises(WorkbookError, match="gamma is -1"):
        FocalLogistic(gamma=-1).fit(X, y)
    with pytest.raises(WorkbookError, match="did not converge"):
        FocalLogistic(max_iter=1, C=100).fit(X, y)


# ------------------------------------------------------------------------------------------------ resampling


@pytest.mark.parametrize("sampler", imbalance.SAMPLERS)
def test_resampling_makes_classes_equal_and_keeps_the_real_rows(sampler):
    X, y, _, _ = people(signal=0.5)
    new_X, new_y, record = resample(X, y, sampler, random_state=0)
    _, after = np.unique(new_y, return_counts=True)
    assert len(set(after)) == 1 and record["clips"]["fear"][1] == after[0] and json.dumps(record)
    if sampler == "undersample":
        assert after[0] == (y == "fear").sum() and {tuple(row) for row in new_X} <= {tuple(row) for row in X}
    else:
        assert np.array_equal(new_X[: len(X)], X) and after[0] == (y == "others").sum()
    if sampler == "oversample":
        assert {tuple(row) for row in new_X} == {tuple(row) for row in X}


@pytest.mark.parametrize("sampler", ["smote", "borderline_smote"])
def test_synthetic_rows_lie_between_two_training_rows_of_their_class_and_never_at_a_held_out_one(sampler):
    """The held-out person stands far away: a row made from them would lie between there and here."""
    X, y, groups, _ = people(signal=0.5)
    train = groups != groups[0]
    X[~train] += 100
    new_X, new_y, _ = resample(X[train], y[train], sampler, random_state=0)
    assert np.abs(new_X).max() < 50
    made, of = new_X[train.sum() :], new_y[train.sum() :]
    for row, label in zip(made, of, strict=True):
        own = X[train][y[train] == label]
        gap = np.linalg.norm(own - row, axis=1)
        pairs = np.linalg.norm(own[:, None] - own[None], axis=2)
        assert np.isclose(gap[:, None] + gap[None], pairs, atol=1e-8).any(), "on the line between two of its class"


def test_predict_never_resamples():
    X, y, groups, _ = people()
    for name in NAMES:
        model = models.build(name, TINY, 0).fit(X, y, groups=groups)
        assert len(model.predict(X[:7])) == 7 and np.array_equal(model.predict(X)[:7], model.predict(X[:7])), name


def test_a_tiny_class_gets_fewer_neighbours_and_it_is_said():
    X, y, _, _ = people()
    y[y == "fear"] = "others"
    y[:3] = "fear"
    _, new_y, record = resample(X, y, "smote", random_state=0)
    assert record["notes"] == [["fear", "2 instead of 5 neighbours"]]
    assert (new_y == "fear").sum() == (new_y == "others").sum()


@pytest.mark.parametrize("sampler", ["smote", "borderline_smote"])
def test_the_only_clip_of_a_class_is_copied_and_it_is_said(sampler):
    X, y, _, _ = people()
    y[y == "fear"] = "others"
    y[0] = "fear"
    new_X, new_y, record = resample(X, y, sampler, random_state=0)
    assert ["fear", "its only clip was copied"] in record["notes"]
    assert np.array_equal(np.unique(new_X[new_y == "fear"], axis=0), X[:1])


def test_borderline_smote_says_when_a_class_has_no_border():
    X, y, _, _ = people(signal=100)
    new_X, _, record = resample(X, y, "borderline_smote", random_state=0)
    assert len(new_X) == len(X) and ["fear", "no clip at the border, nothing made"] in record["notes"]


def test_what_happened_is_stored_with_every_fold():
    X, y, _, samples = people()
    y[y == "fear"] = "others"
    y[:3] = "fear"
    some = ["majority", "svm+smote", "svm+none"]
    _, fits = predictions.cross_predict("demo3-loso", some, X, samples, y, CLASSES, splits.loso(samples)[:2], TINY)
    smote = [json.loads(text) for text in fits[fits.model == "svm+smote"].recorded]
    assert all(record["notes"] and record["calibrated_on"] and record["clips"]["fear"] for record in smote)
    assert "notes" not in json.loads(fits[fits.model == "svm+none"].recorded.iloc[0])


# ------------------------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize("name", NAMES)
def test_a_constant_feature_and_a_class_of_one_clip_do_no_harm(name):
    X, y, groups, _ = people()
    X[:, 3] = 7
    y[y == "fear"] = "others"
    y[0] = "fear"
    model = models.build(name, TINY, 0).fit(X, y, groups=groups)
    assert np.isfinite(model.predict_proba(X)).all() and list(model.classes_) == list(CLASSES)


@pytest.mark.parametrize("name", NAMES)
def test_gaps_in_the_features_are_refused_by_row(name):
    X, y, groups, samples = people()
    X[17, 4] = np.nan
    with pytest.raises(WorkbookError, match="row 17"):
        models.build(name, TINY, 0).fit(X, y, groups=groups)
    with pytest.raises(WorkbookError, match=samples.sample_id[17]):
        predictions.cross_predict("t", [name], X, samples, y, CLASSES, splits.loso(samples), TINY)
    fitted = Resampled(SVC(), "smote").fit(np.nan_to_num(X), y)
    with pytest.raises(WorkbookError, match="row 17"):
        fitted.predict(X)


def test_a_fold_without_a_class_is_fitted_and_named_and_one_with_a_single_class_is_refused():
    X, y, groups, samples = people()
    y = np.where((y == "fear") & (groups != groups[0]), "others", y)
    y[0] = "fear"
    found, fits = predictions.cross_predict(
        "t", ["logistic+smote", "svm+undersample"], X, samples, y, CLASSES, splits.loso(samples)[:1], TINY
    )
    assert set(fits.unseen_classes) == {"fear"} and (found.p_fear == 0).all()
    with pytest.raises(WorkbookError, match="all training clips are others"):
        models.build("logistic+none", TINY, 0).fit(X, np.full(len(X), "others"), groups=groups)


# ------------------------------------------------------------------------------------------------ nothing leaks


def noise(seed=0, n=90, d=150):
    rng = np.random.default_rng(seed)
    y = np.repeat(["others", "disgust", "fear"], [60, 20, 10])
    return rng.normal(size=(n, d)), rng.permutation(y), np.array([f"p{k % 15}" for k in range(n)])


def uar(y, found):
    return scores.metrics(scores.confusion(y, found, CLASSES))["uar"]


def held_out(name, seed, X, y, groups, folds):
    return canaries.predicted(lambda _: models.build(name, TINY, seed), X, y, groups, folds)


def test_the_classic_leak_scores_high_on_noise_and_ours_does_not():
    """Scale, project and SMOTE before the split, as so often published; then the same with our objects."""
    X, y, groups = noise()
    leaky_X, leaky_y, _ = resample(
        PCA(30, random_state=0).fit_transform(StandardScaler().fit_transform(X)), y, "smote", random_state=0
    )
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    leaky = cross_val_predict(SVC(), leaky_X, leaky_y, cv=folds)
    folds = StratifiedGroupKFold(5).split(X, y, groups)
    honest = held_out("svm+pca+smote", 0, X, y, groups, folds)
    assert uar(leaky_y, leaky) > 0.8 and uar(y, honest) < 0.45


@pytest.mark.parametrize("name", [f"svm+pca+{what}" for what in imbalance.TREATMENTS if what != "focal"])
def test_a_spoiled_held_out_person_changes_nothing_that_was_fitted(name, monkeypatch):
    X, y, groups = noise()
    ids = [f"{who}/{k}" for k, who in enumerate(groups)]
    samples = pd.DataFrame({"sample_id": ids, "dataset": "d", "subject": groups})
    fold, spoiled, build, kept = splits.loso(samples)[0], groups == "p0", models.build, []
    assert set(groups[fold.test]) == {"p0"}
    monkeypatch.setenv(workspace.JOBS_VARIABLE, "1")  # in this process, so that the fitted models can be kept
    monkeypatch.setattr(models, "build", lambda *given, **settings: kept.append(build(*given, **settings)) or kept[-1])

    def fitted(fold):
        """Scaler, components and what the last step recorded, with the person as they are and spoiled."""
        for arrays, truth in ((X, y), (planted.spoiled(X, groups, "p0"), np.where(spoiled, "others", y))):
            predictions.fit_folds([(name, 0, fold)], arrays, samples, truth, TINY)
            yield kept[-1][1].mean_, kept[-1][2].pca_.components_, np.array(json.dumps(kept[-1][-1].record_))

    assert all(np.array_equal(*pair) for pair in zip(*fitted(fold), strict=True))
    leaky = splits.Fold(fold.name, np.arange(len(y)), fold.test)
    assert not any(np.array_equal(*pair) for pair in zip(*fitted(leaky), strict=True)), "a leak would be seen"


def test_inner_folds_hold_real_rows_only_and_resample_their_own_training_part(monkeypatch):
    """Every fit and every validation inside the calibrated SVM is watched: no synthetic row is ever validated on."""
    X, y, groups, _ = people()
    real, seen, original = {tuple(row) for row in X}, [], Resampled.decision_function

    def watch(self, rows):
        seen.append({tuple(row) for row in rows})
        return original(self, rows)

    monkeypatch.setattr(Resampled, "decision_function", watch)
    Tempered(Resampled(SVC(), "smote", random_state=0)).fit(X, y, groups=groups)
    assert len(seen) == 3 and set().union(*seen) == real and sum(map(len, seen)) == len(real)


def test_a_classifier_with_inner_folds_is_refused_on_resampled_rows():
    X, y, groups, _ = people()
    with pytest.raises(WorkbookError, match="inner folds"):
        Resampled(Tempered(SVC()), "smote").fit(X, y, groups=groups)


def test_a_sampler_as_a_step_of_its_own_is_refused():
    """As a step it could resample what is predicted; our pipeline takes transformers only."""
    from imblearn.over_sampling import SMOTE

    X, y, _, _ = people()
    with pytest.raises(TypeError, match="transform"):
        models.GroupedPipeline([("smote", SMOTE()), ("classifier", SVC())]).fit(X, y)


@pytest.mark.parametrize(
    "name", [*NAMES, *(f"{who}+pca+{what}" for who in imbalance.LEARNERS for what in ("none", "smote"))]
)
def test_canary_labels_permuted_across_people_give_chance(name):
    X, y, groups, _ = people(n=60, d=5)
    null = []
    for seed in range(20):
        shuffled = np.random.default_rng(seed).permutation(y)
        folds = StratifiedGroupKFold(3).split(X, shuffled, groups)
        null.append(uar(shuffled, held_out(name, seed, X, shuffled, groups, folds)))
    assert canaries.verdict(1, np.array(null), 3).centred


def test_every_treatment_that_was_looked_at_is_listed():
    looks = pd.read_csv(ROOT / "benchmarks" / "looks.csv")
    for name in NAMES:
        assert {"megc3-loso", "demo7-loso"} <= set(looks.task[looks.model == name]), name
