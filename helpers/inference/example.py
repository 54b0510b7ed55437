"""A recording whose truth is known, of a person whom no model has seen: the demo's pen, people drawn from another seed.

Unlike a clip of the demo it rests for a second before and after the movement, as a recording of one's own does.
"""

import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from helpers.datasets.demo import clips, muscles, people, plan
from helpers.inference import stored, video
from helpers.motion import frames
from helpers.workspace import WorkbookError

STRANGERS = 900_001  # seed of people who are in no training set; those of the workbook's runs are small numbers
REST = 1.0  # seconds before the onset and after the offset
CODEC = "FFV1"  # without loss: the movement is a pixel or two
SIDE = 256  # pixels


class Example(NamedTuple):
    """A video and what is true of it."""

    path: Path
    emotion: str
    onset: int  # frame numbers of the video, from 0
    apex: int
    offset: int
    intensity: np.ndarray  # (frames,) true intensity, 0..1


def draw(folder, emotion="surprise", seed=STRANGERS, side=SIDE):
    """Draw one movement of a stranger as folder/stranger.avi, plan.FPS frames per second: Example.

    The first person and clip of that emotion under this seed that is strong enough to be seen and short enough to be a
    micro-expression. Raises WorkbookError for an emotion that nobody shows, and where no video can be written.
    """
    able = [
        clip for clip in plan.clips(seed, 6, 60)
        if clip.emotion == emotion and clip.amplitude > 1.8 and clip.offset - clip.onset <= 0.4 * plan.FPS
    ]  # fmt: skip
    if not able:
        raise WorkbookError(f"nobody drawn here shows {emotion!r} clearly", remedy="take another emotion or seed")
    rest = round(REST * plan.FPS)
    clip = replace(able[0], first=able[0].onset - rest, last=able[0].offset + rest, blink=(), gaze=())
    crowd = [people.person(seed, "clips", number, muscles.UNITS) for number in range(6)]
    person = next(one for one in crowd if one.subject == clip.subject)
    numbers = np.arange(clip.first, clip.last + 1)
    with tempfile.TemporaryDirectory() as drawn:
        clips.write_person(Path(drawn), person, [clip], side)
        pictures = (frames.image(clips.path_of(Path(drawn), clip, number)) for number in numbers)
        path = write(Path(folder) / "stranger.avi", pictures)
    truth = clip.strength * clip.progress(numbers)
    keys = (number - clip.first for number in (clip.onset, clip.apex, clip.offset))
    return Example(path, emotion, *keys, truth)


def write(path, pictures, fps=plan.FPS, codec=CODEC):
    """Write RGB pictures (H, W, 3) uint8 of one size as a video; returns its path. WorkbookError where it can't."""
    writer = None
    for picture in pictures:
        if writer is None:
            height, width = picture.shape[:2]
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), fps, (width, height))
            if not writer.isOpened():
                raise WorkbookError(f"this OpenCV cannot write {codec} videos", file=path, remedy="use another build")
        writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    writer.release()
    return path


def spoiled(folder, example, models):
    """What must be refused, made here: yields (what, function that has to raise WorkbookError).

    models: {task: stored.Trained}. Files go to `folder`.
    """
    folder = Path(folder)
    some = [picture for (number, picture), _ in zip(frames.video_frames(example.path), range(60), strict=False)]
    empty = [np.full_like(some[0], 128)] * 60
    paths = {
        "no face": write(folder / "wall.avi", empty),
        "two faces": write(folder / "two.avi", (np.hstack([one, one]) for one in some)),
        "12 frames per second": write(folder / "slow.avi", some, 12),
    }
    (folder / "cut off.mp4").write_bytes(example.path.read_bytes()[:1000])
    (folder / "empty.mp4").touch()
    frame_folder = folder / "frames"
    frame_folder.mkdir()
    cv2.imwrite(str(frame_folder / "img1.png"), some[0])
    paths |= {"damaged file": folder / "cut off.mp4", "empty file": folder / "empty.mp4"}
    paths["folder of frames, no frame rate given"] = frame_folder
    for what, path in paths.items():
        yield what, partial(video.analyse, path, {})
    keys = {"onset": 30, "apex": 20, "offset": 40}
    yield "coded frames out of order", partial(video.analyse, example.path, {}, **keys)
    names = stored.save(folder / "model", next(iter(models.values())))
    with open(folder / "model" / names[1], "ab") as file:
        file.write(b"one byte more")
    yield "model file that was changed", partial(stored.load, folder / "model")
