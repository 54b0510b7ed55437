"""What the six networks of one ablation share: their settings, and an encoder for maps or regions of maps.

The system that this re-creates (known from its README) has ROI encoders of four convolutional blocks, global average
pooling and a layer, 224 x 224 x 3 -> 256; a temporal transformer; graph attention; a hybrid with learnable fusion; and
compares them with a network on RGB frames and one on full-face flow. Profile full has its settings
(`training.SOURCES`). The others take smaller pictures, fewer channels and a larger rate for fewer epochs; 256 stays.
"""

import numpy as np

from helpers.features import _checks
from helpers.models.training import SOURCES, NetworkClassifier
from helpers.motion.faces import REGIONS
from helpers.workspace import WorkbookError, require_known

WIDTH = 256  # numbers a region becomes
BLOCKS = 4  # each halves the picture
WHOLE = {"whole": (0.0, 0.0, 1.0, 1.0)}
BOXES = REGIONS | WHOLE
SMALL = {"channels": (8, 16, 32, 64), "rate": 1e-3, "dropout": SOURCES["microfacial"]["dropout"]}
SETTINGS = {
    "tiny": SMALL | {"size": 16, "epochs": 15, "batch": 8},
    "quick": SMALL | {"size": 16, "epochs": 15, "batch": 32},
    "full": SOURCES["microfacial"] | {"size": 224, "channels": (32, 64, 128, 256), "device": "auto"},
}


class RegionNetwork(NetworkClassifier):
    """Classifier of flow (n, T, 3, H, W), from which it cuts R regions, or of regions already cut (n, T, R, 3, h, w).

    The boxes are those of the standard crop: maps of another crop are to be put there first (`arrays.placed`). T
    windows: onset to apex and apex to offset, or one alone; a window that is zero throughout is padding. regions:
    names in BOXES. size: side in pixels to which each region is stretched. channels: of the four blocks. training: as
    of NetworkClassifier. Raises WorkbookError for unknown regions, for regions smaller than the blocks need, and for
    arrays with another number of regions or channels.
    """

    def __init__(
        self, regions=tuple(REGIONS), size=224, channels=(32, 64, 128, 256), class_weight="balanced", **training
    ):
        super().__init__(class_weight=class_weight, **training)
        self.regions = regions
        self.size = size
        self.channels = channels

    def check(self, X):
        """The array, if it is one that this network takes."""
        if np.ndim(X) != 6:
            return super().check(X)
        regions, channels = np.shape(X)[2:4]
        if regions != len(self.regions):
            problem = f"the arrays hold {regions} regions, the network reads {len(self.regions)}"
            raise WorkbookError(problem, remedy=f"cut {', '.join(self.regions)}, in this order")
        if channels != 3:
            problem = f"the regions have {channels} channels, the network reads 3"
            raise WorkbookError(problem, remedy="give u, v and strain: (n, T, R, 3, h, w)")
        return _checks.finite(np.asarray(X))

    def prepare(self, X):
        """Each map's own median off u and v (what is left of head motion); padding stays zero.

        Regions that were cut already share one head, and its median.
        """
        X = np.array(X, np.float32)
        map_axes = (-2, -1) if X.ndim == 5 else (-4, -2, -1)
        real = X.any(axis=(-3, -2, -1), keepdims=True)
        X[..., :2, :, :] -= np.median(X[..., :2, :, :], axis=map_axes, keepdims=True) * real
        return X

    def network(self, shape, classes):
        """The encoder of the regions, what a model has in `joined`, a linear head. shape: (T, 3, H, W)."""
        from torch import nn

        from helpers.models import _layers

        for name in self.regions:
            require_known(name, BOXES, "region")
        if self.size < 2**BLOCKS or len(self.channels) != BLOCKS:
            problem = f"{len(self.channels)} blocks cannot read regions of {self.size} pixels"
            raise WorkbookError(problem, remedy=f"give {BLOCKS} numbers of channels, and {2**BLOCKS} pixels or more")
        encode = _layers.encoder(self.channels, WIDTH, self.dropout)
        parts = {"regions": _layers.Regions([BOXES[name] for name in self.regions], self.size, encode)}
        joined = self.joined()
        length = WIDTH if joined else WIDTH * len(self.regions)
        return nn.ModuleDict(parts | joined | {"head": nn.Linear(length, classes)})

    def joined(self):
        """{name: module} between encoder and head; none: the numbers of all regions go to the head side by side."""
        return {}

    def embedding(self, network, x):
        """(n, T, 3, H, W) or (n, T, R, 3, h, w) tensor -> (n, d), what the head gets."""
        from helpers.models import _layers

        return self.joint(network, network["regions"](x), _layers.real(x))  # (n, T, R, WIDTH) and (n, T) -> (n, d)

    def joint(self, network, found, kept):
        """(n, T, R, WIDTH) and (n, T) bool -> (n, R * WIDTH): the mean over windows, regions side by side."""
        from helpers.models import _layers

        return _layers.mean_over(found, kept).flatten(1)

    def attended(self, name, X):
        """What one of the network's `joined` modules attends to, for each row of X: its `weights`, (n, m, m)."""
        found = []

        def note(module, inputs):
            found.append(module.weights(*inputs).numpy())

        hook = self.network_[name].register_forward_pre_hook(note)
        try:
            self.embed(X)
        finally:
            hook.remove()
        return np.concatenate(found)


def settings(profile):
    """Constructor arguments of a profile."""
    return SETTINGS[profile.name]


def whole(profile):
    """The same for whole pictures, at twice the side of a region, or at the source's where that is less."""
    chosen = settings(profile)
    return chosen | {"regions": tuple(WHOLE), "size": min(2 * chosen["size"], SETTINGS["full"]["size"])}
