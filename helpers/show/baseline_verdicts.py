"""Sentences on the classical baselines, true whatever the data say: tables come from `helpers.evaluation`."""

import json

from helpers.evaluation.changes import OVERALL
from helpers.evaluation.scores import BASELINE
from helpers.show.baselines import ALPHA


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
    """How many effects hold, and what each change does to macro-F1 and to the recall of minorities."""
    held = table[table.p_holm < ALPHA]
    parts = []
    for change in dict.fromkeys(table.change):
        for outcome in OVERALL[:2]:
            some, rows = held[held.outcome == outcome], table[(table.change == change) & (table.outcome == outcome)]
            some = some[some.change == change]
            if len(some):
                up = (some.gain > 0).sum()
                parts.append(f"{change} on {outcome} {up} up, {len(some) - up} down of {len(rows)}")
    text = f"**{label}**: {len(held)} of {len(table)} effects hold after Holm's correction"
    nothing = ", none of them on macro-F1 or minority recall" if len(held) else ""
    return f"{text}: {'; '.join(parts)}." if parts else f"{text}{nothing}."


def verdict_on_claim(table, label, asked):
    """Source 002's sentence beside these numbers: SMOTE alone on fear and disgust. table: of changes.effects.

    asked: outcomes that the claim is about, none where the classes lack them.
    """
    if not asked:
        return f"**{label}**: these classes have neither fear nor disgust, so the claim cannot be asked here."
    rows = table[(table.change == "SMOTE") & table.outcome.isin(asked)]
    ranges = [
        f"{outcome} {some.gain.min():+.2f} to {some.gain.max():+.2f}" for outcome, some in rows.groupby("outcome")
    ]
    held = rows[rows.p_holm < ALPHA]
    up, pairs = (held.gain > 0).sum(), rows[["feature", "learner"]].drop_duplicates().shape[0]
    return (
        f"**{label}**: SMOTE alone, over {pairs} pairs of feature and classifier, changes {', '.join(ranges)}. Of "
        f"these {len(rows)} differences {up} up and {len(held) - up} down hold after correction."
    )


def compute_claim(table):
    """Table of changes.claim in short: a row a (change, outcome), range over features and classifiers, what held."""
    held = table.p_holm < ALPHA
    rows = table.assign(up=held & (table.gain > 0), down=held & (table.gain < 0)).groupby(
        ["change", "outcome"], sort=False
    )
    return rows.agg(
        lowest=("gain", "min"), highest=("gain", "max"), up=("up", "sum"), down=("down", "sum"), of=("gain", "size")
    ).reset_index()


def verdict_on_unseen(part, unseen):
    """Classes that are scored but that training never or not always saw."""
    if not unseen:
        return f"**{part.label}**: every class is in every training set."
    parts = []
    for name, share in unseen.items():
        scored = part.counts.get("test", part.counts.get("clips"))[name]
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
    text = f"On one thread ResNet18 takes {ours.milliseconds:.0f} ms a picture here; {costs}. Macro-F1 is measured for "
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
