"""The classical baselines: features of stills and of clips, with and without PCA, SMOTE and class weights.

A `Part` is one kind of picture with everything a comparison on it shares: samples, classes, folds, features. Stills
keep their source's train/test split, and clusters of near-duplicates are their units; clips leave out a person a time.
"""

from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from helpers import features, labels, workspace
from helpers.datasets import kaggle
from helpers.evaluation import predictions, splits
from helpers.features import embedding
from helpers.models import cnn_lstm, imbalance
from helpers.motion import faces, flow, frames, spotting
from helpers.workspace import NotApplicable

SIDE = 64  # pixels of a still, and of a frame for LBP-TOP
CAP = {"tiny": 60, "quick": 400, "full": 4000}  # stills of each side of the split; more are drawn down by class
LENGTH = 8  # flow maps of a clip, each against the onset frame
STEPS = ("+none", "+pca+none", "+smote", "+pca+smote", "+weights")  # one change at a time; source 002 made two
GRID = [who + step for who in imbalance.LEARNERS for step in STEPS]
ONCE = ["logistic+none"]  # of backbones that are compared with ResNet18 and no more
FEWER = {name: ONCE for name in embedding.ARCHITECTURES if name not in ("resnet18", embedding.UNTRAINED)}
REFERENCE = 28 * 28 * 3  # columns that imbalance.SHRINKAGE suits
COLUMNS_OF = {"lbp_top": {"grid": (3, 3), "radii": (1, 1, 1)}, "flow_lbp": {"grid": (3, 3)}}  # fewer than by default


class Part(NamedTuple):
    """One kind of picture of a dataset, with what all comparisons on it share."""

    name: str  # "stills" or "clips"
    label: str  # for titles
    unit: str  # what is split and resampled
    samples: pd.DataFrame
    y: np.ndarray  # (n,) classes
    classes: tuple
    counts: pd.DataFrame  # samples by class (rows) and side of the split, of all there are: not only those used
    task: str
    folds: list
    arrays: dict  # {feature: (n, ...)}
    missing: dict  # {feature: why there is none}
    sequence: np.ndarray | None  # (n, T, 3, H, W) for the network
    notes: tuple  # sentences a reader must know
    left_out: pd.DataFrame  # sample_id, emotion, reason


def parts(samples, profile, seed):
    """(list of Part, table of kinds that this dataset does not have: part, reason)."""
    found, reasons = [], []
    for name, make in (("stills", stills), ("clips", clips)):
        try:
            found.append(make(samples, profile, seed))
        except NotApplicable as why:
            reasons.append({"part": name, "reason": why.problem})
    return found, pd.DataFrame(reasons, columns=["part", "reason"])


def stills(samples, profile, seed):
    """The Part of single pictures: a dataset of stills itself, or those that the demo draws beside its clips.

    At most CAP of each side of the split, drawn by class. NotApplicable for a dataset without stills.
    """
    own = set(samples.kind) == {"image"}
    folder = workspace.path(samples.attrs["root"]) / "stills"
    if not own and not (samples.attrs["synthetic"] and folder.is_dir()):
        raise NotApplicable("this dataset has no stills with labels of their own")
    table = samples if own else kaggle.read(folder)[0].sort_values("sample_id", ignore_index=True)
    y = labels.targets(table, "kaggle8")
    if not own:  # read by the Kaggle reader, and none of Kaggle's
        for column in ("sample_id", "subject", "dataset"):
            table[column] = table[column].str.replace("kaggle", "demo stills", n=1)
    left_out = table.loc[table.split == kaggle.DUPLICATE, ["sample_id", "emotion"]]
    left_out = left_out.assign(reason="near-duplicate of a train still")
    counts = pd.crosstab(y.rename("class"), table.split.rename(None))
    kept = drawn(table.split, y, CAP[profile.name], seed)
    notes = (
        f"{len(kept)} of {(table.split != kaggle.DUPLICATE).sum()} stills are used, drawn by class with seed {seed}; "
        f"{len(left_out)} test stills that repeat a train still are left out.",
    )
    table, y = table.iloc[kept].reset_index(drop=True), y.to_numpy()[kept].astype(str)
    label = "stills" if own else "demo stills (synthetic)"
    with_weights = [name for name in embedding.ARCHITECTURES if embedding.available(name)[0]]
    missing = {name: embedding.available(name)[1] for name in embedding.ARCHITECTURES if name not in with_weights}
    pictures = _pictures(table.path)
    arrays = {name: features.build(name).fit_transform(pictures) for name in ("lbp", *with_weights)}
    unit, folds = "cluster of near-duplicates (person-independence unknown)", splits.fixed(table)
    classes = labels.scheme("kaggle8").classes
    task = "kaggle8-fixed"
    return Part("stills", label, unit, table, y, classes, counts, task, folds, arrays, missing, None, notes, left_out)


