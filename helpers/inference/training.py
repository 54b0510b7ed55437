"""Models for people who were never coded: fitted on everybody, calibrated on predictions of people held out.

The recogniser is `ours`, the regressor of intensity `cnn_lstm`. What is said about their quality comes from models that
never saw the person (leave one subject out); the model that is stored was trained on a few more people than these.
"""

import numpy as np

from helpers import labels, models, storage, workspace
from helpers.evaluation import _folds, agreement, intensity, predictions, scores, splits, targets
from helpers.inference import stored
from helpers.inference.stored import Trained
from helpers.models import intensity as regressors
from helpers.motion import faces, flow, methods
from helpers.workspace import NotApplicable

RECOGNISER, REGRESSOR = "ours", "cnn_lstm"
LEVEL = 0.7  # held-out accuracy from which the recogniser answers; stated beforehand, not searched
LEAST = 20  # held-out clips that have to support a threshold


def recogniser(samples, run, held_out=None):
    """`ours` on all clips that can be measured, with its rule of abstention: Trained.

    samples: Samples with apexes. run: what has profile, seed, checkpoints and notes, such as a show.records.Run.
    held_out: predictions of task <scheme>-loso, the dataset's first scheme; those of RECOGNISER are taken where they
    cover all clips, else everybody is held out in turn here. Raises as `flow.extract`.
    """
    name = labels.schemes_for(samples)[0]
    motion = flow.onset_to_apex(samples)
    y = labels.targets(motion.select(samples), name)
    kept = y.notna().to_numpy()
    own, X, y = motion.select(samples)[kept].reset_index(drop=True), motion.values[kept], y[kept].to_numpy(str)
    task, classes = f"{name}-loso", labels.scheme(name).classes
    rows = _of_everybody(held_out, task, own)
    if rows is None:
        asked = [RECOGNISER, scores.BASELINE], X, own, y, classes, splits.loso(own), run.profile
        rows = predictions.cross_predict(task, *asked, store=run.checkpoints)[0]
    found = scores.score(rows, run.profile.resamples, run.seed).set_index(["model", "slice"]).loc[(RECOGNISER, "all")]
    values = {name: [float(found[name + end]) for end in ("", "_lo", "_hi")] for name in ("uf1", "uar")}
    fitted = models.build(RECOGNISER, run.profile, run.seed).fit(X, y, groups=own.subject.to_numpy(str))
    middle, spread = np.median(X, axis=(-2, -1), keepdims=True), X.std(axis=(-2, -1), keepdims=True)
    facts = _facts("emotion", RECOGNISER, own, samples.attrs, run) | {
        "classes": [str(label) for label in fitted.classes_], "scheme": name,
        "abstention": calibrate(rows[rows.model == RECOGNISER]),
        "scores": {"protocol": "leave one subject out", **_counts(own), "values": values},
        "representation": _representation("flow and strain from onset to apex", X.shape[-1], motion.units, own),
    }  # fmt: skip
    return Trained(facts, fitted, {"typical": ((X - middle) / np.where(spread > 0, spread, 1)).mean(axis=0)})


def regressor(samples, run, kind=None, scored=None, table=None):
    """`cnn_lstm` on the sequences of all people: Trained.

    kind: what it learns, of targets.KINDS; by default the truth where it is known, else the triangle. scored: table of
    `agreement.scores` with a row of task <kind>-loso and REGRESSOR; by default the people on whom networks are compared
    are held out here. table: CSV for kind "table". Raises as `intensity.clips_of`.
    """
    kind = kind or ("true" if set(samples.dataset) == {"demo"} else "triangle")
    if scored is None:
        compared = intensity.clips_of(samples, run.profile, run.seed)
        asked = compared, targets.of(compared, kind, table), splits.loso(compared.samples), run.profile
        rows = intensity.cross_predict(f"{kind}-loso", [REGRESSOR], *asked, store=run.checkpoints)[0]
        scored = agreement.scores(rows, run.profile.resamples, run.seed)
    everybody = samples.copy()
    everybody.attrs = samples.attrs | {"synthetic": False}  # of drawn people only some are compared; all may teach
    clips = intensity.clips_of(everybody, run.profile, run.seed)
    y, people = targets.of(clips, kind, table), clips.samples.subject.to_numpy(str)
    fitted = regressors.build(REGRESSOR, run.profile, run.seed).fit(clips.values, y, groups=people)
    row = scored[(scored.task == f"{kind}-loso") & (scored.model == REGRESSOR)].iloc[0]
    values = {name: [float(row[name + end]) for end in ("", "_lo", "_hi")] for name in ("ccc", "spearman", "mae")}
    counts = {"clips": int(row.n), "people": int(row.people)}
    fed = _representation("flow and strain from the window's first frame", clips.values.shape[-1], "px", clips.samples)
    facts = _facts("intensity", REGRESSOR, clips.samples, samples.attrs, run) | {
        "classes": [], "target": kind, "abstention": None, "representation": fed | {"step_s": float(clips.step_s)},
        "scores": {"protocol": "leave one subject out", **counts, "values": values},
    }  # fmt: skip
    return Trained(facts, fitted, {})


