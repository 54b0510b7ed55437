"""Importance by region, fairness, fidelity: each on cases whose answer is known."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax

from helpers import labels, models, workspace
from helpers.evaluation import regions, splits, tradeoff
from helpers.features.flow_map import FlowMap
from helpers.motion import faces
from helpers.show import comparison
from helpers.show import tradeoff as shown

TINY = workspace.profile("tiny")
CLASSES = labels.scheme("megc3").classes


def clips(people=12, each=6, where=None, seed=0, size=28):
    """Flow of people whose three classes differ in one region of the map, or nowhere; and their Samples."""
    rng, n = np.random.default_rng(seed), people * each
    X = rng.normal(size=(n, 1, 3, size, size)).astype(np.float32)
    y = np.tile(np.arange(3), n // 3)
    if where is not None:
        X[:, 0, 1] += np.where(where, 2.5 * (y - 1)[:, None, None] * _stripes(size), 0)
    who = np.repeat([f"casme2/sub{k:02d}" for k in range(people)], each)
    emotions = np.array(["disgust", "happiness", "surprise"])[y]
    samples = pd.DataFrame({"sample_id": [f"{p}/{k}" for k, p in enumerate(who)], "dataset": "casme2", "subject": who})
    return X, samples.assign(emotion=emotions, kind="frames")


def _stripes(size):
    return np.where(np.arange(size) % 2, 1.0, -1.0)  # a region's mean does not tell the class, its pattern does


@pytest.fixture(scope="module")
def asked():
    X, samples = clips(where=faces.mask(28, ("mouth",)))
    return regions.ask(["megc3"], "loso", ["majority", "logistic"], X, samples, TINY)


# ------------------------------------------------------------------------------------------------ regions


def test_boxes_are_those_of_the_standard_crop_and_partition_the_map():
    found = regions.boxes(28)
    for name in faces.REGIONS:
        assert (found[name] == faces.mask(28, (name,))).all()
    assert (found[regions.BOXES] ^ found[regions.ELSEWHERE]).all() and found[regions.EVERYTHING].all()


def test_boxes_of_public_maps_lie_where_their_eyes_are():
    found = regions.boxes(28, public=True)
    left, right, height = regions.PUBLIC["eyes"]
    for x in (left, right):
        assert found["eyes"][int(height * 28), int(x * 28)] and not found["mouth"][int(height * 28), int(x * 28)]
    assert found["mouth"][int(regions.PUBLIC["mouth"] * 28), 14]
    rows = [np.nonzero(found[name].any(axis=1))[0].mean() for name in ("eyebrows", "eyes", "nose", "mouth")]
    assert rows == sorted(rows)


def test_a_copy_has_the_training_peoples_average_in_the_clips_own_scale_and_nothing_else_changed():
    X, samples = clips(people=4, each=3)
    folds = splits.loso(samples)
    arrays, rows, wider = regions.averaged(X * 3 + 1, samples, folds)
    assert (arrays[: len(X)] == X * 3 + 1).all() and rows.sample_id.is_unique and len(arrays) == len(rows)
    box, copies = regions.boxes(28)["mouth"], rows[rows.region == "mouth"].index
    assert (arrays[copies][..., ~box] == (X * 3 + 1)[..., ~box]).all()
    for before, after in zip(folds, wider, strict=True):
        assert (before.train == after.train).all() and set(rows.subject[after.test]) == {before.name}
        shapes = FlowMap().transform(X[before.train]).reshape(-1, 1, 3, 28, 28).mean(axis=0)
        for number in before.test:
            clip = X[number] * 3 + 1
            wanted = shapes * clip.std(axis=(-2, -1), keepdims=True) + np.median(clip, axis=(-2, -1), keepdims=True)
            assert np.allclose(arrays[copies[number]][..., box], wanted[..., box], atol=1e-4)


def test_a_region_from_a_training_clip_would_bring_along_what_was_learnt_by_heart():
    """Why regions are averaged away: noise of a stranger's clip that was trained on carries the stranger's class."""
    X, samples = clips(where=faces.mask(28, ("mouth",)))
    y, rest = labels.targets(samples, "megc3").to_numpy(str), regions.boxes(28)[regions.ELSEWHERE]
    averaged, _, folds = regions.averaged(X, samples, splits.loso(samples))
    averaged = averaged[(list(regions.boxes(28)).index(regions.ELSEWHERE) + 1) * len(X) :][: len(X)]
    right = {"stranger": [], "average": []}
    for fold in folds:
        model = models.build("logistic", TINY, 0).fit(X[fold.train], y[fold.train])
        own = fold.test[fold.test < len(X)]
        strangers = np.random.default_rng(0).choice(fold.train, len(own))
        right["stranger"].append(model.predict(np.where(rest, X[strangers], X[own])) == y[own])
        right["average"].append(model.predict(averaged[own]) == y[own])
    assert np.mean(right["stranger"]) < np.mean(right["average"]) - 0.2


def test_asking_about_copies_changes_no_prediction(asked):
    from helpers.evaluation import predictions

    X, samples = clips(where=faces.mask(28, ("mouth",)))
    plain, _ = predictions.cross_predict_schemes(["megc3"], "loso", ["majority", "logistic"], X, samples, TINY)
    pd.testing.assert_frame_equal(plain, asked.predictions)


def test_the_region_that_alone_carries_the_signal_is_the_most_important(asked):
    table = regions.importance(asked.asked, "megc3-loso", ["logistic"], resamples=300).set_index("region")
    single = table.loc[list(faces.REGIONS)]
    assert single.loss.idxmax() == "mouth" and single.lo["mouth"] > 0.1
    assert table.loss["elsewhere"] < 0.05 < 0.3 < table.loss["all boxes"]
    assert table.uf1.iloc[0] - table.loss["whole map"] < 1 / 3 + 0.05, "nothing left to tell the classes by"
    assert set(shown.leading(table.reset_index())) == {"mouth"}


def test_without_a_signal_no_region_matters():
    X, samples = clips(seed=5)
    found = regions.ask(["megc3"], "loso", ["majority", "logistic"], X, samples, TINY)
    table = regions.importance(found.asked, "megc3-loso", ["majority", "logistic"], resamples=300)
    assert (table[table.model == "majority"].loss == 0).all()
    rest = table[table.model == "logistic"]
    assert ((rest.lo <= 0) & (rest.hi >= 0)).mean() >= 6 / 7


# ------------------------------------------------------------------------------------------------ fidelity


def answers(probability, people=10, each=6, seed=0, size=8):
    """What regions.ask would return of models given by functions (n, d) -> (n, 3) log odds; and the maps."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(people * each, 1, 3, size, size)).astype(np.float32)
    who = np.repeat([f"casme2/sub{k:02d}" for k in range(people)], each)
    rows = pd.DataFrame({"sample_id": [f"{p}/{k}" for k, p in enumerate(who)], "subject": who, "region": ""})
    parts = []
    for model, function in probability.items():
        p = softmax(function(FlowMap().fit_transform(X)), axis=1)
        said = np.array(CLASSES)[p.argmax(axis=1)]
        parts.append(
            rows.assign(
                task="t", model=model, seed=0, y_pred=said, **{f"p_{c}": p[:, k] for k, c in enumerate(CLASSES)}
            )
        )
    return pd.concat(parts, ignore_index=True), (rows.sample_id.to_numpy(), X)


