"""The whole workbook in profile tiny, as a user runs it: every notebook, every promise about what it leaves behind."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from helpers.evaluation import predictions
from helpers.run import NOTEBOOKS
from helpers.workspace import ROOT

NAMES = [path.stem for path in sorted(NOTEBOOKS.glob("*.ipynb"))]


def run(*options):
    command = [sys.executable, "-m", "helpers.run", *map(str, options)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def workbook(tmp_path_factory):
    """Folder of results of all notebooks on the demo, and the call that made them."""
    base = tmp_path_factory.mktemp("a run with blanks")
    (base / "data").mkdir()
    call = ("--profile", "tiny", "--data-dir", base / "data", "--out-dir", base / "out")
    done = run(*call)
    assert done.returncode == 0, done.stdout + done.stderr
    return base / "out" / "demo", call


@pytest.mark.parametrize("name", NAMES)
def test_every_notebook_ran_and_recorded_how(workbook, name):
    folder, _ = workbook
    record = json.loads((folder / name / "run.json").read_text())
    assert record["status"] == "ok" and record["seconds"] > 0 and record["data_fingerprint"]
    assert record["parameters"]["PROFILE"] == "tiny" and record["sentences"]
    for file in record["files"]:
        assert (folder / name / file).stat().st_size > 0, file
    assert any(file.startswith("figures/") for file in record["files"])


@pytest.mark.parametrize("name", NAMES)
def test_executed_copies_hold_no_errors_and_no_noise(workbook, name):
    executed = json.loads((workbook[0] / "executed" / f"{name}.ipynb").read_text())
    for cell in executed["cells"]:
        for output in cell.get("outputs", []):
            assert output["output_type"] != "error"
            assert output.get("name") != "stderr", output.get("text")


def test_one_page_holds_the_whole_run(workbook):
    page = (workbook[0] / "report.html").read_text()
    assert all(f'id="{name}"' in page for name in NAMES) and page.rstrip().endswith("</html>")


def test_figures_show_something(workbook):
    for path in workbook[0].glob("*/figures/*.png"):
        picture = cv2.imread(str(path))
        assert min(picture.shape[:2]) > 150 and picture.std() > 5, path


def test_stored_predictions_give_the_stored_scores_by_scikit_learn_alone(workbook):
    folder = workbook[0] / "04_model_comparison"
    table, scored = predictions.read(folder / "predictions.csv"), pd.read_csv(folder / "scores.csv")
    assert {"majority", "logistic", "svm", "random_forest", "xgboost", "flaml"} <= set(scored.model)
    for row in scored.itertuples():
        rows = table[(table.task == row.task) & (table.model == row.model)]
        rows = rows if row.slice == "all" else rows[rows.dataset == row.slice]
        y = rows.y_true, rows.y_pred
        assert row.uf1 == pytest.approx(f1_score(*y, average="macro"), rel=1e-5)
        assert row.uar == pytest.approx(balanced_accuracy_score(*y), rel=1e-5)
        assert row.accuracy == pytest.approx(accuracy_score(*y), rel=1e-5)
        assert row.uf1_lo <= row.uf1 + 0.05 and row.uf1_hi >= row.uf1 - 0.05


def test_nobody_is_predicted_by_a_fold_that_is_not_theirs(workbook):
    for path in workbook[0].glob("*/predictions.csv"):
        table = predictions.read(path)
        own_split = table.task.str.contains("-fixed")  # stills: their source's train and test part, nobody is named
        assert (table.fold == table.subject)[table.task.str.contains("-loso")].all()
        assert (table.fold == "test")[own_split].all()
        folds = table[~own_split].groupby(["task", "model", "seed", "subject"]).fold.nunique()
        assert (folds == 1).all(), "folds are of whole people"


def test_a_second_run_has_nothing_to_do(workbook):
    before = {path: path.stat().st_mtime_ns for path in workbook[0].rglob("[!.]*.*")}
    done = run(*workbook[1])
    assert done.returncode == 0 and done.stdout.count("up to date") == len(NAMES)
    assert {path: path.stat().st_mtime_ns for path in workbook[0].rglob("[!.]*.*")} == before


def test_running_again_gives_identical_predictions(workbook, tmp_path):
    folder, call = workbook
    done = run(*call[:4], "--out-dir", tmp_path, "--only", "04")
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("predictions.csv", "scores.csv"):
        first, second = (root / "04_model_comparison" / name for root in (folder, tmp_path / "demo"))
        assert first.read_bytes() == second.read_bytes()


def test_a_failed_run_leaves_the_last_good_results_whole(workbook, tmp_path):
    folder, call = workbook
    before = {path: path.read_bytes() for path in folder.glob("01*/**/*.*")}
    (tmp_path / "CASME2-coding-of-somebody.xlsx").write_text("not a demo")
    done = run(*call[:2], "--data-dir", tmp_path, *call[4:], "--only", "01")
    assert done.returncode == 1 and "--dataset" in done.stdout and "holds other data" in done.stdout
    assert {path: path.read_bytes() for path in folder.glob("01*/**/*.*")} == before
    assert [path.name for path in tmp_path.iterdir()] == ["CASME2-coding-of-somebody.xlsx"]
    listed = run(*call, "--only", "01", "--list").stdout
    assert "to run" in listed and "up to date" not in listed, "what failed is not up to date"


def test_force_uses_no_stored_folds(workbook):
    stored = sorted((workbook[0] / "01_eda_and_imbalance" / "checkpoints").iterdir())
    before = [path.stat().st_mtime_ns for path in stored]
    assert run(*workbook[1], "--only", "01", "--force").returncode == 0
    assert all(new > old for new, old in zip([path.stat().st_mtime_ns for path in stored], before, strict=True))


def test_whole_pictures_without_a_face_end_in_a_message_instead_of_being_faked(casme2_folder, tmp_path):
    done = run(
        "--dataset", "casme2", "--data-dir", casme2_folder, "--out-dir", tmp_path, "--profile", "tiny", "--only", "04"
    )
    assert done.returncode == 1 and "no clip can be measured" in done.stdout and "no face was found" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert not list((tmp_path / "casme2" / "04_model_comparison").glob("predictions.csv"))


def test_a_bad_sheet_ends_in_its_message_and_leaves_nothing_half_written(casme2_folder, tmp_path):
    folder = casme2_folder / "CASME2_RAW_selected" / "sub01" / "EP02_01f"
    (folder / "img49.png").unlink()
    done = run(
        "--dataset", "casme2", "--data-dir", casme2_folder, "--out-dir", tmp_path, "--profile", "tiny", "--only", "01"
    )
    assert done.returncode == 1 and "row 2: 1 of 6 frames of EP02_01f are missing" in done.stdout
    assert "What to do" in done.stdout and "Traceback" not in done.stdout + done.stderr
    assert not list((tmp_path / "casme2" / "01_eda_and_imbalance").rglob("*.*"))


def test_flow_maps_without_frames_run_the_same_notebooks(smic_maps, tmp_path):
    done = run(
        "--dataset", "megc2019", "--data-dir", smic_maps, "--out-dir", tmp_path, "--profile", "tiny", "--only", "01"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    table = predictions.read(tmp_path / "megc2019" / "01_eda_and_imbalance" / "predictions.csv")
    assert set(table.task) == {"megc3-loso"} and table.sample_id.nunique() == 164
    assert np.isclose(table[["p_negative", "p_positive", "p_surprise"]].sum(axis=1), 1).all()
