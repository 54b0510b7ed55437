"""From a recording to an answer, or to the reason why there is none: candidates, emotion, intensity, regions.

Nothing here says what a person feels, means or hides: a class is what coders called similar movements of volunteers.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np
import pandas as pd

from helpers.evaluation import regions
from helpers.inference import events
from helpers.inference import recording as recordings
from helpers.inference.stored import NOT_REAL
from helpers.motion import flow, methods, sequences, spotting
from helpers.workspace import WorkbookError, one_thread

AROUND = 0.25  # seconds before and after a candidate in which intensity is read, as in training
KEY_FRAMES = ("onset", "apex", "offset")
ROW = (
    *KEY_FRAMES, "seconds", "peak_px", "kind", "emotion", "confidence", "abstained", "decided_by", "peak_intensity",
    "note",
)  # fmt: skip


@dataclass
class Candidate:
    """One movement. Positions count crops; `row` has frame numbers and everything that is a number or a word."""

    onset: int
    apex: int
    offset: int
    row: dict
    p: dict = field(default_factory=dict)  # {class: probability}; empty where the model could not be asked
    regions: dict = field(default_factory=dict)  # {region: probability that the answer loses without it}
    intensity: pd.DataFrame | None = None  # frame, seconds, intensity


@dataclass
class Result:
    """What came of one recording."""

    recording: recordings.Recording
    candidates: list
    models: dict  # {task: facts}
    notes: list  # sentences: warnings, and what could not be answered
    seconds: float  # of the whole pass, reading included, loading of models not

    @property
    def table(self):
        """One row a candidate, in order of time; no row where nothing was found."""
        rows = [{"candidate": number, **one.row} for number, one in enumerate(self.candidates, 1)]
        return pd.DataFrame(rows, columns=["candidate", *ROW])

    @property
    def quality(self):
        """Problems of the recording: frame, problem, detail."""
        table = pd.DataFrame(self.recording.problems, columns=["frame", "problem", "detail"])
        return table.astype({"frame": "Int64"})

    @property
    def latency(self):
        """Seconds of each step, milliseconds a frame, and how many frames a second that would be."""
        table = pd.Series(self.recording.clock, name="seconds").rename_axis("step").reset_index()
        table.loc[len(table)] = "everything", self.seconds
        table["ms_a_frame"] = 1000 * table.seconds / len(self.recording.crops)
        return table.assign(frames_a_second=1000 / table.ms_a_frame)

    def as_dict(self):
        """Everything but pictures, JSON-able."""
        recording, how = self.recording, self.recording.registration
        tilt = float(-np.degrees(np.arctan2(how.matrix[1, 0], how.matrix[0, 0])))
        named = ("task", "model", "label", "synthetic", "classes", "clips", "representation", "data_fingerprint",
                 "abstention", "checksum")  # fmt: skip
        return {
            "recording": {
                "name": recording.path.name, "kind": recording.kind, "frames": len(recording.crops),
                "first_frame": int(recording.numbers[0]), "last_frame": int(recording.numbers[-1]),
                "fps": float(recording.fps), "width": recording.size[0], "height": recording.size[1],
            },
            "face": {"how": how.how, "score": recording.face.score, "box": [float(v) for v in recording.face.box],
                     "crop_px": float(1 / np.hypot(*how.matrix[:, 0])), "tilt_degrees": tilt},
            "quality": [{"frame": number, "problem": what, "detail": detail}
                        for number, what, detail in recording.problems],
            "notes": self.notes,
            "models": [{name: facts[name] for name in named} for facts in self.models.values()],
            "candidates": [
                one.row | {"probabilities": one.p, "without_region": one.regions}
                | {"intensity": [] if one.intensity is None else one.intensity.round(4).to_dict("records")}
                for one in self.candidates
            ],
            "seconds": {**recording.clock, "everything": self.seconds},
        }  # fmt: skip


def analyse(path, models, fps=None, onset=None, apex=None, offset=None):
    """Go through a video or a folder of frames: Result.

    models: {task: stored.Trained}, tasks "emotion" and "intensity"; either may be absent, which is then noted. Or a
    function that gives them, called when the recording has been accepted, as it may train for minutes.
    onset, apex, offset: frame numbers that somebody coded, instead of looking for candidates; the apex may be left out.
    Raises WorkbookError as `recording.read`, and for coded frames that are not there or out of order.
    """
    one_thread()
    if (onset is None) != (offset is None) or (apex is not None and onset is None):
        remedy = "give --onset and --offset, and --apex too if it is known"
        raise WorkbookError("an event needs its onset and its offset", remedy=remedy)
    recording = recordings.read(path, fps)
    clock, notes = recording.clock, list(recording.warnings)
    with clock("spot"):
        spans = events.spotted(recording, notes) if onset is None else events.coded(recording, onset, apex, offset)
    found = [_candidate(recording, *span) for span in spans]
    models = models() if callable(models) else models
    for task in ("emotion", "intensity"):
        if task not in models:
            notes.append(f"no model of {task} is stored: none was asked")
    for one in found:
        if "emotion" in models:
            _recognise(one, recording, models["emotion"])
        if "intensity" in models:
            _read_intensity(one, recording, models["intensity"], notes)
    facts = {task: trained.facts for task, trained in models.items()}
    for fed in (fact["representation"] for fact in facts.values()):
        if fed["units"] == "px" and fed["finder"] != recording.registration.how:
            here = f"the face was found by {recording.registration.how}, those of training by {fed['finder']}"
            notes.append(f"{here}: crops may sit a little differently")
    if any(fact["synthetic"] for fact in facts.values()):
        notes.append(NOT_REAL)
    return Result(recording, found, facts, list(dict.fromkeys(notes)), sum(clock.values()))


def _candidate(recording, onset, apex, offset, peak, back):
    seconds = (offset - onset) / recording.fps
    kind = "micro" if back and seconds <= spotting.LONGEST else "macro"
    numbers = {name: int(recording.numbers[at]) for name, at in zip(KEY_FRAMES, (onset, apex, offset), strict=True)}
    row = {**numbers, "seconds": round(seconds, 4), "peak_px": round(float(peak), 3), "kind": kind}
    row |= {
        "emotion": "",
        "confidence": np.nan,
        "abstained": "" if back else "the face comes to rest without having come back",
        "decided_by": "",
        "peak_intensity": np.nan,
        "note": "",
    }
    return Candidate(onset, apex, offset, row)


def moved(recording, first, later, side):
    """(3, side, side) float32 motion between two crops, by position: as the models were trained on."""
    maps = flow.between(recording.crops[first], recording.crops[later])
    return np.stack([cv2.resize(channel, (side, side), interpolation=cv2.INTER_AREA) for channel in maps])


def _other_measure(fed):
    """How a model's training maps differ from what `moved` measures, or "". fed: its `representation`."""
    here = {"crop": recordings.CROP, "method": methods.DEFAULT}
    other = [f"{name} {fed[name]}, here {value}" for name, value in here.items() if fed[name] != value]
    return f"its model was trained on motion measured in another way ({'; '.join(other)})" if other else ""


