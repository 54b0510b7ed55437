"""When things were studied: papers a year, and topics that burst.

Bursts: the two-state model of Kleinberg 2003 (doi:10.1023/A:1024940629314) for yearly batches. A topic is either at its
usual share of papers or at `ratio` times that share; the cheapest sequence of states, where starting a burst costs
`gamma` ln(years), is found by dynamic programming.
"""

import numpy as np
import pandas as pd
from scipy.stats import binom


def compute_timeline(papers, column="task", largest=6):
    """Papers a year: a table with one row for every year from the first to the last and one column for each value.

    Values of the column beyond the `largest` commonest are summed as "other".
    """
    common = [value for value in papers[column].value_counts().index if value not in ("other", "none")][:largest]
    groups = papers[column].where(papers[column].isin(common), "other")
    years = range(papers.year.min(), papers.year.max() + 1)
    counts = pd.crosstab(papers.year, groups).reindex(years, fill_value=0)
    order = [*common, "other"] if "other" in counts else common
    return counts[order].rename_axis(index="year", columns=None).reset_index()


def compute_bursts(papers, sets, since=2009, least=8, ratio=2.0, gamma=1.0):
    """Topics that for some years were studied far more than usual, the clearest first.

    A table term, start, end, papers, usual, then, weight. sets: terms by paper id. Terms with fewer than `least` papers
    since `since` are left out; `usual` and `then` are shares of papers a year; weight: how much cheaper the burst is
    than no burst, in nats.
    """
    recent = papers[papers.year >= since]
    years = np.arange(since, papers.year.max() + 1)
    totals = recent.year.value_counts().reindex(years, fill_value=0).to_numpy()
    exploded = sets.loc[recent.id].explode().dropna()
    when = recent.set_index("id").year
    rows = []
    for term, ids in exploded.groupby(exploded):
        counts = when.loc[ids.index].value_counts().reindex(years, fill_value=0).to_numpy()
        if counts.sum() >= least:
            rows += [(term, *burst) for burst in _bursts(years, counts, totals, ratio, gamma)]
    table = pd.DataFrame(rows, columns=["term", "start", "end", "papers", "usual", "then", "weight"])
    return table.sort_values(["weight", "term"], ascending=[False, True], ignore_index=True)


def _bursts(years, counts, totals, ratio, gamma):
    """(start, end, papers, usual share, share then, weight) of every run of years in the burst state."""
    usual = counts.sum() / totals.sum()
    shares = np.array([usual, min(ratio * usual, 0.9999)])
    cost = -binom.logpmf(counts[:, None], totals[:, None], shares[None, :])  # (years, 2)
    states = _cheapest(cost, gamma * np.log(len(years)))
    edges = np.flatnonzero(np.diff(np.r_[0, states, 0]))
    for first, last in zip(edges[::2], edges[1::2] - 1, strict=True):
        span = slice(first, last + 1)
        papers, total = int(counts[span].sum()), totals[span].sum()
        weight = float((cost[span, 0] - cost[span, 1]).sum())
        yield int(years[first]), int(years[last]), papers, usual, papers / max(total, 1), weight


def _cheapest(cost, entering):
    """Sequence of states 0 and 1 with the lowest sum of cost, (T, 2), and of `entering` for every step from 0 to 1."""
    total, came = np.array([0.0, entering]) + cost[0], []
    for step in cost[1:]:
        options = np.array([[total[0], total[1]], [total[0] + entering, total[1]]])  # to state, from state
        came.append(options.argmin(axis=1))
        total = options.min(axis=1) + step
    states = [int(total.argmin())]
    for origin in reversed(came):
        states.append(int(origin[states[-1]]))
    return np.array(states[::-1])
