"""Stills in the layout of the Kaggle sets: strong (macro) expressions of other drawn people than the clips'.

Class counts follow the proportions seen in three public Kaggle sets of expression stills (train 45,379 and test 2,841
pictures; contempt in test only), and so do the folder names that differ between parts. A few pictures of the train
parts come back, altered, in the test parts: near-duplicates for the leak audit to find, recorded in truth/stills.csv.
"""

import cv2
import numpy as np
import pandas as pd

from helpers.datasets.demo import muscles, people
from helpers.datasets.demo.clips import expose, save, warp
from helpers.datasets.demo.faces import Portrait

SIDE = 64  # pixels
SEEN = {  # pictures of each class in the Kaggle sets
    "train": {"happiness": 10665, "sadness": 7713, "anger": 6928, "fear": 6076, "surprise": 5790, "neutral": 5609,
              "disgust": 2598},
    "test": {"happiness": 687, "surprise": 509, "anger": 485, "sadness": 414, "disgust": 337, "fear": 195,
             "neutral": 160, "contempt": 54},
}  # fmt: skip
WORDS = {  # what each part calls a class, where it differs
    "train1": {"happiness": "happy", "sadness": "sad", "surprise": "surprise"},
    "train2": {"surprise": "surprised", "anger": "angry", "happiness": "happy"},
    "train3": {"sadness": "sad", "fear": "fearful", "disgust": "disgusted"},
    "test1": {"surprise": "surprised", "happiness": "happy", "sadness": "sad"},
    "test2": {"anger": "angry"},
}
PARTS = {"train": ("train1", "train2", "train3"), "test": ("test1", "test2")}
PROTOTYPES = {  # Ekman, Friesen & Hager 2002; each unit is shown with a chance of 0.8
    "happiness": (12, 6, 25), "sadness": (1, 4, 15, 17), "anger": (4, 5, 7, 23, 24), "fear": (1, 2, 4, 5, 20, 25),
    "surprise": (1, 2, 5, 26), "neutral": (), "disgust": (9, 10, 4, 17), "contempt": (14,),
}  # fmt: skip
PIXELS = (3.0, 7.5)  # longest displacement at a frame side of 128
STEEP = 0.75  # largest derivative of a field, so that the skin does not fold


def counts(n_clips):
    """Pictures of each class: {"train": Series, "test": Series}; 600 and 200 beside 255 clips, 2 each at least."""
    made = {}
    for split, total in (("train", min(600, 3 * n_clips)), ("test", min(200, round(1.25 * n_clips)))):
        seen = pd.Series(SEEN[split])
        made[split] = np.maximum(np.round(seen / seen.sum() * total), 2).astype(int)
    return made


def planned(seed, n_clips):
    """One row a picture: path (relative to the demo's folder), split, part, label, person, seed, copy_of."""
    rng = np.random.default_rng([seed, 21])
    rows = []
    for split, classes in counts(n_clips).items():
        crowd = max(4, int(classes.sum() // 20))
        for emotion, count in classes.items():
            for _ in range(count):
                part = str(rng.choice(PARTS[split]))
                person = f"{split}{int(rng.integers(crowd)):03d}"
                rows.append([split, part, emotion, person, int(rng.integers(2**31)), ""])
    table = pd.DataFrame(rows, columns=["split", "part", "emotion", "person", "seed", "copy_of"])
    word = [WORDS[part].get(emotion, emotion) for part, emotion in zip(table.part, table.emotion, strict=True)]
    table["folder"] = word
    table["path"] = [f"stills/{row.split}/{row.part}/{row.folder}/{row.Index:05d}.jpg" for row in table.itertuples()]
    train = table[table.split == "train"]
    shared = [emotion for emotion in SEEN["test"] if emotion in SEEN["train"]]
    for k in range(max(3, len(table) // 130)):  # planted near-duplicates
        emotion = shared[k % len(shared)]
        source = train[train.emotion == emotion].sample(1, random_state=int(rng.integers(2**31))).iloc[0]
        target = table.index[(table.split == "test") & (table.emotion == emotion) & (table.copy_of == "")][0]
        table.loc[target, ["person", "seed", "copy_of"]] = [source.person, source.seed, source.path]
    return table


def write(root, seed, rows):
    """Draw the pictures of one person and write them under root. rows: part of `planned`'s table, one person."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        name = rows.person.iloc[0]
        split, number = name.rstrip("0123456789"), int(name[-3:])
        person = people.person(seed, f"stills_{split}", number, muscles.UNITS)
        portrait = Portrait(person, work=256)
        for row in rows.itertuples():
            picture = _picture(person, portrait, row.emotion, np.random.default_rng(row.seed))
            if row.copy_of:
                picture = _altered(picture, np.random.default_rng([row.seed, 1]))
            path = root / row.path
            path.parent.mkdir(parents=True, exist_ok=True)
            save(path, picture)
    finally:
        cv2.setNumThreads(threads)
    return len(rows)


def _picture(person, portrait, emotion, rng):
    """BGR uint8 (SIDE, SIDE, 3): expression, pose, light and noise of one still."""
    size = 2 * SIDE
    shown = [unit for unit in PROTOTYPES[emotion] if rng.random() < 0.8] or list(PROTOTYPES[emotion])
    side = (1.0, 0.15) if rng.random() < 0.5 else (0.15, 1.0)
    units = [
        (unit, *(rng.uniform(0.5, 1) * np.array(side if emotion == "contempt" else (1, 1))), rng.normal(0, 6))
        for unit in shown
    ]
    forward = muscles.field(person, units, rng.uniform(*PIXELS), size)
    forward *= min(1.0, STEEP / max(muscles.steepest(forward), 1e-9))
    turn = cv2.getRotationMatrix2D((size / 2, size / 2), rng.normal(0, 4), rng.uniform(0.94, 1.10))
    turn[:, 2] += rng.normal(0, 2.5, 2)
    source = muscles.backward(np.ascontiguousarray(forward.transpose(1, 2, 0)), 1.0, None, turn, 14)
    gaze = tuple(np.round(rng.normal(0, 1, 2) * (0.006, 0.002), 4))
    picture = cv2.resize(warp(portrait.frame(size, 0.0, gaze), source), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.3:
        picture = np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    return expose(picture, rng.uniform(0.75, 1.2), rng)


def _altered(picture, rng):
    """A near-duplicate: cropped a little, brighter or darker, stored once more."""
    top, bottom, left, right = rng.permutation([0, 0, 1, 1])
    smaller = picture[top : SIDE - bottom, left : SIDE - right]
    smaller = cv2.resize(smaller, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    return np.clip(smaller * np.float32(rng.uniform(0.93, 1.07)), 0, 255).astype(np.uint8)
