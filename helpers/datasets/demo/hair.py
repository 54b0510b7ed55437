"""Hair as a shape of its own, made of strands that fall from a parting; and glasses."""

import cv2
import numpy as np

from helpers.datasets.demo.paint import SHIFT, mirror, smooth

# style -> height over the skull, width beyond the head, y where the sides end, strand length, curl
LOOK = {
    "long": (0.035, 0.030, 0.97, 0.60, 0.15), "wavy": (0.045, 0.055, 0.93, 0.50, 1.0),
    "bob": (0.040, 0.045, 0.74, 0.45, 0.15), "fringe": (0.035, 0.035, 0.85, 0.50, 0.1),
    "tied": (0.015, 0.006, 0.45, 0.30, 0.05), "curly": (0.060, 0.065, 0.60, 0.05, 3.0),
    "short": (0.035, 0.016, 0.49, 0.14, 0.3), "crop": (0.010, 0.004, 0.46, 0.03, 0.5),
    "swept": (0.045, 0.010, 0.45, 0.22, 0.2), "receding": (0.006, 0.008, 0.50, 0.05, 0.4),
    "bald": (0.0, 0.0, 0.0, 0.0, 0.0),
}  # fmt: skip


def behind(canvas, person, rng):
    """Paint the hair that hangs behind face and neck."""
    if person.hair_style not in ("long", "wavy", "bob", "fringe", "curly"):
        return
    s = person.shape
    top, wide, end, _, curl = LOOK[person.hair_style]
    w = s["width"] + wide
    half = [(0.0, 0.085 - top), (0.55 * w, 0.115 - top), (0.90 * w, 0.22), (1.0 * w, 0.38), (1.02 * w, 0.60),
            (1.0 * w, end - 0.04), (0.86 * w, end + 0.01), (0.4 * w, end)]  # fmt: skip
    mask = _ragged(canvas, canvas.area(mirror(half, s["cx"]), 0.006), rng, 0.10 + 0.12 * (curl > 0.5))
    canvas.put(mask, _strands(canvas, person, rng) * 0.62)


def front(canvas, person, rng):
    """Mask (size, size) and picture of the hair over forehead and temples (None for the bald)."""
    if person.hair_style == "bald":
        return None, None
    s, style = person.shape, person.hair_style
    top, wide, end, _, _ = LOOK[style]
    w, cx, line, part = s["width"], s["cx"], s["hairline"], person.part
    outer = [(0.0, 0.085 - top), (0.50 * (w + wide), 0.104 - top), (0.84 * (w + wide), 0.175 - top * 0.6),
             (0.985 * (w + wide), 0.30), (1.0 * (w + wide), 0.42), (1.0 * (w + wide), max(end, 0.45))]  # fmt: skip
    if style == "receding":
        line -= 0.075
    low = 0.125 if style == "fringe" else 0.0
    inner = [
        (0.0, line + low),
        (0.30 * w, line + low * 0.97 - 0.004),
        (0.58 * w, line + low * 0.90 + 0.016),
        (0.77 * w, line + low * 0.50 + 0.060),
        (0.865 * w, 0.370),
        (0.905 * w, 0.440),
        (0.930 * w, max(end, 0.45) - 0.005),
    ]
    if style == "receding":
        inner[2:4] = [(0.55 * w, line - 0.012), (0.80 * w, line + 0.10)]
    shapes = []
    for side in (-1, 1):
        rim, brow = smooth(outer, 60), smooth(inner, 60)
        if style in ("long", "bob", "wavy", "short", "swept"):  # hair falls to both sides of the parting
            along = np.clip((brow[:, 0] + side * part * 0.35 * w) / (0.80 * w), 0, 1)
            drop = 0.10 if style in ("long", "bob", "wavy") else 0.03
            brow[:, 1] += drop * (np.sin(along * np.pi) ** 1.3 * (1 - along) - 0.35 * (1 - along) ** 3)
        shapes.append(np.vstack([rim, brow[::-1]]) * (side, 1) + (cx, 0))
    mask = np.maximum(*[canvas.area(shape, 0.005) for shape in shapes])
    mask = _ragged(
        canvas, mask, rng, {"fringe": 0.26, "curly": 0.30, "long": 0.08, "bob": 0.08, "wavy": 0.12}.get(style, 0.16)
    )
    if style in ("crop", "receding"):
        mask = canvas.blur(mask, 0.008) * (0.85 if style == "crop" else 0.72)
    picture = _strands(canvas, person, rng)
    shadow = np.clip(canvas.blur(mask, 0.016) - mask, 0, 1)  # what the hair shades on the forehead
    if style not in ("crop", "receding"):
        picture = picture * mask[..., None] + canvas.rgb * 0.55 * (1 - mask[..., None])
        mask = np.clip(mask + 0.75 * shadow, 0, 1)
    return mask, picture


def _ragged(canvas, mask, rng, amount):
    """The same mask with an uneven edge, finer along the strands."""
    rough = canvas.noise(rng, 0.012, 3.0) * 0.7 + canvas.noise(rng, 0.03) * 0.5
    wide = canvas.blur(mask, 0.012)
    return canvas.blur(
        np.clip((wide + amount * rough * np.clip(5 * wide * (1 - wide), 0, 1) - 0.5) * 6 + 0.5, 0, 1), 0.0025
    ) * np.clip(wide * 4, 0, 1)


