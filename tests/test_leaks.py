"""The leak catalogue: twins that differ in the leak alone, honest folds that stay honest, sums by another library."""

import inspect

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, precision_score
from sklearn.pipeline import Pipeline

from helpers import labels, models, workspace
from helpers.evaluation import checks, leaks, predictions, splits
from helpers.evaluation.leaks import (
    _network,
    _sums,
    _twins,
    automl,
    batch_statistics,
    near_duplicates,
    prepared_on_all,
    settings,
    smote_first,
    windows,
)
from helpers.motion import flow
from helpers.show import leaks as show
from helpers.show import plots
from helpers.workspace import NotApplicable

SEVEN = labels.scheme("demo7").classes
CHOSEN_OR_FITTED = {"automl", "best_epoch", "projected_on_all", "selected_on_all", "settings_overall"}


@pytest.fixture(scope="module")
def data(demo, tiny, tmp_path_factory):
    """The experiment on the tiny demo, with a store, as notebook 08 has it."""
    motion = flow.onset_to_apex(demo)
    store = tmp_path_factory.mktemp("folds")
    return leaks.experiment(motion.select(demo), motion.values, "demo7", tiny, 0, store)


@pytest.fixture(scope="module")
def found(data):
    return leaks.compute(data)


def invented(people=6, clips=6, seed=0, kind="flow", told=1.0):
    """Data of maps (n, 1, 3, 8, 8) that tell their class a little; synthetic people of megc3's classes."""
    rng, codes = np.random.default_rng(seed), np.tile(np.arange(clips) % 3, people)
    X = rng.normal(size=(len(codes), 1, 3, 8, 8)).astype(np.float32)
    for k in range(3):
        X[codes == k, :, :, 2 * k : 2 * k + 2] += told
    who = np.repeat([f"demo/p{number}" for number in range(people)], clips)
    ids = [f"{one}/{number}" for number, one in enumerate(who)]
    samples = pd.DataFrame({"sample_id": ids, "dataset": "demo", "subject": who, "kind": kind})
    samples["emotion"] = np.array(["disgust", "happiness", "surprise"])[codes]
    samples.attrs = {"synthetic": True, "root": "nowhere", "dataset": "demo"}
    classes = labels.scheme("megc3").classes
    y = np.array(classes)[codes]
    return _twins.Data(samples, X, y, classes, "megc3", workspace.profile("tiny"), (0,), None)


# ------------------------------------------------------------------------------------------------ the catalogue


def test_every_leak_is_found_says_both_twins_and_each_family_has_it_or_a_reason(found):
    catalogue = leaks.catalogue()
    assert len({one.name for one in catalogue}) == len({one.title for one in catalogue}) == len(catalogue) == 15
    assert all(one.deed and one.honest and one.deed != one.honest for one in catalogue)
    for leak in catalogue:
        have = set(found.table.family[found.table.leak == leak.name])
        lack = found.absent[found.absent.leak == leak.name]
        assert have | set(lack.family) == {*leaks.FAMILIES, *leak.families} and not have & set(lack.family)
        assert (lack.why.str.len() > 10).all()


def test_clean_twins_hold_out_whole_people_and_pass_the_audit(found):
    predictions.check(found.clean)
    for _, rows in found.clean[~found.clean.task.str.endswith("fixed")].groupby(["task", "model", "seed"]):
        assert (rows.groupby("subject").fold.nunique() == 1).all()
    assert not [one for one in checks.audit(found.clean) if one.kind == "violation"]
    assert set(found.clean.task[found.clean.model == "majority"]) == set(found.clean.task)


def test_leaky_twins_have_tasks_of_their_own_and_the_audit_finds_the_mixed_ones(found):
    assert not set(found.leaky.task) & set(found.clean.task)
    caught = show.compute_caught(found.leaky).set_index("leaky table").violations
    names = caught.index.str.removesuffix(_twins.SOME)
    mixed = names.isin(["random_folds", "smote_first", "windows"])
    assert (caught[mixed] > 0).all() and (caught[names.isin(CHOSEN_OR_FITTED)] == 0).all()
    assert "6 of" in show.say_caught(show.compute_caught(found.leaky))


