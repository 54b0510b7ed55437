"""Regressors of intensity: what padding and missing frames must not change, what formulations ask, who sees what."""

import pickle
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone

from helpers import models, workspace
from helpers.models import _augmentation, _inputs, intensity
from helpers.models.intensity import _clips, _formulations, cnn_lstm, cnn_tcn, cnn_transformer
from helpers.models.intensity._sequence import TRAINING
from helpers.models.training import DidNotLearn
from helpers.workspace import WorkbookError

TINY = workspace.profile("tiny")
SIDE = 12
AUGMENT = {"mirror": 0.5, "rotation": 5, "noise": 0.1, "flow_scale": 0.1, "shift": 1}


def clips(n=24, length=12, side=SIDE, seed=0):
    """Clips (n, T, 3, H, W) of six people in which a blob moves as far as the intensity says; half of them shorter."""
    rng, (along, across) = np.random.default_rng(seed), np.mgrid[:side, :side]
    X, y = np.full((n, length, 3, side, side), np.nan, np.float32), np.full((n, length), np.nan, np.float32)
    for k in range(n):
        steps = length - 5 * (k % 2)
        apex = rng.integers(2, steps - 2)
        y[k, :steps] = np.interp(np.arange(steps), [1, apex, steps - 1], [0, 1, 0]) * rng.uniform(0.4, 1)
        middle = rng.uniform(0.3 * side, 0.7 * side, 2)
        blob = np.exp(-((across - middle[0]) ** 2 + (along - middle[1]) ** 2) / 8)
        X[k, :steps] = rng.normal(0, 0.05, (steps, 3, side, side))
        X[k, :steps, 1:] += y[k, :steps, None, None, None] * blob
    return X, y, np.array([f"demo/p{k % 6}" for k in range(n)])


def padded(X, y, more=7):
    """The same clips with more steps without a frame behind them."""
    wide = np.full((len(X), more, *X.shape[2:]), np.nan, np.float32), np.full((len(y), more), np.nan, np.float32)
    return np.concatenate([X, wide[0]], axis=1), np.concatenate([y, wide[1]], axis=1)


def built(name, **settings):
    return intensity.build(name, TINY, 3, **settings)


def quick(name, **settings):
    """A network after three epochs; whether it learnt is not the point."""
    return Quiet(built(name, **({"epochs": 3} if name in intensity.NETWORKS else {}), **settings))


class Quiet:
    """An estimator whose warning that it did not learn is expected."""

    def __init__(self, model):
        self.model = model

    def fit(self, *data):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DidNotLearn)
            return self.model.fit(*data)


# ------------------------------------------------------------------------------------------------ every regressor


def test_names_are_found_and_are_no_classifiers():
    assert set(intensity.BASELINES) == {
        "constant", "frame_index", "position", "flow_magnitude", "flow_boosting", "flow_and_index",
    }  # fmt: skip
    assert set(intensity.NETWORKS) == {"cnn_lstm", "cnn_lstm_both_ways", "cnn_tcn", "cnn_transformer"}
    assert intensity.names() == [*intensity.BASELINES, *intensity.NETWORKS]
    assert [name for name in intensity.names() if intensity.stochastic(name)] == list(intensity.NETWORKS)
    assert "intensity" not in models.names()
    for wrong in ("hope", "_sequence"):
        with pytest.raises(WorkbookError, match="unknown regressor"):
            built(wrong)
    with pytest.raises(WorkbookError, match="unknown setting of cnn_tcn 'formula'"):
        built("cnn_tcn", formula="mse")


@pytest.mark.parametrize("name", intensity.names())
def test_every_regressor_answers_for_real_frames_and_repeats(name):
    X, y, groups = clips()
    X[2, 4] = y[2, 4] = np.nan
    X[4, 5] = 0  # a real map: nothing moved
    settings = {"augment": AUGMENT, "dropout": 0.1} if name in intensity.NETWORKS else {}
    one, other = (built(name, **settings).fit(X, y, groups) for _ in range(2))
    found = one.predict(X)
    assert np.array_equal(found, other.predict(X), equal_nan=True), "same seed, same numbers"
    assert found.shape == y.shape and np.array_equal(np.isnan(found), np.isnan(y))
    assert np.nanmin(found) >= 0 and np.nanmax(found) <= 1
    assert np.array_equal(pickle.loads(pickle.dumps(one)).predict(X), found, equal_nan=True)
    assert clone(one).get_params() == one.get_params()
    constant = built("constant").fit(X, y).predict(X)
    assert name == "constant" or np.nanmean(np.abs(found - y)) < np.nanmean(np.abs(constant - y))


