"""CNN + temporal convolutions: dilated, with residual connections, over the encoded maps of a clip.

Temporal convolutional network: Bai, Kolter & Koltun 2018, arXiv:1803.01271. There convolutions are causal, as they
predict what comes next; here the clip is at hand, and they are centred: a frame sees 14 steps on either side. No weight
norm and no dropout inside. About 8,500 parameters.
"""

from helpers.models.cnn_lstm import FRAME
from helpers.models.intensity._sequence import TRAINING, SequenceRegressor

STOCHASTIC = True
DILATIONS = (1, 2, 4)  # of the blocks, two convolutions each
KERNEL = 3


class CNNTCN(SequenceRegressor):
    """Arguments as of SequenceRegressor. Missing frames, like what lies beyond the ends, are zeros in every layer."""

    def sequence(self):
        """Two convolutions for each dilation, FRAME channels throughout."""
        from torch import nn

        layers = [
            nn.Conv1d(FRAME, FRAME, KERNEL, padding="same", dilation=dilation)
            for dilation in DILATIONS
            for _ in range(2)
        ]
        return nn.ModuleList(layers), FRAME

    def states(self, module, frames, mask):
        """(m, FRAME) -> (m, FRAME)."""
        where, real = mask.nonzero(as_tuple=True), mask[:, None]
        x = frames.new_zeros(*mask.shape, FRAME).index_put(where, frames).mT  # (n, FRAME, T)
        for first, second in zip(module[::2], module[1::2], strict=True):
            change = second(first(x).relu() * real).relu()
            x = (x + change).relu() * real
        return x.mT[where]


REGRESSORS = {"cnn_tcn": lambda profile, seed: CNNTCN(random_state=seed, **TRAINING[profile.name])}
