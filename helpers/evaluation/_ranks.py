"""Spearman's correlation of resampled people, exactly: as if the drawn people's rows were written down and ranked.

In such a table the mid-rank of a value is the weight of all smaller values plus half of one more than the weight of
equal ones, where a row weighs as often as its person was drawn. So ranks are linear in the people's weights, and sums
of products of ranks are sums of weights times weights times weights, whose coefficients are counted only once.
"""

from itertools import pairwise

import numpy as np

MOST = 96  # people; beyond, P^3 coefficients take longer than ranking each resampling anew (measured)
BATCH = 256  # resamplings whose P x P sums are held at once


def spearman(true, predicted, person, weights):
    """Spearman's correlation (Spearman 1904, doi:10.2307/1412159) of weighted rows, (B,); nan where one is constant.

    true, predicted: (n,). person: (n,) int, numbered from 0. weights: (B, P) how often each person was drawn.
    """
    order = np.argsort(person, kind="stable")
    person, columns = person[order], [np.unique(values[order], return_inverse=True)[1] for values in (true, predicted)]
    sums = _by_counting if weights.shape[1] <= MOST else _by_ranking
    tt, pp, tp = sums(*columns, person, weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((tt > 0) & (pp > 0), tp / np.sqrt(tt * pp), np.nan)


def _by_counting(true, predicted, person, weights):
    """Weighted sums (3, B) of products of centred ranks: true-true, predicted-predicted, true-predicted."""
    people = weights.shape[1]
    true, predicted = (_counts(place, person, people) for place in (true, predicted))
    ends = np.searchsorted(person, np.arange(people + 1))
    spans = [slice(*pair) for pair in pairwise(ends)]
    found = np.empty((3, len(weights)))
    for sums, (first, second) in zip(found, ((true, true), (predicted, predicted), (true, predicted)), strict=True):
        coefficients = np.stack([first[span].T @ second[span] for span in spans]).reshape(people, -1)
        for start in range(0, len(weights), BATCH):
            some = weights[start : start + BATCH]
            squares = (some @ coefficients).reshape(-1, people, people)
            sums[start : start + BATCH] = ((squares @ some[:, :, None])[:, :, 0] * some).sum(axis=1)
    return found


def _counts(place, person, people):
    """(n, P): rows of each person below each value, and half of those equal to it, less half of all the person's rows.

    Times the weights this is the mid-rank less the mean rank, so that sums of products need no centring.
    """
    table = np.bincount(place * people + person, minlength=(place.max() + 1) * people).reshape(-1, people)
    return (table.cumsum(axis=0) - table / 2 - table.sum(axis=0) / 2)[place]


def _by_ranking(true, predicted, person, weights):
    """The same for many people."""
    found = np.empty((3, len(weights)))
    for k, drawn in enumerate(weights):
        weight, ranks = drawn[person], []
        for place in (true, predicted):
            group = np.bincount(place, weight)
            ranks.append((group.cumsum() - group / 2 - weight.sum() / 2)[place])
        found[:, k] = [(weight * one * other).sum() for one, other in ((ranks[0],) * 2, (ranks[1],) * 2, ranks)]
    return found
