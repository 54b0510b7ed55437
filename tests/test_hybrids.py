"""The re-created systems: networks on regions of interest, the fused SVM; what they are fed and what they look at."""

import json
import re
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.metrics import balanced_accuracy_score

from helpers import labels, models, workspace
from helpers.evaluation import ablation, arrays, attribution, predictions, regions, scores, splits
from helpers.models import _frame_cnn, _layers, _regions, fused_svm
from helpers.models._frame_cnn import FrameCNN, examples
from helpers.models._regions import BOXES, WIDTH, RegionNetwork
from helpers.models.roi_hybrid import ROIHybrid
from helpers.models.training import SOURCES, DidNotLearn
from helpers.motion import faces, flow
from helpers.workspace import NotApplicable, WorkbookError

TINY, QUICK, FULL = (workspace.profile(name) for name in ("tiny", "quick", "full"))
CLASSES = ("disgust", "happiness", "others")
REGIONAL = [*models.names("windows"), *models.names("standard")]
ATTENTIVE = ("roi_graph", "roi_temporal", "roi_hybrid")


def clips(n=48, length=2, side=28, signal=2.0, seed=0):
    """Flow of 6 people (n, T, 3, side, side): disgust lifts the nose, happiness widens the mouth, others do nothing."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, length, 3, side, side)).astype(np.float32)
    y = np.array(CLASSES)[np.arange(n) % 3]
    for label, region, channel, sign in (("disgust", "nose", 1, -1), ("happiness", "mouth", 0, 1)):
        rows = X[y == label]
        faces.region(rows, region)[:, :, channel] += sign * signal
        X[y == label] = rows
    return X, y, np.array([f"demo/p{k // 3 % 6}" for k in range(n)])


def fused_clips(n=48, side=16, seed=0):
    """What the fused SVM takes, small: the class lifts the nose, and moves a column of each feature."""
    maps, y, groups = clips(n, 3, side, seed=seed)
    rng = np.random.default_rng(seed)
    widths = {"lbp_top": 40, "hog": 30, "flow_statistics": 20, "au_regions": 48}
    X = np.zeros(n, [("frames", np.uint8, (3, side, side, 3)), ("flow", np.float32, maps.shape[1:]),
                     *((name, np.float32, (width,)) for name, width in widths.items())])  # fmt: skip
    X["flow"], X["frames"] = maps, rng.integers(0, 255, X["frames"].shape)
    for name in widths:
        X[name] = rng.normal(size=X[name].shape)
        X[name][:, 0] += 3 * (y == "disgust")
    return X, y, groups


def samples_of(groups):
    """Samples with the columns that predictions need."""
    ids = [f"{who}/{n}" for n, who in enumerate(groups)]
    return pd.DataFrame({"sample_id": ids, "dataset": "demo", "subject": groups})


@pytest.fixture(scope="module")
def problem():
    return clips()


@pytest.fixture(scope="module")
def hybrid(problem):
    X, y, groups = problem
    return models.build("roi_hybrid", TINY, 0).fit(X, y, groups=groups)


# ------------------------------------------------------------------------------------------------ the registry


def test_the_systems_are_found_by_what_they_take():
    assert models.names("windows") == ["full_face_flow"]
    assert models.names("standard") == ["roi_cnn", "roi_graph", "roi_hybrid", "roi_temporal"]
    assert models.names("frames") == ["rgb_cnn"] and models.names("fused") == ["fused_svm"]
    assert not set(REGIONAL) & set(models.names()), "models of the workbook's own maps are a list of their own"
    assert all(models.stochastic(name) for name in [*REGIONAL, "rgb_cnn", *fused_svm.names()])


@pytest.mark.parametrize("name", [*REGIONAL, "rgb_cnn"])
def test_parameters_are_as_many_as_the_docstring_says(name):
    network = models.build(name, FULL, 0)[-1].network((2, 3, 224, 224), 7)
    count = sum(parameter.numel() for parameter in network.parameters())
    assert f"{count:,}" in models.module(name).__doc__


def test_the_fused_network_has_as_many_parameters_as_the_docstring_says():
    cnn = models.build("fused_svm", FULL, 0)[-1].pipeline[0].cnn
    network = cnn.network({"frame": (3, 64, 64), "flow": (3, 3, 64, 64)}, 7)
    assert f"{sum(parameter.numel() for parameter in network.parameters()):,}" in fused_svm.__doc__


def test_profile_full_has_the_settings_that_the_sources_state():
    network = models.build("roi_hybrid", FULL, 0)[-1]
    found = {name: getattr(network, name) for name in SOURCES["microfacial"]}
    assert found == {"rate": 1e-4, "epochs": 60, "patience": 20, "dropout": 0.2, "batch": 32}
    assert (network.size, WIDTH) == (224, 256) and set(faces.REGIONS) == set(network.regions)
    cnn = models.build("fused_svm", FULL, 0)[-1].pipeline[0].cnn
    assert (cnn.epochs, cnn.rate, cnn.decay, cnn.batch, cnn.schedule) == (12, 1e-3, 1e-4, 32, "cosine")
    assert cnn.augment == {"brightness": 0.1, "rotation": 3, "noise": 0.01, "flow_scale": 0.1}


# ------------------------------------------------------------------------------------------------ networks on regions


@pytest.mark.parametrize("name", REGIONAL)
def test_it_learns_a_movement_in_one_region_and_repeats(name, problem):
    X, y, groups = problem
    test = groups == groups[0]
    fits = [models.build(name, TINY, 3).fit(X[~test], y[~test], groups=groups[~test]) for _ in range(2)]
    p = [model.predict_proba(X[test]) for model in fits]
    assert np.array_equal(*p), "same seed, same numbers"
    assert p[0].shape == (test.sum(), 3) and np.allclose(p[0].sum(axis=1), 1)
    assert balanced_accuracy_score(y[test], fits[0].predict(X[test])) > 0.6
    assert fits[0][-1].record_["beats_prior"] and json.dumps(fits[0][-1].record_)
    assert not hasattr(clone(fits[0])[-1], "classes_")


def test_the_network_on_colours_learns_and_refuses_other_arrays():
    rng, y = np.random.default_rng(0), np.array(CLASSES)[np.arange(30) % 3]
    X = rng.integers(0, 200, (30, 3, 16, 16, 3)).astype(np.uint8)
    X[y == "disgust", :, 4:12, :, 0] += 55
    X[y == "happiness", :, :, 4:12, 1] += 55
    model = models.build("rgb_cnn", TINY, 0)[-1].set_params(epochs=40).fit(X, y)
    assert model.record_["beats_prior"] and model.predict_proba(X).shape == (30, 3)
    with pytest.raises(WorkbookError, match="give key frames"):
        model.predict(X.astype(np.float32))


@pytest.mark.parametrize("name", REGIONAL)
def test_one_window_is_enough_and_padding_changes_nothing(name):
    X, y, _ = clips(length=1)
    network = models.build(name, TINY, 0)[-1].set_params(epochs=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DidNotLearn)
        network.fit(X, y)
    padded = np.concatenate([X, np.zeros_like(X), np.zeros_like(X)], axis=1)
    assert np.allclose(network.predict_proba(X), network.predict_proba(padded), atol=1e-5)
    if name != "roi_temporal" and name != "roi_hybrid":  # in these two the order of windows means something
        assert np.allclose(network.predict_proba(X), network.predict_proba(padded[:, ::-1]), atol=1e-5)
    assert np.isfinite(network.predict_proba(np.zeros_like(X[:2]))).all(), "nothing moves at all"


def test_the_order_of_windows_means_something_to_the_transformer(hybrid, problem):
    X = problem[0].copy()
    X[:, 1] *= -1
    assert not np.allclose(hybrid.predict_proba(X), hybrid.predict_proba(X[:, ::-1]), atol=1e-3)


def test_regions_are_cut_where_the_workbook_cuts_them(problem):
    X = problem[0][:3]
    layer = _layers.Regions([BOXES[name] for name in faces.REGIONS], 24, torch.nn.Identity())
    assert np.allclose(layer.cut(torch.from_numpy(X)).numpy(), flow.regions(X, size=24), atol=1e-5)


def test_regions_that_are_cut_already_are_taken_as_they_are(hybrid, problem):
    X = problem[0]
    centred = hybrid[-1].prepare(X)
    network = hybrid[-1].network_.eval()
    whole, cut = (torch.from_numpy(some) for some in (centred, flow.regions(centred, size=16)))
    with torch.inference_mode():
        found = [network["regions"](x) for x in (whole, cut)]
    assert found[0].shape == (48, 2, 4, WIDTH) and torch.allclose(*found, atol=1e-4)
    cut = hybrid.predict(flow.regions(X, size=16))
    assert (hybrid.predict(X) == cut).mean() > 0.95, "a region that moves as a whole keeps its motion"
    model = ROIHybrid(size=16, channels=(4, 4, 8, 8), epochs=2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DidNotLearn)
        model.fit(flow.regions(X, size=16), problem[1])
    assert model.predict_proba(flow.regions(X[:5], size=16)).shape == (5, 3)


def test_another_number_of_regions_or_channels_is_refused(hybrid, problem):
    X = flow.regions(problem[0][:4], size=16)
    with pytest.raises(WorkbookError, match=r"3 regions, the network reads 4.*cut eyebrows, eyes, nose, mouth"):
        hybrid.predict(X[:, :, :3])
    with pytest.raises(WorkbookError, match="2 channels, the network reads 3"):
        hybrid.predict(X[:, :, :, :2])
    with pytest.raises(WorkbookError, match="shape"):
        hybrid.predict(problem[0][:, :, :2])
    with pytest.raises(WorkbookError, match=r"row 2.*not finite"):
        hybrid.predict(np.where(np.arange(4)[:, None, None, None, None, None] == 2, np.nan, X))


def test_settings_without_sense_are_refused(problem):
    X, y, _ = problem
    with pytest.raises(WorkbookError, match="unknown region 'chin'"):
        RegionNetwork(regions=("chin",)).fit(X, y)
    with pytest.raises(WorkbookError, match="16 pixels or more"):
        RegionNetwork(size=8).fit(X, y)
    with pytest.raises(WorkbookError, match="no pixel"):
        RegionNetwork(size=16, epochs=1).fit(X[..., :4, :4], y)


def test_the_mixture_is_recorded_and_begins_equal(hybrid, problem):
    fused = hybrid[-1]
    assert set(fused.fusion_) == {"temporal", "graph"} and sum(fused.fusion_.values()) == pytest.approx(1)
    assert fused.record_["fusion"] == fused.fusion_ and fused.fusion_["graph"] != 0.5
    assert _layers.Fusion(2, 8).shares().tolist() == [0.5, 0.5]


def test_fusion_mixes_branches_of_one_size():
    layer = _layers.Fusion(2, 8)
    a, b = torch.randn(5, 8), torch.randn(5, 8)
    assert torch.allclose(layer(a, b), layer(100 * a, b), atol=1e-3), "size does not count"
    with torch.no_grad():
        layer.logits[0] = 50
    assert torch.allclose(layer(a, b), layer.norms[0](a), atol=1e-5)


@pytest.mark.parametrize("name", ATTENTIVE)
def test_what_it_attends_to_sums_to_one(name, problem):
    X, y, _ = problem
    network = models.build(name, TINY, 0)[-1].set_params(epochs=4).fit(X, y)
    p, found = network.predict_proba(X[:7]), network.attention(X[:7])
    side = 2 if name == "roi_temporal" else 4
    assert found.shape == (7, side, side) and np.allclose(found.sum(axis=-1), 1, atol=1e-5) and (found >= 0).all()
    assert np.array_equal(network.predict_proba(X[:7]), p), "looking changes nothing"


def test_graph_attention_is_that_of_the_paper():
    """Against the formula, term by term: softmax over j of LeakyReLU(a . [W h_i, W h_j])."""
    torch.manual_seed(0)
    layer = _layers.GraphAttention(8, heads=2)
    nodes = torch.randn(1, 3, 8)
    wide = layer.project(nodes)[0].view(3, 2, 4)
    for head in range(2):
        a = layer.ends[:, head].flatten()
        scores = torch.stack([
            torch.stack([torch.nn.functional.leaky_relu(a @ torch.cat([wide[i, head], wide[j, head]]), 0.2)
                         for j in range(3)]) for i in range(3)
        ])  # fmt: skip
        expected = scores.softmax(dim=1)
        assert torch.allclose(layer.weights(layer.project(nodes))[0, :, :, head], expected, atol=1e-6)


def test_a_region_that_moves_alone_carries_the_attribution(problem):
    """Integrated gradients: they sum to the difference of the logits, and lie where the movement is."""
    X, y, groups = problem
    model = models.build("roi_cnn", TINY, 0).fit(X, y, groups=groups)
    found = attribution.integrated_gradients(model, X[:12], y[:12], steps=128)
    assert found.values.shape == X[:12].shape and found.maps().shape == (12, 2, 28, 28)
    assert np.abs(found.residual).mean() < 0.05 * np.abs(found.difference).mean()
    disgust = np.abs(found.maps()[y[:12] == "disgust"]).sum(axis=(0, 1))
    density = {name: faces.region(disgust, name).mean() for name in faces.REGIONS}
    assert max(density, key=density.get) == "nose"


def test_attribution_refuses_what_it_cannot_explain(hybrid, problem):
    X, y, _ = problem
    with pytest.raises(WorkbookError, match="unknown class"):
        attribution.integrated_gradients(hybrid, X[:1], np.array(["joy"]))
    with pytest.raises(WorkbookError, match="no gradient"):
        attribution.integrated_gradients(models.build("logistic", TINY, 0), X[:1], y[:1])
    with pytest.raises(WorkbookError, match="no gradient on flow maps"):
        attribution.integrated_gradients(models.build("rgb_cnn", TINY, 0), X[:1], y[:1])


# ------------------------------------------------------------------------------------------------ the fused SVM


@pytest.fixture(scope="module")
def fused():
    X, y, groups = fused_clips()
    test = groups == groups[0]
    return X, y, groups, test, models.build("fused_svm", TINY, 0).fit(X[~test], y[~test], groups=groups[~test])


def test_it_joins_128_and_48_and_48_columns(fused):
    X, _, _, _, model = fused
    assert model[-1].record_["widths"] == {"network": 128, "by hand": 48, "au_regions": 48}
    front = model[-1].pipeline_[0]
    assert front.transform(X[:5]).shape == (5, 224)
    without = models.build("fused_svm+emphasis", TINY, 0)[-1].pipeline[0].set_params(cnn__epochs=3)
    assert without.fit(X, fused[1]).transform(X[:5]).shape == (5, 176)


def test_a_clip_is_the_mean_over_its_three_frames(fused):
    X, *_, model = fused
    front = model[-1].pipeline_[0]
    each = []
    for k in range(3):
        one = X[:5].copy()
        one["frames"] = X["frames"][:5, k : k + 1]
        each.append(front.transform(one)[:, :128])
    assert not np.allclose(each[0], each[1])
    assert np.allclose(front.transform(X[:5])[:, :128], np.mean(each, axis=0), atol=1e-5)


def test_examples_are_one_a_frame_with_the_flow_of_their_clip(fused):
    X = fused[0][:2]
    made = examples(X)
    assert made.shape == (6,) and made["frame"].max() <= 1
    assert np.allclose(made["frame"][4], np.moveaxis(X["frames"][1, 1], -1, 0) / 255)
    assert np.array_equal(made["flow"][4], X["flow"][1])


def test_emphasis_touches_nose_and_upper_lip_only(fused):
    made = examples(fused[0][:2])
    before = made.copy()
    after = FrameCNN(emphasis=1.3).prepare(made)
    inside = faces.mask(16, (_frame_cnn.BOX,))
    assert np.allclose(after["frame"][..., inside], 1.3 * made["frame"][..., inside])
    assert np.array_equal(after["frame"][..., ~inside], made["frame"][..., ~inside])
    assert np.array_equal(after["flow"], made["flow"]) and np.array_equal(made, before)
    assert np.array_equal(FrameCNN(emphasis=1.0).prepare(made), made)


def test_variants_differ_in_one_thing_each():
    found = {name: models.build(name, TINY, 0)[-1].pipeline[0] for name in fused_svm.names()}
    assert {name: (front.cnn.emphasis, front.au) for name, front in found.items()} == {
        "fused_svm+both": (1.3, True), "fused_svm+emphasis": (1.3, False),
        "fused_svm+features": (1.0, True), "fused_svm+neither": (1.0, False),
    }  # fmt: skip
    with pytest.raises(WorkbookError, match="variant of fused_svm"):
        models.build("fused_svm+hope", TINY, 0)


def test_it_learns_and_gives_probabilities(fused):
    X, y, _, test, model = fused
    p = model.predict_proba(X[test])
    assert p.shape == (test.sum(), 3) and np.allclose(p.sum(axis=1), 1) and model[-1].record_["calibrated_on"] > 0
    assert balanced_accuracy_score(y[test], model.predict(X[test])) > 0.6
    assert model[-1].record_["network"]["beats_prior"] and json.dumps(model[-1].record_)


def test_no_person_is_on_both_sides_of_what_search_and_calibration_are_judged_on(monkeypatch):
    X, y, groups = fused_clips()
    X["au_regions"][:, 0] = np.arange(len(X))  # a row's own number
    seen = []

    class Watched(fused_svm.Fused):
        def fit(self, X, y):
            self.rows = X["au_regions"][:, 0].astype(int)
            return super().fit(X, y)

        def transform(self, X):
            seen.append((set(self.rows), X["au_regions"][:, 0].astype(int)))
            return super().transform(X)

    monkeypatch.setattr(fused_svm, "Fused", Watched)
    calibrated = []
    calibrate = fused_svm.FusedSVM._calibrate
    monkeypatch.setattr(
        fused_svm.FusedSVM, "_calibrate",
        lambda self, values, truth: calibrated.append(len(truth)) or calibrate(self, values, truth),
    )  # fmt: skip
    models.build("fused_svm", TINY, 0).fit(X, y, groups=groups)
    judged = [(rows, test) for rows, test in seen if not rows & set(test)]
    whole = [rows for rows, _ in seen if len(rows) == len(X)]
    assert len(judged) == 3 and whole
    for rows, test in judged:
        assert not set(groups[sorted(rows)]) & set(groups[test])
    assert sum(len(test) for _, test in judged) == calibrated[0] == len(X)


def test_a_class_that_no_inner_person_shows_keeps_a_small_probability():
    model, rng = fused_svm.FusedSVM(None, {}), np.random.default_rng(0)
    truth = np.repeat([0, 2], 20)
    values = rng.normal(size=(40, 3)) + 2 * np.eye(3)[truth]
    assert model._calibrate(values, truth) == {"calibration": "sigmoid"}
    p = model._probabilities(values)
    assert np.allclose(p.sum(axis=1), 1) and (p[:, 1] < 0.03).all() and (p[:, 1] > 0).all()
    assert (p[:, [0, 2]].argmax(axis=1) == (truth == 2)).mean() > 0.8
    assert model._calibrate(values[:20], truth[:20])["calibration"] == "temperature", "one class: nothing to fit"
    assert np.allclose(model._probabilities(values[:3]).sum(axis=1), 1)


# ------------------------------------------------------------------------------------------------ arrays


def test_every_kind_of_array_has_the_same_samples(demo):
    found = arrays.of(demo, TINY)
    assert len(found.samples) == len(found.of("roi_cnn")) == len(found.of("rgb_cnn")) == len(found.of("fused_svm+both"))
    assert found.of("roi_hybrid").shape[1:] == (2, 3, 64, 64) and found.of("logistic").shape[1:] == (1, 3, 28, 28)
    assert found.of("fused_svm")["au_regions"].shape[1:] == (48,) and found.units == "px" and not found.missing
    whole = found.of("fused_svm")["flow"]
    assert whole.shape[1:] == (3, 3, 24, 24)
    assert np.allclose(whole[:, :2], arrays.resized(found.of("roi_cnn"), 24)), "rise and fall are the same windows"
    some = found.select(found.samples.subject == found.samples.subject[0])
    assert len(some.samples) == len(some.of("fused_svm")) < len(found.samples)


def test_ready_made_maps_have_one_window_and_no_frames(smic_maps):
    from helpers import datasets

    samples = datasets.load("megc2019", str(smic_maps))
    found = arrays.of(samples, TINY)
    assert found.of("full_face_flow").shape == (164, 1, 3, 28, 28) and found.units == "8-bit"
    assert found.of("roi_hybrid").shape == (164, 1, 3, 64, 64)
    for name in ("rgb_cnn", "fused_svm+neither"):
        with pytest.raises(NotApplicable, match=f"{re.escape(name)}.*flow maps have no frames"):
            found.of(name)
    network = models.build("roi_hybrid", TINY, 0)[-1].set_params(epochs=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DidNotLearn)
        network.fit(found.of("roi_hybrid"), labels.targets(samples, "megc3").to_numpy(str))
    assert network.attention(found.of("roi_hybrid")[:2]).shape == (2, 4, 4)


@pytest.mark.parametrize("name", list(faces.REGIONS))
@pytest.mark.parametrize("side", [64, 224])
def test_regions_of_public_maps_are_cut_where_notebook_04_sees_them(name, side):
    """Motion planted in one of notebook 04's public boxes is in the region of that name, as far as the map reaches."""
    maps, box = np.full((1, 1, 3, 28, 28), 5, np.float32), regions.boxes(28, public=True)[name]
    maps[0, 0, :2, box] += 3  # on head motion of 5, which the median takes off
    there = arrays.placed(maps, side)
    filled = (flow.regions(there, size=24)[0, 0, :, 0] > 1.5).mean(axis=(1, 2))
    assert filled.max() > 0.65 and list(faces.REGIONS)[filled.argmax()] == name
    assert faces.region(there, name)[0, 0, 0].sum() > 0.9 * there[0, 0, 0].sum(), "nearly nothing of it is outside"


