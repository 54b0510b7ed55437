"""Look through clips: frame by frame, with the flow since the onset drawn on it, filtered by person and emotion.

Plain ipywidgets, as in `review`: JupyterLab and Colab show the controls, without a front end they work from Python, and
`figure` gives the chosen clip as a picture. Where nobody watches (under papermill) no picture is drawn into the
controls, whose state an executed notebook keeps; and frames of real people are drawn only where a person sets
SHOW_FACES = True, the flow measured on them stands on grey.
"""

import html

import cv2
import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from helpers import workspace
from helpers.motion import faces, flow, windows
from helpers.show.plots import SEQUENTIAL
from helpers.workspace import WorkbookError

CROP = 128  # pixels; the standard crop, in which flow is measured
ZOOM = 6  # of the shown pictures
CELL = 6  # pixels; an arrow is the mean flow of a square of this side
FAINT = 0.1  # pixels; shorter flow gets no arrow
STRONG = 0.2  # strain at the bright end of the scale
AROUND = 0.25  # seconds shown before the onset and after the offset
SHOWN = 5  # frames in the figure
_BOXES = np.array(list(faces.REGIONS.values()))
# What is shown: the regions and a rim. Around it, along hair and background, flow is noise that would draw the eye.
LEFT, TOP = (int(edge) for edge in CROP * _BOXES[:, :2].min(axis=0) - 3)
RIGHT, BOTTOM = (int(edge) for edge in CROP * _BOXES[:, 2:].max(axis=0) + 4)
SIZE = (ZOOM * (RIGHT - LEFT), ZOOM * (BOTTOM - TOP))  # of a shown picture: width, height
ALL = "all"
ARROW, EDGE = (255, 176, 0), (40, 40, 40)  # RGB
HIDDEN = (
    "Frames of this dataset show people: set SHOW_FACES = True to see them under the arrows. Never share such a copy."
)


def explore(samples, show_faces=False):
    """An `Explorer` of the clips in samples; show_faces: draw frames of a dataset that is not synthetic.

    Raises NotApplicable when the samples are stills or flow maps: there are no frames to look through.
    """
    flow.need_frames(samples)
    return Explorer(samples, show_faces or samples.attrs["synthetic"])


