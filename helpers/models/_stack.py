"""F networks of one shape as a stack: a step of the stack is a step of each of them, as they would take it alone.

Every fold has its own first weights, clips, order, class weights and statistics. Where folds have batches of different
length, the shorter ones are filled up with rows that count in no loss and no batch statistics, and a fold that is
through with its epoch waits. Imports torch: import this module inside functions.
"""

import copy

import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional

from helpers.models import _loop

BETAS, EPSILON = (0.9, 0.999), 1e-8  # of Adam, torch's own


class Stack:
    """F networks as one: parameters and buffers (F, ...), rows (F, n, ...), the moments of Adam."""

    def __init__(self, model, tasks):
        self.model, self.tasks, self.device = model, tasks, tasks[0].device
        wholes = [Whole(model, task.network.train()) for task in tasks]
        self.parameters, self.buffers = stack_module_state(wholes)
        self.one = copy.deepcopy(wholes[0])
        self.masks = _mask_batch_norms(self.one)
        self.truth = _filled([task.feed.truth for task in tasks])
        self.weights = torch.stack([task.weights for task in tasks])
        self.folds = torch.arange(len(tasks), device=self.device)[:, None]
        # Without augmentation rows are standardised once, all of them; else batch by batch.
        every = [] if model.augment else [task.feed.batch(task.train) for task in tasks]
        self.rows = _stacked(every) if every else None
        self.moments = {name: [torch.zeros_like(value) for _ in range(2)] for name, value in self.parameters.items()}
        self.steps = torch.zeros(len(tasks), device=self.device, dtype=self.weights.dtype)

    def epoch(self, rate):
        """Every fold learns from each of its rows once; (F,) mean loss."""
        orders = [_batches(task, self.model.batch) for task in self.tasks]
        total = torch.zeros(len(self.tasks), device=self.device, dtype=torch.float64)
        for step in range(max(map(len, orders))):
            batches = [order[step] if step < len(order) else order[0][:0] for order in orders]
            lengths = torch.tensor([len(some) for some in batches])
            index = nn.utils.rnn.pad_sequence(batches, batch_first=True)  # (F, b), filled up with row 0
            kept = torch.arange(index.shape[1]) < lengths[:, None]
            mask = kept[:, :0] if kept.all() else kept  # batch statistics of all rows are faster
            place = {"device": self.device, "dtype": self.weights.dtype}
            losses = self._losses(index, lengths, mask.to(**place)) * kept.to(**place)
            active = lengths.to(self.device)
            means = losses.sum(dim=1) / active.clamp(min=1)
            gradients = torch.autograd.grad(means.sum(), list(self.parameters.values()))
            self._adam(gradients, active > 0, rate)
            total += means.detach().double() * active
        return total / torch.tensor([len(task.train) for task in self.tasks], device=self.device)

    def unstack(self):
        """Give each task's network its weights back."""
        state = self.parameters | self.buffers
        for k, task in enumerate(self.tasks):
            own = {name.removeprefix(f"{Whole.INSIDE}."): value[k].detach() for name, value in state.items()}
            task.network.load_state_dict(own)

    def _losses(self, index, lengths, mask):
        """(F, b) losses. Batch statistics are written into the stacked buffers on the way."""

        def of_one(parameters, buffers, mask, x, truth, weights):
            own = parameters | buffers | dict.fromkeys(self.masks, mask)
            return _loop.clip_losses(self.model, functional_call(self.one, own, (x,)), truth, weights)

        on_device = index.to(self.device)
        if self.rows is None:
            drawn = zip(self.tasks, index, lengths, strict=True)
            x = _stacked(
                [task.feed.batch(rows[:n].to(self.device), task.chance if n else None) for task, rows, n in drawn]
            )
        else:
            x = _each(lambda rows: rows[self.folds, on_device], self.rows)
        arguments = self.parameters, self.buffers, mask, x, self.truth[self.folds, on_device], self.weights
        return vmap(of_one, randomness="different")(*arguments)

    @torch.no_grad()
    def _adam(self, gradients, active, rate):
        """One step of Adam or AdamW for the active folds, each with its own count of steps; the others wait.

        Written out because torch's optimisers know one count for a whole stack.
        """
        if self.model.clip:
            norms = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients]).norm(dim=0)
            short = (self.model.clip / (norms + 1e-6)).clamp(max=1)
            gradients = [gradient * _wide(short, gradient) for gradient in gradients]
        self.steps += active
        corrections = [1 - beta ** self.steps.clamp(min=1) for beta in BETAS]
        for (name, value), gradient in zip(self.parameters.items(), gradients, strict=True):
            now = _wide(active, value)
            if self.model.optimiser == "adamw":
                value.mul_(torch.where(now, 1 - rate * self.model.decay, 1.0))
            else:
                gradient = gradient + self.model.decay * value
            mean, square = self.moments[name]
            mean.copy_(torch.where(now, mean.lerp(gradient, 1 - BETAS[0]), mean))
            square.copy_(torch.where(now, square.lerp(gradient.square(), 1 - BETAS[1]), square))
            first, second = (_wide(correction, value) for correction in corrections)
            step = rate * (mean / first) / ((square / second).sqrt() + EPSILON)
            value.sub_(torch.where(now, step, 0.0))


