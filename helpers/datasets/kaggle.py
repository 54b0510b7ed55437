"""Three Kaggle sets of expression stills, sold as micro-expressions: what they are, and the copies among them.

Sets: Ziya07, "Facial Micro-Expression Recognition", kaggle.com/datasets/ziya07/facial-micro-expression-recognition
(claimed about 2,000 pictures); Kmirfan, "Micro_Expressions", kaggle.com/datasets/kmirfan/micro-expressions (about
1,500; a user counted 8,638); Kori, "microexpression", kaggle.com/datasets/muhammadsaadkhankori/microexpression (about
1,800). The sizes are those of a poster that uses all three; the folders behind it held far more. Counted there: train
happy 10665, sad 7713, anger 6928, fear 6076, surprise 5790, neutral 5609, disgust 2598 (45,379); test happy 687,
surprise 509, anger 485, sad 414, disgust 337, fear 195, neutral 160, contempt 54 (2,841).

Macro-expressions, not micro-expressions: single pictures, most of open, posed or caught emotion, with no onset, apex
or offset. A user told Kmirfan so, and he agreed (github.com/k-m-irfan/microexpression_recognition/issues/3).
Labels: the name of the folder; nothing we read says who labelled, or how surely. Soft labels from 0 to 1 are claimed
for these sets; none were found. The poster's seven classes leave out sadness, for which there are folders; contempt is
in the test part only, so that no model can learn it.

Who: nobody knows. Kmirfan's are 80 x 80 px faces of children, adults and old people, downloaded in bulk from Google's
image search (github.com/k-m-irfan/MER_dataset_cleaning). The people in them were never asked; where the other two sets
come from is not said where we looked, nor that anyone in them was. So there is no consent to lean on and none that
could be withdrawn, and some are children. Don't print them, don't pass them on, don't name anyone. There are no person
ids: person-independence is unknown. The unit of splitting and resampling (`subject`) is the cluster of near-duplicates.
Licence: see the page of each set; whatever it says, those shown did not grant it.

Folders: `train/train1..3/<label>/`, `test/test1..2/<label>/`, or `train/<label>/` and `test/<label>/`, in upper or
lower case, at any depth; labels go by several words (happy, happiness; surprise, surprised; sad, sadness). Pictures
are taken for face crops, as Kmirfan's are.
"""

import os
import re
from collections import Counter
from pathlib import Path

import pandas as pd

from helpers import labels
from helpers.datasets import _duplicates, _frames, identify
from helpers.datasets._sheets import repair
from helpers.workspace import WorkbookError

CARD = {
    "title": "Kaggle expression stills",
    "people": "unknown (no person ids)",
    "clips": "48,220 stills counted, about 5,300 claimed",
    "fps": None,
    "resolution": "small faces, 80 x 80 in Kmirfan's set",
    "elicitation": "none known: pictures from the web (macro-expressions)",
    "labels": "8 folders, contempt in test only",
    "access": "download the three sets from kaggle.com/datasets (ziya07/facial-micro-expression-recognition, "
    "kmirfan/micro-expressions, muhammadsaadkhankori/microexpression) into train/train1..3 and test/test1..2",
    "licence": "see the page of each set; no consent of the people shown is known",
    "citation": "the three pages on kaggle.com; no paper describes how they were made",
}
SUFFIXES = (*_frames.SUFFIXES, ".webp")
LITTER = ("__macosx", "thumbs.db", "desktop.ini")  # left by archivers and file managers, like hidden files
DUPLICATE = "duplicate"
_PART = re.compile(r"(train|test)\d*", re.IGNORECASE)


