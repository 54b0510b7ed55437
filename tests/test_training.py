"""The training loop: what it changes about clips, when it stops, where it goes on, what it refuses, folds together."""

import json
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

from helpers.models import _augmentation, _loop, inner_folds, training
from helpers.models._together import fit_together
from helpers.models.training import SOURCES, NetworkClassifier
from helpers.motion import flow
from helpers.workspace import WorkbookError

SIDE = 8


class Plain(NetworkClassifier):
    """Batch norm and dropout on flow (n, T, 3, 8, 8): enough to make every mistake with."""

    def network(self, shape, classes):
        body = nn.Sequential(
            nn.Flatten(), nn.Linear(int(np.prod(shape)), 6), nn.BatchNorm1d(6), nn.Dropout(self.dropout)
        )
        return nn.ModuleDict({"body": body, "head": nn.Linear(6, classes)})

    def embedding(self, network, x):
        return network["body"](x)


class Several(NetworkClassifier):
    """Reads pictures, flow and features of a structured array."""

    def network(self, shape, classes):
        assert shape == {"frames": (1, SIDE, SIDE), "flow": (1, 3, SIDE, SIDE), "features": (4,)}
        return nn.ModuleDict({"head": nn.Linear(SIDE * SIDE * 4 + 4, classes)})

    def embedding(self, network, x):
        return torch.cat([x[name].flatten(1) for name in ("frames", "flow", "features")], dim=1)


def clips(n=60, seed=0, signal=1.0):
    """(n, 1, 3, 8, 8) maps of ten people, whose class moves the top rows."""
    rng = np.random.default_rng(seed)
    y = np.array(["happiness", "others", "others"])[np.arange(n) % 3]
    X = rng.normal(size=(n, 1, 3, SIDE, SIDE)).astype(np.float32)
    X[y == "happiness", :, :, :3] += signal
    return X, y, np.array([f"demo/p{k % 10}" for k in range(n)])


def several(n=30):
    X, y, groups = clips(n)
    kinds = [("frames", np.uint8, (1, SIDE, SIDE)), ("flow", np.float32, X.shape[1:]), ("features", np.float32, (4,))]
    rows = np.zeros(n, kinds)
    rows["frames"], rows["flow"] = np.random.default_rng(1).integers(0, 256, (n, 1, SIDE, SIDE)), X
    rows["features"] = 100 + 5 * np.random.default_rng(2).normal(size=(n, 4))
    return rows, y, groups


def field(side=33):
    """Pixel coordinates (x, y) from the centre of a picture, right and down."""
    axis = torch.arange(side, dtype=torch.float64) - (side - 1) / 2
    return axis.expand(side, side), axis[:, None].expand(side, side)


def as_flow(u, v):
    strain = torch.from_numpy(flow.strain(torch.stack([u, v]).numpy()))
    return torch.stack([u, v, strain])[None, None]  # (1, 1, 3, H, W)


# ------------------------------------------------------------------------------------------------ augmentation


def test_a_mirrored_face_moves_the_other_way():
    x, y = field()
    smile = as_flow(x.sign() * (y > 4), -1.0 * (y > 4))  # corners of the mouth apart and up: symmetric
    assert torch.equal(_augmentation.mirror(smile), smile)
    glance = as_flow(torch.ones_like(x), torch.zeros_like(x))  # everything to the right
    assert torch.equal(_augmentation.mirror(glance)[0, 0, 0], -glance[0, 0, 0])
    left = as_flow(torch.exp(-((x + 8) ** 2 + y**2) / 9), torch.zeros_like(x))
    right = as_flow(-torch.exp(-((x - 8) ** 2 + y**2) / 9), torch.zeros_like(x))
    assert torch.allclose(_augmentation.mirror(left), right)


