"""New papers from the web, if asked for: OpenAlex (pyalex), arXiv (arxiv), Crossref (habanero).

Each answer is kept as dated JSON in the user's cache (`workspace.cache_dir("literature")`), abstracts included: they
stay there, out of the repository. The clients are optional (`pip install pyalex arxiv habanero`) and imported only
here. Without being asked the frozen bibliography is used; if a source cannot be reached, its last kept answer or none,
and `papers.attrs["origin"]` says which. What the web adds has no assigned keywords, so it enters the maps of titles and
not those of keywords.
"""

import json
import math
import re
from datetime import date
from importlib import import_module

import pandas as pd

from helpers import storage, workspace
from helpers.datasets import _outside
from helpers.literature import corpus, text
from helpers.workspace import WorkbookError


class Unreachable(WorkbookError):
    """A source gave no answer at all."""


NEEDS = {"openalex": "pyalex", "arxiv": "arxiv", "crossref": "habanero"}


def update(papers, query, sources=(), most=100, today=None, ask=None):
    """The bibliography with what today's answers add, and a table source, found, left_out, new, answer (its file).

    sources: names from NEEDS, none for the frozen bibliography alone. ask: function (source, query, most) to a list of
    records (dict), for tests. Records without a title or year are left out. A source that cannot be reached is named
    in the origin; an error page is an error.
    """
    rows, whole, silent = [], papers.copy(), []
    for source in sources:
        workspace.require_known(source, tuple(NEEDS), "source of literature")
        try:
            answer, name = fetch(source, query, most, today, ask)
        except Unreachable as why:
            answer, name = last_kept(source, query, most)
            silent.append(f"{why.problem}, so {name or 'nothing'} of it is used")
        found = to_papers(answer, source, name)
        new = unknown(found, whole) if len(found) else found
        whole = pd.concat([whole, new], ignore_index=True) if len(new) else whole
        rows.append((source, len(found), len(answer) - len(found), len(new), name))
    origin, added = papers.attrs["origin"], list(whole.id[len(papers) :])
    if added:
        origin += f", and {len(added)} papers from {', '.join(row[4] for row in rows if row[3])}"
    origin = "; ".join([origin, *silent])
    whole.attrs = {"origin": origin, "digest": storage.digest(papers.attrs["digest"], added)}
    return whole, pd.DataFrame(rows, columns=["source", "found", "left_out", "new", "answer"])


def fetch(source, query, most=100, today=None, ask=None):
    """Records of a source for a query, and the name of the file that keeps them: from there if asked before today."""
    day = (today or date.today()).isoformat()
    name = f"{source}-{day}-{storage.digest(query, most)}.json"
    file = workspace.cache_dir("literature") / name
    if not file.exists():
        try:
            records = (ask or globals()[f"_ask_{source}"])(source, query, most)
        except WorkbookError:
            raise
        except Exception as error:  # whatever a client or the network throws
            remedy = "go online, wait, or ask for no source: the frozen bibliography is always there"
            raise Unreachable(f"{source} did not answer ({type(error).__name__}: {error})", remedy=remedy) from error
        content = {"source": source, "query": query, "most": most, "date": day, "records": _records(records, source)}
        with storage.atomic(file) as path:
            path.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
    return _kept(file, source), name


def last_kept(source, query, most=100):
    """Records and file name of the latest kept answer to a query; none and "" if there is none."""
    files = sorted(workspace.cache_dir("literature").glob(f"{source}-*-{storage.digest(query, most)}.json"))
    return (_kept(files[-1], source), files[-1].name) if files else ([], "")