def _strands(canvas, person, rng):
    """A picture (size, size, 3) covered with strands that leave the parting and fall."""
    s, style = person.shape, person.hair_style
    _, _, _, reach, curl = LOOK[style]
    base = np.array(person.hair, np.float32)
    root = np.array([s["cx"] + person.part * 0.35 * s["width"], 0.10])
    count, steps = (1500, 16) if reach > 0.1 else (5200, 5)
    at = np.stack(
        [rng.uniform(0.5 - 0.42, 0.5 + 0.42, count), rng.uniform(0.0, 0.55 if reach <= 0.1 else 0.95, count)], 1
    )
    if style == "curly":
        angle, spin = rng.uniform(0, 2 * np.pi, count), rng.normal(0, 0.9, count)
    path, wobble, phase = [at], rng.normal(0, 0.12, count), rng.uniform(0, 6.28, count)
    for _ in range(steps - 1):
        here = path[-1]
        away = here - root
        if style in ("swept", "tied"):
            away = np.stack([here[:, 0] - s["cx"] + 0.12 * np.sign(person.part), (here[:, 1] - 0.42) * 0.9], 1)
        away = away / (np.linalg.norm(away, axis=1, keepdims=True) + 1e-6)
        down = np.clip((here[:, 1] - 0.20) / 0.25, 0, 1)[:, None] * (style not in ("swept", "tied"))
        way = away * (1 - down) + np.array([0, 1.0]) * down
        turn = wobble + 0.55 * min(curl, 1) * np.sin(phase * 0.2 + here[:, 1] * 38)
        if style == "curly":
            angle = angle + spin
            way, turn = np.stack([np.cos(angle), np.sin(angle)], 1), wobble
        way = np.stack(
            [way[:, 0] * np.cos(turn) - way[:, 1] * np.sin(turn), way[:, 0] * np.sin(turn) + way[:, 1] * np.cos(turn)],
            1,
        )
        path.append(here + way * reach / steps)
    path = np.stack(path, 1)
    picture = np.empty_like(canvas.rgb)
    picture[:] = base * 0.72
    bright = 0.58 + (0.4 if style == "curly" else 0.62) * rng.random(count) ** 1.2
    lines = canvas.fixed(path.reshape(-1, 2)).reshape(path.shape)
    thick = max(1, round(canvas.size / 300))
    for i in range(count):
        cv2.polylines(picture, [lines[i]], False, tuple(float(v) for v in base * bright[i]), thick, cv2.LINE_AA, SHIFT)
    if person.age > 38 and person.hair_colour not in ("grey", "white"):  # first grey hairs
        for i in range(0, count, max(3, 60 - person.age)):
            cv2.polylines(picture, [lines[i]], False, tuple(float(v) for v in base * 0.45 + 62), 1, cv2.LINE_AA, SHIFT)
    lx, ly, _ = person.light
    round_head = 1 + 0.45 * lx * (canvas.x - s["cx"]) / s["width"] + 0.25 * ly * (canvas.y - 0.25) / 0.3
    edge = 1 - 0.30 * np.clip(np.abs(canvas.x - s["cx"]) / (s["width"] * 1.05), 0, 1.2) ** 4
    ring = (
        canvas.bell(s["cx"] + 0.3 * lx, 0.145, 0.17, 0.030)
        if reach > 0.1
        else canvas.bell(s["cx"], 0.12, 0.2, 0.06) * 0.4
    )
    return picture * (round_head * edge)[..., None] + (base * 0.35 + 12) * ring[..., None]


def glasses(canvas, person):
    """Mask and picture of a pair of glasses (None if the person wears none)."""
    if person.glasses == "none":
        return None, None
    mask = np.zeros((canvas.size, canvas.size), np.float32)
    s = person.shape
    cx, ey, width = s["cx"], s["eye_y"] + 0.008, 0.004 if person.glasses == "thin" else 0.008
    t = np.linspace(0, 2 * np.pi, 80)
    power = 2 / (2.6 if person.seed % 2 else 4.0)
    for side in (-1, 1):
        lens = np.stack([cx + side * s["eye_x"] + 0.088 * np.sign(np.cos(t)) * np.abs(np.cos(t)) ** power,
                         ey + 0.062 * np.sign(np.sin(t)) * np.abs(np.sin(t)) ** power], 1)  # fmt: skip
        mask = np.maximum(mask, canvas.line(np.vstack([lens, lens[:1]]), width, 0.0008))
        arm = [(cx + side * (s["eye_x"] + 0.088), ey - 0.012), (cx + side * (s["width"] * 1.01), ey - 0.016)]
        mask = np.maximum(mask, canvas.line(arm, width, 0.0008))
    gap = s["eye_x"] - 0.088
    bridge = [(cx - gap, ey - 0.008), (cx, ey - 0.018), (cx + gap, ey - 0.008)]
    mask = np.maximum(mask, canvas.line(smooth(bridge, 20), width, 0.0008))
    metal = (96, 92, 88) if person.glasses == "thin" else (38, 32, 32)
    picture = (
        np.broadcast_to(np.array(metal, np.float32), canvas.rgb.shape) * (0.85 + 0.5 * (0.5 - canvas.y))[..., None]
    )
    return mask * 0.92, picture
