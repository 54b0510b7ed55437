"""The expert's desk: look at a clip, then accept or change its onset, apex and offset.

Plain ipywidgets, so that JupyterLab and Colab show it; without a front end everything works from Python as well (set
`.value`, call `.click()`). Decisions go to the dataset's corrections file (`helpers.datasets._corrections`), and
`datasets.load` applies them. An executed notebook keeps the state of its widgets, pictures included: so frames of real
people are not even read unless a person sets SHOW_FACES = True.
"""

import base64
import html
import io
from pathlib import Path

import cv2
import ipywidgets as widgets
import pandas as pd
from matplotlib.figure import Figure

from helpers.datasets import _corrections
from helpers.motion import frames
from helpers.show import plots
from helpers.workspace import NotApplicable, WorkbookError

HEIGHT = 320  # pixels of a shown frame, at most
HIDDEN = "Frames of this dataset show people: set SHOW_FACES = True to see frames here. Never share a copy made so."
SHOWN = "Left the onset frame, right the frame looked at."
CHOSEN, SPOTTED = "#8FC1E3", "#D55E00"


def review(samples, energies=None, spotted=None, start=0, show_faces=False):
    """A `Review` of the clips in samples that are folders of frames, opened at position `start` among them.

    samples: as loaded. energies: {sample_id: (frame numbers (T,), motion energy (T,))}. spotted: {sample_id: (onset,
    apex or None, offset)}; clips may be absent from both. show_faces: show frames of a dataset that is not synthetic.
    Raises NotApplicable when no clip has frames, WorkbookError for samples that `datasets.load` did not return and when
    `start` is beyond the last clip. What goes wrong later, and what is written where, stands in the status line.
    """
    if "corrections" not in samples.attrs:
        raise WorkbookError("these samples do not say where decisions go", remedy="review what datasets.load returned")
    clips = samples[samples.kind == "frames"]
    if clips.empty:
        raise NotApplicable("this dataset has no folders of frames to look at")
    if not 0 <= start < len(clips):
        raise WorkbookError(f"there is no clip {start}", remedy=f"choose a start from 0 to {len(clips) - 1}")
    return Review(clips, energies or {}, spotted or {}, start, show_faces or samples.attrs["synthetic"])


