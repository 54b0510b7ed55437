"""CNN + transformer: every frame of a clip attends to every other, by content and by distance in time.

Vaswani et al. 2017, arXiv:1706.03762: an encoder with sinusoidal positions; here two layers of two heads, normalised
before attention (Xiong et al. 2020, arXiv:2002.04745), no dropout inside. About 9,300 parameters. A missing frame keeps
its place in time, and nobody attends to it.
"""

import math

from helpers.models.cnn_lstm import FRAME
from helpers.models.intensity._sequence import TRAINING, SequenceRegressor

STOCHASTIC = True
LAYERS, HEADS, WIDE = 2, 2, 48  # WIDE: of the layer between attentions
PERIOD = 1000  # steps of the slowest sinusoid: far longer than a clip


class CNNTransformer(SequenceRegressor):
    """Arguments as of SequenceRegressor."""

    def sequence(self):
        """The encoder, FRAME numbers in and out."""
        from torch import nn

        layer = nn.TransformerEncoderLayer(FRAME, HEADS, WIDE, dropout=0.0, batch_first=True, norm_first=True)
        return nn.TransformerEncoder(layer, LAYERS, nn.LayerNorm(FRAME), enable_nested_tensor=False), FRAME

    def states(self, module, frames, mask):
        """(m, FRAME) -> (m, FRAME)."""
        clips, steps = mask.nonzero(as_tuple=True)
        placed = frames + positions(steps, frames.dtype)
        x = frames.new_zeros(*mask.shape, FRAME).index_put((clips, steps), placed)  # (n, T, FRAME)
        return module(x, src_key_padding_mask=~mask)[clips, steps]


def positions(steps, dtype):
    """(m,) step numbers -> (m, FRAME): sines, then cosines, from one radian a step to one in PERIOD."""
    import torch

    rates = torch.exp(torch.linspace(0, -math.log(PERIOD), FRAME // 2, device=steps.device, dtype=dtype))
    angles = steps[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)


REGRESSORS = {"cnn_transformer": lambda profile, seed: CNNTransformer(random_state=seed, **TRAINING[profile.name])}
