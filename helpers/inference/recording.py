"""A video or a folder of numbered frames as standard crops of one face, read once and frame by frame.

The face is looked for once, in the first frame that shows exactly one, and its registration serves all frames. Crops
go to a temporary file (16 kB a frame), so that the memory needed does not grow with the length. What cannot be judged
is refused: no or several faces, one that is not upright, a frame rate that is unknown, below SLOWEST or not constant.
What makes an answer doubtful is a warning or a problem of quality, and the work goes on.
"""

import tempfile
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from helpers.datasets._frames import listing
from helpers.inference._clock import Clock
from helpers.motion import faces, frames, quality
from helpers.workspace import WorkbookError

SLOWEST, USUAL = 25, 100  # frames per second: refused below the first, warned of below the second
EVERY = 0.1  # seconds between two looks for the first face
UNEVEN = 0.05  # share of steps in time, or of frame numbers, that may be odd
MOVED = 0.08  # of the crop's side: a head that has moved further leaves the regions
CROP = 128  # pixels
TURNS = {
    cv2.ROTATE_90_CLOCKWISE: "90 degrees clockwise",
    cv2.ROTATE_90_COUNTERCLOCKWISE: "90 degrees counterclockwise",
    cv2.ROTATE_180: "180 degrees",
}
SURER = 0.02  # score by which a turned picture shows the face better: then it is not upright


class Recording(NamedTuple):
    """One face over time."""

    path: Path
    kind: str  # "video" or "frames"
    fps: float
    numbers: np.ndarray  # (T,) frame number of each crop: of a video from 0, of a folder as its files say
    crops: np.ndarray  # (T, CROP, CROP) uint8 grey standard crops; on disk
    size: tuple  # width and height of the pictures, upright
    registration: faces.Registration
    face: faces.Face
    problems: list  # of quality: (frame number or None, problem, detail)
    warnings: list  # sentences
    clock: Clock  # seconds of each step


def read(path, fps=None):
    """Recording of a video file or of a folder of frames.

    fps: frames per second; needed for a folder, overrules what a video says (slow-motion files state how they are
    shown, not how they were taken). Raises WorkbookError, with a remedy, for what is refused.
    """
    path, clock = Path(path).expanduser(), Clock()
    if not path.exists():
        raise WorkbookError("there is no such file or folder", file=path, remedy="check the path")
    if fps is not None and not 0 < fps < 100_000:
        raise WorkbookError(f"{fps} frames per second is no frame rate", remedy="give e.g. --fps 200")
    source = source_of(path, fps)
    if source.fps < SLOWEST:
        problem = f"{source.fps:.3g} frames per second are fewer than {SLOWEST}: a micro-expression would be missed"
        raise WorkbookError(problem, file=path, remedy=f"record with {USUAL} frames per second or more")
    reader = _Reader(source, clock)
    numbers, problems = [], []
    with tempfile.TemporaryFile() as file:
        for picture in clock.each("decode", source.pictures()):
            crop = reader.crop(*picture)
            if crop is not None:
                numbers.append(picture[0])
                file.write(crop.tobytes())
        crops = reader.finish(numbers, file)
    with clock("quality"):
        problems = quality.of_pictures(zip(numbers, crops, strict=True)) + reader.problems
    warnings = source.warnings + reader.warnings
    if source.fps < USUAL:
        warnings.append(
            f"{source.fps:.3g} frames per second: a micro-expression of a fifth of a second has "
            f"{source.fps / 5:.0f} frames; {USUAL} or more are better"
        )
    return Recording(
        path, source.kind, source.fps, np.array(numbers), crops, reader.size, reader.registration, reader.face,
        problems, warnings, clock,
    )  # fmt: skip


def source_of(path, fps=None):
    """What yields the pictures of a video file or a folder, with its frame rate."""
    return _Folder(path, fps) if path.is_dir() else _Video(path, fps)


class _Video:
    """Frames of a video file, turned upright as its metadata says."""

    kind = "video"

    def __init__(self, path, fps):
        self.path, self.warnings = path, []
        facts = frames.video(path)
        self.fps, self.count = fps or facts.fps, facts.frames
        self.stated = fps is None
        if fps and abs(fps - facts.fps) > 0.01 * fps:
            self.warnings.append(f"frame rate taken from --fps: {fps:g}; the file says {facts.fps:.4g}")

    def pictures(self):
        """Yield (number, BGR picture); then hold the times of the frames against the frame rate."""
        number, times = 0, []
        with frames.opened(self.path) as capture:
            while True:
                there, picture = capture.read()
                if not there:
                    break
                times.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
                yield number, picture
                number += 1
        if not number:
            raise WorkbookError(
                "the video holds no frame that can be decoded", file=self.path, remedy="export it again"
            )
        if number < 0.98 * self.count:
            self.warnings.append(f"the file announces {self.count} frames; {number} could be decoded: it is damaged")
        self._check_pace(np.diff(times))

    def _check_pace(self, steps):
        usual = np.median(steps) if len(steps) else 0
        if usual <= 0:  # a container without times
            return
        odd = int((np.abs(steps - usual) > 0.5 * usual).sum())
        if odd > UNEVEN * len(steps):
            problem = f"the frame rate varies: {odd} of {len(steps)} steps in time differ from the usual by half"
            remedy = f"make it constant, e.g. ffmpeg -i in.mp4 -fps_mode cfr -r {1 / usual:.0f} out.mp4"
            raise WorkbookError(problem, file=self.path, remedy=remedy)
        if odd:
            self.warnings.append(f"{odd} of {len(steps)} steps in time are odd: frames were lost or came late")
        if self.stated and abs(usual * self.fps - 1) > 0.05:
            problem = f"the file says {self.fps:.4g} frames per second, its frames are {usual:.4g} s apart"
            raise WorkbookError(problem, file=self.path, remedy="give the true rate with --fps")


