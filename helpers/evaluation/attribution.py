"""Where in a map a network found what it says: integrated gradients.

Sundararajan, Taly & Yan 2017, arXiv:1703.01365. The gradient of a class's logit with respect to the input, averaged on
the straight way from no motion to the clip, times the clip. Attributions sum to the difference between the two logits
(completeness), so `residual` tells how well the average was taken.
"""

from typing import NamedTuple

import numpy as np

from helpers.features import _checks
from helpers.workspace import WorkbookError, require_known

STILL = 1e-6  # share of a clip that stands for no motion: zero itself would be padding


class Attribution(NamedTuple):
    """Attributions of n clips, for one class each."""

    values: np.ndarray  # as the network's input (n, T, 3, H, W), or (n, T, R, 3, h, w): share of the logit's difference
    difference: np.ndarray  # (n,) logit of the clip less that of no motion
    residual: np.ndarray  # (n,) what is missing in the sum of the attributions

    def maps(self):
        """(n, T, H, W), or (n, T, R, h, w): the sum over channels."""
        return self.values.sum(axis=-3)


def integrated_gradients(model, X, classes=None, steps=64):
    """Attribution of a fitted network (a `NetworkClassifier`, or a pipeline that ends in one) for flow maps X.

    classes: (n,) class of each row that is explained, by default the predicted one. steps: points on the way. The
    network's state stays as it was. Raises WorkbookError for an unknown class, and for a model that is no such network.
    """
    import torch

    network = model[-1] if hasattr(model, "steps") else model
    if getattr(network, "KINDS", {}).get(None) != "flow":  # pictures are centred, which is no motion left to start from
        remedy = "ask for one of a network on flow, such as roi_hybrid"
        raise WorkbookError(f"{type(network).__name__} has no gradient on flow maps", remedy=remedy)
    classes = network.predict(X) if classes is None else classes
    for label in np.unique(classes):
        require_known(label, list(network.classes_), "class")
    column = torch.as_tensor(np.searchsorted(network.classes_, classes))
    x = torch.from_numpy(_checks.finite(network.prepare(network.check(X))) / network.scale_)
    module = network.network_.eval()

    def logits(rows):
        return network._forward(module, rows).gather(1, column[:, None])[:, 0]

    total = torch.zeros_like(x)
    for root in (np.arange(steps) + 0.5) / steps:  # closer together where the way begins: there normalisation is steep
        rows = (x * root**2).requires_grad_()
        total += 2 * root / steps * torch.autograd.grad(logits(rows).sum(), rows)[0]
    values = (x * total).numpy()
    with torch.no_grad():
        difference = (logits(x) - logits(x * STILL)).numpy()
    return Attribution(values, difference, difference - values.reshape(len(values), -1).sum(axis=1))
