"""Rows of Samples from a coding sheet and clip folders, each row held against the frames on disk."""

import pandas as pd

from helpers.datasets import identify
from helpers.datasets._frames import listing, registered
from helpers.datasets._sheets import repair
from helpers.workspace import WorkbookError


def from_sheet(dataset, coded, folders, sheet, short=(), by_onset=False, mended=()):
    """(samples, repairs) of the coded clips, each held against the frames on disk.

    coded: columns subject, clip, emotion, onset, apex, offset, aus, fps, indexed by the sheet's row numbers; onset,
    apex and offset are int or None. folders: of `_frames.clip_folders`. short: (subject, clip) that are known to have
    fewer frames than coded. by_onset: the key of a sample includes its onset, as a clip holds several events. mended:
    repairs that were made in `coded` already. Raises WorkbookError for a missing clip folder, onset, offset or frame,
    and for an apex outside onset..offset.
    """
    rows, repairs, last, frames = [], [*mended], None, {}
    explained = {made["sample_id"] for made in mended}
    for row in coded.itertuples():
        key = row.subject, row.clip
        sample_id, subject = identify(dataset, *key, row.onset if by_onset else None)
        if key not in folders:
            problem, remedy = f"no frames of clip {'/'.join(key)}", "extract the release completely, or remove the row"
            raise WorkbookError(problem, file=sheet, row=row.Index, remedy=remedy)
        folder, cropped = folders[key]
        if folder != last:  # events of one recording follow each other; keeping all listings would fill the memory
            frames, last = listing(folder)[0], folder
        onset, apex, offset, made = _key_frames(row, frames, folder, sheet, sample_id, key in short)
        repairs += [one for one in made if sample_id not in explained or one["problem"] != "apex is open"]
        rows.append(
            {"sample_id": sample_id, "dataset": dataset, "subject": subject, "clip": row.clip, "emotion": row.emotion,
             "onset": onset, "apex": apex, "offset": offset, "fps": row.fps, "aus": row.aus,
             "path": str(folder), "kind": "frames", "cropped": cropped or registered(frames)}
        )  # fmt: skip
    return pd.DataFrame(rows), repairs


def _key_frames(row, frames, folder, sheet, sample_id, short):
    """Onset, apex, offset held against the frames on disk, with the repairs that are known to be right."""
    onset, apex, offset, repairs = row.onset, row.apex, row.offset, []
    if not frames or onset is None or offset is None:
        problem = "the clip folder holds no frames" if not frames else "onset or offset is missing"
        raise WorkbookError(problem, file=sheet, row=row.Index, remedy=f"check {folder} and the row")
    if apex is None:
        reason = "the coders marked no apex; spotting may estimate one"
        repairs.append(repair(sample_id, sheet, row.Index, "apex is open", "left empty", reason))
    if onset > offset or (apex is not None and not onset <= apex <= offset):
        problem = f"apex {apex} is outside onset {onset} .. offset {offset}"
        raise WorkbookError(problem, file=sheet, row=row.Index, remedy="correct the frame numbers of this row")
    last = max(frames)
    if short and offset > last and apex is not None and apex <= last:
        reason = "the released frames end before the coded offset; onset and apex are there"
        problem = f"offset {offset} > last frame"
        repairs.append(repair(sample_id, sheet, row.Index, problem, f"offset := {last}", reason))
        offset = last
    missing = offset - onset + 1 - sum(onset <= number <= offset for number in frames)
    if missing:
        first = next(number for number in range(onset, offset + 1) if number not in frames)
        problem = f"{missing} of {offset - onset + 1} frames of {row.clip} are missing, the first is {first}"
        remedy = f"extract {folder} again; if the release has no such frame, correct the row"
        raise WorkbookError(problem, file=sheet, row=row.Index, remedy=remedy)
    return onset, apex, offset, repairs
