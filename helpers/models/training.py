"""The torch training loop as a scikit-learn classifier: no model of its own, but what networks are built on.

Only what `fit` is given reaches the network: there is no argument through which a test row could come in. By default a
training takes a fixed number of epochs. With `patience` it is stopped early, by an inner group of training people, and
by nobody else. The loop itself is `_loop`, what it changes about clips `_augmentation`, folds side by side on a GPU
`_together`.
"""

import warnings

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from helpers.features import _checks
from helpers.models import fold_pairs, inner_folds
from helpers.workspace import WorkbookError, require_known

KNOWN = {
    "loss": ("log", "focal"), "class_weight": (None, "balanced"), "optimiser": ("adam", "adamw"),
    "schedule": (None, "cosine"), "device": ("cpu", "cuda", "auto"), "precision": ("auto", "float32", "float64"),
}  # fmt: skip
MARGIN = 0.01  # share of the prior's loss by which training has to beat it: ln 4 = 1.3863 is not beaten by 1.3860
INNER = 5  # folds of training people, one of which stops the training
PLACES = ("checkpoint", "device")  # arguments that say where, not what
# What earlier systems state about their training; where they state nothing, the defaults below hold. Brightness,
# rotation (degrees) and the scale of flow are largest changes; noise is in units of the standardised channel.
SOURCES = {
    "microfacial": {"rate": 1e-4, "epochs": 60, "patience": 20, "dropout": 0.2, "batch": 32},
    "fusion": {
        "optimiser": "adam", "rate": 1e-3, "decay": 1e-4, "epochs": 12, "batch": 32, "schedule": "cosine",
        "augment": {"brightness": 0.1, "rotation": 3, "noise": 0.01, "flow_scale": 0.1},
    },
}  # fmt: skip


class DidNotLearn(UserWarning):
    """Training did not beat the class prior on its own training set."""


