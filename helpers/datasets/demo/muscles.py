"""Action units as displacement fields: where the skin goes when a muscle pulls.

Directions follow the appearance changes of the Facial Action Coding System (Ekman & Friesen 1978; Ekman, Friesen &
Hager 2002). A unit is a sum of Gaussian-weighted pulls at the landmarks of one half of the face; the halves add up.
Fields are forward: a skin point at x in the onset frame lies at x + d(x) later (pixels, u right, v down).
"""

from functools import lru_cache

import cv2
import numpy as np

from helpers.datasets.demo.geometry import landmarks

# unit -> pulls (landmark, outwards, down, width, height): directions relative, Gaussian sds relative to the frame.
PULLS = {
    1: [("brow_in", 0.0, -1.0, 0.045, 0.045), ("forehead", 0.0, -0.55, 0.050, 0.050)],
    2: [("brow_out", 0.0, -1.0, 0.050, 0.045), ("forehead_out", 0.0, -0.45, 0.050, 0.050)],
    4: [("brow_in", -0.45, 0.90, 0.045, 0.040), ("brow_mid", -0.25, 0.50, 0.045, 0.040)],
    5: [("lid_up", 0.0, -1.0, 0.045, 0.030)],
    6: [("cheek", 0.10, -1.0, 0.060, 0.055), ("lid_low", 0.0, -0.4, 0.050, 0.030), ("eye_out", -0.4, 0.0, 0.03, 0.03)],
    7: [("lid_low", 0.0, -1.0, 0.050, 0.030), ("lid_up", 0.0, 0.35, 0.045, 0.030)],
    9: [("nose_side", -0.1, -1.0, 0.040, 0.045), ("brow_in", -0.1, 0.45, 0.045, 0.035),
        ("lip_up", 0.0, -0.45, 0.040, 0.030)],
    10: [("lip_up", 0.05, -1.0, 0.042, 0.035), ("fold", 0.25, -0.55, 0.040, 0.045)],
    12: [("corner", 0.70, -0.75, 0.048, 0.045), ("cheek", 0.20, -0.40, 0.060, 0.060)],
    14: [("corner", 0.95, -0.10, 0.042, 0.040)],
    15: [("corner", 0.10, 1.0, 0.045, 0.040), ("chin_side", 0.0, 0.35, 0.050, 0.050)],
    16: [("lip_low", 0.05, 1.0, 0.050, 0.035)],
    17: [("chin", 0.0, -1.0, 0.060, 0.050), ("lip_low", 0.0, -0.55, 0.055, 0.035)],
    20: [("corner", 1.0, 0.15, 0.055, 0.050), ("chin_side", 0.45, 0.10, 0.055, 0.055)],
    23: [("corner", -0.80, 0.0, 0.045, 0.040), ("lip_up", 0.0, 0.40, 0.045, 0.030)],
    24: [("lip_low", 0.0, -1.0, 0.050, 0.032), ("lip_up", 0.0, 0.60, 0.045, 0.032)],
    25: [("lip_low", 0.0, 1.0, 0.055, 0.035), ("lip_up", 0.0, -0.35, 0.050, 0.030)],
    26: [("chin", 0.0, 1.0, 0.110, 0.080), ("lip_low", 0.0, 0.60, 0.070, 0.050)],
}  # fmt: skip
UNITS = tuple(PULLS)
REFERENCE = 128  # amplitudes are stated in pixels at this frame side


def grid(size):
    """Pixel coordinates (2, size, size) float32: x, y."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    return np.stack([x, y])


def half_field(person, unit, side, size, turn=0.0):
    """Unit field (2, size, size) float32 of one muscle on one side of the person's face.

    side: "R" (the person's right, left in the image) or "L". turn: degrees that this clip turns the pull by.
    Longest vector 1.
    """
    x, y = (grid(size) + 0.5) / size
    out = -1.0 if side == "R" else 1.0
    angle, width, _ = person.muscles[str(unit)]
    radians = np.deg2rad(angle + turn)
    field = np.zeros((2, size, size), np.float32)
    points = landmarks(person.shape)
    for name, du, dv, sx, sy in PULLS[unit]:
        px, py = points[name]
        bell = np.exp(-(((x - person.shape["cx"] - out * px) / (sx * width)) ** 2 + ((y - py) / (sy * width)) ** 2) / 2)
        field[0] += out * (np.cos(radians) * du - np.sin(radians) * dv) * bell
        field[1] += (np.sin(radians) * du + np.cos(radians) * dv) * bell
    return field / np.sqrt((field**2).sum(0)).max()


def field(person, units, amplitude, size):
    """Forward displacement (2, size, size) float32 in pixels at the apex.

    units: (unit, weight on the right, weight on the left, turn) of each muscle. amplitude: length in pixels of the
    longest vector at a frame side of 128; scaled with `size`.
    """
    total = np.zeros((2, size, size), np.float32)
    for unit, right, left, turn in units:
        strength = person.muscles[str(unit)][2]
        for side, weight in (("R", right), ("L", left)):
            if weight:
                total += strength * weight * half_field(person, unit, side, size, turn)
    longest = np.sqrt((total**2).sum(0)).max()
    return total * np.float32(amplitude * size / REFERENCE / longest) if longest else total


def steepest(forward):
    """Largest derivative of a field: below 1 it does not fold, and `backward` converges."""
    return max(float(np.abs(np.gradient(part, axis=axis)).max()) for part in forward for axis in (0, 1))


def backward(forward, scale, start=None, turn=None, steps=5):
    """Where in the onset frame each pixel of a later frame comes from: x solving turn(x + scale * d(x)) = y.

    forward: d, (2, H, W) as (H, W, 2) float32 contiguous. turn: 2x3 affine from onset to later frame, or None.
    start: an earlier answer to begin from. Returns maps (H, W, 2) float32 for cv2.remap.
    Fixed point x <- y - scale * d(x) (Chen et al. 2008, doi:10.1118/1.2816107): converges for fields that don't fold.
    """
    height, width = forward.shape[:2]
    target = _rows(height, width)
    if turn is not None:
        target = cv2.transform(target, cv2.invertAffineTransform(np.asarray(turn, np.float64)))
    if not scale:
        return target
    source = target if start is None else start
    for _ in range(steps):
        moved = cv2.remap(forward, source, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        source = cv2.scaleAdd(moved, -float(scale), target)
    return source


@lru_cache(maxsize=4)
def _rows(height, width):
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    still = np.stack([x, y], axis=-1)
    still.flags.writeable = False
    return still
