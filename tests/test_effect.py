"""The augmentation experiment and the discontinuity, on outcomes whose truth is known."""

import itertools

import numpy as np
import pandas as pd
import pytest

from helpers import workspace
from helpers.evaluation import compare, discontinuity, effect, scores, splits
from helpers.show import discontinuity as rule
from helpers.show import effect as show
from helpers.workspace import NotApplicable, WorkbookError

TINY = workspace.profile("tiny")


def samples_of(subjects):
    ids = [f"{who}/{k}" for k, who in enumerate(subjects)]
    return pd.DataFrame({"sample_id": ids, "dataset": "demo", "subject": subjects})


@pytest.fixture(scope="module")
def data():
    """150 rows of 12 people in three classes; the third is shown by one person and is nobody's pair."""
    rng = np.random.default_rng(0)
    subjects = np.array([f"demo/p{k % 12:02d}" for k in range(150)])
    y = np.where(rng.random(150) < 0.62, "others", "disgust").astype(object)
    y[subjects == "demo/p00"] = "fear"
    y[5] = None
    X = rng.normal(size=(150, 6))
    X[y == "disgust", 0] += 1.5
    return X, y, samples_of(subjects)


@pytest.fixture(scope="module")
def problem(data):
    return effect.two_classes(data[2], data[1], 4)


def invented(jump=0.0, treated=0.0, people=24, repeats=3, seed=0, clips=40):
    """Runs of an invented classifier: minority recall .8 - .5 r, plus `treated` everywhere, plus `jump` above .7."""
    rng = np.random.default_rng(seed)
    person, rows = rng.normal(scale=0.05, size=people), []
    for r in effect.RATIOS:
        for repeat in range(repeats):
            for who in range(people):
                for name, gain in (("none", 0.0), ("smote", treated + jump * (r > 0.7))):
                    p = np.clip(0.8 - 0.5 * r + person[who] + gain, 0, 1)
                    right = {"minority_right": rng.binomial(clips, p), "majority_right": rng.binomial(clips, 0.8)}
                    cell = {"model": f"svm+{name}", "learner": "svm", "treatment": name, "imbalance": r}
                    counts = {
                        "repeat": repeat,
                        "subject": f"p{who:02d}",
                        "minority_clips": clips,
                        "majority_clips": clips,
                    }
                    rows.append(cell | counts | right)
    return pd.DataFrame(rows)


# ------------------------------------------------------------------------------------------------ the design


def test_the_two_classes_are_those_that_most_people_show(problem, data):
    assert (problem.majority, problem.minority) == ("others", "disgust")
    assert set(problem.y) == {"others", "disgust"} and np.array_equal(data[1][problem.rows], problem.y)
    for fold in problem.folds:
        assert not set(problem.samples.subject[fold.train]) & set(problem.samples.subject[fold.test])


def test_the_number_of_training_clips_is_constant_and_the_imbalance_never_above_the_one_asked_for(problem):
    table = effect.sizes(problem.clips)
    assert (table.n_max + table.n_min == problem.clips).all() and problem.clips % 2 == 0
    assert table.imbalance.is_monotonic_increasing and table.imbalance.iloc[0] == 0
    assert np.allclose(table.imbalance, 1 - table.n_min / table.n_max) and table.n_min.min() >= 1
    for row, ratio in zip(effect.sizes(10_000).itertuples(), effect.RATIOS, strict=True):
        assert ratio - 0.001 < row.imbalance <= ratio + 1e-9


def test_training_sets_are_nested_hold_no_test_person_and_leave_test_people_whole(problem):
    sets = effect.training_sets(problem, repeats=2, seed=0)
    by = {}
    for imbalance, repeat, fold in sets:
        people = problem.samples.subject
        assert not set(people[fold.train]) & set(people[fold.test]) and len(fold.train) == problem.clips
        rare = set(fold.train[problem.y[fold.train] == problem.minority])
        assert len(rare) == round(problem.clips * (1 - imbalance) / (2 - imbalance))
        by.setdefault((repeat, fold.name.split("-")[0]), []).append((imbalance, rare))
        whole = next(part for part in problem.folds if part.name == fold.name.split("-")[0])
        assert np.array_equal(fold.test, whole.test)
    for found in by.values():
        for (_, more), (_, fewer) in itertools.pairwise(found):
            assert fewer < more
    assert by[(0, "part0")][3] != by[(1, "part0")][3], "drawn anew in each repeat"


