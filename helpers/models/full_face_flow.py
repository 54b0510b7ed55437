"""Flow of the whole face in one picture: what the region models are compared with.

The encoder of roi_cnn (convolutions: LeCun et al. 1998, doi:10.1109/5.726791) on the whole map, at twice the side of a
region, so that both see as many pixels. Mean over temporal windows. 456,967 parameters for seven classes (profile
full).
"""

from helpers.models import GroupedPipeline
from helpers.models._regions import RegionNetwork, whole

STOCHASTIC = True
TAKES = "windows"


class FullFaceFlow(RegionNetwork):
    """Classifier of flow (n, T, 3, H, W); arguments as of RegionNetwork."""


def build(profile, seed):
    """The network with the settings of the profile, on the whole map; nothing tuned."""
    return GroupedPipeline([("classifier", FullFaceFlow(**whole(profile), random_state=seed))])