class Explorer(widgets.VBox):
    """person, emotion, clip, frame, play and longer (how many times an arrow exceeds its movement) are its controls.

    `picture` and `strain` are the two pictures, `status` says what is shown, or why nothing is.
    """

    def __init__(self, samples, show_faces):
        super().__init__()
        self.samples, self.show_faces = samples, show_faces
        self._clip = None
        self.person = widgets.Dropdown(options=_counted(samples.subject), description="person")
        self.emotion = widgets.Dropdown(options=_counted(samples.emotion), description="emotion")
        self.clip = widgets.Dropdown(description="clip", layout={"width": "420px"})
        self.frame = widgets.SelectionSlider(options=[""], description="frame", layout={"width": "600px"})
        self.play = widgets.Play(interval=150, description="play")
        self.longer = widgets.IntSlider(value=6, min=1, max=20, description="arrows ×")
        self.status = widgets.HTML()
        self.picture, self.strain = (widgets.Image(format="png", width=SIZE[0], height=SIZE[1]) for _ in range(2))
        pictures = [widgets.VBox([image, widgets.Label(text)]) for image, text in (
            (self.picture, "flow since the onset"), (self.strain, f"strain since the onset, 0 to {STRONG} and more"),
        )]  # fmt: skip
        self.children = [
            widgets.HBox([self.person, self.emotion]), self.clip, widgets.HBox([self.frame, self.play]), self.longer,
            widgets.HBox(pictures), self.status,
        ]  # fmt: skip
        widgets.jslink((self.play, "value"), (self.frame, "index"))
        for control in (self.person, self.emotion):
            control.observe(lambda _: self._filter(), "value")
        self.clip.observe(lambda _: self._open(), "value")
        for control in (self.frame, self.longer):
            control.observe(lambda _: self._draw(), "value")
        self._filter()

    def _repr_mimebundle_(self, **options):
        if not workspace.watched():
            return {"text/plain": "Controls appear here in JupyterLab and Colab; the figure stands for them."}
        self._draw()
        return super()._repr_mimebundle_(**options)

    @property
    def row(self):
        """The chosen row of Samples, None when no clip passes the filters."""
        rows = self.samples[self.samples.sample_id == self.clip.value]
        return next(rows.itertuples(index=False), None)

    def _filter(self):
        kept = self.samples
        for control in (self.person, self.emotion):
            name = control.description.replace("person", "subject")
            kept = kept if control.value == ALL else kept[kept[name] == control.value]
        before, names = self.clip.value, list(kept.sample_id)
        self.clip.options = names
        self.clip.value = before if before in names else next(iter(names), None)
        self._open()

    def _open(self):
        """Take the chosen clip's frames into the slider, its onset first to be seen at the apex."""
        row = self.row
        if row is None:
            self._nothing("No clip of this person shows this emotion.")
            return
        if self._clip and self._clip.row.sample_id == row.sample_id:
            return
        try:
            self._clip = Clip(row)
        except WorkbookError as error:
            self._nothing(error.problem)
            return
        self.frame.options = [(self._clip.name(number), number) for number in self._clip.numbers]
        self.frame.value = self._clip.strongest
        self.play.max = len(self._clip.numbers) - 1
        self._draw()

    def _nothing(self, why):
        self._clip = None
        self.picture.value = self.strain.value = b""
        self.status.value = html.escape(why)

    def _draw(self):
        if self._clip is None or self.frame.value not in self._clip.numbers:
            return
        row, moved = self._clip.row, self._clip.moved(self.frame.value)
        length = np.hypot(*moved[:2])[faces.mask(CROP)].mean()
        said = f"{row.emotion}, action units {row.aus or 'not coded'}: {length:.2f} px on average inside the regions"
        said += " (synthetic)" * self.samples.attrs["synthetic"]
        self.status.value = html.escape(said) + ("" if self.show_faces else f"<br>{HIDDEN}")
        if workspace.watched():
            self.picture.value = _png(self._clip.overlay(self.frame.value, self.longer.value, self.show_faces))
            self.strain.value = _png(_colours(moved[2]))

    def figure(self):
        """The chosen clip from onset to offset: frames with arrows above, strain below."""
        if self._clip is None:
            raise WorkbookError("no clip is chosen", remedy="choose a person and an emotion that go together")
        clip = self._clip
        looks = clip.looks()
        figure, axes = plt.subplots(2, len(looks), figsize=(2.2 * len(looks), 4.6), squeeze=False)
        for (top, bottom), number in zip(axes.T, looks, strict=True):
            top.imshow(clip.overlay(number, self.longer.value, self.show_faces))
            image = bottom.imshow(_inner(clip.moved(number)[2]), cmap=SEQUENTIAL, vmin=0, vmax=STRONG)
            top.set_title(clip.name(number).replace(" · ", "\n"), loc="center", fontsize=9, fontweight="normal")
        for spot in axes.flat:
            spot.set_axis_off()
        figure.colorbar(image, ax=axes[1], shrink=0.8, label="strain since the onset")
        figure.suptitle(f"{clip.row.sample_id}: {clip.row.emotion} (arrows {self.longer.value} times as long)")
        return figure


