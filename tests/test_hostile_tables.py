"""Tables from outside, spoiled in every way: read rightly or refused by name, never run, never waited for."""

import ast
import io
import itertools
import json
import os
import zipfile
from functools import partial

import nbformat
import pandas as pd
import pytest
from conftest import CASME2_ROWS, HEADER
from hostile import CELLS, CHANGES, EDITS, JSON, cases, changed, damaged, outcome, packed, write_table
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager
from nbformat.v4 import new_code_cell, new_notebook
from papermill.translators import papermill_translators
from test_literature import ROW
from test_readers import APEXES, CASME3, DFME, MMEW, SAMM, WRITERS, frames
from test_scores import random_table

from helpers import _execute, datasets
from helpers.datasets import _corrections, casme2
from helpers.evaluation import checks, fairness, predictions, targets
from helpers.literature import bibtex, corpus, refresh, results, text

CODED = {
    "casme2": [HEADER, *CASME2_ROWS], "samm": SAMM, "casme3": CASME3, "mmew": MMEW, "dfme": DFME,
    "smic": [["clip", "label", "apex_frame"], *APEXES],
}  # fmt: skip
SUFFIXES = st.sampled_from([".xlsx", ".csv"])
MAYBE = st.none() | EDITS


def write_casme2(root):
    """Four small clips of three people in CASME II's layout."""
    write_table(root / "CASME2-coding-test.xlsx", CODED["casme2"])
    spans = {"sub01/EP02_01f": (46, 51), "sub01/EP03_02": (8, 12), "sub02/EP02_01f": (9, 11), "sub16/EP01_08": (5, 12)}
    for clip, span in spans.items():
        frames(root / "CASME2_RAW_selected" / clip, *span, "img{}.png")


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """{dataset: its folder}, small, in the layout of its release."""
    folders = {name: tmp_path_factory.mktemp(name) for name in CODED}
    for name, write in (WRITERS | {"casme2": write_casme2}).items():
        write(folders[name])
    return folders


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder for the file of the day."""
    return tmp_path_factory.mktemp("hostile")


# ------------------------------------------------------------------------------------------------ coding sheets


@cases(60, name=st.sampled_from(sorted(CODED)), changes=CHANGES, suffix=SUFFIXES)
def test_a_coding_sheet_gives_sound_samples_or_is_refused_by_name(planted, place, name, changes, suffix):
    sheet, root = write_table(place / f"sheet{suffix}", changed(CODED[name], changes)), str(planted[name])
    samples = outcome(lambda: datasets.load(name, root, str(sheet)), sheet.name, root)
    if samples is not None:
        datasets.check(samples)
        assert len(samples) <= 2 * len(CODED[name]) and (samples.onset <= samples.offset).all()


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("OffsetFrame", "999999999999"), ("ApexFrame", "9" * 400), ("OnsetFrame", "1e400"), ("Subject", "9" * 5000),
        ("Action Units", "1" + " " * 100_000 + "2"), ("Action Units", "+" * 100_000), ("Filename", "x" * 10**6),
        ("Filename", None),
    ],
)  # fmt: skip
def test_a_cell_that_says_too_much_is_refused_at_once(planted, place, column, cell):
    """None: the column stands twice, and nobody knows which one is meant."""
    rows = [list(row) for row in CODED["casme2"]]
    if cell is None:
        rows = [[*row, row[HEADER.index(column)]] for row in rows]
    else:
        rows[1][HEADER.index(column)] = cell
    sheet = write_table(place / "sheet.csv", rows)
    assert outcome(lambda: datasets.load("casme2", str(planted["casme2"]), str(sheet)), "sheet.csv") is None


@cases(20, changes=CHANGES, edits=MAYBE)
def test_the_table_of_a_release_of_maps_is_complete_or_refused(smic_maps, changes, edits):
    path = smic_maps / "labels.csv"
    whole = path.read_bytes()
    try:
        write_table(path, changed(pd.read_csv(path, header=None, dtype=str).to_numpy().tolist(), changes), edits)
        samples = outcome(lambda: datasets.load("megc2019", str(smic_maps)), path.name, str(smic_maps))
        assert samples is None or len(samples) == 164
    finally:
        path.write_bytes(whole)


@cases(40, edits=EDITS, inside=st.integers(-3, 8), suffix=SUFFIXES)
def test_a_damaged_sheet_is_read_or_refused_by_name(place, edits, inside, suffix):
    sheet = write_table(place / f"sheet{suffix}", CODED["casme2"])
    whole = sheet.read_bytes()
    sheet.write_bytes(spoiled(whole, edits, inside) if suffix == ".xlsx" else damaged(whole, edits))
    coded = outcome(lambda: casme2.read_sheet(sheet), sheet.name)
    assert coded is None or coded["clip"].ne("").all()


def spoiled(workbook, edits, inside):
    """A workbook damaged in one of its parts, and whole as a zip; or, where there is no such part, damaged itself."""
    parts = parts_of(workbook)
    if not 0 <= inside < len(parts):
        return damaged(workbook, edits)
    name = list(parts)[inside]
    return packed(parts | {name: damaged(parts[name], edits)})


def parts_of(workbook):
    with zipfile.ZipFile(io.BytesIO(workbook)) as file:
        return {name: file.read(name) for name in sorted(file.namelist())}


PAGE = "xl/worksheets/sheet1.xml"
TEXTS = "".join(
    f'<!ENTITY {new} "{f"&{old};" * 10}">' if old else f'<!ENTITY {new} "aaaaaaaaaa">'
    for old, new in itertools.pairwise(["", *"abcdefghijkl"])
)
CELL = '<c t="s"><v>0</v></c>'
BOMBS = {  # what is replaced in a page, and by what
    "a page without end": {"<sheetData>": '<dimension ref="A1:XFD999999999"/><sheetData>'},
    "all columns of all rows": {"<sheetData>": '<dimension ref="A1:XFD1048576"/><sheetData>'},
    "a row far below": {'<row r="2"': '<row r="999999999999"'},
    "entities of entities": {"<worksheet": f"<!DOCTYPE x [{TEXTS}]><worksheet", "<v>": "<v>&l;"},
    "a file": {"<worksheet": '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]><worksheet', "<v>": "<v>&f;"},
    "depth without end": {"<sheetData>": "<x>" * 10**5 + "</x>" * 10**5 + "<sheetData>"},
    "a million cells": {"</sheetData>": f"<row>{CELL * 10**6}</row></sheetData>"},
    "rows of nothing": {"</sheetData>": f"{'<row/>' * 10**5}</sheetData>"},
    "wide rows": {"</sheetData>": '<row><c r="XFD1"/></row>' * 10**4 + "</sheetData>"},
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_inside_a_workbook_do_not_go_off(place, bomb):
    path = write_table(place / "bomb.xlsx", CODED["casme2"])
    parts = parts_of(path.read_bytes())
    page = parts[PAGE].decode()
    for old, new in BOMBS[bomb].items():
        assert old in page
        page = page.replace(old, new, 1)
    path.write_bytes(packed(parts | {PAGE: page}))
    coded = outcome(lambda: casme2.read_sheet(path), path.name)
    assert coded is None or len(coded) == 4


def test_a_workbook_that_unpacks_to_64_gigabytes_is_not_unpacked(place):
    path = write_table(place / "bomb.xlsx", CODED["casme2"])
    parts = parts_of(path.read_bytes())
    path.write_bytes(packed({name: part for name, part in parts.items() if name != PAGE}, PAGE, 2**36))
    assert outcome(lambda: casme2.read_sheet(path), path.name) is None


READERS = [
    casme2.read_sheet, _corrections.read, predictions.read, checks.of_file, corpus.read, results.read_measured,
    text.read_synonyms, corpus.read_vocabulary, lambda path: targets.read_table(path, ["a"]),
]  # fmt: skip


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_what_is_no_file_of_this_size_is_never_waited_for(tmp_path, suffix):
    """A pipe, a device, a folder, and a terabyte of nothing."""
    pipe, zero, folder, huge = (tmp_path / f"{name}{suffix}" for name in ("pipe", "zero", "folder", "huge"))
    os.mkfifo(pipe)
    zero.symlink_to("/dev/zero")
    folder.mkdir()
    huge.touch()
    os.truncate(huge, 2**40)
    for path, read in itertools.product((pipe, zero, folder, huge), READERS):
        assert outcome(partial(read, path), path.name) is None


@pytest.mark.parametrize("content", [b"," * 2**22 + b"\n", b"\n" * 2**22, b"a\n" * 2**21, b'"' + b"x" * 2**22])
def test_a_csv_of_a_few_megabytes_is_no_bomb(place, content):
    path = place / "bomb.csv"
    path.write_bytes(content)
    for read in READERS:
        outcome(partial(read, path), path.name)


# ------------------------------------------------------------------------------------------------ predictions

TABLE = random_table(n=12, people=3).astype(str)
TABLE = [list(TABLE), *TABLE.to_numpy().tolist()]
WORDS = st.sampled_from(["casme2", "sub01", "a", "b", "0", "1", "2", "7", "９", "²", "-1", "x/y", "\0"])
LINES = st.lists(st.lists(WORDS | CELLS.map(str), max_size=4).map(" ".join), max_size=8)


@cases(50, changes=CHANGES, edits=MAYBE)
def test_predictions_are_sound_or_refused_and_any_can_be_audited(place, changes, edits):
    path = write_table(place / "predictions.csv", changed(TABLE, changes), edits)
    found = outcome(lambda: predictions.read(path), path.name)
    if found is not None:
        predictions.check(found)
        p = found[[f"p_{name}" for name in predictions.classes_of(found)]].to_numpy(float)
        assert ((p >= 0) & (p <= 1)).all() and found.seed.dtype.kind == "i"
    told = outcome(lambda: checks.of_file(path), path.name)
    assert told is None or all(len(str(finding)) < 1500 for finding in told)


@cases(30, lines=LINES, classes=st.sampled_from([None, ["x", "y"], ["a", "a"]]))
def test_a_log_is_audited_or_refused(place, lines, classes):
    path = place / "log.txt"
    path.write_text("\n".join(lines), encoding="utf-8", errors="replace")
    assert outcome(lambda: checks.of_file(path, classes=classes), path.name) != []


# ------------------------------------------------------------------------------------------------ experts' tables

DECISIONS = [
    list(_corrections.COLUMNS), ["casme2/sub01/EP02_01f", "47", "48", "51", "changed", "me", "2026-01-02", ""],
    ["casme2/sub02/EP02_01f", "9", "", "11", "accepted", "me", "", "no"],
]  # fmt: skip
PEOPLE = [["subject", "sex"], ["006", "f"], ["028", "m"]]
INTENSITIES = [["sample_id", "frame", "intensity"], ["a", "1", "0.5"], ["b", "2", "1"]]


@cases(30, changes=CHANGES, edits=MAYBE)
def test_corrections_are_applied_as_they_stand_or_refused(planted, place, changes, edits):
    samples = datasets.load("casme2", str(planted["casme2"]))
    path = write_table(place / "corrections.csv", changed(DECISIONS, changes), edits)
    found = outcome(lambda: _corrections.apply(samples, path), path.name)
    if found is not None:
        assert set(datasets.check(found[0]).sample_id) == set(samples.sample_id)


@cases(20, changes=CHANGES, edits=MAYBE)
def test_a_table_of_people_is_read_or_refused(planted, changes, edits):
    path = write_table(planted["samm"] / "people.csv", changed(PEOPLE, changes), edits)
    people = outcome(lambda: fairness.people("samm", str(planted["samm"]), "tiny", 0), path.name)
    assert people is None or people.subject.is_unique


@cases(20, changes=CHANGES, edits=MAYBE)
def test_a_table_of_intensities_is_read_or_refused(place, changes, edits):
    path = write_table(place / "mine.csv", changed(INTENSITIES, changes), edits)
    found = outcome(lambda: targets.read_table(path, ["a", "b"]), path.name)
    assert found is None or (found.intensity.between(0, 1).all() and set(found.sample_id) <= {"a", "b"})


# ------------------------------------------------------------------------------------------------ literature

PAPERS = [ROW, ROW | {"id": "b2015b", "title": "A_{b} & 50 % \\x", "doi": "10.1234/a_b", "uf1": "0.5", "venue": "{"}]
PAPERS = [list(corpus.COLUMNS), *(list(row.values()) for row in PAPERS)]
OTHERS = {
    "measured.csv": results.read_measured, "synonyms.csv": text.read_synonyms,
    "audits.csv": lambda path: results.compute_reported(corpus.read(), path),
    "claims.csv": lambda path: results.compute_claims(corpus.read(), path),
    "VOCABULARY.md": corpus.read_vocabulary,
}  # fmt: skip
RECORDS = st.fixed_dictionaries({"title": JSON}, optional=dict.fromkeys(["year", "authors", "doi"], JSON))


@cases(40, changes=CHANGES, edits=MAYBE)
def test_a_bibliography_is_sound_and_can_be_printed_or_is_refused(place, changes, edits):
    path = write_table(place / "papers.csv", changed(PAPERS, changes), edits)
    papers = outcome(lambda: corpus.read(path), path.name)
    if papers is not None:
        printed = bibtex.export(papers)
        bare = printed.replace(r"\{", "").replace(r"\}", "")
        assert bare.count("{") == bare.count("}") and printed.count("@") >= len(papers)


@cases(20, name=st.sampled_from(sorted(OTHERS)), edits=EDITS)
def test_the_tables_beside_the_bibliography_are_read_or_refused(place, name, edits):
    path = place / name
    path.write_bytes(damaged((corpus.FOLDER / name).read_bytes(), edits))
    outcome(lambda: OTHERS[name](path), name)


@cases(20, records=JSON | st.lists(RECORDS, max_size=3))
def test_a_kept_answer_of_the_web_is_read_or_refused(place, records):
    path = place / "answer.json"
    path.write_text(json.dumps({"records": records}))
    found = outcome(lambda: refresh.to_papers(refresh._kept(path, "openalex"), "openalex", path.name), path.name)
    assert found is None or found.title.map(corpus.fold).ne("").all()


# ------------------------------------------------------------------------------------------------ parameters

CODE = '"; import os; os.mkdir("sprung") #\'\n!touch sprung\n{__import__("os").mkdir("sprung")}\\'
TEXT = st.text() | st.sampled_from([
    CODE, "%%bash\ntouch sprung", "\\", '\\"', "'''", '"""', "\r\n%run x", "\u2028import os", "$(touch sprung)", "?",
    "\0", "\x85", "\udc80",
])  # fmt: skip


