"""What other notebooks found, in sentences whose numbers come from their saved tables. For notebook 11."""

import pandas as pd

from helpers.evaluation import checks, compare, outputs
from helpers.show import leaks

INTENSITY, LEAKAGE, AUGMENTATION = "05_intensity_regression", "08_leakage_audit", "09_augmentation_effect"
FEW = 10  # people below which an interval from resampling them is too narrow to lean on
WORDS = {"soft": "soft levels (neighbours share a label)", "ordinal": "ordered levels (a threshold each)"}
MEASURES = {"mae": "mean absolute error", "ccc": "CCC"}


def say_absent(listed, notebook):
    """Why a notebook's part is empty."""
    row = listed[listed.notebook == notebook]
    why = "it is no notebook of this workbook" if row.empty else row.why.iloc[0] or "it did not write that table"
    return f"*Nothing to say here: `{notebook}` left no such table ({why.rstrip('.')}).*"


def compute_regression(folder):
    """Classification against regression of intensity, on the same folds: one row a (formulation, measure).

    gain: over regression, positive is better; lo, hi, p_holm, verdict. Empty where notebook 05 left nothing.
    """
    levels = outputs.table(folder, INTENSITY, "formulations_as_levels")
    numbers = outputs.table(folder, INTENSITY, "formulations_as_numbers")
    columns = ["formulation", "measure", "gain", "lo", "hi", "p_holm", "verdict"]
    if levels is None or numbers is None:
        return pd.DataFrame(columns=columns)
    numbers = numbers.assign(measure="as numbers, " + numbers.metric.replace(MEASURES))
    table = pd.concat([levels.assign(measure="as levels, UF1"), numbers], ignore_index=True)
    table.insert(0, "formulation", table.model.str.split("+").str[-1])
    return table[columns].sort_values("formulation", kind="stable", ignore_index=True)


def say_regression(table, folder, listed):
    """Which way to ask for intensity is better; or why nothing is known of it."""
    if table.empty:
        return say_absent(listed, INTENSITY)
    people = int(outputs.table(folder, INTENSITY, "intensity_scores").people.max())
    parts = []
    for name, rows in table.groupby("formulation", sort=False):
        count = rows.verdict.value_counts()
        parts.append(
            f"{WORDS.get(name, name)}: of {len(rows)} measures {count.get('better', 0)} better, "
            f"{count.get('worse', 0)} worse, {count.get('tie', 0)} undecided"
        )
    won, lost = ((table.verdict == word).any() for word in ("better", "worse"))
    if won and lost:
        end = "Neither way of asking is better in everything."
    elif won:
        end = "Asking for classes was the better way here."
    elif lost:
        end = "Asking for classes gained nothing over regression, and lost where the two differ."
    else:
        end = "The two ways of asking cannot be told apart here."
    few = f" With {people} people this shows a method more than it settles a question." if people < FEW else ""
    return f"**Classes instead of regression of intensity**: {'; '.join(parts)}. {end}{few}"


def say_beyond(folder):
    """What the network of notebook 05 is worth over a clock, and over a clock that also sees how much moves."""
    parts = []
    for words, name in (("labels of the coded triangle", "gains"), ("the true curve", "gains_on_truth")):
        table = outputs.table(folder, INTENSITY, name)
        own = [] if table is None else table[(table.model == "cnn_lstm") & (table.metric == "ccc")].itertuples()
        parts += [
            f"on {words}, over `{row.reference}` {row.gain:+.3f} ({row.lo:+.3f} to {row.hi:+.3f}), {row.verdict}"
            for row in own
        ]
    about = "**CNN + LSTM against simpler baselines**, gain in CCC, verdicts after correction"
    return f"{about}: {'; '.join(parts)}." if parts else ""


def say_recognition(folder):
    """Whether a predicted curve helps to recognise the emotion."""
    table = outputs.table(folder, INTENSITY, "recognition")
    if table is None or table.empty:
        return ""
    held, top = (table.verdict == "better").sum(), table.loc[table.gain.idxmax()]
    return (
        f"**Does the curve help to recognise the emotion?** {held} of {len(table)} comparisons say so after "
        f"correction; the largest gain is {top.gain:+.3f} UF1 (`{top.model}` over `{top.other}`; {top.lo:+.3f} to "
        f"{top.hi:+.3f})."
    )


