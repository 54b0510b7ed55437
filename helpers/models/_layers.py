"""Layers of the networks on flow maps and regions. Imports torch: import this module where a network is built."""

import math

import torch
from torch import nn
from torch.nn import functional

from helpers.workspace import WorkbookError


def encoder(channels, width, dropout, inputs=3):
    """Pictures (n, inputs, h, w) -> (n, width): a block a number of `channels`, global average pooling, a layer.

    A block halves the picture. Groups of channels are normalised picture by picture (Wu & He 2018,
    doi:10.1007/978-3-030-01261-8_1), so that neither padding nor the other clips of a batch reach a clip's numbers.
    """
    blocks = []
    for before, after in zip((inputs, *channels), channels, strict=False):
        blocks += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.GroupNorm(min(8, after // 4), after), nn.ReLU()]
    return nn.Sequential(
        *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(channels[-1], width)
    )


class Regions(nn.Module):
    """Parts of each map, each through the one encoder that all of them share.

    boxes: R boxes (x0, y0, x1, y1) relative to the map, cut as `motion.flow.regions` does; size: side in pixels to
    which each part is stretched.
    """

    def __init__(self, boxes, size, encode):
        super().__init__()
        self.boxes, self.size, self.encode = tuple(boxes), size, encode

    def forward(self, x):
        """(n, T, 3, H, W), or regions already cut (n, T, R, 3, h, w) -> (n, T, R, width)."""
        x = self.cut(x)  # (n, T, R, 3, size, size)
        return self.encode(x.flatten(0, 2)).unflatten(0, x.shape[:3])  # (n, T, R, width)

    def cut(self, x):
        """The same inputs -> (n, T, R, 3, size, size). WorkbookError where a region has no pixel."""
        if x.ndim == 6:
            return self._stretched(x.flatten(0, 2)).unflatten(0, x.shape[:3])
        flat, parts = x.flatten(0, 1), []  # (n T, 3, H, W)
        for x0, y0, x1, y1 in self.boxes:
            rows, columns = (slice(round(a * side), round(b * side))
                             for a, b, side in ((y0, y1, x.shape[-2]), (x0, x1, x.shape[-1])))  # fmt: skip
            parts.append(self._stretched(flat[..., rows, columns]))
        return torch.stack(parts, dim=1).unflatten(0, x.shape[:2])

    def _stretched(self, part):
        if 0 in part.shape[-2:]:
            raise WorkbookError("a region has no pixel in these maps", remedy="give larger maps (28 x 28 will do)")
        return functional.interpolate(part, (self.size, self.size), mode="bilinear")


def real(x):
    """(n, T) bool of inputs (n, T, ...): windows that are no padding, which is zero throughout.

    Of a clip in which nothing moves at all the first window counts.
    """
    found = x.flatten(2).any(dim=2)
    return found | (~found.any(dim=1, keepdim=True) & (torch.arange(x.shape[1], device=x.device) == 0))


def mean_over(values, kept):
    """Mean over windows that are no padding: (n, T, ...) and (n, T) bool -> (n, ...)."""
    kept = kept.reshape(*kept.shape, *[1] * (values.ndim - 2)).to(values.dtype)
    return (values * kept).sum(dim=1) / kept.sum(dim=1)


class Graph(nn.Module):
    """Graph attention over R regions, each of them joined with all (Veličković et al. 2018, arXiv:1710.10903).

    A region's numbers become a mixture of all regions': weights are softmax over j of
    LeakyReLU(a . [W h_i, W h_j]), `heads` of them side by side. What a region is stands in a learned vector of its own.
    """

    def __init__(self, regions, width, heads=4, layers=2):
        super().__init__()
        self.place = nn.Parameter(0.02 * torch.randn(regions, width))
        self.layers = nn.ModuleList(GraphAttention(width, heads) for _ in range(layers))

    def forward(self, nodes):
        """(n, R, width) -> (n, width): the mean over regions after all layers."""
        nodes = nodes + self.place
        for layer in self.layers:
            nodes = layer(nodes)  # (n, R, width)
        return nodes.mean(dim=1)

    def weights(self, nodes):
        """(n, R, width) -> (n, R, R): how much region j counts for region i in the last layer, mean over heads."""
        nodes = nodes + self.place
        for layer in self.layers[:-1]:
            nodes = layer(nodes)
        return self.layers[-1].weights(self.layers[-1].project(nodes)).mean(dim=-1)


class GraphAttention(nn.Module):
    """One layer of graph attention, added to what came in and normalised."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(width, width, bias=False)
        self.ends = nn.Parameter(torch.randn(2, heads, width // heads) / math.sqrt(width // heads))  # the two of a
        self.norm = nn.LayerNorm(width)

    def forward(self, nodes):
        """(n, R, width) -> (n, R, width)."""
        projected = self.project(nodes)
        parts = projected.unflatten(-1, (self.heads, -1))  # (n, R, heads, width / heads)
        mixed = torch.einsum("nijh,njhd->nihd", self.weights(projected), parts).flatten(2)  # (n, R, width)
        return self.norm(nodes + functional.elu(mixed))

    def weights(self, projected):
        """(n, R, width) -> (n, R, R, heads), each row summing to 1."""
        to, of = torch.einsum("nrhd,ehd->enrh", projected.unflatten(-1, (self.heads, -1)), self.ends)  # (n, R, heads)
        return functional.leaky_relu(to[:, :, None] + of[:, None], 0.2).softmax(dim=2)


class Windows(nn.Module):
    """A transformer encoder over temporal windows (Vaswani et al. 2017, arXiv:1706.03762); padding is not looked at.

    A window's token is a projection of all its regions. Places in time are the paper's sines, so that the number of
    windows is free: one will do.
    """

    def __init__(self, regions, width, dropout, heads=4, layers=2):
        super().__init__()
        self.project = nn.Linear(regions * width, width)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, heads, 2 * width, dropout, batch_first=True) for _ in range(layers)
        )

    def forward(self, found, kept):
        """(n, T, R, width) and (n, T) bool -> (n, width): mean over windows that are no padding."""
        tokens = self.tokens(found)  # (n, T, width)
        for layer in self.layers:
            tokens = layer(tokens, src_key_padding_mask=~kept)
        return mean_over(tokens, kept)

    def weights(self, found, kept):
        """The same inputs -> (n, T, T): how much window j counts for window i in the last layer, mean over heads."""
        tokens = self.tokens(found)
        for layer in self.layers[:-1]:
            tokens = layer(tokens, src_key_padding_mask=~kept)
        return self.layers[-1].self_attn(tokens, tokens, tokens, key_padding_mask=~kept)[1]

    def tokens(self, found):
        """(n, T, R, width) -> (n, T, width), with their places in time."""
        tokens = self.project(found.flatten(2))
        steps, width = tokens.shape[1:]
        turn = torch.exp(torch.arange(0, width, 2, device=tokens.device) * (-math.log(10_000.0) / width))
        angle = torch.arange(steps, device=tokens.device)[:, None] * turn  # (T, width / 2)
        return tokens + torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)


class Fusion(nn.Module):
    """A learned mixture of branches: softmax weights, which begin equal, of branches brought to one size."""

    def __init__(self, branches, width):
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(branches))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(branches))

    def forward(self, *branches):
        """Each (n, width) -> (n, width)."""
        normed = [norm(branch) for norm, branch in zip(self.norms, branches, strict=True)]
        return torch.einsum("b,bnw->nw", self.shares(), torch.stack(normed))

    def shares(self):
        """(branches,) weights that sum to 1."""
        return self.logits.softmax(dim=0)
