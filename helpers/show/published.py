"""This run's numbers beside what the sources claim and what is published. For notebook 11."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from helpers.evaluation import _printed as printed
from helpers.evaluation import outputs, scores, subjects
from helpers.evaluation.scores import BASELINE
from helpers.show.literature_results import LEAKS, MEANINGS
from helpers.show.plots import QUIET

COMPOSITE = 442  # clips of the MEGC 2019 composite: fewer are another problem
PARTS = {"casme2": "CASME II", "smic": "SMIC", "samm": "SAMM"}
ABSENT = "not in this run"


def compute_sources(made, synthetic):
    """What each source claims of its own problem, what follows from its numbers, and the nearest number of this run.

    made: [(problem, scored)]. One row a claim: source, problem, claimed, recomputed, here, comparable (why or why not).
    """
    four, three = _find(made, "casme4-loso"), _find(made, "megc3-loso")
    stills = next((pair for pair in made if pair[0].task.startswith("kaggle")), None)
    counts = printed.CONFUSION, printed.HYBRID, printed.LOGS["full"][0]
    own, hybrid, log = (scores.metrics(confusion) for confusion in counts)
    always = np.sum(printed.CONFUSION[0]) / np.sum(printed.CONFUSION)
    rows = [
        (
            printed.FOURTH, "CASME II, 4 classes, LOSO", f"accuracy {printed.ACCURACY:.3f}, UAR {printed.UAR:.3f}",
            f"accuracy {own['accuracy']:.3f}, UAR {own['uar']:.3f}; always happiness: accuracy {always:.3f}",
            _here(four, outputs.OURS, "accuracy", "uar"),
            "in part: its dataset and protocol, but its happiness holds every label that its reader did not know",
        ),
        (
            printed.THIRD, "CASME II, 4 classes, LOSO", f"UAR {printed.HYBRID_MEAN:.3f}, a mean over people",
            f"pooled UAR {hybrid['uar']:.3f} of {np.sum(printed.HYBRID)} clips", _person_mean(four),
            "yes: its classes and protocol; two of its clips have no public map, and flow was measured by others",
        ),
        (
            printed.STSTNET, "MEGC 2019 composite, LOSO", f"UAR {printed.LOGS['full'][1]:.4f}",
            f"UF1 {log['uf1']:.3f}, UAR {log['uar']:.4f} from its log", _here(three, "ststnet", "uf1", "uar"),
            "yes" if three and three[0].n == COMPOSITE else f"no: not all {COMPOSITE} clips are here",
        ),
        (
            f"{printed.FIRST}; {printed.SECOND}", "Kaggle stills", f"FLAML: accuracy {printed.POSTER_ACCURACY:.2f}",
            f"its best validation accuracy, {printed.BEST_VALIDATION}, is its error",
            _here(stills, "flaml", "accuracy", "weighted_f1"), "no: macro-expression stills, validated on its test set",
        ),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["source", "problem", "claimed", "recomputed", "here", "comparable"])
    table.loc[table.here == ABSENT, "comparable"] = f"no: {ABSENT}"
    return table.assign(comparable="no: drawn people here") if synthetic else table


def _find(made, task):
    return next((pair for pair in made if pair[0].task == task), None)


def _here(pair, model, *metrics):
    if pair is None or model not in pair[0].notebooks:
        return ABSENT
    row = scores.row(pair[1], pair[0].task, model)
    words = {"uf1": "UF1", "uar": "UAR", "weighted_f1": "weighted F1"}
    return f"`{model}`: {', '.join(f'{words.get(name, name)} {row[name]:.3f}' for name in metrics)} ({row.n} clips)"


def _person_mean(pair):
    if pair is None or outputs.OURS not in pair[0].notebooks:
        return ABSENT
    row = subjects.summary(pair[0].predictions, pair[0].task, [outputs.OURS], BASELINE, resamples=2).iloc[0]
    return f"`{outputs.OURS}`: pooled UAR {row.pooled:.3f}, mean over people {row.person_mean:.3f} ({pair[0].n} clips)"


def compute_published(reported, measured, made):
    """Published scores of the composite, this project's on all its maps, and this run's: kind, method, uf1, uar, leak.

    reported: of `literature.results.compute_reported`; measured: `read_measured`; made: [(problem, scored)]. clips: how
    many a row is about; comparable: "yes" for all 442, else what is missing.
    """
    theirs = reported[["method", "year", "uf1", "uar", "leak", "link"]].assign(kind="published", clips=COMPOSITE)
    ours = measured[measured.leak == "no"][["model", "uf1", "uar"]].rename(columns={"model": "method"})
    ours["method"] = ours.method.replace("mean of the last two", "mean of centred logistic and RBF SVM")
    parts, three = [theirs, ours.assign(kind="measured", clips=COMPOSITE, leak="no")], _find(made, "megc3-loso")
    if three:
        rows = _some(three, (outputs.OURS, outputs.LINE, "ststnet")).rename(columns={"model": "method"})
        parts.append(rows.assign(kind="this run", leak="no", clips=three[0].n))
    table = pd.concat(parts, ignore_index=True)
    missing = COMPOSITE - table.clips
    table["year"] = table.year.astype("Int64")
    table["comparable"] = [f"no: {count} clips are missing" if count else "yes" for count in missing]
    known = ["kind", "method", "year", "uf1", "uf1_lo", "uf1_hi", "uar", "clips", "leak", "comparable", "link"]
    return table.reindex(columns=known).sort_values("uf1", ascending=False, ignore_index=True)


def _some(pair, models, part="all"):
    """Score rows of some models of one problem, where they are there."""
    rows = pair[1][(pair[1]["slice"] == part) & pair[1].model.isin(models)]
    return rows[["model", "uf1", "uf1_lo", "uf1_hi", "uar"]]


def compute_parts(made):
    """UF1 of STSTNet's own log, part by part of the composite, beside models of this run; empty without composite."""
    three, rows = _find(made, "megc3-loso"), []
    for part, name in PARTS.items():
        if three is not None and part in set(three[1]["slice"]):
            found = _some(three, ("ststnet", outputs.LINE, outputs.OURS), part).set_index("model").uf1
            counts = printed.LOGS[name][0]
            row = {"part": name, "clips": int(np.sum(counts)), "log of STSTNet": scores.metrics(counts)["uf1"]}
            rows.append(row | {f"{model}, here": found[model] for model in found.index})
    return pd.DataFrame(rows)


