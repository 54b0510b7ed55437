"""Scores of resampled people, the usual ones and those of published arithmetic, and both twins on the same people.

A sum here is a function (weights (B, P), counts (P, S, K, K)) -> (B,): weights say how often each of P people was
drawn, counts are confusion counts by person and seed. Scores are means over seeds.
"""

import numpy as np

from helpers.evaluation.scores import draw_people, metrics, person_counts


def uf1(weights, counts):
    """Pooled macro-F1."""
    return _pooled(weights, counts)["uf1"].mean(axis=1)


def uar(weights, counts):
    """Pooled mean recall."""
    return _pooled(weights, counts)["uar"].mean(axis=1)


def precision(weights, counts):
    """Pooled mean precision: recall of the transposed matrix."""
    return _pooled(weights, counts)["precision"].mean(axis=(1, 2))


def person_uf1(weights, counts):
    """Mean over people of each one's macro-F1, in which a class that the person lacks counts 0."""
    return _averaged(weights, np.nan_to_num(metrics(counts)["f1"]).mean(axis=-1))


def person_uf1_of_shown(weights, counts):
    """Mean over people of each one's macro-F1 over the classes that this person shows; the others are dropped."""
    return _averaged(weights, np.nanmean(metrics(counts)["f1"], axis=-1))


def paired(clean, leaky, honest_sum, leaky_sum, resamples, seed):
    """(point, drawn, people): {"honest": ..., "leaky": ...} scores of all people, and (B,) of resampled ones.

    clean, leaky: predictions of the same people with the same classes, each of one model; rows may differ, since a row
    that a leak invents belongs to a person. The same people are drawn for both. Raises ValueError for other people.
    """
    if set(clean.subject) != set(leaky.subject):
        raise ValueError("twins are of different people")
    counts = {"honest": person_counts(clean), "leaky": person_counts(leaky)}
    sums = {"honest": honest_sum, "leaky": leaky_sum}
    people = len(counts["honest"])
    weights = draw_people(counts["honest"], resamples, seed)
    point = {who: float(sums[who](np.ones((1, people)), counts[who])[0]) for who in sums}
    return point, {who: sums[who](weights, counts[who]) for who in sums}, people


def _pooled(weights, counts):
    return metrics(np.einsum("bp,pskl->bskl", weights, counts, optimize=True))


def _averaged(weights, values):
    """Mean over drawn people and seeds. values: (P, S)."""
    return weights @ values.mean(axis=1) / weights.sum(axis=1)
