"""What the re-created systems are fed, from one set of clips: the same samples in the same order for every model.

| kind (`TAKES` of a model) | array |
|---|---|
| flow | onset to apex, (n, 1, 3, 28, 28), as everywhere in the workbook |
| windows | onset to apex, apex to offset: (n, 2, 3, S, S); of ready-made maps the one window that there is |
| standard | the same in the standard crop, where `motion.faces.REGIONS` are: ready-made maps are put in place |
| frames | onset, apex, offset: (n, 3, S, S, 3) RGB uint8 |
| fused | a structured array: frames, flow of the three windows, and features measured on them |
"""

from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd

from helpers import features, models
from helpers.evaluation import regions
from helpers.models import fused_svm
from helpers.motion import faces, flow
from helpers.workspace import NotApplicable

WINDOWS = (flow.RISE, flow.FALL, flow.WHOLE)
SIDE = 64  # pixels of frames that features are measured on, of frames and maps of the fused SVM in profile full
# Side of maps, of RGB frames, of what the fused SVM's network sees; and of the crop in which flow is measured
SIDES = {
    "tiny": {"windows": 64, "frames": 32, "fused": 24}, "quick": {"windows": 64, "frames": 32, "fused": 24},
    "full": {"windows": 224, "frames": 224, "fused": SIDE},
}  # fmt: skip
CROP = {"full": 224}
LBP_TOP = {"grid": (3, 3), "radii": (1, 1, 1)}  # three key frames have room for one step in time


class Arrays(NamedTuple):
    """Clips as every model wants them."""

    samples: pd.DataFrame  # (n,) those that could be measured
    kinds: dict  # {kind: array (n, ...)}
    missing: dict  # {kind: why this dataset has none}
    units: str  # of flow: "px" or "8-bit"
    left_out: pd.DataFrame  # sample_id, emotion, reason

    def of(self, model):
        """The array of a model, by its name; NotApplicable says why there is none."""
        kind = models.takes(model)
        if kind in self.missing:
            raise NotApplicable(f"{model} does not apply: {self.missing[kind]}")
        return self.kinds[kind]

    def select(self, kept):
        """The rows that a mask (n,) bool keeps."""
        rows = self.samples[kept].reset_index(drop=True)
        rows.attrs = self.samples.attrs
        return self._replace(samples=rows, kinds={kind: array[kept] for kind, array in self.kinds.items()})


def of(samples, profile):
    """Arrays of clips with frames, or of ready-made flow maps. NotApplicable for stills."""
    sides = SIDES[profile.name]
    if set(samples.kind) == {"flow"}:
        motion = flow.onset_to_apex(samples)
        why = dict.fromkeys(("frames", "fused"), "flow maps have no frames")
        kinds = {"flow": motion.values, "windows": motion.values, "standard": placed(motion.values, sides["windows"])}
        return Arrays(motion.select(samples), kinds, why, motion.units, motion.left_out)
    setting = flow.Setting(windows=WINDOWS, size=sides["windows"], crop=CROP.get(profile.name, 128))
    motion = flow.extract(samples, setting)
    samples = motion.select(samples)
    kinds = {
        "flow": flow.onset_to_apex(samples).values,
        "windows": motion.values[:, :2],
        "standard": motion.values[:, :2],
        "frames": faces.key_frames(samples, sides["frames"]),
        "fused": fused(samples, motion.values, sides["fused"]),
    }
    return Arrays(samples, kinds, {}, motion.units, motion.left_out)


def fused(samples, maps, side):
    """The structured array of the fused SVM (n,). maps: flow (n, 3, 3, H, W) of WINDOWS; side: of frames and flow."""
    pictures = faces.key_frames(samples, SIDE)  # (n, 3, SIDE, SIDE, 3)
    grey = np.stack([[cv2.cvtColor(one, cv2.COLOR_RGB2GRAY) for one in three] for three in pictures])
    small = np.moveaxis(resized(np.moveaxis(pictures, -1, 2).astype(np.float32), side), 2, -1)
    found = {
        "frames": np.round(small).astype(np.uint8),
        "flow": resized(maps, side),
        "lbp_top": features.build("lbp_top", **LBP_TOP).fit_transform(grey),
        "hog": features.build("hog").fit_transform(grey[:, 1]),
        "flow_statistics": features.build("flow_statistics").fit_transform(maps),
        fused_svm.AU: features.build(fused_svm.AU).fit_transform(maps),
    }
    array = np.empty(len(samples), [(name, values.dtype, values.shape[1:]) for name, values in found.items()])
    for name, values in found.items():
        array[name] = values
    return array


def placed(maps, side):
    """Ready-made maps (n, T, 3, H, W) where they lie in the standard crop: (n, T, 3, side, side) float32.

    The inverse of what `regions.boxes` does for public maps, so that boxes of the standard crop lie on the parts of the
    face. The public crop covers the middle of the standard one. What is around it is unknown and stays zero; each map's
    median of u and v is taken off before, so that zero means still.
    """
    maps = np.array(maps, np.float32)
    maps[:, :, :2] -= np.median(maps[:, :, :2], axis=(-2, -1), keepdims=True)
    left, right, eyes = regions.PUBLIC["eyes"]
    (there_left, there_eyes), (there_right, _), *_, (_, there_mouth) = faces.POINTS
    wide, high = right - left, regions.PUBLIC["mouth"] - eyes
    scale = np.array([wide / (there_right - there_left), high / (there_mouth - there_eyes)])
    shift = np.array([left, eyes]) - scale * [there_left, there_eyes]
    size = np.array([maps.shape[-1], maps.shape[-2]])
    step = scale * size / side  # pixels of a map for one of the crop; centres of pixels lie at halves
    matrix = np.column_stack([np.diag(step), shift * size + step / 2 - 0.5])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    flat = [cv2.warpAffine(one, matrix, (side, side), flags=how) for one in maps.reshape(-1, *maps.shape[-2:])]
    return np.stack(flat).reshape(*maps.shape[:3], side, side)


def resized(values, side):
    """(n, T, C, H, W) averaged down to (n, T, C, side, side) float32; as they are where that is their size."""
    if values.shape[-1] == side:
        return np.asarray(values)
    flat = np.ascontiguousarray(values, np.float32).reshape(-1, *values.shape[-2:])
    small = [cv2.resize(one, (side, side), interpolation=cv2.INTER_AREA) for one in flat]
    return np.stack(small).reshape(*values.shape[:3], side, side)
