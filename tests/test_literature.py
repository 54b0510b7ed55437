"""The literature map: a bibliography that refuses what is wrong, a map equal to one drawn by hand, all offline."""

import html
import json
import re
import socket
import sys
from datetime import date
from itertools import combinations
from types import SimpleNamespace

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import workspace
from helpers.literature import (
    bibtex,
    corpus,
    interactive,
    matrix,
    network,
    refresh,
    results,
    selection,
    text,
    topics,
    trends,
)
from helpers.show import literature, literature_results, plots, records
from helpers.workspace import WorkbookError

# Ten papers: a, c in five, b, d in four, e in one; a+b in three, a+c, b+c, c+d in two, d+e in one
TOY = pd.Series(
    [
        ("a", "b"),
        ("a", "b"),
        ("a", "b", "c"),
        ("a", "c"),
        ("a",),
        ("b", "c"),
        ("c", "d"),
        ("c", "d"),
        ("d", "e"),
        ("d",),
    ],
    index=[f"p{number}" for number in range(1, 11)],
)
ROW = dict.fromkeys(corpus.COLUMNS, "") | {
    "id": "yan2014casme", "title": "CASME II: An improved database", "authors": "Yan, W.-J.; Fu, X.", "year": "2014",
    "type": "dataset", "task": "dataset", "method_family": "none", "keywords": "benchmark dataset", "source": "a list",
}  # fmt: skip
HOSTILE = "__DATA__ __TITLE__ </script><script>alert(1)</script><img src=x onerror=alert(2)> <!-- \u2028 & ' \""


@pytest.fixture(scope="module")
def papers():
    return corpus.read()


@pytest.fixture(scope="module")
def toy():
    return network.build(TOY, least=2, together=2)


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """Any attempt to reach the network ends the test."""

    def refuse(*_):
        raise AssertionError("a test reached for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def write(path, *rows):
    pd.DataFrame([ROW | row for row in rows]).to_csv(path, index=False)
    return path


def read(path, *rows):
    return corpus.read(write(path / "papers.csv", *rows))


# The bibliography


def test_every_record_has_a_source_and_passes_the_rules(papers):
    assert len(papers) > 400 and papers.id.is_unique and papers.source.ne("").all()
    assert papers.year.between(1960, 2026).all() and papers.doi.replace("", "10.1234/x").str.fullmatch(corpus.DOI).all()
    assert set(papers.keywords.explode()) <= set(corpus.read_vocabulary()["keywords"])
    assert {"haggard1966micromomentary", "yan2014casme"} <= set(papers.id), "the usual first citation, and CASME II"


def test_no_record_hides_a_doubt_in_its_source(papers):
    assert not papers.source.str.contains("unverified|general knowledge|inferred", case=False).any()
    words = papers[["title", "authors", "source", "checked"]].to_numpy().ravel()
    assert not [word for word in words if re.search(r"^/|\\|www\.|\bTODO\b", word)]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"year": ""}, "the year is missing"),
        ({"year": "1959"}, "not from 1960"),
        ({"year": "2014a"}, "not from 1960"),
        ({"doi": "https://doi.org/10.1/x"}, "DOI .* malformed"),
        ({"doi": "10.1234/a b"}, "DOI .* malformed"),
        ({"arxiv": "arXiv:1907"}, "arXiv number .* malformed"),
        ({"keywords": "optical flow; opticle flow"}, "unknown keywords 'opticle flow'"),
        ({"keywords": ""}, "unknown keywords"),
        ({"task": "dating"}, "unknown task"),
        ({"uar": "46.3"}, "uar '46.3' is not a number from 0 to 1"),
        ({"source": ""}, "the source is missing"),
        ({"title": " $ "}, "the title is missing"),
        ({"id": "Yan 2014"}, "the id"),
    ],
)
def test_a_bad_row_is_refused_with_file_row_and_remedy(tmp_path, change, problem):
    with pytest.raises(WorkbookError, match=problem) as refused:
        read(tmp_path, ROW, {"id": "other2015paper", "title": "Another paper"} | change)
    assert refused.value.row == 3 and "papers.csv" in str(refused.value) and "What to do" in str(refused.value)


