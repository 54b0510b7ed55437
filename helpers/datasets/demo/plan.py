"""What the clips show and when: a pure function of (seed, people, clips), drawn before any pixel is.

The rates and distributions are rounded summary statistics of CASME II's coding sheet (255 clips of 26 people, edition
of 2014; Yan et al. 2014, doi:10.1371/journal.pone.0086041); no row of it is used. They are frozen under `VERSION`:
it was set before any model was scored on the demo, and a change of any number here needs a new one.
"""

import json
from dataclasses import asdict, dataclass, fields
from statistics import NormalDist

import numpy as np
import pandas as pd

from helpers.datasets.demo import muscles, people

VERSION = "v1"
FPS = 200
CLASSES = {  # clips of each class at full size
    "happiness": 32, "others": 99, "sadness": 7, "fear": 2, "disgust": 63, "repression": 27, "surprise": 25,
}  # fmt: skip
# Emotion -> (shares of the unit that a clip is about, chances of each further unit, share of clips on one side only).
# Together they give the sheet's rates, e.g. disgust 4 in .94 of its clips, 7 in .48, 10 in .27, 9 in .21; happiness
# 12 in .84, 6 in .25; surprise 2 in .80, 1 in .72; repression 17 in .70, 15 in .41; others 4 in .68, mostly alone.
# Fear has two clips there (20; 16): filled up from its prototype 1+2+4+20 (Ekman, Friesen & Hager 2002).
RATES = {
    "happiness": ({12: 0.82, 14: 0.12, 15: 0.03, 6: 0.03}, {6: 0.22, 14: 0.04, 15: 0.05}, 0.40),
    "others": ({4: 0.68, 14: 0.15, 17: 0.05, 7: 0.05, 12: 0.04, 24: 0.03}, {7: 0.03, 14: 0.02, 12: 0.01}, 0.07),
    "sadness": ({1: 0.92, 15: 0.08}, {4: 0.15}, 0.15),
    "fear": ({20: 0.60, 16: 0.25, 1: 0.15}, {1: 0.35, 2: 0.35, 4: 0.35}, 0.20),
    "disgust": ({4: 0.94, 10: 0.03, 9: 0.03}, {7: 0.48, 10: 0.25, 9: 0.19, 6: 0.05}, 0.05),
    "repression": ({17: 0.67, 15: 0.18, 14: 0.12, 12: 0.03}, {15: 0.25, 17: 0.10, 14: 0.04, 12: 0.04, 4: 0.04}, 0.02),
    "surprise": ({1: 0.55, 2: 0.38, 25: 0.05, 26: 0.02}, {2: 0.68, 1: 0.40, 25: 0.03, 26: 0.03, 5: 0.03}, 0.40),
}
ONE_SIDED = {10: 0.65}  # units with a rate of their own: 11 of 17 clips with unit 10 name a side
DURATION = (4.13, 0.35, 23, 140)  # frames from onset to offset: mean and sd of the logarithm, least, most
APEX = (0.515, 0.165, 0.12, 0.88)  # place of the apex between onset and offset: mean, sd, clipped to
FIRST = (3.3, 0.9, 1, 350)  # number of the first frame: mean and sd of the logarithm, least, most
MARGIN = (6, 25)  # frames kept before onset and after offset: place in the clip must not tell the phase
CLIPS_A_PERSON = 0.75  # sd of the logarithm; gives 2 to about 36 clips among 26 people

# Ours, since no sheet holds them: sub-pixel to few-pixel motion is what authors report at this crop size.
STRENGTH = (0.62, 0.17, 0.36, 1.0)  # intensity at the apex: mean, sd, clipped to
PIXELS = 2.9  # longest displacement of a clip of strength 1 at a frame side of 128
DRIFT = (0.35, 0.10)  # head: sd in pixels (side of 128) and degrees, of a slow random path
FLICKER = 0.006  # lamp: sd of the relative brightness
NOISE = 2.0  # sensor: sd in grey levels
BLINK, GAZE, UNCODED = 0.08, 0.15, 0.25  # share of clips with a blink, a shift of gaze, a faint unit nobody coded


