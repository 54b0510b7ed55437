"""Near-duplicates among stills: the same picture stored once more, resized, lightly cropped, brighter or darker.

A copy in the test part of a picture in the training part is a leak, so copies are found before anything is split.

First look: difference hash of 16 x 16 = 256 bits (imagehash.dhash: is each cell brighter than its left neighbour?),
all pairs, Hamming distance at most NEAR. Second look at those: how much of one picture's variance is explained by the
other one and its tangents, that is small shift, stretch and blur by linear least squares (tangent distance: Simard et
al. 1993, "Efficient pattern recognition using a new transformation distance", NIPS 5), at SIDE x SIDE grey pixels, the
smaller of the two directions, at least ALIKE. No turning: a copied file is cropped, a head turns.

Measured on the demo's drawn stills (three demos, and four sets of 800 with 50 more copies planted: 248 true pairs
among 1.9 million): no hash alone separates, since pictures of one drawn person may differ by less than a copy does.
Distance of true pairs: dhash-16 at most 43, where 3,107 others are as near; phash-16 at most 70 and 22,052. Likeness:
true pairs .9978 or more, other people's pictures .9875 or less. So ALIKE passes every true pair and no two people; it
also passes 3 to 21 pairs a set of one person, alike but for fractions of a grey level: that these share a cluster harms
nobody. On three fresh sets, drawn after ALIKE was chosen, all 78 copies were found (.9975 or more), no other test
still was taken for one. Of 100 photographed faces (LFW, 25 px) no two are nearer than 60 bits or above .88. Drawn
pictures found again after a change: 48 or 80 px, one pixel cropped, all; noise of 5 grey levels .97, JPEG quality 30
.95; gamma .7 or overexposed .65, 3 % cropped .40, JPEG quality 15 .27, nearest-neighbour shrinking .10; 5 % cropped,
turned by 2 degrees, mirrored: none. So what is reported is a lower bound.
"""

import io
import os
import re
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import cv2
import imagehash
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from helpers import storage, workspace
from helpers.datasets import _outside
from helpers.workspace import WorkbookError

BITS = 16  # side of the hash
NEAR = 56  # bits of 256: the farthest true pair had 43, the nearest two photographed people 60
SIDE = 48  # pixels of the second look, the smallest size in the sets
ALIKE = 0.997  # share of variance; true pairs lack .0025 at most, other people's pictures .0125 at least
BLUR = 1.0  # pixels (standard deviation), so that a shift of a pixel is nearly linear
BLOCK = 16  # rows held against all others at once: a few megabytes whatever the number of pictures
CHUNK = 256  # pictures or pairs a task
FEW = 2000  # pictures below which starting processes costs more than they save
_LIBRARIES = ("imagehash", "pillow", "numpy", "opencv-python-headless", "opencv-python", "opencv-contrib-python")


class Found(NamedTuple):
    """What `find` found: `pairs` (first, second: row numbers; distance in bits; likeness 0..1), and `unreadable`."""

    pairs: pd.DataFrame
    unreadable: dict  # {name: why}


def find(root, names):
    """Near-duplicates among pictures, from the cache where their files have not changed.

    root: folder. names: sorted paths relative to it, with slashes. Returns Found; a picture that can't be decoded is in
    no pair. Pictures that are equal pixel by pixel are paired with the first of them only, so that a picture stored a
    thousand times makes 999 pairs. Cached in `kaggle-hashes`, keyed by path, size, time of change and versions.
    """
    root = Path(root)
    keys = np.array([_key(root, name) for name in names])
    recipe = storage.digest(str(root.resolve()), workspace.versions(_LIBRARIES), Path(__file__))
    path = workspace.cache_dir("kaggle-hashes") / f"{recipe}.npz"
    stored = _stored(path)
    if not np.array_equal(stored.get("keys", ()), keys):
        stored = _compute(root, names, keys, stored)
        with storage.atomic(path) as temporary:
            np.savez(temporary, **stored)
    pairs = pd.DataFrame({name: stored[name] for name in ("first", "second", "distance", "likeness")})
    return Found(pairs, {name: str(why) for name, why in zip(names, stored["why"], strict=True) if why})


