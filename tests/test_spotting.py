"""Spotting: known curves and planted movements are found at their time; a face at rest gives nothing."""

import cv2
import numpy as np
import pandas as pd
import pytest
import scenes

from helpers.motion import faces, flow, frames, spotting
from helpers.motion.spotting import KeyFrames, spot

FPS = 100


@pytest.fixture(scope="module")
def crops(demo_dir):
    """Samples of a demo at 128 px."""
    return scenes.demo_at_128(demo_dir)


def triangle(numbers, onset, apex, offset):
    return np.interp(numbers, [onset, apex, offset], [0, 1, 0])


def bump(numbers, onset, apex, offset):
    rise = np.clip((numbers - onset) / (apex - onset), 0, 1)
    fall = np.clip((offset - numbers) / (offset - apex), 0, 1)
    return np.sin(np.pi / 2 * np.minimum(rise, fall)) ** 2


@pytest.mark.parametrize("shape", [triangle, bump])
@pytest.mark.parametrize("apex", [40, 50, 62])
@pytest.mark.parametrize("noise", [0, 0.02])
def test_a_known_curve_gives_its_key_frames(shape, apex, noise):
    numbers = np.arange(100)
    curve = 2 * shape(numbers, 30, apex, 70) + noise * np.random.default_rng(0).standard_normal(100)
    found = spot(numbers, curve)
    assert found.apex == pytest.approx(apex, abs=2 + 40 * noise)
    moving = np.flatnonzero(shape(numbers, 30, apex, 70) > spotting.FLOOR)
    assert found.onset == pytest.approx(moving[0], abs=4) and found.offset == pytest.approx(moving[-1], abs=4)
    assert found.onset < found.apex < found.offset and found.peak == pytest.approx(2, abs=0.25)


def test_between_two_looks_the_apex_can_be_nearer():
    numbers = np.arange(0, 101, 10)
    assert [spot(numbers, bump(numbers, 0, apex, 100)).apex for apex in (47, 50, 53)] == pytest.approx(
        [47, 50, 53], abs=2
    )


def test_the_most_prominent_of_several_peaks_is_the_apex():
    numbers = np.arange(120)
    curve = 0.4 * triangle(numbers, 10, 20, 30) + triangle(numbers, 50, 65, 80) + 0.3 * triangle(numbers, 90, 95, 100)
    found = spot(numbers, curve)
    assert found.apex == pytest.approx(65, abs=1) and 45 < found.onset < 60 and 70 < found.offset < 85


def test_a_clip_that_ends_at_its_apex_has_it_there():
    numbers = np.arange(200, 231)
    found = spot(numbers, np.linspace(0, 1, 31))
    assert found.onset <= 210 and found.apex == found.offset == 230


@pytest.mark.parametrize("length", [1, 2, 3])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_very_short_and_flat_curves_give_frames_of_the_clip(length, value):
    numbers = np.arange(7, 7 + length)
    found = spot(numbers, np.full(length, value))
    assert isinstance(found, KeyFrames) and 7 <= found.onset <= found.apex <= found.offset < 7 + length


def test_energy_follows_the_amount_of_a_patterned_motion_and_never_falls_below_zero():
    rng = np.random.default_rng(0)
    pattern = np.where(faces.mask(32, ("mouth",)), 1.0, 0.0) * rng.choice([-1, 1], (2, 1, 1))
    amount = bump(np.arange(30), 3, 14, 27)
    motion = amount[:, None, None, None] * pattern + 0.05 * rng.standard_normal((30, 2, 32, 32))
    found = spotting.energy(motion, ("mouth",))
    assert found.shape == (30,) and found.min() >= 0
    assert found == pytest.approx(np.sqrt(2) * amount, abs=0.1), "root mean square length in pixels"
    assert np.corrcoef(spotting.energy(motion), amount)[0, 1] > 0.98, "also when most of the regions are still"
    assert spotting.energy(-motion) == pytest.approx(spotting.energy(motion)), "direction does not matter"
    assert spotting.energy(np.zeros((5, 3, 32, 32))).max() == 0