@pytest.mark.parametrize(
    ("twin", "what"),
    [
        ({"title": r"CASME~II: An \textit{improved} data-base"}, "title"),
        ({"title": "Casme ii — an Improved Database"}, "title"),
        ({"title": "Another", "doi": "10.1371/Journal.1"}, "DOI"),
        ({"title": "Another", "arxiv": "1907.09160"}, "arXiv number"),
        ({"title": "Another", "id": ROW["id"]}, "id"),
    ],
)
def test_one_paper_under_two_ids_is_found(tmp_path, twin, what):
    with pytest.raises(WorkbookError, match=f"have the same {what}"):
        read(tmp_path, {"doi": "10.1371/journal.1", "arxiv": "1907.09160"}, {"id": "yan2015casme"} | twin)


def test_titles_in_any_script_are_papers_like_others(tmp_path):
    rows = [
        {"title": "微表情在欺骗检测中的应用"},
        {"id": "b2014b", "title": "Микровыражения лица"},
        {"id": "c2014c", "title": "N-Step Décalcomanie"},
    ]
    found = read(tmp_path, *rows)
    assert found.title.map(corpus.fold).is_unique and (found.title.map(corpus.fold) != "").all()
    assert text.compute_terms(found, least=1)[0].map(len).gt(0).all()


def test_a_file_that_is_no_table_is_refused_by_name(tmp_path):
    (tmp_path / "papers.csv").write_text("<html>404</html>")
    with pytest.raises(WorkbookError, match="columns are missing: id"):
        corpus.read(tmp_path / "papers.csv")
    for nothing, problem in (("", "cannot be read"), (",".join(corpus.COLUMNS) + "\n", "there is no paper in it")):
        (tmp_path / "papers.csv").write_text(nothing)
        with pytest.raises(WorkbookError, match=problem):
            corpus.read(tmp_path / "papers.csv")
    with pytest.raises(WorkbookError, match=r"absent\.csv"):
        corpus.read(tmp_path / "absent.csv")


def test_a_dataset_has_one_spelling_and_is_not_younger_than_its_papers(papers, tmp_path):
    with pytest.raises(WorkbookError, match="'CASMEII' is spelled 'CASME II' elsewhere"):
        read(tmp_path, {"datasets": "CASME II"}, {"id": "b2015b", "title": "Another", "datasets": "SMIC; CASMEII"})
    first = {"SMIC": 2011, "CASME": 2013, "CASME II": 2014, "SAMM": 2016, "MMEW": 2021, "CAS(ME)^3": 2022, "DFME": 2023}
    for row in papers.itertuples():
        assert all(row.year >= first.get(name, 0) for name in row.datasets), row.id


def test_two_tables_of_one_paper_are_one_place():
    assert corpus.places("reference list of arXiv:1805.02397; arXiv:1805.02397 Tables 6-7") == {"1805.02397"}
    assert len(corpus.places("public repository (README); comparison table in public repository")) == 1
    assert len(corpus.places("a/list/README.md; ar5iv 2006.09674")) == 2


def test_citations_say_who_is_known():
    cite = lambda authors: corpus.cite(pd.Series({"authors": authors, "title": "A b c d e", "year": 2014}))  # noqa: E731
    assert [cite("Yan, W."), cite("Yan, W.; Fu, X."), cite("Yan, W.; others")] == [
        "Yan 2014",
        "Yan & Fu 2014",
        "Yan et al. 2014",
    ]
    assert cite("A, B; C, D; E, F") == "A et al. 2014" and cite("") == "“A b c d …” 2014"


def test_the_bibtex_file_is_what_the_code_makes_of_the_table(papers):
    stored = (corpus.FOLDER / "papers.bib").read_text(encoding="utf-8")
    assert stored == bibtex.export(papers), "run python -m helpers.literature.bibtex"
    assert re.findall(r"^@\w+\{(\w+),$", stored, re.MULTILINE) == [*papers.id]


@given(st.text(max_size=60))
def test_bibtex_braces_stay_balanced(title):
    depth = 0
    for sign in re.sub(r"\\[\\{}]", "", bibtex.escape(title)):
        depth += (sign == "{") - (sign == "}")
        assert depth >= 0
    assert depth == 0


# Selection


