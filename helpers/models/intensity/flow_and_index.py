"""Gradient boosting on the flow statistics of a frame and its step number: one map and a clock, both at once.

A network that reads a clip from its beginning knows each map and how many came before. What it gains over baselines of
which some know the map and others the time can be no more than that; what it gains over this one is what it makes of
other maps, or of pixels that the statistics do not tell.
"""

import numpy as np

from helpers.models.intensity.flow_boosting import ROUNDS, FlowBoosting
from helpers.models.intensity.frame_index import FrameIndex

BASELINE = True


class FlowAndIndex(FlowBoosting):
    """Arguments as of FlowBoosting."""

    def numbers(self, X, mask):
        """(m, 129) numbers of `flow_boosting`, then that of `frame_index`."""
        return np.hstack([super().numbers(X, mask), FrameIndex().numbers(X, mask)])


REGRESSORS = {"flow_and_index": lambda profile, seed: FlowAndIndex(ROUNDS[profile.name])}
