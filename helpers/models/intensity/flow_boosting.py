"""Gradient boosting on the flow statistics of a frame: how far, how unevenly and where to each half region moves.

Histogram-based gradient boosting (Ke et al. 2017, papers.nips.cc/paper/6907, as scikit-learn has it) on the 128 numbers
that `flow_statistics` makes of a map. It sees one map, nothing of where in the clip it lies.
"""

from sklearn.ensemble import HistGradientBoostingRegressor

from helpers import features
from helpers.models.intensity import _clips
from helpers.models.intensity._framewise import FrameRegressor

BASELINE = True
ROUNDS = {"tiny": 40, "quick": 100, "full": 200}


class FlowBoosting(FrameRegressor):
    """rounds: trees. Nothing is drawn at random: all frames and all columns, no early stopping."""

    def __init__(self, rounds=100):
        self.rounds = rounds

    def numbers(self, X, mask):
        """(m, 128) statistics of each map, pixels; head motion is out as for networks."""
        return features.build("flow_statistics").fit_transform(_clips.still(X[mask])[:, None])

    def regressor(self):
        """Small trees, eight leaves."""
        return HistGradientBoostingRegressor(max_iter=self.rounds, max_leaf_nodes=8, early_stopping=False)


REGRESSORS = {"flow_boosting": lambda profile, seed: FlowBoosting(ROUNDS[profile.name])}
