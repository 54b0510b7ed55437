"""The contract of every notebook: it opens alone, reads as an essay, hides no code and stores no output."""

import ast
import json
import re
import statistics
import tomllib

import pytest

from helpers.run import NOTEBOOKS
from helpers.show import story
from helpers.workspace import ROOT

PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))
PARAMETERS = ["DATASET", "DATA_DIR", "ANNOTATIONS", "OUT_DIR", "PROFILE", "SEED"]
REPOSITORY = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Repository"]


def cells_of(path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def source(cell):
    return "".join(cell["source"])


def tagged(path, tag):
    return [cell for cell in cells_of(path) if tag in cell["metadata"].get("tags", [])]


def code_of(path):
    return [source(cell) for cell in cells_of(path) if cell["cell_type"] == "code"]


each_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


@each_notebook
def test_first_cell_asks_a_question_and_its_badge_opens_this_very_file(path):
    first = source(cells_of(path)[0])
    assert re.match(rf"# {path.name[:2]} · .+\?\n", first)
    address = REPOSITORY.replace("https://github.com", "https://colab.research.google.com/github")
    assert f"({address}/blob/main/notebooks/{path.name})" in first
    for heading in ("**Reads**", "**Writes**", "**Needs**", "**Time**"):
        assert heading in first


@each_notebook
def test_one_cell_of_literal_parameters_with_a_comment_each(path):
    (cell,) = tagged(path, "parameters")
    tree = ast.parse(source(cell))
    assert [node.target.id for node in tree.body][: len(PARAMETERS)] == PARAMETERS
    assert all(isinstance(node.value, ast.Constant) for node in tree.body)
    assert all("  # " in line for line in source(cell).splitlines())


def test_the_setup_cell_is_the_same_everywhere_and_knows_the_repository():
    texts = {source(tagged(path, "setup")[0]) for path in PATHS}
    assert len(texts) == 1 and f'HOME = "{REPOSITORY}"' in texts.pop()


@each_notebook
def test_no_outputs_are_stored_and_the_kernel_is_plain_python3(path):
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["metadata"]["kernelspec"]["name"] == "python3"
    for cell in content["cells"]:
        assert not cell.get("outputs") and cell.get("execution_count") is None


@each_notebook
def test_cells_are_short_and_half_of_it_is_prose(path):
    code = [text for text in code_of(path) if text.strip()]
    lengths = [len(text.splitlines()) for text in code]
    prose = [cell for cell in cells_of(path) if cell["cell_type"] == "markdown"]
    assert max(lengths) <= 25 and statistics.median(lengths) <= 4
    assert len(prose) >= 0.6 * len(code)
    for text in code:
        for node in ast.walk(ast.parse(text)):
            assert not isinstance(node, ast.ClassDef), "classes live in helpers"
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 10, "long functions live in helpers"


@each_notebook
def test_it_checks_something_shows_something_and_saves_what_it_did(path):
    code = "\n".join(code_of(path))
    assert tagged(path, "check") and all(
        "assert" in source(cell) or "check(" in source(cell) for cell in tagged(path, "check")
    )
    assert "run.figure(" in code and "run.say(" in code and code_of(path)[-1].strip().endswith("run.finish()")
    assert f'records.Run("{path.stem}"' in code


@each_notebook
def test_plain_english_no_private_paths_no_magic_no_silenced_warnings(path):
    text = "\n".join(source(cell) for cell in cells_of(path))
    assert not re.search(r"(?<![\w.])/(home|root|tmp|Users|work)/", text)
    assert not re.search(r"[\u3040-\u9fff\u0400-\u04ff]", text)
    for line in "\n".join(code_of(path)).splitlines():
        assert not line.startswith(("%", "!")), "papermill would not notice that it failed"
    assert "filterwarnings" not in text and "except" not in "\n".join(code_of(path))


@each_notebook
def test_prose_has_no_typed_decimals(path):
    """Scores come from code. Constants of a method, versions and references may be typed, behind these signs."""
    for cell in cells_of(path):
        if cell["cell_type"] == "markdown":
            prose = re.sub(r"\$[^$]*\$|\]\([^)]*\)|`[^`]*`|\|.*\|", "", source(cell))
            for number in re.findall(r"(?<![\w.])0?\.\d{2,}", prose):
                assert number in ("0.25",), f"{number} in: {prose[:80]}"


@each_notebook
def test_links_between_notebooks_lead_somewhere(path):
    for target in re.findall(r"\]\((?!https?:|#)([^)]+)\)", "\n".join(source(cell) for cell in cells_of(path))):
        assert (NOTEBOOKS / target.split("#")[0]).is_file(), target


def test_the_readme_shows_the_same_triad_and_names_every_notebook():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert story.mermaid() in readme
    for path in PATHS:
        assert f"notebooks/{path.name}" in readme
