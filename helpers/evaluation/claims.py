"""What earlier systems claim, recomputed from what they print themselves. Their numbers: `_printed`.

Each claim is a function that gives a `Claim`: what is said, what follows from the source's own numbers, whether the
claim holds, and a small table that shows it. Nothing is trained here: it is arithmetic that any reader could have done.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from helpers.evaluation import _printed as printed
from helpers.evaluation.scores import LEVEL, metrics
from helpers.workspace import WorkbookError


class Claim(NamedTuple):
    """One claim of one system."""

    system: str
    printed_in: str
    claimed: str
    recomputed: str
    wrong: str  # what went wrong; "" where it holds
    holds: bool
    table: pd.DataFrame  # what it follows from


def happiness_141(coded=None):
    """141 happy clips in CASME II: the fourth system's class table (section "Class Distribution Analysis").

    coded: table with a column `emotion`, a row a clip of the whole coding sheet, as `datasets.casme2.read_sheet` gives
    it; None: the counts of that sheet as `_printed.SHEET` holds them. Which of the two, `printed_in` says. One clip
    of disgust has to be among the 141, because the source counts 62 of 63. table: emotion, clips, read_as_happiness.
    Raises WorkbookError for a table of other than all clips.
    """
    if coded is None:
        clips, origin = pd.Series(printed.SHEET), "counts published with the coding sheet"
    else:
        clips, origin = coded.emotion.value_counts(), "the coding sheet at hand"
        if clips.sum() != sum(printed.SHEET.values()):
            problem = f"{clips.sum()} clips are not all {sum(printed.SHEET.values())} of CASME II"
            raise WorkbookError(problem, remedy="give the whole coding sheet, or none")
    known = dict(zip(printed.CASME4, printed.CLASS_TABLE, strict=True))
    missed = clips["disgust"] - known["disgust"]
    table = clips.rename_axis("emotion").reset_index(name="clips")
    unknown = table.clips.where(~table.emotion.isin(known), 0)
    taken = unknown.where(table.emotion != "disgust", missed).where(table.emotion != "happiness", table.clips)
    table = table.assign(read_as_happiness=taken.astype(int))
    table = table.sort_values("read_as_happiness", ascending=False, ignore_index=True)
    real, parts = clips["happiness"], " + ".join(str(count) for count in table.read_as_happiness if count)
    return Claim(
        printed.FOURTH, f"class table; {origin}", f"{known['happiness']} clips of happiness",
        f"{real}; {parts} = {taken.sum()}",
        "every label that the reader did not know became happiness, without a word", bool(real == known["happiness"]),
        table,
    )  # fmt: skip


def class_table(coded=None):
    """35 clips of surprise and 17 of repression: the fourth system's class table, against its own other numbers.

    coded: as for `happiness_141`. table, a row a class: class_table; confusion, rows of its confusion matrix;
    trained_on, the clips that its printed class weights n / (K n_k) follow from, the only whole numbers up to 255
    that give all four; sheet, what is coded.
    """
    coded = printed.SHEET if coded is None else coded.emotion.value_counts()
    table = pd.DataFrame({
        "emotion": printed.CASME4, "class_table": printed.CLASS_TABLE, "confusion": np.sum(printed.CONFUSION, axis=1),
        "trained_on": _trained_on(), "sheet": [coded[name] for name in printed.CASME4],
    })  # fmt: skip
    rare, words = table.set_index("emotion").loc[["surprise", "repression"]], "surprise {}, repression {}"
    return Claim(
        printed.FOURTH, "class table, confusion matrix, class weights", words.format(*rare.class_table),
        words.format(*rare.confusion), "the class table is of other data than the results below it",
        bool((rare.class_table == rare.confusion).all()), table,
    )  # fmt: skip


def uar_of_004():
    """Accuracy 46.3 % and UAR 24.8 %: the fourth system's headline, from the confusion matrix that it prints.

    The sums are right. table: metric, claimed, recomputed.
    """
    found = metrics(printed.CONFUSION)
    claimed, own = [printed.ACCURACY, printed.UAR], [found["accuracy"], found["uar"]]
    table = pd.DataFrame({"metric": ["accuracy", "uar"], "claimed": claimed, "recomputed": own})
    return Claim(
        printed.FOURTH, "overall performance, confusion matrix", _shares(claimed), _shares(own), "",
        _same(claimed, own, 3), table,
    )  # fmt: skip


def balanced():
    """Balanced, state-of-the-art performance: the fourth system's summary, beside a model that looks at no picture.

    table: model, accuracy, uar of the printed confusion matrix and of always saying its most frequent class.
    """
    own = np.array(printed.CONFUSION)
    always = np.zeros_like(own)
    always[:, own.sum(axis=1).argmax()] = own.sum(axis=1)
    found = [(name, metrics(counts)) for name, counts in (("claimed", own), ("majority", always))]
    table = pd.DataFrame([{"model": name, "accuracy": one["accuracy"], "uar": one["uar"]} for name, one in found])
    ours, guess = table[["accuracy", "uar"]].to_numpy()
    return Claim(
        printed.FOURTH, "executive summary", f"balanced performance: {_shares(ours)}",
        f"always the most frequent class: {_shares(guess)}",
        "no majority row beside the score: it is worse than a constant", bool((ours > guess).all()), table,
    )  # fmt: skip


def flat_loss():
    """A trained CNN: the fourth system's training log (section "CNN Training Progress") against ln K and a constant.

    The printed accuracy is, to all digits, the share of one class among the clips trained on (see `class_table`): the
    network said the same whatever it saw. table, a row a printed epoch: loss, accuracy, ln_k, above (loss - ln K),
    constant (share of the class whose share comes closest).
    """
    table = pd.DataFrame([(epoch, *found) for epoch, found in printed.TRAINING.items()])
    table.columns = ["epoch", "loss", "accuracy"]
    counts, prior = _trained_on(), np.log(len(printed.WEIGHTS))
    shares = counts / counts.sum()
    nearest = np.abs(shares - table.accuracy.iloc[-1]).argmin()
    table = table.assign(ln_k=prior, above=table.loss - prior, constant=shares[nearest])
    constant = f"always {printed.CASME4[nearest]}: {counts[nearest]} of {counts.sum()} clips = {shares[nearest]:.2%}"
    return Claim(
        printed.FOURTH, "training log, class weights",
        f"loss {table.loss.iloc[-1]:.4f}, accuracy {table.accuracy.iloc[-1]:.2%} after {table.epoch.iloc[-1]} epochs",
        f"ln {len(counts)} = {prior:.4f}; {constant}", "the network never learned, and nothing said so",
        bool((table.above < -0.01).any() and (table.accuracy > table.constant).any()), table,
    )  # fmt: skip


def mean_of_people():
    """UAR .367 of the third system's hybrid: mean over people in its records, against its pooled confusion counts.

    The mean over people is another number, not a wrong sum: a person with one clip counts as much as one with thirty,
    and a class that a person never shows is left out or counts as 0, as the code has it (`subjects.summary` does it
    with our own predictions). table: one row; mean_over_people, pooled_uar, accuracy, uf1, clips.
    """
    found, own = metrics(printed.HYBRID), printed.HYBRID_MEAN
    row = {"mean_over_people": own, "pooled_uar": found["uar"], "accuracy": found["accuracy"], "uf1": found["uf1"]}
    return Claim(
        printed.THIRD, "stored records of its hybrid", f"UAR {own:.3f} (mean over people)",
        f"UAR {found['uar']:.3f}, accuracy {found['accuracy']:.3f} (pooled)",
        "people with one clip weigh as much as people with thirty", _same([own], [found["uar"]], 3),
        pd.DataFrame([row]).assign(clips=np.sum(printed.HYBRID)),
    )  # fmt: skip


def no_better_than_guessing():
    """Mean UAR of 20.97 %: the third system's own measured summary over 26 people, against guessing.

    Guessing evenly among K classes gives everybody a mean recall of 1/K over the classes they show; less were the
    others counted as 0, which the source does not say. The interval is mean +- 1.96 SD / sqrt(people), as printed.
    About 35 %, the headline, is not among its measured results. table: one row; mean, lo, hi, chance, headline.
    """
    half = 1.96 * printed.PERSON_SD / np.sqrt(printed.PEOPLE)
    low, high, chance = printed.PERSON_MEAN - half, printed.PERSON_MEAN + half, 1 / len(printed.HYBRID_CLASSES)
    row = {"mean": printed.PERSON_MEAN, "lo": low, "hi": high, "chance": chance, "headline": printed.BEST}
    return Claim(
        printed.THIRD, "README: results summary, model performance",
        f"mean UAR {printed.PERSON_MEAN:.2%}, headline about {printed.BEST:.0%}",
        f"{LEVEL:.0%} interval {low:.1%} to {high:.1%}; guessing gives {chance:.0%} over a person's classes",
        "the measured mean is no better than guessing, and the headline is not the measured number", bool(low > chance),
        pd.DataFrame([row]),
    )  # fmt: skip


def precision_as_recall():
    """STSTNet's UARs on the MEGC 2019 composite and its three parts, against the confusion counts of its own log.

    table, a row a part: claimed, precision (macro), recall (UAR), uf1, clips.
    """
    parts, claimed = list(printed.LOGS), [uar for _, uar in printed.LOGS.values()]
    counts = np.array([log for log, _ in printed.LOGS.values()])
    found = metrics(counts)
    table = pd.DataFrame({"part": parts, "claimed": claimed, "precision": found["precision"].mean(axis=1)})
    table = table.assign(recall=found["uar"], uf1=found["uf1"], clips=counts.sum(axis=(1, 2)))
    full = table.iloc[0]
    return Claim(
        printed.STSTNET, "results table, authors' log", f"UAR {full.claimed:.4f}",
        f"recall {full.recall:.4f}, precision {full.precision:.4f}", "mean precision was printed as mean recall",
        _same(table.claimed, table.recall, 4), table,
    )  # fmt: skip


def error_as_accuracy():
    """Best validation accuracy of 0.5357: output of the first system's AutoML cell, on 196 test images.

    table, a row a count of images that gives the printed number to its four digits: count, share, rest (the other
    images), rest_share; the poster prints rest_share, to its two digits, as the accuracy of the same model.
    """
    total = printed.TEST_IMAGES
    counts = np.flatnonzero(np.isclose(np.round(np.arange(total + 1) / total, 4), printed.BEST_VALIDATION))
    table = pd.DataFrame({"count": counts, "share": counts / total, "rest": total - counts})
    table = table.assign(rest_share=1 - table.share, poster=printed.POSTER_ACCURACY)
    right = table.iloc[0]
    return Claim(
        printed.FIRST, "output of the AutoML cell; poster, model comparison",
        f"best validation accuracy {printed.BEST_VALIDATION:.4f}",
        f"{right['rest']:.0f} of {total} right = {right.rest_share:.4f}, the poster's {printed.POSTER_ACCURACY:.2f}",
        "the error was printed as accuracy, and the validation images are the test images",
        _same(table.poster, table.share, 2), table,
    )  # fmt: skip


def smote_claim():
    """SMOTE and PCA raised recall and macro-F1 of fear and disgust: first and second system, against their outputs.

    table, a row a setting: pca, smote, macro_f1, fear, disgust (nan: not printed), changed (against the row above).
    """
    settings = [(False, False, printed.NO_SMOTE), (True, False, printed.PCA_ALONE), (True, True, printed.PCA_SMOTE)]
    table = pd.DataFrame([{"pca": pca, "smote": smote, **found} for pca, smote, found in settings])
    table["changed"] = table.macro_f1.diff()
    plain, both, names = table.iloc[0], table.iloc[-1], ["macro_f1", "fear", "disgust"]
    return Claim(
        printed.SECOND, "baseline vs. augmentation, conclusion; outputs of the workbook's ResNet18 cells",
        "SMOTE and PCA raised macro-F1 of fear and disgust",
        ", ".join(f"{name.replace('_f1', '-F1')} {plain[name]:.3f} -> {both[name]:.3f}" for name in names),
        f"all three fell; two things changed at once, and SMOTE's own step is {both.changed:+.4f} without an interval",
        bool((both[names] > plain[names]).all()), table,
    )  # fmt: skip


def table(coded=None):
    """One row a claim: system, printed_in, claimed, recomputed, wrong, holds. coded: as for `happiness_141`."""
    found = [
        happiness_141(coded), class_table(coded), uar_of_004(), balanced(), flat_loss(), mean_of_people(),
        no_better_than_guessing(), precision_as_recall(), error_as_accuracy(), smote_claim(),
    ]  # fmt: skip
    return pd.DataFrame(found).drop(columns="table")


def _trained_on():
    """(K,) clips a class that the fourth system's printed class weights n / (K n_k) follow from; one answer alone."""
    weights, k = np.array(printed.WEIGHTS), len(printed.WEIGHTS)
    for n in range(sum(printed.SHEET.values()), 0, -1):
        counts = np.rint(n / (k * weights)).astype(int)
        if counts.all() and counts.sum() == n and np.allclose(np.round(n / (k * counts), 3), weights):
            return counts
    raise WorkbookError("no counts give the printed class weights", remedy="check the printed weights")


def _same(claimed, recomputed, digits):
    return bool(np.allclose(np.round(recomputed, digits), claimed, atol=10.0**-digits / 100))


def _shares(values):
    return "accuracy {:.1%}, UAR {:.1%}".format(*values)
