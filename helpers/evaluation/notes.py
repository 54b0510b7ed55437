"""What a reader should know of a predictions table that breaks no rule: how sure, how summed, how good it can be.

A task here is what `checks.Task` holds. Models are judged by the best one of a task, as a reader would read the table.
"""

import numpy as np
import pandas as pd

from helpers.evaluation import readings
from helpers.evaluation.findings import in_order, note
from helpers.evaluation.scores import BASELINE, BLIND, LEVEL, interval, metrics, resample_people

TOO_GOOD = 0.80  # UF1 from which on an audit for leaks comes before any celebration
LEAK_FREE = 0.789  # highest published UF1 on the MEGC 2019 composite that is not known to leak (EMR, 442 clips)
WIDE = 0.065  # half of the interval that the composite's 68 people give; a task with a wider one says less than it
RESAMPLES = 1000
COUNTS = 2**24  # numbers to be held at a time above which no interval is drawn
LIKELY = 0.05  # share of resamplings with every class in them below which there is no use in drawing more
TIE = 1e-5  # files keep six digits of a probability
SAME = 0.005  # scores that differ by less are printed alike by most


def of_task(task):
    """[Finding] of one task."""
    found = [*_argmax(task), *_people(task)]
    if len(task.part.true):
        best, table = _best(task.part)
        words = f"{task.name}, {best.names['model'][0]}"
        found += [*_absent(task), *_guessing(task), *_sums(words, best), *_folds(task)]
        found += _sure(words, best, table)
    return found


def too_good(uf1, low, high, models):
    """Whether a best score is a reason to look for leaks, in words; "" if it is none. uf1, low, high: with interval.

    From .80 on: no protocol that is free of leaks is known to have reached it on the field's common table, where leaky
    ones print .82 to .90. Few people give such a score by luck, too, so the words depend on the interval over people:
    where even its lower end is above, chance about who was recorded is no explanation. Other data may be easier. So it
    is a reason to look, and no verdict; a lower score is no proof of innocence.
    """
    if not uf1 >= TOO_GOOD:
        return ""
    best = f", the best of {models} models," if models > 1 else ""
    sure = (
        f"is improbably good: even its interval begins above {TOO_GOOD:.2f}"
        if low > TOO_GOOD
        else f"is a reason to look for leaks, though with an interval from {low:.3f} to {high:.3f} luck may explain it"
    )
    return f"UF1 {uf1:.3f}{best} {sure}; on the MEGC composite nothing that is known not to leak is above {LEAK_FREE}"


def _argmax(task):
    """y_pred need not be the largest probability (scikit-learn's Platt-scaled SVC), but two answers are then given."""
    columns = [f"p_{name}" for name in task.part.classes]
    if not set(columns) <= task.columns:
        return
    p = np.nan_to_num(task.rows[columns].to_numpy(float), nan=-1)
    place = pd.Index(task.part.classes).get_indexer(task.rows.y_pred)
    lower = (place >= 0) & (p[np.arange(len(p)), place] < p.max(axis=1) - TIE)
    if lower.any():
        models = task.rows.model[lower].unique()
        words = f"{int(lower.sum())} of {len(p)} predictions are not the class of the largest probability "
        words += f"({len(models)} model(s), such as {models[0]}); scores are those of y_pred"
        yield note("argmax", task.name, words, "say which of the two answers is meant")
    else:
        yield in_order("argmax", task.name, "every prediction is the class of its largest probability")


def _people(task):
    """Are the people people, and are they one each?"""
    samples = pd.DataFrame({name: task.part.codes[name] for name in ("sample_id", "person")}).drop_duplicates()
    clips = samples.person.value_counts()
    if len(clips) and clips.median() == 1:
        words = f"most of {len(clips)} people have a single sample: if they are no people but pictures or groups of "
        words += "alike pictures, person-independence is unknown"
        yield note("people", task.name, words, "say beside the score what a person is here")
    elif len(clips) == 1:
        yield note("people", task.name, "all samples are of one person: person-independence is unknown")
    pairs = task.rows[["dataset", "subject"]].drop_duplicates()
    shared = pairs.subject[pairs.subject.duplicated()].unique()
    if len(shared):
        words = f"{len(shared)} subject ids occur in several datasets, such as {shared[0]}; taken as different people"
        yield note("people", task.name, words, "write dataset/subject")


