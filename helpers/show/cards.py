"""Cards that travel with results: one for each family of models, one for the data. Numbers come from outputs.

After Mitchell et al. 2019 (model cards, doi:10.1145/3287560.3287596) and Gebru et al. 2021 (datasheets for datasets,
doi:10.1145/3458723). What no file knows, a card says is unknown.
"""

import inspect
import re

import numpy as np

from helpers import datasets, models, storage
from helpers.evaluation import outputs
from helpers.show.summary import seeing
from helpers.workspace import WorkbookError

USE = """## Intended use

Research and teaching: comparing methods of recognition under one protocol that holds people out, and showing what goes
wrong without it. Results speak about the clips named above and the conditions they were filmed in.

## Not for

* surveillance, border control, policing;
* detection of lies, guilt or intent: nothing here measures them, and no facial movement proves them;
* hiring, work monitoring, schools, credit, insurance: in the European Union inferring emotions at work and in education
  is prohibited (Regulation (EU) 2024/1689, article 5(1)(f));
* diagnosis of any illness;
* any decision about a person who has not agreed to it.

## Before anybody deploys it

* **Bias audit**: a deployed system needs one, on the people it will meet, by sex, age, skin and culture, with
  intervals, before its start and after every change; what stands above is an audit of these clips only.
* **Cultural adaptation**: how a feeling shows, and which word coders choose for it, differs between cultures (Jack et
  al. 2012, doi:10.1073/pnas.1200155109). Nothing here was adapted. Elsewhere it has to be measured again, not assumed.
* **An expression is not an emotion** (Barrett et al. 2019, doi:10.1177/1529100619832930): labels are coders' words for
  movements, elicited by films in a laboratory.
* **A person decides**, knows the error rates above, and can be asked for reasons.

## Consent and withdrawal

Those who are filmed must have agreed to this very use, and may withdraw. Then their clips leave the data folder and the
caches, and everything is fitted again (`./run_all.sh --force`): a model that knew them is not kept. Predictions carry
the person in `subject`, so that their rows can be found.
"""
LIMITS = "An interval is over people and does not know how many configurations were looked at (`benchmarks/looks.csv`)."


def family(model):
    """The model file behind a row of a score table: `flow_map:svm+pca+smote` and `svm_tuned` are both `svm`."""
    name = model.split(" [")[0].split(":")[-1].split("+")[0]
    return name.removesuffix(models.TUNED)


def families(made):
    """{family: [(problem, rows of its models)]} of all problems, of models that look at pictures."""
    found = {}
    for problem, scored in made:
        rows = seeing(scored)
        for name, own in rows.groupby(rows.model.map(family), sort=True):
            found.setdefault(name, []).append((problem, own))
    return found


def model_cards(made, folder, label, calibrated, gaps):
    """{file name: text}: a card for each family. calibrated, gaps: tables of `show.groups`."""
    return {
        f"model_{name}.md": _model_card(name, parts, folder, label, calibrated, gaps)
        for name, parts in families(made).items()
    }


def _model_card(name, parts, folder, label, calibrated, gaps):
    lines = [f"# Model card: `{name}`", "", _synthetic(label), about(name), ""]
    lines += [
        "## Scores",
        "",
        f"On {label}, by models that never saw the person they are asked about, where people are known.",
        "",
    ]
    lines += [
        "| problem | model | UF1 (95 % interval over people) | UAR | against the majority row |",
        "|---|---|---|---|---|",
    ]
    shown, treated = _plain(parts)
    for problem, rows in shown:
        for row in rows.sort_values("uf1", ascending=False).itertuples():
            score = f"{row.uf1:.3f} ({row.uf1_lo:.3f} to {row.uf1_hi:.3f})"
            lines.append(f"| {problem.name} | `{row.model}` | {score} | {row.uar:.3f} | {row.verdict} |")
    lines += ["", f"{LIMITS} Rows with another treatment or feature, in `tables/models.csv`: {treated}.", ""]
    lines += ["## Recall by class", ""]
    for problem, rows in shown:
        for _, row in rows.iterrows():
            recalls = row.filter(like="recall_").dropna()
            said = ", ".join(f"{column[7:]} {value:.2f}" for column, value in recalls.items())
            lines.append(f"* {problem.name}, `{row.model}`: {said}")
    lines += ["", "## Calibration and groups", "", *_audited(name, calibrated, gaps), ""]
    lines += ["## How it was made", "", *_made(parts, folder), "", USE]
    return "\n".join(lines)


def _plain(parts):
    """Rows of a family without a treatment in their name, all of them where there are no such; how many are left."""
    plain = [(problem, rows[~rows.model.str.contains(r"[+:]")]) for problem, rows in parts]
    plain = [(problem, rows) for problem, rows in plain if len(rows)] or parts
    return plain, sum(len(rows) for _, rows in parts) - sum(len(rows) for _, rows in plain)