class Clip:
    """Frames of one clip around its movement and their flow since the onset, measured when looked at."""

    def __init__(self, row):
        available = windows.available(row)
        if not available:
            raise WorkbookError("the clip folder holds no frames", file=row.path, remedy="extract the clip again")
        self.row = row
        first = available[0] if pd.isna(row.onset) else row.onset
        last = available[-1] if pd.isna(row.offset) else row.offset
        margin = 0 if pd.isna(row.fps) else AROUND * row.fps
        self.numbers = [number for number in available if first - margin <= number <= last + margin]
        if first not in self.numbers:
            raise WorkbookError(f"there is no frame {first}, its onset", file=row.path, remedy="correct its key frames")
        self.onset = first
        self.colour = faces.crops(row, self.numbers, CROP, gray=False)
        self.gray = np.stack([cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in self.colour])
        self._flow = {}

    @property
    def strongest(self):
        """The apex, where one is known and on disk, else the frame in the middle."""
        known = not pd.isna(self.row.apex) and self.row.apex in self.numbers
        return int(self.row.apex) if known else self.numbers[len(self.numbers) // 2]

    def name(self, number):
        """`apex 60 · 0.070 s` of a frame, counted from the onset; without seconds where the rate is unknown."""
        keys = {self.row.offset: "offset ", self.row.apex: "apex ", self.onset: "onset "}
        key = next((word for frame, word in keys.items() if not pd.isna(frame) and frame == number), "")
        return f"{key}{number}" + ("" if pd.isna(self.row.fps) else f" · {(number - self.onset) / self.row.fps:.3f} s")

    def moved(self, number):
        """Flow and strain (3, CROP, CROP) of a frame since the onset."""
        if number not in self._flow:
            first, later = (self.gray[self.numbers.index(one)] for one in (self.onset, number))
            self._flow[number] = flow.between(first, later)
        return self._flow[number]

    def looks(self):
        """Frames for the figure: onset to offset evenly, the apex among them."""
        inside = [number for number in self.numbers if self.onset <= number and not number > self._last]
        even = {inside[round(place)] for place in np.linspace(0, len(inside) - 1, SHOWN - 1)}
        return sorted(even | {self.strongest})

    @property
    def _last(self):
        return self.numbers[-1] if pd.isna(self.row.offset) else self.row.offset

    def overlay(self, number, longer, show_face):
        """The inner face, or grey in its place, with arrows of the flow: (height, width, 3) uint8 RGB of SIZE."""
        picture = np.full((*SIZE[::-1], 3), 225, np.uint8)
        if show_face:
            face = _inner(self.colour[self.numbers.index(number)])
            picture = cv2.resize(face, SIZE, interpolation=cv2.INTER_CUBIC)
        for x0, y0, x1, y1 in (ZOOM * (CROP * _BOXES - (LEFT, TOP, LEFT, TOP))).round().astype(int).tolist():
            cv2.rectangle(picture, (x0, y0), (x1, y1), EDGE, 1)
        moved = np.moveaxis(_inner(self.moved(number)[:2]), 0, -1)
        cells = cv2.resize(moved, None, fx=1 / CELL, fy=1 / CELL, interpolation=cv2.INTER_AREA)
        for y, x in np.ndindex(cells.shape[:2]):
            if np.hypot(*cells[y, x]) > FAINT:
                at = (np.array([x, y]) + 0.5) * CELL
                tail, head = (tuple(int(value) for value in ZOOM * end) for end in (at, at + longer * cells[y, x]))
                for colour, thickness in ((EDGE, 4), (ARROW, 2)):  # dark below light: seen on any skin
                    cv2.arrowedLine(picture, tail, head, colour, thickness, cv2.LINE_AA, tipLength=0.25)
        return picture


def _inner(values):
    """The shown part of a crop: (H, W[, 3]) pictures or (2, H, W) flow."""
    return values[:, TOP:BOTTOM, LEFT:RIGHT] if values.shape[0] == 2 else values[TOP:BOTTOM, LEFT:RIGHT]


def _counted(column):
    counts = column.value_counts().sort_index()
    return [(f"{ALL} ({len(column)})", ALL), *((f"{name} ({count})", name) for name, count in counts.items())]


def _colours(strain):
    shades = plt.get_cmap(SEQUENTIAL)(np.clip(_inner(strain) / STRONG, 0, 1))[..., :3]
    return cv2.resize((255 * shades).astype(np.uint8), SIZE, interpolation=cv2.INTER_LINEAR)


def _png(picture):
    return cv2.imencode(".png", picture[..., ::-1])[1].tobytes()
