"""What a notebook leaves behind: complete, free of leftovers, with synthetic results called so."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from helpers.show import plots, records
from helpers.workspace import ROOT, WorkbookError


@pytest.fixture
def run(tmp_path):
    return records.Run("99_test", "demo", "", "", str(tmp_path / "out"), "tiny", 0)


def figure():
    drawn, axes = plt.subplots()
    axes.plot([0, 1])
    return drawn


def test_a_finished_run_lists_what_it_wrote_and_what_it_ran_on(run):
    run.figure(figure(), "line")
    run.table(pd.DataFrame({"a": [1.23456]}), "numbers")
    run.say("UF1 is {score:.2f}", score=0.789)
    run.finish(note="x")
    content = json.loads((run.folder / "run.json").read_text())
    assert content["status"] == "ok" and content["files"] == ["figures/line.png", "tables/numbers.csv"]
    assert content["sentences"] == ["UF1 is 0.79"] and content["weights"] == "none" and content["note"] == "x"
    assert content["parameters"]["PROFILE"] == "tiny" and content["packages"]["numpy"] and content["commit"]
    assert (run.folder / "tables/numbers.csv").read_text() == "a\n1.23456\n", "rounded for the eye only"


def test_run_json_is_absent_until_the_end_and_names_no_private_folder(run):
    assert not (run.folder / "run.json").exists()
    run.finish()
    text = (run.folder / "run.json").read_text()
    assert str(run.folder.parents[1].parent) not in text


def test_files_of_an_earlier_run_do_not_linger(run):
    run.figure(figure(), "old")
    run.finish()
    again = records.Run("99_test", "demo", "", "", str(run.folder.parents[1]), "tiny", 0)
    again.figure(figure(), "new")
    again.finish()
    assert [path.name for path in (run.folder / "figures").iterdir()] == ["new.png"]


def test_not_applicable_is_recorded_with_its_reason(run):
    with pytest.raises(SystemExit) as stop:
        run.not_applicable("there are no frames here")
    content = json.loads((run.folder / "run.json").read_text())
    assert stop.value.code == 0 and content["status"] == "not applicable" and "no frames" in content["why"]


def test_figures_say_synthetic(run, demo, monkeypatch):
    said = []
    monkeypatch.setattr(plots, "stamp", lambda figure, label: said.append(label))
    run.use(demo)
    run.figure(figure(), "line")
    assert said == ["demo (synthetic)"] and run.notes["data_fingerprint"]


def test_an_unknown_dataset_leaves_no_folder(tmp_path):
    with pytest.raises(WorkbookError, match="unknown dataset"):
        records.Run("99_test", "nonsense", "", "", str(tmp_path), "tiny", 0)
    assert not list(tmp_path.iterdir())


def test_a_score_of_a_class_without_clips_is_refused_by_name():
    row = {"slice": "all", "n": 9, "people": 3, "task": "demo7-loso", "uf1": [float("nan")] * 2}
    table = pd.DataFrame(row | {"model": ["majority", "logistic"], "uf1_lo": 0.1, "uf1_hi": 0.2})
    with pytest.raises(WorkbookError, match="UF1 of demo7-loso is undefined.*What to do"):
        plots.intervals(table, "demo7-loso")
    figure = plots.intervals(table.assign(uf1=[0.1, 0.5]), "demo7-loso")
    titles = [figure.axes[0].get_title(loc=loc) for loc in ("center", "left")]
    assert "demo7-loso: highest is logistic, UF1 0.500 (9 clips, 3 people)" in titles
    plots.close(figure)


@pytest.mark.parametrize("moved", [0, 1, 2], ids=["before", "folds moved", "results moved, too"])
def test_a_run_killed_while_it_published_loses_no_fold(run, moved):
    run.finish()
    run.checkpoints.mkdir()
    (run.checkpoints / "fold.json").write_text("{}")
    again = records.Run("99_test", "demo", "", "", str(run.folder.parents[1]), "tiny", 0)
    if moved:
        again.checkpoints.rename(again.work / "checkpoints")
    if moved == 2:
        again.folder.rename(again.old)
    third = records.Run("99_test", "demo", "", "", str(run.folder.parents[1]), "tiny", 0)
    assert (third.folder / "run.json").is_file() and (third.checkpoints / "fold.json").read_text() == "{}"
    third.finish()
    assert (third.checkpoints / "fold.json").is_file()
    assert [path.name for path in third.folder.parent.iterdir()] == ["99_test"]


def test_run_json_says_threads_and_hides_folders(run, tmp_path):
    run.say(f"as {tmp_path}/out/casme2 and {Path.home()}/secret/a.csv say")
    run.finish(why=f"{ROOT}/helpers is fine")
    content = json.loads((run.folder / "run.json").read_text())
    assert content["threads"] == 1 and content["why"] == "…/helpers is fine"
    assert content["sentences"] == ["as …/out/casme2 and …/secret/a.csv say"]
