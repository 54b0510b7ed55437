"""FAIR and CARE, line by line: what code can check is checked, what only people can answer is left to them.

Findable, accessible, interoperable, reusable: Wilkinson et al. 2016 (doi:10.1038/sdata.2016.18). Collective benefit,
authority to control, responsibility, ethics: Carroll et al. 2020 (doi:10.5334/dsj-2020-043), which was written for data
of indigenous peoples and holds for anybody whose face is data.
"""

import json

import pandas as pd

from helpers import datasets, labels, workspace
from helpers.evaluation import outputs

OPEN = {".csv", ".json", ".png", ".gif", ".html", ".md", ".ipynb", ".npz", ".safetensors", ".svg", ".txt", ".bib"}
TEXT = (".csv", ".json", ".md")
WORDS = {True: "yes", False: "no", None: "ask"}


def compute_checklist(folder, listed, made, cards, people, synthetic):
    """One row a line: principle, line, checked ("by code", "by you"), holds ("yes", "no", "ask"), evidence.

    folder: outputs/<dataset>; listed: of `outputs.inventory`; made: [(problem, scored)]; cards: {name: text}; people:
    of `fairness.people`. A line that code cannot check says "ask", never "yes".
    """
    rows = [*_fair(folder, listed, made), *_care(folder, listed, made, cards, people, synthetic)]
    table = pd.DataFrame(rows, columns=["principle", "line", "holds", "evidence"])
    table.insert(2, "checked", ["by you" if holds is None else "by code" for holds in table.holds])
    return table.assign(holds=[WORDS[None if holds is None else bool(holds)] for holds in table.holds])


def _fair(folder, listed, made):
    runs = [outputs.record(folder, name) for name in listed.notebook[listed.status == "ok"]]
    named = [run for run in runs if run.get("data_fingerprint") and run.get("commit", "unknown") != "unknown"]
    told = [run for run in runs if {"parameters", "packages", "seconds", "device"} <= set(run)]
    citation = (workspace.ROOT / "CITATION.cff").read_text(encoding="utf-8")
    cards = [datasets.card(name) for name in datasets.names()]
    full = [card for card in cards if all(card.get(part) for part in ("title", "access", "licence", "citation"))]
    files = [path for path in folder.rglob("*.*") if path.is_file() and not {"checkpoints"} & set(path.parts)]
    closed = sorted({path.suffix for path in files if not path.name.startswith(".")} - OPEN)
    words = {word for problem, _ in made for word in problem.predictions.y_true.unique()}
    pins = sum("==" in line for line in (workspace.ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines())
    licence = (workspace.ROOT / "LICENSE").read_text(encoding="utf-8").strip().splitlines()
    return [
        ("findable", "every run names its data (fingerprint) and its code (commit)", len(named) == len(runs),
         f"{len(named)} of {len(runs)} run.json"),
        ("findable", "the workbook has an address to cite", "/OWNER/" not in citation, "CITATION.cff"),
        ("findable", "a persistent identifier (DOI) exists", "doi:" in citation, "CITATION.cff"),
        ("accessible", "every dataset says how to get it, and under which licence", len(full) == len(cards),
         f"{len(full)} of {len(cards)} data sheets"),
        ("accessible", "all of it runs without any licensed data", datasets.can_be_made("demo"), "dataset demo"),
        ("interoperable", "results are in open formats", not closed, f"{len(files)} files; others: {closed or 'none'}"),
        ("interoperable", "classes are words of one vocabulary", words <= set(labels.EMOTIONS), "helpers/labels.py"),
        ("interoperable", "all predictions have one schema", True if made else None,
         f"read and checked: {sum(len(problem.predictions) for problem, _ in made)} rows"),
        ("reusable", "every run tells parameters, versions, device and seconds", len(told) == len(runs),
         f"{len(told)} of {len(runs)} run.json"),
        ("reusable", "versions are pinned, the code has a licence", pins > 0 and bool(licence),
         f"{pins} versions; {licence[0] if licence else 'no licence'}"),
    ]  # fmt: skip


def _care(folder, listed, made, cards, people, synthetic):
    off = [path.name for path in sorted((workspace.ROOT / "notebooks").glob("*.ipynb")) if _shows_faces(path)]
    drawn = [name for name in listed.notebook if outputs.record(folder, name).get("synthetic")]
    tables = [path for name in drawn for path in sorted((folder / name / "tables").glob("*.csv"))]
    bare = [path.stem for path in tables if "data" not in path.read_text(encoding="utf-8").split("\n")[0].split(",")]
    unknown = [name for name, text in cards.items() if "detection of lies" not in text]
    known = [name for name in people if name != "subject"]
    found = [problem.name for problem, _ in made if problem.predictions.subject.isna().any()]
    lines = [
        ("collective benefit", "those who are shown gain from it, or their communities do", None, "nobody was asked"),
        ("authority to control", "those who are shown agreed to this very use", None,
         "drawn people need not" if synthetic else "see the agreement you signed, and ask its keepers"),
        ("authority to control", "no face of a licensed dataset is printed unless asked for", not off,
         f"SHOW_FACES is on in: {', '.join(off) or 'none'}"),
        ("authority to control", "who withdraws can be found in every prediction", not found, "column `subject`"),
        ("responsibility", "groups of people can be compared", bool(known), ", ".join(known) or "nothing is known"),
        ("responsibility", "the people or cultures it will meet were asked and measured", None, "nothing was adapted"),
        ("ethics", "every card says what it is not for", bool(cards) and not unknown, f"{len(cards)} cards"),
        ("ethics", "a board has approved the study you do with it", None, "your institution's"),
    ]  # fmt: skip
    if synthetic:
        line = "every table made of drawn people says so"
        lines.append(("ethics", line, not bare, f"{len(tables)} tables; without: {', '.join(bare) or 'none'}"))
    return lines


def _shows_faces(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return any("SHOW_FACES: bool = True" in "".join(cell["source"]) for cell in cells)


def say_checklist(table):
    """How many lines hold, which do not, and how many are left to people."""
    code = table[table.checked == "by code"]
    broken = code[code.holds == "no"]
    held, rest = len(code) - len(broken), len(table) - len(code)
    text = f"**{held} of {len(code)}** lines that code can check hold; {rest} more only people can answer."
    return text + (f" Not yet: {'; '.join(broken.line)}." if len(broken) else "")
