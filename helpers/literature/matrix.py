"""What was studied with what, and what was not: dataset by method, and pairs of topics that rarely meet."""

from collections import Counter
from itertools import combinations

import pandas as pd
from scipy.stats import false_discovery_control, hypergeom


def compute_matrix(papers, rows="datasets", columns="method_family", largest=10):
    """Number of papers for each pair of values: the commonest rows first. Tuples count once a value."""
    pairs = papers.explode(rows).dropna(subset=[rows])
    pairs = pairs[~pairs[columns].isin(["none", "psychological"])]
    common = pairs[rows].value_counts().index[:largest]
    counts = pd.crosstab(pairs[rows], pairs[columns]).reindex(common)
    return counts[counts.sum().sort_values(ascending=False).index].rename_axis(rows).rename_axis(None, axis=1)


def compute_gaps(sets, least=15, expected=2.0):
    """Pairs of topics that meet less often than independence predicts, the emptiest first.

    A table term, other, papers, expected, ratio, p, q, ids. least: papers that each topic must have; expected: smallest
    expected number of papers with both. p: chance of so few or fewer common papers if topics were dealt out at random
    (hypergeometric); q: p corrected for all pairs tested, also those that meet often (Benjamini & Hochberg 1995).
    """
    counts = Counter(term for terms in sets for term in set(terms))
    frequent = {term for term, count in counts.items() if count >= least}
    together = {}
    for paper, terms in sets.items():
        for pair in combinations(sorted(set(terms) & frequent), 2):
            together.setdefault(pair, []).append(paper)
    rows = []
    for one, other in combinations(sorted(frequent), 2):
        ids = together.get((one, other), [])
        chance = counts[one] * counts[other] / len(sets)
        if chance >= expected:
            p = hypergeom.cdf(len(ids), len(sets), counts[one], counts[other])
            rows.append((one, other, len(ids), chance, len(ids) / chance, p, "; ".join(ids)))
    table = pd.DataFrame(rows, columns=["term", "other", "papers", "expected", "ratio", "p", "ids"])
    table.insert(6, "q", false_discovery_control(table.p) if len(table) else [])
    table = table[table.papers < table.expected]
    return table.sort_values(["ratio", "expected"], ascending=[True, False], ignore_index=True)


def compute_meetings(papers, sets, pairs):
    """The same numbers for pairs one asks about: a table term, other, papers, expected, ratio, p, titles."""
    titles, rows = papers.set_index("id").title, []
    for one, other in pairs:
        having = [{paper for paper, terms in sets.items() if term in terms} for term in (one, other)]
        both = sorted(having[0] & having[1])
        sizes = [len(ids) for ids in having]
        chance = sizes[0] * sizes[1] / len(sets)
        ratio = len(both) / chance if chance else float("nan")
        p = hypergeom.cdf(len(both), len(sets), *sizes)
        rows.append((one, other, len(both), chance, ratio, p, "; ".join(titles[both])))
    return pd.DataFrame(rows, columns=["term", "other", "papers", "expected", "ratio", "p", "titles"])
