"""Onset -> apex motion as arrays: optical flow (u right, v down) and optical strain.

Onset-referenced flow carries the signal of a micro-expression. Rigid head motion is removed by subtracting the
median flow vector. Flow stays in pixels: min-max scaling a clip would destroy its amplitude.
"""

from itertools import permutations
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from helpers import workspace
from helpers.motion import frames
from helpers.workspace import NotApplicable, WorkbookError

# Farneback 2003, doi:10.1007/3-540-45103-X_50, with the parameters one of the re-created systems documents
FARNEBACK = {
    "pyr_scale": 0.5, "levels": 3, "winsize": 15, "iterations": 3, "poly_n": 5, "poly_sigma": 1.2, "flags": 0,
}  # fmt: skip
CROP = 128  # pixels; flow is computed at this face-crop size, then averaged down to the map


class Flow(NamedTuple):
    """Flow of n samples in the order of `sample_id`."""

    values: np.ndarray  # (n, T, 3, H, W) float32: u, v, strain
    sample_id: np.ndarray  # (n,) str
    units: str  # "px" (u, v in pixels, strain dimensionless) or "8-bit" (scaled by the maps' makers)


def with_apex(samples):
    """Samples whose apex comes after their onset, and a table of those left out, with the reason.

    Flow maps carry their motion and stay whole. A clip without an apex, or with its apex on the onset frame, has no
    onset -> apex motion to measure. Returns (samples, left_out).
    """
    framed = samples.kind.eq("frames")
    reason = pd.Series("", samples.index).mask(framed & samples.apex.isna(), "the coders marked no apex")
    reason = reason.mask(framed & samples.apex.eq(samples.onset).fillna(False), "the apex is the onset frame")
    out = samples.loc[reason.ne(""), ["sample_id", "emotion"]].assign(reason=reason[reason.ne("")])
    kept = samples[reason.eq("")].reset_index(drop=True)
    return kept, out.reset_index(drop=True)


def onset_to_apex(samples, size=frames.MAP_SIDE):
    """Onset -> apex flow of every sample, T = 1, H = W = size.

    Flow maps are read; frames of face crops go through Farneback. Raises NotApplicable for samples without either
    (stills, uncropped pictures), WorkbookError for a clip without an apex or an unreadable file.
    """
    kinds = set(samples.kind)
    if kinds == {"flow"}:
        values = np.stack([frames.flow_map(path) for path in samples.path])
        _check_channels(values, samples.path.iloc[0])
        return Flow(values[:, None], samples.sample_id.to_numpy(str), "8-bit")
    if kinds != {"frames"}:
        raise NotApplicable("these samples have neither flow maps nor cropped face frames to compute flow from")
    whole = ~samples.cropped.astype(bool) if "cropped" in samples else pd.Series(True, samples.index)
    if whole.any():
        what = f"{whole.sum()} of {len(samples)} clips are whole pictures, not cropped face frames"
        raise NotApplicable(f"{what}, {samples.sample_id[whole].iloc[0]} for one")
    if samples.apex.isna().any():
        row = samples.sample_id[samples.apex.isna()].iloc[0]
        raise WorkbookError(
            "this clip has no apex", row=row, remedy="leave it out with flow.with_apex, or spot its apex"
        )
    work = (delayed(_flow_of_clip)(row, size) for row in samples.itertuples())
    values = np.stack(Parallel(n_jobs=workspace.jobs())(work))
    return Flow(values[:, None], samples.sample_id.to_numpy(str), "px")


def strain(flow):
    """Optical strain magnitude of flow (..., 2, H, W), dimensionless.

    sqrt(u_x^2 + v_y^2 + (u_y + v_x)^2 / 2), the Frobenius norm of the infinitesimal strain tensor
    (Shreve et al. 2011, doi:10.1109/FG.2011.5771451). Zero for translation and for infinitesimal rotation.
    """
    u_y, u_x = np.gradient(flow[..., 0, :, :], axis=(-2, -1))
    v_y, v_x = np.gradient(flow[..., 1, :, :], axis=(-2, -1))
    return np.sqrt(u_x**2 + v_y**2 + 0.5 * (u_y + v_x) ** 2)


def farneback(first, second):
    """Dense flow between two (H, W) uint8 images: (2, H, W) float32, u and v in pixels, median motion removed."""
    flow = np.moveaxis(cv2.calcOpticalFlowFarneback(first, second, None, **FARNEBACK), -1, 0)
    return flow - np.median(flow, axis=(1, 2), keepdims=True)


def _flow_of_clip(row, size):
    cv2.setNumThreads(1)  # clips run in processes; threads inside them only get in each other's way
    onset, apex = frames.clip(row, (row.onset, row.apex), size=CROP, gray=True)
    flow = farneback(onset, apex)
    channels = np.concatenate([flow, strain(flow)[None]])
    return np.stack([cv2.resize(channel, (size, size), interpolation=cv2.INTER_AREA) for channel in channels])


def _check_channels(maps, path):
    """Refuse maps whose third channel is not the strain of the first two: (u, v, strain) is checked, not assumed."""
    some = maps[:: max(1, len(maps) // 100)]
    fits = {}
    for order in permutations(range(3)):
        computed, stored = strain(some[:, order[:2]]), some[:, order[2]]
        pairs = zip(computed.reshape(len(some), -1), stored.reshape(len(some), -1), strict=True)
        fits[order] = np.mean([np.corrcoef(a, b)[0, 1] for a, b in pairs if a.std() > 0 and b.std() > 0])
    best = max(fits, key=fits.get)
    if best != (0, 1, 2):
        problem = f"the channels of the flow maps fit the order {best} better than (u, v, strain)"
        raise WorkbookError(problem, file=path, remedy="fetch the release's own PNG files")
