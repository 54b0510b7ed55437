"""The parts of a drawn face: eyes with lids, brows of hairs, two lips, nostrils, beard, the lines of age."""

import cv2
import numpy as np

from helpers.datasets.demo.paint import SHIFT, smooth


def eyes(canvas, person, lid=0.0, gaze=(0.0, 0.0)):
    """Paint both eyes. lid: 0 open .. 1 shut; gaze: shift of the irises, relative to the frame (right, down)."""
    s = person.shape
    for side in (-1, 1):
        _eye(canvas, person, s["cx"] + side * s["eye_x"], s["eye_y"], side, lid, gaze)


def _eye(canvas, person, ex, ey, side, lid, gaze):
    s, skin = person.shape, np.array(person.skin, np.float32)
    w, h = s["eye_w"], s["eye_h"]
    n = canvas.size
    rows, cols = slice(int((ey - 0.075) * n), int((ey + 0.065) * n)), slice(int((ex - 0.1) * n), int((ex + 0.1) * n))
    x, y, rgb = canvas.x[rows, cols], canvas.y[rows, cols], canvas.rgb[rows, cols]
    edge = 0.0022  # softness of edges

    def cover(mask, colour, strength=1.0):
        alpha = (np.clip(mask, 0, 1) * strength)[..., None]
        rgb[:] += alpha * (np.asarray(colour, np.float32) - rgb)

    t = np.clip((x - ex) * side / w, -1.35, 1.35)  # -1 inner corner .. 1 outer corner
    axis = ey - s["eye_tilt"] * (x - ex) * side * 0.8
    arch = np.clip(1 - np.abs(t) ** 2.3, 0, 1)
    skew = 1 - 0.16 * t  # highest a little inside of the middle
    upper_open, lower = axis - h * arch * skew, axis + 0.70 * h * np.clip(1 - np.abs(t) ** 2.0, 0, 1) * (1 + 0.2 * t)
    upper = upper_open + lid * (lower - upper_open)
    inside = np.clip((y - upper) / edge, 0, 1) * np.clip((lower - y) / edge, 0, 1) * (np.abs(t) < 1)
    fade = np.clip((1.12 - np.abs(t)) / 0.25, 0, 1)

    band = np.exp(-(((y - upper_open + 0.010) / 0.012) ** 2) / 2) * fade  # the lid over the eye
    cover(band, rgb * (0.90, 0.87, 0.86), 0.8)
    if lid > 0:  # skin that came down
        flap = (
            np.clip((y - upper_open + 0.004) / edge, 0, 1) * np.clip((upper - y) / edge + 0.5, 0, 1) * (np.abs(t) < 1)
        )
        cover(flap, skin * (0.80, 0.76, 0.74) * (1 + 0.10 * side * person.light[0]))
    pale = 0.80 + 0.10 * np.mean(skin) / 255
    white = np.array([236, 229, 224], np.float32) * pale
    ball = white * (1 - 0.22 * np.clip(np.abs(t) - 0.25, 0, 1) ** 1.5)[..., None]
    ball = ball + (np.clip(-t - 0.80, 0, 0.2) * 5)[..., None] * (np.array([196, 138, 126]) * pale - ball) * 0.8
    cover(inside, ball)
    ix, iy, radius = ex + gaze[0], ey - 0.0015 + gaze[1], 0.0215
    far = np.sqrt((x - ix) ** 2 + (y - iy) ** 2)
    turn = np.arctan2(y - iy, x - ix)
    iris = (
        np.array(person.iris, np.float32)
        * (0.80 + 0.38 * far / radius + 0.10 * np.sin(turn * 23 + person.seed % 7) - 0.25 * (iy - y) / radius)[
            ..., None
        ]
    )
    disc = np.clip((radius - far) / edge, 0, 1)
    cover(disc * inside, iris)
    cover(np.exp(-(((far - radius) / 0.0026) ** 2) / 2) * inside, (28, 24, 24), 0.60)
    cover(np.clip((0.0088 - far) / edge, 0, 1) * inside, (12, 10, 10))
    glint = np.exp(-(((x - ix - 0.007 * np.sign(person.light[0] + 1e-9)) ** 2 + (y - iy + 0.007) ** 2) / 0.0030**2) / 2)
    cover(glint * inside, (250, 250, 250), 0.85)
    shadow = np.exp(-(((y - upper) / (0.42 * h)) ** 2)) * inside
    cover(shadow, rgb * 0.45, 0.75)
    feminine = person.presentation == "feminine"
    ink = np.array(person.hair, np.float32) * 0.25 + 14
    thick = (0.0042 if feminine else 0.0032) * (1 + 0.35 * np.clip(t, -1, 1))
    rim = np.exp(-(((y - upper + 0.0008) / thick) ** 2) / 2) * np.clip((1.06 - np.abs(t)) / 0.10, 0, 1)
    cover(rim, ink, 0.88 if feminine else 0.72)
    low = np.exp(-(((y - lower - 0.001) / 0.0022) ** 2) / 2) * np.clip((1.02 - np.abs(t)) / 0.2, 0, 1)
    cover(low, skin * (0.55, 0.44, 0.42), 0.50)
    above = y - (upper_open + lid * 0.006 - 0.0125 - 0.004 * (1 - t**2))
    crease = np.exp(-((above / 0.0026) ** 2) / 2) * np.clip((1.15 - np.abs(t)) / 0.35, 0, 1)
    cover(crease, rgb * (0.66, 0.58, 0.56), 0.75 * (0.4 if person.seed % 4 == 0 else 1.0))


