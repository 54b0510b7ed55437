"""What papers report, held against what the workbook measured, and against what others claim of them.

Only rows of one table are compared with one another: the MEGC 2019 composite (three classes, 442 clips, 68 people,
leave-one-subject-out). audits.csv says what the public code of a paper does; measured.csv what honest and leaky
evaluations give on the public flow maps of the same clips; claims.csv what an earlier system's documentation says of
the literature.
"""

import re
from difflib import SequenceMatcher

import pandas as pd

from helpers.literature import corpus
from helpers.workspace import WorkbookError

COMPOSITE = r"MEGC2019 composite|composite \(SMIC, CASME II, SAMM\)"
SAME_TABLE = "LOSO CASME II original classes"
MARGIN = 0.065  # half the 95 % interval of UF1 on 68 people, by resampling people
CLOSE = 0.005  # a reported score counts as found if it is as near as two rounded per cent values can be
NEEDED = {"kind": "result|reference", "year": "[0-9]{4}", "accuracy": corpus.SHARE, "title": ".+", "authors": "[^;,].*"}
ALIKE = 0.9  # of two titles: share of signs in common


def read_measured(file=corpus.FOLDER / "measured.csv"):
    """Scores measured on the public flow maps: a table model, uf1, uar, leak (yes or no), note."""
    return corpus.read_table(file, ("model", "uf1", "uar", "leak", "note"), ("uf1", "uar"))


def compute_reported(papers, file=corpus.FOLDER / "audits.csv"):
    """UF1 and UAR on the composite, by year.

    A table id, method, paper, year, uf1, uar, uar_published, leak, evidence, protocol, source, link.
    leak: yes, not found, or not seen (nobody read the training code). Recomputed scores replace published ones, which
    stay beside them.
    """
    recomputed = ("uf1_recomputed", "uar_recomputed")
    audits = corpus.read_table(file, ("id", "method", "leak", *recomputed, "evidence"), recomputed)
    if audits.id.duplicated().any():
        row = int(audits.id.duplicated().idxmax()) + 2
        raise WorkbookError("this paper stands twice", file=file, row=row, remedy="keep one row a paper")
    audits = audits.mask(audits.eq(""))
    rows = papers[papers.result_dataset.str.fullmatch(COMPOSITE) & papers.uf1.notna()]
    table = rows.merge(audits, on="id", how="left").sort_values(["year", "uf1"], ignore_index=True)
    table["paper"], table["link"] = _named(table)
    table["leak"], table["method"] = table.leak.fillna("not seen"), table.method.fillna(table.paper)
    table["uar_published"] = table.uar
    table["uar"] = table.uar_recomputed.fillna(table.uar)
    table["uf1"] = table.uf1_recomputed.fillna(table.uf1)
    return table[[
        "id", "method", "paper", "year", "uf1", "uar", "uar_published", "leak", "evidence", "protocol", "source",
        "link",
    ]]  # fmt: skip


def compute_protocols(papers):
    """How many papers report a result under each protocol, and the range of what they report."""
    scored = papers[papers.accuracy.notna() | papers.uf1.notna()].copy()
    scored["group"] = scored.protocol.str.replace(r"(?<=composite)(, repository| \(.*(paper|list)).*", "", regex=True)
    grouped = scored.groupby("group")
    return pd.DataFrame({
        "papers": grouped.size(), "first": grouped.year.min(), "last": grouped.year.max(),
        "accuracy_min": grouped.accuracy.min(), "accuracy_max": grouped.accuracy.max(),
        "uf1_min": grouped.uf1.min(), "uf1_max": grouped.uf1.max(),
    }).sort_values("papers", ascending=False).rename_axis("protocol").reset_index()  # fmt: skip


def compute_accuracy(papers):
    """Accuracy on CASME II from the one table that holds everyone to one protocol: id, paper, year, accuracy, link."""
    rows = papers[papers.protocol.str.startswith(SAME_TABLE)].sort_values(["year", "accuracy"], ignore_index=True)
    rows["paper"], rows["link"] = _named(rows)
    return rows[["id", "paper", "year", "accuracy", "link"]]


