"""No face of a licensed dataset reaches what a run leaves behind, nor does anybody's name or token.

A licensed dataset is made here, in CASME II's own layout: people of the demo, every frame of theirs with the pattern of
`watermark` on it. The workbook runs on it as for a user of a certain name and with a token in the environment, and all
that it wrote is searched: figures, tables, models, executed copies, the report.

Of the notebooks that can show frames, 10 runs here, on few clips, and the figures of the others are drawn without
their notebooks. `MICROEXPRESSION_SLOW=1 python -m pytest tests/test_watermark.py` runs all notebooks on the whole demo
of profile tiny, those that can show frames also with SHOW_FACES, and some on stills: a quarter of an hour on two cores.
"""

import base64
import hashlib
import html
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import watermark
from PIL import Image

from helpers import datasets, workspace
from helpers.datasets import demo as drawn
from helpers.evaluation import intensity
from helpers.inference import example
from helpers.motion import faces, flow, frames, spotting
from helpers.run import NOTEBOOKS
from helpers.show import explorer, hybrid_faces, hybrid_failures, motion, review, timing
from helpers.show import intensity_curves as curves
from helpers.workspace import ROOT

SLOW = bool(os.environ.get("MICROEXPRESSION_SLOW"))
FEW = workspace.Profile("few", people=5, clips=24, size=96, resamples=1, automl_iterations=1, trees=1, seeds=1)
USER, TOKEN = "jane-doe-7", "hf_SECRETSECRET"
OWN_VIDEO = "10"  # this one shows frames of VIDEO, not of the dataset
PROGRAM = """
import sys
from dataclasses import replace
from helpers import run, storage

made, more = run.make_plan, {more}
run.make_plan = lambda args: replace(
    plan := made(args), parameters=plan.parameters | more, state=storage.digest(plan.state, more)
)
sys.exit(run.main(sys.argv[1:]))
"""


def able(word="SHOW_FACES:"):
    """Numbers of the notebooks that can show frames: they declare this parameter."""
    return [path.name[:2] for path in sorted(NOTEBOOKS.glob("[0-9]*.ipynb")) if word in path.read_text()]