def read(root, annotations=None):
    """Samples of the stills: kind "image", no key frames, `split` train, test or duplicate.

    `subject` is the cluster of near-duplicates, named after its first still; `clip` is the path without its slashes.
    A test still that is a near-duplicate of a train still, directly or through others, keeps its row but belongs to no
    side: its split is "duplicate". A still that can't be decoded is left out. Both are reported in the repairs, still
    by still. Returns (samples, repairs). Raises WorkbookError for an unknown label folder, a still outside train and
    test, no stills at all, and annotations, which these sets don't have.
    """
    if annotations:
        raise WorkbookError("these stills have no coding sheet", file=annotations, remedy="leave --annotations out")
    root = Path(root)
    stills, strays = _listing(root)
    if stills.empty:
        raise WorkbookError("no pictures in train or test", file=root, remedy=f"its layout: {CARD['access']}")
    found = _duplicates.find(root, list(stills.name))
    stills["cluster"] = _duplicates.clusters(len(stills), found.pairs)
    broken = stills.name.isin(found.unreadable)
    repairs = [_skipped(root, row, found.unreadable[row.name]) for row in stills[broken].itertuples()]
    stills = stills[~broken]
    first = stills.drop_duplicates("cluster").set_index("cluster")["clip"]
    who = [identify("kaggle", first[row.cluster], row.clip) for row in stills.itertuples()]
    stills = stills.assign(sample_id=[one[0] for one in who], subject=[one[1] for one in who])
    stills["split"] = _sides(stills)
    pairs = _table(stills, found.pairs)
    repairs += _leaks(root, stills, pairs) + _remarks(root, stills, pairs, strays)
    frames = dict.fromkeys(("onset", "apex", "offset", "fps"), pd.NA)
    paths = [f"{root}/{name}" for name in stills.name]
    samples = stills.assign(dataset="kaggle", aus="", path=paths, kind="image", cropped=True, **frames)
    return samples.drop(columns=["name", "part", "cluster"]), repairs


def duplicates(samples):
    """The near-duplicate pairs among loaded samples, nearest first: a table, one row a pair.

    Columns `sample_id, other`, `distance` (bits of 256), `likeness` (0..1, 1 for equal pixels), `same_label`, and
    `across_split` (one lies in train, the other in test). Of pictures with equal pixels each is paired with the first.
    """
    root = Path(samples.attrs["root"])
    stills, _ = _listing(root)
    pairs = _duplicates.find(root, list(stills.name)).pairs
    rows = samples.set_index("path")[["sample_id", "emotion"]]
    mine = stills[["name", "part"]].join(rows, on=stills.name.map(lambda name: f"{root}/{name}"))
    table = _table(mine.dropna(subset="sample_id"), pairs)
    return table.sort_values(["distance", "likeness", "sample_id"], ascending=[True, False, True], ignore_index=True)


def _listing(root):
    """(table of stills by relative path: name, part, emotion, clip; Counter of suffixes that are no pictures)."""
    rows, strays = [], Counter()
    for folder, files in _walk(root):
        suffixes = [os.path.splitext(file)[1].lower() for file in files]
        pictures = [file for file, suffix in zip(files, suffixes, strict=True) if suffix in SUFFIXES]
        strays.update(suffix or "no suffix" for suffix in suffixes if suffix not in SUFFIXES)
        if pictures:
            place, (part, emotion) = folder.relative_to(root).as_posix(), _meaning(root, folder)
            rows += [(f"{place}/{file}", part, emotion) for file in pictures]
    stills = pd.DataFrame(sorted(rows), columns=["name", "part", "emotion"], dtype=object)
    clip = stills.name.str.replace(r"\.[^./]*$", "", regex=True)
    clip = clip.where(~clip.duplicated(keep=False), stills.name)  # 1.jpg and 1.png are two stills
    return stills.assign(clip=clip.str.replace("/", "__")), strays


def _walk(root):
    """(folder, its file names) below root, links followed, without hidden files and what archivers leave."""
    seen = set()
    for here, folders, files in os.walk(root, followlinks=True):
        inside = os.path.realpath(here)
        if inside in seen:
            folders.clear()
            continue
        seen.add(inside)
        folders[:] = sorted(name for name in folders if _counts(name))
        yield Path(here), sorted(name for name in files if _counts(name))


def _counts(name):
    return not name.startswith(".") and name.lower() not in LITTER