def to_papers(records, source, name):
    """Records as rows of the bibliography. Those without a title or a year of publication are left out."""
    empty = dict.fromkeys(corpus.COLUMNS, "") | dict.fromkeys(corpus.SCORES, math.nan)
    rows = []
    for record in records:
        title, year = text.plain(str(record.get("title") or "")[: _outside.CELL]), str(record.get("year") or "")
        if not corpus.fold(title) or not re.fullmatch(r"[0-9]{4}", year):
            continue
        if not corpus.YEARS[0] <= int(year) <= corpus.YEARS[1]:
            continue
        doi = re.sub(r"^https?://(dx\.)?doi\.org/", "", str(record.get("doi") or "").strip()).lower()
        number = corpus.ARXIV.search(str(record.get("arxiv") or ""))
        rows.append(empty | {
            "id": f"web{storage.digest(corpus.fold(title))}", "title": title, "year": int(year),
            "authors": "; ".join(map(str, record.get("authors") or ())), "venue": str(record.get("venue") or ""),
            "type": "preprint" if source == "arxiv" else "journal",
            "doi": doi if corpus.DOI.fullmatch(doi) else "", "arxiv": number[0] if number else "",
            "keywords": (), "datasets": (), "task": "other", "method_family": "none", "source": f"{source}: {name}",
        })  # fmt: skip
    return pd.DataFrame(rows, columns=corpus.COLUMNS)


def unknown(found, papers):
    """Rows of `found` that are not yet in `papers`, by title, DOI or arXiv number, each once."""
    titles = found.title.map(corpus.fold)
    old = titles.isin(set(papers.title.map(corpus.fold))) | titles.duplicated()
    for name in ("doi", "arxiv"):
        keys = found[name].str.lower()
        old |= keys.ne("") & (keys.isin(set(papers[name].str.lower())) | keys.duplicated())
    return found[~old]


def _kept(file, source):
    try:
        return _records(json.loads(_outside.contents(file, _outside.TABLE))["records"], source)
    except (WorkbookError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise WorkbookError("the kept answer cannot be read", file=file, remedy="delete it and ask again") from error


def _records(records, source):
    """A list of dictionaries with titles, or WorkbookError: an error page must not pass for an empty answer."""
    shown = re.sub(r"\s+", " ", str(records))[:80]
    if not isinstance(records, list) or not all(map(_is_record, records)):
        remedy = "ask again later; nothing was kept"
        raise WorkbookError(f"{source} answered with something that is no list of papers: {shown!r}", remedy=remedy)
    return records


def _is_record(record):
    return isinstance(record, dict) and "title" in record and isinstance(record.get("authors") or [], list)


def _client(source):
    try:
        return import_module(NEEDS[source])
    except ImportError as error:
        remedy = f"pip install {NEEDS[source]}, or ask for no source"
        raise WorkbookError(f"asking {source} needs the package {NEEDS[source]}", remedy=remedy) from error


def _ask_openalex(source, query, most):
    works = _client(source).Works().search(query).get(per_page=min(most, 200))
    return [
        {"title": work["title"], "year": work["publication_year"], "doi": work["doi"],
         "authors": [a["author"]["display_name"] for a in work["authorships"]],
         "venue": ((work.get("primary_location") or {}).get("source") or {}).get("display_name"),
         "abstract": work["abstract"]}
        for work in works
    ]  # fmt: skip


def _ask_arxiv(source, query, most):
    client = _client(source)
    found = client.Client().results(client.Search(query=query, max_results=most))
    return [
        {"title": paper.title, "year": paper.published.year, "doi": paper.doi, "arxiv": paper.get_short_id(),
         "authors": [author.name for author in paper.authors], "venue": "arXiv", "abstract": paper.summary}
        for paper in found
    ]  # fmt: skip


def _ask_crossref(source, query, most):
    answer = _client(source).Crossref().works(query=query, limit=most)
    return [
        {"title": " ".join(item.get("title") or ()), "doi": item.get("DOI"),
         "year": (item.get("issued", {}).get("date-parts") or [[None]])[0][0],
         "authors": [f"{a.get('family', '')}, {a.get('given', '')}" for a in item.get("author", ())],
         "venue": " ".join(item.get("container-title") or ()), "abstract": item.get("abstract")}
        for item in answer["message"]["items"]
    ]  # fmt: skip