def test_turned_vectors_turn_with_the_picture():
    x, y = field()
    inside = (x**2 + y**2 < 14**2)[None, None, None]
    angle = torch.tensor([0.3], dtype=torch.float64)

    def turned(one, angle=angle):
        return _augmentation.turn(one, angle)

    for same in (as_flow(-y, x), as_flow(x, y)):  # a whirl and a star look the same from every side
        assert torch.allclose(turned(same) * inside, same * inside, atol=1e-9)
    right, down = as_flow(torch.ones_like(x), torch.zeros_like(x)), as_flow(torch.zeros_like(x), torch.ones_like(x))
    quarter = torch.tensor([np.pi / 2], dtype=torch.float64)
    assert torch.allclose(turned(right, quarter), down, atol=1e-9), "from right (x) to down (y)"
    spot = as_flow(torch.exp(-((x - 8) ** 2 + y**2) / 8), torch.zeros_like(x))
    below = as_flow(torch.zeros_like(x), torch.exp(-(x**2 + (y - 8) ** 2) / 8))
    assert torch.allclose(turned(spot, quarter)[:, :, :2], below[:, :, :2], atol=1e-9), "the place turns as well"
    shear = as_flow(0.2 * y + 0.1 * x, 0.3 * x)
    found = turned(shear)[0, 0].numpy()
    again = flow.strain(found[:2]) * inside[0, 0, 0].numpy()
    assert np.allclose((again - found[2] * inside[0, 0, 0].numpy())[8:-8, 8:-8], 0, atol=1e-6), "strain does not turn"


def test_wide_pictures_are_turned_in_pixels_and_shifted_right_and_down():
    x = torch.arange(40.0)[None].expand(20, 40)
    y = torch.arange(20.0)[:, None].expand(20, 40)
    spot = torch.exp(-((x - 26) ** 2 + (y - 9.5) ** 2) / 4)[None, None]
    moved = _augmentation._placed(spot, torch.zeros(1), torch.tensor([[3.0, -2.0]]))
    assert torch.allclose(moved[..., 2:-3, 4:-4], spot.roll((-2, 3), (-2, -1))[..., 2:-3, 4:-4], atol=1e-5)
    turned = _augmentation._placed(spot, torch.tensor([np.pi / 6]))[0, 0]
    centre = (turned * torch.stack([x, y])).sum((1, 2)) / turned.sum()
    wanted = torch.tensor([19.5 + 6.5 * np.cos(np.pi / 6), 9.5 + 6.5 * np.sin(np.pi / 6)])
    assert torch.allclose(centre, wanted.float(), atol=0.02)


def test_every_setting_changes_its_own_fields_and_nothing_else():
    rows, _, _ = several(6)
    kinds = {"frames": "picture", "flow": "flow", "features": "numbers"}
    tensors = {name: torch.from_numpy(np.array(rows[name])).float() for name in kinds}
    reached = {"brightness": {"frames"}, "flow_scale": {"flow"}}
    reached |= {name: {"frames", "flow"} for name in ("mirror", "rotation", "shift", "noise")}
    assert set(reached) == set(_augmentation.SETTINGS)
    for name, touched in reached.items():
        settings, chance = {name: 0.5}, torch.Generator().manual_seed(0)
        new = _augmentation.noisy(_augmentation.moved(tensors, kinds, settings, chance), kinds, settings, chance)
        assert {field for field in kinds if not torch.equal(new[field], tensors[field])} == touched
    factors = _augmentation.moved(tensors, kinds, {"flow_scale": 0.1}, torch.Generator())["flow"] / tensors["flow"]
    assert torch.allclose(factors.amin((1, 2, 3, 4)), factors.amax((1, 2, 3, 4))) and (abs(factors - 1) <= 0.1001).all()


def test_noise_leaves_padding_alone():
    x = torch.ones(2, 2, 3, 4, 4)
    x[1, 1] = 0
    new = _augmentation.noisy({None: x}, {None: "flow"}, {"noise": 1.0}, torch.Generator())[None]
    assert not new[1, 1].any() and (new[0] != 1).all()


def test_augmentation_reaches_training_rows_only_and_repeats_by_seed(monkeypatch):
    X, y, _ = clips()
    settings = {"mirror": 0.5, "rotation": 3, "noise": 0.1, "shift": 1, "flow_scale": 0.1}
    models = [Plain(epochs=3, dropout=0.2, augment=settings, random_state=4).fit(X, y) for _ in range(2)]
    assert np.array_equal(*(model.predict_proba(X) for model in models))
    other = Plain(epochs=3, dropout=0.2, augment=settings, random_state=5).fit(X, y)
    assert other.record_["losses"] != models[0].record_["losses"] != Plain(epochs=3, dropout=0.2, random_state=4).fit(
        X, y).record_["losses"]  # fmt: skip
    monkeypatch.setattr(_augmentation, "moved", lambda *_: pytest.fail("prediction was augmented"))
    models[0].predict(X)


