"""The convolutional network of `fused_svm`: a key frame and the flow of its clip -> 128 numbers.

Four convolutions of 3 x 3 and one of 1 x 1, each batch-normalised (Ioffe & Szegedy 2015, arXiv:1502.03167), as the
re-created documentation prints them. Its printed code feeds six channels of flow to a convolution of three; here frame
and flow enter the first convolution together, nine channels. A clip is three training examples, one a key frame.
"""

import numpy as np

from helpers.models.training import NetworkClassifier
from helpers.motion.faces import region

WIDTH = 128
BOX = "nose"  # with the upper lip: where action units 9 and 10 show


class FrameCNN(NetworkClassifier):
    """Classifier of examples, as `examples` makes them; `embed` gives WIDTH numbers each.

    channels: of the convolutions of 3 x 3. emphasis: factor of the frame inside the box of nose and upper lip, 1 for
    none. training: as of NetworkClassifier.
    """

    KINDS = {"frame": "picture", "flow": "flow"}  # noqa: RUF012

    def __init__(self, channels=(32, 64, 128, 256), emphasis=1.3, class_weight="balanced", **training):
        super().__init__(class_weight=class_weight, **training)
        self.channels = channels
        self.emphasis = emphasis

    def prepare(self, X):
        """The examples with the emphasis in their frames."""
        X = X.copy()
        region(X["frame"], BOX)[:] *= self.emphasis
        return X

    def network(self, shape, classes):
        """shape: {"frame": (3, H, W), "flow": (T, 3, H, W)}."""
        from torch import nn

        layers, before = [], shape["frame"][0] + 2 * shape["flow"][0]
        for after in self.channels:
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)]
            before = after
        layers[-1] = nn.AdaptiveAvgPool2d(1)
        layers += [nn.Conv2d(before, WIDTH, 1), nn.BatchNorm2d(WIDTH), nn.ReLU(), nn.Flatten()]
        return nn.ModuleDict({"convolutions": nn.Sequential(*layers), "head": nn.Linear(WIDTH, classes)})

    def embedding(self, network, x):
        """{"frame": (n, 3, H, W), "flow": (n, T, 3, H, W)} -> (n, WIDTH)."""
        import torch

        motion = x["flow"][:, :, :2].flatten(1, 2)  # u and v of all windows: (n, 2 T, H, W)
        return network["convolutions"](torch.cat([x["frame"], motion], dim=1))


def examples(X):
    """Clips with `frames` (n, F, H, W, 3) uint8 and `flow` (n, T, 3, H, W) -> F examples each, (n F,).

    Fields: `frame` (3, H, W) float32 in 0..1, `flow` as it was.
    """
    count, side = X["frames"].shape[1], X["frames"].shape[2:4]
    found = np.empty(len(X) * count, [("frame", np.float32, (3, *side)), ("flow", np.float32, X["flow"].shape[1:])])
    found["frame"] = np.moveaxis(X["frames"].reshape(-1, *side, 3), -1, 1) / np.float32(255)
    found["flow"] = np.repeat(X["flow"], count, axis=0)
    return found


def per_clip(values, clips):
    """(n F, d) of examples -> (n, d): the mean over the frames of each clip."""
    return values.reshape(clips, -1, values.shape[1]).mean(axis=1)