def test_a_linear_model_is_read_and_one_without_a_linear_part_is_not():
    """Three weights a class are learnt from a few hundred answers; products of pixels have no weight at all."""
    table, maps = answers(
        {
            "linear": lambda rows: 2 * rows[:, [0, 70, 140]],
            "products": lambda rows: 3 * rows[:, [0, 1, 2]] * rows[:, [70, 71, 72]],
            "constant": lambda rows: np.tile([1.0, 0, 0], (len(rows), 1)),
        },
        people=60,
    )
    read = tradeoff.readout(table, "t", maps, ["linear", "products", "constant"]).groupby("model")["read"].mean()
    assert read["constant"] == 1 and read["linear"] > 0.85 and read["products"] == pytest.approx(1 / 3, abs=0.1)


def test_the_readout_never_learns_from_the_person_it_foretells():
    """A model that says of each person what only this person's clips could tell is not read."""
    table, maps = answers({"noise": lambda rows: np.zeros((len(rows), 3))}, people=30)
    names = np.array(CLASSES)[np.random.default_rng(1).integers(0, 3, 30)]
    said = np.repeat(names, 6)
    p = {f"p_{name}": np.where(said == name, 0.98, 0.01) for name in CLASSES}
    table = table.assign(y_pred=said, **p)
    found = tradeoff.readout(table, "t", maps, ["noise"])
    assert len(found) == 180 and found["read"].mean() < 0.55
    pd.testing.assert_frame_equal(found, tradeoff.readout(table, "t", maps, ["noise"]))


