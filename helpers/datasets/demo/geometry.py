"""Where things lie in a demo face: relative coordinates (x right, y down, 0..1 of the frame), in one place.

Every demo frame is a face crop with the same layout; people differ by a few hundredths around it. `GEOMETRY` holds
the boxes that contain each feature in all people, so regions of interest need no detector here. Proportions follow
the neoclassical canons and adult means in Farkas 1994, "Anthropometry of the Head and Face" (rounded).
"""

import numpy as np

# Boxes (x0, y0, x1, y1), relative to the frame.
GEOMETRY = {
    "eyebrows": (0.24, 0.33, 0.76, 0.44),
    "eyes": (0.26, 0.42, 0.74, 0.53),
    "nose": (0.38, 0.49, 0.62, 0.735),  # with the upper lip: where AU9 and AU10 show
    "mouth": (0.33, 0.66, 0.67, 0.82),
    "face": (0.20, 0.17, 0.80, 0.93),
    "bridge": (0.46, 0.46, 0.54, 0.55),  # moves little: a patch for removing head drift
}

# Mean and standard deviation of each measure over people; lengths relative to the frame's side.
MEASURES = {
    "cx": (0.500, 0.004),  # midline of the face
    "width": (0.266, 0.010),  # half width at the cheekbones
    "jaw": (0.79, 0.030),  # width at the mouth's height, relative to `width`
    "chin": (0.48, 0.05),  # width of the chin, relative to `width`
    "chin_y": (0.912, 0.010),
    "hairline": (0.235, 0.012),
    "eye_x": (0.118, 0.0045),  # from the midline to the centre of an eye
    "eye_y": (0.468, 0.006),
    "eye_w": (0.060, 0.0035),  # half width
    "eye_h": (0.0225, 0.0030),  # half height
    "eye_tilt": (0.05, 0.05),  # slope, outer corner up
    "brow_y": (0.396, 0.007),
    "brow_arch": (0.016, 0.006),
    "brow_size": (0.0135, 0.0022),  # half thickness
    "nose_y": (0.628, 0.008),  # base of the nose
    "nose_w": (0.045, 0.005),  # half width at the nostrils
    "nose_h": (0.052, 0.006),  # height of the tip over the face
    "mouth_y": (0.727, 0.007),  # line between the lips
    "mouth_w": (0.094, 0.007),  # half width
    "lip_up": (0.021, 0.004),
    "lip_low": (0.030, 0.005),
    "mouth_curve": (0.0, 0.004),  # corners above (-) or below (+) the middle, at rest
    "brow_ridge": (0.010, 0.003),
    "cheek": (0.012, 0.004),
    "socket": (0.022, 0.004),
}


def draw_measures(rng, feminine):
    """One person's measures: dict name -> float, rounded so that a table can hold them exactly."""
    shape = {name: mean + sd * float(np.clip(rng.standard_normal(), -2, 2)) for name, (mean, sd) in MEASURES.items()}
    sign = -1 if feminine else 1
    shape["width"] += 0.006 * sign
    shape["jaw"] += 0.025 * sign
    shape["chin"] += 0.04 * sign
    shape["brow_size"] += 0.0018 * sign
    shape["brow_y"] += 0.003 * sign
    shape["brow_arch"] -= 0.004 * sign
    shape["eye_h"] -= 0.0010 * sign
    shape["brow_ridge"] += 0.004 * sign
    shape["nose_w"] += 0.002 * sign
    shape["lip_up"] -= 0.002 * sign
    return {name: round(value, 5) for name, value in shape.items()}


def landmarks(shape):
    """Anchor points of the muscles on the right half of the face, as (distance from the midline, y).

    shape: measures as of `draw_measures`. Mirror the distance for the other half.
    """
    s = shape
    return {
        "brow_in": (s["eye_x"] - 0.058, s["brow_y"]),
        "brow_mid": (s["eye_x"] + 0.005, s["brow_y"] - 0.008),
        "brow_out": (s["eye_x"] + 0.060, s["brow_y"] + 0.002),
        "forehead": (s["eye_x"] - 0.045, s["brow_y"] - 0.065),
        "forehead_out": (s["eye_x"] + 0.045, s["brow_y"] - 0.065),
        "glabella": (0.012, s["brow_y"] + 0.020),
        "lid_up": (s["eye_x"], s["eye_y"] - s["eye_h"]),
        "lid_low": (s["eye_x"], s["eye_y"] + s["eye_h"] + 0.006),
        "eye_out": (s["eye_x"] + s["eye_w"] + 0.012, s["eye_y"]),
        "cheek": (s["eye_x"] + 0.020, s["eye_y"] + 0.105),
        "nose_side": (s["nose_w"] * 0.75, s["nose_y"] - 0.050),
        "nostril": (s["nose_w"], s["nose_y"] - 0.010),
        "fold": (s["mouth_w"] * 0.85, (s["nose_y"] + s["mouth_y"]) / 2),
        "lip_up": (s["mouth_w"] * 0.42, s["mouth_y"] - s["lip_up"]),
        "lip_mid_up": (0.0, s["mouth_y"] - s["lip_up"]),
        "lip_low": (s["mouth_w"] * 0.35, s["mouth_y"] + s["lip_low"] * 0.7),
        "corner": (s["mouth_w"], s["mouth_y"] + s["mouth_curve"]),
        "chin_side": (s["mouth_w"] * 0.85, s["mouth_y"] + 0.060),
        "chin": (0.020, s["mouth_y"] + 0.085),
    }