@pytest.mark.parametrize("wrong", [{"flip": 1}, {"noise": -1}, {"mirror": 2}])
def test_wrong_augmentation_is_refused(wrong):
    X, y, _ = clips(12)
    with pytest.raises(WorkbookError, match="augmentation"):
        Plain(augment=wrong).fit(X, y)


# ------------------------------------------------------------------------------------------------ loss and settings


def test_smoothed_loss_is_torchs_own_and_the_prior_is_its_floor():
    logits, truth = torch.randn(9, 3, generator=torch.Generator().manual_seed(0)), torch.arange(9) % 3
    found = _loop.clip_losses(Plain(smoothing=0.1), logits, truth, torch.ones(3))
    assert torch.allclose(found, nn.functional.cross_entropy(logits, truth, reduction="none", label_smoothing=0.1))
    X, y, _ = clips()
    target = 0.9 * np.array([1 / 3, 2 / 3]) + 0.05
    floor = Plain(epochs=5, smoothing=0.1).fit(X, y).record_["prior_loss"]
    assert floor == pytest.approx(-(target * np.log(target)).sum(), rel=1e-6)


def test_the_cosine_falls_from_the_rate_to_nothing():
    model = Plain(epochs=12, rate=1e-3, schedule="cosine")
    rates = [_loop.rate(model, epoch) for epoch in range(13)]
    assert rates[0] == 1e-3 and rates[6] == pytest.approx(5e-4) and rates[12] == pytest.approx(0) and rates == sorted(
        rates, reverse=True)  # fmt: skip


