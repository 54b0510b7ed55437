"""Notebook 11 on outputs made up here: what is missing is said, what differs is kept apart, words follow numbers."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.evaluation import outputs, predictions, scores
from helpers.literature import corpus, results
from helpers.show import cards, conclusions, groups, published, stewardship, summary
from helpers.workspace import NotApplicable, WorkbookError

CLASSES = ("negative", "positive", "surprise")
ME = "11_summary_and_limits"


def rows(model, right, people=8, clips=9, task="megc3-loso", seed=0):
    rng, parts = np.random.default_rng(seed), []
    for number in range(people):
        dataset = "smic" if number % 2 else "casme2"
        truth = np.resize(CLASSES, clips)
        wrong = np.resize(np.roll(CLASSES, 1), clips)
        answer = (
            np.full(clips, "negative") if model == "majority" else np.where(rng.random(clips) < right, truth, wrong)
        )
        part = pd.DataFrame({"y_true": truth, "y_pred": answer, "subject": f"{dataset}/{number:02d}"})
        part["sample_id"] = [f"{dataset}/{number:02d}/{clip}" for clip in range(clips)]
        for name in CLASSES:
            part[f"p_{name}"] = 1 / 3 if model == "majority" else np.where(answer == name, 0.8, 0.1)
        parts.append(part.assign(dataset=dataset, fold=part.subject))
    return pd.concat(parts, ignore_index=True).assign(task=task, model=model, seed=0)


def leave(folder, notebook, tables=(), status="ok", **facts):
    """What a run leaves behind: run.json and, of predictions, the table and its scores."""
    place = folder / notebook
    (place / "tables").mkdir(parents=True, exist_ok=True)
    if len(tables):
        table = pd.concat(tables, ignore_index=True)
        predictions.write(table, place / "predictions.csv")
        scores.score(table, 50).to_csv(place / "scores.csv", index=False)
    record = {
        "status": status, "parameters": {"PROFILE": "tiny", "SEED": 0}, "data_fingerprint": "abc", "commit": "1234567",
        "seconds": 1.0, "synthetic": False, "packages": {"scikit-learn": "1"}, "device": {"name": "2 cores"},
    }  # fmt: skip
    (place / "run.json").write_text(json.dumps(record | facts))
    return place


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    root = tmp_path_factory.mktemp("outputs") / "megc2019"
    few = [rows("majority", 0, people=4), rows("ours", 0.9, people=4)]
    leave(root, "04_model_comparison", [rows("majority", 0), rows("logistic", 0.8), rows("svm", 0.5, seed=1)])
    leave(root, "06_loso_hybrid", few)
    leak = [rows("majority", 0), rows("logistic", 0.8), rows("svm", 0.5, seed=2), rows("svm+nested", 0.6, seed=3)]
    apart = [rows(name, 0.7, task="megc3-parts5") for name in ("majority", "logistic")]
    leave(root, "08_leakage_audit", [*leak, *apart])
    leave(root, "05_intensity_regression", status="not applicable", why="no frames.")
    return root


@pytest.fixture
def folder(built, tmp_path):
    return Path(shutil.copytree(built, tmp_path / "megc2019"))


@pytest.fixture(scope="module")
def made(built, tiny):
    return summary.compute_made(built, outputs.inventory(built, ME), tiny, 0)


def test_what_is_missing_is_named_and_a_broken_record_is_refused(folder):
    listed = outputs.inventory(folder, ME)
    assert ME not in set(listed.notebook)
    said = summary.say_inventory(listed)
    assert said.startswith(f"**3 of {len(listed)}**") and "Missing (not run, or not to the end): `00" in said
    assert "`05_intensity_regression` (no frames)" in said
    (folder / "04_model_comparison" / "run.json").write_text("{")
    with pytest.raises(WorkbookError, match=r"run\.json.*run that notebook again"):
        outputs.inventory(folder, ME)


def test_runs_that_do_not_belong_together_are_told(folder):
    assert outputs.mixed(outputs.inventory(folder, ME)) == {}
    leave(folder, "09_augmentation_effect", parameters={"PROFILE": "full", "SEED": 0}, data_fingerprint="xyz")
    differing = outputs.mixed(outputs.inventory(folder, ME))
    assert set(differing) == {"profile", "fingerprint"} and "full" in summary.say_mixed(differing)


def test_without_predictions_there_is_nothing_to_sum_up(tmp_path, tiny):
    with pytest.raises(NotApplicable, match="no notebook has left predictions"):
        summary.compute_made(tmp_path, outputs.inventory(tmp_path, ME), tiny, 0)


def test_problems_are_one_set_of_clips_and_models_stand_in_them_once(made):
    (all_people, _), (few, _) = made
    assert (all_people.n, all_people.people, few.n, few.people) == (72, 8, 36, 4)
    assert all_people.notebooks["logistic"] == ["04", "08"], "the same predictions count once"
    assert {"svm [04]", "svm [08]", "svm+nested"} < set(all_people.notebooks) and "svm" not in all_people.notebooks
    assert few.headline == "ours" and all_people.headline == "logistic"
    differing = few._replace(notebooks={"logistic": ["04"], "ours [06]": ["06"], "ours [08]": ["08"]})
    assert differing.headline == "ours [06]", "two versions of it are no reason to claim another model"
    assert not any("parts" in problem.task for problem, _ in made), "experiments stay in their notebooks"
    assert cards.family("svm [04]") == cards.family("hog:svm+pca+smote") == cards.family("svm_tuned") == "svm"


def test_scores_are_those_that_were_stored_and_verdicts_are_paired(folder, made):
    for problem, scored in made:
        stored = outputs.stored(folder, problem).merge(scored[scored["slice"] == "all"], on="model")
        assert len(stored) and np.allclose(stored.uf1_x, stored.uf1_y)
    own = made[0][1].set_index(["model", "slice"])
    assert own.verdict["logistic", "all"] == "better" and own.verdict["majority", "all"] == ""
    gain = own.uf1["logistic", "all"] - own.uf1["majority", "all"]
    assert own.gain["logistic", "all"] == pytest.approx(gain) and own.gain_lo["logistic", "all"] > 0


def test_sentences_carry_the_numbers_of_the_table(made):
    problem, scored = made[0]
    said = summary.say_models(problem, scored, 50, 0)
    own = scores.row(scored, problem.task, "logistic")
    assert f"UF1 **{own.uf1:.3f}** ({own.uf1_lo:.3f} to {own.uf1_hi:.3f})" in said and "of 4 models" in said
    high = [(problem, scored.assign(uf1=0.85))]
    assert "calls for an audit" in summary.say_alarm(high) and "suspects" in summary.say_alarm([])


def test_only_all_clips_may_stand_beside_published_scores(made):
    table = published.compute_published(results.compute_reported(corpus.read()), results.read_measured(), made)
    own = table[table.kind == "this run"]
    assert (own.comparable == f"no: {published.COMPOSITE - 72} clips are missing").all()
    assert "may not be put beside them" in published.say_published(table)
    whole = table.assign(clips=published.COMPOSITE)
    assert "inside that interval" in published.say_published(whole)
    assert "no row to put beside" in published.say_published(table[table.kind != "this run"])


def test_sources_are_not_compared_with_drawn_people(made):
    assert published.compute_sources(made, True).comparable.eq("no: drawn people here").all()
    real = published.compute_sources(made, False).set_index("source")
    assert real.comparable["STSTNet"].startswith("no") and real.here["fused SVM on CASME II"] == published.ABSENT


def planted(place, name, **columns):
    pd.DataFrame(columns).assign(data="x").to_csv(place / "tables" / f"{name}.csv", index=False)


def test_conclusions_follow_the_verdicts_and_say_when_there_is_nothing(folder):
    listed = outputs.inventory(folder, ME)
    empty = conclusions.compute_regression(folder)
    assert "no frames" in conclusions.say_regression(empty, folder, listed)
    assert "left no such table" in conclusions.say_imbalance(conclusions.compute_imbalance(folder), folder, listed)
    place = leave(folder, "05_intensity_regression")
    ends = {"lo": 0.0, "hi": 0.2, "p_holm": 0.01}
    planted(place, "intensity_scores", people=[12])
    for verdict, words in (
        ("better", "was the better way"),
        ("worse", "gained nothing"),
        ("tie", "cannot be told apart"),
    ):
        part = {"model": ["cnn_lstm+soft"], "gain": 0.1, "verdict": verdict} | ends
        planted(place, "formulations_as_levels", **part)
        planted(place, "formulations_as_numbers", metric="mae", **part)
        assert words in conclusions.say_regression(conclusions.compute_regression(folder), folder, listed)


def test_who_pays_for_rare_classes_is_said_only_where_it_is_shown(folder):
    place, listed = leave(folder, "09_augmentation_effect"), outputs.inventory(folder, ME)
    outcomes = ["macro-F1", "minority recall", "majority recall"]
    for lost, words in ((-0.2, "frequent ones pay"), (0.0, "is not shown")):
        p = [0.5, 0.01, 0.01 if lost else 0.9]
        part = {"treatment": "smote", "outcome": outcomes, "effect": [0.1, 0.3, lost], "p_holm": p}
        planted(place, "effects_as_they_come", **part)
        assert words in conclusions.say_imbalance(conclusions.compute_imbalance(folder), folder, listed)


def test_every_family_gets_a_card_that_says_what_it_is_not_for(folder, made, tiny):
    judged = summary.judged(made)
    calibrated = groups.compute_calibration(judged, 50, 0)
    nobody = pd.DataFrame({"subject": []})
    _, gaps = groups.compute_fairness(judged, nobody, 50, 0)
    written = cards.model_cards(made, folder, "megc2019", calibrated, gaps)
    assert set(written) == {"model_logistic.md", "model_svm.md", "model_ours.md"}
    for text in written.values():
        for words in ("surveillance", "lies", "hiring", "Bias audit", "Cultural adaptation", "withdraw", "notebook 0"):
            assert words in text
        assert str(folder) not in text and "nan" not in text
    own = scores.row(made[0][1], "megc3-loso", "logistic")
    assert f"{own.uf1:.3f} ({own.uf1_lo:.3f} to {own.uf1_hi:.3f})" in written["model_logistic.md"]
    card = cards.data_card("megc2019", made, nobody, "megc2019")
    assert "are **unknown**" in card and "negative 24" in card
    names = cards.write(written, folder / ME)
    assert (folder / ME / names[0]).read_text(encoding="utf-8") in written.values()


def test_a_checklist_never_says_yes_for_people(folder, made):
    listed, nobody = outputs.inventory(folder, ME), pd.DataFrame({"subject": []})
    table = stewardship.compute_checklist(folder, listed, made, {"a.md": "no detection of lies"}, nobody, False)
    assert set(table[table.checked == "by you"].holds) == {"ask"} and "ask" not in set(
        table[table.checked == "by code"].holds
    )
    held = table.set_index("line").holds
    assert held["groups of people can be compared"] == "no" and held["every card says what it is not for"] == "yes"
    (folder / "04_model_comparison" / "model.pkl").write_text("")
    place = leave(folder, "09_augmentation_effect", synthetic=True)
    (place / "tables" / "bare.csv").write_text("a,b\n1,2\n")
    again = stewardship.compute_checklist(folder, listed, made, {"a.md": ""}, nobody, True).set_index("line")
    assert (
        again.holds["results are in open formats"] == "no" and ".pkl" in again.evidence["results are in open formats"]
    )
    assert "bare" in again.evidence["every table made of drawn people says so"]
    assert again.holds["every card says what it is not for"] == "no"
    assert "Not yet:" in stewardship.say_checklist(again.reset_index())


def test_the_audit_of_all_predictions_finds_a_person_on_both_sides(folder):
    listed = outputs.inventory(folder, ME)
    clean = conclusions.compute_audit(folder, listed)
    assert list(clean.notebook) == ["04_model_comparison", "06_loso_hybrid", "08_leakage_audit"]
    assert clean.violations.sum() == 0 and "**0 violation(s)**" in conclusions.say_audit(clean)
    path = folder / "06_loso_hybrid" / "predictions.csv"
    table = predictions.read(path)
    table.assign(fold=np.resize(["a", "b"], len(table))).to_csv(path, index=False)
    assert conclusions.compute_audit(folder, listed).violations.sum() > 0


def test_without_a_model_to_look_at_tables_are_empty_and_the_figure_says_so():
    calibrated = groups.compute_calibration([], 50, 0)
    by_group, gaps = groups.compute_fairness([], None, 50, 0)
    assert calibrated.empty and by_group.empty and gaps.empty
    assert {"ece", "skill"} <= set(calibrated) and "p_holm" in gaps and {"division", "clips"} <= set(by_group)
    assert groups.compute_reliability([], calibrated, 50, 0) == []
    (said,) = groups.plot_reliability([]).findobj(
        lambda part: getattr(part, "get_text", str)().startswith("No problem")
    )
    assert "look at more closely" in said.get_text()
