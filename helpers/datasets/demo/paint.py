"""Brushes: soft shapes, strokes and noise on a square canvas with relative coordinates 0..1."""

import cv2
import numpy as np

SHIFT = 4  # bits of sub-pixel precision that cv2's drawing functions take


class Canvas:
    """A size x size float32 RGB picture (0..255) and its coordinate grids x, y (relative, pixel centres)."""

    def __init__(self, size):
        self.size = size
        line = (np.arange(size, dtype=np.float32) + 0.5) / size
        self.x, self.y = np.meshgrid(line, line)
        self.rgb = np.zeros((size, size, 3), np.float32)

    def copy(self):
        other = Canvas.__new__(Canvas)
        other.size, other.x, other.y, other.rgb = self.size, self.x, self.y, self.rgb.copy()
        return other

    def fixed(self, points):
        """Relative points (n, 2) as fixed-point pixel coordinates for cv2."""
        return np.round((np.asarray(points, float) * self.size - 0.5) * (1 << SHIFT)).astype(np.int32)

    def bell(self, cx, cy, sx, sy):
        """Gaussian bump of height 1."""
        return np.exp(-(((self.x - cx) / sx) ** 2 + ((self.y - cy) / sy) ** 2) / 2)

    def area(self, points, soft=0.004):
        """Mask 0..1 of a closed outline, (n, 2) relative points, with a soft edge."""
        mask = np.zeros((self.size, self.size), np.uint8)
        cv2.fillPoly(mask, [self.fixed(points)], 255, cv2.LINE_AA, SHIFT)
        return self.blur(mask.astype(np.float32) / 255, soft)

    def line(self, points, width, soft=0.0, taper=False):
        """Mask 0..1 of a line. width: relative. taper: thinner and fainter towards both ends."""
        mask = np.zeros((self.size, self.size), np.uint8)
        points = self.fixed(points)
        thick = max(1, round(width * self.size))
        if not taper:
            cv2.polylines(mask, [points], False, 255, thick, cv2.LINE_AA, SHIFT)
        else:
            for i in range(len(points) - 1):
                fade = np.sin(np.pi * (i + 0.8) / (len(points) + 0.6)) ** 0.7
                value = int(255 * fade)
                cv2.polylines(mask, [points[i : i + 2]], False, value, max(1, round(thick * fade)), cv2.LINE_AA, SHIFT)
        return self.blur(mask.astype(np.float32) / 255, soft)

    def blur(self, mask, soft):
        """Gaussian blur with relative sd."""
        return cv2.GaussianBlur(mask, (0, 0), soft * self.size) if soft * self.size > 0.2 else mask

    def put(self, mask, colour, strength=1.0):
        """Paint a colour (3,) or a picture (size, size, 3) through a mask."""
        alpha = (mask * strength)[..., None]
        self.rgb += alpha * (np.asarray(colour, np.float32) - self.rgb)

    def darken(self, mask, factor):
        """Multiply by `factor` (number or per channel) where the mask is 1."""
        self.rgb *= 1 + mask[..., None] * (np.asarray(factor, np.float32) - 1)

    def noise(self, rng, scale, stretch=1.0):
        """Smooth noise, sd 1. scale: relative size of its blobs; stretch: how much taller than wide they are."""
        coarse = (max(2, round(1 / (scale * stretch)) + 3), max(2, round(1 / scale) + 3))
        small = rng.standard_normal(coarse).astype(np.float32)
        big = cv2.resize(small, (self.size, self.size), interpolation=cv2.INTER_CUBIC)
        return (big - big.mean()) / (big.std() + 1e-6)


def spline(at, knots, values):
    """Cubic Hermite curve through `values` (k, d) at `knots` (k,), read at `at` (n,): (n, d). Slopes: differences.

    scipy.interpolate has the like, but costs each worker process a second to import.
    """
    slopes = np.gradient(values, knots, axis=0)
    i = np.clip(np.searchsorted(knots, at, side="right") - 1, 0, len(knots) - 2)
    width = (knots[i + 1] - knots[i])[:, None]
    s = (at - knots[i])[:, None] / width
    rise = s * s * (3 - 2 * s)
    bend = width * s * (1 - s) * ((1 - s) * slopes[i] - s * slopes[i + 1])
    return values[i] + rise * (values[i + 1] - values[i]) + bend


def smooth(points, n=120, closed=False):
    """A smooth curve through points (k, 2): (n, 2)."""
    points = np.asarray(points, float)
    if closed:
        points = np.vstack([points[-2:], points, points[:3]])
    steps = np.r_[0, np.cumsum(np.sqrt((np.diff(points, axis=0) ** 2).sum(1)))]
    ends = (steps[2], steps[-3]) if closed else (0, steps[-1])
    return spline(np.linspace(*ends, n), steps, points)


def mirror(half, cx):
    """An outline from its right half: (k, 2) of (distance from the midline, y), top to bottom -> closed (2k, 2)."""
    half = np.asarray(half, float)
    return np.vstack([half * (-1, 1) + (cx, 0), (half * (1, 1) + (cx, 0))[::-1]])
