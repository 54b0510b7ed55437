"""The base of networks that read a clip's maps in order and give each frame an intensity.

Each real map becomes FRAME numbers (the encoder of `cnn_lstm`), a subclass's `sequence` reads these in order, a linear
head answers for every frame. Steps without a frame reach none of it: the encoder gets real maps only, and `sequence` is
told which steps they are.
"""

import numpy as np
from sklearn.base import RegressorMixin

from helpers.models._network import Network
from helpers.models.cnn_lstm import frame_encoder
from helpers.models.intensity import _clips

FORMULATIONS = ("mse", "mae", "huber", "concordance", "ordinal", "soft")
# Chosen by the losses of training clips and of inner people. A mirrored face is as good as another: half of the people
# that there are for a network of thousands of parameters are made this way.
SETTINGS = {"schedule": "cosine", "augment": {"mirror": 0.5}}
TRAINING = {
    "tiny": SETTINGS | {"epochs": 12, "batch": 4}, "quick": SETTINGS | {"epochs": 20, "batch": 16, "rate": 1e-2},
    "full": SETTINGS | {"epochs": 60, "batch": 8},
}  # fmt: skip


class SequenceRegressor(RegressorMixin, Network):
    """Regressor of intensity: flow (n, T, 3, H, W), H and W at least 4 pixels, NaN where a step has no frame -> (n, T).

    formulation: what the network is asked, one of FORMULATIONS (`_formulations` says what each means). training: as of
    `Network`. A subclass writes `sequence` and `states`. y: (n, T) in 0..1, NaN where a frame has no label; a label at
    a step without a frame is not used. How many steps without a frame follow a clip changes neither what is learned
    nor what is predicted. dropout leaves out numbers of encoded maps. Raises WorkbookError as `_clips` does.
    """

    KINDS = {"flow": "flow", "mask": "mask"}  # noqa: RUF012
    KNOWN = {"formulation": FORMULATIONS, **Network.KNOWN}  # noqa: RUF012

    def __init__(self, formulation="mse", **training):
        super().__init__(**training)
        self.formulation = formulation

    def sequence(self):
        """(untrained torch module that `states` uses, length of a state)."""
        raise NotImplementedError

    def states(self, module, frames, mask):
        """Encoded maps (m, FRAME), clip by clip in order -> (m, length). mask: (n, T) bool, True where they belong."""
        raise NotImplementedError

    def check(self, X):
        """The array, if it is one that this network takes."""
        return _clips.check(X)

    def prepare(self, X):
        """(n, T, 3, H, W) -> (n,) with fields `flow`, zero where there is no frame, and `mask` (T,), True where one is.

        Each map's own median is off u and v: what is left of head motion.
        """
        kinds = [("flow", np.float32, X.shape[1:]), ("mask", bool, X.shape[1])]
        rows = np.zeros(len(X), np.dtype(kinds, align=True))  # torch takes no field that lies across its numbers
        rows["mask"] = real = _clips.mask(X)
        rows["flow"][real] = _clips.still(X[real])
        return rows

    def network(self, shape, outputs):
        """The encoder of maps, what reads them in order, a linear head. shape: {"flow": (T, 3, H, W), ...}."""
        from torch import nn

        frame = nn.Sequential(frame_encoder(shape["flow"][1]), nn.Dropout(self.dropout))
        sequence, length = self.sequence()
        return nn.ModuleDict({"frame": frame, "sequence": sequence, "head": nn.Linear(length, outputs)})

    def embedding(self, network, x):
        """{"flow": (n, T, 3, H, W), "mask": (n, T)} -> (n, T, length), zero where there is no frame."""
        mask = x["mask"] > 0
        mask = mask[:, : int(mask.any(dim=0).nonzero().max()) + 1]  # steps that no clip of the batch reaches
        where = mask.nonzero(as_tuple=True)  # clip by clip, in order
        states = self.states(network["sequence"], network["frame"](x["flow"][where]), mask)  # (m, length)
        return states.new_zeros(*x["mask"].shape, states.shape[-1]).index_put(where, states)

    def predict(self, X):
        """(n, T) intensities in 0..1, NaN where X has no frame."""
        values = self._formulation().values(self._outputs(X)).numpy()
        return np.where(_clips.mask(np.asarray(X)), values, np.nan)

    def _formulation(self):
        from helpers.models.intensity import _formulations

        return _formulations.FORMULATIONS[self.formulation]

    def _encoded(self, y, X):
        return _clips.labels(y, X["mask"])

    def _strata(self, y):
        return np.zeros(len(y), int)

    def _weights(self, truth):
        """Ones; `prior_`: outputs of the constant with the least loss on these labels."""
        import torch

        formulation = self._formulation()
        self.prior_ = formulation.constant(torch.as_tensor(truth, dtype=torch.float64)).numpy()
        return np.ones(formulation.outputs, np.float32)

    def _losses(self, outputs, truth, weights):
        return self._formulation().losses(outputs.to(weights.dtype), truth.to(weights.dtype))

    def _guess(self, truth):
        import torch

        return torch.as_tensor(self.prior_, device=truth.device).expand(*truth.shape, -1)
