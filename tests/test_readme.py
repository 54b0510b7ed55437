"""README.md's tables are what the script writes, and nobody types a number into them."""

import json
import shutil

import pandas as pd
import pytest

from helpers import datasets
from helpers.show import readme
from helpers.workspace import ROOT, WorkbookError

MARKED = "".join(
    f"before {name}\n<!-- {name}: written by {readme.COMMAND} -->\nstale text\n<!-- end of {name} -->\n"
    for name in ("notebooks", "results", "datasets", "system")
)
MACHINE = {
    "processor": "A CPU", "cores": 2, "memory_gb": 8, "gpu": "none", "system": "Linux x86_64", "python": "3.11",
    "torch": "2.11", "packages_gb": 6.1,
}  # fmt: skip
STEPS = [{"step": "training", "seconds": 12.34, "memory_mb": 1500, "gpu_mb": None},
         {"step": "inference", "seconds": 0.0123, "memory_mb": 900, "gpu_mb": 2000}]  # fmt: skip


def note_run(folder, name, **record):
    (folder / name).mkdir(parents=True, exist_ok=True)
    known = {"status": "ok", "parameters": {"PROFILE": "quick"}, "device": {"name": "2 CPU cores"}, "jobs": 2}
    (folder / name / "run.json").write_text(json.dumps(known | {"commit": "abc1234", "synthetic": True} | record))


def score(model, value, task="t-loso", **more):
    row = {"task": task, "slice": "all", "model": model, "n": 20, "people": 4}
    for metric in ("uf1", "ccc"):
        row |= {metric: value, f"{metric}_lo": value - 0.1, f"{metric}_hi": value + 0.1}
    return row | more


@pytest.fixture
def root(tmp_path):
    """A small workbook: two notebooks, results of three others, a measured machine."""
    (tmp_path / "README.md").write_text(MARKED + "after\n")
    (tmp_path / "notebooks").mkdir()
    for number, name in (("00", "start"), ("10", "new")):
        badge = f"[![Open In Colab](https://x/badge.svg)](https://x/{number}_{name}.ipynb)"
        cell = {"cell_type": "markdown", "source": [f"# {number} · What is {name}?\n", "\n", badge]}
        (tmp_path / "notebooks" / f"{number}_{name}.ipynb").write_text(json.dumps({"cells": [cell]}))
    demo = tmp_path / "demo"
    (demo / "executed").mkdir(parents=True)
    (demo / "executed" / "00_start.json").write_text('{"seconds": 130}')
    note_run(demo, "00_start")
    note_run(demo, "05_intensity_regression")
    note_run(demo, "06_loso_hybrid")
    note_run(demo, "08_leakage_audit", commit="def5678")
    part = score("ours", 0.999, slice="smic")
    pd.DataFrame([score("majority", 0.1), score("ours", 0.6), score("secret", 0.9), part]).to_csv(
        demo / "06_loso_hybrid" / "scores.csv"
    )
    (demo / "05_intensity_regression" / "tables").mkdir()
    scores = pd.DataFrame([score("constant", 0.0), score("cnn_lstm", 0.8)])
    scores.to_csv(demo / "05_intensity_regression" / "tables" / "intensity_scores.csv")
    (demo / "08_leakage_audit" / "tables").mkdir()
    leak = {"family": "logistic", "metric": "UF1", "honest": 0.5, "lo": 0.1, "hi": 0.3}
    leaks = [leak | {"title": f"leak {i}", "leaky": 0.5 + i / 10, "inflation": i / 10} for i in range(5)]
    pd.DataFrame([*leaks, leak | {"family": "svm", "title": "not shown", "leaky": 1, "inflation": 9}]).to_csv(
        demo / "08_leakage_audit" / "tables" / "inflation.csv"
    )
    (demo / "04_model_comparison" / "figures").mkdir(parents=True)
    (demo / readme.FIGURE).write_bytes(b"a picture")
    (tmp_path / readme.SAMPLE).mkdir(parents=True)
    found = {"machine": MACHINE, "clips": 255, "people": 26, "profile": "quick", "steps": STEPS}
    (tmp_path / readme.SAMPLE / readme.SYSTEM).write_text(json.dumps(found))
    return tmp_path


def block(root, name):
    text = (root / "README.md").read_text()
    return text.split(f"<!-- {name}: written by {readme.COMMAND} -->\n")[1].split(f"\n<!-- end of {name} -->")[0]


