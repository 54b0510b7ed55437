"""Sentences on the classical baselines, true whatever the data say: tables come from `helpers.evaluation`."""

import json

import numpy as np

from helpers.evaluation.scores import BASELINE, OUTCOMES
from helpers.show.baselines import ALPHA
from helpers.show.effect import NO_MINORITY

ONE_ANSWER = 0.95


def verdict_on_levels(scores, task, label):
    """Which model is highest, against majority; it is picked by the scores it is described with, so it is no claim."""
    rows = scores[(scores.task == task) & (scores["slice"] == "all")]
    floor, rest = rows[rows.model == BASELINE].iloc[0], rows[rows.model != BASELINE]
    best, plain = rest.nlargest(1, "uf1").iloc[0], rest[rest.uf1_lo > floor.uf1]
    return (
        f"**{label}**: {len(plain)} of {len(rest)} models have an interval above the majority's macro-F1 of "
        f"{floor.uf1:.3f}. The highest is `{best.model}`, {best.uf1:.3f} ({best.uf1_lo:.3f} to {best.uf1_hi:.3f}); it "
        "is picked by the very scores that describe it, so it is a description and no claim."
    )


def verdict_on_features(scores, task):
    """Weighted logistic regression on each feature, highest first: which representation carries the signal."""
    rows = scores[(scores.task == task) & scores.model.str.endswith(":logistic+weights") & (scores["slice"] == "all")]
    parts = [f"`{r.model.split(':')[0]}` {r.uf1:.3f} ({r.uf1_lo:.3f} to {r.uf1_hi:.3f})" for r in
             rows.sort_values("uf1", ascending=False).itertuples()]  # fmt: skip
    return f"With weighted logistic regression, by representation: {', '.join(parts)}."


def verdict_on_changes(table, label):
    """How many effects hold, by outcome, gains and losses alike."""
    held, parts = table[table.p_holm < ALPHA], []
    for outcome, rows in table.groupby("outcome", sort=False):
        some = held[held.outcome == outcome]
        up = (some.gain > 0).sum()
        parts.append(f"{outcome} {up} up, {len(some) - up} down of {rows.p_holm.count()}")
    even = NO_MINORITY if table.gain[table.outcome == OUTCOMES[1]].isna().all() else ""
    tests = table.p_holm.count()
    return f"**{label}**: {len(held)} of {tests} effects hold after Holm's correction: {'; '.join(parts)}.{even}"


def verdict_on_silence(table, task):
    """Models that all but always give one answer: a difference from them says little. table: predictions."""
    rows = table[(table.task == task) & (table.model != BASELINE)]
    share = rows.groupby("model").y_pred.agg(lambda said: said.value_counts(normalize=True).iloc[0])
    silent = share.index[share >= ONE_ANSWER]
    if not len(silent):
        return f"No model of {task} gives nearly always the same answer."
    listed = ", ".join(f"`{name}`" for name in silent)
    return (
        f"{len(silent)} of {len(share)} models of {task} give one and the same answer to {ONE_ANSWER:.0%} of samples "
        f"or more: {listed}. What a change seems to bring over such a model says more about the model than about the "
        "change."
    )


def verdict_on_claim(table, label):
    """Source 002's sentence beside these numbers: SMOTE alone on fear and disgust. table: of changes.claim."""
    rows = table[table.tested]
    if rows.empty:
        return f"**{label}**: these classes have neither fear nor disgust, so the claim cannot be asked here."
    ranges = [
        f"{outcome} {some.gain.min():+.2f} to {some.gain.max():+.2f}" for outcome, some in rows.groupby("outcome")
    ]
    held = rows[rows.p_holm < ALPHA]
    up, pairs = (held.gain > 0).sum(), rows[["feature", "learner"]].drop_duplicates().shape[0]
    tests = rows.p_holm.count()
    untested = f" The other {len(rows) - tests} hang on too few people to be tested." if tests < len(rows) else ""
    text = f"**{label}**: SMOTE alone, over {pairs} pairs of feature and classifier, changes {', '.join(ranges)}."
    if not tests:
        return f"{text} None of it can be tested: too few people show these classes."
    return (
        f"{text} Of these differences {up} up and {len(held) - up} down hold, corrected for these {tests}: the claim's "
        f"own tests, SMOTE alone on recall and F1 of the classes it names.{untested}"
    )


