"""Features: scikit-learn transformers, one a file, found by discovery.

A file has the paper in its docstring and `FEATURES`, {name: what builds the unfitted transformer from its settings}. A
transformer says what it `TAKES`: "stills", "clips", "flow" or "features" (shapes in `_checks.SHAPES`). With
`LISTED = False` a file is not in `names`, but can be built.
"""

import importlib

from helpers import workspace


def names(takes=None):
    """Names of the listed features in order; takes: only those that take "stills", "clips", "flow" or "features"."""
    listed = _found(listed=True)
    return sorted(name for name, make in listed.items() if takes in (None, make().TAKES))


def build(name, /, **settings):
    """An unfitted transformer by name; WorkbookError lists the known names. settings: its constructor's arguments."""
    found = _found()
    workspace.require_known(name, sorted(found), "feature")
    return found[name](**settings)


def _found(listed=False):
    modules = [importlib.import_module(f"{__name__}.{name}") for name in workspace.modules(__path__)]
    kept = [module for module in modules if not listed or getattr(module, "LISTED", True)]
    return {name: make for module in kept for name, make in module.FEATURES.items()}
