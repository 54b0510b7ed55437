"""Sentences of notebook 05, true whatever the data say: numbers and verdicts come from tables of evaluation."""

from scipy import stats

from helpers.evaluation.agreement import OTHERS
from helpers.models.intensity import LEVELS, THRESHOLDS
from helpers.show.comparison import p_value
from helpers.show.intensity import NAMES

FEW = 10  # people below which an interval from resampling them is too narrow to lean on


def verdict(rows):
    """ "win", "loss", "tie" or "mixed" of one model's rows of `agreement.gains`, over all their metrics."""
    better, worse = (rows.verdict == "better").any(), (rows.verdict == "worse").any()
    return "mixed" if better and worse else "win" if better else "loss" if worse else "tie"


def _detail(rows):
    return "; ".join(
        f"{NAMES[row.metric]} {row.gain:+.3f} ({row.lo:+.3f} to {row.hi:+.3f}; corrected p {p_value(row.p_holm)})"
        for row in rows.itertuples()
    )


def say_position(scored):
    """What the place in the coded clip predicts alone, a dataset a part. scored: of `targets.position_only`."""
    parts = [
        f"{row.task.removesuffix('-place')} ({row.n} clips, {row.people} people): Spearman **{row.spearman:.3f}** "
        f"({row.spearman_lo:.3f} to {row.spearman_hi:.3f}), R\u00b2 {row.r2:.3f}, CCC {row.ccc:.3f}"
        for row in scored.itertuples()
    ]
    return f"Without reading a single pixel, from the place between onset and offset alone: {'; '.join(parts)}."


def say_windows(windows, inside):
    """How far windows reach, and what position is worth in them. inside: score row of `position`."""
    before, early = 1000 * windows.onset, (windows.end < windows.offset).mean()
    return (
        f"Windows begin {before.mean():.0f} ms before the onset on average ({before.min():.0f} to {before.max():.0f}), "
        f"and {early:.0%} of them break off before the offset. Knowing only where in its window a frame lies still "
        f"gives Spearman {inside.spearman:.3f} and CCC {inside.ccc:.3f} on people held out."
    )


def say_headline(over_index, over_best, model):
    """The mission's model against the frame index and the best baseline: win, loss or tie. Tables of `gains`."""
    task, parts = over_index.task.iloc[0], []
    for rows in (over_index, over_best):
        own = _agreement(rows[rows.model == model])
        parts.append(f"against `{own.reference.iloc[0]}` a **{_named(verdict(own))}**: {_detail(own)}")
    return f"**{task}, `{model}`**: {'. '.join(_capital(part) for part in parts)}."


def title_gains(over_index, over_best):
    """How many networks win against each of the two references, for a figure's title."""
    parts = []
    for rows in (over_index, over_best):
        found = [verdict(part) for _, part in _agreement(rows).groupby("model")]
        parts.append(f"{found.count('win')} of {len(found)} over {rows.reference.iloc[0]}")
    return f"{over_index.task.iloc[0]}, networks that win: {', '.join(parts)}"


def _agreement(gains):
    """The rows that a verdict goes by: order and concordance."""
    return gains[gains.metric.isin(("spearman", "ccc"))]


def say_networks(gains):
    """How many networks win, lose and tie against the reference of one table of `gains`, by name."""
    found = {model: verdict(rows) for model, rows in _agreement(gains).groupby("model", sort=False)}
    listed = {
        what: ", ".join(f"`{model}`" for model, own in found.items() if own == what) or "none"
        for what in ("win", "loss", "tie", "mixed")
    }
    text = f"Against `{gains.reference.iloc[0]}`: {listed['win']} win, {listed['loss']} lose, {listed['tie']} tie"
    return text + (f", {listed['mixed']} win by one measure and lose by another." if listed["mixed"] != "none" else ".")


def _named(what):
    return {"mixed": "mixed result"}.get(what, what)


def _capital(text):
    return text[0].upper() + text[1:]


def say_people(people):
    """A caution where there are few people, else nothing."""
    if people >= FEW:
        return f"Intervals come from {people} people."
    return (
        f"**Only {people} people take part**: resampled so few, intervals are too narrow and p-values too small, and "
        "what follows shows the method more than it settles a question."
    )