def test_energies_of_coded_clips_start_at_zero_and_name_their_frames(demo):
    numbers, curves, motion = spotting.energies(demo.head(3), steps=8)
    assert numbers.shape == curves.shape == (3, 9) and (curves[:, 0] == 0).all() and (curves >= 0).all()
    assert list(numbers[:, 0]) == list(demo.onset[:3]) and list(numbers[:, -1]) == list(demo.offset[:3])
    assert motion.values.shape == (3, 8, 3, 32, 32)


def test_whole_clips_reach_from_the_first_to_the_last_frame(demo, tmp_path):
    few = demo.head(2)
    whole = spotting.whole_clips(few)
    numbers = list(frames.files(few.path[0]))
    assert (whole.onset[0], whole.offset[0]) == (numbers[0], numbers[-1]) and whole.apex.isna().all()
    assert few.onset[0] > whole.onset[0] and few.offset[0] < whole.offset[0], "there are frames around the coded ones"
    path = scenes.write_video(tmp_path / "film.avi", np.zeros((7, 48, 64, 3), np.uint8))
    film = scenes.samples({"path": path, "kind": "video", "onset": None, "apex": None, "offset": None})
    assert spotting.whole_clips(film)[["onset", "offset"]].iloc[0].tolist() == [0, 6]


def test_one_bad_clip_does_not_stop_the_spotting_of_the_others(demo, tmp_path):
    folder = tmp_path / "twice"
    pictures = scenes.key_pictures(next(demo.itertuples()))
    scenes.write_clip(folder, pictures)
    scenes.write_clip(folder, pictures, name="x{}.png")
    (tmp_path / "empty").mkdir()
    (tmp_path / "film.mp4").write_bytes(b"")
    nothing = {"onset": None, "apex": None, "offset": None}
    bad = scenes.samples(
        {"path": folder, "clip": "twice"} | nothing, {"path": tmp_path / "empty", "clip": "empty"} | nothing,
        {"path": tmp_path / "film.mp4", "clip": "film", "kind": "video"} | nothing,
    )  # fmt: skip
    samples = pd.concat([bad, demo.head(2)], ignore_index=True)
    samples.attrs = demo.attrs
    numbers, _, motion = spotting.energies(samples, "whole", steps=4)
    assert len(numbers) == 2 and list(motion.sample_id) == list(demo.sample_id[:2])
    assert set(motion.left_out.sample_id) == set(bad.sample_id)


def test_on_the_demo_the_spotted_apex_is_nearer_than_the_middle_frame(crops):
    numbers, curves, _ = spotting.energies(crops)
    spotted = np.array([spot(n, curve).apex for n, curve in zip(numbers, curves, strict=True)])
    coded = crops.apex.to_numpy(int)
    middle = (crops.onset.to_numpy(int) + crops.offset.to_numpy(int)) / 2
    error, baseline = np.abs(spotted - coded), np.abs(middle - coded)
    assert error.mean() < 0.75 * baseline.mean(), f"{error.mean():.1f} frames against {baseline.mean():.1f}"
    gain = pd.Series(baseline - error).groupby(crops.subject).mean()
    assert (gain > 0).mean() > 0.8, "not only for one person"


def test_apex_and_onset_of_whole_clips_are_found_without_the_coding(crops):
    few = crops[::3].reset_index(drop=True)
    few.attrs = crops.attrs
    numbers, curves, _ = spotting.energies(few, "whole")
    found = pd.DataFrame([spot(n, c) for n, c in zip(numbers, curves, strict=True)])
    length = (few.offset - few.onset).to_numpy(int)
    inside = (found.apex >= few.onset.to_numpy(int)) & (found.apex <= few.offset.to_numpy(int))
    assert inside.mean() > 0.7
    assert np.median(np.abs(found.apex - few.apex.to_numpy(int)) / length) < 0.25