@pytest.mark.parametrize("name", intensity.names())
def test_padding_has_no_influence(name):
    X, y, groups = clips()
    X[2, 4] = np.nan
    network = name in intensity.NETWORKS
    settings = {"epochs": 3, "augment": AUGMENT, "dropout": 0.2, "patience": 3} if network else {}
    short = Quiet(built(name, **settings)).fit(X, y, groups)
    found = short.predict(X)
    assert np.allclose(short.predict(padded(X, y)[0])[:, :12], found, atol=1e-6, equal_nan=True)
    assert np.isnan(short.predict(padded(X, y)[0])[:, 12:]).all()
    alone = np.concatenate([short.predict(row[None, :7]) for row in X[1::2]])  # without the longer clips beside them
    assert np.allclose(alone, found[1::2, :7], atol=1e-6, equal_nan=True)
    long = Quiet(built(name, **settings)).fit(*padded(X, y), groups)
    assert np.allclose(long.predict(X), found, atol=1e-6, equal_nan=True), "padding is not learned from either"
    if network:
        assert np.array_equal(short.standard_["flow"][1], long.standard_["flow"][1])
        assert short.record_["losses"] == pytest.approx(long.record_["losses"], abs=1e-5)
        assert short.record_["inner_losses"] == pytest.approx(long.record_["inner_losses"], abs=1e-5)


def test_frames_without_labels_are_not_learned_from():
    X, y, _ = clips()
    some, other, missing = y.copy(), y.copy(), X.copy()
    some[:, 3] = missing[:, 3] = np.nan
    other[:, 3] = 0.9  # of a frame that is missing
    for name in ("constant", "flow_magnitude", "cnn_tcn"):
        found = [quick(name).fit(missing, labels).predict(missing) for labels in (some, other)]
        assert np.array_equal(*found, equal_nan=True), name
    baseline = [built("flow_magnitude").fit(maps, some).predict(missing) for maps in (X, missing)]
    assert np.array_equal(*baseline, equal_nan=True), "a map without a label"


@pytest.mark.parametrize("name", ["position", "cnn_lstm"])
def test_bad_input_is_refused_by_row(name):
    X, y, _ = clips(8)
    for change, match in (
        (lambda X, y: y.__setitem__((3, 2), 1.2), "row 3: an intensity lies outside 0..1"),
        (lambda X, y: y.__setitem__((5, 0), -0.1), "row 5: an intensity lies outside 0..1"),
        (lambda X, y: y.__setitem__(2, np.nan), "row 2: no frame of the clip has an intensity"),
        (lambda X, y: X.__setitem__(1, np.nan), "row 1: the clip has no frame"),
        (lambda X, y: X.__setitem__((6, 2, 1, 3, 3), np.nan), "row 6: a map holds numbers that are not finite"),
        (lambda X, y: X.__setitem__((4, 2), np.inf), "row 4: a map holds numbers that are not finite"),
    ):
        bad = X.copy(), y.copy()
        change(*bad)
        with pytest.raises(WorkbookError, match=match):
            built(name).fit(*bad)
    with pytest.raises(WorkbookError, match=r"intensities \(8, 11\)"):
        built(name).fit(X, y[:, :11])
    with pytest.raises(WorkbookError, match="the array has the shape"):
        built(name).fit(X[:, :, :2], y)


# ------------------------------------------------------------------------------------------------ baselines


