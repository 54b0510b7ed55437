"""How well predicted intensities agree with the true ones: frame by frame, by strength of the apex, by group.

Predictions are one row a (task, model, seed, clip, frame). Every number is pooled over the frames of all folds, then
averaged over seeds; its interval comes from resampling people, with all their frames. Frames of a clip resemble each
other, so that an interval over frames would be far too narrow. Of true values t and predicted p, with moments over n
frames (not n - 1):

- mae, rmse: mean |p - t|, root of the mean (p - t)^2
- pearson, spearman: correlation of values, and of their mid-ranks
- ccc: 2 cov / (var t + var p + (mean t - mean p)^2), concordance (Lin 1989, doi:10.2307/2532051)
- icc: ICC(3,1), two fixed raters, consistency: (BMS - EMS) / (BMS + EMS) (Shrout & Fleiss 1979,
  doi:10.1037/0033-2909.86.2.420), which for two raters is 2 cov / (var t + var p)
- r2: 1 - mean (p - t)^2 / var t; below 0 is worse than the mean of these very frames

Predictions that are all the same order nothing and follow nothing: their correlations are set to 0, as ccc and icc are
by their formulas, so that a gain over them is a number. Where the truth is constant all but mae and rmse are nan, for
every model alike. A mean of the training people is nearly such a prediction, but not quite: it is lower for whoever
has higher values, as these are missing from it, so that its correlations fall below 0.
"""

import numpy as np
import pandas as pd

from helpers import storage
from helpers.datasets import _outside
from helpers.evaluation import compare
from helpers.evaluation._ranks import spearman
from helpers.evaluation.scores import interval
from helpers.workspace import WorkbookError, require_known

COLUMNS = ("task", "sample_id", "dataset", "subject", "model", "seed", "fold", "frame", "y_true", "y_pred")
KEY = ["task", "model", "seed", "sample_id", "frame"]
METRICS = ("mae", "rmse", "pearson", "spearman", "ccc", "icc", "r2")
ERRORS = ("mae", "rmse")  # less is better
ROUNDING = 1e-12  # share of the mean square below which a variance is rounding
OTHERS = "mean_of_others"  # the prediction that every apex is as strong as those of other people on average


def check(predictions, file=None):
    """Hold a table of predicted intensities to its schema and return it; WorkbookError names what is wrong and where.

    Checked: columns, unique keys, finite numbers, truth in 0..1, one person, dataset and truth for a frame, and that
    each (task, model, seed) predicts the same frames.
    """
    missing = [column for column in COLUMNS if column not in predictions]
    if missing:
        problem = f"predictions lack column(s) {', '.join(missing)}"
        raise WorkbookError(problem, file=file, remedy="write all of COLUMNS")
    twice = predictions.duplicated(KEY)
    _refuse(predictions, twice, "a frame is predicted twice by one model and seed", file)
    _refuse(predictions, ~np.isfinite(predictions.y_pred), "a prediction is no number", file)
    _refuse(predictions, ~predictions.y_true.between(0, 1), "a true intensity is outside 0..1", file)
    for column in ("subject", "dataset", "y_true"):
        key = ["task", "sample_id"] + ["frame"] * (column == "y_true")
        differs = predictions[column] != predictions.groupby(key, sort=False)[column].transform("first")
        _refuse(predictions, differs, f"there are several {column} for it", file)
    frames = predictions.groupby(["task", "sample_id", "frame"], sort=False).ngroup()
    runs = predictions[["task", "model", "seed"]].drop_duplicates().groupby("task").size()
    short = frames.map(frames.value_counts()) != predictions.task.map(runs)
    _refuse(predictions, short, "not every model and seed predicts this frame", file)
    return predictions


def write(predictions, path):
    """Write predictions_intensity.csv atomically, numbers with six significant digits."""
    with storage.atomic(path) as temporary:
        check(predictions, path).to_csv(temporary, index=False, float_format="%.6g")


def read(path):
    """Read predictions_intensity.csv and hold it to the schema."""
    text = {column: str for column in COLUMNS if column not in ("seed", "frame", "y_true", "y_pred")}
    return check(_outside.csv(path, _outside.PREDICTIONS, dtype=text), path)