def strongest(samples):
    """The clip whose regions move most from onset to apex, without blink or shift of gaze."""
    found = flow.extract(samples, flow.Setting(size=32))
    strength = np.hypot(found.values[:, 0, 0], found.values[:, 0, 1])[:, faces.mask(32)].mean(axis=1)
    return samples.iloc[int(strength.argmax())]


@pytest.fixture(scope="module")
def movement(crops):
    """Frames of a clear micro-expression of about a quarter of a second at FPS, onset to offset, and its apex."""
    row = strongest(crops)
    numbers = np.linspace(row.onset, row.offset, 26).round().astype(int)
    pictures = faces.crops(row, [int(number) for number in numbers], spotting.CROP)
    return pictures, int(np.abs(numbers - row.apex).argmin())


def noisy(pictures, seed=0):
    rng = np.random.default_rng(seed)
    return np.clip(np.asarray(pictures, float) + rng.normal(0, 1.5, np.shape(pictures)), 0, 255).astype(np.uint8)


def held(picture, count):
    return np.repeat(picture[None], count, axis=0)


def test_a_movement_planted_in_a_long_still_recording_is_found_once_at_its_time(movement):
    pictures, apex = movement
    recording = noisy(np.concatenate([held(pictures[0], 90), pictures, held(pictures[0], 85)]))
    table = spotting.candidates(recording, FPS)
    assert len(table) == 1, table
    row = table.iloc[0]
    assert row.apex == pytest.approx(90 + apex, abs=6) and row.kind == "micro" and row.peak > 0.25
    assert 82 <= row.onset < row.apex < row.offset <= 90 + 25 + 10
    assert row.seconds == pytest.approx((row.offset - row.onset) / FPS) and 0.1 < row.seconds <= 0.5


def test_two_movements_are_two_candidates_in_their_order(movement):
    pictures, apex = movement
    still = held(pictures[0], 70)
    recording = noisy(np.concatenate([still, pictures, still, pictures, still]))
    table = spotting.candidates(recording, FPS)
    assert table.apex.to_list() == pytest.approx([70 + apex, 70 + 26 + 70 + apex], abs=6)


def test_a_face_at_rest_gives_no_candidates_however_long_and_noisy(movement):
    still = movement[0][0]
    for seed in range(2):
        assert spotting.candidates(noisy(held(still, 150), seed), FPS).empty


def test_a_movement_that_stays_is_no_expression_that_passes(movement):
    pictures, apex = movement
    recording = np.concatenate([held(pictures[0], 80), pictures[: apex + 1], held(pictures[apex], 80)])
    assert spotting.candidates(noisy(recording), FPS).empty


def test_what_lasts_longer_than_half_a_second_is_marked_macro(movement):
    still = movement[0][0]
    y, x = np.mgrid[: spotting.CROP, : spotting.CROP].astype(np.float32)
    smile = 4 * np.exp(-((x - 48) ** 2 + (y - 70) ** 2) / (2 * 9**2))
    for seconds, kind in ((0.24, "micro"), (0.8, "macro")):
        amount = bump(np.arange(round(seconds * FPS) + 1), 0, seconds * FPS / 2, seconds * FPS)
        moved = [cv2.remap(still, x, y + share * smile, cv2.INTER_LINEAR) for share in amount.astype(np.float32)]
        recording = noisy(np.concatenate([held(still, 80), moved, held(still, 80)]))
        table = spotting.candidates(recording, FPS)
        assert table.kind.to_list() == [kind] and (table.seconds[0] > spotting.LONGEST) == (kind == "macro")
        assert table.apex[0] == pytest.approx(80 + seconds * FPS / 2, abs=6)


@pytest.mark.parametrize("count", [1, 2, 5, 30])
def test_recordings_shorter_than_the_window_give_an_empty_table(movement, count):
    table = spotting.candidates(held(movement[0][0], count), FPS)
    assert table.empty and list(table.columns) == ["onset", "apex", "offset", "seconds", "peak", "kind"]