def _meaning(root, folder):
    """(train or test, emotion) of a folder of stills; WorkbookError where its name or place says neither."""
    parts = folder.relative_to(root).parts
    sides = {match[1].lower() for match in map(_PART.fullmatch, parts) if match}
    if len(sides) != 1:
        problem = "these stills lie in train and in test" if sides else "these stills lie in neither train nor test"
        remedy = "give --data-dir the folder that holds train and test, and move other pictures out of it"
        raise WorkbookError(problem, file=folder, remedy=remedy)
    word = parts[-1].strip().lower()
    if word not in labels.EMOTIONS and word not in labels.SYNONYMS:
        known = ", ".join(sorted({*labels.scheme("kaggle8").classes, *labels.SYNONYMS}))
        remedy = f"rename the folder, or add the word to SYNONYMS in helpers/labels.py; known words: {known}"
        raise WorkbookError(f"unknown label folder {parts[-1]!r}", file=folder, remedy=remedy)
    return sides.pop(), labels.canonical(word)


def _sides(stills):
    """Split of each still: its part, or "duplicate" for test stills whose cluster reaches into train."""
    reached = set(stills.cluster[stills.part == "train"])
    leaks = (stills.part == "test") & stills.cluster.isin(reached)
    return stills.part.mask(leaks, DUPLICATE)


def _table(stills, pairs):
    """Pairs of row numbers as pairs of sample_ids. stills: by row number, with sample_id, emotion and part."""
    pairs = pairs[pairs["first"].isin(stills.index) & pairs["second"].isin(stills.index)]
    one, other = stills.loc[pairs["first"]], stills.loc[pairs["second"]]
    return pd.DataFrame(
        {
            "sample_id": one.sample_id.to_numpy(),
            "other": other.sample_id.to_numpy(),
            "distance": pairs.distance.to_numpy(),
            "likeness": pairs.likeness.to_numpy(),
            "same_label": one.emotion.to_numpy() == other.emotion.to_numpy(),
            "across_split": one.part.to_numpy() != other.part.to_numpy(),
        }
    )


def _skipped(root, row, why):
    reason = f"it cannot be decoded ({why}); download it again to have it"
    return repair(f"kaggle/{row.clip}", root / row.name, row.name, "broken picture", "left out", reason)


def _leaks(root, stills, pairs):
    """A repair for each test still that repeats a train still."""
    across = pairs[pairs.across_split].sort_values("likeness")  # the most alike comes last and stays
    nearest = dict(zip(across.sample_id, across.other, strict=True))
    nearest |= dict(zip(across.other, across.sample_id, strict=True))
    train = stills[stills.part == "train"].drop_duplicates("subject").set_index("subject").sample_id
    reason = "a model that has seen the one knows the other; nothing is measured by asking again"
    rows = []
    for row in stills[stills.split == DUPLICATE].itertuples():
        source = nearest.get(row.sample_id, train[row.subject])  # or, through others, the cluster's first
        problem = f"near-duplicate of the train still {source}"
        rows.append(repair(row.sample_id, root / row.name, row.name, problem, "split := duplicate", reason))
    return rows


def _remarks(root, stills, pairs, strays):
    """What holds for the folder as a whole."""
    rows = []
    for suffix, count in sorted(strays.items()):
        problem = f"{count} files ({suffix}) are no pictures"
        rows.append(repair("", root, "all", problem, "left out", f"stills are {', '.join(SUFFIXES)}"))
    sizes = stills.cluster.value_counts()
    if sizes.max() > 1:
        problem = (
            f"{sizes[sizes > 1].sum()} stills are near-duplicates: {(sizes > 1).sum()} clusters, at most {sizes.max()}"
        )
        reason = "copies are not independent; datasets.kaggle.duplicates lists the pairs"
        rows.append(repair("", root, "all", problem, "each cluster is one subject", reason))
    part = dict(zip(stills.sample_id, stills.part, strict=True))
    inside = pairs[~pairs.across_split & ~pairs.same_label & (pairs.sample_id.map(part) == "train")]
    if len(inside):
        problem = f"{len(inside)} pairs of near-duplicates in train carry different labels"
        reason = "nobody knows which label is right; whatever is learned from them is noise"
        rows.append(repair("", root, "all", problem, "kept as they are", reason))
    return rows
