"""What leaks pay: one figure, tables for reading, and sentences that hold whatever comes out. For notebook 08."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from helpers import workspace
from helpers.evaluation import canaries, checks, compare, findings, leaks
from helpers.evaluation.scores import BASELINE
from helpers.show.plots import ACCENT, QUIET
from helpers.workspace import NotApplicable

# Okabe & Ito's colours, a mark each: told apart by all readers and without colour
FAMILIES = {
    "logistic": ("linear", "#0072B2", "o"), "svm": ("kernel", "#D55E00", "s"), "ststnet": ("network", "#009E73", "^"),
    "flaml": ("AutoML", "#CC79A7", "D"),
}  # fmt: skip
# Leak -> its row in data/literature/measured.csv, where the honest row on the same maps is HONEST
MEASURED = {
    "settings_per_person": "best of 15 settings for each test person",
    "smote_first": "SMOTE before a random 5-fold split", "random_folds": "random 10-fold split",
}  # fmt: skip
HONEST, MEASURED_BY = "linear SVM", "this project's measurement on all 442 clips"
# Best epoch on the held-out person, macro-F1: Varanka et al. 2024, who ran both ways on the same composite
OTHERS = (("best_epoch", "STSTNet", 0.713, 0.774), ("best_epoch", "OFF-ApexNet", 0.703, 0.839))
OTHERS_BY = "Varanka et al. 2024, doi:10.1109/TAFFC.2023.3265063"


def compute_catalogue():
    """One row a leak: title, what the leaky twin does, what the clean one does."""
    rows = [
        {"leak": one.name, "title": one.title, "leaky twin": one.deed, "clean twin": one.honest}
        for one in leaks.catalogue()
    ]
    return pd.DataFrame(rows).set_index("leak")


def compute_brief(table):
    """Table of `leaks.compute` for reading: a row a leak, most inflated first, a column a family."""
    cell = [f"{row.honest:.3f} → {row.leaky:.3f} ({row.inflation:+.3f}){' *' * row.paid}" for row in table.itertuples()]
    wide = table.assign(cell=cell).pivot(index="title", columns="family", values="cell")
    return wide.reindex(index=order(table), columns=[name for name in FAMILIES if name in wide]).fillna("")


def compute_known(table):
    """Inflation that was measured on the whole composite, beside the largest one here: a row a measurement."""
    measured = pd.read_csv(workspace.ROOT / "data" / "literature" / "measured.csv").set_index("model").uf1
    rows = [(leak, "linear", measured[HONEST], measured[name], MEASURED_BY) for leak, name in MEASURED.items()]
    rows += [(*row, OTHERS_BY) for row in OTHERS]
    known = pd.DataFrame(rows, columns=["leak", "model", "honest", "leaky", "source"])
    known.insert(4, "inflation", known.leaky - known.honest)
    return known.assign(largest_here=known.leak.map(table.groupby("leak").inflation.max()))


def order(table):
    """Titles of leaks by their mean inflation over families, largest first."""
    return list(table.groupby("title").inflation.mean().sort_values(ascending=False, kind="stable").index)


def plot_inflation(table):
    """A row a leak. Left: honest (hollow) and leaky (filled) score of each family; right: inflation, 95 % interval.

    table: of `leaks.compute`. Returns a figure.
    """
    titles, families = order(table)[::-1], [name for name in FAMILIES if name in set(table.family)]
    size = 10.5, 0.42 * len(titles) + 1.6
    figure, (scores, gains) = plt.subplots(1, 2, figsize=size, sharey=True, width_ratios=(1.15, 1))
    ranked = table.assign(rank=table.family.map(families.index))
    place = table.title.map(titles.index) + 0.22 * _centred(ranked.groupby("title"))  # families of a leak side by side
    for family in families:
        word, colour, mark = FAMILIES[family]
        rows, y = table[table.family == family], place[table.family == family]
        scores.hlines(
            y, rows[["honest", "leaky"]].min(axis=1), rows[["honest", "leaky"]].max(axis=1), color=colour, alpha=0.5
        )
        scores.scatter(rows.honest, y, s=30, marker=mark, facecolor="white", edgecolor=colour, zorder=3)
        scores.scatter(rows.leaky, y, s=30, marker=mark, color=colour, zorder=3, label=f"{word} ({family})")
        gains.hlines(y, rows.lo, rows.hi, color=colour, linewidth=2)
        faces = np.where(rows.paid, colour, "white")
        gains.scatter(rows.inflation, y, s=30, marker=mark, c=faces, edgecolors=colour, zorder=3)
    gains.axvline(0, color="#222222", linewidth=1, linestyle=":")
    scores.set_yticks(range(len(titles)), titles)
    scores.set(xlim=(None, 1), xlabel="score, at most 1\nhollow: honest, filled: leaky")
    gains.set(xlabel="inflation: leaky − honest, with 95 % interval over people\nfilled: it paid")
    for axes in (scores, gains):
        axes.grid(axis="x", alpha=0.3)
        for place in range(1, len(titles), 2):
            axes.axhspan(place - 0.5, place + 0.5, color=QUIET, alpha=0.08, linewidth=0)
    handles, words = scores.get_legend_handles_labels()
    figure.legend(handles, words, loc="outside lower center", ncols=len(words))
    figure.suptitle(title(table))
    return figure


def _centred(leaks_):
    """Place of each row among those of its leak, the first family highest, 0 in the middle."""
    return (leaks_["rank"].transform("size") + 1) / 2 - leaks_["rank"].rank()


def title(table):
    """The finding in a line."""
    line = f"{table[table.paid].leak.nunique()} of {table.leak.nunique()} leaks paid"
    if not table.paid.any():
        return line
    top = _top(table)
    return f"{line}; most: {top.title}, {top.honest:.2f} to {top.leaky:.2f} ({top.family})"


def say_paid(table):
    """How often leaks paid, which one most, and how much of its number is the mistake."""
    held = (table.paid & (table.p_holm < compare.ALPHA)).sum()
    text = (
        f"In **{table.paid.sum()} of {len(table)}** pairs of twins the leak paid: the interval of its inflation, of "
        f"this pair alone, lies above zero. **{held}** of these still hold after Holm's correction for all pairs"
    )
    if not table.paid.any():
        return f"{text}."
    top = _top(table)
    return (
        f"{text}. *{top.title}* paid most, with `{top.family}`: of a printed {top.metric} of **{top.leaky:.3f}**, "
        f"**{top.inflation:.3f}** is the mistake ({top.lo:.3f} to {top.hi:.3f})."
    )


def say_unpaid(table):
    """Which leaks paid nobody here, and which pairs score no higher: a leak is a fault whatever it brings."""
    paid = table.groupby("title").paid.any()
    never = [title for title in order(table) if not paid[title]]
    text = f"**Did not pay here**, with any model: {'; '.join(never)}." if never else "Every leak paid with some model."
    less = table[table.inflation <= 0].sort_values("inflation")
    if less.empty:
        return f"{text} Each leaky twin scores higher than its clean one."
    named = "; ".join(f"{row.title} ({row.family}, {_number(row)})" for row in less.itertuples())
    return f"{text} The leaky twin scores **no higher** in {len(less)} of {len(table)} pairs: {named}."


def plot_null(null, verdict):
    """UAR with permuted labels as dots, the real one as a line, guessing dotted. Returns a figure.

    null, verdict: of evaluation.canaries.
    """
    figure, axes = plt.subplots(figsize=(7, 2.2))
    axes.scatter(null, np.linspace(-0.3, 0.3, len(null)), color=QUIET, s=26, label="labels permuted")
    axes.axvline(verdict.real, color=ACCENT, linewidth=2.5, label="labels as they are")
    axes.axvline(verdict.chance, color="#222222", linewidth=1, linestyle=":", label="guessing, 1 / classes")
    axes.set(xlim=(0, 1), ylim=(-0.6, 0.6), yticks=[], xlabel="UAR of held-out people, 0 to 1")
    axes.spines["left"].set_visible(False)
    figure.legend(loc="outside lower left", ncols=3)
    where = "outside" if verdict.outside else "inside"
    axes.set_title(f"The real score, {verdict.real:.2f}, lies {where} of what meaningless labels give")
    return figure


def say_null(null, verdict):
    """Sentence on the permutation canary: is the protocol clean, and is there anything to be found?"""
    words = {
        (True, False): "as guessing does: nothing told the model labels that mean nothing",
        (
            False,
            True,
        ): "**more than guessing does: something told the model labels that mean nothing, look for a leak**",
        (False, False): "less than guessing does, as honest models do with few clips of a class: no sign of a leak",
    }[verdict.centred, verdict.leaks]
    return (
        f"With permuted labels the model finds UAR {verdict.null_mean:.3f} ± {verdict.null_se:.3f} ({len(null)} times; "
        f"highest {verdict.null_max:.3f}; guessing {verdict.chance:.3f}), {words}. With the true labels it finds "
        f"**{verdict.real:.3f}**, {'above' if verdict.outside else 'not above'} all of these (p = {verdict.p:.3f})."
    )


def compute_person(X, data):
    """Table of `canaries.person_detector`; without rows where nobody has clips enough to be recognised by."""
    try:
        return canaries.person_detector(
            X, data.samples, "logistic", data.seeds[0], data.profile, data.profile.resamples
        )
    except NotApplicable:
        return pd.DataFrame(columns=["dataset", "clips", "people", "balanced_accuracy", "lo", "hi", "chance", "tells"])


def say_person(detector, told):
    """Sentences on the two halves of a leak by person. detector, told: tables of evaluation.canaries."""
    if detector.empty:
        return "No two people have clips enough to learn a face from some and be asked about others."
    seen = "; ".join(
        f"{row.dataset} {row.balanced_accuracy:.2f} ({row.lo:.2f} to {row.hi:.2f}, guessing {row.chance:.2f})"
        for row in detector.itertuples()
    )
    rows = told[told["slice"] == "all"].set_index("model")
    person, floor = rows.loc["person"], rows.loc[BASELINE]
    if detector.tells.any() and person.uar_lo > floor.uar:
        together = "Both halves are there: folds that mix people can live on them"
    else:
        together = (
            "One half is missing, or too weak to be told from guessing: folds that mix people have little to live on"
        )
    return (
        f"The flow tells who it is in **{detector.tells.sum()} of {len(detector)}** dataset(s): {seen}. Who it is, in "
        f"turn, tells the class with UAR **{person.uar:.3f}** ({person.uar_lo:.3f} to {person.uar_hi:.3f}); without "
        f"knowing the person it is {floor.uar:.3f}. {together} here."
    )


def compute_audit(predictions):
    """Findings of the audit of one predictions table."""
    return findings.table(checks.audit(predictions))


def compute_caught(leaky):
    """One row a leaky table: leak, rows, violations, and the first of them in words. leaky: of `leaks.compute`."""
    rows = []
    for task, some in leaky.groupby("task"):
        wrong = [one.message for one in checks.audit(some) if one.kind == "violation"]
        first = wrong[0] if wrong else ""
        rows.append({"leaky table": task.split("-", 1)[1], "rows": len(some), "violations": len(wrong), "first": first})
    return pd.DataFrame(rows)


def say_caught(caught):
    """What an audit of predictions can find, and what leaves no trace in them."""
    seen = caught.violations > 0
    shown, hidden = (", ".join(f"`{name}`" for name in caught["leaky table"][side]) or "none" for side in (seen, ~seen))
    return (
        f"The audit finds violations in **{seen.sum()} of {len(caught)}** leaky tables: {shown}. It finds none in "
        f"{hidden}: what was chosen or fitted on test people leaves no trace in a table of predictions."
    )


def _top(table):
    """The row that paid most."""
    return table.loc[table.inflation[table.paid].idxmax()]


def _number(row):
    return f"{row.inflation:+.3f} ({row.lo:+.3f} to {row.hi:+.3f})"
