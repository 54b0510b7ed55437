"""A person's portrait: head, skin and light here; eyes, brows, lips and lines in `features`, hair in `hair`.

The face is a height field (ellipsoid, nose, brows, sockets, lips, folds) lit by one lamp and the room, so that skin,
age and lighting vary as in photographs. Drawn once a person at high resolution, then reduced to the frame.
"""

import cv2
import numpy as np

from helpers.datasets.demo import features, hair
from helpers.datasets.demo.paint import Canvas, mirror, smooth


class Portrait:
    """A person at rest. `frame(size)` gives the picture with any eyelid opening and gaze."""

    def __init__(self, person, work=512):
        self.person = person
        rng = np.random.default_rng(person.seed)
        canvas = Canvas(work)
        _wall(canvas, person, rng)
        hair.behind(canvas, person, rng)
        _neck(canvas, person)
        outline = head(person.shape)
        mask = canvas.area(outline, 0.004)
        shade = _light(canvas, person, rng)
        _ears(canvas, person)
        skin = _skin(canvas, person, rng)
        canvas.put(mask, skin)
        features.lips(canvas, person, rng)
        features.nostrils(canvas, person)
        features.beard(canvas, person, rng, mask)
        _lit(canvas, mask, shade, person)
        self.under = canvas
        features.brows(canvas, person, rng)
        self.over = hair.front(canvas, person, rng), hair.glasses(canvas, person)

    def frame(self, size, lid=0.0, gaze=(0.0, 0.0)):
        """uint8 (size, size, 3) RGB without noise. lid: 0 open .. 1 shut. gaze: iris shift, relative to the frame."""
        canvas = self.under.copy()
        features.eyes(canvas, self.person, lid, gaze)
        for mask, picture in self.over:
            if mask is not None:
                canvas.put(mask, picture)
        soft = cv2.GaussianBlur(canvas.rgb, (0, 0), 0.55 * canvas.size / size)
        return np.clip(cv2.resize(soft, (size, size), interpolation=cv2.INTER_AREA), 0, 255).round().astype(np.uint8)


def head(shape):
    """Outline of the head, (n, 2) relative points."""
    w, jaw, chin, cy = shape["width"], shape["jaw"], shape["chin"], shape["chin_y"]
    half = [
        (0.0, 0.085), (0.45 * w, 0.100), (0.78 * w, 0.165), (0.95 * w, 0.290), (1.0 * w, 0.430), (0.985 * w, 0.560),
        ((0.36 + 0.64 * jaw) * w, 0.645), (jaw * w, 0.740), ((0.52 * jaw + 0.48 * chin) * w, 0.820),
        (chin * 0.80 * w, cy - 0.034), (chin * 0.40 * w, cy - 0.006), (0.0, cy),
    ]  # fmt: skip
    points = mirror(half[1:-1], shape["cx"])
    top, bottom = [(shape["cx"], 0.085)], [(shape["cx"], cy)]
    k = len(half) - 2
    return smooth(np.vstack([top, points[k:][::-1], bottom, points[:k][::-1]]), 240, closed=True)


def _wall(canvas, person, rng):
    canvas.rgb[:] = person.wall
    lx, ly, _ = person.light
    fall = 1 + 0.22 * (lx * (canvas.x - 0.5) + ly * (canvas.y - 0.5)) + 0.02 * canvas.noise(rng, 0.3)
    canvas.rgb *= fall[..., None]


def _neck(canvas, person):
    s, skin = person.shape, np.array(person.skin, np.float32)
    cx, w = s["cx"], s["width"]
    thick = 0.60 * w if person.presentation == "feminine" else 0.70 * w
    half = [(thick, 0.70), (thick * 0.98, 0.90), (thick * 1.15, 0.97), (thick * 1.8, 1.02)]
    neck = canvas.area(mirror(half, cx), 0.006)
    canvas.put(neck, skin * (0.74, 0.71, 0.69))
    canvas.darken(neck * canvas.bell(cx, s["chin_y"] - 0.01, w * 0.75, 0.050), (0.62, 0.57, 0.55))
    canvas.darken(neck * np.clip(np.abs(canvas.x - cx) / thick, 0, 1) ** 4, (0.80, 0.77, 0.76))
    collar = [(cx - thick * 1.02, 0.940), (cx, 1.0), (cx + thick * 1.02, 0.940)]
    shoulders = [*collar, (cx + 0.50, 1.02), (cx + 0.50, 1.05), (cx - 0.50, 1.05), (cx - 0.50, 1.02)]
    cloth = canvas.area(shoulders, 0.004)
    canvas.put(cloth, np.array(person.cloth, np.float32) * 0.9)
    canvas.darken(canvas.line(collar, 0.008, 0.003) * cloth, 0.7)


