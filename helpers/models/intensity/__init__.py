"""Regressors of expression intensity, one file each, found by discovery: a number in 0..1 for every frame of a clip.

A file has the paper in its docstring and `REGRESSORS`, {name: function(profile, seed) -> unfitted estimator}. Each is a
scikit-learn regressor with `fit(X, y, groups=None)` and `predict(X)` -> (n, T), NaN where X has no frame. X: (n, T, 3,
H, W), u, v (px) and strain, NaN throughout where a step has no frame; y: (n, T) in 0..1, NaN where a frame has no
label; groups: (n,) people. A file that says `BASELINE = True` has what a network has to beat; one whose fit draws
random numbers says `STOCHASTIC = True`.
"""

import importlib

from helpers import workspace
from helpers.models.intensity._levels import CENTRES, LEVELS, THRESHOLDS, level_of
from helpers.models.intensity._sequence import FORMULATIONS

__all__ = (
    "BASELINES", "CENTRES", "FORMULATIONS", "LEVELS", "NETWORKS", "THRESHOLDS", "build", "level_of", "names",
    "stochastic",
)  # fmt: skip


def names():
    """Names of all regressors, baselines first."""
    return [*BASELINES, *NETWORKS]


def build(name, profile, seed, **settings):
    """An unfitted regressor. profile: a workspace.Profile; seed: its random state; settings: arguments of its class,
    such as formulation="concordance". WorkbookError lists the known names, and the known settings."""
    workspace.require_known(name, names(), "regressor")
    made = _FOUND[name].REGRESSORS[name](profile, seed)
    for setting in settings:
        workspace.require_known(setting, sorted(made.get_params()), f"setting of {name}")
    return made.set_params(**settings)


def stochastic(name):
    """True when the regressor's fit depends on its seed."""
    workspace.require_known(name, names(), "regressor")
    return getattr(_FOUND[name], "STOCHASTIC", False)


_FILES = [importlib.import_module(f"{__name__}.{name}") for name in workspace.modules(__path__)]
_FOUND = {name: file for file in _FILES for name in file.REGRESSORS}
BASELINES = tuple(sorted(name for name, file in _FOUND.items() if getattr(file, "BASELINE", False)))
NETWORKS = tuple(sorted(set(_FOUND) - set(BASELINES)))