def test_twins_are_of_the_same_people_and_the_table_says_what_it_counts(found):
    table = found.table
    assert table.inflation.equals(table.leaky - table.honest) and (table.lo <= table.hi).all()
    assert table.paid.equals(table.lo > 0) and table[["honest", "leaky"]].stack().between(0, 1).all()
    same = ~table.leak.isin(["smote_first"])
    assert (table.n == table.leaky_n)[same].all() and (table.n < table.leaky_n)[~same].all()
    network = table[table.family == "ststnet"]
    assert (network.people == splits.FEWER["tiny"]).all() and network.clean_task.str.endswith(_twins.SOME).all()


def test_the_same_seed_gives_the_same_table(data, found):
    again = leaks.compute(data._replace(store=None), ["random_folds", "smote_first"], ("logistic",)).table
    first = found.table[(found.table.family == "logistic") & found.table.leak.isin(again.leak)]
    pd.testing.assert_frame_equal(
        again.drop(columns="p_holm"), first.drop(columns="p_holm").reset_index(drop=True), check_exact=False
    )


# ------------------------------------------------------------------------------------------------ no model is told


def test_no_fit_can_receive_a_test_row():
    for name in leaks.FAMILIES:
        build = _twins.model(name, invented(), 0)
        assert set(inspect.signature(build.fit).parameters) == {"X", "y", "groups"}
    assert "X_val" not in inspect.signature(models.build("flaml", workspace.profile("tiny"), 0).fit).parameters


def test_a_class_that_nobody_shows_is_told_and_a_leak_that_nobody_knows(demo):
    motion, flows = demo[demo.emotion != "fear"], np.zeros((len(demo), 1, 3, 8, 8), np.float32)
    motion.attrs = demo.attrs
    with pytest.raises(NotApplicable, match="no sample is of fear: UF1 over all 7 classes"):
        leaks.experiment(motion, flows[: len(motion)], "demo7", workspace.profile("tiny"))
    data = invented(people=6)
    alone = (data.people != "demo/p0") | (data.y == "surprise")
    data = data._replace(y=np.where((data.y == "surprise") & (data.people != "demo/p0"), "negative", data.y)).take(
        alone
    )
    with pytest.raises(NotApplicable, match="surprise"):
        data.for_family("ststnet")
    with pytest.raises(workspace.WorkbookError, match="unknown leak 'smote'"):
        leaks.compute(data, ["smote"])


# ------------------------------------------------------------------------------------------------ one person spoiled

CHEAP = {"ststnet": ["best_epoch", "smote_first"], "flaml": ["automl"]}  # of the slow ones; stills have their own test
MADE_OF_OTHERS = {  # leaky answers about a clip that always hang on what else the same person shows
    "best_epoch", "projected_on_all", "random_folds", "selected_on_all", "smote_first", "smote_first_real_rows",
    "test_statistics", "windows",
}  # fmt: skip


def spoiled(data, who):
    """(the experiment with noise under other labels for all clips but the first of a person, id of that clip)."""
    own, X, y = np.flatnonzero(data.people == who), data.X.copy(), data.y.copy()
    X[own[1:]] = 5 * np.random.default_rng(9).normal(size=X[own[1:]].shape)
    y[own[1:]] = [data.classes[data.classes.index(label) - 1] for label in y[own[1:]]]
    return data._replace(X=X, y=y), data.samples.sample_id[own[0]]


def about(table, clip):
    rows = table[(table.sample_id.str.split("#").str[0] == clip) & (table.model != "majority")]
    return rows.sort_values(["model", "seed", "sample_id"]).filter(like="p_").to_numpy()


@pytest.mark.parametrize("family", [*leaks.FAMILIES, "flaml"])
def test_nothing_of_a_held_out_person_reaches_a_clean_twin(family):
    data = invented(people=4, told=0.3)
    other, clip = spoiled(data, "demo/p0")
    for leak in leaks.catalogue():
        slow = leak.name not in CHEAP.get(family, [leak.name])
        if slow or family in leak.absent or family not in leak.families or leak.name == "near_duplicates":
            continue
        first, second = (leak.twins(one, family) for one in (data, other))
        assert np.allclose(about(first.clean, clip), about(second.clean, clip), atol=1e-9), leak.name
        if leak.name in MADE_OF_OTHERS:
            leaky = [about(twins.leaky, clip) for twins in (first, second)]
            assert leaky[0].shape != leaky[1].shape or not np.allclose(*leaky), leak.name