def _ears(canvas, person):
    s, skin = person.shape, np.array(person.skin, np.float32)
    for side in (-1, 1):
        x, y = s["cx"] + side * s["width"] * 1.03, s["eye_y"] + 0.045
        lit = 0.86 + 0.22 * side * person.light[0]
        t = np.linspace(0, 2 * np.pi, 40)
        ear = np.stack([x + 0.028 * np.cos(t) + side * 0.008 * np.sin(-t), y + 0.070 * np.sin(t)], 1)
        canvas.put(canvas.area(ear, 0.003), skin * (lit, lit * 0.94, lit * 0.92))
        inner = canvas.bell(x + side * 0.004, y - 0.006, 0.010, 0.036)
        canvas.darken(inner, (0.68, 0.60, 0.58))


def _light(canvas, person, rng):
    """Brightness (size, size) of the lit head; 1 is a surface facing the lamp."""
    s, x, y = person.shape, canvas.x, canvas.y
    cx, w = s["cx"], s["width"]
    inside = 1 - ((x - cx) / (1.10 * w)) ** 2 - ((y - 0.50) / 0.52) ** 2
    height = 0.27 * np.sqrt(np.clip(inside, 0.02, None))
    top = s["eye_y"] - 0.02
    along = np.clip((y - top) / (s["nose_y"] - 0.012 - top), 0, 1)
    below = 1 / (1 + np.exp((y - s["nose_y"] + 0.002) / 0.012))
    broad = 0.019 + 0.012 * along**2
    height += (
        s["nose_h"]
        * (0.30 + 0.70 * along**1.5)
        * np.exp(-(((x - cx) / broad) ** 2) / 2)
        * below
        * (1 / (1 + np.exp((top - 0.01 - y) / 0.018)))
    )
    for side in (-1, 1):
        ex = cx + side * s["eye_x"]
        height += 0.017 * canvas.bell(cx + side * s["nose_w"] * 0.78, s["nose_y"] - 0.012, 0.013, 0.014)
        height -= s["socket"] * canvas.bell(ex - side * 0.008, s["eye_y"] - 0.010, 0.050, 0.030)
        height += 0.010 * canvas.bell(ex, s["eye_y"] + 0.002, 0.040, 0.020)
        height += s["brow_ridge"] * canvas.bell(ex, s["brow_y"] + 0.012, 0.060, 0.018)
        height += s["cheek"] * canvas.bell(ex + side * 0.035, s["eye_y"] + 0.110, 0.060, 0.050)
        height -= 0.006 * canvas.bell(cx + side * s["mouth_w"] * 1.12, s["mouth_y"], 0.020, 0.025)
    height += 0.008 * canvas.bell(cx, s["mouth_y"] - s["lip_up"] * 0.55, 0.055, s["lip_up"] * 0.45)
    height += 0.011 * canvas.bell(cx, s["mouth_y"] + s["lip_low"] * 0.50, 0.050, s["lip_low"] * 0.42)
    height -= 0.007 * canvas.bell(cx, s["mouth_y"] + s["lip_low"] + 0.018, 0.050, 0.012)
    height += 0.012 * canvas.bell(cx, s["chin_y"] - 0.055, 0.055, 0.030)
    height -= 0.003 * canvas.bell(cx, (s["nose_y"] + s["mouth_y"] - s["lip_up"]) / 2 + 0.004, 0.007, 0.018)
    height = canvas.blur(height.astype(np.float32), 0.003) + features.wrinkles(canvas, person, rng)
    rough = 0.00009 + 0.00013 * np.clip((person.age - 25) / 50, 0, 1)
    height += rough * canvas.noise(rng, 0.006) + 0.0005 * canvas.noise(rng, 0.05)
    gy, gx = np.gradient(height * canvas.size)
    length = np.sqrt(gx**2 + gy**2 + 1)
    lx, ly, lz = person.light
    diffuse = (-gx * lx - gy * ly + lz) / length
    hx, hy, hz = np.array([lx, ly, lz + 1]) / np.linalg.norm([lx, ly, lz + 1])
    gloss = np.clip((-gx * hx - gy * hy + hz) / length, 0, 1) ** 22
    wrap = np.clip((diffuse + 0.35) / 1.35, 0, 1)
    return 0.36 + 0.70 * wrap, gloss


