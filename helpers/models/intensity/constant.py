"""One number for every frame, the mean intensity of the training frames: what knowing nothing gives."""

import numpy as np
from sklearn.dummy import DummyRegressor

from helpers.models.intensity._framewise import FrameRegressor

BASELINE = True


class Constant(FrameRegressor):
    """Sees nothing of a frame but that it is there."""

    def numbers(self, X, mask):
        """(m, 1) of nothing."""
        return np.zeros((mask.sum(), 1))

    def regressor(self):
        """The mean."""
        return DummyRegressor()


REGRESSORS = {"constant": lambda profile, seed: Constant()}