@pytest.mark.parametrize("family", ["logistic", "svm"])
def test_a_selection_that_keeps_all_pixels_is_no_leak(family, monkeypatch):
    data = invented()
    monkeypatch.setattr(prepared_on_all, "BEST", data.X[0].size)
    fold, rows = splits.loso(data.samples)[0], Pipeline(prepared_on_all.steps("selected", 0)[0])
    clean = prepared_on_all.within(data, 0, fold, family, "selected")[1][""]
    seen = data._replace(X=rows.fit_transform(data.X, data.y))
    leaky = prepared_on_all.before(seen, 0, fold, family, "selected")[1][""]
    assert np.allclose(clean, leaky), "the choice of pixels is all that differs"


def test_automl_peeks_at_the_test_rows_and_repeats_no_training_row(monkeypatch):
    from flaml.automl.task.generic_task import GenericTask

    prepare, seen = GenericTask.prepare_data, []

    def watched(self, state, *given, **named):
        prepare(self, state, *given, **named)
        seen.append((len(state.y_train), len(state.y_val)))

    monkeypatch.setattr(GenericTask, "prepare_data", watched)
    data = invented(people=5)
    automl.peeking(data, 0, splits.loso(data.samples)[0])
    assert seen == [(24, 6)]


def test_random_folds_mix_people_and_splits_would_refuse_them():
    data = invented()
    folds = _twins.random_folds_that_mix_people(data, 4)[0]
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(len(data.y)))
    with pytest.raises(workspace.WorkbookError, match="both sides"):
        splits._apart(folds, data.samples)


@pytest.mark.parametrize("family", ["logistic", "svm"])
def test_the_honest_twin_is_the_model_that_the_workbook_uses(family):
    data = invented()
    fold = splits.loso(data.samples)[0]
    made = models.build(family, data.profile, 0).fit(data.X[fold.train], data.y[fold.train], data.people[fold.train])
    own = _twins.plain(data, 0, fold, family)[1][""]
    assert (made.predict(data.X[fold.test]) == made.classes_[own.argmax(axis=1)]).all()


def test_parts_are_single_people_where_there_are_too_few_for_two_a_fold():
    assert _twins.parts(invented(people=6), 5)[1] == 6 and _twins.parts(invented(people=10), 5)[1] == 5


# ------------------------------------------------------------------------------------------------ choosing


def tried(answers, truth, people):
    rows = [
        {"seed": 0, "variant": name, "subject": who, "y_true": one, "y_pred": said, "sample_id": str(number)}
        for name, given in answers.items()
        for number, (said, one, who) in enumerate(zip(given, truth, people, strict=True))
    ]
    return pd.DataFrame(rows)


def test_picking_per_person_takes_the_last_of_the_best_and_picking_for_all_one_setting():
    table = tried({"1": "aab", "2": "aba", "3": "abb"}, "aab", "PPQ")
    best = _twins.best_for_each_person(table)
    assert best.set_index("sample_id").sort_index().variant.tolist() == ["1", "1", "3"]
    assert (best.y_true == best.y_pred).all(), "every person has a variant that is right"
    assert set(_twins.best_for_all(table, ("a", "b")).variant) == {"1"}


@pytest.mark.parametrize("family", leaks.FAMILIES)
def test_fifteen_settings_are_tried_and_the_nested_one_is_among_them(family):
    data = invented()
    assert len(settings.GRIDS[family]) == 15
    fold = splits.loso(data.samples)[0]
    classes, answers = settings.all_settings(data, 0, fold, family)
    nested = answers.pop(settings.NESTED)
    assert len(answers) == 15 and list(classes) == sorted(data.classes)
    assert any(np.array_equal(nested, p) for p in answers.values())
    assert np.allclose(np.sum(list(answers.values()), axis=-1), 1)


def test_inner_people_choose_without_knowing_the_held_out_labels():
    data = invented()
    fold = splits.loso(data.samples)[0]
    lied = data._replace(y=np.where(np.isin(np.arange(len(data.y)), fold.test), "surprise", data.y))
    found = [settings.all_settings(one, 0, fold, "svm")[1][settings.NESTED] for one in (data, lied)]
    assert np.array_equal(*found)


def test_the_kernel_grid_holds_the_model_that_it_is_a_grid_of():
    data = invented()
    fold = splits.loso(data.samples)[0]
    place = settings.GRIDS["svm"].index((1.0, 1.0))
    found = settings.svm(data, 0, fold.train, fold.test)[1][place]
    assert np.allclose(found, _twins.plain(data, 0, fold, "svm")[1][""], atol=1e-6)