@pytest.mark.parametrize("source", SOURCES)
def test_settings_of_earlier_systems_run_and_are_recorded(source):
    X, y, groups = clips()
    model = clone(Plain(**SOURCES[source] | {"epochs": 4}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", training.DidNotLearn)
        record = json.loads(json.dumps(model.fit(X, y, groups).record_))
    assert record["settings"].items() >= (SOURCES[source] | {"epochs": 4}).items()
    assert record["device"] == "cpu" and not record["half_precision"]


@pytest.mark.parametrize("argument", ["loss", "class_weight", "optimiser", "schedule", "device", "precision"])
def test_unknown_settings_are_refused(argument):
    X, y, _ = clips(12)
    with pytest.raises(WorkbookError, match="unknown"):
        Plain(**{argument: "surely"}).fit(X, y)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_refused_and_auto_says_what_it_took():
    X, y, _ = clips()
    with pytest.raises(WorkbookError, match="no CUDA device"):
        Plain(device="cuda").fit(X, y)
    assert Plain(device="auto", epochs=9).fit(X, y).record_["device"] == "cpu"


def test_a_last_clip_alone_joins_the_batch_before():
    X, y, _ = clips(33)
    Plain(epochs=1, batch=16, rate=0.05).fit(X, y)  # batch norm refuses one row
    sizes, at = [], 0
    while at < 33:
        sizes.append(len(_loop.batch_at(torch.arange(33), at, 16)))
        at += sizes[-1]
    assert sizes == [16, 17]


# ------------------------------------------------------------------------------------------------ several arrays


def test_fields_of_a_structured_array_are_standardised_by_their_kind():
    rows, y, groups = several()
    model = Several(epochs=20, augment={"mirror": 0.5, "brightness": 0.1}).fit(rows, y, groups)
    assert model.record_["beats_prior"] and model.predict(rows[:4]).shape == (4,)
    feed = model._task(rows, y, None).feed.batch(torch.arange(len(rows)))
    assert abs(feed["features"].mean(0)).max() < 1e-4 and abs(feed["features"].std(0) - 1).max() < 0.05
    assert abs(feed["frames"].mean()) < 1e-4 and feed["flow"].square().mean() == pytest.approx(1, abs=1e-4)


def test_a_field_of_unknown_kind_and_numbers_that_are_none_are_refused():
    rows, y, _ = several()
    with pytest.raises(WorkbookError, match="'odd'"):
        Several().fit(rows.astype([("frames", rows.dtype[0]), ("odd", rows.dtype[1]), ("features", rows.dtype[2])]), y)
    rows["features"][3] = np.nan
    with pytest.raises(WorkbookError, match="row 3"):
        Several().fit(rows, y)


# ------------------------------------------------------------------------------------------------ early stopping


def test_early_stopping_asks_inner_people_only_and_keeps_their_best_epoch():
    X, y, groups = clips(signal=0.4)
    model = Plain(epochs=60, batch=8, rate=0.02, patience=5, random_state=0).fit(X, y, groups)
    record, inner = model.record_, np.isin(groups, model.record_["inner_people"])
    assert 0 < inner.sum() < len(y) / 2 and set(y[inner]) == set(y)
    assert not set(groups[inner]) & set(groups[~inner])
    assert len(record["losses"]) == record["kept_epoch"] + 5 < 60
    assert np.argmin(record["inner_losses"]) + 1 == record["kept_epoch"]
    p = model.predict_proba(X[inner])[np.arange(inner.sum()), np.searchsorted(model.classes_, y[inner])]
    assert -np.log(p).mean() == pytest.approx(min(record["inner_losses"]), abs=1e-5), "the kept network is that one"
    spoiled = np.where(inner[:, None, None, None, None], 100 * X, X)
    assert np.array_equal(Plain(epochs=1, patience=5).fit(spoiled, y, groups).scale_, model.scale_)


def test_early_stopping_without_people_is_refused():
    X, y, _ = clips()
    with pytest.raises(WorkbookError, match="fit needs groups"):
        Plain(patience=5).fit(X, y)
    lone = np.where(y == "others", "demo/a", "demo/b")  # each class shown by one person: both are pinned
    assert (inner_folds(y, lone) == -1).all()
    with pytest.raises(WorkbookError, match="too few people"):
        Plain(patience=5).fit(X, y, lone)


# ------------------------------------------------------------------------------------------------ checkpoints


def settled(path=None):
    augment = {"mirror": 0.5, "noise": 0.1}
    return Plain(
        epochs=24, batch=8, rate=0.01, dropout=0.3, patience=20, augment=augment, random_state=1, checkpoint=path
    )


def test_an_interrupted_training_goes_on_where_it_was(tmp_path, monkeypatch):
    X, y, groups = clips(signal=0.4)
    path, whole, original = tmp_path / "p1.pt", settled().fit(X, y, groups), _loop.Training.epoch

    def cut(self):
        if len(self.done["losses"]) == 13:
            raise KeyboardInterrupt
        return original(self)

    monkeypatch.setattr(_loop.Training, "epoch", cut)
    with pytest.raises(KeyboardInterrupt):
        settled(path).fit(X, y, groups)
    monkeypatch.setattr(_loop.Training, "epoch", original)
    resumed = settled(path).fit(X, y, groups)
    assert resumed.record_["resumed_at"] == 10 and whole.record_["resumed_at"] == 0
    assert resumed.record_["losses"] == whole.record_["losses"]
    assert np.array_equal(resumed.predict_proba(X), whole.predict_proba(X))
    done = settled(path).fit(X, y, groups)
    assert done.record_["resumed_at"] == len(whole.record_["losses"])
    assert np.array_equal(done.predict_proba(X), whole.predict_proba(X))


def test_a_checkpoint_of_another_configuration_is_refused(tmp_path):
    X, y, groups = clips()
    path = tmp_path / "p1.pt"
    settled(path).fit(X, y, groups)
    with pytest.raises(WorkbookError, match=r"rate \(0.01 there, 0.02 here\)"):
        settled(path).set_params(rate=0.02).fit(X, y, groups)
    with pytest.raises(WorkbookError, match="another configuration: arrays.*labels.*people.*rows"):
        settled(path).fit(X[:54], y[:54], groups[:54])
    kept = torch.load(path, weights_only=True)
    elsewhere = kept["identity"].replace('"trained_on": "cpu"', '"trained_on": "cuda"')
    assert elsewhere != kept["identity"]
    torch.save(kept | {"identity": elsewhere}, path)
    with pytest.raises(WorkbookError, match=r"trained_on \(cuda there, cpu here\)"):
        settled(path).fit(X, y, groups)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(WorkbookError, match=r"p1.pt: this is no checkpoint.*delete"):
        settled(path).fit(X, y, groups)


# ------------------------------------------------------------------------------------------------ memory


class Hungry(Plain):
    """Has memory for 10 rows a step."""

    most = 10

    def embedding(self, network, x):
        if network.training and len(x) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().embedding(network, x)


def test_a_batch_that_does_not_fit_is_halved_for_all_to_see():
    X, y, _ = clips()
    with pytest.warns(_loop.SmallerBatch, match=r"epoch 1: from \d+ clips a step to \d+"):
        model = Hungry(epochs=6, batch=32, rate=0.02).fit(X, y)
    assert model.record_["batches"] == [32, 16, 8] and len(model.record_["losses"]) == 6
    monkey = Hungry(batch=4)
    monkey.most = 0
    with pytest.warns(_loop.SmallerBatch), pytest.raises(WorkbookError, match="not even one clip"):
        monkey.fit(X, y)


# ------------------------------------------------------------------------------------------------ folds together


def folds(n):
    rng = np.random.default_rng(0)
    return [np.sort(rng.choice(n, size, replace=False)) for size in (49, 52, 40, 33)]


SETTINGS = (
    {}, {"optimiser": "adamw", "decay": 0.1, "clip": None, "schedule": "cosine"},
    {"loss": "focal", "smoothing": 0.1, "class_weight": "balanced", "augment": {"mirror": 0.5, "noise": 0.1}},
)  # fmt: skip


@pytest.mark.parametrize("settings", SETTINGS)
def test_folds_together_learn_what_each_learns_alone(settings):
    X, y, _ = clips()
    models = [Plain(epochs=5, batch=16, precision="float64", random_state=seed, **settings) for seed in range(4)]
    alone = [clone(model).fit(X[rows], y[rows]) for model, rows in zip(models, folds(60), strict=True)]
    for one, other in zip(alone, fit_together(models, X, y, folds(60)), strict=True):
        assert np.allclose(one.record_["losses"], other.record_["losses"], atol=1e-5)
        assert one.record_["final_loss"] == pytest.approx(other.record_["final_loss"], abs=1e-5)
        assert np.allclose(one.predict_proba(X), other.predict_proba(X), atol=1e-5)
        assert other.record_["folds_together"] == 4


def test_folds_that_lack_a_class_train_apart_and_several_arrays_train_together():
    rows, y, _ = several()
    y = y.copy()
    y[:2] = "fear"
    parts = [np.arange(30), np.arange(2, 30), np.arange(29)]
    models = fit_together([Several(epochs=5, random_state=k) for k in range(3)], rows, y, parts)
    assert [len(model.classes_) for model in models] == [3, 2, 3]
    assert [model.record_["folds_together"] for model in models] == [2, 1, 2]
    alone = Several(epochs=5, random_state=1).fit(rows[2:], y[2:])
    assert np.allclose(alone.predict_proba(rows), models[1].predict_proba(rows), atol=1e-4)


def test_folds_that_do_not_fit_together_are_halved(monkeypatch):
    from helpers.models import _stack, _together

    X, y, _ = clips()
    original = _stack.Stack

    def small(model, tasks):
        if len(tasks) > 2:
            next_order = [torch.randperm(3, generator=task.order) for task in tasks]  # an epoch had begun
            raise torch.OutOfMemoryError(str(len(next_order)))
        return original(model, tasks)

    monkeypatch.setattr(_together, "Stack", small)
    with pytest.warns(_loop.SmallerBatch, match="4 folds at once: now 2"):
        models = fit_together([Plain(epochs=5, random_state=k) for k in range(4)], X, y, folds(60))
    alone = Plain(epochs=5, random_state=3).fit(X[folds(60)[3]], y[folds(60)[3]])
    assert models[3].record_["folds_together"] == 2
    assert np.allclose(models[3].predict_proba(X), alone.predict_proba(X), atol=1e-4)


def test_what_cannot_train_together_is_refused():
    X, y, _ = clips()
    for models, match in (
        ([Plain(), Plain(rate=1)], "different settings"), ([Plain(patience=3)] * 2, "early stopping"),
        ([Plain(rate=1e30, clip=None)] * 2, "loss of a fold is"),
    ):  # fmt: skip
        with pytest.raises(WorkbookError, match=match):
            fit_together(models, X, y, folds(60)[:2])
