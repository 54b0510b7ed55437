"""CNN + LSTM as a classifier of clips: a small convolutional network reads each flow map, a recurrent one the sequence.

Long short-term memory: Hochreiter & Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735. Convolutions before it: Donahue
et al. 2017, doi:10.1109/TPAMI.2016.2599174. About 8,000 parameters for seven classes, as there are a few hundred clips.

| treatment | what changes against `none`, and nothing else |
|---|---|
| `weights` | a class counts n / (K n_k) times in the loss |
| `focal` | clips that are already right count less (Lin et al. 2017, arXiv:1708.02002) |
| `refit` | the trained network is frozen; logistic regression on its sequence embeddings replaces the last layer |
| `smote` | `refit`, whose embeddings are first resampled by SMOTE: its effect is the difference from `refit` |

A clip shorter than T ends in maps that are zero throughout: such steps are padding, and change nothing.
"""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from helpers.models import GroupedPipeline
from helpers.models.imbalance import Resampled
from helpers.models.training import NetworkClassifier
from helpers.workspace import require_known

STOCHASTIC = True
TREATMENTS = ("none", "weights", "focal", "refit", "smote")
SETTINGS = {"weights": {"class_weight": "balanced"}, "focal": {"loss": "focal"}}
CHANNELS, GRID, FRAME, STATE = (8, 16), 3, 16, 24  # of the two convolutions; places kept; numbers a map, a clip
TRAINING = {  # enough steps to leave the class prior behind: tiny has few clips, so it takes fewer a step
    "tiny": {"epochs": 15, "batch": 8}, "quick": {"epochs": 30, "batch": 32}, "full": {"epochs": 60, "batch": 32},
}  # fmt: skip


def frame_encoder(channels):
    """An untrained torch module, maps (m, channels, H, W) -> (m, FRAME): two convolutions, a grid, a layer."""
    from torch import nn

    first, second = CHANNELS
    return nn.Sequential(
        nn.Conv2d(channels, first, 3, stride=2, padding=1), nn.ReLU(),  # (m, 8, H / 2, W / 2)
        nn.Conv2d(first, second, 3, stride=2, padding=1), nn.ReLU(),  # (m, 16, H / 4, W / 4)
        nn.AdaptiveAvgPool2d(GRID), nn.Flatten(),  # (m, 144)
        nn.Linear(second * GRID**2, FRAME), nn.LayerNorm(FRAME),
    )  # fmt: skip


class CNNLSTM(NetworkClassifier):
    """Classifier of flow (n, T, 3, H, W), H and W at least 4 pixels; arguments as of NetworkClassifier."""

    def prepare(self, X):
        """Each map's own median off u and v (what is left of head motion); padding stays zero."""
        X = np.array(X, dtype=np.float32)
        real = X.any(axis=(2, 3, 4), keepdims=True)
        X[:, :, :2] -= np.median(X[:, :, :2], axis=(-2, -1), keepdims=True) * real
        return X

    def network(self, shape, classes):
        """Two convolutions and a layer for each map, an LSTM over them, a linear head. shape: (T, 3, H, W)."""
        import torch
        from torch import nn

        frame = frame_encoder(shape[1])
        sequence = nn.LSTM(FRAME, STATE, batch_first=True)
        return torch.nn.ModuleDict({"frame": frame, "sequence": sequence, "head": nn.Linear(STATE, classes)})

    def embedding(self, network, x):
        """(n, T, 3, H, W) -> (n, STATE): the state after a clip's last map that is no padding."""
        import torch

        steps = x.flatten(2).any(dim=2) * torch.arange(1, x.shape[1] + 1)
        last = steps.amax(dim=1).clamp(min=1) - 1  # (n,)
        maps = network["frame"](x.flatten(0, 1)).unflatten(0, x.shape[:2])  # (n, T, FRAME)
        states = network["sequence"](maps)[0]  # (n, T, STATE); a state knows no later map
        return states[torch.arange(len(x)), last]


class FrozenHead(ClassifierMixin, BaseEstimator):
    """A network as it is trained, frozen, and a new last layer on its embeddings: standardised, logistic, C = 1.

    sampler: of the embeddings of training clips, as in `imbalance.resample`; None or "smote". fit: (n, T, 3, H, W).
    """

    def __init__(self, network, sampler=None, random_state=None):
        self.network = network
        self.sampler = sampler
        self.random_state = random_state

    def fit(self, X, y, groups=None):
        """Train the network on these rows, then the new last layer on what it makes of the same rows."""
        self.network_ = clone(self.network).fit(X, y, groups)
        last = Resampled(LogisticRegression(max_iter=2000), self.sampler, random_state=self.random_state)
        self.head_ = GroupedPipeline([("scaler", StandardScaler()), ("classifier", last)])
        self.head_.fit(self.network_.embed(X), y)
        self.classes_ = self.head_.classes_
        self.record_ = self.network_.record_ | self.head_[-1].record_
        return self

    def predict_proba(self, X):
        """(n, K) probabilities."""
        return self.head_.predict_proba(self.network_.embed(X))

    def predict(self, X):
        """(n,) classes."""
        return self.head_.predict(self.network_.embed(X))


def names():
    """Names of the network with each treatment, `none` first."""
    return [f"cnn_lstm+{treatment}" for treatment in TREATMENTS]


def build(profile, seed):
    """The untreated network: TRAINING of the profile, Adam at 5e-3; nothing tuned."""
    return treated("cnn_lstm+none", profile, seed)


def treated(name, profile, seed):
    """The network with a treatment, by a name such as cnn_lstm+weights."""
    treatment = name.partition("+")[2]
    require_known(treatment, TREATMENTS, "treatment of cnn_lstm")
    network = CNNLSTM(**TRAINING[profile.name], random_state=seed, **SETTINGS.get(treatment, {}))
    if treatment in ("refit", "smote"):
        network = FrozenHead(network, "smote" if treatment == "smote" else None, seed)
    return GroupedPipeline([("classifier", network)])
