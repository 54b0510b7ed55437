"""Models, checkpoints and weights from outside: they answer, or are refused by name; nothing of them is run."""

import hashlib
import io
import json
import pickle
import shutil
import warnings
import zipfile

import numpy as np
import pytest
import torch
from hostile import AT, EDITS, JSON, Trap, cases, damaged, fresh, outcome, packed
from hypothesis import strategies as st
from test_intensity_models import built, clips
from test_ours import planted

from helpers import models, weights, workspace
from helpers.inference import stored
from helpers.models import _checkpoints
from helpers.workspace import WorkbookError


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Folders of two small models, as they are stored."""
    X, y, groups = planted()
    about = {"units": "px", "how": "", "what": "", "crop": 128, "method": "dis", "finder": "yunet", "step_s": 0.025}
    shares = dict.fromkeys(("level", "threshold", "coverage", "accuracy", "checked_coverage", "checked_accuracy"), 0.5)
    facts = {
        "task": "emotion", "model": "ours", "classes": sorted(set(y)), "dataset": "demo", "label": "demo",
        "synthetic": True, "people": sorted(set(groups)), "clips": len(y), "representation": about | {"side": 14},
        "data_fingerprint": "", "abstention": shares | {"least": 20, "clips": 30},
        "scores": {"protocol": "x", "clips": 1, "people": 1, "values": {"uf1": [0.5, 0.4, 0.6]}},
    }  # fmt: skip
    network, place = built("cnn_lstm", epochs=1), tmp_path_factory.mktemp("models")
    values, truth, who = clips(n=6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one epoch teaches nothing
        network.fit(values, truth, groups=who)
    emotion = models.build("ours", workspace.profile("tiny"), 0).fit(X, y, groups=groups)
    stored.save(place / "emotion", stored.Trained(facts, emotion, {"typical": X.mean(axis=0)}))
    facts |= {"task": "intensity", "model": "cnn_lstm", "classes": [], "representation": about | {"side": 12}}
    facts["abstention"] = None
    stored.save(place / "intensity", stored.Trained(facts, network, {}))
    return place


def forged(folder, target, change=None, arrays=None):
    """A copy of a stored model with facts and arrays changed, and checksums that are right."""
    shutil.copytree(folder, target)
    facts = json.loads((folder / stored.FACTS).read_text())
    if arrays is not None:
        (target / stored.ARRAYS).write_bytes(arrays)
        facts["files"][stored.ARRAYS] = hashlib.sha256(arrays).hexdigest()
    if change:
        change(facts)
    facts["checksum"] = stored._checksum(facts)
    (target / stored.FACTS).write_text(json.dumps(facts))
    return target


def keys_of(value, path=()):
    """Every place in nested dicts and lists."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in pairs:
        yield (*path, key)
        yield from keys_of(part, (*path, key))


ODD = JSON | st.sampled_from(
    [10**12, -1, 0, 1e308, float("nan"), "rbf", "linear", "flow", [10**6] * 5, "random_forest", "position"]
)


@cases(40, task=st.sampled_from(["emotion", "intensity"]), where=AT, value=ODD, remove=st.booleans())
def test_a_model_that_describes_itself_otherwise_answers_or_is_refused(place, kept, task, where, value, remove):
    def change(facts):
        *path, last = list(keys_of(facts))[where % len(list(keys_of(facts)))]
        inside = facts
        for key in path:
            inside = inside[key]
        if remove:
            del inside[last]
        else:
            inside[last] = value

    with fresh(place) as box:
        load_and_ask(forged(kept / task, box / FORGED, change))


@cases(
    30,
    task=st.sampled_from(["emotion", "intensity"]),
    where=AT,
    edits=st.none() | EDITS,
    shape=st.lists(st.integers(0, 5), max_size=4),
    kind=st.sampled_from(["f4", "f8", "i8", "U3", "?"]),
)
def test_a_model_with_other_arrays_answers_or_is_refused(place, kept, task, where, edits, shape, kind):
    whole = (kept / task / stored.ARRAYS).read_bytes()
    with np.load(io.BytesIO(whole)) as file:
        arrays = dict(file)
    arrays[sorted(arrays)[where % len(arrays)]] = np.ones(shape).astype(kind)
    new = io.BytesIO()
    np.savez_compressed(new, **arrays)
    with fresh(place) as box:
        load_and_ask(forged(kept / task, box / FORGED, arrays=damaged(whole, edits) if edits else new.getvalue()))


FORGED = "forged-7"  # a word that stands in no message by chance


def load_and_ask(folder):
    found = outcome(lambda: stored.find(folder), folder.name)
    trained = found and outcome(lambda: stored.load(folder), folder.name)
    if not trained:
        return
    side = trained.facts["representation"]["side"]
    X = np.random.default_rng(0).normal(size=(1, 4, 3, side, side)).astype(np.float32)
    asked = trained.fitted.predict if trained.facts["task"] == "intensity" else trained.fitted.predict_proba
    answer = outcome(lambda: asked(X if trained.facts["task"] == "intensity" else X[:, :1]), folder.name)
    assert answer is not None and np.isfinite(answer).all(), "what is loaded answers"


def test_pickles_in_place_of_arrays_are_refused_and_never_run(place, kept):
    trap = Trap(place / "sprung")
    objects, members = io.BytesIO(), {}
    np.savez(objects, classes=np.array([trap], object))
    with zipfile.ZipFile(kept / "emotion" / stored.ARRAYS) as file:
        members = {name: file.read(name) for name in file.namelist()}
    for arrays in (objects.getvalue(), pickle.dumps(trap), packed(members | {"classes.npy": pickle.dumps(trap)}),
                   packed(members, "zeros.npy", 2**34)):  # fmt: skip
        with fresh(place) as box:
            folder = forged(kept / "emotion", box / "model", arrays=arrays)
            assert outcome(lambda: stored.load(folder), stored.ARRAYS) is None  # noqa: B023
    assert not (place / "sprung").exists()


# ------------------------------------------------------------------------------------------------ checkpoints, weights

MINE = {"rate": 0.1, "rows": 3}
STATE = {"network": {"a": torch.arange(100.0)}, "done": {"losses": [1.0, 2.0]}}


@cases(30, edits=EDITS)
def test_a_damaged_checkpoint_is_whole_or_refused(place, edits):
    path = place / "p1.pt"
    _checkpoints.write(path, MINE, STATE)
    path.write_bytes(damaged(path.read_bytes(), edits))
    state = outcome(lambda: _checkpoints.read(path, MINE), path.name)
    assert state is None or (
        state["done"] == STATE["done"] and torch.equal(state["network"]["a"], STATE["network"]["a"])
    )
    loaded = outcome(lambda: weights._loaded(path), path.name)
    assert loaded is None or "state" in loaded


def test_pickles_and_bombs_in_place_of_a_checkpoint_are_refused_and_never_run(place):
    trap, path, whole = Trap(place / "sprung too"), place / "p1.pt", io.BytesIO()
    torch.save({"identity": json.dumps(MINE), "state": trap}, path)
    hostile = [path.read_bytes(), pickle.dumps(trap), pickle.dumps({"identity": json.dumps(MINE), "state": trap}, 2)]
    torch.save({"identity": json.dumps(MINE), "state": {"a": torch.zeros(10**6)}}, whole)
    with zipfile.ZipFile(whole) as file:
        hostile.append(packed({name: file.read(name) for name in file.namelist()}))
    for content in hostile:
        path.write_bytes(content)
        with pytest.raises(WorkbookError, match=r"p1\.pt: this is no checkpoint"):
            _checkpoints.read(path, MINE)
    assert not (place / "sprung too").exists()
