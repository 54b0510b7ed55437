"""Emotions under one name, each source's words for them, class schemes, action units and soft intensity labels.

A word that is not in the table is an error that names the row, never a default: an earlier system counted every
label it did not know as happiness and reported 141 happy clips where CASME II has 32.
"""

import re
from typing import NamedTuple

import numpy as np
import pandas as pd

from helpers.workspace import WorkbookError, require_known

EMOTIONS = (
    "happiness", "surprise", "disgust", "repression", "sadness", "fear", "anger", "contempt", "neutral", "others",
    "positive", "negative",
)  # fmt: skip

# Words of CASME II, SAMM, SMIC, CAS(ME)^3, MMEW, DFME and the Kaggle folders, beyond the canonical ones.
SYNONYMS = {
    "happy": "happiness", "surprised": "surprise", "disgusted": "disgust", "sad": "sadness",
    "fearful": "fear", "angry": "anger", "contemptuous": "contempt", "other": "others", "repressed": "repression",
    "neutrality": "neutral",
}  # fmt: skip


def canonical(word, file=None, row=None):
    """Canonical emotion of a source's word (case and blanks ignored); WorkbookError names the file and row."""
    key = str(word).strip().lower()
    key = SYNONYMS.get(key, key)
    if key not in EMOTIONS:
        known = ", ".join(sorted({*EMOTIONS, *SYNONYMS}))
        remedy = f"correct the cell, or add the word to helpers/labels.py; known words: {known}"
        raise WorkbookError(f"unknown emotion {word!r}", file=file, row=row, remedy=remedy)
    return key


class Scheme(NamedTuple):
    """Classes of one problem. `of` maps an emotion to a class, or to None where the protocol excludes it."""

    name: str
    classes: tuple
    of: dict
    dataset: str | None  # a scheme tied to one dataset's coding leaves the other datasets' rows out
    source: str


def _same(*emotions):
    return {emotion: emotion for emotion in emotions}


_CASME2 = ("happiness", "surprise", "disgust", "repression", "sadness", "fear", "others")
_BASIC = ("happiness", "surprise", "disgust", "sadness", "fear", "anger")
_SEVEN = (*_BASIC, "contempt")
_FOLDERS = (*_SEVEN, "neutral")  # of the Kaggle stills
_MEGC = {
    "negative": "negative", "positive": "positive", "surprise": "surprise", "happiness": "positive",
    "disgust": "negative", "repression": "negative", "anger": "negative", "contempt": "negative", "fear": "negative",
    "sadness": "negative", "others": None, "neutral": None,
}  # fmt: skip
SCHEMES = {
    scheme.name: scheme
    for scheme in (
        Scheme("megc3", ("negative", "positive", "surprise"), _MEGC, None,
               "See et al. 2019, MEGC 2019, doi:10.1109/FG.2019.8756611"),
        Scheme("casme4", ("happiness", "surprise", "disgust", "repression"),
               dict.fromkeys(_CASME2) | _same(*_CASME2[:4]), "casme2",
               "four CASME II classes; 145 of their 147 clips are in the MEGC 2019 composite"),
        Scheme("casme5", ("happiness", "surprise", "disgust", "repression", "others"),
               dict.fromkeys(_CASME2) | _same(*_CASME2[:4], "others"), "casme2",
               "Yan et al. 2014, doi:10.1371/journal.pone.0086041"),
        Scheme("samm5", ("anger", "contempt", "happiness", "surprise", "others"),
               dict.fromkeys(_SEVEN) | _same("anger", "contempt", "happiness", "surprise", "others"), "samm",
               "SAMM's classes of more than nine clips; labels of Davison et al. 2018, doi:10.1109/TAFFC.2016.2573832"),
        Scheme("casme3_7", (*_BASIC, "others"), _same(*_BASIC, "others"), "casme3",
               "Li et al. 2023, doi:10.1109/TPAMI.2022.3174895"),
        Scheme("casme3_4", ("negative", "positive", "surprise", "others"),
               {emotion: _MEGC[emotion] for emotion in _BASIC} | _same("others"), "casme3",
               "Li et al. 2023, doi:10.1109/TPAMI.2022.3174895"),
        Scheme("mmew6", _BASIC, _same(*_BASIC) | {"others": None}, "mmew",
               "Ben et al. 2022, doi:10.1109/TPAMI.2021.3067464"),
        Scheme("dfme7", _SEVEN, _same(*_SEVEN), "dfme", "Zhao et al. 2024, doi:10.1109/TAFFC.2023.3341918"),
        Scheme("kaggle8", _FOLDERS, _same(*_FOLDERS), "kaggle",
               "the folders of three Kaggle sets; contempt is in their test part only"),
        Scheme("kaggle7", tuple(emotion for emotion in _FOLDERS if emotion != "sadness"),
               _same(*_FOLDERS) | {"sadness": None}, "kaggle",
               "the poster's seven classes, which leave out the folders named sad"),
        Scheme("demo7", _CASME2, _same(*_CASME2), "demo", "the seven labels of CASME II's sheet, on synthetic people"),
    )
}  # fmt: skip
DEFAULT_SCHEMES = {
    "demo": ("demo7",), "casme2": ("casme5", "casme4"), "samm": ("samm5", "megc3"), "smic": ("megc3",),
    "casme3": ("casme3_7", "casme3_4", "megc3"), "mmew": ("mmew6", "megc3"), "dfme": ("dfme7", "megc3"),
    "megc2019": ("megc3", "casme4"), "kaggle": ("kaggle8", "kaggle7"),
}  # fmt: skip