# ------------------------------------------------------------------------------------------------ fairness


def predicted(right, classes=("a", "b"), truth=None):
    """Predictions of one model from right (people, clips) 0/1; the truth alternates between the classes."""
    people, each = np.shape(right)
    truth = np.tile(np.arange(each) % len(classes), (people, 1)) if truth is None else truth
    said = np.where(right, truth, (truth + 1) % len(classes)).ravel()
    who = np.repeat([f"d/s{k:02d}" for k in range(people)], each)
    rows = pd.DataFrame({"task": "t", "sample_id": [f"{p}/{k}" for k, p in enumerate(who)], "dataset": "d"})
    rows = rows.assign(subject=who, model="m", seed=0, fold=who, y_true=np.array(classes)[np.ravel(truth)])
    return rows.assign(y_pred=np.array(classes)[said], **{f"p_{c}": (said == k) * 1.0 for k, c in enumerate(classes)})


def test_the_gap_is_zero_for_luck_and_one_for_all_or_nothing():
    luck = [tradeoff.gap(predicted(np.random.default_rng(k).random((20, 10)) < 0.6), 10, k)[0] for k in range(20)]
    assert abs(np.mean(luck)) < 2 * np.std(luck, ddof=1) / np.sqrt(20) + 0.01
    half = np.zeros((20, 10), int)
    half[:10] = 1
    found, drawn = tradeoff.gap(predicted(half), 200)
    shuffled = 1 - found
    assert 0.2 < shuffled < 0.6, "what luck makes of the same number of right answers"
    assert found == pytest.approx(1 - shuffled) and np.quantile(drawn, 0.5) == pytest.approx(found)


def test_a_mix_of_emotions_is_no_gap_between_people():
    """All clips of one class are right, of the other wrong: people differ by what they show, not by who they are."""
    truth = (np.arange(12)[:, None] + np.zeros((1, 8), int)) % 2
    found, drawn = tradeoff.gap(predicted(truth == 0, truth=truth), 100)
    assert found == 0 and drawn.shape == (100,)


def test_few_people_have_no_gap():
    found, drawn = tradeoff.gap(predicted(np.ones((4, 8), int)), 10)
    assert np.isnan(found) and np.isnan(drawn).all()


def test_worst_recall_counts_classes_that_enough_people_show():
    right = np.ones((8, 6), int)
    right[:, 1::2] = np.random.default_rng(0).random((8, 3)) < 0.5
    rows = predicted(right, ("a", "b", "c"), truth=np.tile([0, 1], (8, 3)))
    rows.loc[rows.index[0], ["y_true", "y_pred", "p_a", "p_b"]] = ["c", "b", 0.0, 1.0]  # shown once, and missed
    assert tradeoff.shown_enough(rows) == ["a", "b"]
    assert tradeoff.shown_enough(rows[rows.y_true != "b"]) == ["a", "b", "c"], "one class alone is no worst class"
    readings = pd.DataFrame({"task": "t", "model": "m", "subject": rows.subject, "read": 1})
    point, drawn = tradeoff.statistics(rows, readings, "t", ["m"], resamples=100)
    assert point["worst_recall"]["m"] == pytest.approx(right[:, 1::2].mean())
    assert point["fidelity"]["m"] == 1 and drawn["fidelity"]["m"].min() == 1
    assert (drawn["worst_recall"]["m"] <= 1).all() and len(drawn["accuracy"]["m"]) == 100


# ------------------------------------------------------------------------------------------------ the trade-off


def measured(values):
    """(point, drawn) of models {name: (uf1, worst recall, fidelity)}, hardly any spread."""
    noise, point, drawn = np.random.default_rng(0).normal(0, 1e-3, (len(values), 500)), {}, {}
    for measure in tradeoff.MEASURES:
        column = {"worst_recall": 1, "fidelity": 2}.get(measure, 0)
        point[measure] = {name: row[column] for name, row in values.items()}
        drawn[measure] = {name: row[column] + noise[k] for k, (name, row) in enumerate(values.items())}
    return point, drawn


