"""Notebook 05's folds, tables, figures and sentences: a tiny demo, and made-up predictions whose answer is known."""

import json

import numpy as np
import pandas as pd
import pytest

from helpers import workspace
from helpers.evaluation import agreement, compare, intensity, predictions, scores, splits, targets
from helpers.models import intensity as models
from helpers.motion import sequences
from helpers.show import intensity as shown
from helpers.show import intensity_curves as curves
from helpers.show import intensity_verdicts as verdicts
from helpers.show import plots, records
from helpers.workspace import WorkbookError

TASK = "triangle-loso"
CHEAP = ["constant", "frame_index", "flow_magnitude"]


@pytest.fixture(scope="module")
def clips(demo):
    """Sequences of three people of the demo."""
    people = demo.subject.value_counts().index[:3]
    return sequences.extract(demo[demo.subject.isin(people)].reset_index(drop=True), side=14)


@pytest.fixture(scope="module")
def answers(clips, tiny):
    """Cheap models' predictions of these clips, by both kinds of label: {task: (predictions, records, curves)}."""
    folds = splits.loso(clips.samples)
    return {
        f"{kind}-loso": intensity.cross_predict(f"{kind}-loso", CHEAP, clips, targets.of(clips, kind), folds, tiny)
        for kind in ("triangle", "true")
    }


def made(errors, people=12, clips=4, steps=9, task=TASK):
    """Predictions of models that err as {model: standard deviation of their error} says."""
    chance, parts = np.random.default_rng(0), []
    true = np.tile(1 - np.abs(np.linspace(-1, 1, steps)), (people * clips, 1))
    clip, frame = np.indices(true.shape).reshape(2, -1)
    who = [f"d/s{k // clips:02d}" for k in clip]
    about = {"task": task, "sample_id": [f"d/c{k}" for k in clip], "dataset": "d", "subject": who, "fold": who}
    for model, error in errors.items():
        said = np.clip(true + error * chance.normal(size=true.shape), 0, 1).ravel()
        own = {"model": model, "seed": 0, "frame": 10 * frame, "y_true": true.ravel(), "y_pred": said}
        parts.append(pd.DataFrame(about | own))
    return pd.concat(parts, ignore_index=True)[list(agreement.COLUMNS)]


def test_every_labelled_frame_is_predicted_by_a_model_that_never_saw_the_person(clips, answers):
    table, fits, curve = answers[TASK]
    y = targets.of(clips, "triangle")
    assert (table.fold == table.subject).all() and (table.groupby("model").size() == np.isfinite(y).sum()).all()
    assert len(fits) == 3 * len(CHEAP) and set(curve) == {(name, 0) for name in CHEAP}
    own = curve["flow_magnitude", 0]
    assert all(np.array_equal(np.isnan(values), clips.frames < 0) for values in own.values())
    row = table[table.model == "flow_magnitude"].iloc[0]
    at = int(np.flatnonzero(clips.samples.sample_id == row.sample_id)[0])
    assert row.y_pred == own[row.fold][at, list(clips.frames[at]).index(row.frame)]


def test_held_out_labels_change_no_prediction_of_their_own(clips, tiny):
    y, fold = targets.of(clips, "triangle"), splits.loso(clips.samples)[:1]
    other = np.where(np.isin(np.arange(len(y)), fold[0].test)[:, None], 1 - y, y)
    first, second = (intensity.cross_predict(TASK, CHEAP, clips, labels, fold, tiny)[0] for labels in (y, other))
    assert first.y_pred.equals(second.y_pred) and not first.y_true.equals(second.y_true)


def test_finished_folds_are_kept_and_a_renamed_model_is_called_so(clips, tiny, tmp_path):
    given = clips, targets.of(clips, "triangle"), splits.loso(clips.samples), tiny, (0,), tmp_path
    first, _, _ = intensity.cross_predict(TASK, ["constant"], *given)
    again, fits, curve = intensity.cross_predict(TASK, ["constant"], *given, renamed={"constant": "other"})
    assert fits.stored.all() and set(curve) == {("other", 0)} and set(again.model) == {"other"}
    assert first.y_pred.equals(again.y_pred)


