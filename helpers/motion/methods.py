"""Optical flow between two pictures, one function a method: (H, W) uint8 twice -> (2, H, W) float32, u and v in pixels.

u points right, v down; a point at x in the first picture lies at x + (u, v) in the second. Head motion is still in it.
`METHODS` is the registry; `settings(name)` is what a cache key has to know.
"""

from functools import lru_cache

import cv2
import numpy as np

from helpers import weights, workspace

DEFAULT = "dis"  # least endpoint error on the demo's known motion, chosen there and not by any recognition score
# Farneback 2003, doi:10.1007/3-540-45103-X_50, with the parameters one of the re-created systems documents
FARNEBACK = {
    "pyr_scale": 0.5, "levels": 3, "winsize": 15, "iterations": 3, "poly_n": 5, "poly_sigma": 1.2, "flags": 0,
}  # fmt: skip
# Kroeger et al. 2016, doi:10.1007/978-3-319-46493-0_29. The presets stop at half or quarter resolution, which loses
# most of a movement of one pixel; going down to the pixels (scale 0) keeps it.
DIS = {"preset": "MEDIUM", "finest_scale": 0}
# Zach, Pock & Bischof 2007, doi:10.1007/978-3-540-74936-3_22, as scikit-image has it; a stronger tie to the data
# than its default (15), which smooths small movements away
TVL1 = {"attachment": 60, "tightness": 0.3, "num_warp": 5, "num_iter": 10}
# Teed & Deng 2020, doi:10.1007/978-3-030-58536-5_24: torchvision's small network; pictures are doubled in size, as it
# works at an eighth of the resolution
RAFT = {"weights": "Raft_Small_Weights.C_T_V2", "enlarged": 2}


def farneback(first, second):
    """Polynomial expansion; identical in OpenCV 4 and 5."""
    return _channels_first(cv2.calcOpticalFlowFarneback(first, second, None, **FARNEBACK))


def dis(first, second):
    """Dense inverse search with variational refinement; OpenCV versions differ by some hundredths of a pixel."""
    method = cv2.DISOpticalFlow_create(getattr(cv2, f"DISOPTICAL_FLOW_PRESET_{DIS['preset']}"))
    method.setFinestScale(DIS["finest_scale"])
    return _channels_first(method.calc(first, second, None))


def tvl1(first, second):
    """Total variation with an L1 data term; much slower than the two above."""
    from skimage.registration import optical_flow_tvl1

    v, u = optical_flow_tvl1(first.astype(np.float32) / 255, second.astype(np.float32) / 255, **TVL1)
    return np.stack([u, v]).astype(np.float32)


def raft(first, second):
    """Recurrent all-pairs network. Raises weights.Unavailable where its weights can't be had."""
    import torch
    from torch.nn.functional import interpolate

    network = _raft()
    pictures = torch.from_numpy(np.stack([first, second]).astype(np.float32))[:, None].expand(-1, 3, -1, -1)
    height, width = first.shape
    size = [-(-side * RAFT["enlarged"] // 8) * 8 for side in (height, width)]  # the network asks for multiples of 8
    pictures = interpolate(pictures / 127.5 - 1, size, mode="bilinear", align_corners=False)
    with torch.inference_mode():
        flow = network(pictures[:1], pictures[1:])[-1]
        flow = interpolate(flow, (height, width), mode="bilinear", align_corners=False)[0].numpy()
    return flow * np.array([width / size[1], height / size[0]], np.float32)[:, None, None]


METHODS = {"farneback": farneback, "dis": dis, "tvl1": tvl1, "raft": raft}


@lru_cache
def missing(name):
    """Why a method can't be used here, or "" when it can. Asked once a process: the network is tried once."""
    try:
        if name == "raft":
            _raft()
    except weights.Unavailable as error:
        return error.problem
    return ""


def settings(name):
    """Parameters and library versions that a method's result depends on, JSON-able."""
    workspace.require_known(name, METHODS, "flow method")
    parameters = {"farneback": FARNEBACK, "dis": DIS, "tvl1": TVL1, "raft": RAFT}[name]
    library = {"tvl1": ("scikit-image",), "raft": ("torch", "torchvision")}.get(name, ())
    return {"method": name, **parameters, "opencv": cv2.__version__, **workspace.versions(library)}


@lru_cache(maxsize=1)
def _raft():
    from torchvision.models import optical_flow

    entry = optical_flow.Raft_Small_Weights.C_T_V2
    network = optical_flow.raft_small()
    network.load_state_dict(weights.of_torchvision(entry))
    return network.eval()


def _channels_first(flow):
    return np.ascontiguousarray(np.moveaxis(flow, -1, 0))