def test_baselines_of_place_see_no_map_and_know_the_best_curve():
    X, y, _ = clips()
    other = np.where(np.isnan(X), X, np.random.default_rng(1).normal(size=X.shape).astype(np.float32))
    for name in ("constant", "frame_index", "position"):
        model = built(name).fit(X, y)
        assert np.array_equal(model.predict(X), model.predict(other), equal_nan=True), name
        assert np.array_equal(model.predict(X), built(name).fit(other, y).predict(X), equal_nan=True), name
    assert np.allclose(built("constant").fit(X, y).predict(X)[0], np.nanmean(y))
    curve = np.where(np.isnan(y), np.nan, np.sin(np.arange(12) / 4) ** 2).astype(np.float32)
    assert np.nanmax(np.abs(built("frame_index").fit(X, curve).predict(X) - curve)) < 0.1
    bent = np.where(np.isnan(y), np.nan, np.arange(12) / np.where(np.arange(24) % 2, 6, 11)[:, None]).astype(np.float32)
    assert np.nanmax(np.abs(built("position").fit(X, bent).predict(X) - bent)) < 0.1
    assert np.nanmax(np.abs(built("frame_index").fit(X, bent).predict(X) - bent)) > 0.15, "it does not know the length"


def test_a_missing_frame_keeps_its_place_for_the_baselines_of_place():
    X, y, _ = clips()
    model = built("position").fit(X, y)
    gap = X.copy()
    gap[0, [0, 4]] = np.nan
    expected = model.predict(X)
    expected[0, [0, 4]] = np.nan
    assert np.array_equal(model.predict(gap), expected, equal_nan=True)


@pytest.mark.parametrize("name", ["flow_magnitude", "flow_boosting"])
def test_baselines_of_flow_see_no_place(name):
    X, y, _ = clips()
    model, order = built(name).fit(X, y), np.random.default_rng(0).permutation(12)
    assert np.allclose(model.predict(X[:, order]), model.predict(X)[:, order], equal_nan=True)
    again = built(name).fit(X[:, order], y[:, order])
    if name == "flow_magnitude":  # trees sum up gradients in the order of frames
        assert np.allclose(again.predict(X), model.predict(X), atol=1e-5, equal_nan=True)
    drifted = X.copy()
    drifted[:, :, :2] += np.random.default_rng(0).normal(size=(24, 12, 2, 1, 1)).astype(np.float32)
    assert np.allclose(model.predict(drifted), model.predict(X), atol=0.02, equal_nan=True), "a head that moves"


def test_a_baseline_knows_map_and_time_together_and_no_other_map():
    X, _, _ = clips()
    steps = np.arange(12) * np.isfinite(X[:, :, 0, 0, 0])
    shown = np.nan_to_num(X[:, :, 2].mean(axis=(2, 3)) > np.nanmedian(X[:, :, 2].mean(axis=(2, 3))))
    y = np.where(np.isnan(X[:, :, 0, 0, 0]), np.nan, shown * steps / 12).astype(np.float32)  # neither tells it alone
    error = {name: np.nanmean(np.abs(built(name).fit(X, y).predict(X) - y)) for name in intensity.BASELINES}
    assert error.pop("flow_and_index") < 0.7 * min(error.values())
    model, other = built("flow_and_index").fit(X, y), X.copy()
    other[:, 6] = other[::-1, 3]
    changed = ~np.isclose(model.predict(other), model.predict(X), equal_nan=True)
    assert changed[:, 6].any() and not np.delete(changed, 6, axis=1).any()


def test_magnitude_is_measured_in_face_and_regions():
    X = np.zeros((1, 1, 3, 28, 28), np.float32)
    X[0, 0, 0, :, :9], X[0, 0, 1, :, :9], X[0, 0, 2] = 3, 4, 2  # 5 px in a third of the face, medians stay 0
    found = built("flow_magnitude").numbers(X, np.ones((1, 1), bool))
    assert found.shape == (1, 60) and found[0, 0] == pytest.approx(5 * 9 / 28)
    assert found[0, 1] == pytest.approx(5 * np.sqrt(9 / 28)) and found[0, 2:6].tolist() == [0, 5, 5, 5]
    assert np.allclose(found[0, 6:12], 2)


# ------------------------------------------------------------------------------------------------ formulations


def logits(*values):
    return torch.tensor(values, dtype=torch.float64).logit()


