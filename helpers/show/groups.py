"""For whom a model works, and whether its probabilities mean what they say: figures and sentences for notebook 11."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from helpers.evaluation import calibration, compare, fairness
from helpers.evaluation.fairness import CLASS, DATASET, ENOUGH, FEWEST, PERSON
from helpers.show.comparison import p_value
from helpers.show.plots import ACCENT, PALETTE, QUIET


def compute_calibration(judged, resamples, seed):
    """`calibration.scores` of a problem's models without a treatment in their name, task and people with each row.

    judged: Problems.
    """
    parts = []
    for problem in judged:
        plain = sorted(name for name in problem.notebooks if not set("+:") & set(name) and name != "stratified")
        found = calibration.scores(problem.predictions, plain, resamples=resamples, seed=seed)
        found.insert(0, "people", problem.people)
        found.insert(0, "task", problem.task)
        parts.append(found)
    return _stacked(parts, ("task", "people", "model", "ece", "ece_if_perfect", "over", "brier", "skill"))


def compute_reliability(judged, calibrated, resamples, seed):
    """What `plot_reliability` draws of each problem's headline model."""
    parts = []
    for problem in judged:
        own = calibrated[(calibrated.task == problem.task) & (calibrated.people == problem.people)]
        rows = calibration.reliability(problem.predictions, problem.headline, resamples=resamples, seed=seed)
        parts.append((problem, rows, next(own[own.model == problem.headline].itertuples())))
    return parts


def compute_fairness(judged, people, resamples, seed):
    """(groups, gaps) of each problem's headline model: tables of `fairness` with `people_in_all` beside each row."""
    groups, gaps = [], []
    for problem in judged:
        divided = fairness.divisions(problem.predictions, people)
        what = problem.predictions, problem.task, problem.headline, divided, resamples, seed
        groups.append(fairness.groups(*what).assign(people_in_all=problem.people))
        gaps.append(fairness.gaps(*what).assign(people_in_all=problem.people))
    key = "task", "people_in_all", "division"
    return (
        _stacked(groups, (*key, "clips")),
        _stacked(gaps, (*key, "worst", "best", "gap", "by_luck", "p_holm")),
    )


def _stacked(parts, columns):
    """Tables below one another; where there is none, as with stills, an empty one of these columns."""
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(columns))


def of(problem, table):
    """Rows of one problem in a table of `compute_fairness`."""
    return table[(table.task == problem.task) & (table.people_in_all == problem.people)]


def plot_reliability(parts):
    """Accuracy against confidence, a panel a problem. parts: [(Problem, rows of `reliability`, row of `scores`)]."""
    if not parts:
        figure, axes = plt.subplots(figsize=(6, 1.2))
        axes.text(0.5, 0.5, "No problem here has a model to look at more closely", ha="center", va="center")
        axes.set_axis_off()
        return figure
    figure, grid = plt.subplots(1, len(parts), figsize=(4.3 * len(parts) + 0.4, 4.7), squeeze=False)
    for axes, (problem, rows, row) in zip(grid[0], parts, strict=True):
        axes.plot([0, 1], [0, 1], color=QUIET, linestyle=":", label="as sure as right")
        low, high = rows.accuracy - rows.accuracy_lo, rows.accuracy_hi - rows.accuracy
        axes.errorbar(
            rows.confidence, rows.accuracy, [low.clip(0), high.clip(0)], fmt="o-", color=ACCENT, markersize=5,
            linewidth=1.2, elinewidth=1.2, label=f"{row.model}, about {rows.n.median():.0f} predictions a bin",
        )  # fmt: skip
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02), aspect="equal")
        axes.set(xlabel="confidence: probability of the named class", ylabel="accuracy, 95 % interval over people")
        axes.legend(loc="lower right", fontsize=8)
        axes.set_title(f"{problem.task}, {problem.people} people:\n{row.model} is {_sureness(row)}", fontsize=9.5)
    figure.suptitle(title_reliability([row for *_, row in parts]))
    return figure


def title_reliability(rows):
    """How often probabilities can be told from perfect ones."""
    off = sum(row.ece_chance < compare.ALPHA for row in rows)
    return f"Problems whose calibration error is beyond chance: {off} of {len(rows)}"


def _sureness(row):
    if row.over_lo > 0:
        return f"too sure, by {row.over:.2f}"
    if row.over_hi < 0:
        return f"not sure enough, by {-row.over:.2f}"
    return "not shown too sure or too modest"


