"""Embeddings of stills by any network of the Hugging Face Hub that timm knows, asked for by name.

timm: Wightman 2019, doi:10.5281/zenodo.4414861. It is no part of the workbook's packages and is imported only when a
network is asked for. What a name stands for may change on the Hub, so that its commit belongs to the name.
"""

import re
from functools import lru_cache

import numpy as np

from helpers import storage, workspace
from helpers.features import _checks, _networks
from helpers.features._remembered import remembered
from helpers.features._rowwise import RowByRow
from helpers.weights import Unavailable
from helpers.workspace import WorkbookError

LISTED = False  # nothing of the workbook depends on it
COMMIT = re.compile(r"@[0-9a-f]{40}$")


class HubEmbedding(RowByRow):
    """Stills (n, H, W, 3) RGB or (n, H, W) grey uint8 -> (n, d) float32; d is the network's own width.

    name: repository on the Hub and its commit, such as "timm/resnet18.a1_in1k@<40 hexadecimal digits>". batch:
    pictures at a time. Pictures are prepared as the network's own configuration says: size, crop, mean and standard
    deviation. Rows are kept on disk by picture, name and versions. Raises WorkbookError without timm or a commit,
    Unavailable where the network can't be had.
    """

    TAKES = "stills"

    def __init__(self, name, batch=64):
        self.name = name
        self.batch = batch

    def _transformed(self, X):
        pictures = _networks.three_channels(_checks.stills(X))
        key = storage.digest(self.name, _networks.versions("timm"))
        folder = workspace.cache_dir("embeddings") / f"hub-{key}"
        return remembered(folder, pictures, lambda some: _networks.run(*_network(self.name), some, self.batch))

    def _names(self):
        black = np.zeros((1, *self.row_shape_[:2], 3), np.uint8)  # networks disagree on what they call their width
        return [f"hub_{k:04d}" for k in range(_networks.run(*_network(self.name), black).shape[1])]


@lru_cache(maxsize=1)
def _network(name):
    """(network without its last layer, preparation) of a repository on the Hub."""
    if not COMMIT.search(name):
        remedy = f"name its commit, as the Hub shows it under Files: {name.partition('@')[0]}@<40 hexadecimal digits>"
        raise WorkbookError(f"what {name!r} stands for may change", remedy=remedy)
    timm = _timm()
    try:
        network = timm.create_model(f"hf-hub:{name}", pretrained=True, num_classes=0)
    except Exception as error:  # the Hub's client raises errors of its own, others from version to version
        problem = f"the network {name!r} could not be had from the Hub ({type(error).__name__}: {error})"
        raise Unavailable(problem, remedy="check the name and the network, or take one of torchvision's") from error
    return _networks.ready(network), _preparation(timm.data.resolve_model_data_config(network))


def _preparation(config):
    """What timm does to a picture before this network, for batches of tensors."""
    import torch
    from torchvision.transforms import InterpolationMode, v2

    side = config["input_size"][-1]
    return v2.Compose([
        v2.Resize(int(side / config["crop_pct"]), InterpolationMode(config["interpolation"]), antialias=True),
        v2.CenterCrop(side), v2.ToDtype(torch.float32, scale=True), v2.Normalize(config["mean"], config["std"]),
    ])  # fmt: skip


def _timm():
    try:
        import timm
    except ImportError as error:
        remedy = "pip install 'timm>=1.0', or take one of torchvision's networks (features/embedding.py)"
        raise WorkbookError("networks of the Hugging Face Hub need the package timm", remedy=remedy) from error
    return timm


FEATURES = {"hub": HubEmbedding}
