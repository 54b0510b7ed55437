"""One training of one network: epochs, loss, schedule, early stopping, a smaller batch where memory ends, resuming.

Adam (Kingma & Ba 2015, arXiv:1412.6980) or AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101), cosine schedule
(Loshchilov & Hutter 2017, arXiv:1608.03983), focal loss (Lin et al. 2017, arXiv:1708.02002), label smoothing (Szegedy
et al. 2016, doi:10.1109/CVPR.2016.308). Imports torch: import this module inside functions.
"""

import copy
import ctypes
import math
import warnings
from contextlib import suppress

import numpy as np
import torch

from helpers.models import _checkpoints
from helpers.workspace import WorkbookError

OPTIMISERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
EVERY = 10  # epochs between two checkpoints
AT_ONCE = 64  # rows of a batch that nothing is learned from
KEPT = 32 << 20, 256 << 20  # bytes: largest tensor that the process reuses, most that it keeps


class SmallerBatch(UserWarning):
    """The accelerator's memory did not hold a batch, and training went on with half of it."""


def clip_losses(model, logits, truth, weights):
    """Of a classifier: (n,) weight * (1 - p)^gamma * cross-entropy; p: the true class's probability; gamma 0: log loss.

    With smoothing s the target is 1 - s for the true class plus s / K for every class.
    """
    log_p = torch.log_softmax(logits, dim=-1)
    of_truth = log_p.gather(-1, truth[..., None])[..., 0]
    losses = -of_truth
    if model.smoothing:
        losses = (1 - model.smoothing) * losses - model.smoothing * log_p.mean(dim=-1)
    if model.loss == "focal":
        losses = losses * (1 - of_truth.exp()) ** model.gamma
    return losses * weights[truth]


def rate(model, epoch):
    """Learning rate of an epoch, counted from 0: constant, or half a cosine down to nothing."""
    return model.rate * ((1 + math.cos(math.pi * epoch / model.epochs)) / 2 if model.schedule == "cosine" else 1)


