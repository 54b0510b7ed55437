"""How long does the literature map take? `python benchmarks/literature.py` prints seconds for 1,000 and 10,000 papers.

Papers are made by drawing titles and keywords anew from the frozen bibliography, with a number in each title so that
none is a duplicate. Seconds are of one process; the ratio to the plain way of counting pairs means something anywhere.
"""

import sys
import time
from itertools import combinations
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pandas as pd

from helpers.literature import corpus, interactive, matrix, network, text, topics, trends

LEAST = 5  # papers a term needs, as in the notebook


def resample(papers, size, seed=0):
    """`size` papers drawn with replacement: title of one, keywords of another, so that pairs are not merely copied."""
    rng = np.random.default_rng(seed)
    table = papers.iloc[rng.integers(len(papers), size=size)].reset_index(drop=True)
    table["id"] = [f"p{number}" for number in range(size)]
    table["title"] = [f"{title} {number}" for number, title in enumerate(table.title)]
    table["keywords"] = papers.keywords.to_numpy()[rng.integers(len(papers), size=size)]
    return table


def plain_pairs(sets):
    """The obvious way: for every pair of terms, a pass over all papers. Returns {pair: papers}."""
    terms = sorted({term for terms in sets for term in terms})
    papers = [set(terms) for terms in sets]
    return {pair: sum(pair[0] in terms and pair[1] in terms for terms in papers) for pair in combinations(terms, 2)}


def timed(steps):
    """Run functions in turn; a table step, seconds, and their results."""
    rows, found = [], {}
    for name, step in steps.items():
        start = time.perf_counter()
        found[name] = step(found)
        rows.append((name, time.perf_counter() - start))
    return pd.DataFrame(rows, columns=["step", "seconds"]), found


def whole_map(papers):
    """Everything notebook 07 computes for a bibliography, figures left out."""
    return timed({
        "duplicates": lambda _: papers.title.map(corpus.fold).duplicated().sum(),
        "keywords": lambda _: corpus.keyword_sets(papers),
        "titles": lambda _: text.compute_terms(papers, LEAST)[0],
        "networks": lambda got: [network.build(got[name], LEAST) for name in ("keywords", "titles")],
        "communities": lambda got: [network.communities(graph)[0] for graph in got["networks"]],
        "centrality": lambda got: [network.compute_centrality(graph) for graph in got["networks"]],
        "page": lambda got: interactive.page(
            {str(i): (graph, got["communities"][i]) for i, graph in enumerate(got["networks"])}, papers, "benchmark"
        ),
        "bursts": lambda got: trends.compute_bursts(papers, got["keywords"]),
        "gaps": lambda got: matrix.compute_gaps(got["keywords"]),
        "topics": lambda got: topics.compute_topics(got["titles"]),
    })  # fmt: skip


def main():
    """Print seconds by step and size, and the ratio to the plain way of counting pairs."""
    papers = corpus.read()
    for size in (1000, 10_000):
        table, found = whole_map(resample(papers, size))
        print(f"\n{size} papers: {table.seconds.sum():.1f} s")
        print(table.round(2).to_string(index=False))
    sets = found["keywords"]
    start = time.perf_counter()
    network.build(sets, 1, 1)
    ours = time.perf_counter() - start
    start = time.perf_counter()
    plain_pairs(sets)
    ratio = (time.perf_counter() - start) / ours
    print(f"\ncounting pairs of 10,000 papers: {ours:.2f} s, {ratio:.0f} times faster than pair by pair")


if __name__ == "__main__":
    main()