def clips(samples, profile, seed):
    """The Part of clips: texture of frames (where there are frames) and of flow, statistics of flow, flow maps.

    Where no apex is coded it is spotted, and the notes say how often. NotApplicable for stills.
    """
    scheme, (samples, spotted) = labels.schemes_for(samples)[0], spotting.fill(samples)
    motion = flow.onset_to_apex(samples)
    with_frames = set(samples.kind) != {"flow"}
    sequence = flow.extract(samples, flow.Setting(sequence=LENGTH)) if with_frames else motion
    y = labels.targets(samples, scheme)
    able = set(motion.sample_id) & set(sequence.sample_id) & set(samples.sample_id[y.notna()])
    kept = samples.sample_id.isin(able).to_numpy()
    table, y = samples[kept].reset_index(drop=True), y[kept].to_numpy(str)
    maps, sequence_maps = _rows_of(motion, table), _rows_of(sequence, table)
    arrays = {"flow_map": maps}
    for name, settings in (("flow_statistics", {"units": motion.units}), ("flow_lbp", COLUMNS_OF["flow_lbp"])):
        arrays[name] = features.build(name, **settings).fit_transform(maps)
    notes = ()
    if with_frames:
        notes = (f"Apexes spotted because none was coded: {len(spotted)}.",)
        arrays["lbp_top"] = features.build("lbp_top", **COLUMNS_OF["lbp_top"]).fit_transform(_frames(table))
    missing = {} if with_frames else {"lbp_top": "flow maps have no frames"}
    classes, label = labels.scheme(scheme).classes, "clips" + " (synthetic)" * bool(samples.attrs["synthetic"])
    counts = samples.assign(y=labels.targets(samples, scheme)).groupby("y").subject.agg(clips="size", people="nunique")
    left_out = pd.concat([motion.left_out, sequence.left_out]).drop_duplicates("sample_id", ignore_index=True)
    folds, task = splits.loso(table), f"{scheme}-loso"
    return Part(
        "clips",
        label,
        "person",
        table,
        y,
        classes,
        counts,
        task,
        folds,
        arrays,
        missing,
        sequence_maps,
        notes,
        left_out,
    )


def drawn(split, y, cap, seed):
    """Positions of at most about `cap` rows a side ("train", "test"), each class keeping its share and two rows."""
    rng, kept = np.random.default_rng(seed), []
    for side in ("train", "test"):
        rows = np.flatnonzero((split == side).to_numpy() & y.notna().to_numpy())
        share = min(1.0, cap / max(len(rows), 1))
        for label in sorted(set(y.iloc[rows])):
            mine = rows[(y.iloc[rows] == label).to_numpy()]
            kept.append(rng.permutation(mine)[: max(2, round(share * len(mine)))])
    return np.sort(np.concatenate(kept))


def shrinkage(array):
    """{classifier: C} for an array (n, ...): standardised rows grow with their columns, so C falls with them."""
    return {"logistic": imbalance.SHRINKAGE["logistic"] * REFERENCE / int(np.prod(array.shape[1:]))}


