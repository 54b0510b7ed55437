"""README.md's tables, from what runs left behind: `python -m helpers.show.readme outputs/demo outputs/megc2019`.

Each table stands between two comments; what lies between them is replaced, nothing else is touched. The first folder
given times the notebooks and lends the figure; the others add rows of results.
"""

import json
import re
import shutil
import sys
from pathlib import Path

import pandas as pd

from helpers import datasets, storage
from helpers.workspace import ROOT, WorkbookError

COMMAND = "python -m helpers.show.readme"
FIGURE = "04_model_comparison/figures/mean_maps.png"  # made of motion: no face in it
SAMPLE = Path("outputs/sample")  # kept in git
SYSTEM = "system.json"  # of benchmarks/system.py
# Who is shown is fixed, so that nobody is picked by the score: guessing, a line, two published kinds of network, ours.
RECOGNISERS = {
    "majority": "majority",
    "logistic": "linear",
    "ststnet": "STSTNet",
    "roi_hybrid": "ROI hybrid",
    "ours": "ours",
}
REGRESSORS = {
    "constant": "constant",
    "frame_index": "frame number",
    "flow_and_index": "flow and number",
    "cnn_lstm": "CNN + LSTM",
}
FREE = ("demo", "megc2019")  # for everybody, so they come first
LEAKS, FAMILY = 3, "logistic"  # how many leaks, of the simplest model


def main(argv=None, root=ROOT):
    """Exit status: 0 README.md holds what the folders say, 2 something is missing."""
    words = sys.argv[1:] if argv is None else argv
    try:
        if not words:
            raise WorkbookError("no folder of results was given", remedy=f"{COMMAND} outputs/demo outputs/megc2019")
        folders = [root / word for word in words]
        blocks = {
            "notebooks": notebooks(root, folders[0]),
            "datasets": cards(),
            "results": results(folders, words),
            "system": system(root / SAMPLE / SYSTEM),
        }
        _keep_figure(folders[0] / FIGURE, root / SAMPLE)
        text = fill((root / "README.md").read_text(encoding="utf-8"), blocks)
    except WorkbookError as error:
        print(error, file=sys.stderr)
        return 2
    with storage.atomic(root / "README.md") as path:
        path.write_text(text, encoding="utf-8")
    print(f"README.md: {', '.join(blocks)} written from {', '.join(words)}")
    return 0


def fill(text, blocks):
    """Text with each block {name: markdown} between its comments. WorkbookError if a comment is missing."""
    for name, block in blocks.items():
        begin, end = f"<!-- {name}: written by {COMMAND} -->", f"<!-- end of {name} -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise WorkbookError(f"{begin} and {end} must stand there once", file="README.md", remedy="put them back")
        before, rest = text.split(begin)
        text = before + f"{begin}\n{block}\n{end}" + rest.split(end)[1]
    return text


def notebooks(root, outputs):
    """Table of all notebooks: number, question, minutes of the last run, badge."""
    rows, said = [], set()
    for path in sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        opening = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"])
        question = re.search(r"^# \d\d · (.+)$", opening, re.MULTILINE)[1]
        badge = re.search(r"\[!\[.+?\]\(.+?\)\]\(.+?\)", opening)[0]
        run = _json(outputs / path.stem / "run.json")
        if run:
            said.add((run["parameters"]["PROFILE"], run["device"]["name"], run["jobs"]))
        link = f"[{path.stem[:2]}](notebooks/{path.name})"
        rows.append((link, question, _minutes(_json(outputs / "executed" / f"{path.stem}.json").get("seconds")), badge))
    if len(said) != 1:
        remedy = "run the whole workbook once: ./run_all.sh --force"
        raise WorkbookError(
            f"notebooks ran in {len(said)} different ways, so no minutes hold", file=outputs, remedy=remedy
        )
    profile, device, _ = said.pop()
    note = f"Minutes on {device}, profile {profile}, dataset {outputs.name}, first run (later ones resume)."
    return f"{_table(('', 'question', 'minutes', ''), rows)}\n\n{note}"


def cards():
    """Table of the datasets that can be read, from the data sheets of their readers."""
    rows = []
    for name in sorted(datasets.names(), key=lambda name: (name not in FREE, name)):
        card = datasets.reader(name).CARD
        fps = f", {card['fps']} frames per second" if card["fps"] else ""
        size = f"{card['people']} people, {card['clips']} clips" if str(card["people"]).isdigit() else card["clips"]
        rows.append((f"`{name}`", f"{card['title']}: {size}{fps}; {card['labels']}", card["access"], card["licence"]))
    return _table(("`--dataset`", "what", "how to get it", "licence"), rows)


