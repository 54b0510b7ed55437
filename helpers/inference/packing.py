"""Fitted models as plain arrays and settings, and back: nothing of them is ever pickled, so nothing can be run by
reading them. Only what is stored is known here: `ours` and the intensity networks.
"""

import math

import numpy as np

from helpers import workspace
from helpers.features.symmetry import FaceSymmetry
from helpers.models import GroupedPipeline
from helpers.models import intensity as regressors
from helpers.models._ours_kernels import Kernel, Scaling
from helpers.models.ours import RIDGES, ViewEnsemble
from helpers.workspace import WorkbookError

LARGEST = 1024  # pixels of a map's side


def pack(fitted):
    """(settings JSON-able, {name: array}) of a fitted `ours` or intensity network."""
    return _pack_ensemble(fitted[-1]) if isinstance(fitted, GroupedPipeline) else _pack_network(fitted)


def unpack(name, settings, arrays):
    """The fitted model that `pack` took apart. Raises WorkbookError for arrays that do not make one.

    What settings and arrays say of sizes is believed only as far as the arrays go: nothing is allocated for the rest.
    """
    try:
        return _ensemble(settings, arrays) if name == "ours" else _network(name, settings, arrays)
    except (KeyError, RuntimeError, ValueError, TypeError) as error:
        problem = f"the stored arrays make no {name} ({type(error).__name__}: {error})"
        raise WorkbookError(problem, remedy="store the model anew with this version of the workbook") from error


def answer(facts, fitted, extra):
    """Ask a model what it will be asked, about a face at rest. What is no answer is an error, of whatever kind."""
    fed, label = facts["representation"], facts["label"]
    side, there = fed["side"], {"crop", "method", "finder"} <= set(fed) or fed["units"] != "px"
    if type(side) is not int or not 4 <= side <= LARGEST or not there or not isinstance(label, str):
        raise ValueError("it does not say what it is fed")
    still = np.zeros((1, 2, 3, side, side), np.float32)
    if facts["task"] == "emotion":
        found, classes, rule = fitted.predict_proba(still[:, :1]), facts["classes"], facts["abstention"]["threshold"]
        sound = found.shape == (1, len(classes)) and list(map(str, fitted.classes_)) == classes
        sound &= extra["typical"].shape == (1, 3, side, side) and (rule is None or 0 <= rule <= 1)
    else:
        found = fitted.predict(still)
        sound = found.shape == (1, 2) and facts["task"] == "intensity" and fed["step_s"] > 0
    if not sound or not np.isfinite(found).all():
        raise ValueError("its answer is not what its description says, or not finite")


def _pack_ensemble(model):
    arrays = {"classes": np.asarray(model.classes_, str)}
    for view, (_, scaling) in model.views_.items():
        arrays |= {f"{view}.mean": scaling.mean, f"{view}.divisor": scaling.divisor}
    for place, member in enumerate(model.members_):
        arrays[f"{member['view']}.rows"] = np.asarray(member["kernel"].rows, np.float32)
        arrays[f"{place}.coefficients"] = member["coefficients"]
    members = [
        {"view": one["view"], "kernel": one["kernel"].kind, "unit": float(one["kernel"].unit)} for one in model.members_
    ]
    shape = next(iter(model.views_.values()))[0].row_shape_
    return {"shape": [int(side) for side in shape], "views": list(model.views_), "members": members}, arrays


def _ensemble(settings, arrays):
    once = [(one["view"], one["kernel"]) for one in settings["members"]]
    if len(set(once)) < len(once) or not {kernel for _, kernel in once} <= set(RIDGES):
        raise ValueError("the members are not each another view and kernel")
    if any(math.prod(settings["shape"]) > 2 * arrays[f"{view}.mean"].size for view in settings["views"]):
        raise ValueError(f"arrays for maps of another shape than {settings['shape']}")
    model = ViewEnsemble(views=tuple(settings["views"]))
    model.classes_ = arrays["classes"]
    blank, model.views_ = np.zeros((1, *settings["shape"]), np.float32), {}
    for view in settings["views"]:
        parts = {"mean": arrays[f"{view}.mean"], "divisor": arrays[f"{view}.divisor"]}
        model.views_[view] = FaceSymmetry(view).fit(blank), _filled(Scaling, parts)
    model.members_ = [
        {
            "view": one["view"],
            "coefficients": arrays[f"{place}.coefficients"],
            "kernel": _filled(
                Kernel,
                {"kind": one["kernel"], "unit": one["unit"], "rows": arrays[f"{one['view']}.rows"].astype(np.float64)},
            ),
        }
        for place, one in enumerate(settings["members"])
    ]
    return GroupedPipeline([("classifier", model)])


def _pack_network(model):
    arrays = {f"weights.{name}": value.numpy() for name, value in model.network_.state_dict().items()}
    outputs = arrays["weights.head.weight"].shape[0]
    return {"outputs": outputs, "arguments": model.settings()}, arrays | {"scale": model.standard_["flow"][1]}


def _network(name, settings, arrays):
    import torch

    arguments = {key: value for key, value in settings["arguments"].items() if value is not None}
    model = regressors.build(name, workspace.profile("quick"), 0, **arguments)
    channels = arrays["scale"].shape[0]
    with torch.device("meta"):  # without memory of its own: the arrays become its weights
        network = model.network({"flow": (1, channels, 4, 4), "mask": (1,)}, settings["outputs"])
    weights = {
        key.removeprefix("weights."): torch.as_tensor(value)
        for key, value in arrays.items()
        if key.startswith("weights.")
    }
    network.load_state_dict(weights, assign=True)
    model.network_, model.standard_ = network.eval(), {"flow": (None, arrays["scale"]), "mask": (None, 1)}
    return model


def _filled(kind, attributes):
    """An object of a class whose constructor would learn from training rows, with what it had learned."""
    made = object.__new__(kind)
    vars(made).update(attributes)
    return made