def brows(canvas, person, rng):
    """Eyebrows as many short hairs along an arch."""
    s = person.shape
    colour = np.array(person.hair, np.float32) * 0.80 * (0.75 if person.hair_colour in ("blond", "white") else 1.0)
    size = s["brow_size"] * (1.1 if person.presentation == "masculine" else 0.8)
    count = int(420 * (1.0 if person.age < 55 else 0.75))
    layer = np.zeros((canvas.size, canvas.size), np.uint8)
    for side in (-1, 1):
        for u in rng.random(count):
            thick = size * (0.95 - 0.65 * u**1.6) * (0.55 + 0.45 * min(1, u / 0.12))
            v = float(np.clip(rng.normal(0, 0.42), -1, 1))
            x = s["eye_x"] - 0.064 + 0.134 * u
            y = (
                s["brow_y"]
                + 0.006
                - s["brow_arch"] * np.sin(np.pi * min(1, 0.25 + 0.62 * u)) * 1.4
                + 0.010 * u**3
                + v * thick
            )
            lean = np.deg2rad(-60 + 72 * min(1.0, u * 1.7) + 22 * v + rng.normal(0, 10))
            reach = 0.017 * rng.uniform(0.6, 1.1)
            ends = [
                (s["cx"] + side * x, y),
                (s["cx"] + side * (x + reach * np.cos(lean)), y + reach * np.sin(lean) * 0.8),
            ]
            stroke = int(rng.integers(45, 100))
            mark = layer[:]
            cv2.polylines(mark, [canvas.fixed(ends)], False, stroke, 1, cv2.LINE_AA, SHIFT)
    dense = canvas.blur(layer.astype(np.float32) / 255, 0.0035)
    hairs = canvas.blur(layer.astype(np.float32) / 255, 0.0008)
    canvas.put(np.clip(dense * 1.9 + hairs * 0.8, 0, 0.90), colour)


def _both(half, width, cx, y):
    """A line over both halves from its right half (distance in `width`, y offset), corner to middle: (2k - 1, 2)."""
    return np.vstack([half * (-width, 1), half[-2::-1] * (width, 1)]) + np.array([cx, y])