class Review(widgets.VBox):
    """The desk: clip, back, forth, frame, onset, apex, offset, has_apex, by, note, accept, take, save are its controls.

    `status` holds what was done last, `curve` the drawing of motion energy with the key frames, and `faces` the two
    pictures (the onset frame, the frame looked at), or nothing where faces are not to be shown.
    """

    def __init__(self, clips, energies, spotted, start, show_faces):
        super().__init__()
        self.clips, self.energies, self.spotted = clips, energies, spotted
        self.numbers, self._filling = [], False
        self.clip = widgets.Dropdown(options=list(clips.sample_id), index=start, description="clip")
        self.back, self.forth = (widgets.Button(description=text) for text in ("Previous clip", "Next clip"))
        self.frame = _slider("look at", live=True)
        self.onset, self.apex, self.offset = self.marks = [_slider(name) for name in _corrections.KEY_FRAMES]
        self.has_apex = widgets.Checkbox(value=True, description="the clip has an apex")
        self.by = widgets.Text(description="by", placeholder="your name or initials")
        self.note = widgets.Textarea(description="note", placeholder="why (may stay empty)", rows=2)
        self.accept = widgets.Button(description="Accept as coded")
        self.take = widgets.Button(description="Take spotted", tooltip="set the sliders; nothing is written yet")
        self.save = widgets.Button(description="Save change", button_style="primary")
        self.curve, self.status = widgets.HTML(), widgets.HTML()
        shape = {"height": f"{HEIGHT - 60}px", "width": "auto", "object_fit": "contain"}
        self.faces = [widgets.Image(format="png", layout=shape) for _ in range(2 * bool(show_faces))]
        pictures = [widgets.HBox(self.faces), widgets.HTML(SHOWN if self.faces else HIDDEN)]
        self.children = [
            widgets.HBox([self.clip, self.back, self.forth]), *pictures, self.frame, self.curve, *self.marks,
            self.has_apex, self.by, self.note, widgets.HBox([self.accept, self.take, self.save]), self.status,
        ]  # fmt: skip
        self._connect()
        self._show_clip()

    def _connect(self):
        self.clip.observe(lambda _: self._show_clip(), "value")
        self.back.on_click(lambda _: self._step(-1))
        self.forth.on_click(lambda _: self._step(1))
        self.frame.observe(lambda _: self._show_faces(), "value")
        for control in (*self.marks, self.has_apex):
            control.observe(self._moved, "value")
        self.accept.on_click(lambda _: self._accept())
        self.take.on_click(lambda _: self._take())
        self.save.on_click(lambda _: self._save())

    @property
    def chosen(self):
        """(onset, apex or None, offset) as the sliders stand."""
        return self.onset.value, self.apex.value if self.has_apex.value else None, self.offset.value

    @property
    def coded(self):
        """(onset, apex, offset) as the dataset codes the clip, None where it does not."""
        return _corrections.coded(self.clips, self.clip.value)

    def _step(self, by):
        self.clip.index = min(max(self.clip.index + by, 0), len(self.clips) - 1)

    def _show_clip(self):
        row = self.clips[self.clips.sample_id == self.clip.value].iloc[0]
        said, numbers = [f"Coded: {_corrections.words(self.coded)}."], self.coded
        self.note.value = self.curve.value = ""
        for image in self.faces:
            image.value = b""  # should the next step fail: never one clip's faces under another's name
        try:
            self.numbers = list(frames.files(row.path))
            if not self.numbers:
                raise WorkbookError("the clip folder holds no frames", file=row.path, remedy="extract the clip again")
            decisions = _corrections.read(Path(self.clips.attrs["corrections"]))
        except (WorkbookError, OSError) as error:
            self.numbers = []
            self._say(str(error))
            return
        for decision in decisions[decisions.sample_id == self.clip.value].itertuples():
            said.append(f"{decision.decision.capitalize()} by {decision.by} on {decision.date}. {decision.note}")
            if decision.decision == "changed":
                numbers = decision.onset, decision.apex, decision.offset
        self._fill(numbers, *said)

    def _fill(self, numbers, *said):
        """Set the sliders, at the clip's ends where numbers are open or outside, and show everything."""
        if not self.numbers:  # the clip could not be opened, and the status line says why
            return
        first, last = self.numbers[0], self.numbers[-1]
        outside = [number for number in numbers if number is not None and number not in self.numbers]
        if outside:
            said = (*said, f"There is no frame {', '.join(map(str, outside))} on disk, only {first} .. {last}.")
        self._filling = True
        for slider, number, instead in zip(self.marks, numbers, (first, first, last), strict=True):
            _limit(slider, first, last, instead if number is None else number)
        _limit(self.frame, first, last, self.onset.value)
        self.has_apex.value = numbers[1] is not None
        if numbers[1] is None:
            self.apex.value = self.onset.value
        self.apex.disabled = not self.has_apex.value
        self._filling = False
        self._say(*said)
        self._show_faces()
        self._draw()

    def _moved(self, change):
        """Keep the marks in order: the one that moves stops at its neighbours."""
        if self._filling or not self.numbers:
            return
        self._filling, self.apex.disabled = True, not self.has_apex.value
        slider = self.apex if change.owner is self.has_apex else change.owner
        order = [mark for mark in self.marks if mark is slider or mark is not self.apex or self.has_apex.value]
        place, wanted = order.index(slider), slider.value
        lowest = order[place - 1].value if place else slider.min
        highest = order[place + 1].value if place + 1 < len(order) else slider.max
        slider.value = min(max(wanted, lowest), highest)
        self.frame.value = slider.value
        self._filling = False
        stopped = f"{slider.description} cannot be {wanted}: it stops at {slider.value}, so that the order holds. "
        self._say((stopped if slider.value != wanted else "") + "Not saved yet.")
        self._show_faces()
        self._draw()

    def _accept(self):
        if self._write(None):
            self._fill(self.coded, self.status_text)

    def _take(self):
        if self.clip.value not in self.spotted:
            self._say("Nothing was spotted in this clip.")
            return
        numbers = tuple(None if pd.isna(number) else int(number) for number in self.spotted[self.clip.value])
        self._fill(numbers, f"Spotted: {_corrections.words(numbers)}. Not saved yet: press Save change.")

    def _save(self):
        if self.chosen == self.coded:
            self._say("These are the coded numbers: press Accept as coded.")
        else:
            self._write(self.chosen)

    def _write(self, numbers):
        try:
            path = _corrections.save(self.clips, self.clip.value, numbers, self.by.value, self.note.value)
            done = len(_corrections.read(path))
        except WorkbookError as error:
            self._say(str(error))
            return False
        what = "accepted as coded" if numbers is None else f"changed to {_corrections.words(numbers)}"
        where = f"{path.parent.name}/{path.name}, which holds {done} decision{'s' * (done != 1)}"
        self._say(f"{self.clip.value}: {what}. Written to {where}. Load the dataset again to use it.")
        return True

    def _say(self, *sentences):
        self.status_text = " ".join(sentence.strip() for sentence in sentences)
        self.status.value = html.escape(self.status_text)

    def _show_faces(self):
        if not self.faces or self._filling:
            return
        row = self.clips[self.clips.sample_id == self.clip.value].iloc[0]
        try:
            encoded = [_png(picture) for picture in frames.clip(row, [self.onset.value, self.frame.value])]
        except WorkbookError as error:  # a gap in the numbers, say: the sliders know only the ends
            self._say(str(error))
            encoded = [b"", b""]
        for image, data in zip(self.faces, encoded, strict=True):
            image.value = data

    def _draw(self):
        figure = Figure(figsize=(7.5, 2.4), layout="constrained")
        axes = figure.subplots()
        numbers, energy = self.energies.get(self.clip.value, ((), ()))
        axes.plot(numbers, energy, color=plots.QUIET)
        marks = (  # the chosen ones broad and below, so that what they agree with stays visible
            ("chosen", self.chosen, CHOSEN, "-", 6),
            ("coded", self.coded, "black", ":", 2),
            ("spotted", self.spotted.get(self.clip.value, ()), SPOTTED, "--", 2),
        )
        full = axes.get_xaxis_transform()  # heights from 0 to 1 of the axes
        for name, places, colour, line, width in marks:
            places = [place for place in places if not pd.isna(place)]
            axes.vlines(places, 0, 1, colour, line, label=name if places else None, linewidth=width, transform=full)
        title = self.clip.value + (" (synthetic)" if self.clips.attrs["synthetic"] else "")
        axes.set(xlim=(self.numbers[0], self.numbers[-1]), xlabel="frame", ylabel="motion energy", title=title)
        if not len(energy):
            axes.set(yticks=[], ylabel="no energy given")
        figure.legend(loc="outside right center", frameon=False)
        drawn = io.BytesIO()
        figure.savefig(drawn, format="png", dpi=90)
        picture = base64.b64encode(drawn.getvalue()).decode()
        self.curve.value = f'<img alt="motion energy and key frames" src="data:image/png;base64,{picture}">'


def _slider(name, live=False):
    return widgets.IntSlider(description=name, continuous_update=live, layout={"width": "600px"})


def _limit(slider, first, last, value):
    """Give a slider new limits and a value. Limits widen first: at no moment may min be above max."""
    slider.min, slider.max = min(slider.min, first), max(slider.max, last)
    slider.value = value
    slider.min, slider.max = first, last


def _png(picture):
    """RGB picture (H, W, 3) uint8 as the bytes of a PNG, at most HEIGHT high."""
    high, wide = picture.shape[:2]
    if high > HEIGHT:
        picture = cv2.resize(picture, (round(wide * HEIGHT / high), HEIGHT), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".png", picture[..., ::-1])[1].tobytes()
