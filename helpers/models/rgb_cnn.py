"""Colours of the face instead of its motion: the network of full_face_flow on the onset, apex and offset frame.

The encoder of roi_cnn (convolutions: LeCun et al. 1998, doi:10.1109/5.726791) reads each frame, the head the mean over
the three. It shows what a network gets from pictures in which movements of a pixel are hard to see. 456,967 parameters
for seven classes (profile full).
"""

import numpy as np

from helpers.models import GroupedPipeline
from helpers.models._regions import RegionNetwork, whole
from helpers.workspace import WorkbookError

STOCHASTIC = True
TAKES = "frames"


class RGBCNN(RegionNetwork):
    """Classifier of key frames (n, 3, H, W, 3) RGB uint8; arguments as of RegionNetwork."""

    KINDS = {None: "picture"}  # noqa: RUF012

    def check(self, X):
        """The frames; WorkbookError for another shape or type."""
        X = np.asarray(X)
        if X.ndim != 5 or X.shape[-1] != 3 or X.dtype != np.uint8:
            problem = f"the array is {X.dtype} of shape {X.shape}"
            raise WorkbookError(problem, remedy="give key frames (n, 3, H, W, 3) uint8, as faces.key_frames does")
        return X

    def prepare(self, X):
        """(n, 3, H, W, 3) -> (n, 3, 3, H, W), still bytes."""
        return np.moveaxis(X, -1, 2)


def build(profile, seed):
    """The network with the settings of the profile, on whole frames; nothing tuned."""
    return GroupedPipeline([("classifier", RGBCNN(**whole(profile), random_state=seed))])
