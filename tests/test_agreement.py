"""Agreement of intensities: known cases, hand formulas, resampling by brute force, and the tables made from them."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from helpers.evaluation import _ranks, agreement, compare
from helpers.evaluation.agreement import METRICS, OTHERS
from helpers.workspace import WorkbookError

MODELS = ("good", "poor", "flat")


def table(people=5, clips=9, steps=7, models=MODELS, seeds=(0,), noise=(0.1, 0.6, 0.0), rng=0):
    """Invented predictions: labels with ties and zeros, people with unequal numbers of clips."""
    chance = np.random.default_rng(rng)
    who = np.sort(np.append(np.arange(people), chance.integers(0, people, clips - people)))
    true = np.round(np.abs(np.sin(np.linspace(0, np.pi, steps))) * chance.random((clips, 1)), 2)
    rows = []
    for model, amount in zip(models, noise, strict=True):
        for seed in seeds:
            guess = true + amount * chance.normal(size=true.shape) if amount else np.full(true.shape, 0.3)
            clip, frame = np.indices(true.shape).reshape(2, -1)
            ids = {"sample_id": [f"d/{who[k]}/c{k}" for k in clip], "subject": [f"d/{who[k]}" for k in clip]}
            about = {"task": "t", "dataset": "d", "model": model, "seed": seed, "fold": "f", "frame": 10 * frame}
            rows.append(pd.DataFrame(ids | about | {"y_true": true.ravel(), "y_pred": guess.ravel().round(2)}))
    return pd.concat(rows, ignore_index=True)[list(agreement.COLUMNS)]


def by_hand(true, predicted):
    """METRICS from their definitions, with other people's code where there is some."""
    error, grand = predicted - true, np.mean([true, predicted])
    targets = np.stack([true, predicted], axis=1)
    n = len(true)
    rows = 2 * np.sum((targets.mean(axis=1) - grand) ** 2)
    columns = n * np.sum((targets.mean(axis=0) - grand) ** 2)
    rest = np.sum((targets - grand) ** 2) - rows - columns
    bms, ems = rows / (n - 1), rest / (n - 1)
    cov = np.cov(true, predicted, bias=True)
    return {
        "mae": np.abs(error).mean(),
        "rmse": np.sqrt((error**2).mean()),
        "pearson": stats.pearsonr(true, predicted)[0],
        "spearman": stats.spearmanr(true, predicted)[0],
        "ccc": 2 * cov[0, 1] / (cov[0, 0] + cov[1, 1] + (true.mean() - predicted.mean()) ** 2),
        "icc": (bms - ems) / (bms + ems),
        "r2": 1 - (error**2).sum() / ((true - true.mean()) ** 2).sum(),
    }


def drawn(people, resamples, seed):
    return np.random.default_rng(seed).multinomial(people, np.full(people, 1 / people), size=resamples)


def with_values(true, predicted):
    """Predictions of one person's one clip."""
    frames = np.arange(len(true))
    about = dict.fromkeys(agreement.COLUMNS, "x") | {"seed": 0, "frame": frames}
    return pd.DataFrame(about | {"y_true": np.asarray(true, float), "y_pred": np.asarray(predicted, float)})


def score(true, predicted):
    return agreement.scores(with_values(true, predicted), resamples=10).iloc[0]


def test_perfect_shifted_scaled_and_reversed_predictions():
    true = np.linspace(0, 1, 11)
    row = score(true, true)
    assert [row[m] for m in METRICS] == pytest.approx([0, 0, 1, 1, 1, 1, 1], abs=1e-7)
    row = score(true, true + 0.1)  # as a judge with another zero: consistent, and not concordant
    assert [row[m] for m in ("mae", "rmse", "pearson", "spearman", "icc")] == pytest.approx([0.1, 0.1, 1, 1, 1])
    assert row.ccc == pytest.approx(0.2 / (0.2 + 0.01)) and row.r2 == pytest.approx(1 - 0.01 / 0.1)
    row = score(true, 0.5 * true)
    assert (row.pearson, row.icc) == (pytest.approx(1), pytest.approx(0.8)) and row.ccc < row.icc
    row = score(true, 1 - true)
    assert [row[m] for m in ("pearson", "spearman", "ccc", "icc", "r2")] == pytest.approx([-1, -1, -1, -1, -3])