def test_the_place_of_public_maps_undoes_the_place_of_boxes():
    for public, own in zip(regions.boxes(224, public=True).values(), regions.boxes(224).values(), strict=True):
        maps = np.zeros((1, 1, 3, 224, 224), np.float32)
        maps[0, 0, 2] = public
        there = arrays.placed(maps, 224)[0, 0, 2] > 0.5
        assert (there & own).sum() / there.sum() > 0.9


def test_predictions_take_structured_arrays_and_name_the_sample_that_is_not_finite(tmp_path, monkeypatch):
    monkeypatch.setenv(workspace.JOBS_VARIABLE, "1")
    X, y, groups = fused_clips(n=24)
    samples = samples_of(groups)
    call = (samples, y, CLASSES, splits.parts(samples, 2), TINY, (0,), tmp_path)
    found, fits = predictions.cross_predict("demo-parts", ["fused_svm+neither"], X, *call)
    assert sorted(found.sample_id) == sorted(samples.sample_id) and "widths" in json.loads(fits.recorded[0])
    X["hog"][7, 3] = np.nan
    with pytest.raises(WorkbookError, match=f"{samples.sample_id[7]}.*NaN or infinity"):
        predictions.cross_predict("demo-parts", ["fused_svm+neither"], X, *call)


def test_settings_of_whole_pictures_never_exceed_the_source():
    assert _regions.whole(QUICK)["size"] == 2 * _regions.settings(QUICK)["size"]
    assert _regions.whole(FULL)["size"] == 224