def scores(predictions, resamples=2000, seed=0):
    """One row a (task, model): n (clips), frames, people, seeds, and each of METRICS with its `_lo` and `_hi`.

    The ends are 95 % percentile intervals over `resamples` resamplings of people with replacement, for Spearman as for
    all others without approximation. A resampling whose truth is constant is drawn again.
    """
    rows = []
    for (task, model), part in check(predictions).groupby(["task", "model"]):
        values = _values(part, METRICS, resamples, seed)
        row = {"task": task, "model": model, "n": part.sample_id.nunique()}
        row |= {"frames": len(part) // part.seed.nunique(), "people": part.subject.nunique()}
        row["seeds"] = part.seed.nunique()
        for metric, (point, *drawn) in values.items():
            row[metric], (row[f"{metric}_lo"], row[f"{metric}_hi"]) = point, interval(drawn)
        rows.append(row)
    return pd.DataFrame(rows)


def gains(predictions, task, reference, metrics=("spearman", "ccc", "mae"), names=None, resamples=2000, seed=0):
    """Paired gain of models of a task over a reference model: one row a (model, metric).

    metrics: of METRICS. names: models, by default all but the reference. Both models are scored on the same resampled
    people. gain is positive where the model is better: of mae and rmse it is what they fall by. Other columns, and
    corrections, which are for all rows of this table together: `compare.contrasts`.
    """
    of_task = check(predictions[predictions.task == task])
    names = sorted(set(of_task.model) - {reference}) if names is None else list(names)
    for name in (reference, *names):
        require_known(name, sorted(of_task.model.unique()), f"model of {task}")
    for metric in metrics:
        require_known(metric, METRICS, "metric")
    point, drawn = {}, {}
    for model in (reference, *names):
        for metric, values in _values(of_task[of_task.model == model], metrics, resamples, seed).items():
            values = -values if metric in ERRORS else values
            point[metric, model], drawn[metric, model] = values[0], values[1:]
    wanted = [((metric, model), (metric, reference)) for metric in metrics for model in names]
    table = compare.contrasts(point, drawn, wanted, of_task.subject.nunique()).drop(columns=["model", "other"])
    about = pd.DataFrame([(task, model, reference, metric) for (metric, model), _ in wanted])
    return pd.concat([about.set_axis(["task", "model", "reference", "metric"], axis=1), table], axis=1)


def by(predictions, column):
    """Errors of groups, a table and never a headline: task, model, <column>, n (clips), frames, people, mae, ccc.

    column: e.g. "subject", or one that the caller joined by sample_id, such as "emotion". Means over seeds.
    """
    if column not in predictions:
        remedy = f'join it: predictions.merge(samples[["sample_id", "{column}"]])'
        raise WorkbookError(f"predictions have no column {column!r}", remedy=remedy)
    rows = []
    for key, part in predictions.groupby(["task", "model", column]):
        values = _values(part, ("mae", "ccc"), 0, 0)
        counts = part.sample_id.nunique(), len(part) // part.seed.nunique(), part.subject.nunique()
        rows.append((*key, *counts, values["mae"][0], values["ccc"][0]))
    return pd.DataFrame(rows, columns=["task", "model", column, "n", "frames", "people", "mae", "ccc"])


def reliability(predictions, bins=10, resamples=2000, seed=0):
    """Predicted against true intensity: one row a (task, model, bin) of equally many frames, all seeds together.

    Columns task, model, bin, frames, people, predicted and true (means), true_lo, true_hi: 95 % interval of the true
    mean over people with frames in this bin. Equal predictions stay together, so that bins can be fewer, and uneven.
    """
    rows = []
    for (task, model), part in predictions.groupby(["task", "model"]):
        edges = np.unique(np.quantile(part.y_pred, np.linspace(0, 1, bins + 1)[1:-1]))
        for place, (_, some) in enumerate(part.groupby(np.searchsorted(edges, part.y_pred, side="right"))):
            true = compare.mean_over_people(some.y_true, some.subject, resamples, seed)
            rows.append((task, model, place, len(some), some.subject.nunique(), some.y_pred.mean(), *true))
    columns = ["task", "model", "bin", "frames", "people", "predicted", "true", "true_lo", "true_hi"]
    return pd.DataFrame(rows, columns=columns)


def peaks(predictions, truth=None):
    """Apex of each clip as its highest prediction tells it: one row a (task, model, seed, clip).

    truth: DataFrame(sample_id, apex (frame), strength 0..1), such as `targets.strengths` of the demo; by default the
    highest label of the clip, which of a triangle is about 1 for all. Columns as of `check`, so that `scores` and
    `gains` take the table: y_true and y_pred are the strengths, frame is the true apex; then predicted_frame (the
    middle one of equal highest predictions), strength_error, frame_error (predicted - true). Beside the models stands
    OTHERS: the mean strength of other people's clips, and the middle of the window.
    """
    clip = ["task", "model", "seed", "sample_id"]
    rows = check(predictions).sort_values(KEY, kind="stable", ignore_index=True)
    found = rows.drop_duplicates(clip)[list(COLUMNS)].set_index(clip)
    found["y_pred"], found["predicted_frame"] = _highest(rows, clip, "y_pred")
    if truth is None:
        found["y_true"], found["frame"] = _highest(rows, clip, "y_true")
    else:
        lost = sorted(set(rows.sample_id) - set(truth.sample_id))
        if lost:
            raise WorkbookError("its apex is not in the table of truth", row=lost[0], remedy="give all clips")
        known = truth.set_index("sample_id").loc[found.index.get_level_values("sample_id")]
        found["y_true"], found["frame"] = known.strength.to_numpy(float), known.apex.to_numpy(int)
    found = found.reset_index()
    spans = rows.groupby(["task", "sample_id"]).frame.agg(lambda frames: (frames.min() + frames.max()) // 2)
    one = found.drop_duplicates(["task", "sample_id"]).assign(model=OTHERS, seed=0)
    people = one.groupby(["task", "subject"]).y_true.agg(["sum", "count"])
    rest = (people.groupby("task").transform("sum") - people).loc[pd.MultiIndex.from_frame(one[["task", "subject"]])]
    one["y_pred"] = rest["sum"].to_numpy() / rest["count"].to_numpy()
    one["predicted_frame"] = spans.loc[pd.MultiIndex.from_frame(one[["task", "sample_id"]])].to_numpy()
    table = pd.concat([found, one], ignore_index=True)[[*COLUMNS, "predicted_frame"]]
    errors = {"strength_error": table.y_pred - table.y_true, "frame_error": table.predicted_frame - table.frame}
    return check(table.assign(**errors))


def _highest(rows, clip, column):
    """(values, frames): highest value of each clip in a column, and its frame, the middle one of several; indexed."""
    best = rows[rows[column] == rows.groupby(clip)[column].transform("max")]
    return best.groupby(clip)[column].first(), best.groupby(clip).frame.quantile(0.5, interpolation="lower").astype(int)


def _refuse(table, bad, problem, file):
    if bad.any():
        row = "/".join(map(str, table.loc[bad, KEY].iloc[0]))
        raise WorkbookError(problem, file=file, row=row, remedy="predict each labelled frame once, by every model")


def _values(part, metrics, resamples, seed):
    """{metric: (1 + B,)} of one model's rows: the value itself, then those of resampled people; means over seeds."""
    part = part.sort_values(KEY, kind="stable")  # the same sums for every model, so that all draw the same people
    person, people = pd.factorize(part.subject, sort=True)
    run, runs = pd.factorize(part.seed, sort=True)
    true, predicted = part.y_true.to_numpy(float), part.y_pred.to_numpy(float)
    sums = _sums(true, predicted, person * len(runs) + run, len(people) * len(runs)).reshape(len(people), -1)
    weights = np.ones((1, len(people)))
    there = _moments(weights @ sums[:, :7])[1] > 0  # a truth that varies at all: resamplings where it does
    chance = np.random.default_rng(seed)
    while len(weights) <= resamples:
        drawn = chance.multinomial(len(people), np.full(len(people), 1 / len(people)), size=resamples).astype(float)
        kept = _moments(drawn @ sums[:, :7])[1] > 0
        weights = np.concatenate([weights, drawn[kept | ~there]])[: resamples + 1]
    found = _metrics((weights @ sums).reshape(len(weights), len(runs), 7))
    if "spearman" in metrics:
        ranked = [spearman(true[run == k], predicted[run == k], person[run == k], weights) for k in range(len(runs))]
        found["spearman"] = np.where(np.isnan(found["pearson"]), np.nan, np.nan_to_num(ranked).T)
    return {metric: found[metric].mean(axis=1) for metric in metrics}


def _sums(true, predicted, group, groups):
    """Sufficient statistics of each group: (groups, 7): n, t, p, tt, pp, tp, |p - t|, about the truth's mean."""
    t, p = true - true.mean(), predicted - true.mean()
    columns = np.ones_like(t), t, p, t * t, p * p, t * p, np.abs(p - t)
    return np.stack([np.bincount(group, column, groups) for column in columns], axis=1)


def _moments(sums):
    """(difference of means, var t, var p, cov), each (...), from sums (..., 7); what is rounding is 0."""
    n, t, p, tt, pp, tp, _ = np.moveaxis(sums, -1, 0)
    mean, other = t / n, p / n
    true, predicted = tt / n - mean**2, pp / n - other**2
    true, predicted = np.where(true > ROUNDING * tt / n, true, 0), np.where(predicted > ROUNDING * pp / n, predicted, 0)
    return other - mean, true, predicted, np.where((true > 0) & (predicted > 0), tp / n - mean * other, 0)


def _metrics(sums):
    """METRICS but spearman, each (...), from sums (..., 7)."""
    shift, true, predicted, cov = _moments(sums)
    square = np.maximum(sums[..., 3] + sums[..., 4] - 2 * sums[..., 5], 0) / sums[..., 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        pearson = np.where(predicted > 0, cov / np.sqrt(true * predicted), 0)
        found = {"pearson": pearson, "ccc": 2 * cov / (true + predicted + shift**2)}
        found |= {"icc": 2 * cov / (true + predicted), "r2": 1 - square / true}
    undefined = {metric: np.where(true > 0, values, np.nan) for metric, values in found.items()}
    return {"mae": sums[..., 6] / sums[..., 0], "rmse": np.sqrt(square), **undefined}