@pytest.mark.parametrize("value", [0.5, 0.2, 1 / 3, 0.0])
def test_predictions_that_are_all_the_same_follow_nothing(value):
    row = score([0, 0.1, 0.7, 1], [value] * 4)
    assert [row[m] for m in ("pearson", "spearman", "ccc", "icc")] == [0, 0, 0, 0]
    assert row.mae > 0 and row.r2 <= 1e-12 and row.spearman_lo == row.spearman_hi == 0


def test_a_truth_that_never_varies_leaves_only_the_errors():
    row = score([0.4, 0.4, 0.4], [0.4, 0.5, 0.6])
    assert row.mae == pytest.approx(0.1) and row[["pearson", "spearman", "ccc", "icc", "r2"]].isna().all()


@pytest.mark.parametrize("rng", range(3))
def test_values_are_those_of_the_definitions(rng):
    predictions = table(rng=rng, seeds=(0, 1))
    scores = agreement.scores(predictions, resamples=20).set_index("model")
    assert list(scores.index) == sorted(MODELS) and set(scores.n) == {9} and set(scores.frames) == {63}
    assert set(scores.people) == {5} and set(scores.seeds) == {2}
    for model in ("good", "poor"):
        runs = [by_hand(*some[["y_true", "y_pred"]].to_numpy().T) for _, some in
                predictions[predictions.model == model].groupby("seed")]  # fmt: skip
        for metric in METRICS:
            assert scores.loc[model, metric] == pytest.approx(np.mean([run[metric] for run in runs])), metric
            assert scores.loc[model, f"{metric}_lo"] <= scores.loc[model, f"{metric}_hi"]
    assert (scores.loc["good", ["pearson", "spearman", "ccc", "icc", "r2"]] > 0.5).all()


@pytest.mark.parametrize("most", [0, 96])
@pytest.mark.parametrize("rng", range(3))
def test_resampling_people_is_scoring_their_rows_written_down_again(monkeypatch, rng, most):
    monkeypatch.setattr(_ranks, "MOST", most)
    predictions = table(rng=rng, models=("poor",), noise=(0.4,))
    values = agreement._values(predictions, METRICS, 60, rng)
    people = sorted(predictions.subject.unique())
    for k, times in enumerate(drawn(len(people), 60, rng)):
        rows = [predictions[predictions.subject == name] for name, count in zip(people, times, strict=True)
                for _ in range(count)]  # fmt: skip
        expected = by_hand(*pd.concat(rows)[["y_true", "y_pred"]].to_numpy().T)
        for metric in METRICS:
            assert values[metric][1 + k] == pytest.approx(expected[metric]), metric


def test_intervals_are_percentiles_of_those_resamplings():
    predictions = table(models=("poor",), noise=(0.4,))
    row = agreement.scores(predictions, resamples=60, seed=3).iloc[0]
    values = agreement._values(predictions, ("spearman",), 60, 3)["spearman"][1:]
    assert (row.spearman_lo, row.spearman_hi) == tuple(np.quantile(values, [0.025, 0.975]))


def test_a_resampling_whose_truth_is_constant_is_drawn_again():
    one, two = with_values([0.2, 0.2], [0.1, 0.3]), with_values([0.6, 0.6], [0.5, 0.7])
    predictions = pd.concat([one, two.assign(subject="y", sample_id="y")], ignore_index=True)
    row = agreement.scores(predictions, resamples=50).iloc[0]
    assert row.pearson_lo == row.pearson_hi == row.pearson == pytest.approx(0.04 / np.sqrt(0.04 * 0.05))


def test_order_of_rows_and_names_of_people_change_nothing():
    predictions = table()
    mixed = predictions.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(agreement.scores(predictions, 50), agreement.scores(mixed, 50))


