"""All folds of a network trained at the same time: one step of every fold is one step on the GPU.

A network of a few thousand parameters leaves a GPU idle. Here the weights of F networks are stacked (`_stack`, by
torch.func), and each step runs once for all. A fold learns what it would have learned alone, but for dropout, which
draws other numbers; everything is in single or double precision. On a CPU this is slower than folds in processes, and
recurrent layers cannot be stacked. Imports torch: import this module inside functions.
"""

import math
import warnings

import torch

from helpers.models import _loop
from helpers.models._stack import Stack
from helpers.workspace import WorkbookError

APART = ("random_state", "checkpoint")  # arguments in which the networks may differ


def fit_together(models, X, y, parts):
    """Fit models[k] on the rows parts[k], all at once; returns the fitted models, as `fit` would leave them.

    models: unfitted NetworkClassifiers, alike but for their random state; X, y: as of `fit`, all rows; parts: a list of
    row positions. Folds that lack a class train with others that lack it. Where the GPU's memory ends, half of the
    folds train at a time, which is warned about and recorded.
    Raises WorkbookError for models that differ, early stopping or checkpoints (train such models one by one), a single
    class, and a loss that is not finite.
    """
    kinds = {(type(model), str({k: v for k, v in model.get_params().items() if k not in APART})) for model in models}
    if len(kinds) > 1:
        raise WorkbookError("networks with different settings cannot train together", remedy="train them one by one")
    if models and (models[0].patience is not None or any(model.checkpoint for model in models)):
        raise WorkbookError("early stopping and checkpoints are of one training alone", remedy="fit these one by one")
    tasks = [model._task(X[rows], y[rows], None) for model, rows in zip(models, parts, strict=True)]
    alike = {}  # by number of classes
    for pair in zip(models, tasks, strict=True):
        pair[1].mixed = False
        alike.setdefault(len(pair[1].weights), []).append(pair)
    for pairs in alike.values():
        _train_some(pairs)
    return models


def _train_some(pairs):
    """Train these (model, task) pairs at once, or in halves where memory ends, and finish each model."""
    states = [(task.order.get_state(), task.chance.get_state()) for _, task in pairs]
    try:
        found = _train(pairs[0][0], [task for _, task in pairs])
    except torch.OutOfMemoryError as error:
        if len(pairs) == 1:
            raise WorkbookError("a single fold does not fit into GPU memory", remedy="fit folds one by one") from error
        half = len(pairs) // 2
    else:
        for (model, task), losses in zip(pairs, found, strict=True):
            model._finish(task, {"losses": losses, "batches": [model.batch], "resumed_at": 0})
            model.record_["folds_together"] = len(pairs)
        return
    message = f"out of GPU memory with {len(pairs)} folds at once: now {half}"
    warnings.warn(message, _loop.SmallerBatch, stacklevel=4)
    for (_, task), (order, chance) in zip(pairs, states, strict=True):
        task.order.set_state(order)
        task.chance.set_state(chance)
    _train_some(pairs[:half])
    _train_some(pairs[half:])


def _train(model, tasks):
    """Mean loss of each epoch of each fold, [[float]]; the tasks' networks are trained."""
    stack = Stack(model, tasks)
    history = []
    with torch.random.fork_rng(devices=[torch.cuda.current_device()] if tasks[0].device == "cuda" else []):
        torch.manual_seed(tasks[0].seed + 2)
        for epoch in range(model.epochs):
            means = stack.epoch(_loop.rate(model, epoch)).tolist()
            wrong = [value for value in means if not math.isfinite(value)]
            if wrong:
                remedy = "lower the rate, or look at the arrays for outliers"
                raise WorkbookError(f"the loss of a fold is {wrong[0]} in epoch {epoch + 1}", remedy=remedy)
            history.append(means)
    stack.unstack()
    return [list(losses) for losses in zip(*history, strict=True)]