def test_the_front_holds_whom_nobody_passes():
    point, drawn = measured({"fair": (0.6, 0.5, 0.7), "clear": (0.6, 0.3, 0.9), "poor": (0.6, 0.3, 0.7)})
    table = tradeoff.table(point, drawn).set_index("model")
    assert table.beaten_by.to_dict() == {"fair": "", "clear": "", "poor": "fair, clear"}
    assert (table.uf1_lo < table.uf1).all() and (table.uf1 < table.uf1_hi).all()


@pytest.mark.parametrize(
    ("scores", "verdict"),
    [((0.9, 0.5, 0.6), "holds"), ((0.5, 0.9, 0.4), "contradicted"), ((0.7, 0.7, 0.4), "not shown")],
)
def test_claims_hold_are_contradicted_or_are_not_shown(scores, verdict):
    point, drawn = measured({name: (value,) * 3 for name, value in zip("abc", scores, strict=True)})
    found, rows = tradeoff.best(point, drawn, "fidelity", ["a", "b", "c"], "a", people=20)
    assert found == verdict and list(rows.other) == ["b", "c"]
    sentence = shown.say_claim("A is best", found, rows, point["fidelity"])
    words = {"holds": "holds here", "contradicted": "is contradicted here", "not shown": "is not shown here"}
    assert words[verdict] in sentence and f"{scores[0]:.3f}" in sentence


def test_sentences_and_figures_follow_the_table():
    point, drawn = measured({"majority": (0.1, 0.0, 1.0), "logistic": (0.6, 0.5, 0.9), "svm": (0.5, 0.4, 0.8)})
    table = tradeoff.table(point, drawn).assign(task="t")
    part = predicted(np.ones((6, 6), int))
    assert "nothing has to be traded" in shown.say_front(table, part) and "`logistic`" in shown.say_front(table, part)
    title = shown.plot_tradeoff(table, "t").get_suptitle()
    assert title.startswith("t: logistic is highest")
    poster = shown.plot_poster(table, "t", ["logistic", "svm"])
    assert poster.get_suptitle().endswith("logistic has the highest accuracy, by 0.100") and len(poster.axes) == 2
    point["fidelity"]["svm"] = 0.95
    assert "2 of 2 learners" in shown.say_front(tradeoff.table(point, drawn).assign(task="t"), part)
    assert "no learner is" in shown.plot_tradeoff(tradeoff.table(point, drawn), "t").get_suptitle()


def test_weights_are_drawn_for_every_class_and_their_share_is_that_of_the_boxes():
    X, samples = clips(people=6, where=faces.mask(28, ("mouth",)))
    weights, classes = shown.compute_weights(X, labels.targets(samples, "megc3"), TINY, 0)
    assert weights.shape == (3, 3, 28, 28) and classes == sorted(CLASSES)
    boxes = regions.boxes_of(X, samples)
    assert shown.weight_share(np.ones_like(weights), boxes) == pytest.approx(boxes[regions.BOXES].mean())
    mouth = np.abs(weights[:, 1][:, boxes["mouth"]]).mean()
    assert mouth > 2 * np.abs(weights[:, 1][:, boxes[regions.ELSEWHERE]]).mean()
    assert shown.plot_weights(weights, classes, boxes).get_suptitle().startswith("The boxes are 19%")


def test_choices_and_cost_are_counted_over_folds():
    record = '{"chosen": {"map__scale": true, "classifier__C": 0.1}, "inner_macro_f1": 0.5}'
    fits = [SimpleNamespace(task="t", model="svm_tuned", recorded=record, fit_s=1.0, predict_s=0.5, test=10)] * 2
    fits = pd.DataFrame([vars(fit) for fit in fits])
    (row,) = comparison.compute_choices(fits).itertuples()
    assert row.setting == "C 0.1, scale True" and row.folds == 2 and row.mean_inner_macro_f1 == 0.5
    cost = comparison.compute_cost(fits).iloc[0]
    assert cost.fit_s_all_folds == 2 and cost.predict_ms_a_clip == 50
