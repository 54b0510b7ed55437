"""The bibliography in data/literature: one row a paper, read as text, checked, never repaired in silence.

Bibliographic facts only. `keywords` are assigned from VOCABULARY.md, `source` says where a record was seen, `checked`
which page it was held against. Adding a paper is adding a row; nothing else has to change.
"""

import re
import unicodedata
from datetime import date

import pandas as pd

from helpers import storage, workspace
from helpers.datasets import _outside
from helpers.workspace import WorkbookError

FOLDER = workspace.ROOT / "data" / "literature"
FILE = FOLDER / "papers.csv"
COLUMNS = (
    "id", "title", "authors", "year", "venue", "type", "doi", "arxiv", "keywords", "datasets", "task", "method_family",
    "protocol", "accuracy", "uf1", "uar", "result_dataset", "source", "checked",
)  # fmt: skip
SCORES = ("accuracy", "uf1", "uar")
OTHERS = "others"  # ends a list of authors of which not all are known
YEARS = (1960, max(2026, date.today().year))
DOI = re.compile(r"10\.\d{4,9}/[^\s<>\"{}|\\^`]+")
ARXIV = re.compile(r"\d{4}\.\d{4,5}")
SHARE = r"0(\.[0-9]+)?|1(\.0+)?"
CONTEXT = ("handcrafted feature", "deep learning")  # follow the method family, so they say nothing new about a paper


def read(file=FILE, vocabulary=None):
    """The checked bibliography, one row a paper, in the file's order.

    Columns as in COLUMNS; keywords and datasets as tuples, year int, scores float in 0..1 or NaN, the rest text ("" is
    unknown). attrs: origin (words for a reader), digest. Raises WorkbookError that names file, row and remedy.
    """
    table = read_table(file, COLUMNS)
    if not len(table):
        raise WorkbookError("there is no paper in it", file=file, remedy="restore the file, or add a row")
    papers = check(table, file, read_vocabulary() if vocabulary is None else vocabulary)
    papers.attrs = {"origin": "the frozen bibliography in data/literature", "digest": storage.digest(table.to_csv())}
    return papers


def read_table(file, columns, numbers=()):
    """A table of text beside the bibliography, blanks stripped; of it the columns named, `numbers` as float or NaN.

    Raises WorkbookError that names file and remedy, and the row of what should be a number from 0 to 1 and is not.
    """
    table = _outside.csv(file, dtype=str, keep_default_na=False, remedy="restore the file, or save it as CSV, UTF-8")
    missing = [name for name in columns if name not in table]
    if missing:
        problem = f"columns are missing: {', '.join(missing)}"
        raise WorkbookError(problem, file=file, remedy="see data/literature/README.md")
    table = table[[*columns]].apply(lambda column: column.str.strip())
    long = table.apply(lambda column: column.str.len() > _outside.CELL).any(axis=1)
    if long.any():
        problem = f"a cell holds more than {_outside.CELL} characters"
        raise WorkbookError(problem, file=file, row=int(long.idxmax()) + 2, remedy="shorten it")
    for name in numbers:
        wrong = table.index[table[name].ne("") & ~table[name].str.fullmatch(SHARE)]
        if len(wrong):
            problem = f"{name} {table[name][wrong[0]][:60]!r} is not a number from 0 to 1"
            raise WorkbookError(problem, file=file, row=int(wrong[0]) + 2, remedy="write 46.3 % as 0.463")
        table[name] = pd.to_numeric(table[name].where(table[name] != ""))
    return table


def read_vocabulary(file=FOLDER / "VOCABULARY.md"):
    """Allowed values: {"keywords": {term: meaning}, "type": {...}, "task": {...}, "method_family": {...}}."""
    text = _outside.contents(file, _outside.TABLE).decode("utf-8", errors="replace")
    allowed = {"keywords": dict(re.findall(r"^- \*\*(.+?)\*\*: (.+)$", text, re.MULTILINE))}
    for name in ("type", "task", "method_family"):
        values = re.findall(rf"^- {name}: (.+)$", text, re.MULTILINE)
        if len(values) != 1:
            raise WorkbookError(f"it needs one line `- {name}: ...`", file=file, remedy="restore the file")
        allowed[name] = dict.fromkeys(value.strip() for value in values[0].split(","))
    return allowed


def check(table, file, vocabulary):
    """Papers with typed columns from a table of text; WorkbookError at the first row that breaks a rule."""
    papers = table.copy()
    for number, row in enumerate(table.itertuples(index=False), start=2):  # 1 is the header, as spreadsheets count
        problem = next(_problems(row, vocabulary), None)
        if problem:
            raise WorkbookError(
                f"{row.id or 'a paper without an id'}: {problem[0]}", file=file, row=number, remedy=problem[1]
            )
    _refuse_duplicates(table, file)
    _refuse_spellings(table.datasets, file)
    papers["year"] = table.year.astype(int)
    for name in SCORES:
        papers[name] = pd.to_numeric(table[name].where(table[name] != ""))
    for name in ("keywords", "datasets"):
        papers[name] = [split(text) for text in table[name]]
    return papers


def split(text):
    """`a; b` as ("a", "b")."""
    return tuple(part.strip() for part in text.split(";") if part.strip())


