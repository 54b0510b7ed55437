"""Who the demo's people are: age, skin, hair and measures of faces that belong to nobody.

A person is drawn from (seed, pool, number) alone. Skin, age and presentation are balanced over a pool, so that a
fairness audit has somebody in every group. Skin groups are named like Fitzpatrick's types I-VI (Fitzpatrick 1988,
doi:10.1001/archderm.1988.01670060015008); the colours are our own choice.
"""

import json
from dataclasses import asdict, dataclass, fields

import numpy as np

from helpers.datasets.demo.geometry import draw_measures

POOLS = {"clips": 1, "stills_train": 2, "stills_test": 3}  # people of different pools are different people
SKIN = {  # sRGB in even light
    "I": (236, 200, 181), "II": (226, 186, 161), "III": (208, 164, 134),
    "IV": (182, 135, 103), "V": (141, 98, 72), "VI": (102, 69, 52),
}  # fmt: skip
HAIR = {
    "black": (30, 26, 25), "dark brown": (52, 37, 29), "brown": (84, 58, 40), "light brown": (125, 91, 61),
    "blond": (184, 148, 98), "red": (134, 67, 38), "grey": (138, 134, 130), "white": (205, 202, 197),
}  # fmt: skip
HAIR_OF_SKIN = {
    "I": ("blond", "light brown", "brown", "red", "dark brown"), "II": ("brown", "light brown", "dark brown", "blond"),
    "III": ("dark brown", "black", "brown"), "IV": ("black", "dark brown"), "V": ("black",), "VI": ("black",),
}  # fmt: skip
EYES = {"brown": (82, 52, 32), "dark brown": (50, 33, 24), "hazel": (112, 88, 50), "green": (98, 112, 78),
        "blue": (98, 128, 156), "grey": (120, 130, 134)}  # fmt: skip
STYLES = {
    "feminine": ("long", "bob", "fringe", "tied", "wavy", "curly", "long", "short"),
    "masculine": ("short", "crop", "swept", "receding", "short", "curly", "swept", "bald"),
}
AGES = {"18-29": (18, 29), "30-49": (30, 49), "50-75": (50, 75)}


@dataclass(frozen=True)
class Person:
    """One drawn person. Colours are sRGB 0..255; `shape` holds relative lengths; `muscles` his or her own muscles."""

    subject: str  # as in the sheet, e.g. "01"
    seed: int  # of the textures
    presentation: str
    skin_group: str
    skin: tuple
    age: int
    age_group: str
    hair_style: str
    hair_colour: str
    hair: tuple
    part: float  # side of the parting, -1..1
    eye_colour: str
    iris: tuple
    beard: str  # none, stubble, moustache, full
    glasses: str  # none, thin, thick
    freckles: float  # 0..1
    light: tuple  # direction to the lamp: x, y, z
    wall: tuple
    cloth: tuple
    expressivity: float  # factor on the amplitude of every movement
    shape: dict
    muscles: dict  # action unit -> [turn in degrees, width factor, strength factor]

    def row(self):
        """The person as one flat row of a table; structured values as JSON."""
        return {
            name: json.dumps(value) if isinstance(value, (dict, tuple)) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def of_row(cls, row):
        """The inverse of `row` (a mapping of strings, as read from people.csv)."""
        values = {}
        for field in fields(cls):
            text = row[field.name]
            if field.type in (dict, tuple):
                text = json.loads(text)
            values[field.name] = field.type(text)
        return cls(**values)


def _cycle(rng, things, number):
    """Entry `number` of an endless list that holds each thing equally often, in an order of rng's choice."""
    return things[int(rng.permutation(len(things))[number % len(things)])]


def person(seed, pool, number, units):
    """Draw person `number` (0-based) of a pool. units: action unit numbers he or she has muscles for."""
    shared = np.random.default_rng([seed, POOLS[pool]])
    rng = np.random.default_rng([seed, POOLS[pool], number])
    skin_group = _cycle(shared, list(SKIN), number)
    presentation = _cycle(shared, ["feminine", "masculine"], number + number // 6)
    age_group = _cycle(shared, list(AGES), number + number // 3)
    low, high = AGES[age_group]
    age = int(rng.integers(low, high + 1))
    style = _cycle(np.random.default_rng([seed, POOLS[pool], 7]), STYLES[presentation], number // 2 + number // 12)
    if age < 40 and style in ("receding", "bald"):
        style = "crop"
    natural = HAIR_OF_SKIN[skin_group]
    colour = natural[int(rng.integers(len(natural)))]
    if rng.random() < np.clip((age - 42) / 28, 0, 0.9):
        colour = "white" if age > 66 and rng.random() < 0.5 else "grey"
    masculine = presentation == "masculine"
    beard = (
        str(rng.choice(["none", "stubble", "moustache", "full"], p=[0.45, 0.3, 0.08, 0.17])) if masculine else "none"
    )
    light_eyes = {"I": 0.7, "II": 0.45, "III": 0.15}.get(skin_group, 0.0)
    eyes = ["blue", "green", "grey", "hazel"] if rng.random() < light_eyes else ["brown", "dark brown", "dark brown"]
    eye_colour = str(rng.choice(eyes))
    tint = rng.normal(0, 1, 2)
    skin = np.array(SKIN[skin_group]) * (1 + 0.045 * tint[0]) + np.array([2.5, 0, -3.5]) * tint[1]
    hair = np.array(HAIR[colour]) * (1 + 0.10 * rng.normal())
    wall = rng.uniform(95, 185) + rng.normal(0, 1, 3) * np.array([5, 2, 6])
    dye = rng.uniform(25, 150) * (1 + rng.normal(0, 1, 3) * np.array([0.18, 0.12, 0.2]))
    light = np.array([rng.uniform(-0.6, 0.6), rng.uniform(-0.65, -0.25), 1.0])
    return Person(
        subject=f"{number + 1:02d}", seed=int(rng.integers(2**31)), presentation=presentation, skin_group=skin_group,
        skin=_colour(skin), age=age, age_group=age_group, hair_style=style, hair_colour=colour, hair=_colour(hair),
        part=round(float(rng.uniform(-0.8, 0.8)), 3), eye_colour=eye_colour, iris=EYES[eye_colour], beard=beard,
        glasses=str(rng.choice(["none", "thin", "thick"], p=[0.84, 0.09, 0.07])),
        freckles=round(float(rng.beta(0.5, 1.6)) * {"I": 1.0, "II": 0.7, "III": 0.4}.get(skin_group, 0.15), 3),
        light=tuple(round(float(v), 4) for v in light / np.linalg.norm(light)), wall=_colour(wall), cloth=_colour(dye),
        expressivity=round(float(np.exp(rng.normal(0, 0.12))), 4), shape=draw_measures(rng, not masculine),
        muscles={
            str(unit): [round(float(rng.normal(0, 10)), 2), round(float(np.exp(rng.normal(0, 0.1))), 3),
                        round(float(np.exp(rng.normal(0, 0.15))), 3)]
            for unit in units
        },
    )  # fmt: skip


def _colour(values):
    return tuple(int(v) for v in np.clip(np.round(values), 4, 250))
