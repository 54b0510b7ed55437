"""What lies in outputs, and all models of it on one scale. For notebook 11."""

import pandas as pd

from helpers import storage
from helpers.evaluation import compare, hybrids, outputs, scores
from helpers.evaluation.outputs import MISSING, NOT_APPLICABLE
from helpers.evaluation.scores import BASELINE, BLIND
from helpers.show import plots
from helpers.show.comparison import p_value
from helpers.workspace import NotApplicable

MANY = 20  # models in one figure; where there are more it shows those without a treatment
ALARM = 0.80  # an honest UF1 on the composite that is as high calls for an audit


def begin(run):
    """(folder, inventory) of the outputs beside a run's own; its figures are named after what those were made from."""
    folder = run.folder.parent
    listed = outputs.inventory(folder, run.notebook)
    read = list(listed.notebook[listed.status == "ok"])
    run.notes |= {"synthetic": outputs.synthetic(folder, listed), "read": read}
    run.notes["data_fingerprint"] = storage.digest(*(folder / name / "run.json" for name in read))
    if run.notes["synthetic"]:
        run.label += " (synthetic)"
        run.say("*Synthetic data: nothing below is a statement about real faces.*")
    return folder, listed


def compute_made(folder, listed, profile, seed):
    """[(Problem, its score table)]; NotApplicable where no notebook has left predictions."""
    found = outputs.problems(folder, listed)
    if not found:
        raise NotApplicable("no notebook has left predictions here", remedy="run the others first: ./run_all.sh")
    return [(problem, outputs.headline(problem, profile.resamples, seed)) for problem in found]


def judged(made):
    """Problems whose headline model is looked at more closely: people held out one by one, or else any with one."""
    found = [problem for problem, _ in made if problem.headline]
    return [problem for problem in found if problem.task.endswith("-loso")] or found


def say_inventory(listed):
    """How many notebooks left something, and which did not, with the reason."""
    ok, other = listed[listed.status == "ok"], listed[listed.status != "ok"]
    text = f"**{len(ok)} of {len(listed)}** notebooks left results."
    idle, gone = other[other.status == NOT_APPLICABLE], other[other.status == MISSING]
    if len(idle):
        reasons = "; ".join(f"`{row.notebook}` ({row.why.rstrip('.')})" for row in idle.itertuples())
        text += f" Not applicable to this dataset: {reasons}."
    if len(gone):
        text += f" Missing ({gone.why.iloc[0]}): {', '.join(f'`{name}`' for name in gone.notebook)}."
    return text


def say_mixed(differing):
    """Whether the runs belong together."""
    if not differing:
        return "They read the same data, in the same profile, with the same seed."
    parts = "; ".join(f"{fact}: {', '.join(values)}" for fact, values in differing.items())
    return f"**These runs do not belong together** ({parts}). Run them again, or read each by itself."


def compute_all(made):
    """Score tables of all problems below one another, as they are saved."""
    return pd.concat([scored.assign(clips=problem.n) for problem, scored in made], ignore_index=True)


def compute_brief(problem, scored):
    """Score table for reading: the rows that are drawn, highest first; UF1 and UAR with intervals as text."""
    rows = _drawn(problem, scored).sort_values("uf1", ascending=False, ignore_index=True)
    table = rows[["model", "notebooks", "seeds"]].copy()
    for metric in ("uf1", "uar"):
        ends = zip(rows[metric], rows[f"{metric}_lo"], rows[f"{metric}_hi"], strict=True)
        table[metric] = [f"{value:.3f} ({low:.3f} to {high:.3f})" for value, low, high in ends]
    return table.assign(accuracy=rows.accuracy.round(3), against_majority=rows.verdict)


def seeing(scored):
    """Rows of models that look at pictures, all clips."""
    return scored[(scored["slice"] == "all") & ~scored.model.isin(BLIND)]


def plot_models(problem, scored):
    """UF1 and interval of every model of a problem with the majority row as the line to beat. Returns a figure."""
    rows, shown = scored[scored["slice"] == "all"], _drawn(problem, scored)
    figure = plots.intervals(shown, problem.task)
    found = seeing(scored)
    better = (found.verdict == "better").sum()
    rest = f"; {len(shown)} of {len(rows)} rows drawn" if len(shown) < len(rows) else ""
    title = f"{problem.name}:\n{better} of {len(found)} models that look beat the majority row{rest}"
    figure.axes[0].set(title=title, ylim=(-0.7, len(shown) - 0.2))
    return figure


def _drawn(problem, scored):
    rows = scored[scored["slice"] == "all"]
    plain = rows[~rows.model.str.contains(r"[+:]") | (rows.model == problem.headline)]
    return rows if len(rows) <= MANY or len(plain) < 3 else plain


def say_models(problem, scored, resamples, seed):
    """What the table says of a problem: the claim, the baseline, the highest row, and how far that one is to trust."""
    rows, name = seeing(scored), problem.headline
    low = scores.row(scored, problem.task, BASELINE)
    text = (
        f"**{problem.name}**: {(rows.verdict == 'better').sum()} of {len(rows)} models that look at pictures are "
        f"better than always saying the most frequent class (UF1 {low.uf1:.3f}), after Holm's correction."
    )
    if name is None:
        return text
    own, top = scores.row(scored, problem.task, name), rows.nlargest(1, "uf1").iloc[0]
    chosen = (
        "its settings chosen inside training people"
        if name == outputs.OURS
        else "the line that the others are held against"
    )
    text += f" `{name}`, {chosen}: UF1 **{own.uf1:.3f}** ({own.uf1_lo:.3f} to {own.uf1_hi:.3f}), UAR {own.uar:.3f}."
    others = [(model, name) for model in rows.model if model != name]
    if top.model == name:
        return f"{text} No other row is higher." if others else text
    pairs = compare.pairs(problem.predictions, problem.task, others, "uf1", resamples, seed)
    over, pair = (pairs.verdict == "better").sum(), pairs[pairs.model == top.model].iloc[0]
    return (
        f"{text} The highest row is `{top.model}` with {top.uf1:.3f}; picked out of {len(rows)} by this very number it "
        f"reads too high. Its lead is {pair.gain:+.3f} ({pair.lo:+.3f} to {pair.hi:+.3f}; corrected p "
        f"{p_value(pair.p_holm)}); {over} of the {len(others)} others are better than `{name}` after correction."
    )


def say_alarm(made):
    """An honest composite score that is too good is a reason to look for a leak. made: [(problem, scored)]."""
    three = [(problem, scored) for problem, scored in made if problem.task.startswith("megc3")]
    if not three:
        return "No problem here is of the public composite, whose scores this workbook suspects when they are too good."
    high = [(problem, row) for problem, scored in three for row in seeing(scored).itertuples() if row.uf1 >= ALARM]
    if not high:
        return f"No score on the three classes reaches {ALARM:.2f}, from which on this workbook suspects itself."
    names = ", ".join(f"`{row.model}` {row.uf1:.3f} ({problem.name})" for problem, row in high)
    return (
        f"**Rows at {ALARM:.2f} or more on the three classes: {len(high)}**: {names}. That calls for an audit, not "
        "for a celebration: section 6 says what it found."
    )


def say_looks(dataset, made):
    """How many configurations were looked at before: choosing among them is selection, too."""
    found = hybrids.looks(dataset, [problem.task for problem, _ in made])
    return (
        f"Configurations on this dataset's classes whose held-out score somebody looked at so far: **{len(found)}** "
        "(`benchmarks/looks.csv`). No interval above knows of the others."
    )