class Whole(nn.Module):
    """A network as one call, inputs to logits."""

    INSIDE = "network"

    def __init__(self, model, network):
        super().__init__()
        self.model, self.network = model, network

    def forward(self, x):
        """(b, ...) -> (b, K)."""
        return self.model._forward(self.network, x)


class MaskedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch norm in training whose statistics leave out rows that fill up a batch. `kept`: (b,) 1 or 0; (0,): all."""

    def forward(self, x):
        """(b, C, ...) -> the same."""
        if not len(self.kept):
            return functional.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, True, self.momentum, self.eps
            )
        rest = [0, *range(2, x.ndim)]
        kept, shape = self.kept.reshape(-1, *[1] * (x.ndim - 1)), (1, -1, *[1] * (x.ndim - 2))
        count = self.kept.sum() * x[0, 0].numel()
        some = count.clamp(min=2)  # a fold that waits has no row; its statistics stay
        mean = (x * kept).sum(rest) / some
        variance = ((x - mean.reshape(shape)).square() * kept).sum(rest) / some
        share = self.momentum * (count > 0)
        self.running_mean.add_(share * (mean.detach() - self.running_mean))
        self.running_var.add_(share * (variance.detach() * some / (some - 1) - self.running_var))
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (x - mean.reshape(shape)) * scale.reshape(shape) + self.bias.reshape(shape)


def _mask_batch_norms(whole):
    """Turn every batch norm inside into a MaskedBatchNorm; names of their masks."""
    found = {
        name: module for name, module in whole.named_modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)
    }
    for module in found.values():
        module.__class__ = MaskedBatchNorm
        module.register_buffer("kept", torch.empty(0))
    return [f"{name}.kept" for name in found]


def _batches(task, size):
    """Row positions of each batch of the next epoch, drawn as a training alone draws them."""
    order, batches, at = torch.randperm(len(task.train), generator=task.order), [], 0
    while at < len(order):
        batches.append(_loop.batch_at(order, at, size))
        at += len(batches[-1])
    return batches


def _each(function, tree):
    """A function of tensors on a tensor, or on each of {field: tensor}."""
    return {name: function(value) for name, value in tree.items()} if isinstance(tree, dict) else function(tree)


def _stacked(batches):
    """F tensors (n_f, ...), or dicts of them, as (F, n, ...), filled up with zeros."""
    if isinstance(batches[0], dict):
        return {name: _filled([batch[name] for batch in batches]) for name in batches[0]}
    return _filled(batches)


def _filled(tensors):
    return nn.utils.rnn.pad_sequence(tensors, batch_first=True)


def _wide(numbers, like):
    """(F,) as (F, 1, ..., 1), to go with `like`."""
    return numbers.reshape(-1, *[1] * (like.ndim - 1))
