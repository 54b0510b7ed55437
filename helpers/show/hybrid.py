"""Networks beside a line: how they trained, what their parts bring, person by person. For notebook 06."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from helpers import models
from helpers.evaluation import hybrids, logs
from helpers.show.comparison import LINEAR, OTHER
from helpers.show.plots import ACCENT, QUIET

SHOWN = {
    "epochs": "passes over the training clips, at most", "batch": "clips a step", "rate": "learning rate",
    "decay": "weight decay", "optimiser": "", "schedule": "of the learning rate", "loss": "log: cross-entropy",
    "class_weight": "balanced: classes count equally", "smoothing": "of labels", "dropout": "share of units",
    "clip": "largest norm of the gradient", "patience": "epochs without gain on inner people before it stops",
    "augment": "random changes of training clips, at most; rotation in degrees, shift in pixels",
    "size": "of a region or face, pixels a side", "channels": "filters of each layer",
    "emphasis": "factor on nose and upper lip", "precision": "auto: mixed on a GPU",
}  # fmt: skip


def compute_arrays(data):
    """A row a kind of array: shape of a clip, or its parts, and the models that read it. data: arrays.Arrays."""
    rows = []
    for kind, values in data.kinds.items():
        read = ", ".join(name for name in hybrids.MODELS if models.takes(name) == kind)
        rows.append((kind, ", ".join(values.dtype.names or ()) or str(values.shape[1:]), read))
    return pd.DataFrame(rows, columns=["array", "shape or parts of a clip", "read by"])


def compute_settings(learned):
    """One screen of settings: a row a setting, a column a network; networks with the same settings share one."""
    alike = {}
    for model, own in learned.drop_duplicates("model").set_index("model").settings.items():
        alike.setdefault(tuple(_short(own.get(name, "")) for name in SHOWN), []).append(model)
    table = pd.DataFrame({", ".join(names): values for values, names in alike.items()}, index=list(SHOWN))
    return table.assign(meaning=SHOWN.values()).rename_axis("setting")


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


def plot_over(rows):
    """Networks against the line: rows of `hybrids.over`, one task."""
    better, other = (rows.verdict == "better").sum(), rows.other.iloc[0]
    title = f"{rows.task.iloc[0]}: {better} of {len(rows)} networks are better than {other}"
    return plot_gains({f"network over {other} (UF1)": rows.assign(change=rows.model)}, title)


def plot_parts(changed, signed):
    """Both ablations of one task: its steps, and what AU9/10 bring (None where not asked)."""
    parts, asked = {"hybrid on regions, a part at a time (UF1)": changed}, pd.concat([changed, signed])
    if signed is not None:
        pairs = [f"{row.model} over {row.other}".replace("fused_svm+", "") for row in signed.itertuples()]
        parts[f"fused SVM: recall of {signed.label.iloc[0]}"] = signed.assign(change=pairs)
    held = (asked.verdict != "tie").sum()
    return plot_gains(parts, f"{changed.task.iloc[0]}: {held} of {len(asked)} changes hold after correction")


def plot_gains(parts, title):
    """Paired gains with 95 % intervals, a panel a question. parts: {panel: table with `change`}."""
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
    right.set(xlabel="clips of a person", ylabel=f"UAR of that person, {model}", ylim=(-0.05, 1.05))
    right.legend(loc="lower center", bbox_to_anchor=(0.5, 1))
    apart = (rows.person_mean - rows.pooled).abs().max()
    figure.suptitle(f"{task}: the two ways to say UAR are up to {apart:.2f} apart")
    return figure


def title_confusion(task, model, counts, classes):
    """The commonest mistake of a confusion matrix, in two lines."""
    wrong = np.array(counts) - np.diag(np.diag(counts))
    true, said = np.unravel_index(wrong.argmax(), wrong.shape)
    found = (
        f"{classes[true]} is taken for {classes[said]} most often ({wrong.max():g})" if wrong.any() else "no mistake"
    )
    return f"{task}, {model}:\n{found}"


def keep_logs(run, table):
    """Write every model's predictions as logs/<task>_<model>_<seed>.txt of the MEGC 2019 format; their names."""
    names = []
    for task, model, seed in table[["task", "model", "seed"]].drop_duplicates().itertuples(index=False):
        names.append(f"logs/{task}_{model}_{seed}.txt")
        logs.write(table, task, model, seed, run.work / names[-1])
    run.files += names
    return names