def _skin(canvas, person, rng):
    """Colour (size, size, 3) of the skin in even light: blood in cheeks and nose, shadows of age, freckles, moles."""
    s, base = person.shape, np.array(person.skin, np.float32)
    skin = np.broadcast_to(base, (canvas.size, canvas.size, 3)).copy()
    cx, pale = s["cx"], np.clip(base.mean() / 210, 0.3, 1)
    red = 0.9 * canvas.bell(cx, s["nose_y"] - 0.02, 0.032, 0.040)
    for side in (-1, 1):
        red += 0.9 * canvas.bell(cx + side * s["eye_x"] * 1.25, s["eye_y"] + 0.115, 0.060, 0.045)
    red += 0.25 * canvas.noise(rng, 0.09) + 0.3 * canvas.bell(cx, s["chin_y"] - 0.05, 0.06, 0.03)
    skin += red[..., None] * np.array([3, -11, -9], np.float32) * pale
    skin *= 1 + 0.018 * canvas.noise(rng, 0.03)[..., None] + 0.012 * canvas.noise(rng, 0.008)[..., None]
    old = np.clip((person.age - 22) / 50, 0, 1)
    for side in (-1, 1):
        tired = canvas.bell(cx + side * (s["eye_x"] - 0.008), s["eye_y"] + s["eye_h"] + 0.022, 0.045, 0.014)
        skin *= 1 - (0.07 + 0.10 * old) * tired[..., None] * np.array([0.8, 1.0, 0.85])
    if person.presentation == "masculine" and person.beard != "none":
        skin *= 1 - 0.10 * (features.beard_area(canvas, person) * canvas.area(head(s), 0.006))[..., None] * np.array(
            [1.0, 0.9, 0.75]
        )
    spots = np.clip(canvas.noise(rng, 0.009) - 1.4, 0, 1) * (0.6 + 0.4 * canvas.noise(rng, 0.1))
    where = canvas.bell(cx, s["eye_y"] + 0.08, 0.17, 0.08)
    skin *= 1 - 0.34 * person.freckles * (spots * where)[..., None] * np.array([0.6, 1.0, 1.2])
    if person.age > 50:
        age_spots = np.clip(canvas.noise(rng, 0.025) - 1.6, 0, 1)
        skin *= 1 - 0.16 * old * age_spots[..., None] * np.array([0.7, 1.0, 1.1])
    for _ in range(int(rng.integers(0, 4))):
        x, y = cx + rng.uniform(-0.2, 0.2), rng.uniform(0.27, 0.85)
        r = rng.uniform(0.0025, 0.0045)
        skin *= 1 - 0.55 * canvas.bell(x, y, r, r)[..., None] * np.array([0.8, 1.0, 1.0])
    return skin.astype(np.float32)


def _lit(canvas, mask, shade, person):
    bright, gloss = shade
    dark = np.clip(1 - bright, 0, 1)[..., None]
    warm = bright[..., None] * (1 - dark * np.array([-0.05, 0.06, 0.08], np.float32))  # shadows on skin are reddish
    shine = (14 + 10 * (1 - np.mean(person.skin) / 255)) * gloss[..., None]
    lit = canvas.rgb * warm + shine
    canvas.rgb += mask[..., None] * (lit - canvas.rgb)
