"""How fast are the features? `python benchmarks/features.py [pictures [clips]]` prints three tables.

Ours against the obvious way, both in this one process and on the same made-up pictures, so the ratio means something on
any machine; then pictures a second for each network, with random weights: time does not depend on them. Loops in plain
Python are timed on a part and multiplied: said in the table.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
CACHE = tempfile.TemporaryDirectory()
os.environ["MICROEXPRESSION_CACHE"] = CACHE.name  # nothing is answered from an earlier run

import numpy as np  # noqa: E402

from helpers import features, workspace  # noqa: E402
from helpers.features import _networks, embedding, lbp_top  # noqa: E402

SIDE, FRAMES, CLIP_SIDE = 128, 40, 64  # pixels of a still; frames and pixels of a clip
FEW = 4  # pictures that networks are timed on


def timed(function, *args):
    start = time.perf_counter()
    function(*args)
    return time.perf_counter() - start


def pattern_words_in_a_loop(pixels, shifts):
    """The definition: pixel by pixel, neighbour by neighbour. pixels: (T, H, W); shifts: 8 of (t, y, x)."""
    reach = np.abs(shifts).max(axis=0)
    for t in range(reach[0], pixels.shape[0] - reach[0]):
        for y in range(reach[1], pixels.shape[1] - reach[1]):
            for x in range(reach[2], pixels.shape[2] - reach[2]):
                word = 0
                for k, (dt, dy, dx) in enumerate(shifts):
                    word |= int(pixels[t + dt, y + dy, x + dx] >= pixels[t, y, x]) << k


CIRCLE = [(1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1)]


def lbp_in_a_loop(pictures):
    pattern_words_in_a_loop(pictures, np.array([(0, dy, dx) for dx, dy in CIRCLE]))


def lbp_top_in_a_loop(clip):
    for across, along in lbp_top.PLANES.values():
        shifts = np.zeros((8, 3), int)
        for k, (first, second) in enumerate(CIRCLE):
            shifts[k, across], shifts[k, along] = first, second
        pattern_words_in_a_loop(clip, shifts)


def lbp_top_frame_by_frame(clips):
    """What scripts do: scikit-image's LBP on every slice of a clip along each axis, a histogram of each."""
    from skimage.feature import local_binary_pattern

    for clip in clips:
        for axis in range(3):
            for k in range(clip.shape[axis]):
                words = local_binary_pattern(clip.take(k, axis), 8, 1, "nri_uniform")
                np.histogram(words, 59, (0, 59))


def hog_one_by_one(pictures):
    from skimage.feature import hog

    for picture in pictures:
        hog(picture, 9, (8, 8), (2, 2), block_norm="L2-Hys")


def network_one_by_one(network, prepare, pictures):
    """What scripts do: a picture at a time, with the library's defaults (gradients are kept, layout as it comes)."""
    import torch

    for picture in pictures:
        batch = prepare(torch.from_numpy(picture).permute(2, 0, 1)[None].to(workspace.device()[0]))
        network(batch).detach().cpu().numpy()


def networks(pictures):
    """Rows (name, parameters in millions, width, one after another, ours, weights): pictures a second, best of three.

    The two ways take turns, since a busy machine would otherwise favour one of them.
    """
    for name, architecture in embedding.ARCHITECTURES.items():
        facts, (there, reason), prepare = embedding._facts(name), embedding.available(name), embedding._prepare(name)
        plain = embedding._untrained(architecture, 0).eval().to(workspace.device()[0])
        ready = _networks.ready(embedding._untrained(architecture, 0))
        turns = [
            (timed(network_one_by_one, plain, prepare, pictures), timed(_networks.run, ready, prepare, pictures))
            for _ in range(4)
        ][1:]  # the first turn warms up
        theirs, ours = (len(pictures) / min(way) for way in zip(*turns, strict=True))
        yield name, facts["parameters"] / 1e6, facts["width"], theirs, ours, "there" if there else reason


def main(pictures="200", clips="255"):
    rng = np.random.default_rng(0)
    stills = rng.integers(0, 256, (int(pictures), SIDE, SIDE), np.uint8)
    films = rng.integers(0, 256, (int(clips), FRAMES, CLIP_SIDE, CLIP_SIDE), np.uint8)
    colour = rng.integers(0, 256, (FEW, SIDE, SIDE, 3), np.uint8)
    for name in ("lbp", "hog", "lbp_top"):  # imports, first use
        features.build(name).fit_transform(films[:2] if name == "lbp_top" else stills[:2])
    ours = {name: timed(features.build(name).fit_transform, stills) for name in ("lbp", "hog")}
    ours["lbp_top"] = timed(features.build("lbp_top").fit_transform, films)
    few = min(20, len(films))
    rows = [
        ("LBP", "a loop over pixels, 1 picture", len(stills), "pictures",
         len(stills) * timed(lbp_in_a_loop, stills[:1]), ours["lbp"]),
        ("HOG", "one picture after another", len(stills), "pictures", timed(hog_one_by_one, stills), ours["hog"]),
        ("LBP-TOP", "a loop over voxels, 5 frames of 1 clip", len(films), "clips",
         len(films) * (FRAMES - 2) / 3 * timed(lbp_top_in_a_loop, films[0, :5]), ours["lbp_top"]),
        ("LBP-TOP", f"scikit-image slice by slice, {few} clips", len(films), "clips",
         len(films) / few * timed(lbp_top_frame_by_frame, films[:few]), ours["lbp_top"]),
    ]  # fmt: skip
    print(f"stills {SIDE} x {SIDE}, clips {CLIP_SIDE} x {CLIP_SIDE} x {FRAMES}, {workspace.cores()} cores\n")
    print("| feature | the obvious way | seconds | ours | ratio | a second |\n|---|---|---|---|---|---|")
    for what, way, count, unit, theirs, mine in rows:
        speed = f"{count / mine:.0f} {unit}"
        print(f"| {what}, {count} {unit} | {way} | {theirs:.1f} | {mine:.2f} | {theirs / mine:.1f} | {speed} |")
    print(f"\nnetworks, random weights, {workspace.device()[1]}; pictures a second, best of three turns\n")
    print("| network | parameters (million) | width | one by one | ours | ratio | ImageNet weights here |")
    print("|---|---|---|---|---|---|---|")
    for name, parameters, width, theirs, mine, weights in networks(colour):
        print(f"| {name} | {parameters:.1f} | {width} | {theirs:.1f} | {mine:.1f} | {mine / theirs:.1f} | {weights} |")
    print("\nEmbeddings are kept by picture: asked for again, the networks above do not run.")


if __name__ == "__main__":
    main(*sys.argv[1:3])