def test_selections_are_sets_with_a_trail(papers):
    everything = selection.Selection.of(papers)
    micro = everything.keep("micro", selection.about_micro)
    fair = everything.keep("fairness", selection.has("keywords", "fairness"))
    both, either = micro & fair, micro | fair
    assert len(both) + len(either) == len(micro) + len(fair) and len(micro - fair) == len(micro) - len(both)
    assert len(everything - micro) + len(micro) == len(papers)
    trail = micro.leave_out("surveys", selection.has("task", "survey")).compute_trail()
    assert [*trail.step] == ["in the bibliography", "micro", "surveys"] and trail.papers.is_monotonic_decreasing
    assert (trail.papers.iloc[0] - trail.left_out.sum()) == trail.papers.iloc[-1]


def test_an_empty_search_is_said_with_its_trail(papers):
    nothing = selection.Selection.of(papers).keep("about unicorns", selection.mentions("unicorn"))
    assert len(nothing) == 0
    with pytest.raises(
        WorkbookError, match=rf"no paper is left \(in the bibliography: {len(papers)} → about unicorns: 0\)"
    ):
        nothing.require()


@given(st.lists(st.booleans(), min_size=10, max_size=10), st.lists(st.booleans(), min_size=10, max_size=10))
def test_set_algebra_is_that_of_sets(one, other):
    table = pd.DataFrame({"id": TOY.index})
    first, second = (selection.Selection(table[mask]) for mask in (np.array(one), np.array(other)))
    ids = [set(part.papers.id) for part in (first, second, first & second, first | second, first - second)]
    assert ids[2:] == [ids[0] & ids[1], ids[0] | ids[1], ids[0] - ids[1]]


# Words


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        (r"{\'E}motion and na\"{\i}ve $\alpha$-nets", "Émotion and naïve alpha -nets"),
        ("CAS(ME)$^2$: a {D}atabase", "CAS(ME)2: a Database"),
        (r"\textbf{MA}cro \emph{to} micro", "MAcro to micro"),
        ("Micro &amp; <i>macro</i>", "Micro & macro"),
        ("微表情 识别", "微表情 识别"),
        ("Micro\u2010expression", "Micro-expression"),
    ],
)
def test_titles_lose_their_tex_and_mark_up(title, expected):
    assert text.plain(title) == expected


@given(st.text(max_size=80))
def test_any_text_can_be_a_title(title):
    plain = text.plain(title)
    assert not re.search(r"[{}$\\]", plain)
    assert all(word == word.casefold() for word in text.tokens(title, {}))
    assert corpus.fold(corpus.fold(title)) == corpus.fold(title)


def titled(*titles):
    return pd.DataFrame({"id": [f"p{number}" for number in range(len(titles))], "title": titles})


def test_phrases_are_found_and_spellings_are_one_term():
    table = titled(
        "Optical flow for microexpression spotting", "Micro-expressions and optical flow", "An optical flow of faces",
        "Facial micro expression databases", "Strain and optical flow", "A micro-expression database", "Lying",
    )  # fmt: skip
    terms, phrases = text.compute_terms(table, least=2)
    assert phrases.phrase[0] == "optical flow" and phrases.papers[0] == 4
    assert terms["p1"] == ("micro-expression", "optical flow") and terms["p6"] == ()
    assert terms["p3"] == terms["p5"] == ("micro-expression", "database"), "singular or plural, with hyphen or without"
    frequency = text.compute_frequency(terms)
    assert frequency.papers.max() == 4 and frequency.share.max() == pytest.approx(4 / 7)


def test_no_titles_give_no_terms():
    terms, phrases = text.compute_terms(titled(), least=1)
    assert len(terms) == len(phrases) == len(text.compute_frequency(terms)) == 0


# The network


def test_the_network_of_ten_papers_is_the_one_computed_by_hand(toy):
    assert dict(toy.nodes(data="count")) == {"a": 5, "b": 4, "c": 5, "d": 4}
    strength = {(one, other): edge["strength"] for one, other, edge in toy.edges(data=True)}
    assert strength == pytest.approx({("a", "b"): 1.5, ("a", "c"): 0.8, ("b", "c"): 1.0, ("c", "d"): 1.0})
    assert toy.edges["b", "c"]["papers"] == ["p3", "p6"] and toy.nodes["d"]["papers"] == ["p7", "p8", "p9", "p10"]
    table = network.compute_centrality(toy).set_index("term")
    assert table.degree.to_dict() == pytest.approx({"a": 2 / 3, "b": 2 / 3, "c": 1, "d": 1 / 3})
    assert table.betweenness.to_dict() == pytest.approx({"a": 0, "b": 0, "c": 2 / 3, "d": 0})
    assert table.core.to_dict() == {"a": 2, "b": 2, "c": 2, "d": 1}
    assert table.role.to_dict() == {"a": "centre", "b": "centre", "c": "centre", "d": "rim"}
    weights = nx.to_numpy_array(toy, [*"abcd"], weight="count")
    leading = np.linalg.eigh(weights)[1][:, -1]
    assert table.eigenvector[[*"abcd"]].to_numpy() == pytest.approx(np.abs(leading))
    again = nx.Graph()
    again.add_nodes_from(sorted(toy.nodes(data=True), reverse=True))
    again.add_edges_from(toy.edges(data=True))
    other = network.compute_centrality(again).set_index("term").loc[table.index]
    assert other.eigenvector.tolist() == table.eigenvector.tolist(), "to the last digit, in whatever order terms come"


