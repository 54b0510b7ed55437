"""One executed copy as a piece of the page: nbconvert renders it, and whatever is private or lies outside is left out.

An executed copy carries what nobody else should see or load: absolute folders in tracebacks and parameters, a badge
that is fetched from a server, links to files that do not travel with the page.
"""

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import nbformat
from bs4 import BeautifulSoup, NavigableString
from nbconvert import HTMLExporter

from helpers import privacy
from helpers.show.report import _formulas
from helpers.workspace import ROOT, WorkbookError

HERE = Path(__file__).parent
WIDGET = "application/vnd.jupyter.widget-view+json"
SHOWN = ["text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg", "text/plain"]  # best first
# An absolute path, or one that climbs, keeps its last part. The lookbehind spares tags, addresses and fractions.
PATH = re.compile(
    r"(?<![\w/\\.:<>…-])(?:file://+|[A-Za-z]:[\\/]+|~?/|(?:\.\.[\\/])+)(?:[\w.@+~-]+[\\/]+)*(?=[\w.@+~-])"
)
# The same in quotes, where it may hold blanks.
QUOTED = re.compile(r"""(["'])(?:[A-Za-z]:[\\/]+|~?/|(?:\.\.[\\/])+)(?:[^"'<>\n\\/]+[\\/]+)+([^"'<>\n\\/]*)\1""")
NUMBER = re.compile(r"[-+−]?[\d.,]+(e[-+]?\d+)?\s?%?|NaN|<NA>|None|nan|")
NOT_PROSE = ("pre", "code", "style", "svg")
PROGRAMS = "script, object, embed, form, base, link, meta"


@dataclass
class Rendered:
    """A notebook ready to stand in the page."""

    stem: str
    title: str  # its question
    html: str
    sections: list  # (id, heading) of its parts
    scripts: list  # texts of the programs in pages that stand behind walls of their own


def private(text):
    """Text without folders of this machine: `/home/jane/casme2/a.csv` becomes `…/a.csv`. No secrets either."""
    for secret in privacy.secrets():
        text = text.replace(secret, privacy.CUT)
    for folder in (str(ROOT), str(Path.home()), tempfile.gettempdir()):
        if len(folder) > 1:  # whole, as a home's last part is a person's name
            text = re.sub(rf"(?<![\w.-]){re.escape(folder)}(?![\w.@+~-])/?", "…/", text)
    return PATH.sub("…/", QUOTED.sub(r"\1…/\2\1", text))


def render(copy, known):
    """An executed copy (Path) as Rendered. known: stems of the notebooks the page holds, whose links become anchors.

    Raises WorkbookError for a file that is not a notebook.
    """
    try:
        notebook = nbformat.read(copy, 4)
    except Exception as error:  # whatever a half-written file makes of the reader
        remedy = "run the notebook again with --force"
        raise WorkbookError("the executed copy cannot be read", file=copy.name, remedy=remedy) from error
    whole = _only_what_ran(notebook)
    exporter = HTMLExporter(template_name="cells", extra_template_basedirs=[str(HERE)], exclude_anchor_links=True)
    exporter.config.NbConvertBase.display_data_priority = SHOWN
    body, _ = exporter.from_notebook_node(notebook)
    soup = BeautifulSoup(body, "html.parser")
    _take_programs_out(soup)
    _hide_folders(soup)
    _set_formulas(soup)
    _own_ids(soup, copy.stem)
    title, sections = _headings(soup, copy.stem)
    _stay_inside(soup, copy.stem, known)
    _tables_and_figures(soup, title)
    _one_fold(soup)
    if not whole:
        soup.append(BeautifulSoup("<p class='note'>The cells after this one did not run.</p>", "html.parser"))
    pages = (BeautifulSoup(frame["srcdoc"], "html.parser") for frame in soup.select("iframe[srcdoc]"))
    scripts = [script.string for walled in pages for script in walled.select("script") if script.string]
    return Rendered(copy.stem, title, str(soup), sections, scripts)


def _only_what_ran(notebook):
    """Drop papermill's own cells, widgets and everything after a stop. Returns whether all cells ran."""
    cells, started, whole = [], False, True
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", ())
        if "papermill-error-cell-tag" in tags:
            continue
        if cell.cell_type == "code":
            if started and cell.source.strip() and cell.execution_count is None:
                while cells and cells[-1].cell_type == "markdown":  # it speaks of what did not run
                    cells.pop()
                whole = False
                break
            started = started or cell.execution_count is not None
            cell.outputs = [shown for shown in map(_without_widget, cell.outputs) if shown]
            if "injected-parameters" in tags:
                cell.source = private(cell.source)
        cells.append(cell)
    notebook.cells = cells
    notebook.metadata.pop("widgets", None)
    return whole


def _without_widget(output):
    """The output, or None: a widget is dead on a page, and a progress bar and a deliberate stop tell nothing."""
    if output.output_type == "error" and output.ename == "SystemExit":
        return None
    return None if WIDGET in output.get("data", {}) else output