# ------------------------------------------------------------------------------------------------ ablations


def found_of(groups, **kinds):
    return arrays.Arrays(samples_of(groups), kinds, {"frames": "flow maps have no frames"}, "8-bit", pd.DataFrame())


def test_systems_stand_in_one_table_with_what_they_learned(monkeypatch):
    monkeypatch.setenv(workspace.JOBS_VARIABLE, "1")
    monkeypatch.setitem(_regions.SETTINGS, "tiny", _regions.SETTINGS["tiny"] | {"epochs": 6})
    X, y, groups = clips(n=36)
    found = found_of(groups, windows=X, standard=X, flow=X[:, :1])
    names = ("majority", "rgb_cnn", "roi_cnn", "roi_hybrid")
    folds = splits.parts(found.samples, 2)
    table, records, absent = ablation.predict(names, found, y, CLASSES, folds, "demo-parts", TINY)
    assert absent.model.tolist() == ["rgb_cnn"] and "no frames" in absent.reason[0]
    rows = ablation.systems(table, records, scores.score(table, 50), "demo-parts", resamples=50)
    assert rows.model.tolist() == ["roi_cnn", "roi_hybrid"] and (rows.parameters > 40_000).all()
    assert rows.uar_gain.isna().tolist() == [True, False]
    assert rows.uar_gain[1] == pytest.approx(rows.uar[1] - rows.uar[0])
    assert rows.fusion_temporal[1] + rows.fusion_graph[1] == pytest.approx(1) and pd.isna(rows.fusion_graph[0])
    with pytest.raises(NotApplicable, match="flow maps have no frames"):
        ablation.predict(["rgb_cnn"], found, y, CLASSES, folds, "demo-parts", TINY)