def test_every_block_is_what_the_folders_say(root, capsys):
    assert readme.main([str(root / "demo")], root) == 0
    text = (root / "README.md").read_text()
    assert "stale text" not in text and text.startswith("before notebooks\n") and text.endswith("after\n")
    badge = "[![Open In Colab](https://x/badge.svg)]"
    assert block(root, "notebooks").splitlines() == [
        "|  | question | minutes |  |",
        "| --- | --- | --- | --- |",
        f"| [00](notebooks/00_start.ipynb) | What is start? | 2 | {badge}(https://x/00_start.ipynb) |",
        f"| [10](notebooks/10_new.ipynb) | What is new? | – | {badge}(https://x/10_new.ipynb) |",
        "",
        "Minutes on 2 CPU cores, profile quick, dataset demo, first run (later ones resume).",
    ]
    results = block(root, "results")
    assert f"`{readme.COMMAND} {root / 'demo'}`" in results, "the command that made it stands above"
    name = "| demo (synthetic) `t-loso`, 20 clips, 4 people |"
    assert f"{name} 0.10 [0.00, 0.20] | – | – | – | 0.60 [0.50, 0.70] |" in results
    assert f"{name} 0.00 [-0.10, 0.10] | – | – | 0.80 [0.70, 0.90] |" in results
    assert "secret" not in results and "not shown" not in results and "0.99" not in results
    assert [line.split(" | ")[1] for line in results.splitlines() if "| leak " in line] == [
        "leak", "leak 4", "leak 3", "leak 2",
    ]  # fmt: skip
    assert "| demo (synthetic) | leak 4 | 0.50 | 0.90 | +0.40 [+0.10, +0.30] |" in results
    assert "Runs: demo: profile quick, commit abc1234, def5678." in results
    measured = block(root, "system")
    assert "| training | 12 | 1.5 | – |" in measured and "| inference | 0.012 | 0.9 | 2.0 |" in measured
    assert "A CPU, 2 cores, 8 GB of memory, GPU none" in measured
    assert (root / readme.SAMPLE / "mean_maps.png").read_bytes() == b"a picture"
    assert "README.md: " in capsys.readouterr().out


def test_a_second_time_changes_nothing(root):
    readme.main([str(root / "demo")], root)
    text = (root / "README.md").read_text()
    readme.main([str(root / "demo")], root)
    assert (root / "README.md").read_text() == text


def test_the_datasets_are_those_that_can_be_read(root):
    readme.main([str(root / "demo")], root)
    rows = block(root, "datasets").splitlines()[2:]
    assert [row.split("`")[1] for row in rows][:2] == ["demo", "megc2019"] and len(rows) == len(datasets.names())


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda root: (root / "README.md").write_text("no comments"), "must stand there once"),
        (lambda root: (root / "demo" / readme.FIGURE).unlink(), "figure is missing"),
        (lambda root: (root / readme.SAMPLE / readme.SYSTEM).unlink(), "benchmarks/system.py"),
        (lambda root: note_run(root / "demo", "10_new", parameters={"PROFILE": "tiny"}), "2 different ways"),
        (lambda root: shutil.rmtree(root / "demo"), "run the whole workbook"),
    ],
)
def test_what_is_missing_is_named_and_the_readme_stays(root, capsys, spoil, told):
    spoil(root)
    before = (root / "README.md").read_text()
    assert readme.main([str(root / "demo")], root) == 2
    assert told in capsys.readouterr().err and (root / "README.md").read_text() == before


def test_no_folder_and_no_results_are_errors(root, capsys):
    assert readme.main([], root) == 2 and "outputs/megc2019" in capsys.readouterr().err
    for name in ("05_intensity_regression", "06_loso_hybrid", "08_leakage_audit"):
        shutil.rmtree(root / "demo" / name)
    with pytest.raises(WorkbookError, match="no results"):
        readme.results([root / "demo"], ["demo"])


def test_the_real_readme_is_up_to_date_with_notebooks_datasets_and_measurements():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    empty = dict.fromkeys(("notebooks", "results", "datasets", "system"), "")
    assert readme.fill(text, empty) != text, "all blocks are there, and filled"
    assert readme.cards() in text, f"the data sheets changed: {readme.COMMAND}"
    assert readme.system(ROOT / readme.SAMPLE / readme.SYSTEM) in text, f"measured anew: {readme.COMMAND}"
    for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        opening = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"])
        question = opening.splitlines()[0].split(" · ", 1)[1]
        assert f"| [{path.stem[:2]}](notebooks/{path.name}) | {question} |" in text, path.name
    assert (ROOT / readme.SAMPLE / "mean_maps.png").is_file()