@dataclass(frozen=True)
class Clip:
    """One clip's recipe. Frames are numbered as in its file names; `units` as `muscles.field` takes them."""

    subject: str
    clip: str
    emotion: str
    aus: str  # as a coder writes it
    first: int
    onset: int
    apex: int
    offset: int
    last: int
    strength: float  # intensity at the apex, 0..1
    amplitude: float  # longest displacement at the apex, pixels at a frame side of 128
    curve: tuple  # shapes of rise and fall: a, b, a, b as of _ease
    units: tuple  # (unit, weight right, weight left, turn in degrees)
    uncoded: tuple  # the same, of movements the sheet does not mention
    drift: tuple  # knots of the head's path: x, y (pixels at 128), angle (degrees)
    blink: tuple  # (middle frame, half length), or ()
    gaze: tuple  # (frame, right, down) relative to the frame's side, or ()
    seed: int  # of noise and flicker

    @property
    def sample_id(self):
        return f"demo/sub{self.subject}/{self.clip}"

    def row(self):
        """The clip as one flat row: structured values as JSON."""
        values = {
            name: json.dumps(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }
        return {"sample_id": self.sample_id, **values}

    @classmethod
    def of_row(cls, row):
        """The inverse of `row` (a mapping of strings, as read from clips.csv)."""
        return cls(
            **{
                f.name: _frozen(json.loads(row[f.name])) if f.type is tuple else f.type(row[f.name])
                for f in fields(cls)
            }
        )

    def progress(self, frame):
        """Share 0..1 of the apex's displacement at frame number(s) `frame`; 0 at and beyond onset and offset."""
        frame = np.asarray(frame, float)
        rise = np.clip((frame - self.onset) / (self.apex - self.onset), 0, 1)
        fall = np.clip((self.offset - frame) / (self.offset - self.apex), 0, 1)
        a, b, c, d = self.curve
        return np.where(frame <= self.apex, _ease(rise, a, b), _ease(fall, c, d))


def _ease(s, a, b):
    """0 -> 1 as s goes 0 -> 1, flat at both ends; a larger a starts later, a larger b ends sooner."""
    return s**a / (s**a + (1 - s) ** b)


def _frozen(value):
    return tuple(_frozen(part) for part in value) if isinstance(value, list) else value


def clips(seed, n_people, n_clips):
    """Plan all clips: list of Clip, sorted by subject and name."""
    rng = np.random.default_rng([seed, 11])
    crowd = [people.person(seed, "clips", number, muscles.UNITS) for number in range(n_people)]
    todo = _deal(rng, _class_counts(n_clips), _clips_a_person(rng, n_people, n_clips))
    made = []
    for number, emotions in enumerate(todo):
        one = np.random.default_rng([seed, 12, number])
        names = _names(one, len(emotions))
        made += [_clip(one, crowd[number], name, emotion) for name, emotion in zip(names, emotions, strict=True)]
    return sorted(made, key=lambda clip: (clip.subject, clip.clip))


def _class_counts(n):
    """Clips of each class: CASME II's shares; at least two where there is room, so that each class has two people."""
    least = 2 if n >= 4 * len(CLASSES) else 0
    share = pd.Series(CLASSES) / sum(CLASSES.values()) * n
    counts = np.maximum(np.floor(share), least).astype(int)
    while counts.sum() < n:
        counts[(share - counts).idxmax()] += 1
    while counts.sum() > n:
        counts[(share - counts).where(counts > least).idxmin()] -= 1
    return counts


def _clips_a_person(rng, n_people, n_clips):
    """Uneven numbers of clips, as in CASME II: log-normal quantiles in random order, at least two where possible."""
    places = [NormalDist().inv_cdf((k + 0.5) / n_people) for k in range(n_people)]
    weight = np.exp(CLIPS_A_PERSON * np.array(places))
    least = min(2, n_clips // n_people)
    share = weight / weight.sum() * n_clips
    counts = np.maximum(np.floor(share), least).astype(int)
    while counts.sum() < n_clips:
        counts[np.argmax(share / (counts + 1))] += 1
    while counts.sum() > n_clips:
        counts[np.argmax(counts)] -= 1
    return rng.permutation(counts)


def _deal(rng, classes, room):
    """Give each person emotions: rare classes first, to two people at least; each person has favourites."""
    room, hands = room.copy(), [[] for _ in room]
    taste = rng.dirichlet(np.full(len(classes), 1.2), len(room))
    order = classes.sort_values(kind="stable").index
    left = classes.copy()
    for emotion in order:
        for _ in range(min(2, left[emotion])):
            chance = np.where([emotion in hand for hand in hands], 0.0, room)
            if not chance.sum():
                chance = room.astype(float)
            _give(rng, hands, room, left, emotion, chance)
    for emotion in order:
        column = list(classes.index).index(emotion)
        while left[emotion]:
            _give(rng, hands, room, left, emotion, room * (0.05 + taste[:, column]))
    return [list(rng.permutation(hand)) for hand in hands]


def _give(rng, hands, room, left, emotion, chance):
    lucky = int(rng.choice(len(hands), p=chance / chance.sum()))
    hands[lucky].append(emotion)
    room[lucky] -= 1
    left[emotion] -= 1


def _names(rng, n):
    """File names EP<film>_<event>, some with an f, unique within a person only."""
    every = [f"EP{film:02d}_{event:02d}" for film in range(1, 20) for event in range(1, 9)]
    chosen = rng.choice(len(every), n, replace=False)
    return [every[i] + ("f" if rng.random() < 0.28 else "") for i in chosen]


def _normal(rng, mean, sd, low, high):
    return float(np.clip(rng.normal(mean, sd), low, high))


def _clip(rng, person, name, emotion):
    length = int(np.clip(np.exp(rng.normal(*DURATION[:2])), *DURATION[2:]))
    before, after = rng.integers(MARGIN[0], MARGIN[1] + 1, 2)
    first = int(np.clip(np.exp(rng.normal(*FIRST[:2])), *FIRST[2:]))
    onset = first + int(before)
    apex = onset + int(np.clip(round(length * _normal(rng, *APEX)), 4, length - 4))
    offset = onset + length
    aus, units = _units(rng, emotion)
    extra = ()
    if rng.random() < UNCODED:
        other = int(rng.choice([unit for unit in muscles.UNITS if unit not in [u[0] for u in units]]))
        weight = round(float(rng.uniform(0.1, 0.3)), 3)
        extra = ((other, weight, weight, 0.0),)
    strength = round(_normal(rng, *STRENGTH), 4)
    knots = np.cumsum(rng.normal(0, 1, (3, 5)), 1) * np.array([[DRIFT[0]], [DRIFT[0]], [DRIFT[1]]])
    last = offset + int(after)
    blink = (int(rng.integers(first, last)), int(rng.integers(9, 16))) if rng.random() < BLINK else ()
    gaze = ()
    if rng.random() < GAZE:
        gaze = (
            int(rng.integers(first + 3, last - 3)),
            *(round(float(v), 4) for v in rng.normal(0, 1, 2) * (0.006, 0.002)),
        )
    return Clip(
        person.subject, name, emotion, aus, first, onset, apex, offset, last, strength,
        round(PIXELS * strength * person.expressivity, 4), tuple(round(float(v), 3) for v in rng.uniform(1.25, 2.2, 4)),
        units, extra, tuple(tuple(round(float(v), 4) for v in row) for row in knots), blink, gaze,
        int(rng.integers(2**31)),
    )  # fmt: skip


def _units(rng, emotion):
    """(coder's text, units): which muscles pull, how strongly on each side."""
    main, more, one_sided = RATES[emotion]
    drawn = {int(rng.choice(list(main), p=list(main.values())))}
    drawn |= {unit for unit, chance in more.items() if rng.random() < chance}
    words, units = [], []
    whole = rng.random() < one_sided  # one side for the whole clip
    side = "L" if rng.random() < 0.65 else "R"  # the sheet names the left side more often
    for unit in sorted(drawn):
        alone = rng.random() < ONE_SIDED[unit] if unit in ONE_SIDED else whole and unit != 4
        weight, uneven = rng.uniform(0.6, 1.0), np.exp(rng.normal(0, 0.12))
        right, left = weight * uneven, weight / uneven
        if alone:
            right, left = (right * 0.1, left) if side == "L" else (right, left * 0.1)
        units.append((unit, round(float(right), 3), round(float(left), 3), round(float(rng.normal(0, 7)), 2)))
        words.append(f"{side if alone else ''}{unit}")
    return "+".join(words), tuple(units)
