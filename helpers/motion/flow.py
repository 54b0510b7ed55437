"""Motion between key frames as arrays: optical flow (u right, v down) and optical strain, of samples or of pictures.

Flow that refers to the onset frame carries the signal of a micro-expression. Faces are registered once, rigid head
motion is removed, and flow stays in pixels: min-max scaling a clip would destroy its amplitude.
"""

from dataclasses import asdict
from functools import lru_cache
from itertools import permutations
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd

from helpers import storage, weights, workspace
from helpers.motion import faces, frames, methods
from helpers.motion.store import Request, stored
from helpers.motion.windows import FALL, RIGID, RISE, WHOLE, Setting, pairs  # noqa: F401 (part of this module's face)
from helpers.workspace import NotApplicable, WorkbookError


class Flow(NamedTuple):
    """Flow of n samples in the order of `sample_id`."""

    values: np.ndarray  # (n, T, 3, H, W) float32: u, v, strain; NaN where a clip of unequal length has no frame
    sample_id: np.ndarray  # (n,) str
    units: str  # "px" (u, v in pixels of the crop, strain dimensionless) or "8-bit" (scaled by the maps' makers)
    left_out: pd.DataFrame  # sample_id, emotion, reason: clips that could not be measured

    def select(self, samples):
        """The rows of Samples that were measured, in this order."""
        kept = samples.set_index("sample_id", drop=False).loc[self.sample_id].reset_index(drop=True)
        kept.attrs = samples.attrs
        return kept


def need_frames(samples):
    """Raise NotApplicable unless these are clips with frames: flow maps and stills have nothing to measure."""
    kinds = set(samples.kind)
    if not kinds <= {"frames", "video"}:
        what = "flow maps, measured by their makers" if kinds == {"flow"} else "single stills, in which nothing moves"
        raise NotApplicable(f"these samples are {what}")


def extract(samples, setting=None):
    """Flow of every sample that has what the setting needs: T windows (or frames), maps of H = W = setting.size.

    Frames and videos are registered and measured, or read from the store; flow maps are read as they are. A clip that
    lacks a key frame, whose apex is its onset, or that can't be read is left out by name and reason. Raises
    NotApplicable for stills, and WorkbookError for an unknown setting or when no clip at all can be measured.
    """
    setting = setting or Setting()
    if set(samples.kind) == {"flow"}:
        return _ready_made(samples, setting)
    need_frames(samples)
    if samples.empty:
        raise WorkbookError("there are no samples to measure", remedy="check what was left out before")
    if methods.missing(setting.method):
        raise weights.Unavailable(methods.missing(setting.method), remedy="choose another flow method")
    rows, spans, reasons = list(samples.itertuples(index=False)), [], {}
    for position, row in enumerate(rows):
        try:
            spans.append(pairs(row, setting))
        except WorkbookError as error:
            spans.append(None)
            reasons[position] = error.problem
    able = [position for position, span in enumerate(spans) if span]
    if not able:
        raise WorkbookError(f"no clip can be measured; the first one: {reasons[0]}", row=rows[0].sample_id)
    facts = asdict(setting) | methods.settings(setting.method) | {"code": _code(), "faces": _finders(samples)}
    requests = [Request(rows[k].sample_id, _request(rows[k], spans[k]) | facts, rows[k].path) for k in able]
    folder = workspace.cache_dir("flow") / samples.attrs.get("dataset", "unnamed") / storage.digest(facts)
    shape, threads = (setting.length, 3, setting.size, setting.size), cv2.getNumThreads()
    cv2.setNumThreads(1)  # clips run side by side; threads inside them only get in each other's way
    try:
        values, failed = stored(
            folder, requests, lambda k: _measure(rows[able[k]], spans[able[k]], setting), shape, what="optical flow",
            threads=setting.method in methods.THREADED,
        )  # fmt: skip
    finally:
        cv2.setNumThreads(threads)
    reasons |= {able[k]: reason for k, reason in failed.items()}
    if len(failed) == len(able):
        raise WorkbookError(f"no clip can be measured; the first one: {reasons[able[0]]}")
    if failed:
        values = values[[k for k in range(len(able)) if k not in failed]]
    ids = samples.sample_id.to_numpy(str)
    left_out = samples[["sample_id", "emotion"]].iloc[sorted(reasons)].reset_index(drop=True)
    left_out["reason"] = [reasons[position] for position in sorted(reasons)]
    return Flow(values, ids[[k for k in range(len(rows)) if k not in reasons]], "px", left_out)


def onset_to_apex(samples, size=frames.MAP_SIDE, method=methods.DEFAULT):
    """Onset -> apex flow of every sample, T = 1, H = W = size: see `extract`."""
    return extract(samples, Setting(size=size, method=method))


def between(first, second, method=methods.DEFAULT, rigid="median"):
    """Flow and strain between two standard crops (H, W) uint8: (3, H, W) float32, rigid motion removed from u and v."""
    workspace.require_known(rigid, RIGID, "way of removing head motion")
    if first.ndim != 2 or first.shape != second.shape:
        problem = f"pictures of shape {first.shape} and {second.shape} cannot be compared"
        raise WorkbookError(problem, remedy="give two grey crops (H, W) of one size, as faces.crops returns")
    flow = methods.METHODS[method](first, second)
    if rigid != "none":
        still = faces.region(flow, "bridge") if rigid == "patch" else flow
        flow = flow - np.median(still, axis=(1, 2), keepdims=True)
    return np.concatenate([flow, strain(flow)[None]])


