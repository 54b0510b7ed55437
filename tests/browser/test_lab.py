"""JupyterLab and report.html as people see them, in a real Chromium. Run by `./run_tests.sh --browser`, about a minute.

Screenshots are left in outputs/browser, to be looked at.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from urllib.request import urlopen

import nbformat
import pytest
from playwright.sync_api import sync_playwright

from helpers import workspace
from helpers.run import NOTEBOOKS
from helpers.workspace import ROOT

NOTEBOOK = NOTEBOOKS / "02_optical_flow.ipynb"
SCREENSHOTS = ROOT / "outputs" / "browser"
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false"},  # no question about news over the notebook
    "notebook-extension/tracker": {"windowingMode": "none"},  # cells out of sight are there, too
}
MINUTES = 60_000  # milliseconds


@pytest.fixture(scope="module")
def browser():
    found = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A folder with a copy of the notebook, set to profile tiny and to data and results of its own."""
    folder = tmp_path_factory.mktemp("a desk with blanks")
    (folder / "data").mkdir()
    notebook = nbformat.read(NOTEBOOK, 4)
    cell = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    own = {"DATA_DIR": str(folder / "data"), "OUT_DIR": str(folder / "out"), "PROFILE": "tiny"}
    for name, value in own.items():
        cell.source = re.sub(rf'(?m)^({name}: str = )".*?"', rf'\1"{value}"', cell.source)
    nbformat.write(notebook, folder / NOTEBOOK.name)
    for name, content in SETTINGS.items():
        package, plugin = name.split("/")
        path = folder / "settings" / "@jupyterlab" / package / f"{plugin}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(content))
    return folder


@pytest.fixture(scope="module")
def lab(desk):
    """Address of a JupyterLab that serves the desk."""
    places = {"JUPYTERLAB_SETTINGS_DIR": desk / "settings", workspace.CACHE_VARIABLE: desk / "cache"}
    places |= {"JUPYTER_RUNTIME_DIR": desk / "runtime", "PYTHONPATH": ROOT}
    environment = os.environ | {name: str(value) for name, value in places.items()}
    root = "--allow-root" if hasattr(os, "getuid") and os.getuid() == 0 else "--no-browser"
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", root, "--port=0", "--IdentityProvider.token=tests"]
    with (desk / "lab.log").open("w") as log:
        server = subprocess.Popen([*command, f"--ServerApp.root_dir={desk}"], env=environment, stdout=log, stderr=log)
    try:
        yield _address(desk / "runtime", server, desk / "lab.log")
    finally:
        server.terminate()
        server.wait(timeout=30)


def _address(runtime, server, log, seconds=120):
    until = time.monotonic() + seconds
    while time.monotonic() < until and server.poll() is None:
        for record in runtime.glob("jpserver-*.json"):
            address = json.loads(record.read_text())["url"]
            if urlopen(f"{address}api?token=tests").status == 200:
                return address
        time.sleep(0.5)
    pytest.fail(f"JupyterLab did not start: {log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def page(browser, lab, desk):
    """The notebook, run from its first cell to its last; `bars` says whether a progress bar was seen on the way."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(2 * MINUTES)
    page.goto(f"{lab}lab/tree/{NOTEBOOK.name}?token=tests&reset")
    page.get_by_text("Python 3 (ipykernel) | Idle").or_(page.get_by_text("| Idle")).first.wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    record, until, page.bars = desk / "out" / "demo" / NOTEBOOK.stem / "run.json", time.monotonic() + 600, False
    while not record.exists() and not page.locator(_mime("error")).count() and time.monotonic() < until:
        page.bars = page.bars or page.locator(".widget-hprogress").count() > 0
        page.wait_for_timeout(200)
    page.wait_for_timeout(2000)
    return page


def _mime(kind):
    return f'.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.{kind}"]'


def shot(page, name):
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


def test_the_notebook_runs_in_jupyterlab_without_an_error(page, desk):
    shot(page, "lab_end")
    assert page.locator(_mime("error")).all_inner_texts() == []
    assert page.locator(_mime("stderr")).all_inner_texts() == []
    assert json.loads((desk / "out" / "demo" / NOTEBOOK.stem / "run.json").read_text())["status"] == "ok"
    assert page.bars, "progress bars are widgets, which come and go"


def test_the_explorer_answers(page):
    look = page.locator(".jp-OutputArea-output", has=page.get_by_text("flow since the onset", exact=True))
    look.scroll_into_view_if_needed()
    picture, before = look.locator("img").first, look.locator("img").first.get_attribute("src")
    assert picture.bounding_box()["width"] > 300
    shot(page, "lab_explorer")
    emotions = [
        re.split(r"\s\(", text)[0] for text in look.locator("select").nth(1).locator("option").all_inner_texts()
    ]
    now = look.get_by_text("action units").inner_text().split(",")[0]
    other = max(place for place, name in enumerate(emotions) if name != now)
    look.locator("select").nth(1).select_option(index=other)
    page.wait_for_function("([image, before]) => image.src != before", arg=[picture.element_handle(), before])
    look.get_by_text(re.compile(f"^{emotions[other]}, action units")).wait_for()
    before = picture.get_attribute("src")
    look.locator(".jupyter-widget-play button, .widget-play button").first.click()
    page.wait_for_function("([image, before]) => image.src != before", arg=[picture.element_handle(), before])
    shot(page, "lab_explorer_plays")


def test_the_experts_desk_is_there(page):
    desk = page.get_by_role("button", name="Accept as coded")
    desk.scroll_into_view_if_needed()
    assert page.get_by_role("button", name="Save change").is_visible()
    shot(page, "lab_review")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    out = tmp_path_factory.mktemp("report")
    (out / "data").mkdir()
    command = [sys.executable, "-m", "helpers.run", "--profile", "tiny", "--only", "00", "--out-dir", str(out)]
    subprocess.run([*command, "--data-dir", str(out / "data")], cwd=ROOT, check=True, stdin=subprocess.DEVNULL)
    return out / "demo" / "report.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_report_opens_offline_at_any_width(browser, report, width, scheme):
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(report.as_uri())
    page.wait_for_load_state("networkidle")
    shot(page, f"report_{width}_{scheme}")
    assert not said and not [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "nothing runs out of the page"
    page.close()