def scheme(name):
    """Look up a class scheme; WorkbookError lists the known ones."""
    require_known(name, SCHEMES, "class scheme")
    return SCHEMES[name]


def _rows_of(samples, rule):
    return samples.dataset.eq(rule.dataset) if rule.dataset else samples.dataset.notna()


def targets(samples, name):
    """Class of each row under a scheme, or None where the scheme leaves the row out.

    samples: Samples. Returns an object Series aligned with samples.index. An emotion of a row in question that the
    scheme does not name raises WorkbookError: exclusion is always written down, and a coarse label (`positive`) can't
    stand for a fine one.
    """
    rule = scheme(name)
    mine = _rows_of(samples, rule)
    unnamed = samples[mine & ~samples.emotion.isin(rule.of)]
    if len(unnamed):
        row = unnamed.iloc[0]
        remedy = "give the coding sheet with --annotations, or name the emotion in the scheme in helpers/labels.py"
        raise WorkbookError(f"scheme {name} says nothing about {row.emotion!r}", row=row.sample_id, remedy=remedy)
    classes = [rule.of[emotion] if own else None for emotion, own in zip(samples.emotion, mine, strict=True)]
    return pd.Series(classes, samples.index, object)


def schemes_for(samples):
    """Names of the dataset's class schemes, less those that have no rows here or need finer labels than these.

    WorkbookError when the dataset has no schemes, or none is left.
    """
    name = samples.attrs["dataset"]
    if name not in DEFAULT_SCHEMES:
        raise WorkbookError(f"no class schemes are named for {name}", remedy="add it to labels.DEFAULT_SCHEMES")
    found = []
    for wanted in DEFAULT_SCHEMES[name]:
        emotions = set(samples.emotion[_rows_of(samples, scheme(wanted))])
        coarse = emotions & {"positive", "negative"} - set(scheme(wanted).of)
        if emotions and not coarse:
            targets(samples, wanted)  # an emotion that the scheme forgot is an error, not a scheme less
            found.append(wanted)
    if not found:
        raise WorkbookError(
            f"no class scheme of {name} fits these labels", remedy="give the coding sheet: --annotations"
        )
    return found


class ActionUnit(NamedTuple):
    """One action unit of the Facial Action Coding System (Ekman & Friesen 1978)."""

    number: int
    side: str  # "L", "R", "T", "B" (top, bottom: of the lips), "A" (asymmetric, side not said) or "" for all of it
    intensity: str  # "A" (trace) .. "E" (maximum), or ""
    uncertain: bool