class _Folder:
    """Frames of a folder, in the order of their numbers."""

    kind = "frames"

    def __init__(self, path, fps):
        self.path, self.warnings = path, []
        if fps is None:
            remedy = "give the frame rate of the recording: --fps 200"
            raise WorkbookError("a folder of pictures does not say its frame rate", file=path, remedy=remedy)
        self.fps, (self.files, strays) = fps, listing(path)
        self.count = len(self.files)
        if not self.count:
            remedy = "give a folder of numbered .jpg, .png or .bmp files"
            raise WorkbookError("the folder holds no numbered pictures", file=path, remedy=remedy)
        if strays:
            self.warnings.append(f"{len(strays)} files are no frames and were left aside: {strays[0].name}")
        missing = max(self.files) - min(self.files) + 1 - self.count
        if missing > UNEVEN * (self.count + missing):
            problem = f"{missing} of {self.count + missing} frame numbers are missing: times would be wrong"
            remedy = "give all frames, or number them without gaps and with the frame rate they then have"
            raise WorkbookError(problem, file=path, remedy=remedy)
        if missing:
            self.warnings.append(f"{missing} frame numbers are missing: times after them are a little short")

    def pictures(self):
        """Yield (number, BGR picture). WorkbookError for a file that is damaged or differs in size."""
        shape = None
        for number, path in self.files.items():
            picture = cv2.cvtColor(frames.image(path), cv2.COLOR_RGB2BGR)
            shape = shape or picture.shape
            if picture.shape != shape:
                problem = f"the picture is {picture.shape[1]} x {picture.shape[0]}, the first {shape[1]} x {shape[0]}"
                raise WorkbookError(problem, file=path, remedy="extract the frames again, in one size")
            yield number, picture


class _Reader:
    """Finds the face, cuts frames down to it, and looks a few times whether it is still there."""

    def __init__(self, source, clock):
        self.source, self.clock, self.registration, self.face = source, clock, None, None
        self.problems, self.warnings, self.seen, self.size = [], [], 0, None
        stride = source.count // quality.LOOKS if source.count > 0 else round(2 * source.fps)
        self.look = max(1, stride)

    def crop(self, number, picture):
        """Grey standard crop of a frame; None as long as no face has been found."""
        at, self.seen = self.seen, self.seen + 1
        if self.registration is None:
            if at % max(1, round(EVERY * self.source.fps)) or not self._find(picture):
                return None
            if at:
                self.warnings.append(f"no face before frame {number}: what comes before was not looked at")
        elif at % self.look == 0:
            self._check(number, picture)
        with self.clock("crop"):
            grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)  # all of it: a part would be averaged down differently
            return faces.apply([grey], self.registration, CROP)[0]

    def finish(self, numbers, file):
        """Crops as an array that stays on disk. WorkbookError where no frame showed a face."""
        if self.registration is None:
            remedy = "give a recording of one face from the front, lit and at least 40 pixels wide"
            raise WorkbookError(f"no face was found in {self.seen} frames", file=self.source.path, remedy=remedy)
        file.flush()
        return np.memmap(file, np.uint8, "r", shape=(len(numbers), CROP, CROP))

    def _find(self, picture):
        with self.clock("find face"):
            rgb = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
            if not faces.detect(rgb):
                return False
            self.face = faces.the_face(rgb, self.source.path)
            _refuse_turned(rgb, self.face, self.source.path)
            self.registration = faces.register(self.face)
            self.size = picture.shape[1], picture.shape[0]
        return True

    def _check(self, number, picture):
        with self.clock("find face"):
            try:
                face = faces.the_face(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), self.source.path)
            except WorkbookError as error:
                self.problems.append((number, "face lost", error.problem))
                return
        middle = cv2.invertAffineTransform(self.registration.matrix) @ [0.5, 0.5, 1]  # of the crop, in the picture
        away = float(np.hypot(*(faces.register(face).matrix @ [*middle, 1] - 0.5)))
        if away > MOVED:
            self.problems.append((number, "head moved", f"{away:.0%} of the crop's side away from where it was"))


def _refuse_turned(picture, face, path):
    """YuNet finds a face that lies on its side, too, and puts eyes and mouth where an upright one would have them."""
    for turn, words in TURNS.items():
        found = faces.detect(cv2.rotate(picture, turn))
        if found and found[0].score > face.score + SURER:
            raise WorkbookError("the face is not upright", file=path, remedy=f"turn the recording by {words}")
