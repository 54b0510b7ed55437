"""Networks beside a line: how they trained, what their parts bring, person by person. For notebook 06."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from helpers.evaluation import logs
from helpers.show.comparison import LINEAR, OTHER
from helpers.show.plots import ACCENT, QUIET

SHOWN = ("epochs", "batch", "rate", "decay", "optimiser", "schedule", "loss", "class_weight", "smoothing", "dropout",
         "clip", "patience", "augment", "size", "channels", "emphasis", "precision")  # fmt: skip


def compute_settings(learned):
    """One screen of settings: a row a setting, a column a network (variants of one network share theirs but a row)."""
    first = learned.drop_duplicates("model").set_index("model").settings
    table = pd.DataFrame({model: {name: _short(own.get(name, "")) for name in SHOWN} for model, own in first.items()})
    return table.rename_axis("setting")


def _short(value):
    if isinstance(value, dict):
        return ", ".join(f"{name} {number:g}" for name, number in value.items())
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def compute_learning(learned):
    """A row a task and network: fits, how many beat the class prior, parameters, mean final loss and prior loss."""
    rows = learned.groupby(["task", "model"], sort=False)
    table = rows.agg(
        parameters=("parameters", "max"), fits=("beats_prior", "size"), beat_prior=("beats_prior", "sum"),
        final_loss=("final_loss", "mean"), prior_loss=("prior_loss", "mean"),
    )  # fmt: skip
    return table.reset_index()


def plot_curves(learned, task):
    """Training loss of every network as a share of the class prior's, each fold a line, their median bold."""
    own = learned[learned.task == task]
    names = list(own.model.unique())
    columns = min(6, len(names))
    rows = -(-len(names) // columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(1.9 * columns + 0.6, 2 * rows + 0.7), sharey=True, squeeze=False
    )
    for axes, name in zip(grid.flat, names, strict=False):
        some = own[own.model == name]
        for losses, floor in zip(some.losses, some.prior_loss, strict=True):
            axes.plot(np.arange(1, len(losses) + 1), np.divide(losses, floor), color=OTHER, alpha=0.2, linewidth=0.7)
        shares = [np.divide(losses, floor) for losses, floor in zip(some.losses, some.prior_loss, strict=True)]
        middle = pd.DataFrame(shares).median()
        axes.plot(middle.index + 1, middle, color=OTHER, linewidth=2)
        inner = [np.divide(losses, floor) for losses, floor in zip(some.inner_losses, some.prior_loss, strict=True)]
        if any(len(losses) for losses in inner):
            middle = pd.DataFrame(inner).median()
            axes.plot(middle.index + 1, middle, color=ACCENT, linewidth=1.5)
        axes.axhline(1, color=QUIET, linestyle=":")
        axes.set_title(f"{name}\n{int(some.beats_prior.sum())} of {len(some)} beat it", fontsize=9, fontweight="normal")
        axes.set_ylim(0, 1.35)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    for axes in grid.flat[len(names) :]:
        axes.set_axis_off()
    figure.supxlabel("epoch", fontsize=10)
    figure.supylabel("loss / loss of the class prior", fontsize=10)
    learnt = int(own.beats_prior.sum())
    figure.suptitle(f"{task}: {learnt} of {len(own)} fits beat the class prior (dotted) on their own clips")
    return figure


def panels(changed, signed, over_line):
    """What `plot_gains` draws of one task: its steps, what AU9/10 bring (None where not asked), all over the line."""
    found = {"hybrid on regions, a part at a time (UF1)": changed} if len(changed) else {}
    if signed is not None:
        pairs = [f"{_variant(row.model)} over {_variant(row.other)}" for row in signed.itertuples()]
        found[f"fused SVM: recall of {signed.label.iloc[0]}"] = signed.assign(change=pairs)
    return found | {f"networks over {over_line.other.iloc[0]} (UF1)": over_line.assign(change=over_line.model)}


def _variant(name):
    return name.partition("+")[2]


def plot_gains(parts, title):
    """Paired gains with 95 % intervals, a panel a question. parts: {panel: table}."""
    sizes = [len(rows) for rows in parts.values()]
    figure, grid = plt.subplots(
        len(parts), 1, figsize=(7.8, 0.36 * sum(sizes) + 0.95 * len(parts) + 0.4), squeeze=False,
        gridspec_kw={"height_ratios": sizes}, sharex=True,
    )  # fmt: skip
    for axes, (name, rows) in zip(grid[:, 0], parts.items(), strict=True):
        places, colours = np.arange(len(rows))[::-1], [QUIET if it == "tie" else OTHER for it in rows.verdict]
        axes.hlines(places, rows.lo, rows.hi, colors=colours, linewidth=2.5)
        axes.scatter(rows.gain, places, color=colours, s=40, zorder=3)
        axes.axvline(0, color="#222222", linestyle=":", linewidth=1, zorder=0)
        axes.set_yticks(places, rows.change)
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_title(name, fontsize=9.5, fontweight="normal")
        axes.grid(axis="x", alpha=0.3)
    grid[-1, 0].set_xlabel("difference, 95 % interval over people; grey: a tie after correction")
    figure.suptitle(title)
    return figure


def plot_people(summary, people, model, task):
    """The mean of people's UARs beside the pooled UAR, by model; and why: UAR of each person, who shows few classes."""
    rows = summary.sort_values("pooled", ignore_index=True)
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 0.34 * len(rows) + 1.6), width_ratios=(1.25, 1))
    left.hlines(rows.index, rows.person_mean, rows.pooled, color=QUIET, linewidth=1)
    left.scatter(rows.pooled, rows.index, color=LINEAR, s=40, label="pooled: the score", zorder=3)
    left.scatter(rows.person_mean, rows.index, color=OTHER, s=40, marker="D", label="mean of people", zorder=3)
    left.set_yticks(rows.index, rows.model)
    left.set(xlabel="UAR, 0 to 1", xlim=(0, None))
    left.grid(axis="x", alpha=0.3)
    left.legend(loc="lower right")
    single = people[people.emotions == 1]
    more = people[people.emotions > 1]
    for some, colour, name in ((more, LINEAR, "several classes"), (single, OTHER, "one class: UAR is accuracy")):
        if len(some):
            right.scatter(some.n, some.uar, color=colour, alpha=0.7, s=30, label=f"{name} ({len(some)})", linewidth=0)
    right.set(xlabel="clips of a person", ylabel=f"UAR of that person, {model}", ylim=(-0.05, 1.3))
    right.legend(loc="upper right")
    apart = (rows.person_mean - rows.pooled).abs().max()
    figure.suptitle(f"{task}: the two ways to say UAR are up to {apart:.2f} apart")
    return figure


def keep_logs(run, table):
    """Write every model's predictions as logs/<task>_<model>_<seed>.txt of the MEGC 2019 format; their names."""
    names = []
    for task, model, seed in table[["task", "model", "seed"]].drop_duplicates().itertuples(index=False):
        names.append(f"logs/{task}_{model}_{seed}.txt")
        logs.write(table, task, model, seed, run.work / names[-1])
    run.files += names
    return names