def say_learning(learned):
    """Which networks beat the best constant on their own training clips."""
    fits, beat = int(learned.fits.sum()), int(learned.beat_prior.sum())
    text = f"{beat} of {fits} fits beat the best constant on the clips they were trained on"
    bad = learned[learned.beat_prior < learned.fits]
    named = ", ".join(f"`{row.model}` ({row.task}, {row.fits - row.beat_prior})" for row in bad.itertuples())
    return f"{text}: {'all have learned something' if bad.empty else f'not so {named}'}."


def say_seen(gains, scored):
    """Did the network see anything? gains: of the real clips over shuffled ones; scored: row of the shuffled model."""
    own = _agreement(gains)
    what = verdict(own)
    answer = {
        "win": "**The network saw something**: which map stands at which frame matters to it",
        "loss": "**Nothing speaks for sight here**: frames in random order were predicted better than frames in order",
        "tie": "**Nothing shows that the network saw anything**: no difference from frames in random order holds",
        "mixed": "**Whether the network saw anything stays open**: one measure says so, the other denies it",
    }[what]
    return (
        f"{answer}. In order over shuffled: {_detail(own)}. What is left without the order: Spearman "
        f"{scored.spearman:.3f}, CCC {scored.ccc:.3f}."
    )


def say_losses(gains):
    """Does the loss matter? gains: of other losses over mean squared error."""
    held = gains[gains.verdict != "tie"]
    parts = [f"`{row.model}` is {row.verdict} in {NAMES[row.metric]} ({row.gain:+.3f})" for row in held.itertuples()]
    told = "; ".join(parts) if parts else "no loss differs from the mean squared error by more than luck"
    return f"Of {len(gains)} comparisons, corrected together, {len(held)} hold: {told}."


def say_formulations(gains, levels, scored, plain):
    """What each formulation loses. gains: over the regression, as numbers; levels: `compare.pairs`, as levels; scored:
    score table of the levels."""
    point, parts = scored.set_index("model").uf1, []
    begin = ", ".join(f"{level} at {least:.2f}" for level, least in zip(LEVELS[1:], THRESHOLDS, strict=True))
    for pair in levels.itertuples():
        own = gains[gains.model == pair.model].set_index("metric")
        numbers = ", ".join(
            f"{NAMES[metric]} {own.gain[metric]:+.3f} ({_tie(own.verdict[metric])})" for metric in ("mae", "ccc")
        )
        parts.append(
            f"`{pair.model}`: as numbers {numbers}; as levels UF1 {point[pair.model]:.3f}, {pair.gain:+.3f} "
            f"({pair.lo:+.3f} to {pair.hi:+.3f}): {_tie(pair.verdict)}"
        )
    return (
        f"Levels begin: {begin}. Gains over the regression `{plain}` (levels: UF1 {point[plain]:.3f}), above zero "
        f"better: {'. '.join(parts)}."
    )


def say_reliability(table, model):
    """Where predictions of one model lie too high or too low. table: of `agreement.reliability`."""
    rows = table[table.model == model].sort_values("predicted")
    low, high = rows.iloc[0], rows.iloc[-1]
    return (
        f"`{model}` predicts {low.predicted:.2f} in its lowest bin, where labels are {low.true:.2f} "
        f"({low.true_lo:.2f} to {low.true_hi:.2f}), and {high.predicted:.2f} in its highest, where they are "
        f"{high.true:.2f} ({high.true_lo:.2f} to {high.true_hi:.2f})."
    )


def say_groups(emotions, people, model):
    """Spread of errors over people, and which emotions rest on few clips."""
    own, of_people = (table[table.model == model] for table in (emotions, people))
    rare = own.loc[own.n.idxmin()]
    worst, best = of_people.loc[of_people.mae.idxmax()], of_people.loc[of_people.mae.idxmin()]
    return (
        f"Between people the mean absolute error of `{model}` runs from {best.mae:.3f} to {worst.mae:.3f}; the rarest "
        f"emotion, {rare.emotion}, rests on {rare.n} clip(s) of {rare.people} person(s)."
    )


