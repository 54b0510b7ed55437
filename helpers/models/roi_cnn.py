"""Regions of interest without any interaction: an encoder reads each region, their numbers go to the head side by side.

The simplest of the region models: convolutions as in LeCun et al. 1998, doi:10.1109/5.726791, one encoder for eyebrows,
eyes, nose and mouth. Mean over temporal windows. 462,343 parameters for seven classes (profile full).
"""

from helpers.models import GroupedPipeline
from helpers.models._regions import RegionNetwork, settings

STOCHASTIC = True
TAKES = "standard"


class ROICNN(RegionNetwork):
    """Classifier of flow (n, T, 3, H, W) or of its regions (n, T, R, 3, h, w); arguments as of RegionNetwork."""


def build(profile, seed):
    """The network with the settings of the profile; nothing tuned."""
    return GroupedPipeline([("classifier", ROICNN(**settings(profile), random_state=seed))])