def factorial(part, profile, seeds, store):
    """Every feature with both classifiers and each of STEPS.

    The same folds for all. Models are called <feature>:<classifier>[+pca]+<treatment>; features get GRID, or what FEWER
    says. Returns (predictions, records) with a majority row.
    """
    found = [_predict(part, ["majority"], next(iter(part.arrays.values())), profile, seeds, store)]
    for feature, array in part.arrays.items():
        settings = {"C": shrinkage(array), "calibrated": False}  # only classes are scored here
        tables = _predict(part, FEWER.get(feature, GRID), array, profile, seeds, store, settings)
        found.append([table.assign(model=f"{feature}:" + table.model) for table in tables])
    return [pd.concat(tables, ignore_index=True) for tables in zip(*found, strict=True)]


def of_networks(part, profile):
    """The Part of clips with the people among whom networks are compared (`splits.for_networks`), one left out a time.

    Its arrays are the flow maps alone: what a linear model gets beside the network.
    """
    kept = splits.for_networks(part.samples, profile)
    samples = part.samples[kept].reset_index(drop=True)
    arrays, sequence = {"flow_map": part.arrays["flow_map"][kept]}, part.sequence[kept]
    task, folds = part.task.replace("-loso", "-network-loso"), splits.loso(samples)
    return part._replace(samples=samples, y=part.y[kept], task=task, folds=folds, arrays=arrays, sequence=sequence)


def networks(part, profile, seeds, store):
    """CNN + LSTM with each treatment, a linear model on the same maps, and majority, over the same folds.

    part: of `of_networks`. Returns (predictions, records).
    """
    linear = ["majority", "logistic+none", "logistic+weights"]
    found = [
        _predict(part, cnn_lstm.names(), part.sequence, profile, seeds, store),
        _predict(part, linear, part.arrays["flow_map"], profile, seeds, store),
    ]
    for table in found[1]:
        table["model"] = table.model.where(table.model == "majority", "flow_map:" + table.model)
    return [pd.concat(tables, ignore_index=True) for tables in zip(*found, strict=True)]


def shown_first(part):
    """The feature that stands for a part in a figure with room for one: source 002's where it is there."""
    return next(name for name in ("resnet18", "lbp", "flow_statistics") if name in part.arrays)


def described(part):
    """Table of a part's features: columns, the logistic regression's C, weights; or why there is none."""
    rows = []
    for name, array in part.arrays.items():
        weights = embedding.source(name) if name in embedding.ARCHITECTURES else "none needed"
        columns = int(np.prod(array.shape[1:]))
        rows.append({"part": part.name, "feature": name, "columns": columns, "weights": weights} | shrinkage(array))
    rows = [{"C" if key == "logistic" else key: value for key, value in row.items()} for row in rows]
    for name, why in part.missing.items():
        rows.append({"part": part.name, "feature": name, "weights": f"unavailable: {why}"})
    return pd.DataFrame(rows)


def _predict(part, names, array, profile, seeds, store, settings=None):
    given = part.samples, part.y, part.classes, part.folds, profile, seeds, store, settings
    return predictions.cross_predict(part.task, names, array, *given)


def _rows_of(motion, table):
    if table.sample_id.tolist() == list(motion.sample_id):
        return motion.values  # of thousands of clips a copy would be gigabytes
    position = {name: row for row, name in enumerate(motion.sample_id)}
    return motion.values[[position[name] for name in table.sample_id]]


def _pictures(paths):
    """(n, SIDE, SIDE, 3) uint8."""

    def one(path):
        return cv2.resize(frames.image(path), (SIDE, SIDE), interpolation=cv2.INTER_AREA)

    return np.stack(Parallel(n_jobs=workspace.jobs(), prefer="threads")(delayed(one)(path) for path in paths))


def _frames(table):
    """(n, LENGTH + 1, SIDE, SIDE) uint8: the onset frame and those that the flow sequence is measured in."""

    def one(row):
        spans = flow.pairs(row, flow.Setting(sequence=LENGTH))
        return faces.crops(row, [spans[0][0], *(last for _, last in spans)], SIDE)

    work = (delayed(one)(row) for row in table.itertuples(index=False))
    return np.stack(Parallel(n_jobs=workspace.jobs(), prefer="threads")(work))