TRUTH = torch.tensor([[0.0, 0.5, 1.0, torch.nan], [0.2, torch.nan, torch.nan, torch.nan]], dtype=torch.float64)
FOUND = logits([0.1, 0.5, 0.6, 0.9], [0.25, 0.3, 0.9, 0.1])[..., None]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mse", [(0.01 + 0 + 0.16) / 3, 0.0025]),
        ("mae", [(0.1 + 0 + 0.4) / 3, 0.05]),
        ("huber", [(0.1**2 / 2 + 0 + 0.1 * (0.4 - 0.05)) / 3, 0.05**2 / 2]),
    ],
)
def test_errors_are_means_over_the_labelled_frames_of_each_clip(name, expected):
    assert _formulations.FORMULATIONS[name].losses(FOUND, TRUTH).tolist() == pytest.approx(expected)


def test_concordance_is_that_of_the_pooled_frames():
    x, y = np.array([0.1, 0.5, 0.6, 0.25]), np.array([0, 0.5, 1, 0.2])
    ccc = 2 * np.cov(x, y, bias=True)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
    concordance = _formulations.FORMULATIONS["concordance"]
    assert concordance.losses(FOUND, TRUTH).tolist() == pytest.approx([1 - ccc] * 2, abs=1e-6)
    steps = torch.linspace(0.1, 0.9, 9, dtype=torch.float64)[None]
    assert float(concordance.losses(steps.logit()[..., None], steps)) == pytest.approx(0, abs=1e-6)
    assert float(concordance.losses((1 - steps).logit()[..., None], steps)) == pytest.approx(2, abs=1e-6)
    shifted = concordance.losses((steps - 0.05).logit()[..., None], steps)
    assert float(shifted) == pytest.approx(0.05**2 / (2 * float(steps.var(correction=0)) + 0.05**2), abs=1e-6)


@pytest.mark.parametrize("name", intensity.FORMULATIONS)
def test_gradients_are_those_of_the_loss_and_none_comes_from_frames_without_a_label(name):
    formulation = _formulations.FORMULATIONS[name]
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(2, 4, formulation.outputs, generator=generator, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda found: formulation.losses(found, TRUTH).mean(), outputs)
    formulation.losses(outputs, TRUTH).mean().backward()
    assert torch.equal(outputs.grad.abs().sum(-1) > 0, ~TRUTH.isnan())


def test_ordinal_asks_whether_each_threshold_is_reached():
    ordinal = _formulations.FORMULATIONS["ordinal"]
    assert ordinal.targets(torch.tensor([[0.1, 1 / 6, 0.4, 0.5, 0.9]])).sum(-1).tolist() == [[0, 1, 1, 2, 3]]
    found = logits([[0.8, 0.4, 0.1]])
    truth = torch.tensor([[0.3]], dtype=torch.float64)
    assert float(ordinal.losses(found, truth)) == pytest.approx(-np.log([0.8, 0.6, 0.9]).mean())
    shares = [0.8 - 0.4, 0.4 - 0.1, 0.1]  # of low, medium, high
    assert float(ordinal.values(found)) == pytest.approx(np.dot(shares, intensity.CENTRES[1:]))


def test_soft_labels_share_their_mass_between_two_levels():
    soft = _formulations.FORMULATIONS["soft"]
    truth = torch.tensor([[0, 0.25, 1 / 3, 0.9, 1]], dtype=torch.float64)
    expected = [[1, 0, 0, 0], [0.25, 0.75, 0, 0], [0, 1, 0, 0], [0, 0, 0.3, 0.7], [0, 0, 0, 1]]
    assert np.allclose(soft.targets(truth)[0], expected, atol=1e-7)
    assert np.allclose(soft.values(soft.targets(truth).log()), truth), "the expected level is the label"
    found = torch.tensor([[[0.1, 0.6, 0.2, 0.1]]], dtype=torch.float64).log()
    assert float(soft.losses(found, truth[:, 1:2])) == pytest.approx(-(0.25 * np.log(0.1) + 0.75 * np.log(0.6)))


def test_levels_lie_around_their_centres():
    assert [intensity.LEVELS[k] for k in intensity.level_of(intensity.CENTRES)] == ["none", "low", "medium", "high"]
    assert intensity.level_of([[0.16, 0.17], [0.84, 0.83]]).tolist() == [[0, 1], [3, 2]]
    for wrong in (np.nan, 1.01):
        with pytest.raises(WorkbookError, match="not in 0..1"):
            intensity.level_of([0.5, wrong])


