"""Parts of a face in maps of any size: boxes relative to the standard crop, their halves, what lies around them."""

import numpy as np

from helpers.motion.faces import REGIONS
from helpers.workspace import WorkbookError

SIDES = ("right", "left")  # the person's own, as in action units: "right" is on the left of the picture


def inside(height, width, box):
    """(height, width) bool: True in a box (x0, y0, x1, y1) relative to the picture, rounded as `faces.region` does."""
    x0, y0, x1, y1 = box
    found = np.zeros((height, width), bool)
    found[round(y0 * height) : round(y1 * height), round(x0 * width) : round(x1 * width)] = True
    return found


def halves(part):
    """A part (H, W) bool cut along the picture's middle: {"right": .., "left": ..}; a middle column is in neither."""
    right, left = part.copy(), part.copy()
    width = part.shape[1]
    right[:, width // 2 :] = False
    left[:, : (width + 1) // 2] = False
    return dict(zip(SIDES, (right, left), strict=True))


def parts(height, width, boxes=REGIONS, cut=True):
    """{name: (height, width) bool} of boxes {name: box}, each cut into its halves if `cut`: "mouth_right", ...

    WorkbookError where a part has no pixel.
    """
    found = {name: inside(height, width, box) for name, box in boxes.items()}
    if cut:
        found = {f"{name}_{side}": half for name, part in found.items() for side, half in halves(part).items()}
    for name, part in found.items():
        if not part.any():
            problem = f"in maps of {height} x {width} no pixel lies in {name}"
            raise WorkbookError(problem, remedy="give larger maps (28 x 28 will do)")
    return found
