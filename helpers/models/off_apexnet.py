"""OFF-ApexNet: one stream for horizontal, one for vertical flow (Gan et al. 2019, doi:10.1016/j.image.2019.02.005).

Each stream has two 5 x 5 convolutions (6 and 16 filters), both followed by pooling; two fully connected layers of 1,024
read both streams together. 2,664,475 parameters for three classes, nearly all in those two layers. Strain is not used.

The layers are the paper's. Rate, epochs and dropout are not: we saw no code of the authors, so these are ours, and no
held-out person was asked about them. Maps are prepared as for STSTNet.
"""

from helpers.models import GroupedPipeline
from helpers.models.training import NetworkClassifier

STOCHASTIC = True
SIDE, WIDTH = 28, 1024
TRAINING = {"epochs": 100, "batch": 64, "rate": 1e-4, "decay": 0.0, "clip": None, "dropout": 0.5}
SETTINGS = {
    "tiny": TRAINING | {"epochs": 15, "batch": 16, "rate": 1e-3}, "quick": TRAINING | {"epochs": 15, "rate": 1e-3},
    "full": TRAINING,
}  # fmt: skip


class OFFApexNet(NetworkClassifier):
    """Classifier of flow (n, T, 3, H, W), of which it sees u and v of the first window; arguments as of
    NetworkClassifier."""

    def prepare(self, X):
        """(n, T, 3, H, W) -> (n, 1, 3, 28, 28): the first window without head motion."""
        from helpers.models import _inputs

        return _inputs.first_maps(X, SIDE)

    def network(self, shape, classes):
        """Two streams, the layers that join them, a linear head. shape: (1, 3, 28, 28)."""
        from torch import nn

        def stream():  # sizes for one map
            return nn.Sequential(
                nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),  # (1, 28, 28) -> (6, 14, 14)
                nn.Conv2d(6, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),  # (16, 7, 7)
                nn.Flatten(),  # (784,)
            )  # fmt: skip

        joined = nn.Sequential(
            nn.Linear(2 * 784, WIDTH), nn.ReLU(), nn.Dropout(self.dropout),
            nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Dropout(self.dropout),
        )  # fmt: skip
        return nn.ModuleDict({"u": stream(), "v": stream(), "joined": joined, "head": nn.Linear(WIDTH, classes)})

    def embedding(self, network, x):
        """(n, 1, 3, 28, 28) -> (n, 1024)."""
        import torch

        both = torch.cat([network["u"](x[:, 0, :1]), network["v"](x[:, 0, 1:2])], dim=1)  # (n, 1568)
        return network["joined"](both)


def build(profile, seed):
    """The network with TRAINING, or fewer and longer steps in a smaller profile."""
    return GroupedPipeline([("classifier", OFFApexNet(**SETTINGS[profile.name], random_state=seed))])
