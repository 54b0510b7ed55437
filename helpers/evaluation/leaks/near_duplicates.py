"""Near-duplicates across train and test: test stills that are train stills once more, cropped and brightened.

datasets/_duplicates.py finds them. Both twins are asked about all test stills; the clean one was not shown those of the
training part that have a copy among them. Units of resampling are clusters of near-duplicates: nobody knows the people.
"""

from functools import partial

import cv2
import numpy as np

from helpers import features, labels
from helpers.datasets import kaggle
from helpers.evaluation import splits
from helpers.evaluation.leaks import Leak, _twins
from helpers.workspace import NotApplicable, path

SIDE = 64  # pixels of a still


def stills(data):
    """Data of the stills that are drawn beside clips: histograms of oriented gradients. NotApplicable without any."""
    folder = path(data.samples.attrs["root"]) / "stills"
    if not data.samples.attrs["synthetic"] or not folder.is_dir():
        raise NotApplicable("this dataset has no stills")
    samples = kaggle.read(folder)[0].sort_values("sample_id", ignore_index=True)
    rule, y = labels.scheme("kaggle8"), labels.targets(samples, "kaggle8").to_numpy(str)
    for column in ("sample_id", "subject", "dataset"):  # read by the Kaggle reader, and none of Kaggle's
        samples[column] = samples[column].str.replace("kaggle", "demo stills", n=1)
    samples.attrs = data.samples.attrs
    pictures = np.stack([cv2.resize(cv2.imread(one, cv2.IMREAD_GRAYSCALE), (SIDE, SIDE)) for one in samples.path])
    X = features.build("hog").fit_transform(pictures)
    return data._replace(samples=samples, X=X, y=y, classes=rule.classes, task="kaggle8")


def folds(data):
    """(fold without those train stills that have a copy in the test part, fold with them)."""
    train, test = (np.flatnonzero((data.samples.split == "train") == side) for side in (True, False))
    apart = train[~np.isin(data.people[train], data.people[test])]
    return splits.Fold("test", apart, test), splits.Fold("test", train, test)


def _twins_of(data, family):
    data = stills(data)
    apart, together = folds(data)
    learn, seeds = partial(_twins.plain, family=family), data.seeds[:1]
    clean = _twins.honest(data, _twins.ask(data, family, [apart], learn, seeds), [apart], "fixed")
    table = _twins.ask(data, f"{family}+copies", [together], learn, seeds)
    return _twins.Twins(clean, _twins.leaky(table, family, "near_duplicates"))


LEAKS = (
    Leak(
        "near_duplicates", "copies of stills in train and test", "train stills of which a copy is tested stay in",
        "they are left out of training", _twins_of, {_twins.NETWORK: "it reads flow, and in a still nothing moves"},
    ),
)  # fmt: skip
