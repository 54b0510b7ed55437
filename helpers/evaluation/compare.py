"""Is one model better than another? The same people, resampled together."""

import numpy as np
import pandas as pd

from helpers.evaluation.predictions import check
from helpers.evaluation.scores import interval, metrics, person_counts, resample_people


def gains(predictions, task, reference, resamples=2000, seed=0):
    """Paired gain of every model of a task over a reference model, with 95 % intervals over people.

    Both models are scored on the same resampled people (Efron & Tibshirani 1993), so what makes a person easy or
    hard cancels. Returns one row a model: uf1_gain, uf1_lo, uf1_hi, and the same for uar; `verdict` is "tie" when the
    interval of the UF1 gain contains 0. The intervals are not corrected for the number of models.
    """
    of_task = check(predictions[predictions.task == task])  # the same people and classes for all, or the pairs break
    counts = {model: person_counts(part) for model, part in of_task.groupby("model")}
    drawn = {model: metrics(resample_people(some, resamples, seed)) for model, some in counts.items()}
    point = {model: metrics(some.sum(axis=0)) for model, some in counts.items()}
    rows = []
    for model in sorted(set(counts) - {reference}):
        row = {"task": task, "model": model, "reference": reference}
        for metric in ("uf1", "uar"):
            difference = drawn[model][metric].mean(axis=1) - drawn[reference][metric].mean(axis=1)
            row[f"{metric}_gain"] = point[model][metric].mean() - point[reference][metric].mean()
            row[f"{metric}_lo"], row[f"{metric}_hi"] = interval(difference)
        row["verdict"] = "better" if row["uf1_lo"] > 0 else "worse" if row["uf1_hi"] < 0 else "tie"
        rows.append(row)
    return pd.DataFrame(rows)


def mean_over_people(values, subjects, resamples, seed):
    """Mean of one number a clip with its 95 % interval over people: (mean, low, high).

    values: (n,) float; subjects: (n,) whose clip it is. People are drawn with replacement, with all their clips.
    """
    people = pd.DataFrame({"value": np.asarray(values, float), "who": np.asarray(subjects)}).groupby("who").value
    sums, counts = people.sum().to_numpy(), people.count().to_numpy()
    drawn = np.random.default_rng(seed).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=resamples)
    low, high = interval((drawn @ sums) / (drawn @ counts))
    return sums.sum() / counts.sum(), low, high
