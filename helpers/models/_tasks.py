"""What one training needs, made from its rows: first weights, batches, weights of classes, random numbers.

Imports torch: import this module inside functions.
"""

from dataclasses import dataclass

import torch

from helpers.models import _augmentation, _checkpoints, _inputs
from helpers.workspace import WorkbookError


@dataclass
class Task:
    """The network, what it is fed, the rows it learns from and those of the people it may be stopped by."""

    network: torch.nn.Module
    feed: _inputs.Feed
    train: torch.Tensor  # (n,) row positions
    inner: torch.Tensor  # (m,) row positions; none without early stopping
    weights: torch.Tensor  # (K,) of outputs (classes) in the loss
    order: torch.Generator  # of batches
    chance: torch.Generator  # of augmentation
    seed: int
    mixed: bool  # half precision where that is safe
    identity: dict  # of a checkpoint

    @property
    def device(self):
        """Where it is trained."""
        return self.weights.device.type


def task(model, X, y, truth, sides, groups):
    """A Task for a Network, which gets `standard_` and `prior_` on the way: both of its training rows only.

    X: prepared array; truth: (n, ...) y as the loss takes it; sides: positions of training and of inner rows. First
    weights are drawn on the CPU in single precision, whatever device and precision follow, so they are always the same.
    """
    train, inner = sides
    kinds, device = _inputs.kinds_of(X, model.KINDS), device_of(model.device)
    dtype = torch.float64 if model.precision == "float64" else torch.float32
    model.standard_ = _inputs.measure(X[train] if len(inner) else X, kinds)
    weights = model._weights(truth[train])
    shapes = {name: values.shape[1:] for name, values in _inputs.fields(X).items()}
    seed = 0 if model.random_state is None else model.random_state
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = model.network(shapes.get(None, shapes), len(weights)).to(device, dtype)
        order = torch.Generator().set_state(torch.get_rng_state())
    augment = _augmentation.checked(model.augment)
    feed = _inputs.Feed(model.tensors(X), truth, model.standard_, kinds, augment, device, dtype)
    identity = {"network": type(model).__name__, "trained_on": device, **model.settings()}
    chance = torch.Generator(device).manual_seed(seed + 1)
    return Task(
        network, feed, *(torch.as_tensor(rows, device=device) for rows in sides),
        torch.as_tensor(weights, device=device, dtype=dtype), order, chance, seed,
        device == "cuda" and model.precision == "auto",
        _checkpoints.identity(identity, X, y, groups) if model.checkpoint else {},
    )  # fmt: skip


def device_of(wanted):
    """'cpu' or 'cuda'; "auto" takes CUDA where it is. WorkbookError for a GPU that is asked for and not there."""
    there = torch.cuda.is_available()
    if wanted == "cuda" and not there:
        raise WorkbookError("there is no CUDA device here", remedy='set device to "auto" or "cpu"')
    return ("cuda" if there else "cpu") if wanted == "auto" else wanted
