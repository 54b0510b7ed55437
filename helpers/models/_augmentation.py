"""Augmentation on the fly, of training batches only: each clip of each batch is changed in its own, new way.

| setting | what it does to a clip, the same to all its fields and windows |
|---|---|
| `mirror` | probability of left and right changing places; u, the motion to the right, changes its sign |
| `rotation` | degrees, drawn from -rotation..rotation; the vectors (u, v) turn with the picture |
| `shift` | pixels to the right and down, each drawn from -shift..shift |
| `flow_scale` | u, v and strain times 1 - flow_scale..1 + flow_scale |
| `brightness` | pictures, but not flow, times 1 - brightness..1 + brightness |
| `noise` | standard deviation of what is added to pixels, in units of the standardised channel; padding stays zero |

Numbers that were measured on a clip before (features) and masks stay as they are. Strain is a length and does not turn.
Imports torch: import this module inside functions.
"""

import math

import torch
from torch.nn import functional

from helpers.workspace import WorkbookError, require_known

SETTINGS = ("mirror", "rotation", "shift", "flow_scale", "brightness", "noise")
FIXED = ("numbers", "mask")  # kinds of fields that nothing is done to


def checked(settings):
    """The settings, or None for none; WorkbookError for an unknown name or a negative number."""
    for name, value in (settings or {}).items():
        require_known(name, SETTINGS, "augmentation")
        if not 0 <= value <= (1 if name in ("mirror", "flow_scale", "brightness") else math.inf):
            raise WorkbookError(f"augmentation {name} is {value}", remedy="give 0 or more, and at most 1 for shares")
    return settings or None


def moved(rows, kinds, settings, chance):
    """{field: tensor (n, ...)} as measured, not yet standardised -> the same, mirrored, turned, shifted, scaled."""
    some = next(iter(rows.values()))

    def drawn(name, columns=1):
        limit = settings.get(name, 0)
        return limit * (2 * torch.rand(len(some), columns, generator=chance, device=some.device) - 1).to(some.dtype)

    mirrored = torch.rand(len(some), generator=chance, device=some.device) < settings.get("mirror", 0)
    angle, shift = torch.deg2rad(drawn("rotation")[:, 0]), drawn("shift", 2)
    factors = {"flow": 1 + drawn("flow_scale"), "picture": 1 + drawn("brightness")}
    geometry = bool(settings.get("rotation") or settings.get("shift"))
    return {
        name: values if kinds[name] in FIXED
        else _changed(values, kinds[name], mirrored, angle, shift, geometry) * _wide(factors[kinds[name]][:, 0], values)
        for name, values in rows.items()
    }  # fmt: skip


def noisy(rows, kinds, settings, chance):
    """The standardised rows with noise on everything but numbers and padding.

    Beside a mask nothing is drawn for padding, so that more of it does not change what the other maps get.
    """
    size = settings.get("noise", 0)
    if not size:
        return rows
    mask = next((values > 0 for name, values in rows.items() if kinds[name] == "mask"), None)

    def of(values):
        if mask is not None:
            added = torch.zeros_like(values)
            shape = (int(mask.sum()), *values.shape[2:])
            added[mask] = size * torch.randn(shape, generator=chance, device=values.device, dtype=values.dtype)
            return added
        drawn = torch.randn(values.shape, generator=chance, device=values.device, dtype=values.dtype)
        return size * drawn * values.flatten(-3).any(-1)[..., None, None, None]

    return {name: values if kinds[name] in FIXED else values + of(values) for name, values in rows.items()}


def mirror(flow):
    """(..., 3, H, W) with left and right exchanged: what moved to the right now moves to the left."""
    return flow.flip(-1) * flow.new_tensor([-1, 1, 1])[:, None, None]


def turn(flow, angle, shift=None):
    """(n, ..., 3, H, W) turned about its centre, vectors and all, then shifted. angle: (n,) radians, from x (right)
    towards y (down); shift: (n, 2) pixels (x, y)."""
    u, v, strain = _placed(flow, angle, shift).unbind(-3)
    cosine, sine = _wide(angle.cos(), u), _wide(angle.sin(), u)
    return torch.stack([cosine * u - sine * v, sine * u + cosine * v, strain], dim=-3)


def _changed(values, kind, mirrored, angle, shift, geometry):
    """(n, ..., H, W) of one kind, mirrored where (n,) `mirrored` says so, turned and shifted if `geometry`."""
    if mirrored.any():
        other = mirror(values) if kind == "flow" else values.flip(-1)
        values = torch.where(_wide(mirrored, values), other, values)
    if not geometry:
        return values
    return turn(values, angle, shift) if kind == "flow" else _placed(values, angle, shift)


def _placed(values, angle, shift=None):
    """(n, ..., H, W): each pixel at its new place, bilinear; what comes in from outside repeats the edge."""
    height, width = values.shape[-2:]
    shift = torch.zeros(len(values), 2, dtype=values.dtype, device=values.device) if shift is None else shift
    cosine, sine = angle.cos(), angle.sin()
    # From new place to old one, in units of half the picture's width and height: back by the shift, then turned back.
    x, y = 2 * shift[:, 0] / width, 2 * shift[:, 1] / height
    across, along = sine * height / width, sine * width / height
    rows = [cosine, across, -cosine * x - across * y, -along, cosine, along * x - cosine * y]
    grid = functional.affine_grid(
        torch.stack(rows, dim=1).view(-1, 2, 3), (len(values), 1, height, width), align_corners=False
    )
    flat = values.reshape(len(values), -1, height, width)
    return functional.grid_sample(flat, grid, padding_mode="border", align_corners=False).view(values.shape)


def _wide(numbers, like):
    """(n,) as (n, 1, ..., 1), to go with `like`."""
    return numbers.reshape(-1, *[1] * (like.ndim - 1))
