"""A trained model as a folder that can be given away and checked: model.json, arrays.npz, MODEL_CARD.md.

No pickle anywhere. model.json says what the model is, whom it was trained on, what it must be fed, from which
confidence it answers, how it did on people it had not seen, and the SHA-256 of the other files and of its own content.
A folder that is not exactly what it says is refused. Cards after Mitchell et al. 2019, doi:10.1145/3287560.3287596.
"""

import hashlib
import io
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from helpers import storage, workspace
from helpers.datasets import _outside
from helpers.inference import packing
from helpers.workspace import WorkbookError

FORMAT = 2
FACTS, ARRAYS, CARD = "model.json", "arrays.npz", "MODEL_CARD.md"
FILES = (FACTS, ARRAYS, CARD)
MOST = {FACTS: 2**24, ARRAYS: 2**29, CARD: 2**24}  # bytes, unpacked
EXTRA = "extra."  # arrays that are no part of the fitted model
REMEDY = "store it anew: ./run_all.sh --only 05,06 --force, or get the folder again from where it came"
NOT_REAL = "synthetic training: not meaningful for real faces"
NEEDED = (
    "format", "task", "model", "classes", "dataset", "label", "synthetic", "people", "clips", "representation",
    "data_fingerprint", "versions", "abstention", "scores", "settings", "files", "checksum",
)  # fmt: skip


class Trained(NamedTuple):
    """A fitted model and what there is to know about it."""

    facts: dict  # NEEDED, less what `save` adds: format, versions, settings, files, checksum
    fitted: object
    extra: dict  # {name: array} that go with it


def save(folder, trained):
    """Write a model into `folder`, which appears only when it is whole. Returns the names of its files."""
    folder = Path(folder)
    settings, arrays = packing.pack(trained.fitted)
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays, **{EXTRA + name: value for name, value in trained.extra.items()})
    facts = trained.facts | {"format": FORMAT, "settings": settings, "versions": workspace.versions()}
    contents = {ARRAYS: packed.getvalue(), CARD: card(facts).encode()}
    facts["files"] = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    facts["checksum"] = _checksum(facts)
    contents[FACTS] = (json.dumps(facts, indent=1, sort_keys=True) + "\n").encode()
    for name in (ARRAYS, CARD, FACTS):  # the facts last: without them the folder is no model
        with storage.atomic(folder / name) as temporary:
            temporary.write_bytes(contents[name])
    return list(FILES)


def load(folder):
    """Read a stored model: Trained. Raises WorkbookError, naming file and remedy, for anything that is not as stored:
    another format, a wrong checksum, an absent or an additional file, arrays that do not answer a face at rest."""
    folder = Path(folder)
    facts = _facts(folder / FACTS)
    there = {path.name for path in folder.iterdir()}
    for name in sorted(set(FILES) - there):
        raise WorkbookError("a file of this model is absent", file=folder / name, remedy=REMEDY)
    for name in sorted(there - set(FILES)):
        raise WorkbookError("this file is no part of the model", file=folder / name, remedy=f"remove it, or {REMEDY}")
    # once: what was checked is used
    contents = {name: _outside.contents(folder / name, MOST[name], remedy=REMEDY) for name in facts["files"]}
    for name, content in contents.items():
        if hashlib.sha256(content).hexdigest() != facts["files"][name]:
            raise WorkbookError("the checksum is wrong: the file was changed", file=folder / name, remedy=REMEDY)
    try:
        _outside.unpacked(io.BytesIO(contents[ARRAYS]), MOST[ARRAYS], folder / ARRAYS)
        with np.load(io.BytesIO(contents[ARRAYS]), allow_pickle=False) as packed:
            arrays = dict(packed)
        extra = {name.removeprefix(EXTRA): arrays.pop(name) for name in list(arrays) if name.startswith(EXTRA)}
        trained = Trained(facts, packing.unpack(facts["model"], facts["settings"], arrays), extra)
        packing.answer(*trained)
        card(facts)
    except Exception as error:  # whoever stores a model can write anything, and a right checksum with it
        problem = f"it holds no model that answers ({type(error).__name__}: {str(error)[:300]})"
        raise WorkbookError(problem, file=folder / ARRAYS, remedy=REMEDY) from error
    return trained


def find(place):
    """`found`, or WorkbookError where there is no model."""
    models = found(place)
    if not models:
        remedy = "run ./run_all.sh --only 05,06, or name with --model the folder that holds model.json"
        raise WorkbookError("no trained model lies here", file=place, remedy=remedy)
    return models


