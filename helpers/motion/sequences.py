"""Clips as sequences of flow at a constant time step, in windows that do not show where onset and offset are.

A window begins before the onset and ends after the offset, or breaks off after the apex, by amounts drawn for each
clip, so that the position in the window does not say how far an expression has come. Flow refers to the window's first
frame and not to the onset, which nobody knows who looks at a new recording.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from helpers import storage
from helpers.motion import flow, spotting
from helpers.workspace import NotApplicable, WorkbookError, require_known

LONGEST = 1.0  # seconds from onset to offset; twice what micro-expressions last, so that only slips of coding exceed it
KEYS = ["onset", "apex", "offset"]


class Sequences(NamedTuple):
    """Sequences of n clips in the order of `samples`, T steps each: as many as the longest clip has."""

    values: np.ndarray  # (n, T, 3, H, W) float32: u, v in pixels of the standard crop, strain; NaN: no frame
    frames: np.ndarray  # (n, T) int: frame numbers, -1 where there is none: at the end padding, in between missing
    samples: pd.DataFrame  # (n,) those measured; onset, apex and offset are the coded ones
    first: np.ndarray  # (n,) int: number of the window's first frame, to which flow refers and which is no step
    left_out: pd.DataFrame  # sample_id, emotion, reason
    step_s: float  # seconds between steps

    def select(self, kept):
        """The clips that a mask (n,) bool keeps."""
        rows = self.samples[kept].reset_index(drop=True)
        rows.attrs = self.samples.attrs
        arrays = {name: getattr(self, name)[kept] for name in ("values", "frames", "first")}
        return self._replace(samples=rows, **arrays)

    def lengths(self):
        """Steps of each clip up to its last frame, and how many of them are missing: sample_id, steps, missing."""
        there = self.frames >= 0
        steps = there.shape[1] - there[:, ::-1].argmax(axis=1)
        missing = steps - there.sum(axis=1)
        return pd.DataFrame({"sample_id": self.samples.sample_id, "steps": steps, "missing": missing})


def extract(samples, margin=0.25, step=0.025, side=28, seed=0, ends="apex"):
    """Sequences of all clips whose onset, apex and offset are coded, from `flow.extract`'s store.

    margin: seconds; a window begins up to so much before the onset and ends up to so much after the offset, both drawn
    uniformly for each clip by (seed, sample_id) and cut where the clip has no more frames; 0 gives onset..offset.
    ends: "apex": a window breaks off anywhere between the apex and the end it would have had ("offset"). In
    clips with few frames around onset and offset the place in a window tells much, however large the margin.
    step: seconds between steps; each is the frame nearest to its time. side: H = W of the maps. A frame that is missing
    inside the window is a step of NaN: see `Sequences.lengths`. Left out by name and reason: clips without a coded key
    frame or frame rate, longer than LONGEST, with frames further apart than a step, of fewer than two steps, or
    unreadable. Raises NotApplicable for stills, flow maps and where no clip has all three key frames; WorkbookError for
    a margin or step that is none, and where no clip can be measured.
    """
    if not (np.isfinite([margin, step]).all() and margin >= 0 and step > 0):
        problem = f"a margin of {margin} s and steps of {step} s are no window"
        raise WorkbookError(problem, remedy="give seconds, e.g. margin=0.25, step=0.025")
    require_known(ends, ("offset", "apex"), "earliest end of a window")
    flow.need_frames(samples)
    known = samples[KEYS].notna()
    if not known.all(axis=1).any():
        names = ", ".join(name for name in KEYS if not known[name].all())
        raise NotApplicable(f"no clip has onset, apex and offset coded (missing: {names}): no intensity can be derived")
    before, after, share = np.transpose([_draw(sample_id, seed) for sample_id in samples.sample_id])
    windows = spotting.whole_clips(samples, margin * before, margin * after)
    reasons = [_reason(*rows) for rows in zip(samples.itertuples(), windows.itertuples(), strict=True)]
    able = np.array([not reason for reason in reasons])
    refused = samples[["sample_id", "emotion"]].assign(reason=reasons)[~able]
    if not able.any():
        raise WorkbookError(f"no clip can be measured; the first one: {reasons[0]}", row=samples.sample_id.iloc[0])
    if ends == "apex":
        windows["offset"] = (samples.apex + share * (windows.offset - samples.apex)).round().astype("Int64")
    setting = flow.Setting(sequence=round((LONGEST + 2 * margin) / step), every=step, size=side)
    motion = flow.extract(windows[able], setting)
    frames, first = _frames(motion.select(windows), setting)
    left_out = pd.concat([refused, motion.left_out]).sort_values("sample_id", ignore_index=True)
    return Sequences(motion.values[:, : frames.shape[1]], frames, motion.select(samples), first, left_out, step)


def _draw(sample_id, seed):
    """Three numbers in 0..1, of each clip alone, so that other clips don't change its window."""
    return np.random.default_rng(int(storage.digest(seed, sample_id), 16)).uniform(size=3)


def _reason(row, window):
    """Why a clip has no sequence, or ""; what flow.extract finds out itself is left to it."""
    missing = [name for name in KEYS if pd.isna(getattr(row, name))]
    if missing:
        return f"no {missing[0]} is coded"
    if pd.isna(row.fps):
        return "no frame rate is known"
    if pd.isna(window.onset):
        return "its frames cannot be read"
    if window.onset > row.onset or window.offset < row.offset:
        return f"there are no frames from onset {row.onset} to offset {row.offset}"
    seconds = (row.offset - row.onset) / float(row.fps)
    return f"{seconds:.2f} s from onset to offset, more than {LONGEST:g} s" if seconds > LONGEST else ""


def _frames(windows, setting):
    """Frame numbers (n, T), -1 where there is none, and first frames (n,)."""
    looks = [flow.pairs(row, setting) for row in windows.itertuples(index=False)]
    numbers = np.full((len(looks), max(map(len, looks))), -1)
    for row, pairs in zip(numbers, looks, strict=True):
        row[: len(pairs)] = [pair[1] if pair else -1 for pair in pairs]
    return numbers, windows.onset.to_numpy(int)
