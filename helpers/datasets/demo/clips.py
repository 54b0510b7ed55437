"""Clips as frames on disk: a portrait warped by muscles and head, lit, noisy, written as JPEG."""

from functools import lru_cache

import cv2
import numpy as np

from helpers.datasets.demo import muscles, plan
from helpers.datasets.demo.faces import Portrait
from helpers.datasets.demo.paint import spline

QUALITY = 90  # JPEG; just under 4 kB a frame at a side of 128: one block of most disks
STEPS = 2  # of the inversion, from the last frame's answer: within 0.04 px
LIDS = 5  # eyelid positions drawn for blinks


def path_of(root, clip, frame):
    """File of one frame, in CASME II's layout of registered crops."""
    return root / "Cropped" / f"sub{clip.subject}" / clip.clip / f"reg_img{frame}.jpg"


def head_motion(clip, frame, size):
    """2x3 float64 affine of the head (and all else) from the onset frame's pixels to those of `frame`."""
    x, y, degrees = _path(clip)[frame - clip.first] - _path(clip)[clip.onset - clip.first]
    centre = ((size - 1) / 2, (size - 1) / 2)
    affine = cv2.getRotationMatrix2D(centre, -degrees, 1.0)
    affine[:, 2] += np.array([x, y]) * size / muscles.REFERENCE
    return affine


@lru_cache(maxsize=4)
def _path(clip):
    knots = np.linspace(clip.first, clip.last, len(clip.drift[0]))
    return spline(np.arange(clip.first, clip.last + 1), knots, np.array(clip.drift).T)


def apex_field(person, clip, size):
    """Forward displacement (2, size, size) float32, pixels, at the apex: coded and uncoded units together."""
    return muscles.field(person, clip.units + clip.uncoded, clip.amplitude, size)


def lid_of(clip, frame):
    """How far the lids are shut, 0..1: 0 but for blinks. Shutting is faster than opening."""
    if not clip.blink:
        return 0.0
    middle, half = clip.blink
    t = (frame - middle) / half
    t = t * 1.6 if t < 0 else t
    return float(np.clip(1.15 * np.cos(np.clip(t, -1, 1) * np.pi / 2) ** 2, 0, 1))


def gaze_of(clip, frame):
    """Shift of the irises relative to the onset of the clip: a quick jump of 4 frames (20 ms)."""
    if not clip.gaze:
        return (0.0, 0.0)
    start, right, down = clip.gaze
    share = round(float(np.clip((frame - start) / 4, 0, 1)), 2)
    return (right * share, down * share)


def brightness(clip):
    """Factor (frames,) of the lamp: fast flicker and a slow drift."""
    rng = np.random.default_rng([clip.seed, 1])
    n = clip.last - clip.first + 1
    fast = rng.normal(0, 0.6, n)
    slow = np.cumsum(rng.normal(0, 1, n)) / np.sqrt(n)
    return 1 + plan.FLICKER * (fast + 0.8 * (slow - slow.mean()))


def write_person(root, person, mine, size):
    """Draw one person's clips and write their frames under root. Returns the number of frames."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        portrait, faces = Portrait(person, work=min(3 * size, 512)), {}
        return sum(_write(root, person, clip, size, portrait, faces) for clip in mine)
    finally:
        cv2.setNumThreads(threads)


def _write(root, person, clip, size, portrait, faces):
    path_of(root, clip, 0).parent.mkdir(parents=True)
    forward = np.ascontiguousarray(apex_field(person, clip, size).transpose(1, 2, 0))
    frames = range(clip.first, clip.last + 1)
    share = clip.progress(frames)
    lamp = brightness(clip)
    rng = np.random.default_rng([clip.seed, 2])
    source = None
    for frame in frames:
        t = frame - clip.first
        lid = round(lid_of(clip, frame) * (LIDS - 1)) / (LIDS - 1)
        key = (lid, gaze_of(clip, frame))
        if key not in faces:
            faces[key] = portrait.frame(size, *key)
        source = muscles.backward(forward, share[t], source, head_motion(clip, frame, size), STEPS)
        picture = warp(faces[key], source)
        save(path_of(root, clip, frame), expose(picture, lamp[t], rng))
    return len(frames)


def warp(face, source):
    """The picture (H, W, 3) uint8 whose pixels come from `source` (H, W, 2) of the face at rest."""
    return cv2.remap(face, source, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def save(path, bgr):
    """Write a picture as JPEG (cv2.imwrite fails in silence and cannot take every path)."""
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    path.write_bytes(cv2.imencode(".jpg", bgr, options)[1].tobytes())


def expose(rgb, lamp, rng):
    """RGB uint8 -> BGR uint8 with the lamp's brightness and the sensor's noise (the channels share it)."""
    noise = rng.standard_normal(rgb.shape[:2], np.float32) * np.float32(plan.NOISE)
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR).astype(np.float32)
    noisy = cv2.scaleAdd(bgr, float(lamp), cv2.merge([noise, noise, noise]))
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
