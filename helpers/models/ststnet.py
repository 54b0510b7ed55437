"""STSTNet: three shallow streams over one flow map (Liong et al. 2019, doi:10.1109/FG.2019.8756567).

Each stream is a 3 x 3 convolution, with 3, 5 and 8 filters; all three see u, v and strain, so that together they are
one convolution with 16 filters, which is how it is written here: the same network, first weights included, in a third
of the steps. 1,683 parameters for three classes.

The authors' PyTorch script trains 800 epochs with Adam at 5e-5, 256 clips a batch, and no weight decay: profile full.
The smaller profiles take fewer epochs and a larger rate; by quick's the training loss falls as far. Ours are the
protocol (nothing is learned from held-out people), a new order of clips in each epoch, and maps without what is left of
head motion, brought to one size by training clips; the script feeds 8-bit maps as they are.
"""

from helpers.models import GroupedPipeline
from helpers.models.training import NetworkClassifier

STOCHASTIC = True
SIDE, FILTERS = 28, 3 + 5 + 8
PAPER = {"epochs": 800, "batch": 256, "rate": 5e-5, "decay": 0.0, "clip": None, "dropout": 0.5}
SETTINGS = {
    "tiny": PAPER | {"epochs": 20, "batch": 16, "rate": 5e-3},
    "quick": PAPER | {"epochs": 20, "batch": 64, "rate": 2e-3},
    "full": PAPER,
}  # fmt: skip


class STSTNet(NetworkClassifier):
    """Classifier of flow (n, T, 3, H, W), of which it sees the first window; arguments as of NetworkClassifier."""

    def prepare(self, X):
        """(n, T, 3, H, W) -> (n, 1, 3, 28, 28): the first window without head motion."""
        from helpers.models import _inputs

        return _inputs.first_maps(X, SIDE)

    def network(self, shape, classes):
        """The streams and a linear head. shape: (1, 3, 28, 28)."""
        import torch
        from torch import nn

        from helpers.models._pooled import Pooled

        streams = Pooled(  # sizes for one map
            nn.Conv2d(shape[1], FILTERS, 3, padding=2),  # (3, 28, 28) -> (16, 30, 30)
            nn.ReLU(inplace=True),
            nn.BatchNorm2d(FILTERS),
            nn.MaxPool2d(3, stride=3, padding=1),  # (16, 10, 10)
            nn.Dropout(self.dropout),
            nn.AvgPool2d(2),  # (16, 5, 5)
            nn.Flatten(),  # (400,)
        ).to(memory_format=torch.channels_last)  # in evaluation on a CPU faster by a third
        return nn.ModuleDict({"streams": streams, "head": nn.Linear(FILTERS * 25, classes)})

    def embedding(self, network, x):
        """(n, 1, 3, 28, 28) -> (n, 400)."""
        return network["streams"](x[:, 0])


def build(profile, seed):
    """The network with the paper's settings, or those of a smaller profile."""
    return GroupedPipeline([("classifier", STSTNet(**SETTINGS[profile.name], random_state=seed))])