def clusters(n, pairs):
    """Cluster number of each of n pictures, (n,) int: whoever is linked by pairs, directly or through others."""
    graph = coo_array((np.ones(len(pairs), bool), (pairs["first"], pairs["second"])), shape=(n, n))
    return connected_components(graph, directed=False)[1]


def likeness(first, second):
    """Share of variance that two pictures explain of each other, 0..1, the smaller of the two directions.

    first, second: (n, SIDE, SIDE) float32 grey levels. Contrast, brightness, shift, stretch and blur are free. Returns
    (n,); where the first direction is below ALIKE already, the other one is not asked. A picture without any contrast
    is like another such picture (1) and like nothing else (0).
    """
    alike = _explained(first, second)
    close = alike >= ALIKE
    alike[close] = np.minimum(alike[close], _explained(second[close], first[close]))
    return alike


def _key(root, name):
    path = f"{root}/{name}"  # half the time of a Path, of which there may be 48,000
    try:
        state = os.stat(path)
    except OSError as error:  # a link that leads nowhere
        problem = f"the picture cannot be read ({error.strerror})"
        raise WorkbookError(problem, file=path, remedy="delete it, or bring back what it links to") from error
    return f"{name} {state.st_size} {state.st_mtime_ns}"


def _stored(path):
    """Arrays of the cache file; {} when it is not there or was cut short: then everything is computed again."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except (FileNotFoundError, BadZipFile, EOFError, ValueError):
        return {}


def _compute(root, names, keys, stored):
    known = {key: row for row, key in enumerate(stored.get("keys", ()))}
    missing = [row for row, key in enumerate(keys) if key not in known]
    hashed = _hash_all([root / names[row] for row in missing])
    fields = {"words": np.zeros((len(keys), BITS * BITS // 64), np.uint64), "same": np.full(len(keys), "", "U16")}
    fields["why"] = np.full(len(keys), "", "U200")
    old = [(row, known[key]) for row, key in enumerate(keys) if key in known]
    for name, values in zip(fields, zip(*hashed, strict=True) if hashed else ((), (), ()), strict=True):
        for row, value in zip(missing, values, strict=True):
            fields[name][row] = value
        for row, place in old:
            fields[name][row] = stored[name][place]
    return {"keys": keys, **fields, **_pairs(root, names, **fields)}


def _hash_all(paths):
    parts = [paths[start : start + CHUNK] for start in range(0, len(paths), CHUNK)]
    jobs = workspace.jobs() if len(paths) > FEW else 1
    return [one for part in Parallel(n_jobs=jobs)(delayed(_hash_some)(part) for part in parts) for one in part]


def _hash_some(paths):
    return [_hash(path) for path in paths]


def _hash(path):
    """(hash as 4 words of 64 bits, digest of the grey pixels, why it can't be decoded or "") of one picture."""
    data = _bytes(path)
    try:
        _outside.picture(data, path.name, "")
        grey = _grey(data)
    except Exception as error:  # a broken picture surfaces as any of a dozen types; the reader reports it by name
        return 0, "", re.sub(r" <.*>", "", f"{type(error).__name__}: {error}")  # without the address of an object
    bits = np.packbits(imagehash.dhash(Image.fromarray(grey), BITS).hash)
    return bits.view(np.uint64), storage.digest(grey.shape, grey.tobytes()), ""


def _bytes(path):
    """What is in a file. WorkbookError where the disk does not give it: that is no broken picture, and may pass."""
    return _outside.contents(path, _outside.PICTURE, "the picture", "check the disk and who may read the file")


def _grey(data):
    """(H, W) uint8. PIL decodes, since it refuses a picture that ends early, where OpenCV fills in grey."""
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert("L"))


