"""Embeddings of stills: what a convolutional network that learned to name objects (ImageNet) sees in a face.

ResNet: He et al. 2016, doi:10.1109/CVPR.2016.90. VGG: Simonyan & Zisserman 2015, arXiv:1409.1556. MobileNetV3: Howard
et al. 2019, doi:10.1109/ICCV.2019.00140. Architectures and weights are torchvision's, all of its first training recipe
(`IMAGENET1K_V1`), so that a comparison is one of architectures. Networks stay as they are; nothing is trained here.

An embedding is the input of the network's last layer. Pictures are prepared as the weights entry says: shorter side
to 256 pixels, the middle 224 x 224, ImageNet's mean and standard deviation. So the outer sixteenth on each side is not
seen. Weights that can't be had raise `Unavailable`; `resnet18_random` is the same network never trained, a feature of
its own that shows how much of the result the training on ImageNet gives. It never stands in for another.
"""

import time
from functools import cache, lru_cache, partial

import numpy as np

from helpers import storage, weights, workspace
from helpers.features import _checks, _networks
from helpers.features._remembered import remembered
from helpers.features._rowwise import RowByRow
from helpers.weights import Unavailable

RECIPE = "IMAGENET1K_V1"
UNTRAINED = "resnet18_random"
ARCHITECTURES = {name: name for name in ("resnet18", "resnet50", "vgg16", "mobilenet_v3_large")} | {
    UNTRAINED: "resnet18"
}
BATCH = 64  # pictures; VGG16 then takes about 3 GB
SEED = 0  # of the untrained network
TIMED = (1, 128)  # pictures of a timed batch, and their side: on a CPU, larger batches are not faster a picture


class Embedding(RowByRow):
    """Stills (n, H, W, 3) RGB or (n, H, W) grey uint8 -> (n, d) float32; d: 512, 2048 (ResNets), 4096, 1280.

    name: a key of `ARCHITECTURES`. batch: pictures at a time. seed: of `resnet18_random`. Computed once a picture and
    kept on disk (`embed`). Raises Unavailable where the weights can't be had. The last digits of a row hang on the
    batch it was computed in.
    """

    TAKES = "stills"

    def __init__(self, name="resnet18", batch=BATCH, seed=SEED):
        self.name = name
        self.batch = batch
        self.seed = seed

    def _fits(self, shape):
        _known(self.name)

    def _transformed(self, X):
        return embed(X, self.name, self.batch, self.seed)

    def _names(self):
        return [f"{self.name}_{k:04d}" for k in range(_facts(self.name)["width"])]


def embed(pictures, name="resnet18", batch=BATCH, seed=SEED):
    """Embeddings of pictures (n, H, W, 3) RGB or (n, H, W) uint8: (n, d) float32, from the cache where it holds them.

    The cache (`workspace.cache_dir("embeddings")`) is keyed by the picture's bytes, the weights, the versions of torch
    and torchvision and the kind of device. Raises Unavailable, and WorkbookError as the checks do.
    """
    _known(name)
    pictures = _networks.three_channels(_checks.stills(pictures))
    key = storage.digest(name, source(name, seed), _networks.versions())
    folder = workspace.cache_dir("embeddings") / f"{name}-{key}"
    return remembered(folder, pictures, lambda some: _computed(some, name, batch, seed))


def _computed(pictures, name, batch, seed):
    """Rows of pictures that no cache holds. Nothing runs beside this, so torch gets all cores for as long."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(workspace.jobs())
    try:
        return _networks.run(*_trained(name, seed), pictures, batch)
    finally:
        torch.set_num_threads(before)


def available(name):
    """(True, "") when the weights are on disk or could be fetched just now, else (False, "weights not reachable").

    Asked once a process: without a network, asking again would only cost time. Weights whose checksum is wrong raise
    WorkbookError.
    """
    _known(name)
    return _reachable(name, workspace.models_dir())


def source(name, seed=SEED):
    """Which weights a name stands for, for tables and run.json: torchvision's entry and file, or the random seed."""
    _known(name)
    if name == UNTRAINED:
        return f"random, seed {seed}"
    return f"torchvision {_entry(name)} ({_entry(name).url.rsplit('/', 1)[1]})"


@cache
def cost(name):
    """What a backbone costs, weights or not: a dict for the trade-off table.

    parameters: of the network up to the embedding; parameters_imagenet: with its last layer, as papers count; width:
    of the embedding; milliseconds: a picture on this machine, preparation included, the better of two runs;
    pictures, device: how that was timed; timed_with: always random weights, since time does not depend on them;
    weights, available, reason: as `source` and `available` say.
    """
    there, reason = available(name)
    network, prepare = _networks.ready(_untrained(ARCHITECTURES[name], SEED)), _prepare(name)
    count, side = TIMED
    pictures = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)
    seconds = []
    for _ in range(3):  # the first one warms up
        start = time.perf_counter()
        _networks.run(network, prepare, pictures, count)
        seconds.append(time.perf_counter() - start)
    return {
        "name": name, **_facts(name), "milliseconds": 1000 * min(seconds[1:]) / count,
        "pictures": f"{count} of {side} x {side}", "device": workspace.device()[1], "timed_with": "random weights",
        "weights": source(name), "available": there, "reason": reason,
    }  # fmt: skip


def _known(name):
    workspace.require_known(name, list(ARCHITECTURES), "backbone")


@cache
def _reachable(name, folder):
    """`available` for one folder of models: tests and runs with another folder ask anew."""
    if name == UNTRAINED:
        return True, ""
    try:
        weights.file_of_torchvision(_entry(name))
    except Unavailable:
        return False, "weights not reachable"
    return True, ""


def _entry(name):
    from torchvision.models import get_model_weights

    return get_model_weights(ARCHITECTURES[name])[RECIPE]


def _prepare(name):
    return _entry(name).transforms()


@lru_cache(maxsize=1)  # one at a time: VGG16 is half a gigabyte
def _trained(name, seed):
    """(network up to the embedding, preparation) in inference mode, with the weights the name stands for."""
    from torchvision.models import get_model

    if name == UNTRAINED:
        return _networks.ready(_untrained(ARCHITECTURES[name], seed)), _prepare(name)
    state = weights.of_torchvision(_entry(name))
    network = get_model(ARCHITECTURES[name], weights=None)
    network.load_state_dict(state)
    return _networks.ready(_headless(network)), _prepare(name)


def _untrained(architecture, seed):
    """Network with random weights up to the embedding; torch's own random state stays as it was."""
    import torch
    from torchvision.models import get_model

    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        return _headless(get_model(architecture, weights=None))


def _headless(network):
    """The network without its last layer, which gives a score to each ImageNet class."""
    from torch import nn

    holder, attribute = _head(network)
    setattr(holder, attribute, nn.Identity())
    return network


def _head(network):
    """(module, name) of the last linear layer: `fc` of a ResNet, the end of `classifier` in the others."""
    if hasattr(network, "fc"):
        return network, "fc"
    return network.classifier, str(len(network.classifier) - 1)


@cache
def _facts(name):
    """Parameters and width, counted without any memory for them."""
    import torch
    from torchvision.models import get_model

    with torch.device("meta"):
        network = get_model(ARCHITECTURES[name], weights=None)
    whole = sum(parameter.numel() for parameter in network.parameters())
    holder, attribute = _head(network)
    head = getattr(holder, attribute)
    mine = whole - sum(parameter.numel() for parameter in head.parameters())
    return {"parameters": mine, "parameters_imagenet": whole, "width": head.in_features}


FEATURES = {name: partial(Embedding, name) for name in ARCHITECTURES}