class NetworkClassifier(ClassifierMixin, BaseEstimator):
    """Base of networks. X: (n, T, 3, H, W) flow; y: (n,) classes; a subclass writes `network`, `embedding`, `prepare`.

    | argument | what it sets |
    |---|---|
    | epochs, batch, rate, decay | passes over the clips, clips a step, of the optimiser: step size, decay of weights |
    | loss, gamma, smoothing | "log" or "focal" with its gamma; share of the target that goes to all classes alike |
    | class_weight | None, or "balanced": a class of n_k clips counts n / (K n_k) times |
    | random_state | of weights, order, augmentation, dropout; the same one gives the same numbers on a CPU |
    | optimiser, schedule, clip | "adam" or "adamw"; None or "cosine"; longest gradient of a step, None for any |
    | dropout | share left out in training, in networks that have such layers |
    | augment | settings of `_augmentation`, such as {"mirror": 0.5, "rotation": 3}; None for none |
    | patience | epochs without gain on inner people before it stops; None: no inner people, all epochs |
    | device, precision | "cpu", "cuda", "auto"; "auto": half precision on a GPU; "float32", "float64" |
    | checkpoint | file of this one training: kept every few epochs, taken up when `fit` is called again |

    Networks here are small and train on one CPU thread, since folds run side by side. X may also be a structured array:
    KINDS says of what kind each field is, and `embedding` gets a dict of tensors.
    """

    KINDS = {None: "flow", "flow": "flow", "frames": "picture", "features": "numbers"}  # noqa: RUF012

    def __init__(
        self, epochs=30, batch=32, rate=5e-3, decay=1e-4, loss="log", gamma=2.0, class_weight=None, random_state=None,
        *, smoothing=0.0, optimiser="adam", schedule=None, clip=1.0, dropout=0.0, augment=None, patience=None,
        device="cpu", precision="auto", checkpoint=None,
    ):  # fmt: skip
        self.epochs = epochs
        self.batch = batch
        self.rate = rate
        self.decay = decay
        self.loss = loss
        self.gamma = gamma
        self.class_weight = class_weight
        self.random_state = random_state
        self.smoothing = smoothing
        self.optimiser = optimiser
        self.schedule = schedule
        self.clip = clip
        self.dropout = dropout
        self.augment = augment
        self.patience = patience
        self.device = device
        self.precision = precision
        self.checkpoint = checkpoint

    def network(self, shape, classes):
        """An untrained torch ModuleDict for inputs of shape (T, 3, H, W); its "head" maps (n, d) to (n, classes).

        Of a structured array, shape is {field: shape}.
        """
        raise NotImplementedError

    def embedding(self, network, x):
        """(n, T, 3, H, W) tensor -> (n, d) tensor, what the head gets."""
        raise NotImplementedError

    def check(self, X):
        """The array, if it is one that this network takes; WorkbookError names the first row that is not finite."""
        names = np.asarray(X).dtype.names
        for name in names or ():
            _checks.finite(X[name])
        return np.asarray(X) if names else _checks.flow(X)

    def prepare(self, X):
        """(n, T, 3, H, W) -> the same as the network takes it. Learns nothing: each row by itself."""
        return X if X.dtype.names else np.asarray(X, np.float32)

    def tensors(self, X):
        """{field: tensor (n, ...)} of the prepared array; a plain array is the field None."""
        from helpers.models import _inputs

        return _inputs.tensors(X)

    def fit(self, X, y, groups=None):
        """Train on these rows. groups: (n,) people, needed for early stopping, which holds some of them out inside.

        What happened stands in `record_`: settings, parameters, the loss of each epoch, the final loss and that of the
        class prior on the training rows, whether the prior was beaten (if not, a DidNotLearn warning as well), batch
        sizes, and with early stopping the epoch that was kept and the people it was chosen by.
        Raises WorkbookError for unknown settings, a single class, a loss that is not finite, early stopping without
        groups, and a checkpoint of another configuration.
        """
        from helpers.models import _loop

        task = self._task(X, y, groups)
        return self._finish(task, _loop.Training(self, task).run())

    def predict_proba(self, X):
        """(n, K) probabilities."""
        import torch

        return torch.softmax(self._outputs(X), dim=1).numpy()

    def predict(self, X):
        """(n,) classes, each the most probable."""
        return self.classes_[self._outputs(X).numpy().argmax(axis=1)]

    def embed(self, X):
        """(n, d) float32: what the last layer of the trained network gets."""
        return self._outputs(X, self.embedding).float().numpy()

    @property
    def scale_(self):
        """(3, 1, 1) root mean square of each channel over the training maps: all come in at one size."""
        return self.standard_[None][1]

    def settings(self):
        """{argument: value}, JSON-able, without where it runs and what it keeps."""
        return {name: value for name, value in self.get_params().items() if name not in PLACES}

    def _task(self, X, y, groups):
        """Everything that one training needs, from these rows alone: a `_tasks.Task`."""
        from helpers.models import _tasks

        for name, known in KNOWN.items():
            require_known(str(getattr(self, name)), list(map(str, known)), name.replace("_", " "))
        X, (self.classes_, codes) = self.prepare(self.check(X)), np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise WorkbookError(f"all training clips are {self.classes_[0]}", remedy="train on more people")
        sides = self._sides(np.asarray(y), groups)
        self.inner_people_ = sorted(set(np.asarray(groups, str)[sides[1]])) if len(sides[1]) else []
        return _tasks.task(self, X, y, codes, sides, groups)

    def _sides(self, y, groups):
        """Positions of the rows to learn from and, with early stopping, of the inner people: whole people, and of
        `inner_folds` the first fold that shows most classes."""
        if self.patience is None:
            return np.arange(len(y)), np.arange(0)
        pairs = fold_pairs(inner_folds(y, groups, INNER))
        if not pairs:
            problem = "too few people share classes to stop by people who are not trained on"
            raise WorkbookError(problem, remedy="set patience to None, or train on more people")
        return max(pairs, key=lambda pair: len(np.unique(y[pair[1]])))

    def _finish(self, task, done):
        """Keep the trained network and write down what happened. done: of `_loop.Training`."""
        import torch

        from helpers.models import _loop

        final, weights = float(_loop.losses_of(self, task, task.train).mean()), task.weights.double()
        target = (1 - self.smoothing) * self.prior_ + self.smoothing / len(self.prior_)
        guess = torch.as_tensor(np.log(target), device=task.device).expand(len(task.train), -1)
        floor = float(_loop.clip_losses(self, guess, task.feed.truth[task.train], weights).mean())
        self.network_ = task.network.cpu()
        self.record_ = {
            "parameters": sum(parameter.numel() for parameter in self.network_.parameters()),
            "losses": [round(value, 5) for value in done["losses"]], "final_loss": final, "prior_loss": floor,
            "beats_prior": bool(final < (1 - MARGIN) * floor), "batches": done["batches"], "device": task.device,
            "half_precision": task.mixed, "resumed_at": done["resumed_at"], "settings": self.settings(),
        }  # fmt: skip
        if len(task.inner):
            inner = [round(value, 5) for value in done["inner_losses"]]
            kept = {"kept_epoch": done["kept_epoch"], "inner_people": self.inner_people_}
            self.record_ |= kept | {"inner_losses": inner}
        if not self.record_["beats_prior"]:
            warnings.warn(
                f"training did not beat the class prior on its own clips: loss {final:.4f}, prior {floor:.4f}",
                DidNotLearn, stacklevel=3,
            )  # fmt: skip
        return self

    def _outputs(self, X, forward=None):
        """(n, K) logits or what `forward(network, x)` gives, double precision, on the CPU."""
        import torch

        from helpers.models import _inputs, _loop

        check_is_fitted(self)
        X = self.prepare(self.check(X))
        dtype = next(self.network_.parameters()).dtype
        feed = _inputs.Feed(self.tensors(X), None, self.standard_, _inputs.kinds_of(X, self.KINDS), dtype=dtype)
        return _loop.outputs(self.network_, feed, torch.arange(len(X)), forward or self._forward)

    def _forward(self, network, x):
        return network["head"](self.embedding(network, x))