def test_every_edge_leads_back_to_papers_that_have_both_terms(toy):
    for row in network.compute_edges(toy).itertuples():
        ids = row.ids.split("; ")
        assert len(ids) == row.papers and all({row.term, row.other} <= set(TOY[paper]) for paper in ids)


def test_the_same_seed_gives_the_same_layout_whatever_the_order(toy):
    again = nx.Graph()
    again.add_nodes_from(reversed(list(toy.nodes(data=True))))
    again.add_edges_from((other, one, data) for one, other, data in reversed(list(toy.edges(data=True))))
    places = network.layout(toy, seed=3)
    assert places == network.layout(again, seed=3) and places != network.layout(toy, seed=4)
    assert all(0 <= value <= 1 for place in places.values() for value in place)


def test_an_added_paper_changes_the_map_and_nothing_else_has_to():
    more = pd.concat([TOY, pd.Series({"p11": ("d", "e"), "p12": ("a", "d")})])
    graph = network.build(more, least=2, together=2)
    assert graph.has_edge("d", "e") and graph.edges["d", "e"]["strength"] == pytest.approx(12 * 2 / (6 * 2))


def test_communities_of_two_cliques_are_the_cliques_and_all_seeds_agree():
    sets = pd.Series([("a", "b", "c")] * 4 + [("x", "y", "z")] * 3, index=[f"p{number}" for number in range(7)])
    labels, found = network.communities(network.build(sets, 2), seeds=5)
    assert {labels[term] for term in "abc"}.isdisjoint(labels[term] for term in "xyz") and len(
        set(labels.values())
    ) == 2
    assert found["agreement"] == 1 and found["communities"] == 2
    table = network.compute_centrality(network.build(sets, 2), labels)
    assert table.eigenvector.ge(0).all() and table.core.eq(2).all(), "a graph in two parts is no error"


def test_papers_without_a_pair_are_refused():
    with pytest.raises(WorkbookError, match="no two terms share 2 papers"):
        network.build(pd.Series({"p1": ("a", "b"), "p2": ("c",)}), 1)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.frozensets(st.sampled_from("abcdefg"), max_size=5), min_size=2, max_size=25))
def test_strength_is_observed_over_expected_for_any_papers(drawn):
    sets = pd.Series(
        [tuple(sorted(terms)) for terms in drawn], index=[f"p{n}" for n in range(len(drawn))], dtype=object
    )
    counts = {pair: sum(set(pair) <= terms for terms in drawn) for pair in combinations("abcdefg", 2)}
    if not any(counts.values()):
        return
    graph = network.build(sets, 1, 1)
    assert {tuple(sorted(edge)) for edge in graph.edges} == {pair for pair, count in counts.items() if count}
    for one, other, edge in graph.edges(data=True):
        single = [sum(term in terms for terms in drawn) for term in (one, other)]
        assert edge["strength"] == pytest.approx(len(drawn) * edge["count"] / np.prod(single))
    assert set(network.backbone(graph, 2).edges) <= {edge for pair in graph.edges for edge in (pair, pair[::-1])}


def test_two_identical_maps_agree_and_spelling_does_not_matter(toy):
    labels = {"a": 0, "b": 0, "c": 1, "d": 1}
    same = network.compute_agreement((toy, labels), (toy, labels)).value
    assert same.to_numpy() == pytest.approx(1.0)
    names = {"a": "local binary patterns", "b": "optical flow", "c": "frames", "d": "x"}
    other = {"a": "Local binary pattern", "b": "optical flow", "c": "frame", "d": "y"}
    pair = [
        (nx.relabel_nodes(toy, new), {new[term]: label for term, label in labels.items()}) for new in (names, other)
    ]
    assert network.compute_agreement(*pair).of[0] == "3 terms"


