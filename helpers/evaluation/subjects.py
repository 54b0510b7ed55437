"""Person by person, as two earlier systems reported: a table to look into, and why its mean is not the score.

A person's UAR is the mean recall of the classes that this person happens to show. People with one class score 0 or 1 by
it, and a person with one clip counts as much as one with thirty: the mean over people answers another question than the
pooled score, and the two can rank models differently.
"""

import numpy as np
import pandas as pd

from helpers.evaluation.predictions import check
from helpers.evaluation.scores import by_subject, interval, metrics, person_counts, resample_people


def table(predictions, task, model):
    """One row a person of one model: n, emotions, dominant, accuracy, uar (means over seeds), most clips first."""
    rows = by_subject(predictions[(predictions.task == task) & (predictions.model == model)])
    return rows.drop(columns=["task", "model"]).sort_values(
        ["n", "subject"], ascending=[False, True], ignore_index=True
    )


def summary(predictions, task, models, reference, resamples=2000, seed=0):
    """What earlier systems print under such a table, beside the pooled UAR that it is not.

    One row a model: person_mean, person_sd, person_best of the people's UARs (mean over seeds); gain: its person_mean
    over `reference`'s, with gain_lo and gain_hi from resampling people, the same for both; pooled: UAR of all counts
    together, and pooled_gain with its interval likewise.
    """
    of_task = check(predictions[predictions.task == task])
    counts = {name: person_counts(of_task[of_task.model == name]) for name in {*models, reference}}
    own = {name: _of_people(some) for name, some in counts.items()}
    pooled = {name: metrics(some.sum(axis=0))["uar"].mean() for name, some in counts.items()}
    people = len(own[reference])
    weights = np.random.default_rng(seed).multinomial(people, np.full(people, 1 / people), size=resamples) / people
    drawn = {name: metrics(resample_people(some, resamples, seed))["uar"].mean(axis=1) for name, some in counts.items()}
    rows = []
    for name in models:
        low, high = interval(weights @ (own[name] - own[reference]))
        pooled_low, pooled_high = interval(drawn[name] - drawn[reference])
        rows.append({
            "model": name, "person_mean": own[name].mean(), "person_sd": own[name].std(ddof=1),
            "person_best": own[name].max(), "gain": own[name].mean() - own[reference].mean(),
            "gain_lo": low, "gain_hi": high, "pooled": pooled[name], "pooled_gain": pooled[name] - pooled[reference],
            "pooled_lo": pooled_low, "pooled_hi": pooled_high,
        })  # fmt: skip
    return pd.DataFrame(rows).assign(task=task, reference=reference)


def one_class(predictions, task):
    """How many people show a single class of the task, whose UAR can therefore only be their accuracy; and of how many.

    Returns (people with one class, people).
    """
    shown = predictions[predictions.task == task].groupby("subject").y_true.nunique()
    return int((shown == 1).sum()), len(shown)


def _of_people(counts):
    """(P,) UAR of each person over the classes that this person shows, mean over seeds. counts: (P, S, K, K)."""
    true = counts.sum(-1)
    recall = np.diagonal(counts, axis1=-2, axis2=-1) / np.where(true > 0, true, np.nan)
    return np.nanmean(recall, axis=-1).mean(axis=-1)