def fold(text):
    """Letters and digits only, without case, accents, TeX commands or mark-up: equal for two spellings of a title."""
    text = re.sub(r"<[^>]+>|\\[a-zA-Z]+|[^\w\s]|_", " ", unicodedata.normalize("NFKC", text))
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    return re.sub(r"\s+", "", plain.casefold())


def link(row):
    """Address of a paper: its DOI, else arXiv, else ""."""
    return f"https://doi.org/{row.doi}" if row.doi else f"https://arxiv.org/abs/{row.arxiv}" if row.arxiv else ""


def cite(row):
    """`Yan et al. 2014`; the title's first words where the authors are unknown."""
    names = [name.split(",")[0] for name in split(row.authors)]
    if not names:
        return f"“{' '.join(row.title.split()[:4])} …” {row.year}"
    more = "" if len(names) == 1 else f" & {names[1]}" if len(names) == 2 and names[1] != OTHERS else " et al."
    return f"{names[0]}{more} {row.year}"


def keyword_sets(papers, leave_out=CONTEXT):
    """Keywords of each paper without those in leave_out: Series of tuples by paper id."""
    sets = [tuple(word for word in words if word not in leave_out) for words in papers.keywords]
    return pd.Series(sets, index=papers.id, dtype=object)


def places(source):
    """Where a record was seen: a set. Two tables of one paper are one place, and so is all that has no name."""
    parts = [(ARXIV.search(part), part) for part in split(source)]
    return {
        number[0] if number else "unnamed" if "public repository" in part else part.split()[0] for number, part in parts
    }


def compute_coverage(papers):
    """How complete the bibliography is: a table field, papers, share."""
    known = {
        "authors": papers.authors.ne(""), "all authors": papers.authors.ne("") & ~papers.authors.str.endswith(OTHERS),
        "DOI or arXiv": papers.doi.ne("") | papers.arxiv.ne(""), "dataset": papers.datasets.map(len).gt(0),
        "a reported result": papers[[*SCORES]].notna().any(axis=1),
        "seen in two places": papers.source.map(lambda source: len(places(source)) > 1),
        "held against a page of its own": papers.checked.ne(""),
    }  # fmt: skip
    counts = pd.Series({name: int(mask.sum()) for name, mask in known.items()}, name="papers")
    return counts.rename_axis("known").reset_index().assign(share=lambda table: table.papers / max(len(papers), 1))


def _problems(row, vocabulary):
    """(problem, remedy) of everything wrong in a row of text."""
    if not re.fullmatch(r"[a-z][a-z0-9]+", row.id):
        yield f"the id {row.id!r} is not lower-case letters and digits", "use surname, year, first word: yan2014casme"
    if not fold(row.title):
        yield "the title is missing", "give the title, in its own language"
    if not row.year:
        yield "the year is missing", "look it up, or leave the paper out"
    elif not row.year.isascii() or not row.year.isdigit() or not YEARS[0] <= int(row.year) <= YEARS[1]:
        yield f"the year {row.year!r} is not from {YEARS[0]} to {YEARS[1]}", "give the year of publication"
    if row.doi and not DOI.fullmatch(row.doi):
        yield f"the DOI {row.doi!r} is malformed", "write it as 10.1234/abc, without an address, or leave it empty"
    if row.arxiv and not ARXIV.fullmatch(row.arxiv):
        yield f"the arXiv number {row.arxiv!r} is malformed", "write it as 1907.09160, or leave it empty"
    for name, values in (
        ("keywords", split(row.keywords)),
        *((n, (getattr(row, n),)) for n in ("type", "task", "method_family")),
    ):
        unknown = [value for value in values if value not in vocabulary[name]]
        if unknown or not values:
            known = "data/literature/VOCABULARY.md lists the known ones; add a new one there, with its meaning"
            yield f"unknown {name} {', '.join(map(repr, unknown)) or '(none given)'}", known
    for name in SCORES:
        value = getattr(row, name)
        if value and not re.fullmatch(SHARE, value):
            yield f"{name} {value!r} is not a number from 0 to 1", "write 46.3 % as 0.463"
    if not row.source:
        yield "the source is missing", "say where the record was seen"


def _refuse_duplicates(table, file):
    """The same id, title, DOI or arXiv number twice."""
    keys = {"id": table.id, "title": table.title.map(fold), "DOI": table.doi.str.lower(), "arXiv number": table.arxiv}
    for name, values in keys.items():
        twice = values[values.ne("") & values.duplicated(keep=False)]
        if len(twice):
            rows = values.index[values == twice.iloc[0]]
            ids = " and ".join(table.id[rows])
            remedy = "keep one row, with both sources"
            raise WorkbookError(f"{ids} have the same {name}", file=file, row=int(rows[1]) + 2, remedy=remedy)


def _refuse_spellings(datasets, file):
    """One dataset under two spellings, which would be two rows of a figure."""
    known = {}
    for number, names in enumerate(datasets, start=2):
        for name in split(names):
            first = known.setdefault(fold(name), name)
            if first != name:
                problem = f"the dataset {name!r} is spelled {first!r} elsewhere"
                raise WorkbookError(problem, file=file, row=number, remedy="use one spelling")