# Time, gaps, topics, results


def test_a_burst_is_found_where_it_was_put():
    years = np.repeat(np.arange(2010, 2020), 10)
    papers = pd.DataFrame({"id": [f"p{n}" for n in range(100)], "year": years})
    often = {2014: 8, 2015: 9}
    sets = pd.Series([("x",) if n % 10 < often.get(year, 1) else () for n, year in enumerate(years)], index=papers.id)
    (burst,) = trends.compute_bursts(papers, sets, since=2010).itertuples()
    assert (burst.start, burst.end, burst.papers) == (2014, 2015, 17) and burst.then == pytest.approx(0.85)
    steady = pd.Series([("x",) if n % 2 else () for n in range(100)], index=papers.id)
    assert len(trends.compute_bursts(papers, steady, since=2010)) == 0


def test_the_timeline_counts_every_paper_and_every_year(papers):
    timeline = trends.compute_timeline(papers)
    assert timeline.drop(columns="year").to_numpy().sum() == len(papers)
    assert [*timeline.year] == [*range(papers.year.min(), papers.year.max() + 1)]


def test_gaps_are_counted_against_chance():
    sets = pd.Series([("a",)] * 4 + [("b",)] * 5 + [("c",)], index=[f"p{n}" for n in range(10)])
    (gap,) = matrix.compute_gaps(sets, least=2, expected=1).itertuples()
    assert (gap.term, gap.other, gap.papers, gap.expected) == ("a", "b", 0, 2.0)
    assert gap.p == pytest.approx(6 / 252), "5 of 10 drawn, none of the 4: C(6,5) / C(10,5)"
    assert len(matrix.compute_gaps(TOY, least=50)) == 0


def test_the_correction_counts_every_pair_tested_and_not_only_the_thin_ones():
    sets = pd.Series([("a", "b")] * 6 + [("a", "x")] * 2 + [("b", "y")] * 2 + [("x", "y")] * 6)
    gaps = matrix.compute_gaps(sets.set_axis([f"p{n}" for n in range(16)]), least=2, expected=1)
    assert [*gaps.papers] == [0, 0, 2, 2], "of six pairs, a+b and x+y meet often"
    assert gaps.p[0] == pytest.approx(1 / 12870) and gaps.q[0] == pytest.approx(6 / 2 / 12870), "C(16,8) ways"


def test_two_rare_topics_that_never_met_are_no_proof(papers):
    meeting = matrix.compute_meetings(papers, corpus.keyword_sets(papers), [("expression intensity", "fairness")]).loc[
        0
    ]
    assert meeting.papers == 0 and 0.05 < meeting.p < 1


def test_the_matrix_counts_a_paper_in_each_of_its_datasets():
    table = pd.DataFrame({"datasets": [("A", "B"), ("A",), ()], "method_family": ["cnn", "rnn", "cnn"]})
    counts = matrix.compute_matrix(table)
    assert counts.loc["A"].to_dict() == {"cnn": 1, "rnn": 1} and counts.loc["B", "cnn"] == 1


def test_topics_that_are_there_are_found_again():
    sets = pd.Series([("a", "b")] * 10 + [("x", "y")] * 6 + [()], index=[f"p{n}" for n in range(17)])
    found = topics.compute_topics(sets, topics=2)
    assert [*found.papers] == [10, 6] and found.stability.min() > 0.99
    assert set(found.terms[0].split(", ")) == {"a", "b"}


def test_scores_of_leaky_code_are_marked_and_a_wrong_uar_is_replaced(papers):
    reported = results.compute_reported(papers).set_index("method")
    assert set(reported.leak) <= {"yes", "not seen", "not found"} and reported.loc["HTNet", "leak"] == "yes"
    assert reported.uar["STSTNet"] == 0.7186 and reported.uar_published["STSTNet"] == 0.7605
    audits = pd.read_csv(corpus.FOLDER / "audits.csv")
    assert set(audits.id) <= set(papers.id) and set(reported.id) == set(audits.id)
    band = results.compute_band(results.read_measured())
    assert 0.6 < band["low"] < band["high"] < 0.8 < min(band["leaks"].values()) and len(band["leaks"]) == 2


