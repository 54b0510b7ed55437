"""The torch training loop as a scikit-learn estimator, whatever it learns: the base of classifiers and of regressors.

What a kind of estimator learns it says in hooks: `_encoded`, `_strata`, `_weights`, `_losses`, `_guess`.
"""

import warnings

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from helpers.models import fold_pairs, inner_folds
from helpers.workspace import WorkbookError, require_known

MARGIN = 0.01  # share of the prior's loss by which training has to beat it: ln 4 = 1.3863 is not beaten by 1.3860
INNER = 5  # folds of training people, one of which stops the training
PLACES = ("checkpoint", "device")  # arguments that say where, not what


class DidNotLearn(UserWarning):
    """Training did not beat the best guess that knows no clip, such as the class prior, on its own training set."""


class Network(BaseEstimator):
    """Arguments and training that all networks share; a subclass writes `network`, `embedding`, `check` and the hooks.

    | argument | what it sets |
    |---|---|
    | epochs, batch, rate, decay | passes over the clips, clips a step, of the optimiser: step size, decay of weights |
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
    KNOWN = {  # noqa: RUF012
        "optimiser": ("adam", "adamw"), "schedule": (None, "cosine"), "device": ("cpu", "cuda", "auto"),
        "precision": ("auto", "float32", "float64"),
    }  # fmt: skip
    GUESS = "the best constant"  # what training has to beat

    def __init__(
        self, epochs=30, batch=32, rate=5e-3, decay=1e-4, random_state=None, *, optimiser="adam", schedule=None,
        clip=1.0, dropout=0.0, augment=None, patience=None, device="cpu", precision="auto", checkpoint=None,
    ):  # fmt: skip
        self.epochs = epochs
        self.batch = batch
        self.rate = rate
        self.decay = decay
        self.random_state = random_state
        self.optimiser = optimiser
        self.schedule = schedule
        self.clip = clip
        self.dropout = dropout
        self.augment = augment
        self.patience = patience
        self.device = device
        self.precision = precision
        self.checkpoint = checkpoint

    @classmethod
    def _get_param_names(cls):  # scikit-learn reads one signature; here every class adds its own to those of its base
        read = BaseEstimator._get_param_names.__func__
        return sorted({name for base in cls.__mro__ if issubclass(base, Network) for name in read(base)})

    def network(self, shape, outputs):
        """An untrained torch ModuleDict for inputs of shape (T, 3, H, W); its "head" maps (..., d) to (..., outputs).

        Of a structured array, shape is {field: shape}.
        """
        raise NotImplementedError

    def embedding(self, network, x):
        """(n, T, 3, H, W) tensor -> (n, ..., d) tensor, what the head gets."""
        raise NotImplementedError

    def check(self, X):
        """The array, if it is one that this network takes."""
        raise NotImplementedError

    def prepare(self, X):
        """(n, T, 3, H, W) -> the same as the network takes it. Learns nothing: each row by itself."""
        return X if X.dtype.names else np.asarray(X, np.float32)

    def tensors(self, X):
        """{field: tensor (n, ...)} of the prepared array; a plain array is the field None."""
        from helpers.models import _inputs

        return _inputs.tensors(X)

    def _encoded(self, y, X):
        """(n, ...) numbers that the loss compares outputs with. X: prepared. WorkbookError for targets of no use."""
        raise NotImplementedError

    def _strata(self, y):
        """(n,) classes that inner folds keep apart evenly."""
        raise NotImplementedError

    def _weights(self, truth):
        """(outputs,) float32 weights in the loss; sets `prior_`. truth: encoded targets of the training rows."""
        raise NotImplementedError

    def _losses(self, outputs, truth, weights):
        """(n,) losses, whose mean is what training lowers. outputs: (n, ..., K); truth: (n, ...) encoded targets."""
        raise NotImplementedError

    def _guess(self, truth):
        """Outputs (n, ..., K) of the best guess that knows no clip."""
        raise NotImplementedError

    def fit(self, X, y, groups=None):
        """Train on these rows. groups: (n,) people, needed for early stopping, which holds some of them out inside.

        What happened stands in `record_`: settings, parameters, the loss of each epoch, the final loss and that of the
        best guess (`prior_loss`) on the training rows, whether that was beaten (if not, a DidNotLearn warning as well),
        batch sizes, and with early stopping the epoch that was kept and the people it was chosen by.
        Raises WorkbookError for unknown settings, targets of no use, a loss that is not finite, early stopping without
        groups, and a checkpoint of another configuration.
        """
        from helpers.models import _loop

        task = self._task(X, y, groups)
        return self._finish(task, _loop.Training(self, task).run())

    def embed(self, X):
        """(n, ..., d) float32: what the last layer of the trained network gets."""
        return self._outputs(X, self.embedding).float().numpy()

    def settings(self):
        """{argument: value}, JSON-able, without where it runs and what it keeps."""
        return {name: value for name, value in self.get_params().items() if name not in PLACES}

    def _task(self, X, y, groups):
        """Everything that one training needs, from these rows alone: a `_tasks.Task`."""
        from helpers.models import _tasks

        for name, known in self.KNOWN.items():
            require_known(str(getattr(self, name)), list(map(str, known)), name.replace("_", " "))
        X = self.prepare(self.check(X))
        truth = self._encoded(y, X)
        sides = self._sides(self._strata(y), groups)
        self.inner_people_ = sorted(set(np.asarray(groups, str)[sides[1]])) if len(sides[1]) else []
        return _tasks.task(self, X, y, truth, sides, groups)

    def _sides(self, strata, groups):
        """Positions of the rows to learn from and, with early stopping, of the inner people: whole people, and of
        `inner_folds` the first fold that shows most classes."""
        if self.patience is None:
            return np.arange(len(strata)), np.arange(0)
        pairs = fold_pairs(inner_folds(strata, groups, INNER))
        if not pairs:
            problem = "too few people share classes to stop by people who are not trained on"
            raise WorkbookError(problem, remedy="set patience to None, or train on more people")
        return max(pairs, key=lambda pair: len(np.unique(strata[pair[1]])))

    def _finish(self, task, done):
        """Keep the trained network and write down what happened. done: of `_loop.Training`."""
        from helpers.models import _loop

        final = float(_loop.losses_of(self, task, task.train).mean())
        truth = task.feed.truth[task.train]
        floor = float(self._losses(self._guess(truth), truth, task.weights.double()).mean())
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
                f"training did not beat {self.GUESS} on its own clips: loss {final:.4f}, prior {floor:.4f}",
                DidNotLearn, stacklevel=3,
            )  # fmt: skip
        return self

    def _outputs(self, X, forward=None):
        """(n, ..., K) outputs or what `forward(network, x)` gives, double precision, on the CPU."""
        import torch

        from helpers.models import _inputs, _loop

        check_is_fitted(self)
        X = self.prepare(self.check(X))
        dtype = next(self.network_.parameters()).dtype
        feed = _inputs.Feed(self.tensors(X), None, self.standard_, _inputs.kinds_of(X, self.KINDS), dtype=dtype)
        return _loop.outputs(self.network_, feed, torch.arange(len(X)), forward or self._forward)

    def _forward(self, network, x):
        return network["head"](self.embedding(network, x))