def _best(part):
    """(Coded of the best model that looks at pictures, table of all models' scores)."""
    size = len(part.names["seed"])
    units, where = np.unique(part.codes["model"] * np.int64(size) + part.codes["seed"], return_inverse=True)
    table = readings.scored(part, where).groupby(units // size).mean()
    table["model"] = part.names["model"][table.index]
    looking = table[~table.model.isin(BLIND)]
    table = looking if len(looking) else table
    return part.of(part.codes["model"] == table.uf1_shown.idxmax()), table


def _absent(task):
    part = task.part
    clips = np.bincount(part.true, minlength=len(part.classes))
    absent = [name for name, number in zip(part.classes, clips, strict=True) if not number]
    if absent:
        words = (
            f"no sample is of {', '.join(absent[:8])}: UF1 and UAR over all {len(part.classes)} classes are undefined"
        )
        yield note("absent class", task.name, words, "score the task without it, and say so")


def _guessing(task):
    part = task.part
    if BASELINE in part.names["model"]:
        yield in_order("majority", task.name, "the majority row is there")
        return
    clips = np.bincount(part.true[_once(part.codes["sample_id"])], minlength=len(part.classes))
    counts = np.zeros((len(clips), len(clips)))
    counts[:, clips.argmax()] = clips
    always, shown = metrics(counts), np.count_nonzero(clips)
    words = f"there is no {BASELINE} row: predicting {part.classes[clips.argmax()]} always gives accuracy "
    words += f"{always['accuracy']:.3f}, UAR {1 / shown:.3f}, UF1 {np.nansum(always['f1']) / shown:.3f}"
    yield note("majority", task.name, words, f"predict with the model {BASELINE!r} as well")


def _sums(where, best):
    """The numbers that one model's predictions give when they are summed otherwise."""
    table = readings.scored(best, best.codes["seed"])
    uar, precision = table.uar_shown.mean(), table.precision.mean()
    if abs(uar - precision) >= SAME:
        words = f"mean recall (UAR) is {uar:.3f}, mean precision {precision:.3f}: one is not the other"
        yield note("recall or precision", where, words)
    people = len(best.names["person"])
    units, of = np.unique(best.codes["seed"] * np.int64(people) + best.codes["person"], return_inverse=True)
    average = readings.scored(best, of).uar_shown.groupby(units // people).mean().mean()
    if abs(uar - average) >= SAME:
        words = f"UAR pooled over folds is {uar:.3f}, averaged over people {average:.3f}: the first is the field's"
        yield note("pooled or averaged", where, words)
    if len(table) > 1:
        words = f"mean of {len(table)} seeds {table.uf1_shown.mean():.3f}, worst {table.uf1_shown.min():.3f}, best "
        yield in_order("seeds", where, f"UF1: {words}{table.uf1_shown.max():.3f}")


def _folds(task):
    for group in ("fold",) if "fold" in task.columns else ("person",):
        rows = pd.DataFrame({group: task.part.codes[group], "y": task.part.true}).drop_duplicates()
        alone, several = int((rows[group].value_counts() == 1).sum()), rows[group].nunique()
        if alone and several > 1:
            words = (
                f"{alone} of {several} {group}s show a single class: a mean over {group}s would count each as a score"
            )
            yield note("single-class folds", task.name, words, "pool predictions over folds, then score")
        people = pd.DataFrame({name: task.part.codes[name] for name in ("fold", "person")}).drop_duplicates()
        crowded = int((people.fold.value_counts() > 1).sum())
        if "fold" in task.columns and task.name.endswith("loso") and crowded:
            words = f"{crowded} of {several} folds hold out several people, and the task says one at a time (loso)"
            yield note("folds", task.name, words, "name the task by what was done")


def _sure(where, best, table):
    """How far the people that happened to be recorded decide the score."""
    people, seeds, k = (len(names) for names in (best.names["person"], best.names["seed"], best.classes))
    if people * max(seeds * k**2, RESAMPLES) > COUNTS:
        yield note("interval", where, f"{people} people and {k} classes are too many for an interval here")
        return
    units = best.codes["person"] * seeds + best.codes["seed"]
    counts = readings.tally(units, best.true, best.predicted, k, people * seeds).reshape(people, seeds, k, k)
    if len(set(counts.sum((0, 2, 3)))) > 1:
        yield note("interval", where, "no interval: its seeds do not predict the same samples")
        return
    shown = counts.sum((0, 1, 3)) > 0
    have = (counts.sum((1, 3)) > 0).sum(axis=0)[shown]  # people who show each class
    if people < 2 or np.prod(1 - (1 - have / people) ** people) < LIKELY:
        words = f"no interval: of {people} people one alone shows {int((have == 1).sum())} of {len(have)} classes"
        yield note("interval", where, words, "take classes that more people show")
        return
    low, high = interval(metrics(resample_people(counts, RESAMPLES, 0))["f1"][..., shown].mean(axis=(1, 2)))
    uf1 = table.uf1_shown.max()
    words = f"UF1 {uf1:.3f} of {people} people, {LEVEL:.0%} interval {low:.3f} to {high:.3f}"
    if high - low > 2 * WIDE:
        yield note("interval", where, f"{words}: a score {(high - low) / 2:.3f} away from it may be no other")
    else:
        yield in_order("interval", where, words)
    found = too_good(uf1, low, high, len(table))
    if found:
        yield note("too good", where, found, "look for people on both sides, and for choices made on held-out people")


def _once(codes):
    """Positions of the first row of each code."""
    return np.unique(codes, return_index=True)[1]