def test_shuffling_moves_maps_within_their_clip_and_nothing_else(clips):
    mixed = intensity.shuffled(clips)
    assert mixed.frames is clips.frames and np.array_equal(np.isnan(mixed.values), np.isnan(clips.values))
    assert not np.array_equal(mixed.values, clips.values, equal_nan=True)
    sums = [np.sort(np.nansum(one.values, axis=(2, 3, 4)), axis=1) for one in (mixed, clips)]
    assert np.allclose(*sums)


def test_levels_are_judged_beside_the_commonest_of_other_people(answers):
    table = answers[TASK][0]
    levels = intensity.as_levels(table, ["flow_magnitude", "constant"])
    assert set(levels.model) == {"flow_magnitude", "constant", scores.BASELINE}
    assert set(levels.task) == {f"{TASK}-levels"} and set(levels.y_true) <= set(models.LEVELS)
    row = levels[levels.model == scores.BASELINE].iloc[0]
    others = levels[(levels.model == "constant") & (levels.fold != row.fold)]
    assert row.y_pred == others.y_true.mode().iloc[0]


def test_a_level_that_no_label_reaches_is_no_class():
    found = made({"cnn_lstm": 0.3, "position": 0.1})
    found["y_true"] *= 0.7
    levels = intensity.as_levels(found, ["cnn_lstm", "position"])
    assert set(levels.y_true) == set(models.LEVELS[:3]) and "p_high" not in levels
    high = (found.y_pred >= models.THRESHOLDS[-1]).to_numpy()
    assert high.any() and set(levels.y_pred[: len(found)][high]) == {"medium"}
    graded = scores.score(levels, 50)
    assert graded.uf1.between(0, 1).all()
    plots.close(shown.plot_levels(graded, f"{TASK}-levels"))


def test_maps_of_a_clip_are_means_and_single_frames(clips):
    there = clips.frames >= 0
    plain, values = intensity.pooled_maps(clips, np.ones(there.shape)), clips.values
    assert np.allclose(plain[:, 0], np.nanmean(values, axis=1), atol=1e-4)
    best = np.array([np.flatnonzero(row)[-1] for row in there])
    only = np.where(np.arange(there.shape[1]) == best[:, None], 1.0, 0.0)
    last = values[np.arange(len(best)), best]
    assert np.allclose(intensity.pooled_maps(clips, only)[:, 0], last, atol=1e-3)
    assert np.array_equal(intensity.strongest_maps(clips, np.where(there, only, np.nan))[:, 0], last)
    coded = np.abs(clips.frames - clips.samples.apex.to_numpy(int)[:, None])
    nearest = np.where(there, coded, 10**6).argmin(axis=1)
    assert np.array_equal(intensity.coded_maps(clips)[:, 0], values[np.arange(len(best)), nearest])


def test_recognition_is_asked_of_the_same_clips_for_every_input(clips, answers, tiny):
    found = intensity.recognise("demo7", clips, answers[TASK][2]["flow_magnitude", 0], tiny)
    inputs = {"coded_apex", "plain_mean", "predicted_apex", "weighted_mean", scores.BASELINE}
    assert set(found.model) == inputs and set(found.task) == {"demo7-loso-intensity"}
    assert (found.fold == found.subject).all() and found.groupby("model").size().nunique() == 1
    pairs = compare.pairs(found, "demo7-loso-intensity", [("weighted_mean", "plain_mean")], "uf1", 100, 0)
    said = verdicts.say_recognition(pairs, scores.score(found, 100))
    assert "`weighted_mean`" in said and ("holds" in said or "hold" in said)


def test_in_each_fold_its_own_network_weighs_the_maps(clips, tiny, monkeypatch):
    chance, folds, seen = np.random.default_rng(0), splits.loso(clips.samples), {}
    own = {fold.name: chance.uniform(size=clips.frames.shape) for fold in folds}
    true_cross_predict = predictions.cross_predict

    def watched(task, names, X, samples, y, classes, some, *rest, **settings):
        if len(some) == 1:
            seen.setdefault(some[0].name, []).append(X)
        return true_cross_predict(task, names, X, samples, y, classes, some, *rest, **settings)

    monkeypatch.setattr(intensity.predictions, "cross_predict", watched)
    intensity.recognise("demo7", clips, own, tiny)
    assert set(seen) == set(own)
    for name, maps in seen.items():
        expected = intensity.strongest_maps(clips, own[name]), intensity.pooled_maps(clips, own[name])
        assert all(np.array_equal(*pair) for pair in zip(maps, expected, strict=True))


