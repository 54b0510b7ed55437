"""Notebook 06's tables and sentences on made-up predictions whose answer is known."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from test_hybrids import CLASSES as EMOTIONS
from test_hybrids import clips, samples_of
from test_scores import CLASSES, random_table, table

from helpers import workspace
from helpers.evaluation import ablation, arrays, hybrids, predictions, scores, subjects
from helpers.models import fused_svm
from helpers.motion import faces
from helpers.show import hybrid, hybrid_faces, hybrid_failures, plots
from helpers.show import hybrid_verdicts as verdicts

TINY, TASK = workspace.profile("tiny"), "megc3-loso"


def answers(right, n=150, people=15, classes=CLASSES, task=TASK, seed=0):
    """Predictions of models that are right as often as `right` {model: share} says, and of majority."""
    rng = np.random.default_rng(seed)
    who, truth = np.sort(rng.integers(0, people, n)).astype(str), rng.choice(classes, n)
    luck, other = rng.random(n), rng.choice(classes, n)
    made = {model: np.where(luck < share, truth, other) for model, share in right.items()}
    made["majority"] = np.full(n, classes[0])
    parts = [table(truth, said, who, model, task=task, classes=classes) for model, said in made.items()]
    return pd.concat(parts, ignore_index=True)


def fits(task=TASK, **records):
    """Records of fits: {model: what it recorded}, one fold."""
    rows = [(task, model, 0, "p0", json.dumps(record)) for model, record in records.items()]
    return pd.DataFrame(rows, columns=["task", "model", "seed", "fold", "recorded"])


def trained(beats=True, **more):
    losses = [1.2, 0.9, 0.5] if beats else [1.0987, 1.0986, 1.0986]
    facts = {"parameters": 10, "prior_loss": np.log(3), "final_loss": losses[-1], "beats_prior": beats}
    return facts | {"losses": losses, "settings": {"epochs": 3, "augment": {"noise": 0.01}, "patience": None}} | more


def test_a_network_is_called_better_worse_or_tied_by_the_corrected_interval():
    found = answers({"logistic": 0.5, "ststnet": 0.95, "roi_cnn": 0.5, "rgb_cnn": 0.0})
    rows = hybrids.over(found, TASK, "logistic", hybrids.NETWORKS, 300, 0).set_index("model")
    assert rows.verdict.to_dict() == {"ststnet": "better", "roi_cnn": "tie", "rgb_cnn": "worse"}
    said = verdicts.say_answer(rows.reset_index())
    assert "1 is better than `logistic`: `ststnet`" in said and "1 is worse and 1 ties" in said
    tied = verdicts.say_answer(rows.loc[["roi_cnn"]].reset_index())
    assert "0 are better" in tied and tied.endswith("a tie.")


def test_steps_that_a_dataset_cannot_ask_are_left_out():
    found = answers({"full_face_flow": 0.3, "roi_cnn": 0.9, "roi_graph": 0.9})
    rows = hybrids.steps(found, TASK, 200, 0)
    assert rows.change.tolist() == ["regions instead of the face", "graph over regions"]
    assert rows.verdict.tolist() == ["better", "tie"]
    assert "1 moves UF1" in verdicts.say_steps(rows) and "all are ties" in verdicts.say_steps(rows.tail(1))


def test_signs_are_asked_only_of_a_class_and_models_that_are_there():
    shares = dict.fromkeys(fused_svm.names(), 0.2) | {"fused_svm+both": 0.9}
    assert hybrids.signs(answers(shares), TASK, 100, 0) is None
    own = answers(shares, classes=["disgust", "happiness", "surprise"])
    rows = hybrids.signs(own, TASK, 200, 0)
    assert set(zip(rows.model, rows.other, strict=True)) == set(ablation.AU_PAIRS)
    assert "recall of disgust" in verdicts.say_signs(rows) and ": a gain." in verdicts.say_signs(rows)
    assert hybrids.signs(own[own.model == "majority"], TASK, 100, 0) is None


def test_fits_that_did_not_beat_the_prior_are_named():
    records = fits(roi_cnn=trained(), rgb_cnn=trained(beats=False), ours={"kernels": "rbf"})
    learned = hybrids.learning(records.assign(recorded=[*records.recorded[:2], ""]))
    assert learned.beats_prior.tolist() == [True, False]
    assert "1 of 2 fits did not beat" in verdicts.say_learning(learned)
    assert f"`rgb_cnn` ({TASK}, 1)" in verdicts.say_learning(learned)
    assert verdicts.say_learning(learned[:1]).startswith("All 1 fits of 1 networks beat")
    table = hybrid.compute_learning(learned).set_index("model")
    assert table.beat_prior.to_dict() == {"roi_cnn": 1, "rgb_cnn": 0}
    plots.close(hybrid.plot_curves(learned, TASK))


def test_a_network_inside_a_search_is_found_and_the_choice_as_well():
    inner = {"chosen": {"classifier__C": 1.0}, "inner_macro_f1": 0.4, "network": trained(parameters=7)}
    ours = {"kernels": "linear", "inner_macro_f1": 0.6, "members": [{"view": "all", "kernel": "linear", "ridge": 3.0}]}
    records = fits(**{"fused_svm+both": inner, "ours": ours})
    assert hybrids.learning(records).parameters.tolist() == [7]
    assert hybrids.chosen(records).setting.tolist() == ["C 1.0", "linear"]
    assert hybrids.members(records).median_ridge.tolist() == [3.0]
    settings = hybrid.compute_settings(hybrids.learning(records))["fused_svm+both"]
    assert settings[["epochs", "augment", "patience"]].tolist() == ["3", "noise 0.01", "none"]


def test_the_table_of_people_ends_as_the_sources_print_it():
    found = answers({"rgb_cnn": 0.3, "roi_hybrid": 0.8})
    rows = hybrids.people(found, TASK, "roi_hybrid", "rgb_cnn").set_index("subject")
    people = scores.by_subject(found).query("model == 'roi_hybrid'").uar
    theirs = scores.by_subject(found).query("model == 'rgb_cnn'").uar
    ends = rows.uar[["mean", "standard deviation", "best", "gain over rgb_cnn"]].tolist()
    assert ends == pytest.approx([people.mean(), people.std(), people.max(), people.mean() - theirs.mean()])
    summary = subjects.summary(found, TASK, ["rgb_cnn", "roi_hybrid"], "rgb_cnn", resamples=50)
    said = verdicts.say_people(summary, found, TASK, "roi_hybrid")
    assert f"mean of people {people.mean():.3f}" in said and "both put `roi_hybrid` first" in said
    plots.close(hybrid.plot_people(summary, subjects.table(found, TASK, "roi_hybrid"), "roi_hybrid", TASK))


def test_the_documented_matrix_is_scored_again():
    assert "UAR 0.467 and accuracy 0.449" in verdicts.say_documented()


def test_a_clip_is_missed_as_often_as_models_err():
    truth, who = ["negative", "positive"], ["a", "b"]
    said = {"one": ["negative"] * 2, "two": ["negative", "surprise"], "three": ["positive", "negative"]}
    parts = [table(truth, answer, who, model) for model, answer in said.items()]
    rows = hybrids.misses(pd.concat(parts), TASK, ["one", "two", "three"]).set_index("y_true")
    assert rows.missed.to_dict() == pytest.approx({"positive": 1, "negative": 1 / 3})
    assert rows.index[0] == "positive" and rows.said.to_dict() == {"positive": "negative", "negative": "positive"}


def test_logs_are_written_for_every_model_and_seed(tmp_path):
    run = SimpleNamespace(work=tmp_path, files=[])
    names = hybrid.keep_logs(run, random_table())
    assert names == run.files == [f"logs/{TASK}_majority_0.txt", f"logs/{TASK}_some_0.txt"]
    assert all((tmp_path / name).stat().st_size for name in names)


def test_looks_are_those_of_the_dataset_and_its_schemes():
    rows = hybrids.looks("megc2019", ["casme4-loso"])
    assert len(rows) and rows.data.str.startswith("megc2019").all() and rows.task.str.startswith("casme4").all()


def test_only_schemes_of_several_datasets_can_hold_one_out():
    samples = pd.DataFrame({"dataset": ["casme2", "smic"], "emotion": ["disgust", "negative"]})
    assert hybrids.across(samples, ["megc3", "casme4"]) == ["megc3"]


@pytest.fixture(scope="module")
def data():
    """Arrays of six drawn people with frames of noise, as the notebook has them."""
    X, y, groups = clips()
    samples = samples_of(groups).assign(emotion=y, kind="flow")
    samples.attrs = {"dataset": "demo", "synthetic": True}
    return arrays.Arrays(
        samples, {"flow": X[:, :1], "windows": X, "standard": X}, {"frames": "none"}, "px", pd.DataFrame()
    )


def test_every_model_that_applies_is_asked_and_the_others_are_named(data, tmp_path):
    run = SimpleNamespace(profile=TINY, seeds=(0,), checkpoints=tmp_path)
    found = hybrids.predict(data, ["demo7"], run, ["majority", "logistic", "rgb_cnn"])
    assert set(found.predictions.model) == {"majority", "logistic"} and found.absent.model.tolist() == ["rgb_cnn"]
    assert set(found.predictions.task) == {"demo7-loso"} and (found.predictions.fold == found.predictions.subject).all()
    assert predictions.check(found.predictions) is found.predictions
    assert "rgb_cnn does not apply: none" in verdicts.say_absent(found.absent)


def test_the_network_is_looked_into_on_people_it_was_not_trained_on(data):
    seen = hybrid_faces.look(data, "demo7", TINY, 0)
    assert seen.trained_on + seen.samples.subject.nunique() == 6 and set(seen.y) <= set(EMOTIONS)
    received, edges, windows, _ = hybrid_faces.attention(seen)
    assert sum(received.values()) == pytest.approx(1) and set(received) == set(faces.REGIONS)
    assert edges.shape == (4, 4) and windows.shape == (2, 2)
    explained = hybrid_faces.gradients(seen)
    share = hybrid_faces.shares(seen, explained)
    assert np.allclose(share.sum(axis=1), 1) and share.loc["disgust"].idxmax() == "nose"
    for figure in (
        hybrid_faces.plot_attention(seen, hybrid_faces.backdrop(seen, may_show=True)),
        hybrid_faces.plot_gradients(seen, explained),
    ):
        plots.close(figure)
    assert "gets **" in hybrid_faces.say_attention(seen) and "is missing" in hybrid_faces.say_gradients(explained)


def test_weak_motion_that_is_missed_is_said_so(data):
    strength = hybrid_failures.strength(data)
    assert strength.shape == (48,) and (strength > 0).all()
    rows = data.samples[["sample_id", "subject"]].assign(y_true=data.samples.emotion, said="others", p_true=0.1)
    missed = rows.assign(missed=(strength < np.median(strength)).astype(float))
    said = hybrid_failures.say_failures(missed, data, ["a"], TASK, 100, 0)
    assert "24 of 48 clips" in said and "weaker motion is missed more" in said
    none = hybrid_failures.say_failures(missed.assign(missed=[0.1, 0.2] * 24), data, ["a"], TASK, 100, 0)
    assert "0 of 48 clips" in none and "no confusion stands out" in none
    plots.close(hybrid_failures.plot_failures(missed, data, may_show=True))