def strain(flow):
    """Optical strain magnitude of flow (..., 2, H, W), dimensionless.

    sqrt(u_x^2 + v_y^2 + (u_y + v_x)^2 / 2), the Frobenius norm of the infinitesimal strain tensor
    (Shreve et al. 2011, doi:10.1109/FG.2011.5771451). Zero for translation and for infinitesimal rotation.
    """
    u_y, u_x = np.gradient(flow[..., 0, :, :], axis=(-2, -1))
    v_y, v_x = np.gradient(flow[..., 1, :, :], axis=(-2, -1))
    return np.sqrt(u_x**2 + v_y**2 + 0.5 * (u_y + v_x) ** 2)


def regions(values, names=tuple(faces.REGIONS), size=None):
    """Maps (n, T, 3, H, W) cut into R regions of interest: (n, T, R, 3, size, size) float32; values stay as they are.

    size: side to which each region is stretched (by default H). Give slices of n: 224 px of four regions take 2.4 MB a
    window. Boxes: `faces.REGIONS`, in standard crops.
    """
    if values.ndim != 5:
        raise WorkbookError(f"maps of shape {values.shape} are not (n, T, 3, H, W)", remedy="give values[:1], not [0]")
    n, length, channels, height, _ = values.shape
    size = size or height
    out = np.empty((n, length, len(names), channels, size, size), np.float32)
    for column, name in enumerate(names):
        part = faces.region(np.asarray(values), name)
        part = np.moveaxis(part.reshape(-1, *part.shape[2:]), 1, -1)
        for k, picture in enumerate(part):
            wide = cv2.resize(np.ascontiguousarray(picture), (size, size), interpolation=cv2.INTER_LINEAR)
            out[k // length, k % length, column] = np.moveaxis(wide, -1, 0)
    return out


def hsv(flow, longest=None):
    """Flow (2, H, W) as RGB uint8 for people: hue is the direction, brightness the length up to `longest` pixels."""
    length, angle = np.hypot(*flow[:2]), np.arctan2(flow[1], flow[0])
    bright = np.clip(length / (longest or max(length.max(), 1e-6)), 0, 1)
    picture = np.stack([np.mod(angle, 2 * np.pi) * 90 / np.pi, np.full_like(bright, 255), 255 * bright], axis=-1)
    return cv2.cvtColor(picture.astype(np.uint8), cv2.COLOR_HSV2RGB)


def _measure(row, spans, setting):
    """(T, 3, size, size) maps of a clip, NaN where there is no pair of frames; and the files they come from."""
    numbers = sorted({number for pair in spans if pair for number in pair})
    pictures = dict(zip(numbers, faces.crops(row, numbers, setting.crop), strict=True))
    maps, side = np.full((setting.length, 3, setting.size, setting.size), np.nan, np.float32), (setting.size,) * 2
    for place, pair in enumerate(spans):
        if pair:
            three = between(pictures[pair[0]], pictures[pair[1]], setting.method, setting.rigid)
            if setting.size != setting.crop:
                three = [cv2.resize(channel, side, interpolation=cv2.INTER_AREA) for channel in three]
            maps[place] = three
    looked_at = [] if faces.finder(row.dataset) == "known geometry" else [faces.locating_frame(row)]
    return maps, frames.paths(row, [*numbers, *looked_at])


def _request(row, spans):
    """What a clip's maps depend on besides settings and files: also the frame that its crop was found in."""
    face = None if pd.isna(row.onset) or faces.finder(row.dataset) == "known geometry" else int(row.onset)
    return {"path": row.path, "frames": spans, "face in": face, "cropped": bool(getattr(row, "cropped", False))}


@lru_cache(maxsize=1)
def _code():
    """Digest of what computes: maps of an older version of it are computed again."""
    here = Path(__file__).parent
    files = [here / f"{name}.py" for name in ("flow", "methods", "faces", "frames")]
    return storage.digest(faces.GEOMETRY, *files, here.parent / "datasets" / "_frames.py")


def _finders(samples):
    """What finds the faces of these samples: part of the key, as the crop depends on it."""
    return [*sorted({faces.finder(name) for name in samples.dataset.unique()}), workspace.versions(("scikit-image",))]


def _ready_made(samples, setting):
    if setting != Setting(size=setting.size, method=setting.method):
        raise NotApplicable("ready-made flow maps hold one window, onset to apex, as their makers computed it")
    values = np.stack([frames.flow_map(path) for path in samples.path])
    _check_channels(values, samples.path.iloc[0])
    nothing = pd.DataFrame(columns=["sample_id", "emotion", "reason"])
    return Flow(values[:, None], samples.sample_id.to_numpy(str), "8-bit", nothing)


def _check_channels(maps, path):
    """Refuse maps whose third channel is not the strain of the first two: (u, v, strain) is checked, not assumed."""
    some = maps[:: max(1, len(maps) // 100)]
    fits = {}
    for order in permutations(range(3)):
        computed, given = strain(some[:, order[:2]]), some[:, order[2]]
        pairs_of = zip(computed.reshape(len(some), -1), given.reshape(len(some), -1), strict=True)
        fits[order] = np.mean([np.corrcoef(a, b)[0, 1] for a, b in pairs_of if a.std() > 0 and b.std() > 0])
    best = max(fits, key=fits.get)
    if best != (0, 1, 2):
        problem = f"the channels of the flow maps fit the order {best} better than (u, v, strain)"
        raise WorkbookError(problem, file=path, remedy="fetch the release's own PNG files")
