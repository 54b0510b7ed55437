"""The helpers stay small, and their imports point one way."""

import ast

import pytest

from helpers.workspace import ROOT

HELPERS = ROOT / "helpers"
# Row of each module in the flow: a module imports only from its own row's folder or from rows above it.
ROWS = {
    "workspace": 0, "storage": 0, "privacy": 0, "parallel": 0, "staging": 0, "colab": 0, "weights": 0, "labels": 0,
    "datasets": 1, "motion": 2, "features": 2,
    "models": 3, "evaluation": 4, "inference": 5, "show": 6, "literature": 6,
    "run": 7, "_execute": 7, "_told": 7, "_verify": 7, "predict": 7, "audit": 7, "badges": 7,
}  # fmt: skip
MODULES = sorted(HELPERS.rglob("*.py"))


def row(parts):
    return ROWS.get(parts[0].removesuffix(".py"), -1) if parts else -1


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(HELPERS)))
def test_imports_point_one_way_and_modules_are_small(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 250, "split this module"
    mine = path.relative_to(HELPERS).parts
    for node in ast.walk(ast.parse(text)):
        names = []
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "helpers":
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.split(".")[0] == "helpers"]
        for name in names:
            theirs = name.split(".")[1:]
            assert row(theirs) <= row(mine) or row(mine) < 0, f"{'.'.join(mine)} imports {name}"
            assert row(theirs) < row(mine) or theirs[0] == mine[0].removesuffix(".py") or row(mine) in (0, 2, 7), (
                f"{'.'.join(mine)} imports {name} of its own row"
            )


def test_every_module_has_a_place_in_the_table():
    top = {path.relative_to(HELPERS).parts[0].removesuffix(".py") for path in MODULES} - {"__init__"}
    assert top <= set(ROWS)
