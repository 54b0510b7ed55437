"""Network embeddings: weights from a file of our own making, what was computed is remembered, nothing stands in."""

import hashlib
import sys
import types
from urllib.error import URLError

import numpy as np
import pytest
import torch
from torchvision.models import WeightsEnum, get_model_weights, resnet18
from torchvision.models import _api as torchvision_api
from torchvision.transforms._presets import ImageClassification

from helpers import features, weights, workspace
from helpers.evaluation import baselines, changes, scores
from helpers.features import _networks, _remembered, embedding, hub
from helpers.features.embedding import Embedding, embed
from helpers.features.hub import HubEmbedding
from helpers.show import baseline_verdicts
from helpers.weights import Unavailable, WrongHash
from helpers.workspace import WorkbookError

SMALL = ImageClassification(crop_size=32, resize_size=36)  # what ImageNet's preparation is, on a small scale
PICTURES = np.random.default_rng(0).integers(0, 256, (5, 40, 40, 3), np.uint8)


@pytest.fixture(autouse=True)
def machine(tmp_path, monkeypatch):
    """A machine with empty folders, no network and no GPU; addresses of files work."""
    monkeypatch.setattr(workspace, "device", lambda: ("cpu", "CPU"))
    for name in (workspace.CACHE_VARIABLE, workspace.MODELS_VARIABLE, "TORCH_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))

    def urlopen(request, urlopen=torch.hub.urlopen):
        if not request.full_url.startswith("file:"):
            raise URLError("no network in this test")
        return urlopen(request)

    monkeypatch.setattr(torch.hub, "urlopen", urlopen)
    embedding._trained.cache_clear()
    yield tmp_path
    embedding._trained.cache_clear()


def entry_of(state, folder, beginning=None):
    """A torchvision weights entry for a state dict, stored under a file address that ends in its hash."""
    folder.mkdir(exist_ok=True)
    path = folder / "plain.pth"
    torch.save(state, path)
    beginning = beginning or hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    address = path.rename(folder / f"small-{beginning}.pth").as_uri()

    class Small(WeightsEnum):
        IMAGENET1K_V1 = torchvision_api.Weights(url=address, transforms=lambda: SMALL, meta={})

    return Small.IMAGENET1K_V1


@pytest.fixture
def small(monkeypatch):
    """Preparation to 32 x 32 instead of 224 x 224: the same code, much sooner."""
    monkeypatch.setattr(embedding, "_prepare", lambda name: SMALL)


@pytest.fixture
def trained(machine, monkeypatch, small):
    """A state dict of our own under the name resnet18; gives the network that it belongs to."""
    torch.manual_seed(7)
    network = resnet18(weights=None).eval()
    entry = entry_of(network.state_dict(), machine / "release")
    monkeypatch.setattr(embedding, "_entry", lambda name: entry)
    return network


# ------------------------------------------------------------------------------------------------ weights


def test_weights_with_the_right_hash_are_fetched_once(machine):
    entry = entry_of({"a": torch.arange(3)}, machine / "release")
    assert weights.of_torchvision(entry)["a"].tolist() == [0, 1, 2]
    (machine / "release" / entry.url.rsplit("/", 1)[1]).unlink()
    assert weights.of_torchvision(entry)["a"].tolist() == [0, 1, 2], "now from the models folder"


def test_weights_in_torchs_own_cache_are_found(machine):
    entry = entry_of({"a": torch.ones(1)}, machine / "release")
    cache = machine / "TORCH_HOME" / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    name = entry.url.rsplit("/", 1)[1]
    (machine / "release" / name).rename(cache / name)
    assert weights.file_of_torchvision(entry) == cache / name


def test_weights_with_the_wrong_hash_are_not_used(machine, monkeypatch):
    entry = entry_of({"a": torch.ones(1)}, machine / "release", beginning="0123abcd")
    with pytest.raises(WrongHash, match="small-0123abcd.pth .*what came has another hash"):
        weights.of_torchvision(entry)
    assert not list(workspace.models_dir().iterdir()), "nothing of it stays"
    monkeypatch.setattr(embedding, "_entry", lambda name: entry)
    assert embedding.available("resnet18") == (False, "what came has another hash")
    name = entry.url.rsplit("/", 1)[1]
    (machine / "release" / name).rename(workspace.models_dir() / name)
    with pytest.raises(
        WorkbookError, match=r"small-0123abcd.pth: the weights' hash is not the one.*delete it"
    ) as error:
        weights.of_torchvision(entry)
    assert not isinstance(error.value, Unavailable), "a wrong file on disk is for the reader to mend"


def test_missing_weights_are_unavailable(machine):
    entry = entry_of({"a": torch.ones(1)}, machine / "release")
    (machine / "release" / entry.url.rsplit("/", 1)[1]).unlink()
    with pytest.raises(Unavailable, match="could not be fetched.*What to do: save file:"):
        weights.of_torchvision(entry)


def test_weights_are_never_unpickled_as_objects(machine):
    class Hostile:
        def __reduce__(self):
            return (print, ("executed",))

    entry = entry_of({"a": Hostile()}, machine / "release")
    with pytest.raises(WorkbookError, match="no plain weights file.*nothing in it was run"):
        weights.of_torchvision(entry)


# ------------------------------------------------------------------------------------------------ embeddings


def test_embeddings_are_the_input_of_the_last_layer(trained):
    found = embed(PICTURES, "resnet18")
    assert found.shape == (5, 512) and found.dtype == np.float32
    with torch.inference_mode():
        scores = trained(SMALL(torch.from_numpy(PICTURES).permute(0, 3, 1, 2)))
        assert torch.allclose(trained.fc(torch.from_numpy(found)), scores, atol=1e-4)
    assert embedding.available("resnet18") == (True, "")
    assert embedding.source("resnet18").startswith("torchvision Small.IMAGENET1K_V1 (small-")


@pytest.mark.parametrize("name", [name for name in embedding.ARCHITECTURES if name != embedding.UNTRAINED])
def test_without_weights_every_trained_network_is_unavailable_and_nothing_stands_in(name):
    assert embedding.available(name) == (False, "weights not reachable")
    with pytest.raises(Unavailable, match="could not be fetched"):
        features.build(name).fit_transform(PICTURES)
    assert not workspace.cache_dir("embeddings").exists()


def test_the_untrained_network_has_its_own_name_and_a_seed(small):
    assert embedding.available("resnet18_random") == (True, "")
    state = torch.random.get_rng_state()
    found = embed(PICTURES, "resnet18_random")
    assert torch.equal(state, torch.random.get_rng_state()), "the seed is the network's own affair"
    embedding._trained.cache_clear()
    assert np.array_equal(found, embed(PICTURES, "resnet18_random"))
    assert not np.allclose(found, embed(PICTURES, "resnet18_random", seed=1))
    assert embedding.source("resnet18_random", 1) == "random, seed 1"


def test_pictures_are_prepared_as_the_weights_ask():
    """The whole size once: shorter side to 256, middle 224 x 224, ImageNet's mean and standard deviation."""
    picture = np.zeros((1, 64, 64, 3), np.uint8)
    border = picture.copy()
    border[:, :3] = border[:, -3:] = border[:, :, :3] = border[:, :, -3:] = 255  # 4 pixels a side are cut off
    found = embed(np.concatenate([picture, border]), "resnet18_random")
    assert np.allclose(found[0], found[1], atol=1e-5) and found[0].any()
    prepared = embedding._prepare("resnet18")(torch.zeros(1, 3, 64, 64, dtype=torch.uint8))
    assert prepared.shape == (1, 3, 224, 224)
    assert prepared[0, :, 0, 0].tolist() == pytest.approx([-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225])


def test_the_transformer_treats_every_row_by_itself(small):
    feature = Embedding("resnet18_random", batch=2).fit(PICTURES)
    whole = feature.transform(PICTURES)
    assert whole.shape == (5, 512) and feature.get_feature_names_out()[-1] == "resnet18_random_0511"
    _empty_cache()
    assert np.allclose(feature.transform(PICTURES[[3, 1]]), whole[[3, 1]], atol=1e-4)
    _empty_cache()
    assert np.allclose(feature.set_params(batch=5).transform(PICTURES), whole, atol=1e-4)


def test_grey_pictures_have_three_equal_channels(small):
    gray = PICTURES[..., 0]
    assert np.array_equal(embed(gray, "resnet18_random"), embed(np.stack([gray] * 3, axis=-1), "resnet18_random"))


def test_pictures_of_one_colour_are_finite(small):
    assert np.isfinite(embed(np.full((2, 40, 40), 255, np.uint8), "resnet18_random")).all()


def test_bad_pictures_and_unknown_names_are_refused(small):
    with pytest.raises(WorkbookError, match="row 2: the numbers are not finite"):
        embed(np.where(np.arange(5)[:, None, None] == 2, np.nan, PICTURES[..., 0]), "resnet18_random")
    with pytest.raises(WorkbookError, match=r"shape \(40, 40\).*give stills \(n, H, W\)"):
        embed(PICTURES[0, :, :, 0], "resnet18_random")
    with pytest.raises(WorkbookError, match="unknown backbone 'alexnet'.*resnet50"):
        Embedding("alexnet").fit(PICTURES)


def test_a_network_that_gives_no_numbers_is_refused():
    def broken(batch):
        return batch.mean(dim=(2, 3)) / torch.tensor([[1.0]] * 2 + [[0.0]] + [[1.0]] * 2)

    network = torch.nn.Conv2d(3, 3, 1)
    network.forward = broken
    with pytest.raises(WorkbookError, match="row 2: the network's output is not finite"):
        _networks.run(network, lambda x: x.float() + 1, PICTURES)


# ------------------------------------------------------------------------------------------------ remembered


def _empty_cache():
    for path in workspace.cache_dir("embeddings").rglob("*.npz"):
        path.unlink()


@pytest.fixture
def counted():
    """A stand-in for a network: mean colour; `seen` holds how many pictures each call got."""
    seen = []

    def compute(items):
        seen.append(len(items))
        return items.mean(axis=(1, 2))

    return compute, seen


def test_pictures_are_computed_once_however_they_are_asked_for(tmp_path, counted):
    compute, seen = counted
    whole = _remembered.remembered(tmp_path, PICTURES[[0, 1, 0, 2]], compute)
    assert np.allclose(whole, PICTURES[[0, 1, 0, 2]].mean(axis=(1, 2))) and seen == [3]
    more = _remembered.remembered(tmp_path, PICTURES[::-1], compute)
    assert np.allclose(more, PICTURES[::-1].mean(axis=(1, 2))) and seen == [3, 2]
    _remembered.remembered(tmp_path, PICTURES[2:4], compute)
    assert seen == [3, 2] and len(list(tmp_path.iterdir())) == 2


def test_a_damaged_file_is_computed_again(tmp_path, counted):
    compute, seen = counted
    first = _remembered.remembered(tmp_path, PICTURES, compute)
    path = next(tmp_path.iterdir())
    for damage in (path.read_bytes()[:100], b"", b"no archive"):
        path.write_bytes(damage)
        assert np.array_equal(first, _remembered.remembered(tmp_path, PICTURES, compute))
    assert seen == [5] * 4


def test_other_versions_of_torch_are_not_answered_from_the_cache(small, monkeypatch):
    embed(PICTURES, "resnet18_random")
    monkeypatch.setattr(_networks, "versions", lambda: {"torch": "0.1", "device": "cpu"})
    embed(PICTURES, "resnet18_random")
    assert len(list(workspace.cache_dir("embeddings").iterdir())) == 2


# ------------------------------------------------------------------------------------------------ what it costs


@pytest.mark.parametrize(
    ("name", "published", "width"),
    [
        ("resnet18", 11_689_512, 512),
        ("resnet50", 25_557_032, 2048),
        ("vgg16", 138_357_544, 4096),
        ("mobilenet_v3_large", 5_483_032, 1280),
    ],
)
def test_parameters_and_width(name, published, width):
    assert embedding._facts(name) == {
        "parameters": published - 1000 * (width + 1), "parameters_imagenet": published, "width": width,
    }  # fmt: skip


def test_an_unavailable_backbone_still_has_its_cost():
    found = embedding.cost.__wrapped__("mobilenet_v3_large")
    assert not found["available"] and found["reason"] == "weights not reachable"
    assert found["timed_with"] == "random weights" and found["milliseconds"] > 0 and found["width"] == 1280
    assert "IMAGENET1K_V1 (mobilenet_v3_large-" in found["weights"]


# ------------------------------------------------------------------------------------------------ the Hub

COMMIT = "0a" * 20


def test_the_hub_asks_for_timm_only_when_it_is_used(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    feature = HubEmbedding(f"timm/resnet18.a1_in1k@{COMMIT}").fit(PICTURES)
    with pytest.raises(WorkbookError, match="need the package timm. What to do: pip install 'timm>=1.0'"):
        feature.transform(PICTURES)


@pytest.fixture
def timm(monkeypatch):
    """What the workbook uses of timm, in the shape of timm 1."""
    config = {"input_size": (3, 16, 16), "crop_pct": 0.875, "interpolation": "bicubic"}
    config |= {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
    made = []

    def create_model(name, pretrained, num_classes):
        assert pretrained and num_classes == 0
        if name != f"hf-hub:someone/network@{COMMIT}":
            raise RuntimeError("no such repository")
        made.append(torch.nn.Sequential(torch.nn.Conv2d(3, 4, 16), torch.nn.Flatten()))
        return made[-1]

    module = types.SimpleNamespace(
        create_model=create_model, data=types.SimpleNamespace(resolve_model_data_config=lambda network: config)
    )
    monkeypatch.setitem(sys.modules, "timm", module)
    hub._network.cache_clear()
    yield made
    hub._network.cache_clear()


def test_a_network_of_the_hub_by_name(timm):
    feature = HubEmbedding(f"someone/network@{COMMIT}").fit(PICTURES)
    found = feature.transform(PICTURES)
    assert found.shape == (5, 4) and feature.get_feature_names_out().tolist() == [f"hub_000{k}" for k in range(4)]
    grey = np.full((1, 40, 40), 51, np.uint8)  # a fifth of 255, becomes -.6
    expected = timm[0][0].bias - 0.6 * timm[0][0].weight.sum(dim=(1, 2, 3))
    assert np.allclose(feature.transform(np.repeat(grey[..., None], 3, axis=-1))[0], expected.numpy(), atol=1e-5)
    with pytest.raises(Unavailable, match="'someone/else@[0a]*' could not be had from the Hub.*no such repository"):
        HubEmbedding(f"someone/else@{COMMIT}").fit_transform(PICTURES)


@pytest.mark.parametrize("name", ["someone/network", "someone/network@main", f"someone/network@{'0' * 7}"])
def test_a_network_of_the_hub_that_may_change_is_refused(timm, name):
    with pytest.raises(WorkbookError, match="may change. What to do: name its commit.* someone/network@<40 hex"):
        HubEmbedding(name).fit_transform(PICTURES)
    assert not timm


# ------------------------------------------------------------------------------------------------ notebook 03's path


def test_weights_of_our_own_give_rows_and_the_others_say_why_there_are_none(trained, demo, tiny, monkeypatch):
    ours = embedding._entry("resnet18")
    monkeypatch.setattr(
        embedding, "_entry", lambda name: ours if "18" in name else get_model_weights(name)[embedding.RECIPE]
    )
    monkeypatch.setitem(baselines.CAP, "tiny", 30)
    part = baselines.stills(demo, tiny, 0)
    assert set(part.arrays) == {"lbp", "resnet18", "resnet18_random"} and part.arrays["resnet18"].shape[1] == 512
    assert part.missing == dict.fromkeys(("resnet50", "vgg16", "mobilenet_v3_large"), "weights not reachable")
    assert not np.allclose(part.arrays["resnet18"], part.arrays["resnet18_random"])
    found, _ = baselines.factorial(part, tiny, (0,), None)
    assert {f"resnet18:{name}" for name in baselines.GRID} <= set(found.model)
    described = baselines.described(part).set_index("feature").weights
    assert described["resnet18"].startswith("torchvision Small.IMAGENET1K_V1")
    assert described["vgg16"] == "unavailable: weights not reachable"
    keys = {"parameters": 1, "width": 2, "milliseconds": 3.0, "device": "d", "weights": "w"}  # what is timed elsewhere
    cost = {name: keys | {"name": name, "reason": embedding.available(name)[1]} for name in embedding.ARCHITECTURES}
    monkeypatch.setattr(embedding, "cost", cost.get)
    table = changes.backbones(part, scores.score(found, 20)).set_index("name")
    assert table.result[["resnet18", "resnet18_random"]].eq("measured").all() and table.uf1["resnet18"] > 0
    assert table.result["resnet50"] == "unavailable: weights not reachable" and np.isnan(table.uf1["resnet50"])
    assert "not known" not in baseline_verdicts.verdict_on_backbones(table.reset_index())
