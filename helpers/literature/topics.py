"""Topics in titles: non-negative matrix factorisation of TF-IDF weights (Lee & Seung 1999, doi:10.1038/44565)."""

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from sklearn.decomposition import NMF
from sklearn.feature_extraction.text import TfidfVectorizer

from helpers.workspace import WorkbookError


def compute_topics(sets, topics=8, words=6, seed=0, repeats=10):
    """Topics of papers from their terms: a table topic, terms, papers, stability, ids; the largest topic first.

    sets: terms by paper id. A paper belongs to the topic with its largest weight; papers without a term to none.
    stability: mean cosine of a topic with its partner in models of random four fifths of the papers, 1 if identical.
    """
    sets = sets[sets.map(len) > 0]
    if not len(sets):
        raise WorkbookError("no title has a term, so there are no topics", remedy="select more papers")
    weigh = TfidfVectorizer(analyzer=lambda terms: terms)
    weights = weigh.fit_transform(sets)
    names = weigh.get_feature_names_out()
    topics = min(topics, *weights.shape)
    model, belongs = _fit(weights, topics, seed)
    stability = _stability(weights, model, seed, repeats)
    rows = []
    for number, loads in enumerate(model):
        members = sets.index[(belongs.argmax(axis=1) == number) & (belongs.max(axis=1) > 0)]
        best = [names[index] for index in loads.argsort()[::-1][:words] if loads[index] > 0]
        rows.append((", ".join(best), len(members), stability[number], "; ".join(members)))
    table = pd.DataFrame(rows, columns=["terms", "papers", "stability", "ids"])
    table = table.sort_values(["papers", "terms"], ascending=[False, True], ignore_index=True)
    table.insert(0, "topic", range(1, len(table) + 1))
    return table


def _fit(weights, topics, seed):
    """Topics by terms, and papers by topics."""
    model = NMF(topics, init="nndsvda", random_state=seed, max_iter=600)
    belongs = model.fit_transform(weights)
    return model.components_, belongs


def _stability(weights, model, seed, repeats):
    """Mean over refits of the cosine between each topic and the topic that is paired with it."""
    rng, total = np.random.default_rng(seed), np.zeros(len(model))
    unit = model / np.maximum(np.linalg.norm(model, axis=1, keepdims=True), 1e-12)
    for _ in range(repeats):
        some = rng.choice(weights.shape[0], max(len(model), round(0.8 * weights.shape[0])), replace=False)
        other, _ = _fit(weights[some], len(model), seed)
        other /= np.maximum(np.linalg.norm(other, axis=1, keepdims=True), 1e-12)
        cosine = unit @ other.T
        mine, partner = linear_sum_assignment(-cosine)
        total[mine] += cosine[mine, partner]
    return total / repeats