def test_gains_are_paired_over_the_same_people():
    predictions = table(people=8, clips=30)
    found = agreement.gains(predictions, "t", "flat", ("spearman", "ccc", "mae"), resamples=300).set_index(
        ["model", "metric"]
    )
    good = predictions[predictions.model == "good"]
    values = {name: agreement._values(predictions[predictions.model == name], METRICS, 300, 0) for name in MODELS}
    for metric, sign in (("spearman", 1), ("ccc", 1), ("mae", -1)):
        difference = sign * (values["good"][metric] - values["flat"][metric])
        row = found.loc[("good", metric)]
        assert row.gain == pytest.approx(difference[0]) and row.gain > 0 and row.verdict == "better"
        assert (row.lo, row.hi) == pytest.approx(tuple(np.quantile(difference[1:], [0.025, 0.975])))
        assert row.all_hi - row.all_lo > row.hi - row.lo
    assert found.p_holm.to_list() == pytest.approx(compare.holm(found.p)), "for all rows together"
    assert list(found.reference.unique()) == ["flat"] and len(found) == 6
    twin = pd.concat([good, good.assign(model="twin")], ignore_index=True)
    same = agreement.gains(twin, "t", "good", METRICS, resamples=100)
    assert (same.gain == 0).all() and (same.p == 1).all() and set(same.verdict) == {"tie"}
    few = agreement.gains(predictions, "t", "flat", ("mae",), ["poor"], 100)
    assert list(few.model) == ["poor"] and few.columns[:4].to_list() == ["task", "model", "reference", "metric"]


def test_gains_of_what_is_not_there_are_refused():
    with pytest.raises(WorkbookError, match="unknown model of t 'mean'.*flat, good, poor"):
        agreement.gains(table(), "t", "mean")
    with pytest.raises(WorkbookError, match="unknown metric 'mse'"):
        agreement.gains(table(), "t", "flat", ("mse",))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda t: t.drop(columns="frame"), r"lack column\(s\) frame"),
        (lambda t: pd.concat([t, t.iloc[[3]]]), r"row t/good/0/d/0/c0/30: a frame is predicted twice"),
        (lambda t: t.assign(y_pred=t.y_pred.where(t.index != 4)), r"c0/40: a prediction is no number"),
        (lambda t: t.assign(y_pred=t.y_pred.where(t.index != 4, np.inf)), "a prediction is no number"),
        (lambda t: t.assign(y_true=t.y_true.where(t.index != 4)), "a true intensity is outside 0..1"),
        (lambda t: t.assign(y_true=t.y_true - 0.01), "a true intensity is outside 0..1"),
        (lambda t: t.assign(y_true=t.y_true.where(t.index != 70, 0.99)), "there are several y_true for it"),
        (lambda t: t.assign(subject=t.subject.where(t.index != 70, "d/9")), "there are several subject for it"),
        (lambda t: t.drop(index=70), r"not every model and seed predicts this frame"),
        (lambda t: t[(t.model != "poor") | (t.sample_id != t.sample_id[0])], "not every model and seed predicts"),
    ],
)
def test_a_table_that_breaks_the_schema_is_refused_by_row(broken, message):
    with pytest.raises(WorkbookError, match=message):
        agreement.check(broken(table()), file="predictions_intensity.csv")


def test_a_written_table_is_read_as_it_was(tmp_path):
    predictions = table(seeds=(0, 1)).assign(fold="01")
    agreement.write(predictions, tmp_path / "predictions_intensity.csv")
    again = agreement.read(tmp_path / "predictions_intensity.csv")
    pd.testing.assert_frame_equal(again, predictions, check_dtype=False)
    assert list(tmp_path.iterdir()) == [tmp_path / "predictions_intensity.csv"]