def say_calibration(problem, row):
    """One model's calibration in words. row: of `calibration.scores`."""
    known = "more than" if row.ece_chance < compare.ALPHA else "no more than"
    if row.skill_lo > 0:
        gain = "its probabilities say more than the frequencies of the classes do"
    elif row.skill_hi < 0:
        gain = "its probabilities say less than the frequencies of the classes do"
    else:
        gain = "nothing shows that its probabilities say more than the frequencies of the classes do"
    return (
        f"**{problem.name}**, `{row.model}`: {_sureness(row)} (confidence − accuracy {row.over:+.3f}, "
        f"{row.over_lo:+.3f} to {row.over_hi:+.3f}). Calibration error {row.ece:.3f} "
        f"({row.ece_lo:.3f} to {row.ece_hi:.3f}), {known} perfect probabilities give on as many clips "
        f"({row.ece_if_perfect:.3f} on average; p {p_value(row.ece_chance)}). "
        f"Brier score {row.brier:.3f}, skill over the majority row {row.skill:+.3f} ({row.skill_lo:+.3f} to "
        f"{row.skill_hi:+.3f}): {gain}."
    )


def plot_groups(problem, model, table, gaps):
    """Recall of each group with its interval, divisions below one another. Tables of `fairness`. Returns a figure."""
    names = list(table.division.unique())
    heights = [int((table.division == name).sum()) + 0.9 for name in names]
    size = 8, 0.36 * sum(heights) + 1.3
    figure, grid = plt.subplots(len(names), 1, figsize=size, height_ratios=heights, sharex=True, squeeze=False)
    for axes, name in zip(grid[:, 0], names, strict=True):
        rows = table[table.division == name][::-1]
        words = [
            f"{row.group} ({_count(row.people, 'person', 'people')}, {_count(row.clips, 'clip', 'clips')})"
            for row in rows.itertuples()
        ]
        colours = [PALETTE.get(group, ACCENT) for group in rows.group] if name == CLASS else [ACCENT] * len(rows)
        axes.hlines(words, rows.recall_lo, rows.recall_hi, colors=colours, linewidth=2.5)
        axes.scatter(rows.recall, words, color=colours, s=40, zorder=3)
        axes.grid(axis="x", alpha=0.3)
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.5, len(rows) - 0.5))
        gap = gaps[gaps.division == name]
        axes.set_title(
            f"{_plain(name)}{_over(rows, name)}: {_gap_words(gap.iloc[0]) if len(gap) else 'too few'}", fontsize=9.5
        )
    grid[-1, 0].set_xlabel("recall, 0 to 1, with 95 % interval over people")
    figure.suptitle(f"{problem.name}, {model}:\n{title_gaps(gaps)}")
    return figure


def _count(number, one, many):
    return f"{number} {one if number == 1 else many}"


def _plain(name):
    return name.replace("_", " ")


def _plural(name):
    return {PERSON: "people", DATASET: "datasets"}.get(name, f"groups of {_plain(name)}")


def _over(rows, name):
    """Which classes the recalls of a division are means of; many are only counted, the table has their names."""
    if name == CLASS:
        return ""
    classes = [label for label in rows.classes.iloc[0].split(", ") if label]
    return f", recall of {f'class {classes[0]}' if len(classes) == 1 else f'{len(classes)} classes'}"


def _gap_words(gap):
    text = f"gap {gap.gap:.2f}"
    if np.isfinite(gap.gap_lo):
        text += f" ({gap.gap_lo:.2f} to {gap.gap_hi:.2f})"
    return f"{text}, by luck {gap.by_luck:.2f}" if np.isfinite(gap.by_luck) else text


def title_gaps(gaps):
    """The finding: which divisions have a gap that luck does not explain."""
    tested = gaps[gaps.p_holm.notna()]
    real = [_plural(name) for name in tested.division[tested.p_holm < compare.ALPHA]]
    if not len(tested):
        return "no groups of people can be compared"
    return f"gaps beyond luck between {', '.join(real)}" if real else "no gap between people is beyond luck"


def say_fairness(problem, model, gaps):
    """Worst groups in words: classes first, then what luck does and does not explain."""
    text = f"**{problem.name}**, `{model}`:"
    for gap in gaps[gaps.division == CLASS].itertuples():
        text += (
            f" of classes that {FEWEST} people or more show, {gap.worst} is worst, {gap.best} best, {_gap_words(gap)}."
        )
    for gap in gaps[gaps.p.notna()].itertuples():
        sure = "more than luck makes" if gap.p_holm < compare.ALPHA else "no more than luck makes"
        about = _plural(gap.division) + (f" with at least {ENOUGH} clips" if gap.division == PERSON else "")
        text += (
            f" Between {gap.groups} {about}: {gap.worst} worst, {gap.best} best, {_gap_words(gap)}, {sure} "
            f"(corrected p {p_value(gap.p_holm)})."
        )
    return text


def say_unknown(people):
    """What is known of the people, or what therefore could not be asked."""
    known = [_plain(name) for name in people.columns if name != "subject"]
    if known:
        return f"Known of the people here: {', '.join(known)}. Groups too small to compare are left out."
    return (
        "**Sex, age and skin of these people are not in the data**: whether a model fails one of these groups cannot "
        "be told here, by anybody. That is a finding about the data, and no acquittal of a model."
    )