@cases(40, value=TEXT, name=st.sampled_from(["DATA_DIR", "ANNOTATIONS", "OUT_DIR", "PROFILE"]))
def test_a_parameter_arrives_in_a_notebook_as_the_text_that_it_is(value, name):
    cell = papermill_translators.find_translator("python3", "python").codify({name: value})
    (given,) = ast.parse(TransformerManager().transform_cell(cell)).body
    assert [target.id for target in given.targets] == [name] and ast.literal_eval(given.value) == value


def test_the_runner_hands_code_in_a_path_on_as_text(tmp_path):
    """A whole run: what a folder is called reaches the kernel letter by letter, and nothing of it is executed."""
    (tmp_path / "notebooks {x}").mkdir()
    notebook = tmp_path / "notebooks {x}" / "00_hostile.ipynb"
    lines = [
        "import json, os, pathlib", f"assert DATA_DIR == ANNOTATIONS == {CODE!r} and not os.path.exists('sprung')",
        "folder = pathlib.Path(OUT_DIR) / 'demo' / '00_hostile'", "folder.mkdir(parents=True)",
        "(folder / 'run.json').write_text('{}')",
    ]  # fmt: skip
    names = ("DATASET", "DATA_DIR", "ANNOTATIONS", "OUT_DIR", "PROFILE")
    cells = [new_code_cell("\n".join(f'{name} = ""' for name in names)), new_code_cell("\n".join(lines))]
    cells[0].metadata["tags"] = ["parameters"]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=cells, metadata=kernel), notebook)
    given = {"DATASET": "demo", "DATA_DIR": CODE, "ANNOTATIONS": CODE, "OUT_DIR": str(tmp_path), "PROFILE": "tiny"}
    plan = _execute.Plan(given, tmp_path / "demo", "", 1)
    plan.copy(notebook).parent.mkdir(parents=True)
    ran = _execute.execute(notebook, plan)
    assert ran.status == "ok", ran.why
