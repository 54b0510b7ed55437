"""A run is held against what it is repeated to: the same numbers, or which ones differ and by how much."""

import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

from helpers import _verify, run
from helpers.workspace import CACHE_VARIABLE, WorkbookError

RECORD = {
    "parameters": {"DATASET": "demo", "DATA_DIR": "", "ANNOTATIONS": "", "OUT_DIR": "out", "PROFILE": "tiny", "SEED": 3}
}


@pytest.fixture
def outputs(tmp_path):
    """outputs/demo with two notebooks."""
    folder = tmp_path / "out" / "demo"
    for name in ("01_a", "04_b"):
        place = folder / name
        (place / "tables").mkdir(parents=True)
        (place / "run.json").write_text(json.dumps(RECORD | {"packages": {"numpy": "2.4"}, "threads": 1}))
        (place / "scores.json").write_text(json.dumps({"timestamp": "now", "scores": [1]}))
        pd.DataFrame({"model": ["a", "b"], "p": [0.25, 0.5], "fit_s": [1.0, 2.0]}).to_csv(place / "predictions.csv")
        pd.DataFrame({"seconds": [1]}).to_csv(place / "tables" / "time.csv")
    return folder


def verified(outputs, again, capsys, *words):
    """Exit status and words of --verify, where the second run leaves the folder `again`."""
    asked = []

    def repeat(words):
        asked.append(words)
        shutil.copytree(again, f"{words[words.index('--out-dir') + 1]}/demo")
        return 0

    status = _verify.main(run.parse(["--verify", str(outputs), *words]), repeat)
    return status, capsys.readouterr().out, asked


def test_the_same_numbers_are_the_same_run_whatever_the_time(outputs, tmp_path, capsys):
    again = shutil.copytree(outputs, tmp_path / "again")
    path = again / "04_b" / "predictions.csv"
    path.write_text(path.read_text().replace("2.0", "9.5"))  # only the seconds of a fit
    (again / "04_b" / "scores.json").write_text(json.dumps({"timestamp": "later", "scores": [1]}))
    status, said, asked = verified(outputs, again, capsys, "--jobs", "2")
    assert status == 0 and "6 of 6 files of 2 notebooks are the same" in said
    call = "--dataset demo --profile tiny --seed 3 --only 01_a,04_b --jobs 2 --backend local --out-dir"
    assert " ".join(asked[0]).startswith(call)


def test_another_number_another_version_and_a_missing_file_are_named(outputs, tmp_path, capsys):
    again = shutil.copytree(outputs, tmp_path / "again")
    path = again / "01_a" / "predictions.csv"
    path.write_text(path.read_text().replace("0.25", "0.26"))
    (again / "04_b" / "tables" / "time.csv").unlink()
    (again / "04_b" / "scores.json").write_text(json.dumps({"timestamp": "later", "scores": [2]}))
    record = again / "01_a" / "run.json"
    record.write_text(record.read_text().replace("2.4", "2.5"))
    status, said, _ = verified(outputs, again, capsys)
    assert status == 1 and "3 of 6 files" in said
    assert "01_a/predictions.csv: 1 of 2 rows differ in p, numbers by up to 0.01" in said
    assert "04_b/tables/time.csv: only before" in said and "04_b/scores.json: differs" in said
    assert "packages: numpy 2.4, now 2.5" in said


def test_one_notebook_can_be_verified_but_not_the_summary_alone(outputs, tmp_path, capsys):
    again = shutil.copytree(outputs, tmp_path / "again")
    status, said, asked = verified(outputs / "04_b", again, capsys)
    assert status == 0 and "3 of 3 files of 1 notebook are" in said and "04_b" in asked[0]
    (outputs / "04_b").rename(outputs / "11_summary")
    with pytest.raises(WorkbookError, match="cannot be verified alone"):
        verified(outputs / "11_summary", again, capsys)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"DATA_DIR": "casme2"}, "--data-dir with a path that ends in 'casme2'"),
        ({"SEED": 4}, "different parameters"),
    ],
)
def test_what_is_needed_to_repeat_a_run_is_asked_for(outputs, capsys, change, told):
    for name in ("01_a", "04_b")[: 2 if "DATA_DIR" in change else 1]:
        record = RECORD | {"parameters": RECORD["parameters"] | change}
        (outputs / name / "run.json").write_text(json.dumps(record))
    with pytest.raises(WorkbookError, match=told):
        verified(outputs, outputs, capsys)


def test_a_renamed_folder_is_held_against_the_dataset_of_its_run(outputs, tmp_path, capsys):
    again = shutil.copytree(outputs, tmp_path / "again")
    assert verified(outputs.rename(outputs.with_name("demo-before")), again, capsys)[0] == 0


def test_nothing_is_taken_from_the_cache_of_the_run(outputs, tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    used = []

    def repeat(words):
        used.append(os.environ[CACHE_VARIABLE])
        shutil.copytree(outputs, f"{words[words.index('--out-dir') + 1]}/demo")
        return 0

    assert _verify.main(run.parse(["--verify", str(outputs)]), repeat) == 0
    assert not Path(used[0]).exists() and os.environ[CACHE_VARIABLE] == str(tmp_path / "cache")


def test_what_is_damaged_is_told_and_the_other_results_are_kept(outputs, tmp_path, capsys):
    again = shutil.copytree(outputs, tmp_path / "again")
    (outputs / "04_b" / "scores.json").write_text('{"timestamp": ')
    (outputs / "01_a" / "tables" / "time.csv").write_bytes(b"\xff\xfe\x00")
    status, said, _ = verified(outputs, again, capsys)
    assert status == 1 and "4 of 6 files" in said and said.count("cannot be read") == 2
    kept = Path(said.partition("are kept in ")[2].strip()[:-1])
    assert (kept / "demo" / "04_b" / "scores.json").exists()
    shutil.rmtree(kept)
    (outputs / "04_b" / "run.json").write_text("{}")
    with pytest.raises(WorkbookError, match="no record of a run"):
        verified(outputs, again, capsys)


def test_a_run_that_fails_is_kept_and_nothing_is_compared(outputs, capsys):
    assert _verify.main(run.parse(["--verify", str(outputs)]), lambda words: 1) == 1
    said = capsys.readouterr().out
    assert "Nothing was compared" in said
    shutil.rmtree(said.partition("kept in ")[2].strip()[:-1])


def test_no_numbers_are_not_the_same_numbers(outputs, capsys):
    for path in (*outputs.rglob("*.csv"), *outputs.rglob("scores.json")):
        path.unlink()
    with pytest.raises(WorkbookError, match="left no numbers"):
        verified(outputs, outputs, capsys)


@pytest.mark.parametrize("words", [("--profile", "full"), ("--force",), ("--only", "01")])
def test_options_that_the_run_had_are_not_asked_for_again(words, capsys):
    with pytest.raises(SystemExit):
        run.parse(["--verify", "outputs/demo", *words])
    assert f"{words[0]}: --verify repeats" in capsys.readouterr().err


def test_a_folder_without_runs_is_named(tmp_path, capsys):
    assert run.main(["--verify", str(tmp_path)]) == 2
    assert "no notebook has finished here" in capsys.readouterr().err


def test_the_folder_above_is_put_right(outputs, capsys):
    assert run.main(["--verify", str(outputs.parent)]) == 2
    assert "name out/demo" in capsys.readouterr().err