# What the muscles do, in the words of the coding system's manual (Ekman, Friesen & Hager 2002)
UNIT_NAMES = {
    1: "inner brow raiser", 2: "outer brow raiser", 4: "brow lowerer", 5: "upper lid raiser", 6: "cheek raiser",
    7: "lid tightener", 9: "nose wrinkler", 10: "upper lip raiser", 12: "lip corner puller", 14: "dimpler",
    15: "lip corner depressor", 16: "lower lip depressor", 17: "chin raiser", 18: "lip pucker", 20: "lip stretcher",
    23: "lip tightener", 24: "lip pressor", 25: "lips part", 26: "jaw drop", 38: "nostril dilator", 43: "eyes closed",
}  # fmt: skip
_AU = re.compile(r"(ref)?\(?\s*([LRTBA](?!U))?\s*(?:AU)?\s*(\d+)\s*([A-E])?\s*([LR])?\s*\)?", re.IGNORECASE)


def action_units(text, file=None, row=None):
    """Parse a coder's cell such as `4+7+L10`, `R1+T28`, `12L`, `15A+17`, `(R6 or R12)+R15`, `ref(7B)+43`, `?`.

    Alternatives ("or"), referenced units (`ref`) and question marks are kept and marked uncertain; a lone `?`,
    `/` or empty cell gives no units. Returns a tuple of ActionUnit; WorkbookError on anything else.
    """
    text = str(text).strip()
    if text.lower() in ("", "?", "/", "nan", "none", "-"):
        return ()
    units = []
    for part in re.split(r"\s*[+,;]\s*(?![^()]*\))", text):
        choices = re.split(r"\s+or\s+|/", part.strip().strip("()") if " or " in part.lower() else part.strip())
        for choice in choices:
            match = _AU.fullmatch(choice.replace("?", "").strip())
            if not match or (match[2] and match[5]):
                remedy = "write units as number with optional side and intensity, joined by +, e.g. R1+4B+L10"
                raise WorkbookError(f"cannot read action units {text!r}", file=file, row=row, remedy=remedy)
            reference, before, number, intensity, after = match.groups()
            unsure = bool(reference) or len(choices) > 1 or "?" in choice
            side = before or after or ""  # MMEW writes the side behind the number: 12L
            units.append(ActionUnit(int(number), side.upper(), (intensity or "").upper(), unsure))
    return tuple(units)


def soft_labels(frames, onset, apex, offset, shape="triangle"):
    """Pseudo-intensity of each frame: 0 at and beyond onset and offset, 1 at apex, also where the apex is one of them.

    frames: (T,) frame numbers; onset <= apex <= offset in the same numbering. shape: "triangle" (linear) or
    "cosine" (smooth, zero slope at the three key frames). Returns (T,) float32 in 0..1. This is a convention,
    not a measurement: the frame number alone predicts most of it, so a model counts only by its gain over that.
    WorkbookError for an unknown shape, and key frames that are unknown or out of order.
    """
    frames = np.asarray(frames, dtype=float)
    if pd.isna([onset, apex, offset]).any() or not onset <= apex <= offset:
        raise WorkbookError(f"apex {apex} is not within onset {onset} .. offset {offset}", remedy="check the coding")
    with np.errstate(invalid="ignore", divide="ignore"):  # an apex at an end has no rise, or no fall
        rise = np.where(frames < apex, (frames - onset) / (apex - onset), 1)
        fall = np.where(frames > apex, (offset - frames) / (offset - apex), 1)
    label = np.clip(np.minimum(rise, fall), 0, 1)
    if shape == "cosine":
        label = (1 - np.cos(np.pi * label)) / 2
    elif shape != "triangle":
        raise WorkbookError(f"unknown shape {shape!r}", remedy="choose triangle or cosine")
    return label.astype(np.float32)