def found(place):
    """{task: folder} of the models in a place: a model's own folder, or the outputs of a dataset.

    Raises WorkbookError when there are two for one task.
    """
    place, found = workspace.path(place), {}
    for path in [place / FACTS, *sorted(place.glob(f"*/{FACTS}")), *sorted(place.glob(f"*/model/{FACTS}"))]:
        if path.is_file():
            task = _facts(path)["task"]
            if task in found:
                problem = f"two models of {task} lie here"
                raise WorkbookError(problem, file=path, remedy="name the folder of the one you mean with --model")
            found[task] = path.parent
    return found


def card(facts):
    """The model card as Markdown, every number from the facts."""
    scores = [f"| {name} | {value:.3f} | {low:.3f} to {high:.3f} |" for name, value, low, high in _scores(facts)]
    rule = facts["abstention"]
    warning = [f"**{NOT_REAL.capitalize()}.**", ""] if facts["synthetic"] else []
    told = "It answers every frame." if rule is None else say_rule(rule)
    fed = facts["representation"]
    return "\n".join([
        f"# {facts['model']} ({facts['task']}), trained on {facts['label']}", "", *warning,
        f"**Trained on** {facts['clips']} clips of {len(facts['people'])} people; data fingerprint "
        f"`{facts['data_fingerprint']}`.", "",
        f"**Answers** {', '.join(facts['classes']) or 'a number from 0 to 1 for each frame'}.", "",
        f"**Is fed** {fed['what']}, {fed['side']} x {fed['side']}, in {fed['units']}: {fed['how']}.", "",
        f"**Held-out people** ({facts['scores']['protocol']}, {facts['scores']['clips']} clips of "
        f"{facts['scores']['people']} people; intervals over people):", "",
        "| score | value | 95 % interval |", "|---|---|---|", *scores, "",
        f"**Abstention.** {told}", "",
        "**Meant for** teaching and research on recordings whose people agreed. **Not meant for** surveillance, "
        "detection of lies, hiring, policing, diagnosis or any decision about a person: how a face moves does not say "
        "what somebody feels, means or intends.", "",
        "**Holds** arrays computed from training clips: share it only as far as their licence goes.", "",
    ])  # fmt: skip


def say_rule(rule):
    """The rule of abstention as a sentence. rule: of `training.calibrate`."""
    aim = f"held-out accuracy reaches {rule['level']:.0%}"
    if rule["threshold"] is None:
        return f"It always abstains: at no confidence that {rule['least']} held-out clips reach, {aim}."
    told = (
        f"It abstains below a confidence of {rule['threshold']:.2f}, the least from which {aim}: "
        f"{rule['coverage']:.0%} of {rule['clips']} held-out clips were answered, {rule['accuracy']:.0%} of these "
        "rightly."
    )
    if rule["checked_accuracy"] is None:
        return told
    return told + (
        f" With each person's rule taken from the others: {rule['checked_coverage']:.0%} answered, "
        f"{rule['checked_accuracy']:.0%} rightly."
    )


def _scores(facts):
    return [(name, *values) for name, values in facts["scores"]["values"].items()]


def _checksum(facts):
    plain = {name: value for name, value in facts.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _facts(path):
    if not path.exists():
        raise WorkbookError("a file of this model is absent", file=path, remedy=REMEDY)
    try:
        facts = json.loads(_outside.contents(path, MOST[FACTS], remedy=REMEDY))
        version = facts.get("format")
    except (ValueError, AttributeError, RecursionError) as error:
        raise WorkbookError("this describes no model", file=path, remedy=REMEDY) from error
    if version != FORMAT:
        problem = f"the model is of format {version!r}, this workbook reads format {FORMAT}"
        raise WorkbookError(problem, file=path, remedy=REMEDY)
    lacking = [name for name in NEEDED if name not in facts]
    if lacking or facts["checksum"] != _checksum(facts):
        problem = f"{', '.join(lacking)} is missing" if lacking else "the checksum is wrong: the file was changed"
        raise WorkbookError(problem, file=path, remedy=REMEDY)
    names = isinstance(facts["task"], str) and isinstance(facts["model"], str) and isinstance(facts["files"], dict)
    if not names or set(facts["files"]) != set(FILES) - {FACTS}:
        raise WorkbookError("this describes no model", file=path, remedy=REMEDY)
    return facts