def _pairs(root, names, words, same, why):
    """Columns of Found.pairs."""
    readable = np.flatnonzero(why == "")
    _, place, group = np.unique(same[readable], return_index=True, return_inverse=True)
    distinct = np.sort(readable[place])
    original = readable[place][group]
    copies = readable[original != readable]
    first, second, distance = _near(words[distinct])
    first, second = distinct[first], distinct[second]
    alike = _second_look(root, names, first, second)
    kept = alike >= ALIKE
    equal = original[original != readable], copies, np.zeros(len(copies), int), np.ones(len(copies))
    columns = (first[kept], second[kept], distance[kept], alike[kept])
    both = [np.concatenate(parts) for parts in zip(columns, equal, strict=True)]
    order = np.lexsort((both[1], both[0]))
    return dict(zip(("first", "second", "distance", "likeness"), (part[order] for part in both), strict=True))


def _near(words):
    """(first, second, distance) of all pairs of rows at most NEAR bits apart. words: (n, 4) uint64."""
    starts = range(0, len(words), BLOCK)
    columns = np.ascontiguousarray(words.T)
    work = (delayed(_near_block)(columns, start) for start in starts)
    found = Parallel(n_jobs=workspace.jobs(), backend="threading")(work)  # numpy lets go of the lock
    return [np.concatenate([np.zeros(0, int), *(part[k] for part in found)]) for k in range(3)]


def _near_block(columns, start):
    rest = columns[:, start:]
    distance = np.zeros((min(BLOCK, rest.shape[1]), rest.shape[1]), np.uint16)  # 256 would not fit 8 bits
    for word in rest:
        distance += np.bitwise_count(word[: len(distance), None] ^ word)
    first, second = np.nonzero(distance <= NEAR)
    later = first < second
    first, second = first[later], second[later]
    return first + start, second + start, distance[first, second].astype(int)


def _second_look(root, names, first, second):
    """Likeness of each pair, (n,). Only pictures that are in a pair are read, at 2 kB each."""
    rows, places = np.unique(np.concatenate([first, second]), return_inverse=True)
    shape = (len(rows), SIDE, SIDE)
    small = np.array([_small(root / names[row]) for row in rows], np.uint8).reshape(shape)
    first, second = places[: len(first)], places[len(first) :]
    work = [slice(start, start + CHUNK) for start in range(0, len(first), CHUNK)]
    looks = Parallel(n_jobs=workspace.jobs(), backend="threading")(
        delayed(_likeness_of)(small, first[part], second[part]) for part in work
    )
    return np.concatenate([np.zeros(0), *looks])


def _small(path):
    return cv2.resize(_grey(_bytes(path)), (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def _likeness_of(small, first, second):
    return likeness(*(np.stack([_blurred(small[row]) for row in rows]) for rows in (first, second)))


def _blurred(picture):
    return cv2.GaussianBlur(picture.astype(np.float32), (0, 0), BLUR)


def _explained(target, source, edge=3):
    """Share of the target's variance that the source and its tangents explain, (n,). edge: pixels left out."""
    inside = (slice(None), slice(edge, -edge), slice(edge, -edge))
    pixels = (SIDE - 2 * edge) ** 2
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j].astype(np.float32)
    down, right = np.gradient(source, axis=(1, 2))
    curved = np.gradient(down, axis=1) + np.gradient(right, axis=2)
    tangents = np.stack([source, right, right * x, down, down * y, curved], -1)[inside]
    tangents = tangents.reshape(len(source), pixels, tangents.shape[-1])
    wanted = target[inside].reshape(len(target), pixels, 1)
    wanted = wanted - wanted.mean(axis=1, keepdims=True)
    tangents = tangents - tangents.mean(axis=1, keepdims=True)
    tangents /= np.maximum(np.linalg.norm(tangents, axis=1, keepdims=True), 1e-3)
    across = tangents.transpose(0, 2, 1)
    ridge = np.float32(1e-6) * np.eye(tangents.shape[-1], dtype=np.float32)  # solvable without contrast, too
    left = wanted - tangents @ np.linalg.solve(across @ tangents + ridge, across @ wanted)
    return 1 - (left**2).sum((1, 2)) / np.maximum((wanted**2).sum((1, 2)), 1e-3)