def test_steps_are_as_long_as_frames_are_apart(demo, tiny):
    assert intensity.clips_of(demo, tiny).step_s == intensity.STEP
    short = demo.assign(offset=demo.offset.clip(upper=demo.apex + 5), onset=demo.onset.clip(lower=demo.apex - 20))
    slow = intensity.clips_of(short.assign(fps=30.0), tiny)
    assert slow.step_s == pytest.approx(1 / 30) and len(slow.samples)
    assert not slow.left_out.reason.str.contains("apart").any()
    assert (np.diff(slow.frames[0][slow.frames[0] >= 0]) == 1).all(), "every frame is a step"
    with pytest.raises(WorkbookError, match="no frame rate is known"):
        intensity.clips_of(demo.assign(fps=pd.array([None] * len(demo), "Float64")), tiny)


def test_drawn_people_who_take_no_part_are_left_out_by_name(demo, tiny):
    found = intensity.clips_of(demo, tiny)
    assert set(found.samples.sample_id) | set(found.left_out.sample_id) == set(demo.sample_id)
    assert found.samples.subject.nunique() == splits.FEWER["tiny"] and found.values.shape[-1] == 14
    assert "the profile takes some" in found.left_out.reason.iloc[-1]


def test_a_strong_apex_is_known_only_to_who_learned_from_strengths(clips, answers):
    table, truth = pd.concat([one[0] for one in answers.values()]), targets.strengths(clips.samples)
    peaks = intensity.peaks(table, truth)
    assert set(peaks.model) == {f"{name} ({kind})" for name in CHEAP for kind in ("triangle", "true")} | {
        agreement.OTHERS
    }
    errors = intensity.apexes(peaks, clips.samples, 100).set_index("model")
    own = peaks[peaks.model == "constant (true)"]
    assert errors.strength_mae["constant (true)"] == pytest.approx((own.y_pred - own.y_true).abs().mean())
    fps = float(clips.samples.fps.iloc[0])
    assert errors.apex_ms["constant (true)"] == pytest.approx(1000 * own.frame_error.abs().mean() / fps)
    assert errors.strength_bias["constant (true)"] < errors.strength_bias["flow_magnitude (triangle)"]
    gains = agreement.gains(peaks, "apex", agreement.OTHERS, ("mae",), resamples=100)
    said = verdicts.say_strength(errors.reset_index(), gains)
    said += verdicts.say_apex(errors.reset_index(), "flow_magnitude")
    assert "mean strength of other people" in said and "picked from 6" in said and "`flow_magnitude (true)` by" in said
    plots.close(shown.plot_apexes(peaks, errors.reset_index(), "flow_magnitude"))


def test_a_headline_says_win_loss_and_tie_by_the_corrected_interval():
    found = made({"frame_index": 0.2, "cnn_lstm": 0.02, "cnn_tcn": 0.2, "cnn_transformer": 0.8})
    rows = agreement.gains(found, TASK, "frame_index", resamples=300)
    said = verdicts.say_networks(rows)
    assert said == "Against `frame_index`: `cnn_lstm` win, `cnn_transformer` lose, `cnn_tcn` tie."
    assert "a **win**: Spearman +" in verdicts.say_headline(rows, rows, "cnn_lstm")
    assert "a **tie**" in verdicts.say_headline(rows, rows, "cnn_tcn")
    assert verdicts.title_gains(rows, rows).endswith("win: 1 of 3 over frame_index, 1 of 3 over frame_index")
    plots.close(shown.plot_gains([rows, rows], "t"))


