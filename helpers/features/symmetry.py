"""The part of a face's motion that both halves share: flow maps averaged with their own mirror image, five ways.

Most action units move both sides alike, and a code names the unit whichever side moves more; so the mirror image of a
map (columns reversed, u negated) shows the same expression. For a linear model, training on both copies of a map is
training on their mean, at twice the cost. Here every model gets the mean, and a mirrored map gives the same row.
Half-wave rectified and blurred flow: Efros et al. 2003, doi:10.1109/ICCV.2003.1238420. Parts of the velocity gradient
(stretch, shear) as features: Shreve et al. 2011, doi:10.1109/FG.2011.5771451, there without their signs.
"""

import numpy as np
from scipy.ndimage import gaussian_filter

from helpers.features._rowwise import RowByRow
from helpers.workspace import require_known

CHANNELS = {
    "flow": ("u", "v", "strain"),
    "compressed": ("u", "v", "strain"),
    "directions": ("left", "right", "up", "down", "strain"),
    "deformation": ("u_x", "v_y", "u_y", "v_x", "strain"),
    "amplitude": ("u", "v", "strain"),
}
BLUR = 1 / 28  # sigma as a share of the width: faces are registered to about a pixel of a 28-pixel map
FLOOR = 0.01  # of the largest strain of a map: its logarithm tells noise from stillness, not 0 from almost 0


class FaceSymmetry(RowByRow):
    """Flow (n, T, 3, H, W) in any units -> (n, T * c * H * w) float32: c channels of the left w = ceil(W / 2) columns.

    Each map's own median is taken off u and v first (what is left of head motion). Then, by `view`:
    flow: u and v divided by their standard deviation, so that amplitude drops out; compressed: by their mean length
    instead, then arcsinh, so that a blink does not drown a smile; directions: the same, left and right, up and down as
    channels of their own; deformation: the gradients of "flow", free of any translation; amplitude: u and v as they
    come, and the root of strain. Strain in the first four: log of its share of the map's maximum, standardised.
    All is blurred with a Gaussian of BLUR. A map without motion gives zeros. WorkbookError for an unknown view.
    """

    TAKES = "flow"

    def __init__(self, view="flow"):
        self.view = view

    def _fits(self, shape):
        require_known(self.view, CHANNELS, "view of flow")

    def _rows(self, X):
        maps = np.array(X, np.float64)
        mirrored = maps[..., ::-1].copy()
        mirrored[:, :, 0] *= -1
        both = (_seen(self.view, maps) + _seen(self.view, mirrored)) / 2
        return both[..., : (X.shape[-1] + 1) // 2].reshape(len(X), -1)

    def _names(self):
        length, _, height, width = self.row_shape_
        places = [(y, x) for y in range(height) for x in range((width + 1) // 2)]
        return [f"window{t}_{name}_{y}_{x}" for t in range(length) for name in CHANNELS[self.view] for y, x in places]


def _seen(view, maps):
    """Maps (n, T, 3, H, W) -> (n, T, c, H, W) in one of the views; overwrites nothing."""
    flow = maps[:, :, :2] - np.median(maps[:, :, :2], axis=(-2, -1), keepdims=True)
    strain = maps[:, :, 2:] - maps[:, :, 2:].min(axis=(-2, -1), keepdims=True)
    if view == "amplitude":
        return _blurred(np.concatenate([flow, np.sqrt(strain)], axis=2))
    texture = np.log(strain / _or_one(strain.max(axis=(-2, -1), keepdims=True)) + FLOOR)
    texture -= np.median(texture, axis=(-2, -1), keepdims=True)
    texture /= _or_one(texture.std(axis=(-2, -1), keepdims=True))
    if view in ("flow", "deformation"):
        flow /= _or_one(flow.std(axis=(-2, -1), keepdims=True))
    else:
        flow = np.arcsinh(flow / _or_one(np.abs(flow).mean(axis=(-2, -1), keepdims=True)))
    if view == "directions":
        flow = np.stack([part for k in (0, 1) for part in (-flow[:, :, k], flow[:, :, k])], axis=2).clip(min=0)
    if view == "deformation":
        down, right = np.gradient(_blurred(flow), axis=(-2, -1))
        gradients = np.stack([right[:, :, 0], down[:, :, 1], down[:, :, 0], right[:, :, 1]], axis=2)
        return np.concatenate([gradients, _blurred(texture)], axis=2)
    return _blurred(np.concatenate([flow, texture], axis=2))


def _blurred(maps):
    sigma = BLUR * maps.shape[-1]
    return gaussian_filter(maps, (0, 0, 0, sigma, sigma))


def _or_one(spread):
    """Divisors; 1 where there is nothing to divide, a spread that is rounding included."""
    return np.where(spread > 1e-9, spread, 1)


FEATURES = {"face_symmetry": FaceSymmetry}
