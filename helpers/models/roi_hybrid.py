"""Regions of interest through time and as a graph, mixed by weights that are learned.

Transformer over windows (Vaswani et al. 2017, arXiv:1706.03762) and graph attention over regions (Veličković et al.
2018, arXiv:1710.10903) as in roi_temporal and roi_graph, on one encoder. Each branch is normalised, then they are added
with softmax weights that begin equal: so the weights say how much of each is taken, and not how large its numbers are.
1,908,745 parameters for seven classes (profile full).
"""

from helpers.models import GroupedPipeline
from helpers.models._regions import WIDTH, RegionNetwork, settings

STOCHASTIC = True
TAKES = "standard"
BRANCHES = ("temporal", "graph")


class ROIHybrid(RegionNetwork):
    """Classifier of flow (n, T, 3, H, W) or of its regions (n, T, R, 3, h, w); arguments as of RegionNetwork.

    After fit, `fusion_` holds the learned weight of each of BRANCHES; `record_` repeats it.
    """

    def joined(self):
        """A transformer over windows, graph attention over regions, their fusion."""
        from helpers.models import _layers

        return {
            "windows": _layers.Windows(len(self.regions), WIDTH, self.dropout),
            "graph": _layers.Graph(len(self.regions), WIDTH),
            "fusion": _layers.Fusion(len(BRANCHES), WIDTH),
        }

    def joint(self, network, found, kept):
        """(n, T, R, WIDTH) and (n, T) bool -> (n, WIDTH)."""
        from helpers.models import _layers

        temporal = network["windows"](found, kept)  # (n, WIDTH)
        graph = network["graph"](_layers.mean_over(found, kept))  # (n, R, WIDTH) -> (n, WIDTH)
        return network["fusion"](temporal, graph)

    def _finish(self, task, done):
        super()._finish(task, done)
        shares = self.network_["fusion"].shares().tolist()
        self.fusion_ = dict(zip(BRANCHES, shares, strict=True))
        self.record_ |= {"fusion": self.fusion_}
        return self

    def attention(self, X):
        """(n, R, R): how much the region of a column counts for that of a row, in each clip; rows sum to 1."""
        return self.attended("graph", X)


def build(profile, seed):
    """The network with the settings of the profile; nothing tuned."""
    return GroupedPipeline([("classifier", ROIHybrid(**settings(profile), random_state=seed))])
