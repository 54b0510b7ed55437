"""The network after some of its epochs: states kept while it learns, of training rows only, to be asked afterwards."""

import copy

from helpers.models.ststnet import SETTINGS, STSTNet


def after(data, seed, train, test, epochs, **changed):
    """(classes, {epoch: (m, K) probabilities of the rows of `test`}) of one training on the rows of `train`.

    epochs: how many have passed, counted from 1. changed: settings that differ from the profile's.
    """
    from helpers.models import _loop

    class Watched(_loop.Training):
        """A training that keeps the network's state after each of `epochs`."""

        def epoch(self):
            loss = super().epoch()
            if len(self.done["losses"]) + 1 in epochs:
                states[len(self.done["losses"]) + 1] = copy.deepcopy(self.task.network.state_dict())
            return loss

    states = {}
    made = STSTNet(**SETTINGS[data.profile.name] | changed, random_state=seed)
    task = made._task(data.X[train], data.y[train], data.people[train])
    made._finish(task, Watched(made, task).run())
    answers = {}
    for epoch, state in states.items():
        made.network_.load_state_dict(state)
        answers[epoch] = made.predict_proba(data.X[test])
    return made.classes_, answers


def all_epochs(data):
    """Epochs of the profile's training, counted from 1."""
    return range(1, SETTINGS[data.profile.name]["epochs"] + 1)
