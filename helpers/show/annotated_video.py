"""A recording with what was found in it written under its pictures."""

import cv2

from helpers import storage
from helpers.inference import recording as recordings
from helpers.workspace import WorkbookError

NARROWEST, WIDEST = 480, 1280  # pixels of the written video: smaller recordings are enlarged, larger ones reduced
BAND = 44  # pixels below the picture, for two lines


def write(result, path):
    """Write the recording as .mp4 with the face's box and, during a candidate, its number, kind and answer below."""
    recording = result.recording
    scale = max(NARROWEST / recording.size[0], 1.0)
    scale = min(scale, WIDEST / max(recording.size))
    size = tuple(2 * round(side * scale / 2) for side in recording.size)
    with storage.atomic(path) as temporary:
        codec = cv2.VideoWriter_fourcc(*"mp4v")
        writer = cv2.VideoWriter(str(temporary), codec, recording.fps, (size[0], size[1] + BAND))
        if not writer.isOpened():
            raise WorkbookError("this OpenCV cannot write videos", file=path, remedy="leave out --video")
        for number, picture in recordings.source_of(recording.path, recording.fps).pictures():
            how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            writer.write(_annotated(cv2.resize(picture, size, interpolation=how), number, result, scale))
        writer.release()


def _annotated(picture, number, result, scale):
    x, y, width, height = (round(scale * float(value)) for value in result.recording.face.box)
    cv2.rectangle(picture, (x, y), (x + width, y + height), (255, 255, 255), 1, cv2.LINE_AA)
    picture = cv2.copyMakeBorder(picture, 0, BAND, 0, 0, cv2.BORDER_CONSTANT)
    for at, one in enumerate(result.candidates, 1):
        if one.row["onset"] <= number <= one.row["offset"]:
            words = [f"{at}: {one.row['kind']}, {one.row['emotion'] or 'no answer'}", one.row["note"]]
            for line, text in enumerate(words):
                place = (8, len(picture) - BAND + 18 + 18 * line)
                cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
    return picture