def _recognise(one, recording, model):
    facts, row, clock = model.facts, one.row, recording.clock
    row["note"] = NOT_REAL if facts["synthetic"] else ""
    fed = facts["representation"]
    if fed["units"] != "px":
        row["abstained"] = f"the model takes {fed['how']}: no measurement of a video gives exactly that"
        return
    if other := _other_measure(fed):
        row["abstained"] = other
        return
    if one.apex == one.onset:
        row["abstained"] = "its apex is its onset, so that no motion lies between them"
        return
    if row["kind"] == "macro":
        longest = spotting.LONGEST
        row["abstained"] = row["abstained"] or f"it lasts longer than {longest} s, which no micro-expression does"
        return
    with clock("flow"):
        X = moved(recording, one.onset, one.apex, fed["side"])[None, None]
    with clock("emotion"):
        p = model.fitted.predict_proba(X)[0]
    one.p = dict(zip(map(str, model.fitted.classes_), map(float, p), strict=True))
    best, rule = int(p.argmax()), facts["abstention"]["threshold"]
    row["confidence"] = round(float(p[best]), 4)
    if rule is None or p[best] < rule:
        why = (
            "at no confidence was its model right often enough about held-out people"
            if rule is None
            else f"a confidence of {p[best]:.2f} is below {rule:.2f}"
        )
        row["abstained"] = why
    else:
        row["emotion"] = str(model.fitted.classes_[best])
    with clock("regions"):
        one.regions = _without(X, model, best)
    most = max(one.regions, key=one.regions.get)
    row["decided_by"] = most if one.regions[most] > 0 else ""  # else every region speaks against the answer


def _without(X, model, best):
    """{region: probability that class `best` loses when the region moves as it does on average in training}."""
    typical = model.extra["typical"]  # (1, 3, H, W): centred by its median, in units of its spread
    middle, spread = np.median(X, axis=(-2, -1), keepdims=True), X.std(axis=(-2, -1), keepdims=True)
    boxes = regions.boxes(X.shape[-1])
    names = [name for name in boxes if name not in (regions.BOXES, regions.ELSEWHERE, regions.EVERYTHING)]
    copies = np.concatenate([X, *(np.where(boxes[name], typical * spread + middle, X) for name in names)])
    p = model.fitted.predict_proba(copies.astype(np.float32))[:, best]
    return {name: float(p[0] - left) for name, left in zip(names, p[1:], strict=True)}


def _read_intensity(one, recording, model, notes):
    fed, fps = model.facts["representation"], recording.fps
    if other := _other_measure(fed):
        notes.append(f"intensity was not read: {other}")
        return
    if one.row["seconds"] > sequences.LONGEST:
        notes.append(f"intensity was not read in a movement of more than {sequences.LONGEST:g} s: none was trained on")
        return
    if fps * fed["step_s"] < 1 - 1e-6:
        notes.append(
            f"intensity was not read: its model takes a frame every {1000 * fed['step_s']:.0f} ms, and these are "
            f"{1000 / fps:.0f} ms apart"
        )
        return
    first = max(0, one.onset - round(AROUND * fps))
    last = min(len(recording.crops) - 1, one.offset + round(AROUND * fps))
    steps = first + np.arange(1, int((last - first) / (fps * fed["step_s"])) + 1) * fps * fed["step_s"]
    steps = np.minimum(steps.round().astype(int), last)
    if len(steps) < 2:
        notes.append("intensity was not read: there are too few frames around the movement")
        return
    with recording.clock("flow of steps"):
        maps = np.stack(events.side_by_side(lambda step: moved(recording, first, step, fed["side"]), steps))
    with recording.clock("intensity"):
        values = np.asarray(model.fitted.predict(maps[None]), float)[0]
    numbers = recording.numbers[steps]
    seconds = (steps - one.onset) / fps
    one.intensity = pd.DataFrame({"frame": numbers, "seconds": seconds, "intensity": values})
    one.row["peak_intensity"] = round(float(values.max()), 4)