def test_too_few_people_or_clips_are_not_applicable():
    people = samples_of(["demo/a", "demo/a", "demo/b", "demo/b"])
    with pytest.raises(NotApplicable, match="fewer than two classes"):
        effect.two_classes(people, ["x", "y", "x", "x"], 3)
    with pytest.raises(NotApplicable, match="only 1 clips"):
        effect.two_classes(people, ["x", "y", "x", "y"], 3)


def test_grouped_folds_refuse_a_class_of_one_person():
    people = samples_of(["demo/a", "demo/a", "demo/b", "demo/b"])
    with pytest.raises(WorkbookError, match="one person only"):
        splits.grouped(people, ["x", "y", "x", "x"], 2)


# ------------------------------------------------------------------------------------------------ the experiment


def test_the_experiment_counts_every_held_out_clip_and_repeats_itself(problem, data, tmp_path):
    names, X = ["logistic+none", "logistic+smote", "svm+undersample"], data[0][problem.rows]
    runs, fits = effect.experiment(problem, X, names, TINY, ratios=(0, 0.5, 0.8), repeats=2, store=tmp_path)
    assert len(runs) == 3 * 3 * 2 * problem.samples.subject.nunique() and len(fits) == 3 * 3 * 2 * 4
    cells = runs.groupby(["model", "imbalance", "repeat"])[["minority_clips", "majority_clips"]].sum()
    assert (cells.minority_clips == (problem.y == "disgust").sum()).all() and (
        cells.sum(axis=1) == len(problem.y)
    ).all()
    assert (runs.minority_right <= runs.minority_clips).all() and (runs.majority_right <= runs.majority_clips).all()
    again, _ = effect.experiment(problem, X, names, TINY, ratios=(0, 0.5, 0.8), repeats=2)
    pd.testing.assert_frame_equal(runs, again)
    assert len(list(tmp_path.iterdir())) == len(fits)


def test_counts_are_the_confusion_matrices_of_the_runs():
    runs = invented(people=3, repeats=2)
    some = runs[runs.treatment == "none"]
    found = effect.counts(some.sample(frac=1, random_state=0))
    assert found.shape == (3, len(effect.RATIOS) * 2, 2, 2) and (found.sum(axis=(2, 3)) == 80).all()
    row = some[(some.subject == "p01") & (some.imbalance == 0.25) & (some.repeat == 1)].iloc[0]
    assert found[1, 3].tolist() == [
        [row.majority_right, 40 - row.majority_right],
        [40 - row.minority_right, row.minority_right],
    ]


def test_a_known_effect_is_recovered_and_no_effect_is_not_found():
    table = effect.effects(effect.sides(invented(treated=0.15), 0.7), "side", resamples=400)
    recall = table[table.outcome == "minority recall"]
    assert ((recall.lo < 0.15) & (recall.hi > 0.15)).all() and (recall.p_holm < 0.001).all()
    assert (table[table.outcome == "majority recall"].p_holm > 0.05).all()
    nothing = effect.effects(effect.sides(invented(seed=1), 0.7), "side", resamples=400)
    assert (nothing.p_holm > 0.05).all() and ((nothing.lo < 0.02) & (nothing.hi > -0.02)).all()


def test_an_effect_above_the_cutoff_only_is_found_there_only():
    table = effect.effects(effect.sides(invented(jump=0.2), 0.7), "side", resamples=400)
    recall = table[table.outcome == "minority recall"].set_index("side")
    assert recall.p_holm["above 0.7"] < 0.001 and recall.p_holm["up to 0.7"] > 0.05


def test_equal_predictions_have_no_effect_and_p_one():
    runs = invented()
    same = effect.counts(runs[runs.treatment == "none"])
    rows = effect.differences({"a": same, "b": same}, [("a", "b")], *effect.TWO, 100)
    assert (rows[["effect", "lo", "hi", "p"]] == [0, 0, 0, 1]).all(axis=None) and len(rows) == 3


