"""The bibliography as BibTeX: `python -m helpers.literature.bibtex` writes data/literature/papers.bib."""

from helpers import storage
from helpers.literature import corpus

KINDS = {
    "journal": ("article", "journal"), "conference": ("inproceedings", "booktitle"),
    "preprint": ("misc", "howpublished"),
    "book": ("book", "publisher"), "dataset": ("article", "journal"), "survey": ("article", "journal"),
}  # fmt: skip
SIGNS = str.maketrans({
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "%": r"\%", "&": r"\&", "#": r"\#", "$": r"\$", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
})  # fmt: skip


def escape(text):
    """Text as TeX prints it back: its special signs behind a backslash, everything else as UTF-8."""
    return text.translate(SIGNS)


def entry(row):
    """One paper as a BibTeX entry (UTF-8, for biber or a recent BibTeX). Titles keep their capitals."""
    kind, container = KINDS[row.type]
    fields = {
        "title": f"{{{escape(row.title)}}}", "author": " and ".join(escape(name) for name in corpus.split(row.authors)),
        "year": str(row.year), container: escape(row.venue), "doi": row.doi, "eprint": row.arxiv,
        "archiveprefix": "arXiv" if row.arxiv else "", "keywords": ", ".join(row.keywords),
        "note": f"Record seen in: {escape(row.source)}",
    }  # fmt: skip
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{kind}{{{row.id},", *lines, "}"])


def export(papers):
    """All papers as one BibTeX text."""
    return "\n\n".join(entry(row) for row in papers.itertuples(index=False)) + "\n"


def main():
    """Write papers.bib beside papers.csv."""
    with storage.atomic(corpus.FOLDER / "papers.bib") as path:
        path.write_text(export(corpus.read()), encoding="utf-8")


if __name__ == "__main__":
    main()
