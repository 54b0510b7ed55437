"""What a network is asked: a number, a number through its agreement with the truth, ordered levels, shares of levels.

| formulation | outputs a frame | loss | intensity |
|---|---|---|---|
| `mse` | 1 | squared error | sigmoid |
| `mae` | 1 | absolute error | sigmoid |
| `huber` | 1 | squared up to DELTA, then absolute | sigmoid |
| `concordance` | 1 | 1 - CCC over all labelled frames of the batch | sigmoid |
| `ordinal` | 3 | cross-entropy of "does it reach this threshold?", of each threshold | expected level |
| `soft` | 4 | cross-entropy with the label's mass shared by its two nearest levels | expected level |

Huber 1964, doi:10.1214/aoms/1177703732; CCC: Lin 1989, doi:10.2307/2532051; thresholds: Frank & Hall 2001,
doi:10.1007/3-540-44795-4_13; labels shared out: Geng 2016, doi:10.1109/TKDE.2016.2545658; expectation over classes:
Rothe et al. 2018, doi:10.1007/s11263-016-0940-3.

But for `concordance` a clip's loss is the mean over its labelled frames, so that each clip counts alike, however long.
Every intensity lies in 0..1. Imports torch: import this module inside functions.
"""

import torch
from scipy.optimize import minimize_scalar
from torch.nn import functional

from helpers.models.intensity._levels import CENTRES, LEVELS, THRESHOLDS

DELTA = 0.1  # errors above it are counted as outliers by `huber`
TINY = 1e-8  # where neither truth nor prediction varies, and both are alike, CCC is 0 / 0
LEAST = 1e-6  # share that a constant gives to what no training frame has: none would make its loss 0 times infinity


class Value:
    """One output a frame, whose sigmoid is the intensity. error: of predictions and truth, both (n, T), per frame."""

    outputs = 1

    def __init__(self, error):
        self.error = error

    def values(self, outputs):
        """(n, T, 1) -> (n, T) in 0..1."""
        return outputs[..., 0].sigmoid()

    def losses(self, outputs, truth):
        """(n,) mean error of each clip. truth: (n, T), NaN where a frame does not count."""
        return _clip_means(self.error(self.values(outputs), truth.nan_to_num()), truth)

    def constant(self, truth):
        """(1,) outputs of the constant with the least loss: all these errors are convex in it."""

        def loss(value):
            guess = torch.full_like(truth, value)
            return float(_clip_means(self.error(guess, truth.nan_to_num()), truth).mean())

        best = minimize_scalar(loss, bounds=(0, 1), method="bounded", options={"xatol": 1e-6}).x
        return torch.tensor([best], dtype=truth.dtype).logit()


class Concordance(Value):
    """One output a frame; the loss is one number for all frames of the batch, given to each of its clips."""

    def __init__(self):
        super().__init__(None)

    def losses(self, outputs, truth):
        """(n,) of one number: 1 - CCC over all labelled frames, with variances divided by their number."""
        known = ~truth.isnan()
        x, y = self.values(outputs)[known], truth[known]
        apart = (x.mean() - y.mean()).square()
        shared = ((x - x.mean()) * (y - y.mean())).mean()
        total = x.var(correction=0) + y.var(correction=0) + apart
        return (1 - 2 * shared / (total + TINY)).expand(len(truth))

    def constant(self, truth):
        """(1,): the mean, though no constant agrees: its loss is 1."""
        return truth.nanmean()[None].logit(eps=LEAST)


class Ordinal:
    """A logit for each threshold, "above it?"; the expected level is the mean of the three probabilities.

    Nothing forces a frame's probabilities to fall from one threshold to the next, nor does the expectation need it.
    """

    outputs = len(THRESHOLDS)

    def targets(self, truth):
        """(n, T) -> (n, T, 3): 1 where the threshold is reached."""
        return (truth[..., None] >= truth.new_tensor(THRESHOLDS)).to(truth.dtype)

    def values(self, outputs):
        """(n, T, 3) -> (n, T) in 0..1: levels are equally far apart, so that each threshold adds its probability."""
        return outputs.sigmoid().mean(dim=-1)

    def losses(self, outputs, truth):
        """(n,) mean over a clip's labelled frames and the thresholds. truth: (n, T)."""
        found = functional.binary_cross_entropy_with_logits(outputs, self.targets(truth), reduction="none")
        return _clip_means(found.mean(dim=-1), truth)

    def constant(self, truth):
        """(3,) outputs of the shares of frames that reach each threshold."""
        return _clip_means(self.targets(truth), truth).mean(dim=0).logit(eps=LEAST)


class Soft:
    """A logit for each level; the expected level is the intensity."""

    outputs = len(LEVELS)

    def targets(self, truth):
        """(n, T) -> (n, T, 4) shares, on the two levels around the label: their expected level is the label."""
        centres = truth.new_tensor(CENTRES)
        return (1 - (truth[..., None] - centres).abs() / (centres[1] - centres[0])).clamp(min=0)

    def values(self, outputs):
        """(n, T, 4) -> (n, T) in 0..1."""
        return (outputs.softmax(dim=-1) * outputs.new_tensor(CENTRES)).sum(dim=-1).clamp(0, 1)

    def losses(self, outputs, truth):
        """(n,) mean over a clip's labelled frames. truth: (n, T)."""
        log_p = outputs.log_softmax(dim=-1)
        return _clip_means(-(self.targets(truth.nan_to_num()) * log_p).sum(dim=-1), truth)

    def constant(self, truth):
        """(4,) outputs of the mean shares."""
        return _clip_means(self.targets(truth), truth).mean(dim=0).clamp(min=LEAST).log()


def _clip_means(numbers, truth):
    """(n, T, ...) -> (n, ...): means over the steps where (n, T) `truth` is known, of which each clip has one."""
    known = ~truth.isnan()
    wide = known.reshape(*known.shape, *[1] * (numbers.ndim - 2))
    return torch.where(wide, numbers, 0).sum(dim=1) / wide.sum(dim=1)


def _huber(found, truth):
    return functional.huber_loss(found, truth, reduction="none", delta=DELTA)


FORMULATIONS = {
    "mse": Value(lambda found, truth: (found - truth).square()),
    "mae": Value(lambda found, truth: (found - truth).abs()),
    "huber": Value(_huber), "concordance": Concordance(), "ordinal": Ordinal(), "soft": Soft(),
}  # fmt: skip