class Training:
    """A Network's task, being trained.

    done: what has happened so far, JSON-able; best: the network's state in the best epoch for inner people, None
    without early stopping.
    """

    def __init__(self, model, task):
        self.model, self.task, self.best = model, task, None
        self.optimiser = OPTIMISERS[model.optimiser](task.network.parameters(), model.rate, weight_decay=model.decay)
        self.scaler = torch.amp.GradScaler(task.device, enabled=task.mixed)
        self.done = {"losses": [], "inner_losses": [], "batches": [model.batch], "resumed_at": 0}

    def run(self):
        """Train the task's network in place, and leave it as it was in its best epoch; returns `done`."""
        model, task, done = self.model, self.task, self.done
        if task.device == "cpu":
            torch.set_num_threads(1)  # threads in layers this small only wait for each other
            _keep_memory()
        with torch.random.fork_rng(devices=[torch.cuda.current_device()] if task.device == "cuda" else []):
            torch.manual_seed(task.seed + 2)  # of dropout
            self.resume()
            while not self.finished():
                epoch = len(done["losses"])
                for group in self.optimiser.param_groups:
                    group["lr"] = rate(model, epoch)
                done["losses"].append(self.epoch())
                if len(task.inner):
                    done["inner_losses"].append(float(losses_of(model, task, task.inner).mean()))
                    if self.best_epoch() == epoch:
                        self.best = copy.deepcopy(task.network.state_dict())
                if model.checkpoint and (len(done["losses"]) % EVERY == 0 or self.finished()):
                    self.save()
        if self.best is not None:
            task.network.load_state_dict(self.best)
            done["kept_epoch"] = self.best_epoch() + 1
        return done

    def best_epoch(self):
        """The epoch, counted from 0, that inner people were predicted best after."""
        return int(np.argmin(self.done["inner_losses"]))

    def finished(self):
        """True after all epochs, or after `patience` of them without gain on inner people."""
        tried = len(self.done["losses"])
        if tried >= self.model.epochs:
            return True
        return bool(self.done["inner_losses"]) and tried - 1 - self.best_epoch() >= self.model.patience

    def epoch(self):
        """Learn from every row once; mean loss. WorkbookError when it is not finite, or when not even one row fits."""
        task, at, total = self.task, 0, 0.0
        task.network.train()
        order = task.train[torch.randperm(len(task.train), generator=task.order).to(task.train.device)]
        while at < len(order):
            some = batch_at(order, at, self.done["batches"][-1])
            try:
                total += len(some) * self.step(some).double()
            except torch.OutOfMemoryError as error:
                self.halve(len(some), error)
            else:
                at += len(some)
        mean = float(total) / len(order)
        if not math.isfinite(mean):
            remedy = "lower the rate, or look at the arrays for outliers"
            raise WorkbookError(f"the loss is {mean} in epoch {len(self.done['losses']) + 1}", remedy=remedy)
        return mean

    def step(self, some):
        """Learn from the rows at these positions; their mean loss before."""
        model, task = self.model, self.task
        self.optimiser.zero_grad()
        x, truth = task.feed.batch(some, task.chance), task.feed.truth[some]
        with torch.autocast(task.device, torch.float16, enabled=task.mixed):
            loss = model._losses(model._forward(task.network, x), truth, task.weights).mean()
        self.scaler.scale(loss).backward()
        if model.clip:
            self.scaler.unscale_(self.optimiser)
            torch.nn.utils.clip_grad_norm_(task.network.parameters(), model.clip)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        return loss.detach()

    def halve(self, rows, error):
        """Go on with half as many rows a step; WorkbookError when it was only one."""
        if rows == 1:
            raise WorkbookError("not even one clip fits into the GPU's memory", remedy="take smaller maps") from error
        self.done["batches"].append(rows // 2)
        epoch = len(self.done["losses"]) + 1
        message = f"out of GPU memory in epoch {epoch}: from {rows} clips a step to {rows // 2}"
        warnings.warn(message, SmallerBatch, stacklevel=5)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def save(self):
        """Write a checkpoint: everything that the next epoch depends on."""
        cuda = torch.cuda.get_rng_state() if self.task.device == "cuda" else None
        random = [self.task.order.get_state(), self.task.chance.get_state(), torch.get_rng_state(), cuda]
        state = {name: part.state_dict() for name, part in self._parts().items()}
        state |= {"best": self.best, "random": random, "done": self.done}
        _checkpoints.write(self.model.checkpoint, self.task.identity, state)

    def resume(self):
        """Take up the checkpoint where there is one. WorkbookError for one of another configuration."""
        state = _checkpoints.read(self.model.checkpoint, self.task.identity) if self.model.checkpoint else None
        if state is None:
            return
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        order, chance, cpu, cuda = state["random"]
        self.task.order.set_state(order)
        self.task.chance.set_state(chance)
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state(cuda)
        self.best = state["best"]
        self.done.update(state["done"], resumed_at=len(state["done"]["losses"]))

    def _parts(self):
        return {"network": self.task.network, "optimiser": self.optimiser, "scaler": self.scaler}


def outputs(network, feed, index, forward):
    """What `forward(network, batch)` gives for the rows of `index`, in double precision; nothing is learned."""
    with torch.inference_mode():
        network = network.eval()
        return torch.cat([forward(network, feed.batch(some)).double() for some in index.split(AT_ONCE)])


def losses_of(model, task, index):
    """(n,) loss of each of these rows as the network is now."""
    found = outputs(task.network, task.feed, index, model._forward)
    return model._losses(found, task.feed.truth[index], task.weights.double())


def batch_at(order, at, size):
    """The next `size` rows, and the last one with them if it were left alone: one row has no batch statistics."""
    return order[at : at + size + (len(order) == at + size + 1)]


def _keep_memory():
    """Let the process reuse freed tensors: to ask the system for them anew in each step takes longer than layers do."""
    with suppress(AttributeError, OSError):  # only the GNU C library has this, and only speed depends on it
        mallopt = ctypes.CDLL(None).mallopt
        for parameter, size in zip((-3, -1), KEPT, strict=True):  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD
            mallopt(parameter, size)