def lips(canvas, person, rng):
    """Two lips: a cupid's bow above, a fuller one below, a soft line between them that follows the corners."""
    s, skin = person.shape, np.array(person.skin, np.float32)
    cx, my, w, up, low, curve = s["cx"], s["mouth_y"], s["mouth_w"], s["lip_up"], s["lip_low"], s["mouth_curve"]
    old = np.clip((person.age - 45) / 30, 0, 1)
    up, low = up * (1 - 0.35 * old), low * (1 - 0.25 * old)
    half = np.array([(1.0, curve), (0.62, curve * 0.3 - up * 0.45), (0.24, -up), (0.10, -up * 1.02), (0.0, -up * 0.80)])
    top = smooth(_both(half, w, cx, my), 80)
    half = np.array([(1.0, curve), (0.70, curve * 0.3 + low * 0.52), (0.35, low * 0.95), (0.0, low * 1.0)])
    bottom = smooth(_both(half, w, cx, my), 80)
    half = np.array([(1.0, curve), (0.6, 0.0012), (0.25, -0.0012), (0.0, 0.0026)])
    middle = smooth(_both(half, w, cx, my), 80)
    feminine = person.presentation == "feminine"
    red = np.array([0.90, 0.66, 0.66]) if person.skin_group in ("I", "II", "III") else np.array([0.86, 0.68, 0.70])
    red = red * (1 - 0.05 * feminine) + 0.02 * rng.normal(0, 1, 3)
    upper = canvas.area(np.vstack([top, middle[::-1]]), 0.0035)
    lower = canvas.area(np.vstack([bottom, middle[::-1]]), 0.0045)
    strength = (0.85 if feminine else 0.62) - 0.15 * old
    canvas.put(upper, skin * red * (0.90, 0.88, 0.90), strength)
    canvas.put(lower, skin * red * 1.03, strength * 0.92)
    cracks = np.clip(canvas.noise(rng, 0.006, 4.0), 0, 2)
    canvas.darken((upper + lower).clip(0, 1) * cracks, 0.95)
    canvas.put(canvas.bell(cx, my + low * 0.45, 0.030, low * 0.16) * lower, (255, 240, 238), 0.10)
    canvas.darken(canvas.line(middle, 0.0045, 0.0022, taper=True), (0.40, 0.28, 0.27))
    canvas.darken(canvas.line(middle, 0.011, 0.005, taper=True), (0.74, 0.66, 0.65))
    for side in (-1, 1):
        canvas.darken(canvas.bell(cx + side * w * 1.01, my + curve, 0.009, 0.007), (0.72, 0.64, 0.63))
    canvas.darken(canvas.bell(cx, my + low + 0.012, w * 0.45, 0.007), (0.88, 0.85, 0.84))


def nostrils(canvas, person):
    """Nostrils and the creases of the wings of the nose."""
    s = person.shape
    for side in (-1, 1):
        x = s["cx"] + side * s["nose_w"] * 0.46
        canvas.darken(canvas.bell(x, s["nose_y"] + 0.001, s["nose_w"] * 0.19, 0.0048), (0.48, 0.38, 0.37))
        wing = s["cx"] + side * (s["nose_w"] + 0.002)
        bend = [
            (wing - side * 0.006, s["nose_y"] - 0.030),
            (wing + side * 0.001, s["nose_y"] - 0.012),
            (wing - side * 0.011, s["nose_y"] + 0.003),
        ]
        canvas.darken(canvas.line(smooth(bend, 20), 0.004, 0.003, taper=True), (0.66, 0.58, 0.57))
    canvas.darken(canvas.bell(s["cx"], s["nose_y"] + 0.009, s["nose_w"] * 0.7, 0.007), (0.92, 0.89, 0.88))


def beard_area(canvas, person):
    """Where a beard grows, 0..1."""
    s, x, y = person.shape, canvas.x, canvas.y
    cx, far = s["cx"], np.abs(canvas.x - s["cx"])
    moustache = canvas.bell(cx, (s["nose_y"] + s["mouth_y"]) / 2 + 0.004, s["mouth_w"] * 0.75, 0.016)
    if person.beard == "moustache":
        return np.clip(moustache * 1.6, 0, 1)
    line = s["mouth_y"] + 0.028 - 1.05 * np.clip(far - s["mouth_w"] * 0.95, 0, None) ** 1.15 * 1.6
    jaw = 1 / (1 + np.exp(-(y - line) / 0.014))
    chin_gap = 1 - 0.75 * canvas.bell(cx, s["mouth_y"] + s["lip_low"] * 0.6, s["mouth_w"] * 0.72, 0.020)
    return np.clip((jaw + 1.4 * moustache) * chin_gap, 0, 1) * (y > s["nose_y"] - 0.10) * (x > 0)


