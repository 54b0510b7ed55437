"""Pictures through a network: in batches, on the GPU if there is one, without gradients."""

import numpy as np

from helpers import workspace
from helpers.workspace import WorkbookError


def three_channels(pictures):
    """(n, H, W) or (n, H, W, 3) uint8 -> (n, H, W, 3): grey pictures get three equal channels."""
    return pictures if pictures.ndim == 4 else np.repeat(pictures[..., None], 3, axis=-1)


def ready(network):
    """The network in inference mode on this machine's device, laid out so that convolutions are fastest."""
    import torch

    return network.eval().requires_grad_(False).to(workspace.device()[0], memory_format=torch.channels_last)


def run(network, prepare, pictures, batch=64):
    """Output of a `ready` network: pictures (n, H, W, 3) uint8 -> (n, d) float32.

    prepare: what brings (b, 3, H, W) uint8 tensors to the input the network was trained on. batch: pictures at a time.
    WorkbookError where an output is not finite.
    """
    import torch

    kind, found = next(network.parameters()).device, []
    with torch.inference_mode():
        for first in range(0, len(pictures), batch):
            some = torch.from_numpy(np.ascontiguousarray(pictures[first : first + batch])).to(kind).permute(0, 3, 1, 2)
            found.append(network(prepare(some).contiguous(memory_format=torch.channels_last)).float().cpu().numpy())
    rows = np.concatenate(found)
    if not np.isfinite(rows).all():
        row = int((~np.isfinite(rows).all(axis=1)).argmax())
        raise WorkbookError("the network's output is not finite", row=row, remedy="check the picture and the weights")
    return rows


def versions(*more):
    """What the numbers depend on besides weights and pictures: versions of torch and others, the kind of device."""
    return workspace.versions(("torch", "torchvision", *more)) | {"device": workspace.device()[0]}