@pytest.mark.parametrize(
    ("error", "answer"), [(0.05, "saw something"), (0.4, "Nothing shows"), (0.9, "Nothing speaks")]
)
def test_the_shuffled_control_decides_whether_anything_was_seen(error, answer):
    found = made({intensity.SHUFFLED: 0.4, "cnn_lstm": error})
    rows = agreement.gains(found, TASK, intensity.SHUFFLED, resamples=300)
    row = agreement.scores(found, 50).set_index("model").loc[intensity.SHUFFLED]
    assert answer in verdicts.say_seen(rows, row)
    pairs = pd.DataFrame({"verdict": ["better", "tie"]})
    said = verdicts.say_conclusion({"triangle": (rows, rows)}, rows, pairs)
    assert "of 1 networks that learned from triangle labels".capitalize() in said and "Of 2 comparisons, 1 says" in said
    assert "cannot be judged" in said
    worse = pd.DataFrame({"model": ["a", "b"], "verdict": ["better", "worse"]})
    assert "other people: `a`. Of" in verdicts.say_conclusion({"triangle": (rows, rows)}, rows, pairs, worse)


def test_a_conclusion_says_who_lost():
    rows = agreement.gains(made({"frame_index": 0.2, "cnn_lstm": 0.8}), TASK, "frame_index", resamples=300)
    said = verdicts.say_conclusion({"true": (rows, rows)}, rows, pd.DataFrame({"verdict": ["tie"]}))
    assert said.count("0 win and 1 lose against `frame_index`") == 2


def test_the_best_baseline_is_the_one_of_highest_concordance():
    scored = agreement.scores(made({"frame_index": 0.2, "position": 0.1, "cnn_lstm": 0.01}), 50)
    assert intensity.best_baseline(scored, TASK) == "position"
    table = shown.compute_scores(scored, TASK, ["position", "frame_index"])
    assert table.model.tolist() == ["position", "frame_index"] and " to " in table["R²"].iloc[0]
    plots.close(shown.plot_scores(scored, TASK, ["position", "cnn_lstm"]))


def test_losses_and_formulations_are_said_by_verdict():
    found = made({"cnn_lstm": 0.3, "cnn_lstm+mae": 0.02, "cnn_lstm+soft": 0.3})
    rows = agreement.gains(found, TASK, "cnn_lstm", resamples=300)
    assert "`cnn_lstm+mae` is better in CCC" in verdicts.say_losses(rows)
    levels = intensity.as_levels(found, ["cnn_lstm", "cnn_lstm+soft"])
    pairs = compare.pairs(levels, f"{TASK}-levels", [("cnn_lstm+soft", "cnn_lstm")], "uf1", 200, 0)
    said = verdicts.say_formulations(rows, pairs, scores.score(levels, 100), "cnn_lstm")
    assert "`cnn_lstm+soft`: as numbers" in said and "as levels UF1" in said
    figure = shown.plot_levels(scores.score(levels, 100), f"{TASK}-levels")
    assert "(432 frames, 12 people)" in figure.axes[0].get_title(loc="left") + figure.axes[0].get_title()
    plots.close(figure)


def test_reliability_and_groups_are_drawn_and_said():
    found = made({"cnn_lstm": 0.1, "position": 0.2}).assign(emotion="others")
    found.loc[found.subject == "d/s00", "emotion"] = "fear"
    table = agreement.reliability(found, 5, 100)
    assert "in its lowest bin" in verdicts.say_reliability(table, "cnn_lstm")
    emotions, people = agreement.by(found, "emotion"), agreement.by(found, "subject")
    assert "fear, rests on 4 clip(s) of 1 person(s)" in verdicts.say_groups(emotions, people, "cnn_lstm")
    figure = shown.plot_groups(emotions, people, "cnn_lstm", "position")
    assert "4 clips)" in figure.get_suptitle() and "44 clips)" in figure.get_suptitle(), (
        "a rare emotion is seen as such"
    )
    plots.close(figure)
    plots.close(shown.plot_reliability(table, TASK))


def test_rankings_under_two_labels_are_compared():
    found = [made({"position": 0.1, "cnn_lstm": 0.3}), made({"position": 0.3, "cnn_lstm": 0.1}, task="true-loso")]
    scored = agreement.scores(pd.concat(found), 50)
    said = verdicts.say_ranking(scored, [TASK, "true-loso"], ["position", "cnn_lstm"])
    assert "correlation is -1.00" in said and "`position` leads the first, `cnn_lstm` the second" in said
    plots.close(shown.plot_ranking(scored, [TASK, "true-loso"], ["position", "cnn_lstm"]))


