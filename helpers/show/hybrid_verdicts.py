"""Sentences of notebook 06, true whatever the data say: numbers and verdicts come from tables of evaluation."""

import numpy as np

from helpers.evaluation import _printed, scores, subjects
from helpers.evaluation.scores import BASELINE, metrics
from helpers.show.comparison import p_value


def say_learning(learned):
    """Which fits did not beat the class prior on their own training clips; by name, since such a fit knows nothing."""
    bad = learned[~learned.beats_prior]
    if bad.empty:
        return (
            f"All {len(learned)} fits of {learned.model.nunique()} networks beat the class prior on their own training "
            "clips: whatever they score below, they did learn something."
        )
    counts = bad.groupby(["task", "model"]).size()
    named = ", ".join(f"`{model}` ({task}, {count})" for (task, model), count in counts.items())
    return (
        f"**{len(bad)} of {len(learned)} fits did not beat the class prior on their own training clips**: {named}. "
        "What they predict is no better than a guess, and a score of theirs says nothing about the network."
    )


def say_answer(gains, what="networks"):
    """Are these models better than the one they are compared with? gains: of `hybrids.over`, one task."""
    task, other = gains.task.iloc[0], gains.other.iloc[0]
    better, worse, tied = (gains[gains.verdict == verdict] for verdict in ("better", "worse", "tie"))
    top = gains.loc[gains.gain.idxmax()]
    named = f": {_listed(better.model)}" if len(better) else ""
    return (
        f"**{task}**: of {len(gains)} {what}, {len(better)} {_be(better)} better than `{other}`{named}; {len(worse)} "
        f"{_be(worse)} worse and {len(tied)} {'ties' if len(tied) == 1 else 'tie'} with it. The highest, "
        f"`{top.model}`, differs from it by {top.gain:+.3f} UF1 ({top.lo:+.3f} to {top.hi:+.3f}; p {p_value(top.p)}, "
        f"corrected {p_value(top.p_holm)}): {'a tie' if top.verdict == 'tie' else top.verdict}."
    )


def _be(rows):
    return "is" if len(rows) == 1 else "are"


def _listed(names):
    return ", ".join(f"`{name}`" for name in names)


def say_steps(changes):
    """What each part brings, one change at a time. changes: with `change` beside the columns of compare.contrasts."""
    held = changes[changes.verdict != "tie"]
    task, metric = changes.task.iloc[0], changes.metric.iloc[0].upper() if "metric" in changes else "recall"
    text = f"**{task}**: of {len(changes)} changes, {len(held)} {'moves' if len(held) == 1 else 'move'} {metric}"
    parts = [f"{row.change} {row.gain:+.3f} ({row.lo:+.3f} to {row.hi:+.3f})" for row in held.itertuples()]
    return f"{text} after Holm's correction: {'; '.join(parts)}." if parts else f"{text}: all are ties."


def say_signs(signs):
    """Source 004's question: do emphasis and AU9/10 columns find more of one class? signs: of ablation.signs."""
    whole = signs[(signs.model == "fused_svm+both") & (signs.other == "fused_svm+neither")].iloc[0]
    held = signs[signs.verdict != "tie"]
    verdict = "a gain" if whole.verdict == "better" else "a loss" if whole.verdict == "worse" else "a tie"
    return (
        f"**{whole.task}**: with emphasis and AU9/10 columns the recall of {whole.label} is {whole.recall:.3f}, "
        f"{whole.gain:+.3f} over neither ({whole.lo:+.3f} to {whole.hi:+.3f}, corrected p {p_value(whole.p_holm)}): "
        f"{verdict}. Of all {len(signs)} comparisons {len(held)} {'holds' if len(held) == 1 else 'hold'} after "
        "correction."
    )


def say_people(summary, table, task, model):
    """The two numbers of one model, and why they differ: who shows one class, and whose ranking changes."""
    row = summary.set_index("model").loc[model]
    one, people = subjects.one_class(table, task)
    rows = summary[summary.model != BASELINE]
    pooled, mean = (rows.sort_values(by, ascending=False).model.iloc[0] for by in ("pooled", "person_mean"))
    first = (
        f"both put `{pooled}` first" if pooled == mean else f"the first puts `{pooled}` in front, the second `{mean}`"
    )
    showing = table[table.task == task].groupby("y_true").subject.nunique().sort_values()
    return (
        f"**{task}**, `{model}`: pooled UAR **{row.pooled:.3f}**, mean of people {row.person_mean:.3f} (standard "
        f"deviation {row.person_sd:.3f}, best {row.person_best:.3f}). Among all models {first}. The rarest class, "
        f"{showing.index[0]}, is shown by {showing.iloc[0]} of {people} people: the pooled score counts it like any "
        f"other class, the mean of people only with them. The UAR of people with one class, {one} of {people}, "
        "is their accuracy."
    )


def say_documented():
    """Source 003's printed mean beside the pooled score of its own confusion matrix."""
    own = metrics(np.array(_printed.HYBRID))
    return (
        f"The records of the first system hold a confusion matrix of {np.sum(_printed.HYBRID)} clips. Pooled, it is "
        f"UAR {own['uar']:.3f} and accuracy {own['accuracy']:.3f}; the mean over subjects printed beside it is "
        f"{_printed.HYBRID_MEAN:.3f}. Here the honest number is the higher one; nothing makes it so in general."
    )


def say_conclusion(over_line):
    """The title's question answered, task by task, hybrids by name. over_line: {task: of `hybrids.over`}."""
    parts = []
    for task, rows in over_line.items():
        better, worse = ((rows.verdict == verdict).sum() for verdict in ("better", "worse"))
        own = rows[rows.model.isin(("roi_hybrid", "fused_svm+both"))]
        named = "".join(f", `{row.model}` {row.gain:+.3f} UF1 ({row.verdict})" for row in own.itertuples())
        parts.append(f"**{task}**: {better} of {len(rows)} are better, {worse} worse, the others tied{named}")
    return f"Models against the line, `logistic`, on clips of strangers. {'; '.join(parts)}."


def say_across(results, scheme):
    """What it costs to hold a dataset out instead of a person, by model, and on which dataset it is hardest."""
    rows = [name for name in results[results.task == f"{scheme}-lodo"].model.unique() if name != BASELINE]
    parts = []
    for model in rows:
        person, whole = (scores.row(results, f"{scheme}-{protocol}", model) for protocol in ("loso", "lodo"))
        parts.append(f"`{model}` {person.uf1:.3f} \u2192 {whole.uf1:.3f} ({whole.uf1_lo:.3f} to {whole.uf1_hi:.3f})")
    own = results[(results.task == f"{scheme}-lodo") & (results["slice"] != "all") & results.model.isin(rows)]
    hardest = own.groupby("slice").uf1.mean().idxmin()
    return f"**{scheme}**, UF1 on new people \u2192 on a new dataset: {', '.join(parts)}. Hardest to read is {hardest}."


def say_fusion(parts):
    """What the hybrid's learned weights say: how far they moved from equal. parts: of ablation.systems, with `task`."""
    rows = parts[parts.model == "roi_hybrid"]
    found = [
        f"{row.task}: time {row.fusion_temporal:.3f}, graph {row.fusion_graph:.3f} (deviation over fits "
        f"{row.fusion_sd:.3f})"
        for row in rows.itertuples()
    ]
    return f"Learned weights of the hybrid's branches, which begin at a half each: {'; '.join(found)}."


def say_absent(absent):
    """Models that this dataset can't ask, each with its reason."""
    return f"Not applicable here: {'; '.join(absent.reason)}." if len(absent) else "Every model applies to these clips."
