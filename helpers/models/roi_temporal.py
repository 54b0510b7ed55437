"""Regions of interest through time: a transformer reads the windows onset to apex and apex to offset as a sequence.

Transformer encoder: Vaswani et al. 2017, arXiv:1706.03762; two layers, four heads; a window's token is a projection of
all its regions. Encoder as in roi_cnn. 1,773,575 parameters for seven classes (profile full). With a single
window, as in the public flow maps, it attends to nothing but itself.
"""

from helpers.models import GroupedPipeline
from helpers.models._regions import WIDTH, RegionNetwork, settings

STOCHASTIC = True
TAKES = "standard"


class ROITemporal(RegionNetwork):
    """Classifier of flow (n, T, 3, H, W) or of its regions (n, T, R, 3, h, w); arguments as of RegionNetwork."""

    def joined(self):
        """A transformer over windows."""
        from helpers.models import _layers

        return {"windows": _layers.Windows(len(self.regions), WIDTH, self.dropout)}

    def joint(self, network, found, kept):
        """(n, T, R, WIDTH) and (n, T) bool -> (n, WIDTH)."""
        return network["windows"](found, kept)

    def attention(self, X):
        """(n, T, T): how much the window of a column counts for that of a row, in each clip; rows sum to 1."""
        return self.attended("windows", X)


def build(profile, seed):
    """The network with the settings of the profile; nothing tuned."""
    return GroupedPipeline([("classifier", ROITemporal(**settings(profile), random_state=seed))])