def compute_band(measured, metric="uf1"):
    """What honest evaluation gives: dict low, high (weakest and best learner), margin, leaks (by name, above high).

    The margin is that of UF1 for UAR, too, and the best learner was found by looking at all of them.
    """
    scores = measured.set_index("model")[metric]
    honest, leaky = (scores[(measured.leak == answer).to_numpy()] for answer in ("no", "yes"))
    return {
        "low": honest.min(), "high": honest.max(), "margin": MARGIN, "leaks": leaky[leaky > honest.max()].to_dict(),
    }  # fmt: skip


def compute_claims(papers, file=corpus.FOLDER / "claims.csv"):
    """Each claim about the literature with what the bibliography says: a table kind, claim, verdict, nearest, differs.

    A result is found if a paper reports that accuracy on that dataset in that year; a reference if a paper has that
    title. Otherwise the nearest candidate is named, and the claim stands without a source.
    """
    columns = ("kind", "method", "title", "authors", "venue", "dataset", "year", "accuracy", "uar")
    claims = corpus.read_table(file, columns)
    for row, claim in claims.iterrows():
        needed = {"result": ("year", "accuracy"), "reference": ("year", "title", "authors")}.get(claim.kind, ("kind",))
        wrong = [name for name in needed if not re.fullmatch(NEEDED[name], claim[name])]
        if wrong:
            problem, remedy = f"{wrong[0]} {claim[wrong[0]][:60]!r} cannot be looked for", "correct the cell"
            raise WorkbookError(problem, file=file, row=row + 2, remedy=remedy)
    rows = [(_result if claim.kind == "result" else _reference)(claim, papers) for claim in claims.itertuples()]
    return pd.DataFrame(rows, columns=["kind", "claim", "verdict", "nearest", "differs"])


def _result(claim, papers):
    text = f"{claim.method}, {claim.dataset}, {claim.year}: accuracy {claim.accuracy}, UAR {claim.uar}"
    same = papers[(papers.result_dataset == claim.dataset) & papers.accuracy.notna()]
    exact = same[(same.year == int(claim.year)) & ((same.accuracy - float(claim.accuracy)).abs() <= CLOSE)]
    if len(exact):
        return "result", text, "found", "; ".join(exact.apply(corpus.cite, axis=1)), ""
    if not len(same):
        return "result", text, "no source", "", "no accuracy on this dataset in the bibliography"
    distance = (same.year - int(claim.year)).abs() + (same.accuracy - float(claim.accuracy)).abs()
    near = same.loc[distance.idxmin()]
    return "result", text, "no source", corpus.cite(near), f"{near.year}, accuracy {near.accuracy:.3f}"


def _reference(claim, papers):
    text = f"{claim.title}, {claim.venue} {claim.year}"
    family = corpus.split(claim.authors)[0].split(",")[0]
    theirs = papers[papers.authors.str.startswith(f"{family},")]
    alike = theirs.title.map(lambda title: _alike(claim.title, title))
    if not len(theirs) or alike.max() < ALIKE:
        return "reference", text, "no source", "", f"no such title among {len(theirs)} papers by {family}"
    near = theirs.loc[alike.idxmax()]
    titles = {corpus.fold(near.title), corpus.fold(near.title.partition(":")[0])}  # a subtitle may be left out
    wrong = [] if corpus.fold(claim.title) in titles else [f"title: {near.title}"]
    wrong += [f"venue: {near.venue}"] if _words(near.venue) != _words(claim.venue) else []
    wrong += [f"year: {near.year}"] if near.year != int(claim.year) else []
    return "reference", text, "found, but differs" if wrong else "found", corpus.cite(near), "; ".join(wrong)


def _alike(one, other):
    """Likeness 0..1 of two titles. The same name before the colon, or one title going on where the other ends, is 1."""
    heads = [corpus.fold(title.partition(":")[0]) for title in (one, other) if ":" in title]
    one, other = corpus.fold(one), corpus.fold(other)
    goes_on = min(len(one), len(other)) >= 20 and (one.startswith(other) or other.startswith(one))
    if goes_on or (len(heads) == 2 and heads[0] == heads[1]):
        return 1.0
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def _named(rows):
    """Short citation and address of each paper: two lists."""
    return [corpus.cite(row) for row in rows.itertuples()], [corpus.link(row) for row in rows.itertuples()]


def _words(text):
    return re.findall(r"\w+", text.casefold())
