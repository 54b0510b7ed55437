"""Sequences: windows that tell nothing of onset and offset, steps of constant time, and no frame made up."""

from functools import partial

import cv2
import numpy as np
import pandas as pd
import pytest
import scenes

from helpers.motion import faces, flow, frames, sequences, windows
from helpers.workspace import NotApplicable, WorkbookError

extract = partial(sequences.extract, ends="offset")  # windows that show all of the expression


@pytest.fixture(scope="module")
def few(demo):
    """Six clips of the demo."""
    some = demo.head(6)
    some.attrs = demo.attrs
    return some


@pytest.fixture(scope="module")
def found(few):
    return extract(few)


@pytest.fixture
def clip(tmp_path, demo):
    """Makes Samples of one clip in a folder: 61 frames of a demo clip from 10 on, onset 20, apex 40, offset 60."""
    row = next(demo.itertuples())
    there = list(frames.files(row.path))
    pictures = scenes.key_pictures(row, [there[k % len(there)] for k in range(61)])

    def make(name="c1", missing=(), **changes):
        folder = scenes.write_clip(tmp_path / name, pictures, first=10)
        for number in missing:
            (folder / f"img{number}.png").unlink()
        return scenes.samples({"path": folder, "clip": name, "onset": 20, "apex": 40, "offset": 60} | changes)

    return make


def together(*tables):
    samples = pd.concat(tables, ignore_index=True)
    samples.attrs = tables[0].attrs
    return samples


def test_a_sequence_is_flow_of_every_fifth_frame_against_the_first_frame_of_its_window(few, found):
    n, length = found.frames.shape
    assert found.values.shape == (n, length, 3, 28, 28) and found.values.dtype == np.float32 and n == len(few)
    assert list(found.samples.sample_id) == list(few.sample_id) and found.samples.attrs == few.attrs
    assert list(found.samples.onset) == list(few.onset) and list(found.samples.apex) == list(few.apex)
    for row, numbers, first in zip(few.itertuples(), found.frames, found.first, strict=True):
        there = numbers[numbers >= 0]
        assert list(there) == list(range(first + 5, there[-1] + 1, 5)), "0.025 s at 200 frames a second"
        assert first <= row.onset and there[-1] + 5 > row.offset
        assert {first, *there} <= set(frames.files(row.path)), "cut where the clip has no more frames"
    onset, third = faces.crops(few.iloc[1], (int(found.first[1]), int(found.frames[1, 2])), 128)
    expected = [cv2.resize(part, (28, 28), interpolation=cv2.INTER_AREA) for part in flow.between(onset, third)]
    assert found.values[1, 2] == pytest.approx(np.array(expected), abs=1e-5)


def test_values_are_nan_exactly_where_there_is_no_frame(found):
    nothing = np.isnan(found.values)
    assert np.array_equal(nothing.all(axis=(2, 3, 4)), found.frames < 0)
    assert np.array_equal(nothing.any(axis=(2, 3, 4)), found.frames < 0)
    lengths = found.lengths()
    assert lengths.steps.max() == found.frames.shape[1] and not lengths.missing.any()
    assert list(lengths.steps) == [(row >= 0).sum() for row in found.frames]


def test_windows_differ_between_clips_and_are_the_clips_own(few, found):
    before = few.onset.to_numpy(int) - found.first
    assert len(set(before)) > 2 and (before >= 0).all() and (before <= 50).all()
    part = few.iloc[[4, 1]].reset_index(drop=True)
    part.attrs = few.attrs
    again = extract(part)
    assert list(again.first) == [found.first[4], found.first[1]], "other clips change no window"
    for mine, row in enumerate((4, 1)):
        there = again.frames[mine] >= 0
        assert np.array_equal(again.frames[mine, there], found.frames[row, found.frames[row] >= 0])
        assert np.array_equal(again.values[mine, there], found.values[row, found.frames[row] >= 0])
    others = extract(few, seed=1)
    assert not np.array_equal(others.first, found.first), "another seed draws other windows"


def test_margins_reach_as_far_as_asked_where_there_are_frames(clip):
    samples = together(*(clip(f"c{k}", fps=100) for k in range(12)))
    found = extract(samples, margin=0.06, step=0.02)
    before = 20 - found.first
    after = found.frames.max(axis=1) - 60
    assert before.min() < 3 and 3 < before.max() <= 6 and after.max() <= 6 and after.max() > 2
    assert not np.array_equal(before, after)


def test_no_margin_is_the_coded_window(few):
    found = extract(few, margin=0)
    assert list(found.first) == list(few.onset)
    assert ((few.offset.to_numpy(int) - found.frames.max(axis=1)) < 5).all()
    assert (found.frames.max(axis=1) <= few.offset.to_numpy(int)).all()


def test_windows_may_break_off_after_the_apex(few, found):
    broken = extract(few, ends="apex")
    last, apex, whole = broken.frames.max(axis=1), few.apex.to_numpy(int), found.frames.max(axis=1)
    assert list(broken.first) == list(found.first), "they begin where they did"
    assert (last > apex - 5).all() and (last <= whole).all() and (last < few.offset.to_numpy(int)).any()
    with pytest.raises(WorkbookError, match="unknown earliest end of a window 'onset'"):
        extract(few, ends="onset")


def test_steps_fall_on_the_nearest_frame_of_any_frame_rate(clip):
    found = extract(clip(fps=90), margin=0, step=0.025)
    times = (found.frames[0] - 20) / 90
    assert times == pytest.approx(0.025 * np.arange(1, len(times) + 1), abs=0.5 / 90 + 1e-9)
    assert (np.diff(found.frames[0]) > 0).all()