def ready(samples, run, place):
    """{task: Trained} for a dataset: as stored in `place` by a run of this profile on these data, else trained here.

    What is trained here is kept beside the caches, under a name that changes with code, profile and versions. A dataset
    without frames, or without coded key frames, has no model of intensity. Raises NotApplicable for stills and maps.
    """
    flow.need_frames(samples)
    mine, found = _facts("", "", samples, samples.attrs, run), {}
    for task, folder in stored.found(place).items():
        trained = stored.load(folder)
        if all(trained.facts[name] == mine[name] for name in ("data_fingerprint", "profile", "seed")):
            found[task] = trained
    name = f"{mine['dataset']}-{mine['profile']}-{_folds.context(run.profile, [run.seed, mine['data_fingerprint']])}"
    for task, train in {"emotion": recogniser, "intensity": regressor}.items():
        folder = workspace.cache_dir("models") / name / task
        if task not in found and not (folder / stored.FACTS).is_file():
            try:
                stored.save(folder, train(samples, run))
            except NotApplicable:
                continue
        found[task] = found.get(task) or stored.load(folder)
    return found


def calibrate(rows):
    """From which confidence to answer: a JSON-able dict. rows: held-out predictions of one model and task.

    threshold: the least highest-class probability from which LEVEL of at least LEAST held-out clips are right; None
    where there is none. coverage, accuracy: of the clips at or above it. checked_...: the same with the threshold for
    each person taken from everybody else, as the rule itself was chosen on these clips.
    """
    p = rows[[f"p_{name}" for name in predictions.classes_of(rows)]].to_numpy().max(axis=1)
    right, people = (rows.y_true == rows.y_pred).to_numpy(), rows.subject.to_numpy(str)
    least, answered = _least(p, right), np.zeros(len(p), bool)
    for person in np.unique(people):
        others = _least(p[people != person], right[people != person])
        answered |= (people == person) & (others is not None and p >= (others or 0))
    taken = np.zeros(len(p), bool) if least is None else p >= least
    return {
        "level": LEVEL, "least": LEAST, "threshold": least, "clips": len(p), "people": len(np.unique(people)),
        "coverage": float(taken.mean()), "accuracy": float(right[taken].mean()) if taken.any() else None,
        "checked_coverage": float(answered.mean()),
        "checked_accuracy": float(right[answered].mean()) if answered.any() else None,
    }  # fmt: skip


def _least(p, right):
    order = np.argsort(-p, kind="stable")
    accuracy = np.cumsum(right[order]) / np.arange(1, len(p) + 1)
    last = np.append(np.diff(p[order]) != 0, True)  # equal confidences are answered together or not at all
    able = np.flatnonzero(last & (accuracy >= LEVEL) & (np.arange(1, len(p) + 1) >= LEAST))
    return float(p[order][able[-1]]) if len(able) else None


def _of_everybody(held_out, task, own):
    """Rows of recogniser and majority if they are about exactly these clips, else None."""
    if held_out is None:
        return None
    rows = held_out[(held_out.task == task) & held_out.model.isin([RECOGNISER, scores.BASELINE])]
    return rows if set(rows.sample_id) == set(own.sample_id) else None


def _facts(task, model, own, attrs, run):
    people = sorted(own.subject.unique())
    synthetic = bool(attrs["synthetic"])
    return {
        "task": task, "model": model, "dataset": attrs["dataset"], "synthetic": synthetic, "people": people,
        "label": attrs["dataset"] + (" (synthetic)" if synthetic else ""), "clips": len(own),
        "profile": run.profile.name, "seed": run.seed,
        "data_fingerprint": run.notes.get("data_fingerprint") or storage.fingerprint(attrs["root"], times=False),
    }  # fmt: skip


def _counts(own):
    return {"clips": len(own), "people": int(own.subject.nunique())}


def _representation(what, side, units, own):
    if units != "px":
        how = "ready-made maps of the public release, TV-L1 flow in a tighter crop, scaled to 8 bits by their makers"
        return {"what": what, "side": int(side), "units": units, "how": how}
    how = "face registered once, dense inverse search, head motion (median) taken off, averaged down"
    crop = flow.Setting().crop
    finder = " and ".join(sorted({faces.finder(name) for name in own.dataset.unique()}))
    about = {"what": what, "side": int(side), "units": units, "how": how, "crop": crop, "method": methods.DEFAULT}
    return about | {"finder": finder}
