"""The torch training loop as a scikit-learn classifier: no model of its own, but what networks are built on.

Adam (Kingma & Ba 2015, arXiv:1412.6980), a fixed number of epochs, so that nothing has to be held out to stop by. The
loss is the log loss, with class weights or as focal loss (Lin et al. 2017, arXiv:1708.02002) if asked for. Only what
`fit` is given reaches the network: there is no argument through which a test row could come in.
"""

import warnings

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from helpers.features import _checks
from helpers.workspace import WorkbookError, require_known

LOSSES = ("log", "focal")
WEIGHTS = (None, "balanced")
MARGIN = 0.01  # share of the prior's loss by which training has to beat it: ln 4 = 1.3863 is not beaten by 1.3860
CLIP = 1.0  # longest gradient of a step


class DidNotLearn(UserWarning):
    """Training did not beat the class prior on its own training set."""


class NetworkClassifier(ClassifierMixin, BaseEstimator):
    """Base of networks. X: (n, T, 3, H, W) flow; y: (n,) classes; a subclass writes `network`, `embedding`, `prepare`.

    epochs, batch, rate (of Adam), decay (of weights): how it is trained. loss: one of LOSSES; gamma: of the focal loss;
    class_weight: None, or "balanced", where a class of n_k clips counts n / (K n_k) times. random_state: of first
    weights and of the order of clips; the same one gives the same numbers on a CPU. Networks here are small and
    train on one CPU thread, since folds run side by side.
    """

    def __init__(
        self, epochs=30, batch=32, rate=5e-3, decay=1e-4, loss="log", gamma=2.0, class_weight=None, random_state=None
    ):
        self.epochs = epochs
        self.batch = batch
        self.rate = rate
        self.decay = decay
        self.loss = loss
        self.gamma = gamma
        self.class_weight = class_weight
        self.random_state = random_state

    def network(self, shape, classes):
        """An untrained torch ModuleDict for inputs of shape (T, 3, H, W); its "head" maps (n, d) to (n, classes)."""
        raise NotImplementedError

    def embedding(self, network, x):
        """(n, T, 3, H, W) tensor -> (n, d) tensor, what the head gets."""
        raise NotImplementedError

    def prepare(self, X):
        """(n, T, 3, H, W) -> the same as the network takes it. Learns nothing: each row by itself."""
        return np.asarray(X, np.float32)

    def fit(self, X, y, groups=None):
        """Train on these rows. groups, (n,) people, are taken and not needed: nothing is held out inside.

        What happened stands in `record_`: parameters, the loss of each epoch, the final loss and that of the class
        prior on the training rows, and whether the prior was beaten (if not, a DidNotLearn warning as well).
        Raises WorkbookError for an unknown loss or weighting, a single class, and a loss that is not finite.
        """
        import torch

        require_known(self.loss, LOSSES, "loss")
        require_known(self.class_weight, WEIGHTS, "class weight")
        X, (self.classes_, codes) = self.prepare(_checks.flow(X)), np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise WorkbookError(f"all training clips are {self.classes_[0]}", remedy="train on more people")
        self.scale_ = _scale(X)
        weights, prior = self._weights(codes)
        rows, truth = torch.from_numpy(X / self.scale_), torch.from_numpy(codes)
        torch.set_num_threads(1)  # threads in layers this small only wait for each other
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0 if self.random_state is None else self.random_state)
            self.network_ = self.network(X.shape[1:], len(self.classes_))
            losses = self._train(rows, truth, torch.from_numpy(weights))
        with torch.inference_mode():
            final = float(self._loss(self._forward(self.network_.eval(), rows), truth, torch.from_numpy(weights)))
            guess = torch.from_numpy(np.log(prior).astype(np.float32)).expand(len(rows), -1)
            floor = float(self._loss(guess, truth, torch.from_numpy(weights)))
        parameters = sum(parameter.numel() for parameter in self.network_.parameters())
        self.record_ = {
            "parameters": parameters, "losses": [round(value, 5) for value in losses], "final_loss": final,
            "prior_loss": floor, "beats_prior": bool(final < (1 - MARGIN) * floor),
        }  # fmt: skip
        if not self.record_["beats_prior"]:
            warnings.warn(
                f"training did not beat the class prior on its own clips: loss {final:.4f}, prior {floor:.4f}",
                DidNotLearn, stacklevel=2,
            )  # fmt: skip
        return self

    def predict_proba(self, X):
        """(n, K) probabilities."""
        import torch

        return torch.softmax(self._outputs(X), dim=1).double().numpy()

    def predict(self, X):
        """(n,) classes, each the most probable."""
        return self.classes_[self._outputs(X).numpy().argmax(axis=1)]

    def embed(self, X):
        """(n, d) float32: what the last layer of the trained network gets."""
        return self._outputs(X, whole=False).numpy()

    def _outputs(self, X, whole=True):
        import torch

        check_is_fitted(self)
        rows = torch.from_numpy(self.prepare(_checks.flow(X)) / self.scale_)
        with torch.inference_mode():
            return (self._forward if whole else self.embedding)(self.network_.eval(), rows)

    def _forward(self, network, x):
        return network["head"](self.embedding(network, x))

    def _train(self, rows, truth, weights):
        """Mean loss of each epoch."""
        import torch

        step = torch.optim.Adam(self.network_.parameters(), lr=self.rate, weight_decay=self.decay)
        losses = []
        for epoch in range(self.epochs):
            total, self.network_ = 0.0, self.network_.train()
            for some in torch.randperm(len(rows)).split(self.batch):
                step.zero_grad()
                loss = self._loss(self._forward(self.network_, rows[some]), truth[some], weights)
                if not torch.isfinite(loss):
                    remedy = "lower the rate, or look at the arrays for outliers"
                    raise WorkbookError(f"the loss is {loss.item()} in epoch {epoch + 1}", remedy=remedy)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(self.network_.parameters(), CLIP)
                step.step()
                total += float(loss.detach()) * len(some)
            losses.append(total / len(rows))
        return losses

    def _weights(self, codes):
        """(K,) float32 weight of each class in the loss, and the shares that the classes then have: the best guess."""
        counts = np.bincount(codes)
        weights = len(codes) / (len(counts) * counts) if self.class_weight else np.ones(len(counts))
        shares = counts * weights
        return weights.astype(np.float32), shares / shares.sum()

    def _loss(self, logits, truth, weights):
        """Mean over clips of weight * (1 - p)^gamma * -log p of the true class; gamma is 0 for the log loss."""
        import torch

        log_p = torch.log_softmax(logits, dim=1).gather(1, truth[:, None])[:, 0]
        loss = -log_p * weights[truth]
        return (loss * (1 - log_p.exp()) ** self.gamma if self.loss == "focal" else loss).mean()


def _scale(X):
    """(3, 1, 1) float32: root mean square of each channel over the training maps, so that all come in at one size.

    Maps that are zero throughout are padding and do not count.
    """
    size = np.sqrt(np.square(X[X.any(axis=(2, 3, 4))], dtype=np.float64).mean(axis=(0, 2, 3)))
    return np.where(size > 0, size, 1).astype(np.float32)[:, None, None]