def _take_programs_out(soup):
    """A name in a dataset's table may be written as a tag: nothing in a cell may run, but a page in its own walls."""
    for tag in soup.select(f"{PROGRAMS}, .prose iframe, iframe:not([sandbox]), iframe[sandbox*=same-origin]"):
        tag.decompose()
    for tag in soup.find_all(True):
        tag.attrs = {name: value for name, value in tag.attrs.items() if not name.startswith("on")}


def _hide_folders(soup):
    for output in soup.select(".output"):
        for text in output.find_all(string=re.compile(r"[/\\]")):
            if text.parent.name != "style":
                text.replace_with(NavigableString(private(text)))
        for tag in output.select("[title]"):
            tag["title"] = private(tag["title"])


def _set_formulas(soup):
    for text in soup.find_all(string=re.compile(r"\$")):
        if not any(parent.name in NOT_PROSE for parent in text.parents):
            text.replace_with(BeautifulSoup(_formulas.set_in(text), "html.parser"))


def _own_ids(soup, stem):
    """Drawings of estimators count anew in each notebook; on one page their folds would open each other."""
    drawn = soup.select("[id^=sk-]")
    names = re.compile("(" + "|".join(re.escape(tag["id"]) for tag in drawn) + r")(?![\w-])")
    for tag in drawn:
        tag["id"] += f"-{stem}"
    for label in soup.select("label[for^=sk-]"):
        label["for"] += f"-{stem}"
    for part in soup.select("style") if drawn else ():
        part.string = names.sub(rf"\1-{stem}", part.string or "")


def _headings(soup, stem):
    """Every heading one level down, with an address of its own. Returns the title and [(address, heading)]."""
    found = []
    for number, heading in enumerate(soup.find_all(re.compile("^h[1-5]$"))):
        level = int(heading.name[1])
        heading.name = f"h{level + 1}"
        heading["id"] = f"{stem}-{heading.get('id') or number}"
        found.append((level, heading))
    title = next((heading for level, heading in found if level == 1), None)
    parts = [heading for level, heading in found if level == 2 and not heading.find_parent(class_="output")]
    sections = [(heading["id"], heading.get_text()) for heading in parts]
    if title is None:
        return stem, sections
    title.extract()
    return title.get_text(), sections


def _stay_inside(soup, stem, known):
    """Links between notebooks become anchors, other files' links plain text, pictures from a server their own names."""
    for image in soup.select("img[src]"):
        if not image["src"].startswith("data:"):
            image.replace_with(image.get("alt") or "")
    for link in soup.select("a[href]"):
        address, _, part = link["href"].partition("#")
        target = Path(address).stem if address.endswith(".ipynb") and ":" not in address else stem
        if re.match(r"https?:|mailto:", address):
            link["rel"] = "noopener noreferrer"
        elif ":" in address or target not in known or (address and target == stem):
            link.unwrap()
        else:
            link["href"] = f"#{target}-{part}" if part else f"#{target}"


def _tables_and_figures(soup, title):
    for style in soup.select("style[scoped]"):
        style.decompose()
    for table in soup.select("table"):
        table.wrap(soup.new_tag("div", attrs={"class": "scroll"}))
        table.attrs.pop("border", None)
        _columns(table)
        if not "".join(table.thead.stripped_strings if table.thead else ()):
            table["class"] = "plain"  # two columns of facts at the top of a notebook: nothing to sort by
    for image in soup.select("img"):
        heading = image.find_previous(re.compile("^h[2-6]$"))
        image["alt"] = image.get("alt") or f"Figure: {heading.get_text() if heading else title}"
        image["loading"] = "lazy"


def _columns(table):
    """One row of names, so that a reader can sort by each, and numbers to the right."""
    names = table.select("thead > tr")
    if len(names) == 2 and not table.select("[colspan], [rowspan]"):  # pandas puts the index's name into a second row
        for upper, lower in zip(names[0].find_all("th"), names[1].find_all("th"), strict=True):
            upper.string = upper.get_text() or lower.get_text()
        names[1].decompose()
    rows = [row.find_all(("th", "td"), recursive=False) for row in table.select("tbody > tr")]
    heads = names[0].find_all("th", recursive=False) if names else []
    for position, head in enumerate(heads):
        cells = [row[position] for row in rows if len(row) == len(heads)]
        if cells and all(NUMBER.fullmatch(cell.get_text(strip=True)) for cell in cells):
            for cell in (head, *cells):
                cell["class"] = "number"


def _one_fold(soup):
    """Cells that follow each other without output in between share one fold."""
    for fold in soup.select("details.code"):
        above = fold.find_previous_sibling()
        if above is not None and above.name == "details" and above.get("class") == ["code"]:
            fold.summary.decompose()
            above.extend(list(fold.children))
            fold.decompose()