def test_the_corrected_uar_follows_from_the_confusion_matrix_of_the_log():
    counts = np.array([[219, 22, 9], [40, 62, 7], [21, 3, 59]])
    recall, precision = counts.diagonal() / counts.sum(axis=1), counts.diagonal() / counts.sum(axis=0)
    assert round(recall.mean(), 4) == 0.7186 and round(precision.mean(), 4) == 0.7605


def test_claims_without_a_source_are_marked_so(papers, tmp_path):
    verdicts = results.compute_claims(papers).set_index("claim").verdict
    assert verdicts[verdicts.index.str.contains("accuracy")].eq("no source").all() and len(verdicts) == 7
    rows = [{"method": "LBP-TOP", "dataset": "CASME II", "year": "2014", "accuracy": "0.634", "uar": "",
             "kind": "result"},
            {"kind": "reference", "title": "Data Leakage and Evaluation Issues in Micro-Expression Analysis",
             "authors": "Varanka, T.", "venue": "IEEE Transactions on Affective Computing", "year": "2024"},
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "claims.csv", index=False)
    assert [*results.compute_claims(papers, tmp_path / "claims.csv").verdict] == ["found", "found"]


# New papers from the web


RECORDS = [
    {
        "title": "A new <i>micro-expression</i> paper",
        "year": 2026,
        "doi": "https://doi.org/10.1234/New",
        "authors": ["A, B"],
        "abstract": "x",
    },
    {"title": "HTNet for Micro-Expression recognition.", "year": 2023, "doi": None},
    {"title": "No year", "year": None},
    {"title": "", "year": 2020},
]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv(workspace.CACHE_VARIABLE, str(tmp_path))
    return tmp_path / "literature"


def never(*_):
    raise AssertionError("asked the web although the answer is kept")


def test_without_being_asked_the_frozen_bibliography_is_used(papers, cache):
    same, answers = refresh.update(papers, "micro-expression", ask=never)
    assert same.equals(papers) and len(answers) == 0 and "frozen" in same.attrs["origin"] and not cache.exists()


def test_an_answer_is_kept_as_dated_json_and_replayed(papers, cache):
    ask = lambda *_: RECORDS  # noqa: E731
    first, answers = refresh.update(papers, "q", ("crossref",), today=date(2026, 11, 21), ask=ask)
    (file,) = cache.iterdir()
    assert (
        file.name.startswith("crossref-2026-11-21-") and json.loads(file.read_text())["records"][0]["abstract"] == "x"
    )
    again, _ = refresh.update(papers, "q", ("crossref",), today=date(2026, 11, 21), ask=never)
    assert [*again.id] == [*first.id] and again.attrs == first.attrs and again.attrs["digest"] != papers.attrs["digest"]
    assert answers.found[0] == answers.left_out[0] == 2 and answers.new[0] == 1, "what is known or incomplete adds none"
    new = again.iloc[-1]
    assert (new.title, new.doi, new.year) == ("A new micro-expression paper", "10.1234/new", 2026)
    assert file.name in again.attrs["origin"] and file.name in new.source and "abstract" not in again
    assert selection.about_micro(again).iloc[-1], "an added paper enters the maps without code"


@pytest.mark.parametrize(
    "answer", ["<html>503 Service Unavailable</html>", {"error": "rate"}, [{"message": "no"}], None]
)
def test_an_error_page_is_refused_by_name_and_not_kept(papers, cache, answer):
    with pytest.raises(WorkbookError, match="openalex answered with something that is no list of papers"):
        refresh.update(papers, "q", ("openalex",), ask=lambda *_: answer)
    assert not list(cache.glob("*")), "an error page must not pass for tomorrow's answer"


def unplugged(*_):
    raise OSError("Network is unreachable")


def test_offline_the_frozen_bibliography_is_used_and_says_so(papers, cache):
    same, answers = refresh.update(papers, "q", ("arxiv",), ask=unplugged)
    assert same.equals(papers) and answers.found[0] == 0 and not list(cache.glob("*"))
    assert re.search(r"frozen bibliography.*arxiv did not answer .*unreachable.*nothing of it", same.attrs["origin"])
    with pytest.raises(WorkbookError, match="unknown source of literature 'scholar'"):
        refresh.update(papers, "q", ("scholar",))