def beard(canvas, person, rng, face):
    """Beard hairs on the lower face, short strokes pointing down. face: mask of the head."""
    if person.beard == "none":
        return
    area = beard_area(canvas, person) * canvas.blur(face, 0.006)
    hairs, length, strength = {"stubble": (5000, 0.004, 0.34), "moustache": (2600, 0.014, 0.85)}.get(
        person.beard, (9000, 0.016, 0.85)
    )
    layer = np.zeros((canvas.size, canvas.size), np.uint8)
    x, y = rng.uniform(0.2, 0.8, hairs), rng.uniform(0.5, 0.93, hairs)
    keep = area[(y * canvas.size).astype(int), (x * canvas.size).astype(int)] > rng.uniform(0.25, 0.9, hairs)
    tip_x, tip_y = rng.normal(0, 0.45, hairs) + (x - person.shape["cx"]) * 1.5, rng.uniform(0.5, 1.1, hairs)
    for i in np.flatnonzero(keep):
        ends = [(x[i], y[i]), (x[i] + length * tip_x[i] * 0.5, y[i] + length * tip_y[i])]
        cv2.polylines(layer, [canvas.fixed(ends)], False, int(90 + 120 * (i % 3) / 2), 1, cv2.LINE_AA, SHIFT)
    mask = layer.astype(np.float32) / 255
    mask = np.clip(0.6 * mask + 0.7 * canvas.blur(mask, 0.004), 0, 1) * np.clip(area * 1.5, 0, 1)
    canvas.put(mask, np.array(person.hair, np.float32) * 0.8 + 6, strength)


def wrinkles(canvas, person, rng):
    """Height (size, size), negative in the folds: forehead, crow's feet, nose-to-mouth folds, bags, frown lines."""
    s, cx = person.shape, person.shape["cx"]
    old = float(np.clip((person.age - 24) / 46, 0, 1))
    deep = np.zeros((canvas.size, canvas.size), np.float32)
    for side in (-1, 1):
        nose, corner, eye = (cx + side * s[name] for name in ("nose_w", "mouth_w", "eye_x"))
        fold = [
            (nose + side * 0.012, s["nose_y"] - 0.018),
            (cx + side * 0.82 * s["mouth_w"], s["nose_y"] + 0.028),
            (corner + side * 0.020, s["mouth_y"] - 0.006),
            (corner + side * 0.018, s["mouth_y"] + 0.030),
        ]
        deep += (0.0024 + 0.0120 * old) * canvas.line(smooth(fold, 40), 0.007, 0.0055, taper=True)
        rim = s["eye_y"] + 0.030
        bag = [(eye - side * 0.050, rim), (eye - side * 0.010, rim + 0.018), (eye + side * 0.040, rim + 0.008)]
        deep += (0.0006 + 0.0075 * old**1.3) * canvas.line(smooth(bag, 30), 0.006, 0.004, taper=True)
        for k in range(3):
            start = cx + side * (s["eye_x"] + s["eye_w"] + 0.012)
            rise = (-0.5 + 0.5 * k) * 0.045 + rng.normal(0, 0.003)
            foot = [(start, s["eye_y"] + rise * 0.2), (start + side * 0.034, s["eye_y"] + rise)]
            deep += 0.0075 * old**1.5 * canvas.line(smooth(foot, 12), 0.004, 0.002, taper=True)
        if old > 0.35:
            frown = [(cx + side * 0.016, s["brow_y"] - 0.012), (cx + side * 0.013, s["brow_y"] + 0.022)]
            deep += 0.0065 * old * rng.uniform(0.3, 1) * canvas.line(smooth(frown, 12), 0.004, 0.003, taper=True)
    for k in range(3):
        y = s["hairline"] + 0.045 + k * 0.030 + rng.normal(0, 0.003)
        xs = np.linspace(-0.14, 0.14, 12)
        ys = y + 0.10 * xs**2 + np.cumsum(rng.normal(0, 0.0011, 12)) + 0.004 * np.cos(xs * 40 + k)
        strength = 0.0085 * old**1.4 * rng.uniform(0.5, 1.1)
        deep += strength * canvas.line(smooth(np.stack([cx + xs, ys], 1), 60), 0.005, 0.0035, taper=True)
    return -deep
