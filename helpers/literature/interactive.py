"""The maps as one HTML file that needs no network: hover shows a term's papers, a click on a paper opens its DOI.

Nothing is fetched: style, script and data stand in the file, and its content security policy forbids the rest. Titles
come from outside, so they are written as JSON that cannot end its script and reach the page as text, never as HTML.
"""

import json
import re
from pathlib import Path
from urllib.parse import quote

from helpers.literature import corpus, network

TEMPLATE = Path(__file__).with_name("network.html")


def page(maps, papers, title, seed=0):
    """The file's text. maps: {name: (graph, {term: community})}; papers: the bibliography the graphs were made from.

    The drawing is the backbone of each graph, laid out from `seed`; all its edges lead back to papers.
    """
    drawn = {name: network.backbone(graph) for name, (graph, _) in maps.items()}
    used = {paper for graph in drawn.values() for _, ids in graph.nodes(data="papers") for paper in ids}
    rows = papers[papers.id.isin(used)]
    number = {paper: position for position, paper in enumerate(rows.id)}
    data = {
        "title": title,
        "papers": [[row.title, corpus.cite(row), address(row)] for row in rows.itertuples()],
        "maps": [_map(name, drawn[name], *maps[name], number, seed) for name in maps],
    }
    parts = {"__TITLE__": _text(title), "__DATA__": _json(data)}  # in one pass: a title may hold these words, too
    return re.sub("__TITLE__|__DATA__", lambda found: parts[found[0]], TEMPLATE.read_text(encoding="utf-8"))


def address(row):
    """Link to a paper with everything quoted that has a meaning in HTML or in an address; "" if it has none."""
    return quote(corpus.link(row), safe=":/().-;")


def _map(name, drawn, graph, community, number, seed):
    table = network.compute_centrality(graph, community).set_index("term")
    places = network.layout(drawn, seed)
    terms = sorted(drawn, key=lambda term: (-drawn.nodes[term]["count"], term))  # important labels are placed first
    position = {term: index for index, term in enumerate(terms)}
    nodes = [
        {"t": term, "x": round(places[term][0], 4), "y": round(places[term][1], 4), "c": int(community[term]),
         "r": table.role[term], "p": [number[paper] for paper in drawn.nodes[term]["papers"]]}
        for term in terms
    ]  # fmt: skip
    edges = [
        [position[one], position[other], round(edge["strength"], 2), [number[paper] for paper in edge["papers"]]]
        for one, other, edge in drawn.edges(data=True)
    ]
    return {"name": name, "nodes": nodes, "edges": edges}


def _json(data):
    """JSON for a script element: no sign in it can begin a tag, a comment or a new line of script."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _text(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