def test_offline_the_last_kept_answer_is_used_with_its_date(papers, cache):
    for day in ("2026-11-01", "2026-11-20"):
        refresh.update(papers, "q", ("arxiv",), today=date.fromisoformat(day), ask=lambda *_: RECORDS)
    later, answers = refresh.update(papers, "q", ("arxiv",), today=date(2026, 11, 21), ask=unplugged)
    assert (
        answers.new[0] == 1
        and "did not answer" in later.attrs["origin"]
        and "arxiv-2026-11-20" in later.attrs["origin"]
    )


@pytest.mark.parametrize("source", refresh.NEEDS)
def test_clients_are_imported_only_when_asked_for(papers, cache, source, monkeypatch):
    monkeypatch.setitem(refresh.NEEDS, source, "a_package_that_is_not_there")
    with pytest.raises(
        WorkbookError, match=f"asking {source} needs the package a_package_that_is_not_there.*pip install"
    ):
        refresh.update(papers, "q", (source,))


def openalex():
    work = {
        "title": "A", "publication_year": 2026, "doi": "https://doi.org/10.1234/a", "abstract": None,
        "authorships": [{"author": {"display_name": "Ann B"}}], "primary_location": None,
    }  # fmt: skip
    return SimpleNamespace(Works=lambda: SimpleNamespace(search=lambda q: SimpleNamespace(get=lambda per_page: [work])))


def arxiv():
    paper = SimpleNamespace(
        title="A", published=SimpleNamespace(year=2026), doi="10.1234/a", authors=[SimpleNamespace(name="Ann B")],
        summary="", get_short_id=lambda: "2611.00001v1",
    )  # fmt: skip
    return SimpleNamespace(Client=lambda: SimpleNamespace(results=iter), Search=lambda query, max_results: [paper])


def crossref():
    item = {
        "title": ["A"],
        "issued": {"date-parts": [[2026, 1]]},
        "DOI": "10.1234/A",
        "author": [{"family": "B", "given": "Ann"}],
    }
    answer = {"message": {"items": [item]}}
    return SimpleNamespace(Crossref=lambda: SimpleNamespace(works=lambda query, limit: answer))


@pytest.mark.parametrize("client", [openalex, arxiv, crossref])
def test_each_client_s_answer_becomes_a_paper(papers, cache, client, monkeypatch):
    source = client.__name__
    monkeypatch.setitem(sys.modules, refresh.NEEDS[source], client())
    whole, answers = refresh.update(papers, "q", (source,))
    new = whole.iloc[-1]
    assert answers.new[0] == 1 and (new.title, new.year, new.doi) == ("A", 2026, "10.1234/a") and "B" in new.authors
    assert new.arxiv == ("2611.00001" if source == "arxiv" else "")


def test_a_damaged_answer_is_refused_by_its_name(papers, cache):
    refresh.update(papers, "q", ("arxiv",), ask=lambda *_: RECORDS)
    (file,) = cache.iterdir()
    file.write_text("{")
    with pytest.raises(WorkbookError, match=f"{file.name}.*cannot be read"):
        refresh.update(papers, "q", ("arxiv",), ask=never)


# The page


def build_page(toy, title="Toy"):
    table = pd.DataFrame(
        [ROW | {"id": paper, "title": title, "doi": "10.1234/a(b);c", "year": 2020} for paper in TOY.index]
    )
    labels, _ = network.communities(toy, seeds=2)
    return interactive.page({"Keywords": (toy, labels)}, table, title)


def data_of(page):
    return json.loads(re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.DOTALL)[1])


def test_the_page_holds_all_it_needs_and_links_only_to_papers(toy):
    page = build_page(toy)
    known = {"https://doi.org/", "https://arxiv.org/abs/", "https://doi.org/10.1234/a(b);c"}
    assert set(re.findall(r"https?:[^\s\"'<]*", page)) == known, "no address but the papers' own"
    assert not re.search(
        r"<(link|img|iframe|object|embed|base)\b|\bsrc=|@import|url\(|\bimport\b|fetch\(|XMLHttp", page
    )
    assert "default-src 'none'" in page
    data = data_of(page)
    assert [node["t"] for node in data["maps"][0]["nodes"]] == ["a", "c", "b", "d"] and len(data["papers"]) == 10
    for one, other, strength, ids in data["maps"][0]["edges"]:
        terms = {data["maps"][0]["nodes"][index]["t"] for index in (one, other)}
        assert strength == round(toy.edges[tuple(terms)]["strength"], 2)
        assert [TOY.index[index] for index in ids] == toy.edges[tuple(terms)]["papers"]


