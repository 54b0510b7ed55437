"""The truth behind every demo clip: displacement, head motion, intensity, recomputed exactly from stored recipes.

Tables in the demo's folder: `truth/clips.csv` (recipes), `truth/intensity.csv` (one row a frame), `truth/people.csv`
(who is drawn, for audits of fairness) and `truth/stills.csv` (stills, with the planted near-duplicates).

A skin point at x in the onset frame lies at `rigid(x + displacement(x))` in the frame asked for. Eyes move by
displacement too, but blinks and shifts of gaze are painted, not warped: clips.csv tells which clips have them.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from helpers.datasets.demo import clips, plan
from helpers.datasets.demo.people import Person
from helpers.workspace import WorkbookError


def table(root, name):
    """One table of truth: "clips", "intensity", "people" or "stills". A DataFrame; names and units stay text."""
    path = Path(root) / "truth" / f"{name}.csv"
    if not path.is_file():
        raise WorkbookError(
            "no table of truth", file=path, remedy="only folders made by helpers.datasets.demo have one"
        )
    return pd.read_csv(path, dtype={"subject": str, "clip": str, "aus": str}, keep_default_na=False)


def displacement(sample, root, frame):
    """Where the muscles carry each pixel of the onset frame: (2, H, W) float32, pixels, u right, v down.

    sample: row of Samples, or its sample_id. root: the demo's folder. frame: frame number as in the file names.
    Without head motion (see `rigid`); 0 at and before onset, at and after offset.
    """
    clip, person, size = _recipe(sample, root, frame)
    return clips.apex_field(person, clip, size) * np.float32(clip.progress(frame))


def rigid(sample, root, frame):
    """Head motion from the onset frame to `frame`: 2x3 float64 affine on pixel coordinates (x, y)."""
    clip, _, size = _recipe(sample, root, frame)
    return clips.head_motion(clip, frame, size)


def intensity(sample, root):
    """True intensity of each frame: DataFrame(frame int, intensity 0..1 = clip strength x curve)."""
    clip, _, _ = _recipe(sample, root)
    frames = np.arange(clip.first, clip.last + 1)
    return pd.DataFrame({"frame": frames, "intensity": np.round(clip.strength * clip.progress(frames), 5)})


def _recipe(sample, root, frame=None):
    """(Clip, Person, frame side) of a sample; WorkbookError names an unknown sample or a frame outside the clip."""
    name = sample if isinstance(sample, str) else sample["sample_id"] if hasattr(sample, "keys") else sample.sample_id
    recipes, people, size = _recipes(str(root))
    parts = name.split("/")  # readers may add the onset to the key
    clip = recipes.get("/".join(parts[:3]))
    if clip is None:
        raise WorkbookError(f"no demo clip {name!r}", file=root, remedy="take sample_id from the demo's own Samples")
    if frame is not None and not clip.first <= frame <= clip.last:
        problem = f"frame {frame} is outside the clip's frames {clip.first} .. {clip.last}"
        raise WorkbookError(problem, file=root, row=name, remedy="use the numbers in the file names")
    return clip, people[clip.subject], size


@lru_cache(maxsize=8)
def _recipes(root):
    import json

    recipes = [plan.Clip.of_row(row) for row in table(root, "clips").to_dict("records")]
    people = [Person.of_row(row) for row in table(root, "people").to_dict("records")]
    size = json.loads((Path(root) / "complete.json").read_text())["settings"]["size"]
    return {clip.sample_id: clip for clip in recipes}, {person.subject: person for person in people}, size