def test_the_effect_on_the_recall_of_disgust_is_paired():
    """Predictions made by hand: both changes find every second disgust clip, the others find none."""
    _, y, groups = clips(n=36)
    samples, parts = samples_of(groups), []
    for name in fused_svm.names():
        hit = (np.arange(36) % 2 == 0) & (name == "fused_svm+both")
        guess = np.where((y == "disgust") & ~hit, "others", y)
        p = pd.DataFrame({f"p_{label}": (guess == label).astype(float) for label in CLASSES})
        facts = {"task": "demo-parts", "model": name, "seed": 0, "fold": "part0", "y_true": y, "y_pred": guess}
        parts.append(pd.concat([samples.assign(**facts), p], axis=1))
    table = predictions.check(pd.concat(parts, ignore_index=True)[[*predictions.COLUMNS, *p]])
    rows = ablation.signs(table, "demo-parts", resamples=200).set_index(["model", "other"])
    assert rows.gain[("fused_svm+both", "fused_svm+neither")] == pytest.approx(0.5)
    assert rows.recall[("fused_svm+both", "fused_svm+emphasis")] == pytest.approx(0.5)
    same = rows.loc[("fused_svm+emphasis", "fused_svm+neither")]
    assert same.gain == same.lo == same.hi == 0 and same.verdict == "tie"
    with pytest.raises(NotApplicable, match="no class fear"):
        ablation.signs(table, "demo-parts", label="fear")