def test_a_hostile_title_stays_text(toy):
    page = build_page(toy, HOSTILE)
    assert page.count("<script") == page.count("</script>") == build_page(toy).count("<script")
    assert "<img" not in page and "<!--" not in page and data_of(page)["papers"][0][0] == HOSTILE
    assert "innerHTML" not in page and "insertAdjacentHTML" not in page and "document.write" not in page


def test_a_link_cannot_leave_its_attribute():
    row = pd.Series({"doi": '10.1234/"><script>', "arxiv": ""})
    assert interactive.address(row) == "https://doi.org/10.1234/%22%3E%3Cscript%3E"
    assert interactive.address(pd.Series({"doi": "", "arxiv": ""})) == ""


def test_the_same_seed_gives_the_same_page(papers):
    keywords = corpus.keyword_sets(papers)
    graph = network.build(keywords)
    pages = [interactive.page({"k": (graph, network.communities(graph)[0])}, papers, "t") for _ in range(2)]
    assert pages[0] == pages[1] and len(pages[0]) < 500_000


# What a notebook shows of it


def test_a_run_names_the_bibliography_on_its_figures_and_keeps_the_page(papers, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(plots, "stamp", lambda figure, label: said.append(label))
    run = records.Run("99_test", "demo", "", "", str(tmp_path), "tiny", 0)
    run.use_papers(papers)
    run.figure(literature.plot_timeline(trends.compute_timeline(papers)), "timeline")
    shown = run.page("<b>&\"'</b>", "network").data
    assert said == [f"literature: {len(papers)} papers"] and run.notes["data_fingerprint"] == papers.attrs["digest"]
    assert html.escape("<b>&\"'</b>") in shown and "allow-same-origin" not in shown
    assert list(run.table(pd.DataFrame({"a": [1]}), "t")) == ["a"], "a bibliography is not synthetic"
    run.finish()
    assert (run.folder / "network.html").read_text() == "<b>&\"'</b>"


def test_figures_can_be_drawn_from_small_bibliographies(toy, tmp_path):
    labels, _ = network.communities(toy, seeds=2)
    table = network.compute_centrality(toy, labels)
    frequency = text.compute_frequency(TOY)
    reported = results.compute_reported(corpus.read()).head(2)
    figures = [
        literature.plot_frequency(frequency, frequency), literature.plot_cloud(frequency, labels),
        literature.plot_network(toy, labels, table, network.layout(toy), "toy"), literature.plot_centrality(table),
        literature_results.plot_gaps(matrix.compute_gaps(TOY, least=2, expected=0.5)),
        literature_results.plot_topics(topics.compute_topics(TOY, 2)),
        literature_results.plot_reported(reported, results.compute_band(results.read_measured())),
    ]  # fmt: skip
    for figure in figures:
        figure.savefig(tmp_path / "figure.png")
        plots.close(figure)


def test_what_a_small_bibliography_does_not_hold_is_said_and_not_drawn(tmp_path):
    one = read(tmp_path, ROW)
    figures = [
        literature.plot_bursts(trends.compute_bursts(one, corpus.keyword_sets(one))),
        literature_results.plot_matrix(matrix.compute_matrix(one)),
        literature_results.plot_gaps(matrix.compute_gaps(corpus.keyword_sets(one))),
        literature_results.plot_accuracy(results.compute_accuracy(one)),
        literature_results.plot_reported(results.compute_reported(one), {}),
    ]
    for figure in figures:
        assert figure.axes[0].texts[0].get_text().startswith("no ")
        plots.close(figure)
    with pytest.raises(WorkbookError, match="no title has a term"):
        topics.compute_topics(text.compute_terms(one, least=9)[0])


def test_every_figure_of_the_notebook_has_a_caption():
    cells = json.loads((workspace.ROOT / "notebooks" / "07_literature_map.ipynb").read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells]
    places = [number for number, source in enumerate(sources) if "run.figure(" in source]
    assert len(places) == 13
    for number in places:
        words = re.sub(r"\s+", " ", sources[number + 1])
        assert all(part in words for part in ("*What it shows:*", "*How to read it:*", "*Bears on:* **")), sources[
            number
        ]