def test_holm_is_the_textbook():
    assert np.allclose(compare.holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    assert compare.holm([0.9, 0.8]).tolist() == [1, 1]


def as_they_come(truth):
    rows = []
    for model, hits in (("svm+none", "a"), ("svm+smote", "b"), ("majority", "a")):
        for k, label in enumerate(truth):
            p = {f"p_{name}": float(name == hits) for name in "abc"}
            given = {
                "task": "t",
                "sample_id": str(k),
                "dataset": "d",
                "subject": f"d/p{k % 4}",
                "model": model,
                "seed": 0,
            }
            rows.append(given | {"fold": "f", "y_true": label, "y_pred": hits} | p)
    return effect.as_they_come(pd.DataFrame(rows), "t", 50)


def test_effects_as_the_classes_come_use_the_classes_below_an_even_share():
    table = as_they_come(["a"] * 12 + ["b"] * 4 + ["c"] * 2).set_index("outcome")
    assert table.effect["minority recall"] == 0.5 and table.effect["majority recall"] == -1
    assert set(table.treatment) == {"smote"} and "p_holm" in table


def test_even_classes_have_no_minority_and_an_absent_class_is_none():
    table = as_they_come(["a", "b", "c"] * 4)
    recall = table[table.outcome == "minority recall"]
    assert recall[["effect", "p", "p_holm"]].isna().all(axis=None) and "no minority recall" in show.verdict(table)
    rare, common = scores.rarity([5, 3, 0])
    assert rare.tolist() == [False, True, False] and common.tolist() == [True, False, False]
    assert not scores.rarity([3, 3, 0])[0].any()


# ------------------------------------------------------------------------------------------------ the discontinuity


@pytest.mark.parametrize("truth", [0.15, 0.0])
def test_a_known_jump_is_recovered_at_every_bandwidth_and_the_experiment_agrees(truth):
    """Forty invented experiments: 95 % intervals hold the truth in about all, estimates centre on it."""
    parts = []
    for seed in range(40):
        rows = discontinuity.measured(invented(treated=truth, seed=seed), "svm", "smote")
        parts.append(discontinuity.bandwidths(rows, 0.7, [0.15, 0.2, 0.3]))
    table = pd.concat(parts)
    holds = ((table.lo <= truth) & (table.hi >= truth)).groupby([table.bandwidth, table.design]).mean()
    means = table.groupby(["bandwidth", "design"]).effect.mean()
    assert holds.min() >= 0.85 and np.allclose(means, truth, atol=0.01)
    widths = (table.hi - table.lo).groupby(table.design).mean()
    assert widths["discontinuity"] > widths["experiment"]


def test_placebos_are_quiet_where_the_treatment_works_everywhere():
    rows = discontinuity.measured(invented(treated=0.15), "svm", "smote")
    placebos = discontinuity.placebos(rows, 0.7)
    assert len(placebos) >= 5 and ((placebos.lo > 0) | (placebos.hi < 0)).mean() < 0.3


def test_placebos_never_see_the_real_jump():
    """A jump of .3 at .7 must not colour any placebo: each uses one arm."""
    placebos = discontinuity.placebos(discontinuity.measured(invented(jump=0.3), "svm", "smote"), 0.7)
    assert placebos.effect.abs().max() < 0.1
    assert (placebos[placebos.arm == "untreated"].cutoff < 0.7).all() and (
        placebos[placebos.arm == "treated"].cutoff > 0.7
    ).all()


def test_the_weighted_mean_over_rows_is_the_pooled_score():
    runs = invented(people=5)
    rows = discontinuity.measured(runs, "svm", "smote", "balanced accuracy")
    none = runs[runs.treatment == "none"]
    recalls = [none[f"{name}_right"].sum() / none[f"{name}_clips"].sum() for name in ("minority", "majority")]
    assert np.average(rows.untreated, weights=rows.weight) == pytest.approx(np.mean(recalls))


def test_errors_are_clustered_by_person_not_by_row():
    """The same people measured thrice as often know no more: the interval must not shrink as if they did."""
    rows = discontinuity.under_rule(discontinuity.measured(invented(people=12), "svm", "smote"), 0.7)
    once = discontinuity.jump(rows, 0.7, 0.2)
    thrice = discontinuity.jump(pd.concat([rows] * 3, ignore_index=True), 0.7, 0.2)
    assert thrice["hi"] - thrice["lo"] == pytest.approx(once["hi"] - once["lo"], rel=0.1)
    assert thrice["effect"] == pytest.approx(once["effect"])


def test_too_few_ratios_or_nothing_that_varies_end_without_a_number_too_many():
    runs = invented()
    few = discontinuity.measured(runs[runs.imbalance.isin([0.6, 0.65, 0.8])], "svm", "smote")
    found = discontinuity.jump(discontinuity.under_rule(few, 0.7), 0.7, 0.2)
    assert np.isnan(found["effect"]) and found["ratios_right"] == 1
    rows = discontinuity.measured(runs.assign(minority_right=0), "svm", "smote")
    flat = discontinuity.jump(discontinuity.under_rule(rows, 0.7), 0.7, 0.2)
    assert abs(flat["effect"]) < 1e-9 and flat["p"] == 1 and discontinuity.both_arms(rows, 0.7, 0.2)["p"] == 1
    alike = discontinuity.both_arms(rows.assign(treated=0.5), 0.7, 0.2)
    assert alike["effect"] == pytest.approx(0.5) and np.isnan(alike["p"]), "nobody differs from anybody"


# ------------------------------------------------------------------------------------------------ sentences


def test_sentences_agree_with_their_numbers():
    strong = effect.effects(effect.sides(invented(treated=0.15), 0.7), "side", resamples=200)
    assert "minority recall 2 up, 0 down, of 2" in show.verdict(strong, "side")
    weak = effect.effects(effect.sides(invented(seed=1), 0.7), "side", resamples=200)
    assert "**none** holds" in show.verdict(weak)
    answers = rule.compute_answers(invented(treated=0.15), "smote", 0.7)
    assert "contains the experiment's answer" in rule.verdict(answers, "svm") and "times as wide" in rule.verdict(
        answers, "svm"
    )
    few = invented()[lambda table: table.imbalance < 0.6]
    assert "cannot be estimated" in rule.verdict(rule.compute_answers(few, "smote", 0.7), "svm")
    nothing = discontinuity.placebos(discontinuity.measured(few[few.imbalance < 0.3], "svm", "smote"), 0.7)
    assert "too few" in rule.verdict_on_placebos(nothing.assign(learner="svm"), nothing)


def test_false_jumps_are_named_and_the_largest_has_its_interval():
    facts = {"cutoff": [0.5, 0.6], "learner": "svm", "effect": [0.01, -0.2], "lo": [0.005, -0.3], "hi": [0.02, 0.1]}
    twice = pd.concat([pd.DataFrame(facts), pd.DataFrame(facts | {"learner": "logistic", "lo": [-0.1, -0.3]})])
    widths = pd.DataFrame({"design": ["discontinuity"], "effect": [0.1], "learner": "svm", "bandwidth": [0.1]})
    said = rule.verdict_on_placebos(twice, widths)
    assert "**1 of 4**" in said and "`svm` at 0.50, +0.010 (+0.005 to +0.020)" in said
    assert "largest false jump is -0.200 (-0.300 to +0.100)" in said


def test_the_onset_is_where_intervals_leave_zero():
    given = {"learner": "svm", "treatment": "smote", "outcome": "macro-F1"}
    table = pd.DataFrame([given | {"imbalance": r, "lo": lo} for r, lo in ((0.2, -0.1), (0.5, 0.1), (0.8, 0.2))])
    assert "**2 of 3** imbalances with `svm`, from 0.50 to 0.80" in show.verdict_on_onset(table, "smote")


def test_notes_count_what_resampling_could_not_do():
    recorded = ['{"notes": [["fear", "its only clip was copied"]]}', '{"notes": []}']
    fits = pd.DataFrame({"task": "t", "model": "svm+smote", "recorded": recorded})
    notes = show.compute_notes(fits)
    assert notes.fits.tolist() == [1] and "**1 of 2** fits" in show.verdict_on_notes(notes, fits)
    fine = fits.iloc[1:]
    assert "in all 1 fits" in show.verdict_on_notes(show.compute_notes(fine), fine)