class Home:
    """A user's home folder with licensed data in it, and the workbook run there."""

    def __init__(self, folder, samples):
        self.folder, self.root, self.samples = folder / "home" / USER, Path(samples.attrs["root"]), samples
        (self.folder / "tmp").mkdir(parents=True)
        self._license()
        self.film = self._film()

    def _license(self):
        for path in sorted(self.root.glob("Cropped/*/*/*.jpg")):
            self._write(path, "casme2")
        for path in sorted(self.root.glob("stills/**/*.jpg")) if SLOW else ():
            self._write(path, "kaggle", "stills")
        sheet = next(self.root.glob("*.xlsx"))
        (self.folder / "sets" / "casme2" / "CASME2-coding-20190701.xlsx").write_bytes(sheet.read_bytes())

    def _film(self):
        """A recording of somebody of the dataset, larger, so that the detector finds the face under the pattern."""
        if faces.detector()[0] != "YuNet":
            pytest.skip("YuNet is neither here nor to be had, and nothing else finds a face under the pattern")
        for row in self.samples.itertuples(index=False):
            pictures = [watermark.mark(frames.image(path)) for path in frames.files(row.path).values()]
            pictures = [cv2.resize(one, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC) for one in pictures]
            if len(faces.detect(pictures[0])) == 1:
                return example.write(self.folder / "film.avi", pictures)
        raise AssertionError("no face is found under the pattern")

    def _write(self, path, dataset, inside="."):
        place = self.folder / "sets" / dataset / path.relative_to(self.root / inside)
        place.parent.mkdir(parents=True, exist_ok=True)
        marked = watermark.mark(cv2.imread(str(path)))
        place.write_bytes(cv2.imencode(".jpg", marked, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes())

    def run(self, out, *options, dataset="casme2", **more):
        """Run notebooks with `more` parameters than the runner hands on: the call as it ended."""
        own = {"HOME": str(self.folder), "USER": USER, "LOGNAME": USER, "HF_TOKEN": TOKEN}
        own["TMPDIR"] = str(self.folder / "tmp")
        own["MPLCONFIGDIR"] = matplotlib.get_cachedir()  # else each kernel lists the fonts of this home anew
        call = ("--dataset", dataset, "--data-dir", self.folder / "sets" / dataset, "--out-dir", self.folder / out)
        command = [sys.executable, "-c", PROGRAM.format(more=more), *call, "--profile", "tiny", *options]
        return subprocess.run(
            list(map(str, command)), cwd=ROOT, env=os.environ | own, capture_output=True, text=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def written(self, out):
        """All that lies in a folder of results, unpacked."""
        for path in sorted(path for path in (self.folder / out).rglob("*") if path.is_file()):
            yield from watermark.contents(path.relative_to(self.folder / out).as_posix(), path.read_bytes())


class Search:
    """What a search of results found: likeness of each picture to the pattern, and places where names stand."""

    def __init__(self, home, out):
        self.pictures, self.names, self.places, seen = {}, [], set(), set()
        for where, content in home.written(out):
            self.places |= {*where.split("/")[:2]}
            if isinstance(content, str):
                self.names += [(where, word) for word in (USER, TOKEN) if word.lower() in content.lower()]
                continue
            digest = hashlib.sha256(np.ascontiguousarray(content).tobytes()).digest()
            if digest not in seen:  # the report holds the executed copies' pictures once more
                seen.add(digest)
                self.pictures[f"{where} {len(seen)}"] = watermark.likeness(content)

    @property
    def faces(self):
        return sorted(where for where, likeness in self.pictures.items() if likeness > watermark.FOUND)


@pytest.fixture(scope="module")
def home(demo_dir, tmp_path_factory, request):
    if SLOW:
        return Home(tmp_path_factory.mktemp("users"), request.getfixturevalue("demo"))
    root = drawn.make(demo_dir, FEW, 0)
    samples = datasets.check(drawn.read(root)[0])
    samples.attrs["root"] = root
    return Home(tmp_path_factory.mktemp("users"), samples)


def ran(done):
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not applicable" not in done.stdout, done.stdout


@pytest.fixture(scope="module")
def results(home):
    """A search of what the notebooks leave behind whose SHOW_FACES nobody touched."""
    numbers = [path.name[:2] for path in sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))]
    if SLOW:
        ran(home.run("results", "--only", ",".join(number for number in numbers if number != OWN_VIDEO)))
    ran(home.run("results", "--only", OWN_VIDEO, VIDEO=str(home.film)))
    return Search(home, "results")


def test_no_face_of_a_licensed_dataset_is_in_the_results(results):
    assert len(results.pictures) > (250 if SLOW else 4)
    assert not results.faces, {where: results.pictures[where] for where in results.faces}


def test_nobody_is_named_in_the_results(results):
    assert not results.names
    assert {"executed", "report.html"} <= results.places


def test_with_show_faces_the_search_finds_them(home, results):
    """The search is not blind: the same notebooks with the switch turned on."""
    ran(home.run("results", "--only", OWN_VIDEO, VIDEO=str(home.film), SHOW_FACES=True))
    assert Search(home, f"results/casme2/{OWN_VIDEO}_your_own_video").faces
    others = [number for number in able() if number != OWN_VIDEO] if SLOW else []
    if others:
        ran(home.run("results", "--only", ",".join(others), SHOW_FACES=True))
    for number in others:
        assert any(f"/{number}_" in where for where in Search(home, "results").faces)


def test_a_failure_names_nobody(home):
    """A message and a traceback hold folders."""
    sheet = home.folder / "broken" / "CASME2-coding-20190701.xlsx"
    sheet.parent.mkdir()
    sheet.write_bytes(b"no spreadsheet")
    for out, options, more in (("told", ("--annotations", sheet), {}), ("traced", (), {"SEED": "no number"})):
        done = home.run(out, *options, "--only", "02", **more)
        assert done.returncode == 1 and "FAILED" in done.stdout
        search = Search(home, out)
        assert not search.names and {"executed", "report.html"} <= search.places
        assert ("Traceback" in (home.folder / out / "casme2/executed/02_optical_flow.ipynb").read_text()) == bool(more)


