"""Which terms occur together: a graph weighted by association strength, its communities, its centre and its rim.

Association strength is the number of papers that have both terms over the number expected if terms were independent,
n c_ij / (c_i c_j) (van Eck & Waltman 2009, doi:10.1002/asi.21075): raw counts would only say which terms are frequent.
Communities: Louvain (Blondel et al. 2008, doi:10.1088/1742-5468/2008/10/P10008). Core and rim: k-core (Seidman 1983,
doi:10.1016/0378-8733(83)90028-X).
"""

from collections import defaultdict
from itertools import combinations

import networkx as nx
import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.metrics import adjusted_rand_score

from helpers.literature import text
from helpers.workspace import WorkbookError


def build(sets, least=5, together=2):
    """Graph of the terms of papers. Node: papers (ids), count. Edge: papers, count, strength, distance.

    sets: Series of terms by paper id; least: papers a term must have; together: papers a pair must share.
    Raises WorkbookError if no two terms are left.
    """
    of_term, of_pair = defaultdict(list), defaultdict(list)
    for paper, terms in sets.items():
        for term in set(terms):
            of_term[term].append(paper)
    frequent = {term for term, papers in of_term.items() if len(papers) >= least}
    for paper, terms in sets.items():
        for pair in combinations(sorted(set(terms) & frequent), 2):
            of_pair[pair].append(paper)
    graph = nx.Graph()
    for term in sorted(frequent):
        graph.add_node(term, papers=of_term[term], count=len(of_term[term]))
    for (one, other), papers in sorted(of_pair.items()):
        if len(papers) >= together:
            strength = len(sets) * len(papers) / (len(of_term[one]) * len(of_term[other]))
            graph.add_edge(one, other, papers=papers, count=len(papers), strength=strength, distance=1 / strength)
    if not graph.number_of_edges():
        raise WorkbookError(
            f"no two terms share {together} papers", remedy="select more papers, or ask for fewer in common"
        )
    graph.remove_nodes_from(list(nx.isolates(graph)))
    return graph


def compute_edges(graph):
    """A table term, other, papers, strength, ids: every edge leads back to its papers."""
    rows = [(one, other, e["count"], e["strength"], "; ".join(e["papers"])) for one, other, e in graph.edges(data=True)]
    table = pd.DataFrame(rows, columns=["term", "other", "papers", "strength", "ids"])
    return table.sort_values(["strength", "papers"], ascending=False, ignore_index=True)


def communities(graph, seed=0, seeds=20):
    """{term: number of its community} of the best of several Louvain runs, and how much the runs agree.

    Number 0 is the largest community. Agreement: mean adjusted Rand index over all pairs of runs, 1 if identical.
    """
    runs = []
    for number in range(seed, seed + seeds):
        parts = nx.community.louvain_communities(graph, weight="strength", seed=number)
        runs.append((nx.community.modularity(graph, parts, weight="strength"), parts))
    labels = [_number(parts) for _, parts in runs]
    terms = list(graph)
    pairs = combinations([[label[term] for term in terms] for label in labels], 2)
    agreement = [adjusted_rand_score(one, other) for one, other in pairs]
    best = int(np.argmax([modularity for modularity, _ in runs]))
    return labels[best], {
        "communities": len(runs[best][1]), "modularity": runs[best][0], "seeds": seeds,
        "agreement": float(np.mean(agreement)) if agreement else 1.0,
    }  # fmt: skip


def compute_centrality(graph, community=None):
    """A table term, papers, degree, betweenness, eigenvector, core, role, community, the most connected first.

    degree: share of the other terms it is linked to; betweenness on distance = 1 / strength; eigenvector weighted by
    the papers shared, in the largest component (0 outside it); core: the largest k such that the term is in a group in
    which everyone has k neighbours; role: centre (the innermost core), rim (at most half of its k), or between.
    """
    largest = sorted(max(nx.connected_components(graph), key=len))
    # networkx leaves this to ARPACK, which starts anywhere and ends elsewhere in the last digits each time
    vector = np.linalg.eigh(nx.to_numpy_array(graph, largest, weight="count"))[1][:, -1]
    vector = dict(zip(largest, np.abs(vector), strict=True)) if len(largest) > 2 else dict.fromkeys(largest, 1.0)
    core = nx.core_number(graph)
    innermost = max(core.values())
    table = pd.DataFrame({
        "papers": dict(graph.nodes(data="count")), "degree": nx.degree_centrality(graph),
        "betweenness": nx.betweenness_centrality(graph, weight="distance"), "eigenvector": vector, "core": core,
    })  # fmt: skip
    table["eigenvector"] = table.eigenvector.fillna(0)
    table["role"] = ["centre" if k == innermost else "rim" if k <= innermost / 2 else "between" for k in table.core]
    table["community"] = pd.Series(community or dict.fromkeys(graph, 0))
    table = table.rename_axis("term").reset_index()
    return table.sort_values(["degree", "papers", "term"], ascending=[False, False, True], ignore_index=True)


