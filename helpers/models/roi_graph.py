"""Regions of interest as a graph: each attends to all, so that muscles that move together can be read together.

Graph attention: Veličković et al. 2018, arXiv:1710.10903; two layers, four heads, every region joined with every one.
Encoder as in roi_cnn, mean over temporal windows. 591,111 parameters for seven classes (profile full).
"""

from helpers.models import GroupedPipeline
from helpers.models._regions import WIDTH, RegionNetwork, settings

STOCHASTIC = True
TAKES = "standard"


class ROIGraph(RegionNetwork):
    """Classifier of flow (n, T, 3, H, W) or of its regions (n, T, R, 3, h, w); arguments as of RegionNetwork."""

    def joined(self):
        """Graph attention over regions."""
        from helpers.models import _layers

        return {"graph": _layers.Graph(len(self.regions), WIDTH)}

    def joint(self, network, found, kept):
        """(n, T, R, WIDTH) and (n, T) bool -> (n, WIDTH)."""
        from helpers.models import _layers

        return network["graph"](_layers.mean_over(found, kept))  # (n, R, WIDTH) -> (n, WIDTH)

    def attention(self, X):
        """(n, R, R): how much the region of a column counts for that of a row, in each clip; rows sum to 1."""
        return self.attended("graph", X)


def build(profile, seed):
    """The network with the settings of the profile; nothing tuned."""
    return GroupedPipeline([("classifier", ROIGraph(**settings(profile), random_state=seed))])