def plot_published(table):
    """Published UF1 by what the public code does; this project's rows below them, with intervals. Returns a figure."""
    order = {"this run": 0, "measured": 1, "published": 2}  # from below
    rows = table.sort_values(["kind", "uf1"], key=lambda column: column.replace(order), ignore_index=True)
    figure, axes = plt.subplots(figsize=(8.5, 0.27 * len(rows) + 1.6))
    for leak, (colour, marker) in LEAKS.items():
        own = rows[(rows.kind == "published") & (rows.leak == leak)]
        axes.scatter(own.uf1, own.index, c=colour, marker=marker, s=46, label=f"published; {MEANINGS[leak]}", zorder=3)
    for kind, colour, words in (("measured", QUIET, "measured by us"), ("this run", "#222222", "this run")):
        own = rows[rows.kind == kind]
        if len(own):
            axes.hlines(own.index, own.uf1_lo, own.uf1_hi, color=colour, linewidth=2)
            label = f"{words}, no leak, {own.clips.max()} clips"
            axes.scatter(own.uf1, own.index, c=colour, marker="D", s=34, label=label, zorder=3)
    for first in rows.index[rows.kind.ne(rows.kind.shift()) & (rows.index > 0)]:
        axes.axhline(first - 0.5, color=QUIET, linewidth=0.6)
    axes.set_yticks(rows.index, rows.method)
    axes.set(xlabel="UF1 on the three classes of MEGC 2019, 0 to 1")
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    axes.set_title(title_published(table))
    return figure


def title_published(table):
    """How the leak-free numbers stand to the published ones."""
    theirs, best = table[table.kind == "published"], table[table.kind == "measured"].uf1.max()
    above = theirs[theirs.uf1 > best]
    return (
        f"{len(above)} of {len(theirs)} published scores exceed our best leak-free one on all maps ({best:.3f});\n"
        f"{(above.leak == 'yes').sum()} of them choose on the held-out person, the code of "
        f"{(above.leak == 'not seen').sum()} nobody has read"
    )


def say_sources(table, claimed):
    """How many claims hold, and which rows may be compared with this run."""
    like = table[table.comparable.str.startswith(("yes", "in part"))]
    text = f"**{claimed.holds.sum()} of {len(claimed)}** claims of the sources follow from what they print themselves."
    if like.empty:
        why = "; ".join(reason.removeprefix("no: ") for reason in table.comparable.unique())
        return f"{text} None of their numbers may be compared with this run: {why}."
    rows = "; ".join(f"*{row.source}*, {row.recomputed}, here {row.here}" for row in like.itertuples())
    return f"{text} Comparable with this run, at least in part: {rows}."


def say_published(table):
    """Where this run stands among the published rows, or why it does not."""
    theirs, own = table[table.kind == "published"], table[table.kind == "this run"]
    clean = theirs[theirs.leak != "yes"]
    leaky = theirs[theirs.leak == "yes"]
    text = (
        f"Of {len(theirs)} published rows {len(leaky)} choose on the held-out person (UF1 {leaky.uf1.min():.3f} to "
        f"{leaky.uf1.max():.3f}); the others reach from {clean.uf1.min():.3f} to {clean.uf1.max():.3f}, and of "
        f"{(clean.leak == 'not seen').sum()} of these nobody has read the training code."
    )
    if own.empty:
        return f"{text} **This run has no row to put beside them.**"
    top = own.iloc[0]
    if top.clips < COMPOSITE:
        return (
            f"{text} **This run may not be put beside them**: it knows {top.clips} of {COMPOSITE} clips, and a part "
            "that is missing may be the hard one. The table below compares parts."
        )
    inside = clean[(clean.uf1 >= top.uf1_lo) & (clean.uf1 <= top.uf1_hi)]
    return (
        f"{text} On the same clips `{top.method}` reaches {top.uf1:.3f} ({top.uf1_lo:.3f} to {top.uf1_hi:.3f}); "
        f"{len(inside)} of the {len(clean)} others lie inside that interval."
    )


def say_no_parts(synthetic):
    """Why there is no table of parts."""
    return "Drawn people are no part of the composite." if synthetic else "This run has no part of the composite."
