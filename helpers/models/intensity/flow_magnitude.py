"""Ridge on how much moves in a frame: length of flow vectors and strain, in the whole face and in its regions.

Every number is known from one map; nothing tells where in the clip it lies, nor in which direction anything moves.
Strain as the measure of an expression: Shreve et al. 2011, doi:10.1109/FG.2011.5771451. Ridge: Hoerl & Kennard 1970,
doi:10.1080/00401706.1970.10488634.
"""

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers.features._boxes import parts
from helpers.models.intensity import _clips
from helpers.models.intensity._framewise import FrameRegressor

BASELINE = True
PERCENTILES = (50, 75, 90, 95)
ALPHA = 100  # the numbers say much the same; from 10 to 1000 inner people of the demo are predicted about equally well


class FlowMagnitude(FrameRegressor):
    """Sees, for the face and each region, mean, root mean square and PERCENTILES of |(u, v)| and of strain."""

    def numbers(self, X, mask):
        """(m, 60): per part 6 numbers of length, in pixels, then 6 of strain; head motion is out as for networks."""
        maps = _clips.still(X[mask])
        both = np.stack([np.hypot(maps[:, 0], maps[:, 1]), maps[:, 2]], axis=1)  # (m, 2, H, W)
        areas = [np.ones(maps.shape[-2:], bool), *parts(*maps.shape[-2:], cut=False).values()]
        return np.concatenate([self._area(both[..., area]) for area in areas], axis=1)

    def regressor(self):
        """Standardise and ridge."""
        return make_pipeline(StandardScaler(), Ridge(ALPHA))

    def _area(self, values):
        """(m, 2, p) values of p pixels -> (m, 12)."""
        size = np.sqrt(np.square(values).mean(axis=-1))
        order = np.percentile(values, PERCENTILES, axis=-1)  # (4, m, 2)
        return np.concatenate([values.mean(axis=-1)[None], size[None], order]).transpose(1, 2, 0).reshape(len(size), -1)


REGRESSORS = {"flow_magnitude": lambda profile, seed: FlowMagnitude()}
