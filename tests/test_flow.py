"""Flow: the known motion of the demo is recovered in pixels; what cannot be measured is named, the rest goes on."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest
import scenes

from helpers import datasets
from helpers.datasets.demo import truth
from helpers.motion import faces, flow, frames, methods, spotting
from helpers.motion.flow import FALL, RISE, WHOLE, Setting
from helpers.show import motion as motion_plots
from helpers.workspace import NotApplicable, WorkbookError

QUICK = Setting(crop=64, size=16)  # where the values don't matter


@pytest.fixture(scope="module")
def crops(demo_dir):
    """Samples of a demo at 128 px."""
    return scenes.demo_at_128(demo_dir)


def field(du_dx=0.0, du_dy=0.0, dv_dx=0.0, dv_dy=0.0, size=32):
    y, x = np.mgrid[:size, :size].astype(float)
    return np.stack([du_dx * x + du_dy * y, dv_dx * x + dv_dy * y])


@pytest.mark.parametrize(
    ("derivatives", "expected"),
    [
        ({"du_dx": 0.02}, 0.02),  # pure stretch
        ({"dv_dy": -0.03}, 0.03),
        ({"du_dy": 0.02, "dv_dx": 0.02}, 0.04 / np.sqrt(2)),  # pure shear
        ({"du_dy": 0.02, "dv_dx": -0.02}, 0.0),  # infinitesimal rotation
        ({}, 0.0),
    ],
)
def test_strain_of_analytic_fields(derivatives, expected):
    for shape in ((), (3, 2)):  # of one field and of many at once
        many = np.broadcast_to(field(**derivatives), (*shape, 2, 32, 32))
        assert flow.strain(many) == pytest.approx(expected, rel=0.01, abs=1e-6)
        assert flow.strain(many.astype(np.float32)) == pytest.approx(expected, rel=0.01, abs=1e-6)


@pytest.mark.parametrize("method", ["farneback", "dis", "tvl1"])
def test_flow_of_a_moved_texture_has_the_right_size_and_sign(method):
    rng = np.random.default_rng(0)
    texture = cv2.GaussianBlur(rng.random((128, 128)).astype(np.float32), (0, 0), 2)
    texture = (255 * (texture - texture.min()) / np.ptp(texture)).astype(np.uint8)
    moved = texture.copy()
    patch = cv2.warpAffine(texture, np.float32([[1, 0, 1.5], [0, 1, -1.0]]), (128, 128))
    moved[30:70, 30:70] = patch[30:70, 30:70]
    u, v = methods.METHODS[method](texture, moved)[:, 42:58, 42:58].mean(axis=(1, 2))
    assert u == pytest.approx(1.5, abs=0.4) and v == pytest.approx(-1.0, abs=0.4)


def pairs_with_truth(samples):
    """Onset, apex and true displacement of the clips that move by more than half a pixel somewhere."""
    for row in samples.itertuples():
        true = truth.displacement(row.sample_id, samples.attrs["root"], row.apex)
        moving = np.hypot(*true) > 0.5
        if moving.any():
            yield *faces.crops(row, (row.onset, row.apex), 128), true, moving


def test_the_default_method_recovers_the_true_motion_far_better_than_zero_flow(crops):
    error, still, along, square = [], [], 0.0, 0.0
    for onset, apex, true, moving in pairs_with_truth(crops):
        found = flow.between(onset, apex)[:2]
        error.append(np.hypot(*(found - true))[moving].mean())
        still.append(np.hypot(*true)[moving].mean())
        along, square = along + np.sum(found * true * moving), square + np.sum(true**2 * moving)
    share, gain = np.mean(error) / np.mean(still), along / square
    assert len(error) >= 30
    assert share <= 0.35, f"endpoint error {share:.0%} of that of zero flow"
    assert 0.75 <= gain <= 1.25, f"gain {gain:.2f}"


@pytest.mark.parametrize("method", ["farneback", "tvl1"])
def test_the_other_methods_are_better_than_zero_flow_too(crops, method):
    error, still = 0.0, 0.0
    for onset, apex, true, moving in pairs_with_truth(crops[::8]):
        found = flow.between(onset, apex, method)[:2]
        error, still = error + np.hypot(*(found - true))[moving].sum(), still + np.hypot(*true)[moving].sum()
    assert error < 0.6 * still


@pytest.mark.parametrize(("method", "least"), [("farneback", 0.999), ("dis", 0.97), ("tvl1", 0.9)])
def test_a_mirrored_clip_gives_mirrored_flow_with_u_negated(crops, method, least):
    for onset, apex, true, moving in list(pairs_with_truth(crops[::10])):
        found = flow.between(onset, apex, method)
        mirrored = flow.between(onset[:, ::-1].copy(), apex[:, ::-1].copy(), method)[:, :, ::-1]
        mirrored[0] *= -1
        assert np.corrcoef(found[:2, moving].ravel(), mirrored[:2, moving].ravel())[0, 1] > least
        assert np.hypot(*(found - mirrored)[:2])[moving].mean() < 0.2 * np.hypot(*true)[moving].mean()


@pytest.mark.parametrize("method", ["farneback", "dis", "tvl1"])
def test_equal_pictures_have_no_flow(crops, method):
    onset = faces.crops(crops.iloc[0], (crops.onset[0],), 96)[0]
    assert np.abs(flow.between(onset, onset, method)).max() < 1e-3


@pytest.mark.parametrize("rigid", ["median", "patch"])
def test_the_shift_of_a_whole_head_is_removed_and_with_none_it_stays(crops, rigid):
    onset = faces.crops(crops.iloc[0], (crops.onset[0],), 128)[0]
    moved = cv2.warpAffine(onset, np.float32([[1, 0, 2], [0, 1, 1]]), (128, 128), borderMode=cv2.BORDER_REPLICATE)
    inside = faces.mask(128)
    kept = flow.between(onset, moved, rigid="none")[:2, inside].mean(axis=1)
    assert kept == pytest.approx([2, 1], abs=0.25)
    assert np.abs(flow.between(onset, moved, rigid=rigid)[:2, inside].mean(axis=1)).max() < 0.25


def test_settings_of_a_method_can_be_a_key_and_unknown_ones_are_refused(crops):
    keys = {json.dumps(methods.settings(name), sort_keys=True) for name in methods.METHODS}
    assert len(keys) == len(methods.METHODS)
    for name, version in (("dis", "opencv"), ("tvl1", "scikit-image"), ("raft", "torchvision")):
        assert version in methods.settings(name)
    with pytest.raises(WorkbookError, match="unknown flow method 'lucas'.*farneback, dis, tvl1, raft"):
        flow.extract(crops, Setting(method="lucas"))
    with pytest.raises(WorkbookError, match="unknown way of removing head motion 'mean'"):
        flow.extract(crops, Setting(rigid="mean"))


def test_flow_comes_in_pixels_in_the_order_of_the_samples(demo):
    found = flow.onset_to_apex(demo, size=32)
    assert found.units == "px" and found.values.shape == (len(demo), 1, 3, 32, 32) and found.values.dtype == np.float32
    assert list(found.sample_id) == list(demo.sample_id) and found.left_out.empty
    backwards = flow.onset_to_apex(demo[::-1], size=32)
    assert list(backwards.sample_id) == list(demo.sample_id[::-1])
    assert np.array_equal(backwards.values, found.values[::-1])
    row = demo.iloc[7]
    direct = flow.between(*faces.crops(row, (row.onset, row.apex), 128))
    maps = [cv2.resize(part, (32, 32), interpolation=cv2.INTER_AREA) for part in direct]
    assert found.values[7, 0] == pytest.approx(np.array(maps), abs=1e-5)


def test_three_windows_and_key_frames_are_what_three_stream_networks_take(crops):
    few = crops.head(4)
    found = flow.extract(few, Setting(windows=(RISE, FALL, WHOLE), size=64))
    assert found.values.shape == (4, 3, 3, 64, 64)
    assert faces.key_frames(found.select(few), size=64).shape == (4, 3, 64, 64, 3)
    row = few.iloc[1]
    onset, apex, offset = faces.crops(row, (row.onset, row.apex, row.offset), 128)
    for window, pair in enumerate([(onset, apex), (apex, offset), (onset, offset)]):
        expected = cv2.resize(flow.between(*pair)[0], (64, 64), interpolation=cv2.INTER_AREA)
        assert found.values[1, window, 0] == pytest.approx(expected, abs=1e-5)


def test_a_sequence_refers_every_frame_to_the_onset(crops):
    few = crops.head(2)
    found = flow.extract(few, Setting(sequence=5, size=32))
    assert found.values.shape == (2, 5, 3, 32, 32)
    row = few.iloc[0]
    numbers = [round(n) for n in np.linspace(row.onset, row.offset, 6)[1:]]
    assert flow.pairs(row, Setting(sequence=5)) == [(row.onset, n) for n in numbers]
    onset, third = faces.crops(row, (row.onset, numbers[2]), 128)
    expected = cv2.resize(flow.between(onset, third)[1], (32, 32), interpolation=cv2.INTER_AREA)
    assert found.values[0, 2, 1] == pytest.approx(expected, abs=1e-5)
    whole = flow.extract(few, Setting(windows=(WHOLE,), size=32))
    assert np.array_equal(found.values[:, -1:], whole.values), "a sequence ends at the offset"


def test_regions_are_maps_of_224_pixels_a_region_of_interest(crops):
    few = crops.head(2)
    found = flow.extract(few, Setting(windows=(RISE, FALL), size=128))
    maps = flow.regions(found.values[:1], size=224)
    assert maps.shape == (1, 2, 4, 3, 224, 224) and maps.dtype == np.float32
    for position, name in enumerate(faces.REGIONS):
        part = faces.region(found.values[0, 1, 1], name)
        assert maps[0, 1, position, 1].mean() == pytest.approx(part.mean(), abs=0.05)
        assert part.min() - 1e-4 <= maps[0, 1, position, 1].min() <= maps[0, 1, position, 1].max() <= part.max() + 1e-4
    assert flow.regions(found.values, ("mouth",)).shape == (2, 2, 1, 3, 128, 128)
    values = np.zeros((1, 1, 3, 128, 128), np.float32)
    for number, name in enumerate(("eyebrows", "mouth"), 1):
        faces.region(values, name)[:] = number
    assert (
        flow.regions(values, ("mouth",)).min() == 2 and flow.regions(values, ("eyebrows", "mouth"))[0, 0, 0].max() == 1
    )


def test_colours_show_direction_and_length():
    u, v = np.zeros((2, 3, 4))
    u[0], v[1], u[2] = 1, 1, -2
    picture = flow.hsv(np.stack([u, v]))
    assert picture.shape == (3, 4, 3) and picture.dtype == np.uint8
    right, down, left = picture[:, 0].astype(int)
    assert right.argmax() == 0 and left.max() == 255 and right.max() == pytest.approx(127, abs=2)
    assert not np.array_equal(right, down)
    assert flow.hsv(np.zeros((2, 3, 3))).max() == 0
    assert np.array_equal(flow.hsv(np.stack([u, v]), longest=1)[2], flow.hsv(np.stack([u, v]))[2])


def test_flow_says_where_it_does_not_apply(demo):
    with pytest.raises(NotApplicable, match="single stills"):
        flow.onset_to_apex(demo.assign(kind="image"))
    with pytest.raises(WorkbookError, match=r"no clip can be measured.*no apex is known"):
        flow.onset_to_apex(demo.assign(apex=pd.NA))


def test_no_samples_at_all_are_refused_in_words(demo):
    with pytest.raises(WorkbookError):
        flow.onset_to_apex(demo.head(0))


def test_a_window_that_does_not_exist_is_refused_in_words(demo):
    with pytest.raises(WorkbookError):
        flow.extract(demo.head(2), Setting(windows=(("onset", "peak"),)))


def test_clips_without_a_rise_are_left_out_by_name(demo):
    some = demo.copy()
    some.loc[2, "apex"], some.loc[5, "apex"] = pd.NA, some.onset[5]
    found = flow.extract(some, QUICK)
    assert list(found.left_out.columns) == ["sample_id", "emotion", "reason"]
    assert list(found.left_out.sample_id) == [demo.sample_id[2], demo.sample_id[5]]
    assert list(found.left_out.reason) == ["no apex is known", "the apex is the onset frame"]
    kept = found.select(some)
    assert len(kept) == len(found.values) == len(demo) - 2 and list(kept.sample_id) == list(found.sample_id)
    assert kept.attrs == some.attrs
    sequence = flow.extract(some.iloc[[2]], Setting(crop=64, size=16, sequence=2))
    assert sequence.left_out.empty, "a sequence needs no apex"


def test_samples_whose_index_is_not_unique_are_left_out_once(demo):
    some = pd.concat([demo.iloc[:3], demo.iloc[3:6].set_axis([0, 1, 2])])
    some.attrs = demo.attrs
    some.iloc[1, some.columns.get_loc("apex")] = pd.NA
    found = flow.extract(some, QUICK)
    assert list(found.left_out.sample_id) == [demo.sample_id[1]] and len(found.values) == 5


def test_flow_maps_are_read_as_they_are_and_never_left_out(smic_maps):
    samples = datasets.load("megc2019", str(smic_maps))
    found = flow.onset_to_apex(samples)
    assert found.units == "8-bit" and found.values.shape == (164, 1, 3, 28, 28) and found.left_out.empty
    assert np.array_equal(found.values[3, 0], frames.flow_map(samples.path[3]))
    for setting in (Setting(windows=(RISE, FALL)), Setting(sequence=4), Setting(rigid="none"), Setting(crop=64)):
        with pytest.raises(NotApplicable, match="one window, onset to apex"):
            flow.extract(samples, setting)


def test_flow_maps_in_another_channel_order_are_refused(smic_maps, tmp_path):
    samples = datasets.load("megc2019", str(smic_maps)).head(30)
    for path in samples.path:
        picture = frames.image(path)
        scenes.write(tmp_path / path.rsplit("/", 1)[1], picture[..., ::-1], ".png")
    swapped = samples.assign(path=[str(tmp_path / path.rsplit("/", 1)[1]) for path in samples.path])
    with pytest.raises(WorkbookError, match=r"fit the order .* better than \(u, v, strain\)"):
        flow.onset_to_apex(swapped)


@pytest.fixture
def spoilt(tmp_path, demo):
    """Makes a samples table of one good clip and one clip that `spoil(folder)` has damaged; frames 1, 2, 3."""
    pictures = scenes.key_pictures(next(demo.itertuples()))

    def make(spoil, apex=2, offset=3, first=1):
        rows = []
        for clip in ("bad", "good"):
            folder = scenes.write_clip(tmp_path / clip, pictures, first)
            if clip == "bad":
                spoil(folder)
            rows.append({"path": folder, "clip": clip, "onset": 1, "apex": apex, "offset": offset})
        return scenes.samples(*rows)

    return make


def cut(name):
    def spoil(folder):
        path = folder / name
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])

    return spoil


def as_jpeg(folder):
    picture = frames.image(folder / "img2.png")
    (folder / "img2.png").unlink()
    scenes.write(folder / "img2.jpg", picture)
    cut("img2.jpg")(folder)


def deeper(folder):
    scenes.write(folder / "img2.png", frames.image(folder / "img2.png").astype(np.uint16) * 16)


def replace_by_folder(folder):
    (folder / "img2.png").unlink()
    (folder / "img2.png").mkdir()


def remove_folder(folder):
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


BAD = {
    "a cut PNG": (cut("img2.png"), r"img2\.png: the image is cut off"),
    "a cut JPEG": (as_jpeg, r"img2\.jpg: the image is cut off"),
    "an empty file": (lambda f: (f / "img2.png").write_bytes(b""), r"img2\.png: the image cannot be decoded"),
    "text": (lambda f: (f / "img2.png").write_text("hello"), r"img2\.png: the image cannot be decoded"),
    "16 bits": (deeper, r"img2\.png: the image has 16 bits"),
    "mixed sizes": (
        lambda f: scenes.write(f / "img2.png", np.zeros((9, 9, 3), np.uint8)), r"img2\.png is \(9, 9\), the first",
    ),
    "a missing frame": (lambda f: (f / "img2.png").unlink(), "frame 2 is missing"),
    "a number twice": (lambda f: (f / "x_2.png").write_bytes((f / "img2.png").read_bytes()), "frame 2 stands twice"),
    "a folder for a frame": (replace_by_folder, r"img2\.png|frame 2"),
    "no folder": (remove_folder, "bad"),
}  # fmt: skip


@pytest.mark.parametrize("damage", BAD)
def test_a_damaged_clip_is_left_out_by_name_and_the_rest_goes_on(spoilt, damage):
    spoil, message = BAD[damage]
    samples = spoilt(spoil)
    found = flow.extract(samples, QUICK)
    assert list(found.sample_id) == ["demo/sub01/good"] and found.values.shape == (1, 1, 3, 16, 16)
    assert np.abs(found.values).max() > 0
    assert list(found.left_out.sample_id) == ["demo/sub01/bad"]
    assert found.left_out.reason.str.contains(message).all(), found.left_out.reason[0]
    again = flow.extract(samples, QUICK)
    assert again.left_out.equals(found.left_out) and np.array_equal(again.values, found.values)


def test_a_mended_clip_is_measured_the_next_time(spoilt):
    samples = spoilt(cut("img2.png"))
    assert len(flow.extract(samples, QUICK).values) == 1
    good, bad = (path for path in sorted(samples.path, reverse=True))
    content = frames.image(f"{good}/img2.png")
    scenes.write(frames.Path(bad) / "img2.png", content)
    found = flow.extract(samples, QUICK)
    assert found.left_out.empty and np.array_equal(found.values[0], found.values[1])


def test_when_every_clip_fails_the_first_reason_is_raised(spoilt):
    samples = spoilt(cut("img2.png"))
    with pytest.raises(WorkbookError, match=r"no clip can be measured.*img2\.png: the image is cut off"):
        flow.extract(samples.head(1), QUICK)


def test_a_clip_of_one_frame_has_no_motion(spoilt):
    samples = spoilt(lambda folder: None)
    one = samples.copy()
    one.loc[0, ["apex", "offset"]] = 1
    for setting in (QUICK, Setting(crop=64, size=16, sequence=2)):
        left_out = flow.extract(one, setting).left_out
        assert list(left_out.sample_id) == ["demo/sub01/bad"] and left_out.reason[0].endswith("is the onset frame")


def test_strays_blanks_unicode_and_gray_pictures_change_nothing(tmp_path, demo):
    pictures = scenes.key_pictures(next(demo.itertuples()))
    gray = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in pictures]
    plain = scenes.write_clip(tmp_path / "plain", pictures)
    odd = scenes.write_clip(tmp_path / "odd ü 表情", gray, name="reg img {}.png")
    (odd / "Thumbs.db").write_bytes(b"x")
    (odd / "notes 2.txt").write_text("not a frame")
    key_frames = {"onset": 1, "apex": 2, "offset": 3}
    samples = scenes.samples(*({"path": path, "clip": path.name} | key_frames for path in (plain, odd)))
    found = flow.extract(samples, Setting(crop=96, size=32))
    assert found.left_out.empty and list(found.sample_id) == ["demo/sub01/odd ü 表情", "demo/sub01/plain"]
    for values, path in zip(found.values, (odd, plain), strict=True):
        onset, apex = (frames.image(frames.files(path)[number], gray=True) for number in (1, 2))
        expected = [cv2.resize(part, (32, 32), interpolation=cv2.INTER_AREA) for part in flow.between(onset, apex)]
        assert values[0] == pytest.approx(np.array(expected), abs=1e-5)


def test_two_methods_or_settings_never_share_their_rows(crops):
    few = crops.head(2)
    settings = [QUICK, Setting(crop=64, size=16, method="farneback"), Setting(crop=64, size=16, rigid="none")]
    first = [np.array(flow.extract(few, setting).values) for setting in settings]
    again = [np.array(flow.extract(few, setting).values) for setting in settings]
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], first[1]) and not np.array_equal(first[0], first[2])


def test_threads_and_processes_measure_the_same(crops, monkeypatch, tmp_path):
    from helpers import workspace

    few, found = crops.head(3), []
    for jobs in ("1", "2"):
        monkeypatch.setenv(workspace.CACHE_VARIABLE, str(tmp_path / jobs))
        monkeypatch.setenv(workspace.JOBS_VARIABLE, jobs)
        found.append([np.array(flow.extract(few, Setting(crop=48, size=16, method=m)).values) for m in ("dis", "tvl1")])
    assert np.array_equal(found[0][0], found[1][0]) and np.array_equal(found[0][1], found[1][1])


def test_measuring_leaves_opencvs_threads_as_they_were(crops, monkeypatch, tmp_path):
    from helpers import workspace

    monkeypatch.setenv(workspace.CACHE_VARIABLE, str(tmp_path))
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(2)
        flow.extract(crops.head(2), QUICK)
        assert cv2.getNumThreads() == 2
    finally:
        cv2.setNumThreads(before)


def test_another_onset_is_another_crop_and_never_a_stored_one(tmp_path, demo):
    """Without a known geometry the crop comes from the onset frame, also where no window begins there."""
    row = next(demo.itertuples(index=False))
    before = flow._request(row._replace(dataset="casme2"), [(row.apex, row.offset)])
    after = flow._request(row._replace(dataset="casme2", onset=row.onset + 1), [(row.apex, row.offset)])
    assert before != after and flow._request(row, [(1, 2)])["face in"] is None


@pytest.mark.parametrize("windows", [("onset", "apex"), (("onset", "peak"),), ()])
def test_a_setting_that_means_nothing_is_refused_before_any_clip(windows):
    with pytest.raises(WorkbookError):
        flow.Setting(windows=windows)


def test_the_table_of_methods_is_the_same_with_and_without_absent_ones(demo, monkeypatch):
    two = {name: motion_plots.methods.METHODS[name] for name in ("dis", "farneback")}
    monkeypatch.setattr(motion_plots.methods, "METHODS", two)
    table = motion_plots.summary_of_methods(motion_plots.compute_methods(demo, 2))
    assert sorted(table.method) == ["DIS", "Farneback", "zero flow"]
    assert "weights not reachable" not in motion_plots.verdict_on_methods(table)


def test_apexes_are_spotted_only_where_none_is_coded(demo):
    some = demo.head(3).copy()
    some.attrs = demo.attrs
    some.loc[1, "apex"] = None
    filled, table = spotting.fill(some)
    assert list(table.sample_id) == [some.sample_id[1]] and filled.apex.notna().all()
    assert some.onset[1] < filled.apex[1] <= some.offset[1] and (filled.apex[[0, 2]] == some.apex[[0, 2]]).all()
    assert spotting.fill(demo)[1].empty