def test_the_last_of_all_epochs_is_the_model_as_it_is():
    data = invented()
    fold = splits.loso(data.samples)[0]
    epochs = _network.all_epochs(data)
    _, answers = _network.after(data, 0, fold.train, fold.test, epochs)
    assert list(answers) == list(epochs)
    plain = _twins.plain(data, 0, fold, "ststnet")[1][""]
    assert np.allclose(answers[max(epochs)], plain) and not np.allclose(answers[1], plain)


# ------------------------------------------------------------------------------------------------ rows made before


def test_synthetic_rows_follow_the_real_ones_and_belong_to_people_of_their_class():
    data = invented()
    kept = np.flatnonzero((data.y != "surprise") | (np.arange(len(data.y)) % 2 == 0))
    data = data.take(kept)
    more = smote_first.larger(data, 0)
    n = len(data.y)
    assert np.array_equal(more.X[:n], data.X) and (pd.Series(more.y).value_counts().nunique() == 1)
    assert more.samples.sample_id.is_unique and more.samples.sample_id[n:].str.contains("#synthetic").all()
    shows = set(zip(data.people, data.y, strict=True))
    assert set(zip(more.people[n:], more.y[n:], strict=True)) <= shows


def test_copies_of_a_map_are_its_mirror_image_and_a_shift():
    data = invented()
    three = windows.copies(data.X)
    assert np.array_equal(windows.copies(three[:, 1:2])[:, 1], data.X[:, 0]), "mirrored twice"
    assert np.array_equal(three[:, 2, :, :, 1:], data.X[:, 0, :, :, :-1])
    more = windows.rows(data)
    assert len(more.y) == 3 * len(data.y) and more.samples.sample_id.is_unique
    assert np.array_equal(more.X[::3], data.X) and (more.y[1::3] == data.y).all()


def test_windows_of_frames_begin_with_the_flow_that_models_see(data):
    more = windows.rows(data)
    rise = more.X[more.samples.sample_id.str.endswith("#onset-apex").to_numpy()]
    own = data.X[data.samples.sample_id.isin(more.samples.sample_id.str.split("#").str[0])]
    assert np.corrcoef(rise.ravel(), own.ravel())[0, 1] > 0.9


def test_copied_stills_leave_the_training_of_the_clean_twin_only(data):
    stills = near_duplicates.stills(data)
    apart, together = near_duplicates.folds(stills)
    gone = np.setdiff1d(together.train, apart.train)
    assert len(gone) and np.array_equal(apart.test, together.test)
    assert set(stills.people[gone]) <= set(stills.people[apart.test])
    assert not set(stills.people[apart.train]) & set(stills.people[apart.test])


def test_real_data_has_no_stills_and_no_network_outside_profile_full():
    data = invented()
    data.samples.attrs["synthetic"] = False
    with pytest.raises(NotApplicable, match="no stills"):
        near_duplicates.stills(data)
    with pytest.raises(NotApplicable, match="profile full"):
        data.for_family("ststnet")
    full = data._replace(profile=workspace.profile("full"), seeds=(0, 1))
    assert full.for_family("ststnet").seeds == (0, 1)


# ------------------------------------------------------------------------------------------------ the test batch


def test_a_network_asked_by_its_own_batch_answers_otherwise_and_stays_as_it_was():
    data = invented()
    made = _twins.model("ststnet", data, 0).fit(data.X, data.y)
    before = made.predict_proba(data.X)
    other = batch_statistics.by_own_batch(made, data.X[:6])
    assert not np.allclose(other, before[:6]) and np.array_equal(made.predict_proba(data.X), before)
    assert not np.allclose(batch_statistics.by_own_batch(made, data.X[:3]), other[:3]), "it depends on its neighbours"


def test_one_clip_standardised_by_itself_is_nothing():
    data = invented()
    made = _twins.model("logistic", data, 0).fit(data.X, data.y)
    assert np.array_equal(*(batch_statistics.by_own_scaler(made, data.X[k : k + 1]) for k in (0, 1)))


# ------------------------------------------------------------------------------------------------ sums