def say_strength(errors, gains):
    """Apex strength beside the mean of other people. errors: of `intensity.apexes`; gains: over OTHERS."""
    rows, parts = errors.set_index("model"), []
    for row in gains.itertuples():
        own = rows.loc[row.model]
        parts.append(f"`{row.model}` {own.strength_mae:.3f} (bias {own.strength_bias:+.3f}), {_tie(row.verdict)}")
    return (
        f"The mean strength of other people's apexes is {rows.strength_mae[OTHERS]:.3f} off on average, without any "
        f"picture. Beside it, corrected together: {'; '.join(parts)}."
    )


def say_apex(errors, model):
    """Time of the apex: the middle of the window, a model by the labels it learned from, and the nearest, ms."""
    rows = errors.set_index("model")
    best = rows.drop(index=OTHERS).apex_ms.idxmin()
    far = {
        row.Index: f"{row.apex_ms:.0f} ms ({row.apex_ms_lo:.0f} to {row.apex_ms_hi:.0f})" for row in rows.itertuples()
    }
    own = ", ".join(f"`{name}` by {away}" for name, away in far.items() if name.startswith(f"{model} ("))
    return (
        f"The middle of the window misses the apex by {far[OTHERS]}, {own}. Nearest comes `{best}` with {far[best]}, "
        f"picked from {len(rows) - 1} by this very number."
    )


def _tie(found):
    return "a tie" if found == "tie" else found


def say_ranking(scored, tasks, names):
    """Does the kind of label change the ranking of models?"""
    wide = scored[scored.model.isin(names)].pivot(index="model", columns="task", values="ccc")
    first, second = (wide[task].idxmax() for task in tasks)
    rho = stats.spearmanr(wide[tasks[0]], wide[tasks[1]]).statistic
    led = f"`{first}` leads both" if first == second else f"`{first}` leads the first, `{second}` the second"
    return (
        f"Ranked by CCC on {tasks[0]} and on {tasks[1]}, the {len(wide)} models stand in orders whose rank correlation "
        f"is {rho:.2f}; {led}."
    )


def say_recognition(pairs, results):
    """Does a predicted curve give a better map than none? pairs: of `compare.pairs`; results: score table."""
    task, point = pairs.task.iloc[0], results.set_index("model").uf1
    parts = [
        f"`{row.model}` {point[row.model]:.3f} against `{row.other}` {point[row.other]:.3f}, {row.gain:+.3f} "
        f"({row.lo:+.3f} to {row.hi:+.3f}; corrected p {p_value(row.p_holm)}): "
        f"{_tie(row.verdict)}"
        for row in pairs.itertuples()
    ]
    held = (pairs.verdict != "tie").sum()
    answer = f"{held} of {len(pairs)} differences hold" if held else "no difference holds after correction"
    return f"**{task}**, UF1: {'; '.join(parts)}. So {answer}."


def say_conclusion(by_label, seen, pairs, strength=None):
    """The title's question answered. by_label: {kind of label: its two tables of `gains`, over the frame index and the
    best baseline}; seen: gains over shuffled frames; pairs: of `compare.pairs`, ways to use the curve; strength: gains
    over OTHERS in the strength of the apex, where it is known."""
    parts = []
    for kind, gains in by_label.items():
        wins = []
        for rows in gains:
            found = [verdict(part) for _, part in _agreement(rows).groupby("model")]
            wins.append(f"{found.count('win')} win and {found.count('loss')} lose against `{rows.reference.iloc[0]}`")
        parts.append(f"of {len(found)} networks that learned from {kind} labels, {', '.join(wins)}")
    sight = {"win": "saw something of the motion", "mixed": "saw something by one measure only"}
    sight = sight.get(verdict(_agreement(seen)), "saw nothing that could be shown")
    helps = (pairs.verdict == "better").sum()
    told = "how strong an apex was cannot be judged here"
    if strength is not None:
        nearer = ", ".join(f"`{name}`" for name in strength.model[strength.verdict == "better"]) or "nothing"
        told = f"of {len(strength)} asked how strong an apex was, nearer than the mean of other people: {nearer}"
    return (
        f"{_capital('; '.join(parts))}. By the shuffled control the CNN + LSTM {sight}; {told}. Of {len(pairs)} "
        f"comparisons, {helps} {'says' if helps == 1 else 'say'} that a predicted curve helps to recognise the emotion."
    )
