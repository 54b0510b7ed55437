"""STSTNet and OFF-ApexNet: their papers' parameter counts, and the merged streams against three that are apart."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from helpers import models, workspace
from helpers.models import ststnet
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
