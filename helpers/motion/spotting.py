"""When it happens: onset, apex and offset of a clip, and candidate intervals in a longer recording.

The signal is the motion energy of a clip: flow of each frame against one reference frame, inside regions of interest,
measured along the clip's own main movement (its first principal component), so that noise and drift, which have no
common pattern, add little. In the spirit of Yan et al. 2014, doi:10.1007/978-3-319-16178-5_20 (apex as the frame
that differs most from the onset) and of Moilanen et al. 2014, doi:10.1109/ICPR.2014.303 (intervals as peaks of the
difference over a window of time).
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from helpers import workspace
from helpers.motion import faces, flow, windows
from helpers.workspace import WorkbookError

REGIONS = ("eyebrows", "nose", "mouth")  # eyes blink and wander all the time
CROP = 96  # pixels; enough for timing, and half the work of 128
STEPS = 24  # frames looked at in a clip
FLOOR = 0.15  # share of the peak below which the face counts as at rest
LONGEST = 0.5  # seconds; what lasts longer is no micro-expression (Yan et al. 2013, doi:10.1007/s10919-013-0159-8)


class KeyFrames(NamedTuple):
    """Spotted frame numbers, and the energy at the apex in pixels of the crop."""

    onset: int
    apex: int
    offset: int
    peak: float


def energy(motion, regions=REGIONS):
    """Motion energy of frames against one reference: (T,) pixels, never negative.

    motion: flow (T, 2 or more, H, W) of each frame against the reference, in standard crops. The flow inside the
    regions is projected on its first principal component; the result is the root mean square length in pixels.
    """
    inside = faces.mask(motion.shape[-1], regions)
    flat = np.asarray(motion, np.float64)[:, :2][:, :, inside].reshape(len(motion), -1)
    _, _, patterns = np.linalg.svd(flat, full_matrices=False)
    along = flat @ patterns[0]
    return np.maximum(along * np.sign(along.sum()), 0) / np.sqrt(inside.sum())


def energies(samples, reach="coded", steps=STEPS):
    """Energy curves of clips, from `flow.extract`'s store: (numbers (n, T + 1), energy (n, T + 1), Flow).

    reach: "coded" looks from the coded onset to the coded offset, "whole" half a second beyond both, as far as there
    are frames. The first value is the reference frame itself, 0. Clips that could not be measured are in Flow.left_out.
    """
    asked = samples if reach == "coded" else whole_clips(samples)
    setting = flow.Setting(sequence=steps, crop=CROP, size=32)
    motion = flow.extract(asked, setting)
    looks = [flow.pairs(row, setting) for row in motion.select(asked).itertuples(index=False)]
    numbers = np.array([[pairs[0][0], *(later for _, later in pairs)] for pairs in looks])
    curves = np.array([np.concatenate([[0.0], energy(clip)]) for clip in motion.values])
    return numbers, curves, motion


def whole_clips(samples, before=0.5, after=0.5):
    """Samples with onset and offset moved outwards by so many seconds, as far as there are frames, and without apex.

    before, after: one number, or (n,). A clip's folder may hold a whole film with many events, so that its first frame
    would be no rest before this one. Where no onset or offset is known all frames are taken; where they can't be read
    both are unknown, and flow.extract says so.
    """
    margins = np.broadcast_to(np.transpose([before, after]), (len(samples), 2))
    ends = map(_ends, samples.itertuples(index=False), margins)
    first, last = zip(*ends, strict=True)
    return samples.assign(onset=pd.array(first, "Int64"), offset=pd.array(last, "Int64"), apex=pd.NA)


def spot(numbers, curve):
    """Key frames of one energy curve: apex at the most prominent peak, onset and offset where it rises and dies.

    numbers: (T,) frame numbers; curve: (T,) energy. The curve is smoothed by one step.
    """
    numbers, first = np.unique(np.asarray(numbers, float), return_index=True)  # short clips repeat frames
    smooth = gaussian_filter1d(np.asarray(curve, float)[first], 1, mode="nearest")
    # lowest values around the curve let a clip that ends at its apex have its peak there
    peaks, facts = find_peaks(np.pad(smooth, 1, constant_values=smooth.min() - 1e-9), prominence=0)
    top = peaks[facts["prominences"].argmax()] - 1 if len(peaks) else int(smooth.argmax())
    fine = np.linspace(numbers[max(top - 1, 0)], numbers[min(top + 1, len(numbers) - 1)], 21)
    apex = fine[_parabola(numbers, smooth, top, fine).argmax()]
    rest = min(smooth[: top + 1].min(), smooth[top:].min())
    level = rest + FLOOR * (smooth[top] - rest)
    before, after = np.flatnonzero(smooth[:top] <= level), np.flatnonzero(smooth[top:] <= level)
    onset = numbers[before[-1]] if len(before) else numbers[0]
    offset = numbers[top + after[0]] if len(after) else numbers[-1]
    return KeyFrames(round(onset), round(apex), round(offset), float(smooth[top]))


def fill(samples):
    """Samples with a spotted apex where none is coded (SMIC codes none): (samples, table of what was filled in).

    Only clips with a known onset and offset. The table: sample_id, apex, energy (px). Nothing else changes.
    """
    nothing = pd.DataFrame(columns=["sample_id", "apex", "energy"])
    open_ones = (
        samples.kind.isin(["frames", "video"]) & samples.apex.isna() & samples.offset.gt(samples.onset).fillna(False)
    )
    if not open_ones.any():
        return samples, nothing
    asked = samples[open_ones]
    asked.attrs = samples.attrs
    numbers, curves, motion = energies(asked)
    found = [spot(times, curve) for times, curve in zip(numbers, curves, strict=True)]
    table = pd.DataFrame([(one.apex, one.peak) for one in found], columns=["apex", "energy"])
    table.insert(0, "sample_id", motion.sample_id)
    spotted = samples.sample_id.map(table.set_index("sample_id").apex)
    filled = samples.assign(apex=samples.apex.fillna(spotted.astype("Int64")))
    filled.attrs = samples.attrs
    return filled, table


def candidates(crops, fps, method=flow.methods.DEFAULT):
    """Intervals of a longer recording in which the face moves and comes back.

    crops: (T, H, W) uint8 standard crops of all frames, one registration. fps: frames per second. A frame is a
    candidate apex when it differs from the frames a fifth of a second before and after more than these two differ from
    one another: a movement that stays, or is still on its way, is no expression that passes. The threshold is the
    recording's own noise: median plus four robust standard deviations, and a quarter of a pixel at least. Around each
    apex the window grows until the face is at rest; of intervals that overlap the strongest stays. Returns a DataFrame:
    onset, apex, offset (positions in `crops`), seconds, peak (px), kind ("micro" up to LONGEST, "macro" beyond). The
    gentle beginning of a movement hides in noise, so that `seconds` is a lower bound.
    """
    if not fps > 0 or crops.ndim != 3:
        problem = f"{crops.shape} at {fps} frames per second is no recording to look through"
        raise WorkbookError(problem, remedy="give grey crops (T, H, W) and their frame rate")
    reach, length = max(1, round(0.2 * fps)), len(crops)
    step = np.zeros(length)  # from a fifth of a second before
    wide = np.zeros(length)  # from a fifth before to a fifth after
    if length > reach:
        with ThreadPoolExecutor(workspace.jobs()) as pool:  # flow is computed outside Python's lock

            def moved(first, later):
                return _rms(flow.between(crops[first], crops[later], method))

            step[reach:] = list(pool.map(moved, range(length - reach), range(reach, length)))
            ends = range(length - 2 * reach), range(2 * reach, length)
            wide[reach : length - reach] = list(pool.map(moved, *ends))
    after = np.concatenate([step[reach:], np.zeros(min(reach, length))])
    passing = np.where(wide < np.maximum(step, after), np.minimum(step, after), 0)
    passing = gaussian_filter1d(passing, max(0.5, 0.02 * fps))
    noise = max(0.25, np.median(passing) + 4 * 1.4826 * np.median(np.abs(passing - np.median(passing))))
    peaks, _ = find_peaks(passing, height=noise, distance=reach)
    rows = []
    for peak in sorted(peaks, key=lambda k: -passing[k]):
        first, last = _rest(step, after, peak, reach, round(2 * fps), noise)
        if any(first < row[2] and row[0] < last for row in rows):
            continue
        numbers = np.unique(np.linspace(first, last, 2 * STEPS + 1).round().astype(int))
        motion = np.stack([flow.between(crops[first], crops[k], method) for k in numbers])
        found = spot(numbers, energy(motion))
        seconds = (found.offset - found.onset) / fps
        rows.append((*found[:3], seconds, found.peak, "micro" if seconds <= LONGEST else "macro"))
    table = pd.DataFrame(rows, columns=["onset", "apex", "offset", "seconds", "peak", "kind"])
    return table.sort_values("onset", ignore_index=True)


def _rest(step, after, peak, reach, most, noise):
    """First and last position around a peak at which the face has stopped moving, at most so many frames away."""
    first, last = max(0, peak - reach), min(len(step) - 1, peak + reach)
    while first > max(0, peak - most) and step[first] > noise / 2:
        first -= 1
    while last < min(len(step) - 1, peak + most) and after[last] > noise / 2:
        last += 1
    return first, last


def _ends(row, margins):
    """(first, last) frame number to look at, `margins` (2,) seconds beyond the known ones; unknown if unreadable."""
    with suppress(WorkbookError):
        there = np.array(windows.available(row))
        if len(there) and not pd.isna(row.onset) and not pd.isna(row.offset):
            before, after = (0, 0) if pd.isna(row.fps) else (round(float(row.fps) * margin) for margin in margins)
            first = min(np.searchsorted(there, row.onset - before), len(there) - 1)
            return there[first], there[max(np.searchsorted(there, row.offset + after, "right") - 1, 0)]
        if len(there):
            return there[0], there[-1]
    return pd.NA, pd.NA


def _rms(maps):
    inside = faces.mask(maps.shape[-1], REGIONS)
    return float(np.sqrt((maps[:2, inside] ** 2).sum(axis=0).mean()))


def _parabola(numbers, smooth, top, at):
    """Values at `at` of the parabola through the peak and its neighbours: between two looks the peak can be nearer."""
    near = slice(max(top - 1, 0), top + 2)
    if len(smooth[near]) < 3:
        return np.interp(at, numbers, smooth)
    return np.polyval(np.polyfit(numbers[near], smooth[near], 2), at)