def test_peaks_compare_the_strongest_frame_with_the_true_apex():
    predictions = table(seeds=(0, 1))
    ids = predictions.sample_id.unique()
    truth = pd.DataFrame({"sample_id": ids, "apex": 25, "strength": np.linspace(0.1, 0.9, len(ids))})
    found = agreement.peaks(predictions, truth)
    assert len(found) == len(ids) * (2 * len(MODELS) + 1) and set(found.model) == {*MODELS, OTHERS}
    row = found[(found.model == "poor") & (found.seed == 1) & (found.sample_id == ids[4])].iloc[0]
    clip = predictions[(predictions.model == "poor") & (predictions.seed == 1) & (predictions.sample_id == ids[4])]
    best = clip.loc[clip.y_pred.idxmax()]
    assert (row.y_true, row.y_pred, row.frame, row.predicted_frame) == (0.5, best.y_pred, 25, best.frame)
    assert row.strength_error == pytest.approx(best.y_pred - 0.5) and row.frame_error == best.frame - 25
    flat = found[found.model == "flat"]
    assert set(flat.predicted_frame) == {30}, "of equal predictions the middle one"
    mean = found[found.model == OTHERS].set_index("sample_id")
    rest = truth[~truth.sample_id.isin(mean.index[mean.subject == mean.subject[ids[4]]])]
    assert mean.y_pred[ids[4]] == pytest.approx(rest.strength.mean()) and set(mean.predicted_frame) == {30}
    scores = agreement.scores(found, 50).set_index("model")
    assert scores.mae[OTHERS] == pytest.approx(mean.strength_error.abs().mean()) and set(scores.frames) == {9}
    gains = agreement.gains(found, "t", OTHERS, ("mae",), resamples=50)
    assert set(gains.model) == set(MODELS)


def test_without_a_table_of_truth_the_highest_label_is_the_apex():
    predictions = table()
    found = agreement.peaks(predictions)
    good = found[found.model == "good"].set_index("sample_id")
    labels = predictions[predictions.model == "good"].groupby("sample_id").y_true.max()
    assert good.y_true.to_dict() == labels.to_dict() and set(good.frame) == {30}


def test_a_clip_whose_apex_nobody_knows_is_refused():
    truth = pd.DataFrame({"sample_id": ["d/0/c0"], "apex": 25, "strength": 0.5})
    with pytest.raises(WorkbookError, match=r"row d/\d/c1: its apex is not in the table of truth"):
        agreement.peaks(table(), truth)


def test_errors_of_groups_are_those_of_their_rows():
    predictions = table(seeds=(0, 1))
    people = agreement.by(predictions, "subject")
    assert len(people) == 5 * len(MODELS) and people.n.sum() == 9 * len(MODELS) and set(people.people) == {1}
    row = people[(people.model == "poor") & (people.subject == "d/2")].iloc[0]
    rows = predictions[(predictions.model == "poor") & (predictions.subject == "d/2")]
    runs = [by_hand(*some[["y_true", "y_pred"]].to_numpy().T) for _, some in rows.groupby("seed")]
    assert row.mae == pytest.approx(np.mean([run["mae"] for run in runs])) and row.frames == len(rows) / 2
    assert row.ccc == pytest.approx(np.mean([run["ccc"] for run in runs]))
    joined = predictions.assign(emotion=np.where(predictions.sample_id.str.endswith("0"), "fear", "anger"))
    assert set(agreement.by(joined, "emotion").emotion) == {"fear", "anger"}
    with pytest.raises(WorkbookError, match="no column 'emotion'.*join it"):
        agreement.by(predictions, "emotion")


def test_reliability_is_the_truth_of_equally_many_frames_in_order_of_prediction():
    predictions = table(people=12, clips=60, steps=20)
    found = agreement.reliability(predictions, bins=5, resamples=200)
    good = found[found.model == "good"]
    assert list(good.bin) == list(range(5)) and good.frames.sum() == 60 * 20
    assert good.frames.between(200, 280).all(), "as equal as predictions of two digits allow"
    assert good.predicted.is_monotonic_increasing and (good.true_lo <= good.true).all()
    assert (good.true <= good.true_hi).all() and np.corrcoef(good.predicted, good.true)[0, 1] > 0.98
    assert len(found[found.model == "flat"]) == 1, "equal predictions stay together"