def compute_claim(table):
    """Table of changes.claim in short: a row a (change, outcome), range over features and classifiers, what held."""
    held = table.p_holm < ALPHA
    rows = table.assign(up=held & (table.gain > 0), down=held & (table.gain < 0)).groupby(
        ["change", "outcome"], sort=False
    )
    return rows.agg(
        lowest=("gain", "min"), highest=("gain", "max"), up=("up", "sum"), down=("down", "sum"), of=("p_holm", "count")
    ).reset_index()


def verdict_on_unseen(part, unseen):
    """Classes that are scored but that training never or not always saw."""
    if not unseen:
        return f"**{part.label}**: every class is in every training set."
    parts, asked = [], np.concatenate([part.y[fold.test] for fold in part.folds])
    for name, share in unseen.items():
        scored = (asked == name).sum()
        what = "no training set, so nobody can answer it: recall and F1 are 0 by construction"
        parts.append(
            f"`{name}` ({scored} scored) is in {what if share == 1 else f'not in {share:.0%} of training sets'}"
        )
    return f"**{part.label}**: {'; '.join(parts)}. It stays in macro-F1, for all models alike."


def verdict_on_sequence(part):
    """How many maps the recurrent network gets, and what it is where it gets one."""
    length = part.sequence.shape[1]
    if length == 1:
        return (
            f"**{part.label}**: there is **one flow map a clip**, so the LSTM makes a single step and has nothing to "
            "remember. Read it here as a small convolutional network; it is no test of sequences."
        )
    return f"**{part.label}**: the network reads {length} flow maps a clip."


def verdict_on_learning(records):
    """Did the networks learn? Their loss on their own training clips against that of the class prior."""
    fits = records[records.model.str.startswith("cnn_lstm")]
    found = fits.recorded.map(json.loads)
    failed = fits[[not item["beats_prior"] for item in found]]
    ratio = [item["final_loss"] / item["prior_loss"] for item in found]
    text = (
        f"{len(fits) - len(failed)} of {len(fits)} networks beat the class prior on their own training clips; the "
        f"final loss is {min(ratio):.2f} to {max(ratio):.2f} of the prior's ({found.iloc[0]['parameters']} parameters)."
    )
    if len(failed):
        named = ", ".join(f"`{name}` {count}x" for name, count in failed.model.value_counts().items())
        text += f" **Did not learn:** {named}. What they predict says nothing about the treatment."
    return text


def verdict_on_backbones(table):
    """The rationale for ResNet18 in numbers, and what is not known."""
    rows = table.set_index("name")
    ours, others = rows.loc["resnet18"], rows.drop(["resnet18", "resnet18_random"])
    costs = ", ".join(
        f"`{name}` {row.parameters / ours.parameters:.1f} times the parameters and "
        f"{row.milliseconds / ours.milliseconds:.1f} times the time"
        for name, row in others.iterrows()
    )
    known = table[table.result == "measured"].name.tolist()
    text = f"ResNet18 takes {ours.milliseconds:.0f} ms a picture on {ours.device}; {costs}. Macro-F1 is measured for "
    text += ", ".join(f"`{name}` {rows.uf1[name]:.3f}" for name in known) if known else "none of them"
    if "resnet18" not in known:
        text += ": whether ImageNet's features are worth their cost **is not known from this run**"
    return text + "."


def compute_learning(records):
    """Table of the networks' training: fits, how many beat the class prior, mean final loss as a share of the prior's.

    records: of predictions.cross_predict.
    """
    fits = records[records.model.str.startswith("cnn_lstm")]
    found = [json.loads(text) for text in fits.recorded]
    table = fits.assign(
        beat_prior=[item["beats_prior"] for item in found],
        share_of_prior_loss=[item["final_loss"] / item["prior_loss"] for item in found],
        parameters=[item["parameters"] for item in found],
    )
    columns = {"beat_prior": "sum", "share_of_prior_loss": "mean", "parameters": "first", "fit_s": "sum"}
    return table.groupby("model").agg(columns).assign(fits=table.groupby("model").size()).reset_index()
