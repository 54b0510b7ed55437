"""report.html: complete, private, offline, readable when notebooks failed."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from helpers.show import report
from helpers.show.report import _cells, _formulas
from helpers.workspace import ROOT, WorkbookError

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
TABLE = """<style scoped>.dataframe {}</style><table border="1" class="dataframe"><thead><tr><th></th><th>uf1</th>
<th>who</th></tr><tr><th>model</th><th></th><th></th></tr></thead><tbody><tr><th>a&lt;b</th><td>0.5</td><td>x</td></tr>
<tr><th>c</th><td>NaN</td><td>3</td></tr></tbody></table>"""
PROSE = """# 00 · What is asked?

[![Open In Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/x)

| | |
|---|---|
| **Reads** | nothing |

## 1 · The first part
See [there](01_second.ipynb#part), [nowhere](05_absent.ipynb), [a file](../README.md), [paper](https://doi.org/10/x).
Strain is $\\tfrac12 (u_y + v_x)^2$, money is 5."""
ESTIMATOR = """<style>#sk-container-id-1 {color: red}</style><div id="sk-container-id-1"><input id="sk-estimator-id-1"
type="checkbox"><label for="sk-estimator-id-1">SVC</label></div>"""
NETWORK = """<iframe sandbox="allow-scripts" srcdoc="&lt;p&gt;the map&lt;/p&gt;
&lt;script&gt;parent.postMessage('drawn', '*')&lt;/script&gt;"></iframe>"""
# What a name in a coding sheet could say
NASTY = """**sub<script>hacked = 1</script>1** <svg onload="hacked = 1"></svg> <a href="javascript:hacked = 1">a</a>
<iframe sandbox="allow-scripts" srcdoc="&lt;script&gt;1&lt;/script&gt;"></iframe> [b](file:///home/jane/b)"""

WILD = """<form><script>hacked = 1</script></form><iframe srcdoc="x"></iframe>
<b title="/home/jane/c" onclick="x()">n</b>"""


def html(text):
    return new_output("execute_result", {"text/html": text, "text/plain": "x"}, execution_count=3)


def code(source, *outputs, count=1, tags=()):
    return new_code_cell(source, outputs=list(outputs), execution_count=count, metadata={"tags": list(tags)})


def write_copy(outputs, name, cells, stamp=None, **record):
    folder = outputs / "executed"
    folder.mkdir(parents=True, exist_ok=True)
    private = {"papermill": {"input_path": "/home/jane doe/notebooks/x.ipynb"}}
    nbformat.write(new_notebook(cells=cells, metadata=private), folder / f"{name}.ipynb")
    if stamp:
        (folder / f"{name}.json").write_text(json.dumps(stamp))
        (outputs / name).mkdir()
        (outputs / name / "run.json").write_text(json.dumps(record))


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """A run of four notebooks: one good, one that failed, one that does not apply, one cut short by a crash."""
    outputs = tmp_path_factory.mktemp("zwei Wörter {x}") / "demo"
    good = [
        new_markdown_cell(PROSE),
        code('OUT_DIR = "../../home/jane/out"', tags=["injected-parameters"]),
        code("import x", new_output("stream", name="stderr", text="/home/jane/lib/a.py:3: UserWarning: careful")),
        code("table", html(TABLE), html(NETWORK), html(ESTIMATOR)),
        code("draw()", new_output("display_data", {"image/png": PIXEL, "text/plain": "<Figure>"})),
        code("say()", new_output("display_data", {"text/markdown": NASTY, "text/plain": "x"})),
        code("a", html(WILD)),
        code("bar", new_output("display_data", {_cells.WIDGET: {"model_id": "1"}, "text/plain": "  0%|   | 0/9"})),
    ]
    device = {"kind": "cpu", "name": "2 CPU cores"}
    run = {"parameters": {"PROFILE": "tiny", "SEED": 0}, "synthetic": True, "device": device, "python": "3.11.7"}
    ok = {"status": "ok", "seconds": 12.5, "audit": "clean"}
    write_copy(outputs, "00_first", good, ok, **run, packages={"numpy": "2.4"}, commit="abc1234", weights={"a": "none"})
    error = new_output(
        "error", ename="E", evalue="x", traceback=[f'File "{ROOT}/helpers/run.py"', "/tmp/ipykernel_1/2.py"]
    )
    failed = [
        new_markdown_cell("<span>An Exception</span>", metadata={"tags": ["papermill-error-cell-tag"]}),
        new_markdown_cell("# 01 · Does it fail?\n\n## Part"),
        code("1 / 0", error),
        new_markdown_cell("never shown"),
        code("more", count=None),
    ]
    write_copy(outputs, "01_second", failed)
    stop = new_output("error", ename="SystemExit", evalue="0", traceback=["SystemExit"])
    why = {"status": "not applicable", "why": "no frames in /srv/data/casme2", "seconds": 1.0}
    write_copy(outputs, "02_third", [new_markdown_cell("# 02 · Frames?"), code("stop", stop)], why, **run)
    (outputs / "executed" / "03_fourth.ipynb").write_text('{"cells": [')
    return outputs


@pytest.fixture(scope="module")
def page(outputs):
    report.write(outputs, {"01_second": "cell 3: ZeroDivisionError in /work/x/y.csv"})
    return (outputs / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def soup(page):
    return BeautifulSoup(page, "html.parser")


def loads(text):
    """Every address that a browser would fetch for this page, and for the pages inside it."""
    soup = BeautifulSoup(text, "html.parser")
    found = [
        tag[name] for name in ("src", "srcset", "poster", "data", "background") for tag in soup.select(f"[{name}]")
    ]
    found += [tag["href"] for tag in soup.select("link[href], base[href], image[href], use[href]")]
    found += re.findall(r"url\(\s*['\"]?([^'\")]+)", text) + re.findall(r"@import\s+\S+", text)
    for script in soup.select("script"):
        found += re.findall(r"(?:fetch|import|XMLHttpRequest|sendBeacon|WebSocket)\s*\(", script.text)
    for frame in soup.select("iframe[srcdoc]"):
        found += loads(frame["srcdoc"])
    return [address for address in found if not address.startswith(("data:", "#"))]


def test_every_notebook_is_there_with_its_question_and_parts(soup):
    assert [head.text for head in soup.select("article > h2")] == [
        "00 · What is asked?", "01 · Does it fail?", "02 · Frames?", "03_fourth",
    ]  # fmt: skip
    links = {link["href"] for link in soup.select("nav a")}
    addresses = {tag["id"] for tag in soup.select("[id]")}
    assert {link.removeprefix("#") for link in links} <= addresses and "#00_first" in links
    assert "1 · The first part" in soup.nav.text and len(addresses) == len(soup.select("[id]"))


def test_status_and_reasons_are_told(soup):
    states = [row.find_all("td")[1].text for row in soup.table.tbody.find_all("tr")]
    assert [state.split(":")[0] for state in states] == ["ok", "FAILED", "not applicable", "did not finish"]
    notes = " ".join(note.text for note in soup.select("article .note"))
    assert "ZeroDivisionError in …/y.csv" in notes and "no frames in …/casme2" in notes
    assert "the executed copy cannot be read" in notes and "did not run" in notes
    assert "never shown" not in soup.text and "An Exception" not in soup.text and "SystemExit" not in soup.text


def test_nothing_private_is_on_the_page(page):
    for word in ("jane", str(ROOT), "/tmp/", "/srv/", "../..", "input_path"):
        assert word not in page, word
    assert "…/out" in page and "…/a.py:3: UserWarning" in page and "…/helpers/run.py" in page


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/jane/casme2/a.csv: bad", "…/a.csv: bad"),
        (r"C:\Users\Jane\a.csv", "…/a.csv"),
        (r"WindowsPath('C:\\Users\\Jane Doe\\a.csv')", "WindowsPath('…/a.csv')"),
        ('DATA_DIR = "/media/Jane Doe/my data/casme2"', 'DATA_DIR = "…/casme2"'),
        (f"at {Path.home()}, file:{Path.home()}/x and {ROOT}", "at …/, file:…/x and …/"),
        (f"https://a.org{Path.home()}/b", f"https://a.org{Path.home()}/b"),
        ("see ../../jane/data", "see …/data"),
        ("file:///home/jane/a.csv", "…/a.csv"),
        ("~/data/x.png, 1/2, and/or, u / v", "…/x.png, 1/2, and/or, u / v"),
        ("https://doi.org/10.1/x </div> figures/a.png", "https://doi.org/10.1/x </div> figures/a.png"),
    ],
)
def test_folders_are_hidden_and_nothing_else(text, shown):
    assert _cells.private(text) == shown


def test_nothing_is_loaded_from_anywhere(page, soup):
    assert loads(page) == []
    assert "default-src 'none'" in soup.find("meta", {"http-equiv": "Content-Security-Policy"})["content"]
    assert loads("<p style='background:url(//a.b/c)'><img src=http://x.y><link href=a.css>") != []


def test_nothing_that_comes_from_data_can_run(soup):
    policy = soup.find("meta", {"http-equiv": "Content-Security-Policy"})["content"]
    allowed = re.search(r"script-src ([^;]*)", policy)[1].split()
    walled = BeautifulSoup(soup.select_one("iframe")["srcdoc"], "html.parser").script
    assert allowed == [f"'sha256-{digest(script.string)}'" for script in (soup.body.select("script")[-1], walled)]
    assert len(soup.select("script")) == len(soup.select("iframe")) == 1, "page.js, and the page behind a wall"
    cells = soup.select("article *")
    assert not [name for tag in cells for name in tag.attrs if name.startswith("on")]
    assert all(link["href"].startswith(("#", "https://")) for link in soup.select("a[href]"))


def digest(script):
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def test_links_stay_inside_or_lead_to_the_web(soup):
    prose = soup.select_one("#\\30 0_first")
    targets = {link.text: link["href"] for link in prose.select("a[href]")}
    assert targets["there"] == "#01_second-part" and targets["paper"] == "https://doi.org/10/x"
    assert "nowhere" not in targets and "a file" not in targets and "nowhere" in prose.text
    assert targets["Open In Colab"].startswith("https://") and not prose.select("img[src^=http]")


def test_tables_can_be_sorted_and_scroll_inside(soup):
    table = soup.select_one("table.dataframe")
    assert [head.text for head in table.select("thead th")] == ["model", "uf1", "who"] and len(table.select("tr")) == 3
    assert ["class" in cell.attrs for cell in table.tbody.tr.find_all("td")] == [True, False], "numbers to the right"
    assert "a<b" in table.text and all(table.parent["class"] == ["scroll"] for table in soup.select("table"))
    assert soup.select_one("table.plain").text.strip().startswith("Reads")


def test_figures_have_a_name_and_progress_bars_are_gone(soup):
    assert soup.select_one(".output img")["alt"] == "Figure: 1 · The first part"
    assert "0/9" not in soup.text and soup.select_one("iframe[srcdoc]")


def test_estimators_of_different_notebooks_do_not_share_ids(soup):
    box = soup.select_one("#sk-container-id-1-00_first")
    assert box.input["id"] == box.label["for"] == "sk-estimator-id-1-00_first"
    assert "#sk-container-id-1-00_first {color" in str(box.parent)


def test_provenance_says_what_ran_with_what(soup):
    text = soup.select_one("#provenance").text
    assert all(word in text for word in ("abc1234", "tiny", "12.5", "2 CPU cores", "numpy", "3.11.7", "clean"))


def test_formulas_are_drawn_and_read_aloud(soup):
    drawn = soup.select_one("svg.formula")
    assert drawn["aria-label"] == "\\tfrac12 (u_y + v_x)^2" and drawn.path["d"].startswith("M")
    assert _formulas.set_in("a < b and $x$") == "a &lt; b and " + _formulas.draw("x")
    assert _formulas.draw(r"\nonsense{x}") == r"<code>\nonsense{x}</code>"


def test_every_formula_of_the_notebooks_can_be_drawn():
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        for cell in nbformat.read(path, 4).cells:
            if cell.cell_type == "markdown":
                prose = re.sub(r"`[^`]*`", "", cell.source)
                assert "<code>" not in _formulas.set_in(prose), (path.name, cell.source)


def test_a_folder_without_executed_notebooks_is_refused(tmp_path):
    with pytest.raises(WorkbookError, match="no executed notebook"):
        report.write(tmp_path / "demo")


@pytest.mark.skipif(not shutil.which("chromium"), reason="chromium is not installed")
def test_a_browser_asks_for_nothing_and_reports_no_error(page, tmp_path):
    probe = """addEventListener("load", () => setTimeout(() => {
        const asked = performance.getEntriesByType("resource").filter((entry) => !entry.name.startsWith("data:"));
        document.querySelector("table.dataframe th:nth-child(2) button").click();
        document.querySelector(".output img").click();
        const first = document.querySelector("table.dataframe tbody tr").textContent;
        const zoomed = document.getElementById("zoom").open;
        document.title = JSON.stringify([asked.length, wrong, first.includes("0.5"), zoomed, drawn]);
    }, 200));"""
    early = """let wrong = 0, drawn = false;
        addEventListener("message", ({ data }) => { drawn = data === "drawn"; });
        for (const kind of ["error", "securitypolicyviolation"]) addEventListener(kind, () => wrong++);"""
    for script, place in ((early, "<body>"), (probe, "</body>")):
        page = page.replace("; form-action", f" 'sha256-{digest(script)}'; form-action", 1)
        page = page.replace(place, "".join(sorted((place, f"<script>{script}</script>"), reverse=place[1] == "/")), 1)
    probed = tmp_path / "page.html"
    probed.write_text(page, encoding="utf-8")
    words = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path}/profile",
        "--virtual-time-budget=3000",
    ]
    done = subprocess.run(
        ["chromium", *words, "--dump-dom", probed.as_uri()], capture_output=True, text=True, timeout=60
    )
    title = BeautifulSoup(done.stdout, "html.parser").title.text
    assert json.loads(title) == [0, 0, True, True, True]