def test_labels_of_a_ranking_keep_apart_and_in_order():
    heights = shown._apart(pd.Series({"a": 0.5, "b": 0.501, "c": 0.502, "d": 0.0}))
    ordered = [heights[name] for name in "dabc"]
    assert (np.diff(ordered) > 0.02).all()


def test_windows_and_film_strips_are_drawn_with_and_without_faces(clips, answers):
    windows = curves.compute_windows(clips)
    assert (windows.onset >= 0).all() and windows.place.between(0, 1).all()
    assert shown.compute_windows(windows, clips).value["clips"] == len(clips.samples)
    rows = answers[TASK][0].query("model == 'flow_magnitude'")
    picked = curves.compute_picked(rows)
    assert picked.mae.is_monotonic_increasing and picked.sample_id.nunique() == 3
    error = (rows.y_pred - rows.y_true).abs().groupby(rows.sample_id).mean()
    assert picked.mae.iloc[[0, 2]].tolist() == [error.min(), error.max()]
    for figure in (
        curves.plot_targets(clips),
        curves.plot_windows(clips),
        curves.plot_strips(picked, rows, clips, may_show=True),
        curves.plot_strips(picked, rows, clips, may_show=False),
    ):
        plots.close(figure)
    inside = answers[TASK][0].query("model == 'frame_index'")
    assert "before the onset on average" in verdicts.say_windows(windows, agreement.scores(inside, 50).iloc[0])


def test_faces_are_not_read_where_they_may_not_be_shown(clips, answers, monkeypatch):
    monkeypatch.setattr(curves.faces, "crops", lambda *_, **__: pytest.fail("a face was read"))
    rows = answers[TASK][0].query("model == 'flow_magnitude'")
    plots.close(curves.plot_strips(curves.compute_picked(rows), rows, clips, may_show=False))


def test_clips_of_other_datasets_have_conventions_only(clips):
    other = clips._replace(samples=clips.samples.assign(dataset="casme2"))
    assert curves.kinds(other) == ["triangle", "cosine"] and "true" in curves.kinds(clips)
    plots.close(curves.plot_targets(other))


def test_fits_that_learned_nothing_are_named():
    record = {"parameters": 9, "final_loss": 0.01, "prior_loss": 0.1, "beats_prior": True}
    rows = [
        (TASK, "cnn_lstm", 2.0, json.dumps(record)),
        (TASK, "cnn_tcn", 2.0, json.dumps(record | {"beats_prior": 0})),
    ]
    fits = pd.DataFrame([*rows, (TASK, "constant", 0.1, "{}")], columns=["task", "model", "fit_s", "recorded"])
    learned = shown.compute_learning(fits)
    assert learned.model.tolist() == ["cnn_lstm", "cnn_tcn"] and learned.cpu_s.sum() == 4
    assert f"1 of 2 fits beat the best constant on the clips they were trained on: not so `cnn_tcn` ({TASK}, 1)" in (
        verdicts.say_learning(learned)
    )
    assert verdicts.say_learning(learned[:1]).endswith("all have learned something.")


def test_few_people_are_a_caution():
    assert "Only 8 people" in verdicts.say_people(8) and verdicts.say_people(26).endswith("from 26 people.")


def test_a_run_keeps_predictions_of_intensity(tmp_path):
    run = records.Run("05_intensity_regression", "demo", "", "", str(tmp_path), "tiny", 0)
    found = made({"position": 0.1, "cnn_lstm": 0.2})
    scored = run.keep_intensity(found)
    again = agreement.read(run.work / "predictions_intensity.csv")
    assert len(again) == len(found) and scored.model.tolist() == ["cnn_lstm", "position"]
    assert {"predictions_intensity.csv", "tables/intensity_scores.csv"} <= set(run.files)


def test_sides_are_named_for_every_profile():
    assert set(intensity.SIDES) == set(workspace.PROFILES)