@pytest.mark.skipif(not SLOW, reason="MICROEXPRESSION_SLOW is not set")
def test_no_still_is_in_the_results(home):
    ran(home.run("stills", "--only", "01,03", dataset="kaggle"))
    search = Search(home, "stills")
    assert search.pictures and not search.faces and not search.names


# Notebooks 05 and 06 train for minutes, so their pictures are drawn here without them; and 02 shows more in JupyterLab


@pytest.fixture(scope="module")
def some(home):
    """Four clips of the licensed dataset, as its reader returns them."""
    return datasets.load("casme2", str(home.folder / "sets" / "casme2")).head(4)


def png(figure):
    made = io.BytesIO()
    figure.savefig(made, dpi=110)
    plt.close(figure)
    return made.getvalue()


def film_strips(some, may_show):
    clips = intensity.clips_of(some, workspace.profile("tiny"))
    steps = [(at, step) for at, step in np.argwhere(clips.frames >= 0)]
    rows = pd.DataFrame({
        "sample_id": [some.sample_id.iloc[at] for at, _ in steps], "frame": [clips.frames[one] for one in steps],
        "y_true": 0.5, "y_pred": [0.1 * at for at, _ in steps],
    })  # fmt: skip
    return [png(curves.plot_strips(curves.compute_picked(rows), rows, clips, may_show))]


def failures(some, may_show):
    moved = np.random.default_rng(0).normal(size=(len(some), 2, 3, 64, 64)).astype(np.float32)
    data = SimpleNamespace(samples=some, kinds={"windows": moved, "frames": None})
    missed = pd.DataFrame({"sample_id": some.sample_id, "y_true": some.emotion, "said": "fear", "missed": 1.0})
    return [png(hybrid_failures.plot_failures(missed, data, may_show))]


def backdrop(some, may_show):
    seen = SimpleNamespace(samples=some, X=np.random.default_rng(0).random((len(some), 2, 3, 64, 64)))
    return [print_of(hybrid_faces.backdrop(seen, may_show))]


def key_frames(some, may_show):
    """What 02 draws where it may; nothing is to be seen of it elsewhere."""
    row = next(some.itertuples(index=False))
    strip = faces.crops(row, range(row.onset, row.onset + 8), 96, gray=False)
    curve = np.arange(row.onset, row.onset + 60), np.linspace(0, 1, 60)
    found = spotting.spot(*curve)
    if not may_show:
        return [png(motion.plot_regions(None)), png(timing.plot_curve(row, curve, found, None))]
    figures = motion.plot_regions(strip[0]), motion.plot_key_frames(row), timing.plot_curve(row, curve, found, strip)
    return list(map(png, figures))


def explored(some, may_show):
    look = explorer.explore(some, show_faces=may_show)
    look._draw()
    return [look.picture.value, png(look.figure())] + [look.strain.value] * (not may_show)


def reviewed(some, may_show):
    return [image.value for image in review.review(some, show_faces=may_show).faces]


@pytest.mark.parametrize("draw", [key_frames, film_strips, failures, backdrop, explored, reviewed])
@pytest.mark.parametrize("may_show", [False, True])
def test_a_figure_shows_faces_only_where_it_may(some, draw, may_show, monkeypatch):
    monkeypatch.setattr(workspace, "watched", lambda: True)
    likeness = [best(bytes(picture)) for picture in draw(some, may_show)]
    assert likeness and min(likeness) > watermark.FOUND if may_show else max(likeness, default=0) < watermark.FOUND


def test_whatever_draws_frames_is_known_here():
    """A new figure that shows frames is added to this list, and to the tests above or to a notebook they run."""
    reads = re.compile(r"faces\.crops\(|frames\.(clip|image|video_frames)\(|recording\.crops|\.pictures\(\)")
    helpers = [path for path in (ROOT / "helpers" / "show").rglob("*.py") if reads.search(path.read_text())]
    assert {path.stem for path in helpers} == {
        "annotated_video",  # of helpers.predict, which writes the user's own recording where they ask for it
        "explorer", "hybrid_failures", "hybrid_faces", "intensity_curves", "motion", "own_video", "review", "timing",
        "story",  # the demo's own clip, whatever the dataset
    }  # fmt: skip
    assert {path.name[:2] for path in NOTEBOOKS.glob("*.ipynb") if reads.search(path.read_text())} <= {*able()}


