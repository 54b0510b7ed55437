"""Intensity as a curve over the step number, counted from the window's first frame, without a look at any map.

On windows that reach from onset to offset such a curve, fitted clip by clip to a triangle, already ranks frames well:
a model counts only by its gain over it. Cubic B-splines (Eilers & Marx 1996, doi:10.1214/ss/1038425655) and ridge.
"""

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer

from helpers.models.intensity._framewise import FrameRegressor

BASELINE = True
KNOTS = 6  # the ends among them: eight splines, enough for a rise, a top and a fall
ALPHA = 0.1  # of the ridge: hundreds of frames carry each spline, so this only keeps unseen steps in bounds


class FrameIndex(FrameRegressor):
    """Sees a frame's step number; beyond the longest training clip the curve goes on as a constant."""

    def numbers(self, X, mask):
        """(m, 1) step numbers, from 0."""
        return np.nonzero(mask)[1][:, None].astype(float)

    def regressor(self):
        """Splines between the first and the last training step, and ridge."""
        return make_pipeline(SplineTransformer(KNOTS, extrapolation="constant"), Ridge(ALPHA))


REGRESSORS = {"frame_index": lambda profile, seed: FrameIndex()}