def _synthetic(label):
    return "**Synthetic data: not meaningful for real faces.**\n" if "synthetic" in label else ""


def about(name):
    """First paragraph of the model file's docstring: what it is, and its paper."""
    try:
        text = inspect.getdoc(models.module(name)) or ""
    except WorkbookError:
        return "Part of a notebook; no file of its own."
    return re.sub(r"\s+", " ", text.split("\n\n")[0]).strip()


def _audited(name, calibrated, gaps):
    lines = []
    for row in calibrated[calibrated.model == name].itertuples():
        lines.append(
            f"* {row.task}, {row.people} people: calibration error {row.ece:.3f} ({row.ece_lo:.3f} to {row.ece_hi:.3f}"
            f"; perfect probabilities would show {row.ece_if_perfect:.3f}), Brier score {row.brier:.3f}, skill over "
            f"the majority row {row.skill:+.3f}"
        )
    for row in gaps[gaps.model == name].itertuples():
        ends = f" ({row.gap_lo:.2f} to {row.gap_hi:.2f})" if np.isfinite(row.gap_lo) else ""
        luck = f", by luck {row.by_luck:.2f}" if np.isfinite(row.by_luck) else ""
        lines.append(
            f"* {row.task}, {row.people_in_all} people, {row.division}: gap {row.gap:.2f}{ends}{luck}; "
            f"worst {row.worst}, best {row.best}"
        )
    return lines or ["* Not audited in this run: all rows of it are treatments of something else."]


def _made(parts, folder):
    numbers = sorted({number for problem, rows in parts for model in rows.model for number in problem.notebooks[model]})
    lines = []
    for path in sorted(path for number in numbers for path in folder.glob(f"{number}_*")):
        run = outputs.record(folder, path.name)
        lines.append(
            f"* notebook {path.name}: profile {run['parameters']['PROFILE']}, seed {run['parameters']['SEED']}, commit "
            f"{run['commit']}, data {run.get('data_fingerprint', 'unknown')}, {run['device']['name']}, scikit-learn "
            f"{run['packages'].get('scikit-learn', 'unknown')}, weights: {_weights(run.get('weights'))}"
        )
    return lines


def _weights(known):
    return f"of {len(known)} features, see its run.json" if isinstance(known, dict) else known or "none"


def data_card(dataset, made, people, label):
    """Text of the data card: what its reader says, what this run counted, what nobody wrote down.

    dataset: name; made: [(problem, scored)]; people: of `fairness.people`.
    """
    card = datasets.card(dataset)
    lines = [f"# Data card: {card['title']}", "", _synthetic(label), "| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in card.items() if name not in ("title", "synthetic")]
    lines += ["", "## What took part in this run", ""]
    for problem, _ in made:
        rows = problem.predictions.drop_duplicates("sample_id")
        counts = ", ".join(f"{name} {count}" for name, count in rows.y_true.value_counts().items())
        clips = rows.groupby("subject").size()
        lines.append(
            f"* {problem.name}: {counts}; of {', '.join(sorted(rows.dataset.unique()))}; a person has {clips.min()} to "
            f"{clips.max()} clips"
        )
    known = [name for name in people if name != "subject"]
    lines += ["", "## Who is shown", ""]
    lines += [f"* {name}: {_counted(people[name])}" for name in known] or [
        "* Sex, age, skin and origin of the people are **unknown**: they are not in the files. No audit by them is "
        "possible, and guessing them from faces would be a second wrong."
    ]
    coded = "A label is what coders agreed on, from movement, film and what people reported; others may disagree."
    label_is = "A label is the rule by which a movement was drawn." if "synthetic" in label else coded
    elicited = card["elicitation"][0].upper() + card["elicitation"][1:]
    lines += [
        "", "## How feelings were elicited, and what a label is", "", f"{elicited}. {label_is}", "",
        "## Who may have it", "", f"Access: {card['access']}. Licence: {card['licence']}. Outputs of this workbook "
        "show no face of a licensed dataset unless `SHOW_FACES` is set by hand.", "", USE,
    ]  # fmt: skip
    return "\n".join(lines)


def _counted(column):
    return ", ".join(f"{name or 'not known'} {count}" for name, count in column.value_counts().items())


def write(cards, folder):
    """Write {file name: text} atomically into folder/cards. Returns names relative to the folder."""
    for name, text in cards.items():
        with storage.atomic(folder / "cards" / name) as path:
            path.write_text(text, encoding="utf-8")
    return [f"cards/{name}" for name in cards]