@pytest.mark.parametrize("name", intensity.FORMULATIONS)
def test_the_prior_is_the_best_constant(name):
    formulation, truth = _formulations.FORMULATIONS[name], torch.as_tensor(clips()[1], dtype=torch.float64)

    def loss(outputs):
        return float(formulation.losses(outputs.expand(*truth.shape, -1), truth).mean())

    best = formulation.constant(truth)
    rng = np.random.default_rng(0)
    tried = [loss(best + torch.as_tensor(rng.normal(size=best.shape) * size)) for size in (0.05, 0.5) for _ in range(9)]
    assert loss(best) <= min(tried) + 1e-7
    if name == "concordance":
        assert loss(best) == pytest.approx(1)


@pytest.mark.parametrize("top", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("name", intensity.FORMULATIONS)
def test_levels_that_no_training_frame_has_leave_the_prior_a_number(name, top):
    formulation = _formulations.FORMULATIONS[name]
    truth = torch.full((4, 5), top, dtype=torch.float64)
    truth[:, 2:] *= 0.2 if top < 1 else 1
    found = formulation.losses(formulation.constant(truth).expand(*truth.shape, -1), truth)
    assert found.isfinite().all()


@pytest.mark.parametrize("name", ["ordinal", "soft"])
def test_faint_intensities_are_learned_as_levels_too(name):
    X, y, groups = clips()
    record = built("cnn_lstm", formulation=name, epochs=25).fit(X, 0.6 * y, groups).record_
    assert record["beats_prior"] and np.isfinite(record["prior_loss"])


@pytest.mark.parametrize("name", intensity.FORMULATIONS)
def test_every_formulation_learns_what_moves(name):
    X, y, groups = clips()
    test, truth, _ = clips(12, seed=1)
    found = built("cnn_lstm_both_ways", formulation=name, epochs=25).fit(X, y, groups)
    assert found.record_["beats_prior"] and found.record_["final_loss"] < 0.8 * found.record_["prior_loss"]
    error = np.nanmean(np.abs(found.predict(test) - truth))
    assert error < 0.6 * np.nanmean(np.abs(built("constant").fit(X, y).predict(test) - truth))
    assert found.record_["settings"]["formulation"] == name


# ------------------------------------------------------------------------------------------------ networks


@pytest.mark.parametrize("name", intensity.NETWORKS)
def test_networks_are_small_and_say_what_they_did(name):
    X, y, groups = clips()
    assert set(TRAINING) == set(workspace.PROFILES)
    record = quick(name, patience=2).fit(X, y, groups).record_
    assert 8000 <= record["parameters"] <= 12000 and len(record["inner_losses"]) == len(record["losses"])
    assert set(record["inner_people"]) < set(groups)
    with pytest.warns(DidNotLearn, match="the best constant"):
        built(name, epochs=1, rate=1e-9).fit(X, y)
    with pytest.raises(WorkbookError, match="unknown formulation"):
        built(name, formulation="hinge").fit(X, y)
    with pytest.raises(WorkbookError, match="fit needs groups"):
        built(name, patience=2).fit(X, y)


def test_a_recurrence_goes_from_one_real_frame_to_the_next():
    X, y, _ = clips()
    gap = np.insert(X, 5, np.nan, axis=1)
    for name in ("cnn_lstm", "cnn_lstm_both_ways"):
        model = quick(name).fit(X, y)
        assert np.allclose(np.delete(model.predict(gap), 5, axis=1), model.predict(X), atol=1e-6, equal_nan=True)


@pytest.mark.parametrize("name", intensity.NETWORKS)
def test_who_sees_the_frames_after_and_before(name):
    X, y, _ = clips()
    model, later, earlier = quick(name).fit(X, y), X.copy(), X.copy()
    later[:, 6] += 1 * np.eye(SIDE, dtype=np.float32)
    earlier[:, 3] += 1 * np.eye(SIDE, dtype=np.float32)
    changed = np.abs(model.predict(later) - model.predict(X))[:, :6].max()
    assert (changed == 0) == (name == "cnn_lstm"), "only the LSTM that reads forwards knows no later frame"
    assert np.nanmax(np.abs(model.predict(earlier) - model.predict(X))[:, 4:]) > 0


def test_zero_maps_are_frames_and_drift_of_the_head_drops_out():
    X, y, _ = clips()
    still = X.copy()
    still[:, 0] = 0
    model = quick("cnn_transformer").fit(still, y)
    assert np.isfinite(model.predict(still)[:, 0]).all()
    scale = np.sqrt(np.nanmean(np.square(_clips.still(still[~np.isnan(y)])), axis=(0, 2, 3)))
    assert np.allclose(model.standard_["flow"][1][:, 0, 0], scale, rtol=1e-5), "zero maps count in the scale"
    drifted = still + np.array([5, -3, 0], np.float32)[:, None, None]
    assert np.allclose(model.predict(drifted), model.predict(still), atol=1e-4, equal_nan=True)


def test_noise_reaches_real_frames_only_whatever_the_padding():
    kinds, mask = {"flow": "flow", "mask": "mask"}, torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    rows = {"flow": torch.zeros(2, 3, 3, 4, 4), "mask": mask}
    new = _augmentation.noisy(rows, kinds, {"noise": 1.0}, torch.Generator().manual_seed(0))
    assert torch.equal(new["flow"].flatten(2).all(-1), mask > 0) and torch.equal(new["mask"], mask)
    wide = {"flow": torch.zeros(2, 5, 3, 4, 4), "mask": torch.cat([mask, torch.zeros(2, 2)], dim=1)}
    more = _augmentation.noisy(wide, kinds, {"noise": 1.0}, torch.Generator().manual_seed(0))
    assert torch.equal(more["flow"][:, :3], new["flow"])
    moved = _augmentation.moved(rows, kinds, AUGMENT, torch.Generator())
    assert torch.equal(moved["mask"], mask)
    array = np.zeros(2, [("flow", np.float32, (3, 3, 4, 4)), ("mask", bool, (3,))])
    array["mask"], array["flow"] = mask, 2
    array["flow"][0, 0] = 0
    assert np.allclose(_inputs.measure(array, kinds)["flow"][1], np.sqrt(8 / 3))


def test_each_head_alone_ignores_what_it_is_told_to_ignore():
    for model in (cnn_lstm.CNNLSTM(), cnn_lstm.CNNLSTM(True), cnn_tcn.CNNTCN(), cnn_transformer.CNNTransformer()):
        torch.manual_seed(0)
        module, length = model.sequence()
        mask = torch.tensor([[1, 1, 0, 1, 0, 0], [1, 1, 1, 1, 1, 1], [1, 0, 0, 0, 0, 0]]) > 0
        frames = torch.randn(int(mask.sum()), 16)
        together = model.states(module, frames, mask)
        assert together.shape == (10, length)
        alone = [model.states(module, some, one[None]) for some, one in zip(frames.split([3, 6, 1]), mask, strict=True)]
        assert torch.allclose(together, torch.cat(alone), atol=1e-6)


def test_a_checkpoint_belongs_to_its_labels(tmp_path):
    X, y, _ = clips(8)
    path = tmp_path / "p1.pt"
    whole = quick("cnn_lstm", checkpoint=path).fit(X, y)
    again = quick("cnn_lstm", checkpoint=path).fit(X, y)
    assert again.record_["resumed_at"] == 3 and np.array_equal(whole.predict(X), again.predict(X), equal_nan=True)
    other = y.copy()
    other[0, 1] = np.nextafter(other[0, 1], np.float32(1))
    with pytest.raises(WorkbookError, match="another configuration: labels"):
        quick("cnn_lstm", checkpoint=path).fit(X, other)


@pytest.mark.parametrize("name", intensity.names())
@pytest.mark.parametrize("length", [1, 2])
def test_clips_of_one_or_two_frames_are_no_special_case(name, length):
    X, y, _ = clips(8)
    model = quick(name).fit(X[:, :length], np.float32([[0.2, 0.8]] * 8)[:, :length])
    found = model.predict(X)  # longer ones than it has seen
    assert np.array_equal(np.isnan(found), np.isnan(y)) and np.nanmin(found) >= 0 and np.nanmax(found) <= 1