def compute_imbalance(folder):
    """Effects of treatments of imbalance over none: one row a (treatment, outcome); empty without notebook 09.

    Over learners, as the data come and on both sides of the experiment's cutoff: rows, up and down (those that hold
    after correction), lowest and highest effect.
    """
    parts = [outputs.table(folder, AUGMENTATION, name) for name in ("effects_as_they_come", "effects_by_side")]
    parts = [part for part in parts if part is not None and len(part)]
    if not parts:
        return pd.DataFrame(columns=["treatment", "outcome", "rows", "up", "down", "lowest", "highest"])
    table = pd.concat(parts, ignore_index=True)
    held = table.p_holm < compare.ALPHA
    table = table.assign(up=held & (table.effect > 0), down=held & (table.effect < 0))
    found = table.groupby(["treatment", "outcome"], sort=False).agg(
        rows=("effect", "size"), up=("up", "sum"), down=("down", "sum"), lowest=("effect", "min"),
        highest=("effect", "max"),
    )  # fmt: skip
    return found.reset_index()


def say_imbalance(table, folder, listed):
    """Who gains and who pays, and whether SMOTE does more than weights do; or why nothing is known of it."""
    if table.empty:
        return say_absent(listed, AUGMENTATION)
    totals = table.groupby("outcome", sort=False)[["rows", "up", "down"]].sum()
    text = "; ".join(f"{name} {row.up} up and {row.down} down, of {row.rows}" for name, row in totals.iterrows())
    said = [f"**Treating imbalance**, effects over no treatment that hold after correction: {text}."]
    smote = "; ".join(
        f"{row.outcome} {row.up} up and {row.down} down, of {row.rows} "
        f"(effects {row.lowest:+.3f} to {row.highest:+.3f})"
        for row in table[table.treatment == "smote"].itertuples()
    )
    said += [f"SMOTE alone: {smote}."] if smote else []
    won, paid = totals.up.get("minority recall", 0), totals.down.get("majority recall", 0)
    if won and paid:
        said.append("Rare classes win, and frequent ones pay.")
    elif won:
        said.append("Rare classes win; that frequent ones pay is not shown.")
    else:
        said.append("No treatment is shown to help rare classes.")
    return " ".join([*said, _say_weights(folder)]).strip()


def _say_weights(folder):
    over = outputs.table(folder, AUGMENTATION, "smote_over_weights")
    if over is None or not len(over):
        return ""
    held = over[over.p_holm < compare.ALPHA]
    up, down = (held.effect > 0).sum(), (held.effect < 0).sum()
    if not len(held):
        end = "the two cannot be told apart"
    elif up > down:
        end = "made-up clips do more than weights"
    else:
        end = "weights, which cost nothing, do at least as much"
    return (
        f"SMOTE against class weights, {len(over)} differences: {up} for SMOTE, {down} for the weights, "
        f"{len(over) - len(held)} undecided; {end}."
    )


def say_leaks(folder, listed):
    """What leaks pay; or why nothing is known of it."""
    table = outputs.table(folder, LEAKAGE, "inflation")
    return say_absent(listed, LEAKAGE) if table is None else leaks.say_paid(table)


def compute_audit(folder, listed):
    """What the audit says of every notebook's predictions: one row a notebook; in order, notes, violations, counted."""
    rows = []
    for notebook in listed.notebook[listed.status == "ok"]:
        path = folder / notebook / "predictions.csv"
        if path.is_file():
            kinds = [finding.kind for finding in checks.of_file(path)]
            counts = {f"{kind}s": kinds.count(kind) for kind in ("note", "violation")}
            rows.append({"notebook": notebook, "in order": kinds.count("in order")} | counts)
    return pd.DataFrame(rows, columns=["notebook", "in order", "notes", "violations"])


def say_audit(table):
    """Whether the predictions that all of this rests on passed."""
    total = table[["in order", "notes", "violations"]].sum()
    counted = f"{total['in order']} checks in order, {total.notes} notes, **{total.violations} violation(s)**"
    return (
        f"The audit of the predictions of {len(table)} notebooks, every row above among them: {counted}. What was "
        "chosen on test people leaves no trace in predictions; against that there is only the code, and the tests that "
        "permute labels."
    )
