"""STSTNet and OFF-ApexNet: their papers' parameter counts, and the merged streams against three that are apart."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from helpers import models, workspace
from helpers.models import _pooled, ststnet
from helpers.models.off_apexnet import OFFApexNet
from helpers.models.ststnet import STSTNet


class ThreeStreams(nn.Module):
    """STSTNet as it is drawn in the paper, for comparison; dropout left out."""

    def __init__(self, merged):
        super().__init__()
        own, self.streams = merged["streams"], nn.ModuleList()
        for rows in torch.arange(16).split([3, 5, 8]):
            convolution, norm = nn.Conv2d(3, len(rows), 3, padding=2), nn.BatchNorm2d(len(rows))
            convolution.load_state_dict({"weight": own[0].weight[rows], "bias": own[0].bias[rows]})
            self.streams.append(nn.Sequential(convolution, nn.ReLU(), norm, nn.MaxPool2d(3, stride=3, padding=1)))
        self.head = nn.Linear(400, 3)
        self.head.load_state_dict(merged["head"].state_dict())

    def forward(self, x):
        return self.head(functional.avg_pool2d(torch.cat([stream(x) for stream in self.streams], dim=1), 2).flatten(1))


def clips(n=60, side=28):
    rng = np.random.default_rng(0)
    y = np.array(["negative", "positive", "surprise"])[np.arange(n) % 3]
    X = rng.normal(size=(n, 2, 3, side, side)).astype(np.float32)
    for k, label in enumerate(np.unique(y)):
        X[y == label, 0, :, 9 * k : 9 * k + 9] += 0.7
    return X, y


def test_merged_streams_learn_what_three_streams_learn():
    """Same first weights and order of clips: the plain loop of a script gives the same losses."""
    X, y = clips()
    model = STSTNet(epochs=4, batch=25, rate=1e-2, decay=0, clip=None, precision="float64", random_state=3)
    task = model._task(X, y, None)
    reference, losses = ThreeStreams(task.network).double(), []
    step = torch.optim.Adam(reference.parameters(), lr=1e-2)
    for _ in range(4):
        order, total = torch.randperm(60, generator=task.order), 0.0
        for some in order.split(25):
            step.zero_grad()
            x, truth = task.feed.batch(some)[:, 0], task.feed.truth[some]
            loss = functional.cross_entropy(reference(x), truth)
            loss.backward()
            step.step()
            total += loss.item() * len(some)
        losses.append(total / 60)
    assert np.allclose(model.fit(X, y).record_["losses"], losses, atol=1e-5)


def blocks(p=0.0, filters=5):
    """The same layers as nn.Sequential and as Pooled, double precision; weights of batch norm of both signs."""
    torch.manual_seed(1)
    layers = nn.Conv2d(3, filters, 3, padding=2), nn.ReLU(inplace=True), nn.BatchNorm2d(filters), nn.MaxPool2d(3, 3, 1)
    plain = nn.Sequential(*layers, nn.Dropout(p), nn.AvgPool2d(2), nn.Flatten()).double()
    with torch.no_grad():
        plain[2].weight.copy_(torch.linspace(-1, 1.5, filters))
        plain[2].bias.normal_()
    return plain, _pooled.Pooled(*copy.deepcopy(plain))


@pytest.mark.parametrize(
    ("n", "at_once", "sides"), [(7, 32, (28, 28)), (7, 3, (28, 28)), (2, 1, (10, 13)), (1, 1, (9, 8))]
)
def test_short_way_through_the_first_block_is_that_of_the_layers(n, at_once, sides, monkeypatch):
    """Outputs, gradients, running statistics, in training twice and in evaluation; one part and several."""
    monkeypatch.setattr(_pooled, "AT_ONCE", at_once)
    plain, short = blocks()
    for _ in range(2):
        x = torch.randn(n, 3, *sides, dtype=torch.float64)
        ways = plain(x), short(x)
        assert torch.allclose(*ways, rtol=1e-10, atol=1e-10)
        slope = torch.randn_like(ways[0])
        for way in ways:
            way.backward(slope)
    for (name, one), other in zip(plain.named_parameters(), short.parameters(), strict=True):
        assert torch.allclose(one.grad, other.grad, rtol=1e-8, atol=1e-8), name
    for (name, one), other in zip(plain.named_buffers(), short.buffers(), strict=True):
        assert torch.allclose(one, other, rtol=1e-12, atol=1e-12), name
    assert list(plain.state_dict()) == list(short.state_dict())
    assert torch.allclose(plain.eval()(x), short.eval()(x), rtol=1e-10, atol=1e-10)


def test_gradients_of_the_short_way_are_those_of_finite_differences():
    short = blocks(filters=4)[1]
    x, names = torch.randn(3, 3, 7, 7, dtype=torch.float64), [name for name, _ in short.named_parameters()]
    values = [value.detach().clone().requires_grad_() for value in short.parameters()]

    def outputs(*values):
        return torch.func.functional_call(short, dict(zip(names, values, strict=True)), (x,))

    assert torch.autograd.gradcheck(outputs, values)


def test_weight_of_zero_gives_the_bias_and_finite_gradients():
    plain, short = blocks()
    x = torch.randn(4, 3, 28, 28, dtype=torch.float64)
    for block in (plain, short):
        nn.init.zeros_(block[2].weight)
        block(x).square().sum().backward()
    assert torch.allclose(plain(x), short(x))
    for k in (0, 2):
        assert short[k].weight.grad.isfinite().all() and torch.allclose(plain[k].bias.grad, short[k].bias.grad)


def test_input_gets_its_gradient_from_the_layers_themselves():
    plain, short = blocks()
    found = []
    for block in (plain, short):
        x = torch.ones(2, 3, 28, 28, dtype=torch.float64, requires_grad=True)
        block(x * torch.arange(28)).square().sum().backward()
        found.append(x.grad)
    assert torch.equal(*found) and found[0].any()


def test_dropout_of_the_short_way_leaves_out_its_share_and_keeps_the_mean():
    x = torch.ones(64, 16, 10, 10)
    for p in (0.5, 0.2):
        kept = _pooled._kept(x, p)
        assert set(kept.unique().tolist()) == {0, 1} and abs(kept.mean() - (1 - p)) < 0.01
    short, x = blocks(p=0.5)[1], torch.randn(3, 3, 28, 28, dtype=torch.float64)
    mean = torch.stack([short(x) for _ in range(800)]).mean(dim=0)
    short[4].p = 0.0
    assert (mean - short(x)).abs().mean() < 0.05


@pytest.mark.parametrize(("network", "parameters"), [(STSTNet, 1_683), (OFFApexNet, 2_664_475)])
def test_networks_have_the_parameters_that_their_docstring_says(network, parameters):
    made = network().network((1, 3, 28, 28), 3)
    assert sum(parameter.numel() for parameter in made.parameters()) == parameters
    assert f"{parameters:,}" in __import__(network.__module__, fromlist=["_"]).__doc__


def test_other_sizes_are_resized_vectors_included_and_head_motion_drops_out():
    wide = np.zeros((2, 3, 3, 56, 84), np.float32)
    wide[:, 0, 0, 14:42, 21:63], wide[:, 0, 1, 14:42, 21:63] = 3.0, 2.0
    found = STSTNet().prepare(wide)
    assert found.shape == (2, 1, 3, 28, 28)
    assert np.allclose(found[:, 0, :2, 14, 14], 1), "3 px of 84 are 1 px of 28, and so are 2 of 56"
    wide[:, :, :2] += 5
    assert np.allclose(STSTNet().prepare(wide), found, atol=1e-5)


def test_full_is_the_setting_of_the_papers_script():
    full = models.build("ststnet", workspace.profile("full"), 0)[-1]
    assert (full.epochs, full.batch, full.rate, full.dropout, full.decay) == (800, 256, 5e-5, 0.5, 0)
    assert ststnet.SETTINGS["full"] is ststnet.PAPER