# What the search can see, and what it takes for nothing


@pytest.fixture(scope="module")
def pair(home):
    """Frames (2, H, W, 3) of a clip, at the onset and at the apex, without the pattern."""
    row = next(home.samples.itertuples(index=False))
    return frames.clip(row, (row.onset, row.apex))


@pytest.fixture(scope="module")
def people(home):
    """A frame (H, W, 3) of each person, without the pattern."""
    rows = home.samples.drop_duplicates("subject").itertuples(index=False)
    return [frames.clip(row, (row.onset,))[0] for row in rows]


def print_of(*pictures, **how):
    """A figure with these pictures side by side, as PNG bytes."""
    figure, grid = plt.subplots(1, len(pictures), squeeze=False, figsize=(1.1 * len(pictures) + 1, 2), dpi=100)
    for axes, picture in zip(grid[0], pictures, strict=True):
        axes.imshow(picture, **how)
    drawn = io.BytesIO()
    figure.savefig(drawn)
    plt.close(figure)
    return drawn.getvalue()


def turned(picture, degrees, scale):
    side = len(picture)
    matrix = cv2.getRotationMatrix2D((side / 2, side / 2), degrees, scale)
    return cv2.warpAffine(picture, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)


def wrapped(picture):
    """A picture as an executed notebook may hold it: an SVG in a page in a frame of a page."""
    png = base64.encodebytes(print_of(picture)).decode()
    page = f'<svg><image href="data:image/png;base64,{png}"/></svg>'
    return json.dumps([{"text/html": [f'<iframe srcdoc="{html.escape(page)}"></iframe>']}]).encode()


def archived(array):
    packed = io.BytesIO()
    np.savez_compressed(packed, arrays=array)
    return packed.getvalue()


def gif(picture):
    made = io.BytesIO()
    blank = Image.new("P", (128, 128))
    blank.save(made, "GIF", save_all=True, append_images=[Image.fromarray(picture)])
    return made.getvalue()


def gray(picture):
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)


SHAPES = {
    "printed": lambda some: print_of(some[0]),
    "greyed, pale, on a map": lambda some: print_of(gray(some[0]), cmap="cividis", alpha=0.6),
    "in a film strip": lambda some: print_of(*[some[0]] * 8),
    "turned and enlarged": lambda some: print_of(turned(some[0], 3, 1.06)),
    "only eyes to mouth": lambda some: print_of(some[0][len(some[0]) * 3 // 10 :][:-15, 20:-20]),
    "the mean of all": lambda some: print_of(np.mean([turned(gray(one), k - 2, 1) for k, one in enumerate(some)], 0)),
    "a frame in a page in a notebook": lambda some: wrapped(some[0]),
    "an animation": lambda some: gif(some[0]),
    "arrays": lambda some: archived(np.stack([gray(one) for one in some]) / 255),
    "rows of arrays": lambda some: archived(np.stack([cv2.resize(gray(one), (32, 32)).ravel() for one in some])),
    "a table": lambda some: "\n".join(",".join(map(str, row)) for row in gray(some[0])).encode(),
    "numbers in a page": lambda some: json.dumps({"z": gray(some[0]).tolist()}).encode(),
}


def best(data):
    found = (one for _, one in watermark.contents("it", data) if not isinstance(one, str))
    return max(map(watermark.likeness, found), default=0)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_search_finds_a_marked_face_and_no_other(people, shape):
    assert best(SHAPES[shape]([watermark.mark(face) for face in people])) > watermark.FOUND + 0.05
    assert best(SHAPES[shape](people)) < watermark.FOUND - 0.04


def test_motion_of_a_marked_face_is_no_face(pair):
    onset, apex = (gray(watermark.mark(picture)) for picture in pair)
    moved = flow.between(onset, apex)
    shown = [flow.hsv(moved[:2], np.hypot(*moved[:2]).max()), moved[2], moved[0], np.hypot(*moved[:2])]
    assert best(print_of(*shown)) < watermark.FOUND - 0.04 > best(archived(moved))


def test_what_nobody_can_look_into_is_an_error():
    with pytest.raises(ValueError, match="nobody can look"):
        list(watermark.contents("film.avi", b"\x00\x01\xff\xfe\x80"))