def test_a_missing_frame_is_a_step_of_nan_and_counted(clip):
    found = extract(clip(missing=(30, 31)), margin=0)
    assert list(found.frames[0]) == [25, -1, 35, 40, 45, 50, 55, 60]
    assert np.isnan(found.values[0, 1]).all() and np.isfinite(found.values[0, [0, *range(2, 8)]]).all()
    assert found.lengths().to_dict("records") == [{"sample_id": "demo/sub01/c1", "steps": 8, "missing": 1}]


def test_a_still_face_is_a_map_of_zeros_and_no_missing_frame(tmp_path, demo):
    picture = scenes.key_pictures(next(demo.itertuples()))[:1]
    folder = scenes.write_clip(tmp_path / "still", np.repeat(picture, 30, axis=0))
    found = extract(scenes.samples({"path": folder, "onset": 1, "apex": 9, "offset": 30}), margin=0)
    assert (found.frames >= 0).all() and np.abs(found.values).max() < 1e-3


def test_a_video_is_a_sequence_too(tmp_path, demo):
    row = next(demo.itertuples())
    path = scenes.write_video(tmp_path / "film.avi", scenes.key_pictures(row, list(frames.files(row.path))[:40]), 30)
    keys = {"onset": 5, "apex": 9, "offset": 20}
    found = extract(scenes.samples({"path": path, "kind": "video", "fps": 30} | keys), step=0.05)
    assert found.frames[0, 0] == found.first[0] + 2 and found.first[0] <= 5 and np.isfinite(found.values).all()


def test_what_cannot_be_measured_is_left_out_by_name_and_reason(clip):
    bad = {
        "no apex": ({"apex": None}, "no apex is coded"),
        "no onset": ({"onset": None}, "no onset is coded"),
        "no rate": ({"fps": None}, "no frame rate is known"),
        "slow": ({"fps": 39, "onset": 30}, "its frames are 0.0256 s apart, more than a step of 0.025 s"),
        "one frame": ({"onset": 40, "offset": 40}, "the offset is the onset frame"),
        "two frames": ({"onset": 40, "offset": 41}, "fewer than two steps can be measured"),
        "gaps": ({"missing": range(22, 57)}, "fewer than two steps can be measured"),
        "begins later": ({"missing": range(10, 22)}, "there are no frames from onset 20 to offset 60"),
        "ends before": ({"missing": range(60, 71)}, "there are no frames from onset 20 to offset 60"),
        "gone": ({"path": "nowhere"}, "its frames cannot be read"),
    }
    samples = together(clip("good"), *(clip(name, **changes) for name, (changes, _) in bad.items()))
    samples = samples.sort_values("sample_id", ignore_index=True)
    found = extract(samples, margin=0)
    assert list(found.samples["clip"]) == ["good"] and found.values.shape[0] == 1
    assert list(found.left_out.columns) == ["sample_id", "emotion", "reason"]
    told = {name.rsplit("/", 1)[1]: reason for name, reason in found.left_out[["sample_id", "reason"]].to_numpy()}
    assert told == {name: reason for name, (_, reason) in bad.items()}


def test_a_clip_longer_than_a_second_is_no_micro_expression(clip):
    samples = together(clip("good"), clip("long", fps=39))
    found = extract(samples, margin=0, step=0.05)
    assert found.left_out.reason.to_list() == ["1.03 s from onset to offset, more than 1 s"]


@pytest.mark.parametrize("apex", [20, 60])
def test_an_apex_at_the_first_or_last_frame_is_measured(clip, apex):
    assert extract(clip(apex=apex), margin=0).left_out.empty


def test_nothing_to_derive_intensity_from_is_not_applicable(demo, smic_maps):
    from helpers import datasets

    with pytest.raises(NotApplicable, match=r"missing: apex"):
        extract(demo.assign(apex=pd.NA))
    with pytest.raises(NotApplicable, match="single stills"):
        extract(demo.assign(kind="image"))
    with pytest.raises(NotApplicable, match="flow maps"):
        extract(datasets.load("megc2019", str(smic_maps)))


def test_when_no_clip_can_be_measured_the_first_reason_is_told(demo):
    with pytest.raises(WorkbookError, match="no clip can be measured; the first one: no frame rate is known"):
        extract(demo.head(2).assign(fps=pd.NA))


@pytest.mark.parametrize("wrong", [{"margin": -0.1}, {"step": 0}, {"step": np.nan}, {"margin": np.inf}])
def test_margins_and_steps_that_are_no_time_are_refused(few, wrong):
    with pytest.raises(WorkbookError, match="are no window"):
        extract(few, **wrong)


def test_a_second_call_measures_nothing(few, found, monkeypatch):
    def never(*_):
        raise AssertionError("measured again")

    monkeypatch.setattr(flow, "_measure", never)
    again = extract(few)
    assert np.array_equal(again.values, found.values, equal_nan=True) and np.array_equal(again.frames, found.frames)


def test_select_keeps_rows_together(found):
    kept = np.arange(len(found.samples)) % 2 == 1
    some = found.select(kept)
    assert list(some.samples.sample_id) == list(found.samples.sample_id[kept]) and some.samples.index[0] == 0
    assert np.array_equal(some.values, found.values[kept], equal_nan=True)
    assert np.array_equal(some.frames, found.frames[kept]) and np.array_equal(some.first, found.first[kept])
    assert some.samples.attrs == found.samples.attrs


def test_steps_of_a_setting_need_a_number_of_them(few):
    with pytest.raises(WorkbookError, match="need a sequence"):
        flow.Setting(every=0.1)
    with pytest.raises(WorkbookError, match="are more than 2 steps"):
        windows.pairs(few.iloc[0], flow.Setting(every=0.01, sequence=2))
    assert sequences.LONGEST == 1
