"""CNN + LSTM: a small convolutional network reads each map, a recurrent one the sequence, forwards or both ways.

Long short-term memory: Hochreiter & Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735; both ways: Schuster & Paliwal
1997, doi:10.1109/78.650093. About 8,900 parameters either way. Forwards a frame's intensity knows no later frame.
Missing frames are skipped: the recurrence goes from one real frame to the next.
"""

from helpers.models.cnn_lstm import FRAME
from helpers.models.intensity._sequence import TRAINING, SequenceRegressor

STOCHASTIC = True
STATE, EACH_WAY = 28, 18  # numbers the LSTM remembers: chosen so that both variants have as many parameters


class CNNLSTM(SequenceRegressor):
    """bidirectional: read the clip from both ends. Other arguments as of SequenceRegressor."""

    def __init__(self, bidirectional=False, **training):
        super().__init__(**training)
        self.bidirectional = bidirectional

    def sequence(self):
        """An LSTM for each direction, and the length of their states together."""
        from torch import nn

        directions, length = (2, EACH_WAY) if self.bidirectional else (1, STATE)
        layers = [nn.LSTM(FRAME, length, batch_first=True) for _ in range(directions)]
        return nn.ModuleList(layers), directions * length

    def states(self, module, frames, mask):
        """(m, FRAME) -> (m, length): each clip's real frames as one sequence, for the second LSTM from its end.

        Padding follows a sequence, and no state knows what follows: packing gives the same, several times slower.
        """
        import torch
        from torch.nn.utils import rnn

        lengths, found = mask.sum(dim=1), []
        clips = frames.split(lengths.tolist())  # n of (length of the clip, FRAME)
        for backwards, lstm in enumerate(module):
            padded = rnn.pad_sequence([_turned(clip, backwards) for clip in clips], batch_first=True)
            read = rnn.unpad_sequence(lstm(padded)[0], lengths, batch_first=True)  # n of (length of the clip, STATE)
            found.append(torch.cat([_turned(clip, backwards) for clip in read]))
        return torch.cat(found, dim=1)


def _turned(clip, backwards):
    return clip.flip(0) if backwards else clip


def _build(profile, seed):
    return CNNLSTM(random_state=seed, **TRAINING[profile.name])


def _both_ways(profile, seed):
    return CNNLSTM(bidirectional=True, random_state=seed, **TRAINING[profile.name])


REGRESSORS = {"cnn_lstm": _build, "cnn_lstm_both_ways": _both_ways}
