"""The torch training loop as a scikit-learn classifier: no model of its own, but what networks are built on.

Only what `fit` is given reaches the network: there is no argument through which a test row could come in. By default a
training takes a fixed number of epochs. With `patience` it is stopped early, by an inner group of training people, and
by nobody else. What classifiers share with regressors of intensity is `_network`, the loop itself `_loop`, what it
changes about clips `_augmentation`, folds side by side on a GPU `_together`.
"""

import numpy as np
from sklearn.base import ClassifierMixin

from helpers.features import _checks
from helpers.models._network import DidNotLearn as DidNotLearn
from helpers.models._network import Network
from helpers.workspace import WorkbookError

# What earlier systems state about their training; where they state nothing, the defaults below hold. Brightness,
# rotation (degrees) and the scale of flow are largest changes; noise is in units of the standardised channel.
SOURCES = {
    "microfacial": {"rate": 1e-4, "epochs": 60, "patience": 20, "dropout": 0.2, "batch": 32},
    "fusion": {
        "optimiser": "adam", "rate": 1e-3, "decay": 1e-4, "epochs": 12, "batch": 32, "schedule": "cosine",
        "augment": {"brightness": 0.1, "rotation": 3, "noise": 0.01, "flow_scale": 0.1},
    },
}  # fmt: skip


class NetworkClassifier(ClassifierMixin, Network):
    """Base of networks. X: (n, T, 3, H, W) flow; y: (n,) classes; a subclass writes `network`, `embedding`, `prepare`.

    | argument | what it sets, beside those of `Network` |
    |---|---|
    | loss, gamma, smoothing | "log" or "focal" with its gamma; share of the target that goes to all classes alike |
    | class_weight | None, or "balanced": a class of n_k clips counts n / (K n_k) times |

    Raises WorkbookError for a single class.
    """

    KNOWN = {"loss": ("log", "focal"), "class_weight": (None, "balanced"), **Network.KNOWN}  # noqa: RUF012
    GUESS = "the class prior"

    def __init__(
        self, epochs=30, batch=32, rate=5e-3, decay=1e-4, loss="log", gamma=2.0, class_weight=None, random_state=None,
        *, smoothing=0.0, **training,
    ):  # fmt: skip
        super().__init__(epochs, batch, rate, decay, random_state, **training)
        self.loss = loss
        self.gamma = gamma
        self.class_weight = class_weight
        self.smoothing = smoothing

    def check(self, X):
        """The array, if it is one that this network takes; WorkbookError names the first row that is not finite."""
        names = np.asarray(X).dtype.names
        for name in names or ():
            _checks.finite(X[name])
        return np.asarray(X) if names else _checks.flow(X)

    def predict_proba(self, X):
        """(n, K) probabilities."""
        import torch

        return torch.softmax(self._outputs(X), dim=1).numpy()

    def predict(self, X):
        """(n,) classes, each the most probable."""
        return self.classes_[self._outputs(X).numpy().argmax(axis=1)]

    @property
    def scale_(self):
        """(3, 1, 1) root mean square of each channel over the training maps: all come in at one size."""
        return self.standard_[None][1]

    def _encoded(self, y, X):
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise WorkbookError(f"all training clips are {self.classes_[0]}", remedy="train on more people")
        return codes

    def _strata(self, y):
        return np.asarray(y)

    def _weights(self, codes):
        """(K,) weight of each class in the loss; `prior_`: the shares that the classes then have, the best guess."""
        counts = np.bincount(codes)
        weights = len(codes) / (len(counts) * counts) if self.class_weight else np.ones(len(counts))
        shares = counts * weights
        self.prior_ = shares / shares.sum()
        return weights.astype(np.float32)

    def _losses(self, logits, codes, weights):
        from helpers.models import _loop

        return _loop.clip_losses(self, logits, codes, weights)

    def _guess(self, codes):
        import torch

        target = (1 - self.smoothing) * self.prior_ + self.smoothing / len(self.prior_)
        return torch.as_tensor(np.log(target), device=codes.device).expand(len(codes), -1)