def results(folders, words):
    """Three tables: recognition, intensity, leaks; a row a dataset and problem, with the commits they come from."""
    parts = [f"Written by `{COMMAND} {' '.join(words)}`; brackets are 95 % intervals over people."]
    for title, rows_of in (
        ("**Which emotion?** UF1 on people the models never saw", _recognition),
        ("**How intense?** Concordance (CCC) with the soft labels, frame by frame", _intensity),
        ("**What the largest leaks add** to the UF1 of the same linear model", _leaks),
    ):
        found = [rows_of(folder) for folder in folders]
        head = next((head for head, _ in filter(None, found)), None)
        if head:
            parts.append(f"{title}\n\n" + _table(head, [row for part in filter(None, found) for row in part[1]]))
    if len(parts) == 1:
        raise WorkbookError("no results of notebooks 05, 06 or 08", file=words[0], remedy="run ./run_all.sh first")
    parts.append("Runs: " + "; ".join(_origin(folder) for folder in folders) + ".")
    return "\n\n".join(parts)


def system(path):
    """What benchmarks/system.py measured: the machine in a sentence, a table of steps."""
    if not path.is_file():
        raise WorkbookError("nothing was measured yet", file=path, remedy="python benchmarks/system.py")
    found = json.loads(path.read_text(encoding="utf-8"))
    told = (
        "Measured by `python benchmarks/system.py` on {processor}, {cores} cores, {memory_gb} GB of memory, GPU {gpu}; "
        "{system}, Python {python}, torch {torch}. Installed packages take {packages_gb} GB of disk."
    )
    rows = []
    for step in found["steps"]:
        gpu = "–" if step["gpu_mb"] is None else f"{step['gpu_mb'] / 1000:.1f}"
        rows.append((step["step"], _seconds(step["seconds"]), f"{step['memory_mb'] / 1000:.1f}", gpu))
    size = f"Demo, profile {found['profile']}: {found['clips']} clips of {found['people']} people."
    head = ("step", "seconds", "memory, GB", "GPU memory, GB")
    return f"{told.format(**found['machine'])} {size}\n\n{_table(head, rows)}"


def _recognition(folder):
    return _by_task(folder, "06_loso_hybrid", "scores.csv", RECOGNISERS, "uf1")


def _intensity(folder):
    return _by_task(folder, "05_intensity_regression", "tables/intensity_scores.csv", REGRESSORS, "ccc")


def _by_task(folder, notebook, file, models, metric):
    """(head, a row a task) of a notebook's score table: `models` {name: word for it}; None where there is no table."""
    path = folder / notebook / file
    if not path.is_file():
        return None
    scores, rows = pd.read_csv(path), []
    if "slice" in scores:  # a composite's parts have rows of their own
        scores = scores[scores["slice"] == "all"]
    for task, part in scores.groupby("task", sort=False):
        part = part.set_index("model")
        name = f"{_name(folder, notebook)} `{task}`, {part.n.max()} clips, {part.people.max()} people"
        rows.append((name, *(_score(part, model, metric) for model in models)))
    return ("data and task", *models.values()), rows


def _leaks(folder):
    path = folder / "08_leakage_audit" / "tables" / "inflation.csv"
    if not path.is_file():
        return None
    found = pd.read_csv(path).query("family == @FAMILY and metric == 'UF1'").nlargest(LEAKS, "inflation")
    name = _name(folder, "08_leakage_audit")
    rows = [
        (
            name,
            row.title,
            f"{row.honest:.2f}",
            f"{row.leaky:.2f}",
            f"{row.inflation:+.2f} [{row.lo:+.2f}, {row.hi:+.2f}]",
        )
        for row in found.itertuples()
    ]
    return ("data", "leak", "honest", "leaky", "inflation"), rows


def _score(part, model, metric):
    """`0.80 [0.73, 0.88]`, or a dash where the model did not take part."""
    if model not in part.index:
        return "–"
    value, low, high = (
        part.loc[model, [metric, f"{metric}_lo", f"{metric}_hi"]].astype(float).round(2) + 0.0
    )  # no -0.00
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


def _name(folder, notebook):
    return folder.name + (" (synthetic)" if _json(folder / notebook / "run.json").get("synthetic") else "")


def _origin(folder):
    """`demo: profile quick, commit abc1234` of the notebooks that results are read from."""
    runs = [
        _json(folder / name / "run.json") for name in ("05_intensity_regression", "06_loso_hybrid", "08_leakage_audit")
    ]
    runs = [run for run in runs if run.get("status") == "ok"]
    profiles = dict.fromkeys(run["parameters"]["PROFILE"] for run in runs)
    commits = dict.fromkeys(run["commit"] for run in runs)
    return f"{folder.name}: profile {', '.join(profiles)}, commit {', '.join(commits)}"


def _minutes(seconds):
    if seconds is None:
        return "–"
    return "½" if seconds < 45 else f"{seconds / 60:.0f}"


def _seconds(seconds):
    return f"{seconds:.2g}" if seconds < 1 else f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.1f}"


def _table(head, rows):
    """Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _keep_figure(figure, sample):
    if not figure.is_file():
        raise WorkbookError("the README's figure is missing", file=figure, remedy="run notebook 04 on the demo")
    sample.mkdir(parents=True, exist_ok=True)
    with storage.atomic(sample / figure.name) as path:
        shutil.copyfile(figure, path)


def _json(path):
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


if __name__ == "__main__":
    sys.exit(main())
