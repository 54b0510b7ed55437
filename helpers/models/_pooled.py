"""Convolution, ReLU, batch norm and max pooling in one step of training on a CPU, without full-size maps in memory.

A network that is only one such block spends its time on passes over maps that pooling throws away. But batch norm is
monotone in each channel: which value of a window wins is known before the statistics are. So clips go through in parts
that fit a core's cache, and of each part there remain the winners, and two small sums from which both statistics and
their share of the gradient follow: with r the maps after ReLU and p the inputs under the kernel, sums of r p and of
p where r > 0. Only then are the winners normalised, 9 times fewer of them. Imports torch: import this module inside
functions.
"""

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

AT_ONCE = 32  # clips; with patches of 28 x 28 maps 5 MB. Fewer cost more in calls, more fall out of the cache


class Pooled(nn.Sequential):
    """Conv2d (stride 1, zeros around), ReLU, BatchNorm2d, MaxPool2d (windows apart), Dropout and further layers.

    (n, C, H, W) -> what nn.Sequential gives for the same layers, up to rounding and to which numbers dropout draws. It
    is nn.Sequential wherever the short way does not hold: in evaluation, on a GPU, for a gradient of the input, and
    where `_stack` has put another batch norm in. Where a weight of batch norm is exactly 0, its gradient is that from
    the right.
    """

    def forward(self, x):
        convolution, _, norm, pool, dropout, *rest = self
        if not self.training or x.device.type != "cpu" or x.requires_grad or type(norm) is not nn.BatchNorm2d:
            return super().forward(x)
        signs = 1 - 2 * (norm.weight.detach() < 0).to(x.dtype)
        x, total, squares, count = _Winners.apply(x, convolution.weight, convolution.bias, signs, convolution, pool)
        mean = total / count
        variance = (squares / count - mean.square()).clamp(min=0)
        with torch.no_grad():
            norm.num_batches_tracked += 1
            norm.running_mean.lerp_(mean.to(x.dtype), norm.momentum)
            norm.running_var.lerp_((variance * count / (count - 1)).to(x.dtype), norm.momentum)
        scale = norm.weight * (variance + norm.eps).rsqrt() / (1 - dropout.p)
        shift = norm.bias / (1 - dropout.p) - mean * scale
        x = torch.addcmul(shift.to(x.dtype)[:, None, None], x, scale.to(x.dtype)[:, None, None])
        x = x * _kept(x, dropout.p) if dropout.p else x
        for layer in rest:
            x = layer(x)
        return x


class _Winners(torch.autograd.Function):
    """(n, C, H, W) -> of the maps after ReLU the largest of each window (n, F, h, w), where a sign is -1 the smallest;
    their sums and sums of squares (F,), float64; how many values of a channel these are of."""

    @staticmethod
    def forward(ctx, x, weight, bias, signs, convolution, pool):
        kernel = torch.cat([weight.flatten(1), bias[:, None]], dim=1).T  # (C k k + 1, F)
        ctx.layers, ctx.parts, winners, turned = (convolution, pool), [], [], bool((signs < 0).any())
        active = weighted = torch.zeros(kernel.shape, dtype=torch.float64)  # sums of p where r > 0, and of r p
        for some in x.split(AT_ONCE):
            framed = _framed(some, convolution.padding)
            patches = _patches(framed, convolution.kernel_size)
            size, patches = patches.shape[1:3], patches.flatten(1)
            maps = torch.mm(patches.T, kernel).relu_()  # (rows columns b, F)
            active = active + torch.mm(patches, maps.sign())
            weighted = weighted + torch.mm(patches, maps)
            if turned:
                maps = maps.view(-1, len(some), len(signs)) * signs
            one = maps.view(1, *size, -1).permute(0, 3, 1, 2)  # all clips as channels of one image: (1, b F, ...)
            best, places = functional.max_pool2d(one, *_windows(pool), return_indices=True)
            winners.append(best[0].unflatten(0, (len(some), -1)))
            ctx.parts.append((framed, places))
        ctx.size = size
        found = torch.cat(winners).contiguous(memory_format=torch.channels_last)
        found = found * signs[:, None, None] if turned else found
        ctx.save_for_backward(found, active, weighted)
        # The last row of patches is 1; the sum of r r is that of r p times the kernel, since r is 0 or kernel p.
        return found, weighted[-1].clone(), (weighted * kernel).sum(0), len(x) * size[0] * size[1]

    @staticmethod
    @once_differentiable
    def backward(ctx, slopes, of_total, of_squares, _):
        (convolution, pool), (found, active, weighted) = ctx.layers, ctx.saved_tensors
        total = active * of_total + 2 * weighted * of_squares
        slopes = slopes * (found > 0)
        for (framed, places), some in zip(ctx.parts, slopes.split(AT_ONCE), strict=True):
            patches = _patches(framed, convolution.kernel_size).flatten(1)
            one = some.permute(2, 3, 0, 1).reshape(1, *places.shape[2:], -1).permute(0, 3, 1, 2)
            maps = functional.max_unpool2d(one, places, *_windows(pool), output_size=ctx.size)
            total = total + torch.mm(patches, maps.permute(0, 2, 3, 1).reshape(patches.shape[1], -1))
        total = total.T.to(slopes.dtype)
        return None, total[:, :-1].reshape(convolution.weight.shape), total[:, -1], None, None, None


def _framed(x, padding):
    """(b, C, H, W) -> (C, H + 2 p, W + 2 p, b): clips last, so that what is copied next lies together."""
    top, left = padding
    return functional.pad(x.permute(1, 2, 3, 0).contiguous(), (0, 0, left, left, top, top))


def _patches(framed, kernel):
    """(C, H, W, b) -> (C k k + 1, rows, columns, b): what the kernel sees, and a last row of ones for the bias."""
    view = framed.unfold(1, kernel[0], 1).unfold(2, kernel[1], 1).permute(0, 4, 5, 1, 2, 3)
    patches = framed.new_empty(view.shape[:3].numel() + 1, *view.shape[3:])
    patches[:-1].view(view.shape).copy_(view)
    patches[-1] = 1
    return patches


def _windows(pool):
    return pool.kernel_size, pool.stride, pool.padding


def _kept(x, p):
    """Of x's shape, 0 with probability p (to 1 / 65,536), else 1: a 64-bit random number serves four values."""
    bits = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(1 << 63), None).view(torch.int16)
    kept = bits[: x.numel()] >= round(p * (1 << 16)) - (1 << 15)
    return kept.to(x.dtype).view(x.permute(0, 2, 3, 1).shape).permute(0, 3, 1, 2)