def backbone(graph, each=3, most=150):
    """What of a graph can be drawn readably: its `most` frequent terms, each with its `each` strongest edges."""
    frequent = sorted(graph, key=lambda term: (-graph.nodes[term]["count"], term))[:most]
    graph = graph.subgraph(frequent)
    graph = graph.subgraph(set(graph) - set(nx.isolates(graph)))
    kept = set()
    for term in graph:
        edges = sorted(graph.edges(term, data=True), key=lambda edge: (-edge[2]["strength"], edge[1]))
        kept |= {tuple(sorted(edge[:2])) for edge in edges[:each]}
    smaller = nx.Graph()
    smaller.add_nodes_from(sorted(graph.nodes(data=True), key=lambda node: node[0]))
    smaller.add_edges_from((one, other, graph.edges[one, other]) for one, other in sorted(kept))
    return smaller


def layout(graph, seed=0):
    """{term: (x, y)} in 0..1, the same for the same graph and seed. Springs pull by the root of the strength.

    Components are laid out together; coordinates are then spread to ranks and values in equal parts, which keeps
    neighbours and clears crowds.
    """
    pulled = nx.Graph((one, other, {"pull": e["strength"] ** 0.5}) for one, other, e in graph.edges(data=True))
    pulled.add_nodes_from(graph)
    order = sorted(pulled)
    ordered = nx.Graph()
    ordered.add_nodes_from(order)
    ordered.add_edges_from(sorted((*sorted(edge[:2]), edge[2]) for edge in pulled.edges(data=True)))
    places = nx.spring_layout(ordered, weight="pull", seed=seed, iterations=300, k=2.2 / np.sqrt(len(order)))
    points = np.array([places[term] for term in order])
    spread = np.empty_like(points)
    for axis in (0, 1):
        values = points[:, axis]
        scaled = (values - values.min()) / max(np.ptp(values), 1e-9)
        ranks = values.argsort().argsort() / max(len(values) - 1, 1)
        spread[:, axis] = (scaled + ranks) / 2
    return {term: (float(x), float(y)) for term, (x, y) in zip(order, spread, strict=True)}


def compute_agreement(one, other):
    """How far two maps of the same papers agree, on the terms they share: a table measure, value, of.

    Both arguments: (graph, {term: community}). Spearman correlations; the adjusted Rand index of the communities.
    """
    names = [{text.stem(term.casefold()): term for term in graph} for graph, _ in (one, other)]
    shared = sorted(set(names[0]) & set(names[1]))
    counts, degrees, strengths, groups = [], [], [], []
    for (graph, labels), name in zip((one, other), names, strict=True):
        terms = [name[stem] for stem in shared]
        pairs = list(combinations(terms, 2))
        counts.append([graph.nodes[term]["count"] for term in terms])
        degrees.append([graph.degree(term) for term in terms])
        strengths.append([graph.edges[pair]["strength"] if graph.has_edge(*pair) else 0.0 for pair in pairs])
        groups.append([labels[term] for term in terms])
    enough = len(shared) > 2
    return pd.DataFrame({
        "measure": ["papers of a term", "links of a term", "strength of a pair", "communities"],
        "value": [*(_correlation(*values) if enough else np.nan for values in (counts, degrees, strengths)),
                  adjusted_rand_score(*groups) if enough else np.nan],
        "of": [f"{len(shared)} terms", f"{len(shared)} terms", f"{len(strengths[0])} pairs", f"{len(shared)} terms"],
    })  # fmt: skip


def _correlation(one, other):
    return np.nan if len(set(one)) < 2 or len(set(other)) < 2 else float(spearmanr(one, other).statistic)


def _number(parts):
    ordered = sorted(parts, key=lambda part: (-len(part), min(part)))
    return {term: number for number, part in enumerate(ordered) for term in part}