@pytest.fixture
def answers():
    """Predictions of five people, some of whom lack a class."""
    rng, classes = np.random.default_rng(1), ["a", "b", "c"]
    who = np.repeat(list("PQRST"), (9, 6, 3, 2, 1))
    truth = rng.choice(classes, len(who))
    said = np.where(rng.random(len(who)) < 0.6, truth, rng.choice(classes, len(who)))
    p = np.array([[0.8 if one == name else 0.1 for name in classes] for one in said])
    rows = pd.DataFrame({"task": "t", "sample_id": [f"{k}" for k in range(len(who))], "dataset": "d", "subject": who})
    rows = rows.assign(model="m", seed=0, fold=who, y_true=truth, y_pred=said)
    return rows.join(pd.DataFrame(p, columns=["p_a", "p_b", "p_c"]))


def test_sums_are_what_another_library_makes_of_them(answers):
    classes, groups = ["a", "b", "c"], [rows for _, rows in answers.groupby("subject")]

    def f1(rows, which=classes):
        return f1_score(rows.y_true, rows.y_pred, labels=which, average="macro", zero_division=0)

    wanted = {
        _sums.uf1: f1(answers),
        _sums.precision: precision_score(answers.y_true, answers.y_pred, average="macro"),
        _sums.person_uf1: np.mean([f1(rows) for rows in groups]),
        _sums.person_uf1_of_shown: np.mean([f1(rows, sorted(set(rows.y_true))) for rows in groups]),
    }
    for function, value in wanted.items():
        point, drawn, people = _sums.paired(answers, answers, _sums.uf1, function, 50, 0)
        assert point["leaky"] == pytest.approx(value) and people == 5 and len(drawn["leaky"]) == 50


def test_twins_that_answer_alike_have_no_inflation_in_any_resampling(answers):
    point, drawn, _ = _sums.paired(answers, answers.sample(frac=1, random_state=0), _sums.uf1, _sums.uf1, 100, 0)
    assert point["honest"] == point["leaky"] and np.array_equal(drawn["honest"], drawn["leaky"])
    with pytest.raises(ValueError, match="different people"):
        _sums.paired(answers, answers[answers.subject != "P"], _sums.uf1, _sums.uf1, 10, 0)


# ------------------------------------------------------------------------------------------------ shown


def test_sentences_name_what_paid_and_what_did_not(found):
    table = found.table
    top = table.loc[table.inflation.idxmax()]
    assert f"{top.leaky:.3f}" in show.say_paid(table) and top.title in show.title(table)
    unpaid = show.say_unpaid(table)
    for title, paid in table.groupby("title").paid.any().items():
        assert (title in unpaid.split("with any model")[1].split(". The leaky twin")[0]) != paid
    less = table[table.inflation <= 0]
    assert f"{len(less)} of {len(table)} pairs" in unpaid and all(one in unpaid for one in less.title)
    assert len(show.compute_brief(table)) == table.leak.nunique()


def test_sentences_hold_where_nothing_paid_and_where_everything_did(found):
    table = found.table.assign(paid=False)
    assert "paid most" not in show.say_paid(table) and "most:" not in show.title(table)
    every = found.table.assign(inflation=0.1, lo=0.05, paid=True)
    assert "Every leak paid" in show.say_unpaid(every) and "higher than its clean one" in show.say_unpaid(every)
    wide = table.assign(paid=table.index == 3)
    assert f"*{wide.title[3]}* paid most" in show.say_paid(wide), "not the largest, which did not pay"


def test_inflation_measured_elsewhere_is_read_not_typed(found):
    known = show.compute_known(found.table)
    assert set(known.leak) <= set(found.table.leak) and (known.leaky > known.honest).all()
    assert known.source.str.contains("442|doi").all() and known.largest_here.notna().all()


def test_a_figure_has_every_leak_and_family(found):
    figure = show.plot_inflation(found.table)
    written = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert sorted(written) == sorted(found.table.title.unique())
    plots.close(figure)


# ------------------------------------------------------------------------------------------------ real maps


def test_leaks_that_everybody_fears_pay_on_real_maps(real_maps):
    motion = flow.onset_to_apex(real_maps)
    data = leaks.experiment(motion.select(real_maps), motion.values, "megc3", workspace.profile("tiny"))
    table = leaks.compute(
        data, ["smote_first", "smote_first_real_rows", "windows", "random_folds"], ("logistic",)
    ).table
    assert (table.inflation > 0).all() and table.set_index("leak").paid[["smote_first", "windows"]].all()
