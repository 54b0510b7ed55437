"""Every feature of the registry, and each by itself: hand-computed cases, what it must not see, what it refuses."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from helpers import features, workspace
from helpers.evaluation import planted
from helpers.features import _checks, _rowwise, embedding, lbp_top
from helpers.features.au_regions import AURegions
from helpers.features.flow_lbp import FlowLBP
from helpers.features.flow_statistics import FlowStatistics
from helpers.features.hog import HOG
from helpers.features.lbp import LBP
from helpers.features.lbp_top import LBPTOP
from helpers.motion import flow
from helpers.workspace import WorkbookError

LIGHT = [name for name in features.names() if name not in embedding.ARCHITECTURES]  # networks: test_embedding.py
RNG = np.random.default_rng(0)
INPUTS = {
    "stills": RNG.integers(20, 200, (6, 40, 36, 3), np.uint8),
    "clips": RNG.integers(20, 200, (6, 7, 20, 24), np.uint8),
    "flow": RNG.normal(size=(6, 2, 3, 28, 28)).astype(np.float32),
    "features": RNG.normal(size=(6, 9)),
}


def column(feature, name):
    """Position of a column by its name."""
    return feature.get_feature_names_out().tolist().index(name)


# ------------------------------------------------------------------------------------------------ the registry


def test_the_registry_lists_what_each_kind_of_input_offers():
    assert {"lbp", "hog", "resnet18", "resnet18_random"} <= set(features.names("stills"))
    assert features.names("clips") == ["lbp_top"]
    assert {"flow_map", "flow_statistics", "flow_lbp", "au_regions"} <= set(features.names("flow"))
    assert "hub" not in features.names() and features.build("hub", name="timm/anything").name == "timm/anything"
    with pytest.raises(WorkbookError, match="unknown feature 'oracle'.*au_regions.*lbp_top"):
        features.build("oracle")


@pytest.mark.parametrize("name", features.names())
def test_every_feature_is_documented_and_can_be_cloned(name):
    feature = features.build(name)
    assert feature.TAKES in _checks.SHAPES and "(n" in type(feature).__doc__
    assert sys.modules[type(feature).__module__].__doc__
    assert clone(feature).get_params() == feature.get_params()


def test_looking_up_features_loads_no_network_library():
    code = "import sys; from helpers import features; features.names(); print({'torch', 'timm'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], cwd=workspace.ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


@pytest.mark.parametrize("name", LIGHT)
def test_every_feature_gives_finite_rows(name):
    feature = features.build(name)
    X = INPUTS[feature.TAKES]
    found = feature.fit(X).transform(X)
    assert found.ndim == 2 and len(found) == len(X) and np.isfinite(found).all()
    assert np.array_equal(found, feature.transform(X))
    if isinstance(feature, _rowwise.RowByRow):
        assert found.dtype == np.float32 and len(set(feature.get_feature_names_out())) == found.shape[1]
        with pytest.raises(NotFittedError):
            features.build(name).transform(X)


@pytest.mark.parametrize("name", LIGHT)
def test_no_row_depends_on_other_rows(name):
    feature = features.build(name)
    assert planted.between_rows(feature, INPUTS[feature.TAKES]) == ""


@pytest.mark.parametrize("name", LIGHT)
def test_constant_input_gives_finite_features(name):
    feature = features.build(name)
    found = feature.fit_transform(np.full_like(INPUTS[feature.TAKES], 100))
    assert np.isfinite(found).all() and np.allclose(found, found[0])


@pytest.mark.parametrize("name", LIGHT)
def test_bad_input_is_refused_by_row_and_shape(name):
    feature = features.build(name)
    X = INPUTS[feature.TAKES]
    for bad in (np.nan, np.inf):
        broken = X.astype(float)
        broken[3].flat[5] = bad
        with pytest.raises(WorkbookError, match="row 3: the numbers are not finite"):
            feature.fit(broken)
    with pytest.raises(WorkbookError, match=r"shape \(2, 2\)" if X.ndim != 2 else r"shape \(2, 2, 2\)") as error:
        feature.fit(np.zeros((2,) * (2 if X.ndim != 2 else 3), X.dtype))
    assert _checks.SHAPES[feature.TAKES] in str(error.value)
    with pytest.raises(WorkbookError, match="no rows"):
        feature.fit(X[:0])
    with pytest.raises(WorkbookError, match="not one array of numbers"):
        feature.fit([["a", "b"]] if feature.TAKES != "clips" else [np.array([[["a"]]])])
    if isinstance(feature, _rowwise.RowByRow):
        with pytest.raises(WorkbookError, match=r"rows have the shape .* in fit they had"):
            feature.fit(X).transform(np.concatenate([X, X], axis=3 if feature.TAKES == "flow" else 2))


@pytest.mark.parametrize(
    ("name", "settings", "problem"),
    [
        ("lbp", {"radius": 0}, "radius is 0"),
        ("lbp", {"points": 0}, "points is 0"),
        ("lbp", {"points": 3.5}, "points is 3.5"),
        ("lbp", {"grid": (0, 3)}, "grid rows is 0"),
        ("lbp", {"grid": 7}, "grid is 7"),
        ("flow_statistics", {"bins": 0}, "bins is 0"),
    ],
)
def test_settings_that_mean_nothing_are_refused_by_name(name, settings, problem):
    X = np.zeros((2, 40, 40), np.uint8) if name == "lbp" else np.zeros((2, 1, 3, 28, 28), np.float32)
    with pytest.raises(WorkbookError, match=f"{problem}.*What to do: give"):
        features.build(name, **settings).fit_transform(X)


@pytest.mark.parametrize("name", ["flow_map", "flow_statistics", "flow_lbp", "au_regions"])
def test_flow_without_a_window_or_of_another_size_is_refused(name):
    with pytest.raises(WorkbookError, match="the array has the shape"):
        features.build(name).fit(np.zeros((2, 0, 3, 28, 28), np.float32))
    fitted = features.build(name).fit(np.zeros((2, 1, 3, 28, 28), np.float32))
    with pytest.raises(WorkbookError, match=r"in fit they had \(1, 3, 28, 28\)"):
        fitted.transform(np.zeros((2, 1, 3, 28, 20), np.float32))


def test_pictures_that_are_not_bytes_are_refused():
    with pytest.raises(WorkbookError, match="pictures are float64, not uint8"):
        LBP().fit(INPUTS["stills"] / 255)


def test_results_do_not_depend_on_the_number_of_threads(monkeypatch):
    found = []
    for jobs in ("1", "3"):
        monkeypatch.setenv(workspace.JOBS_VARIABLE, jobs)
        found.append(LBPTOP(grid=(2, 2)).fit_transform(INPUTS["clips"]))
    assert np.array_equal(*found)


# ------------------------------------------------------------------------------------------------ LBP


def test_lbp_of_an_edge_by_hand():
    """Left half 0, right half 9. The column just right of the edge has darker neighbours on its left only."""
    picture = np.zeros((12, 12), np.uint8)
    picture[:, 6:] = 9
    feature = LBP(points=4, radius=1, grid=(1, 1)).fit(picture[None])
    found = feature.transform(picture[None])[0]
    # 10 x 10 inner pixels: 90 have no darker neighbour, 10 (column 6) have three of four at least as bright
    assert sorted(found[found > 0]) == pytest.approx([0.1, 0.9])


def test_lbp_ignores_brightness_and_contrast():
    gray = INPUTS["stills"][..., 0] // 2
    assert np.array_equal(LBP().fit_transform(gray), LBP().fit_transform(2 * gray + 30))
    curve = np.cumsum(RNG.integers(1, 3, 128)).astype(np.uint8)  # any rising curve
    compare = LBP(points=4, radius=1)  # neighbours are pixels: no interpolation between them
    assert np.array_equal(compare.fit_transform(gray), compare.fit_transform(curve[gray]))
    assert not np.allclose(LBP().fit_transform(gray), LBP().fit_transform(100 - gray))


def test_flow_lbp_magnifies_no_rounding():
    flat = np.full((2, 1, 3, 28, 28), np.float32(0.3))
    rounded = flat + RNG.normal(size=flat.shape).astype(np.float32) * np.float32(1e-7)
    found = FlowLBP().fit_transform(np.concatenate([flat, 1e4 * rounded, rounded, 0 * flat]))
    assert (found == found[0]).all()
    assert not np.allclose(FlowLBP().fit_transform(flat + 1e4 * (rounded - flat)), found[:2]), (
        "a little motion is motion"
    )


def test_lbp_of_one_colour_is_the_same_for_every_colour():
    flat = np.repeat(np.arange(256, dtype=np.uint8), 400).reshape(256, 20, 20)
    found = LBP(grid=(2, 2)).fit_transform(flat)
    assert (found == found[0]).all() and found[0].sum() == 4


def test_lbp_tells_where_a_texture_lies():
    picture = np.full((1, 30, 30), 100, np.uint8)
    spot = picture.copy()
    spot[0, 5:9, 5:9] = RNG.integers(0, 255, (4, 4))
    feature = LBP(grid=(2, 2)).fit(picture)
    changed = (feature.transform(picture) != feature.transform(spot))[0].reshape(4, -1).any(axis=1)
    assert changed.tolist() == [True, False, False, False]
    assert feature.transform(picture).reshape(4, 59).sum(axis=1) == pytest.approx(1)


def test_lbp_needs_room_for_its_blocks():
    with pytest.raises(WorkbookError, match="10 x 10 have no room for 7 x 7 blocks"):
        LBP().fit(np.zeros((2, 10, 10), np.uint8))


def test_lbp_of_flow_ignores_units_and_head_motion():
    maps = np.round(INPUTS["flow"] * 50)
    moved = maps * 0.25 + np.array([3, -2, 1], np.float32)[:, None, None]
    assert np.allclose(FlowLBP().fit_transform(maps), FlowLBP().fit_transform(moved), atol=0.03)
    names = FlowLBP().fit(maps).get_feature_names_out()
    assert names[0] == "window0_u_row0_column0_pattern00" and len(names) == 2 * 3 * 16 * 59


# ------------------------------------------------------------------------------------------------ LBP-TOP

# frame before, frame, frame after; rows are y, columns x. The voxel in the middle has the value 5.
BY_HAND = np.array(
    [
        [[1, 2, 3], [4, 4, 6], [7, 3, 5]],
        [[6, 1, 7], [2, 5, 9], [5, 3, 4]],
        [[9, 0, 9], [8, 5, 6], [1, 7, 2]],
    ],
    np.uint8,
)
# Neighbours from the first axis of a plane to its second one, an eighth of a turn each; 1 where they are 5 or more:
#   XY (right, right below, below, ...): 9 4 3 5 2 6 1 7 -> 1 0 0 1 0 1 0 1 = 1 + 8 + 32 + 128, six changes
#   XT (right, right later, later, ...): 9 6 5 8 2 4 4 6 -> 1 1 1 1 0 0 0 1 = 1 + 2 + 4 + 8 + 128, two changes
#   YT (below, below later, later, ...): 3 7 5 0 1 2 4 3 -> 0 1 1 0 0 0 0 0 = 2 + 4, two changes
WORDS = {"XY": 169, "XT": 143, "YT": 6}


def test_lbp_top_by_hand():
    for plane, word in WORDS.items():
        assert lbp_top.words_of(BY_HAND, plane, (1, 1, 1)).tolist() == [[[word]]]
    feature = LBPTOP(radii=(1, 1, 1), grid=(1, 1)).fit(BY_HAND[None])
    found = feature.transform(BY_HAND[None])[0]
    names = ["XY_row0_column0_other", "XT_row0_column0_pattern10001111", "YT_row0_column0_pattern00000110"]
    assert found.sum() == 3 and feature.get_feature_names_out()[found == 1].tolist() == names


def test_lbp_top_has_58_uniform_patterns():
    assert lbp_top.BINS == 59 and {0, 255, 6, 143} <= set(lbp_top.UNIFORM) and 169 not in lbp_top.UNIFORM


def words_in_a_loop(clip, plane, radii):
    """The definition, voxel by voxel."""
    (rx, ry, rt), (across, along) = radii, lbp_top.PLANES[plane]
    reach, out = (rt, ry, rx), []
    for at in np.ndindex(*(size - 2 * r for size, r in zip(clip.shape, reach, strict=True))):
        voxel, word = np.add(at, reach), 0
        for k in range(8):
            there = voxel.copy()
            there[across] += round(reach[across] * np.cos(np.pi / 4 * k))
            there[along] += round(reach[along] * np.sin(np.pi / 4 * k))
            word += (clip[tuple(there)] >= clip[tuple(voxel)]) << k
        out.append(word)
    return out


@pytest.mark.parametrize("radii", [(1, 1, 1), (1, 1, 2), (3, 2, 1)])
def test_lbp_top_equals_its_definition(radii):
    clip = RNG.integers(0, 6, (7, 9, 10), np.uint8)  # few grey levels: ties matter
    for plane in lbp_top.PLANES:
        assert lbp_top.words_of(clip, plane, radii).ravel().tolist() == words_in_a_loop(clip, plane, radii)


def test_lbp_top_ignores_a_constant_brightness_and_any_rising_curve():
    clips = INPUTS["clips"]
    found = LBPTOP().fit_transform(clips)
    assert np.array_equal(found, LBPTOP().fit_transform(clips + np.uint8(50)))
    curve = np.sort(RNG.choice(256, 200, replace=False)).astype(np.uint8)
    assert np.array_equal(found, LBPTOP().fit_transform(curve[clips]))


def test_lbp_top_sees_order_in_time_only_in_the_planes_that_hold_time():
    clip = np.cumsum(RNG.integers(0, 9, (1, 7, 20, 24)), axis=1).astype(np.uint8)  # brightens
    feature = LBPTOP(radii=(1, 1, 1), grid=(1, 1)).fit(clip)
    there, back = feature.transform(clip).reshape(3, 59), feature.transform(clip[:, ::-1]).reshape(3, 59)
    assert np.allclose(there[0], back[0]) and not np.allclose(there[1:], back[1:], atol=0.05)


def test_lbp_top_takes_clips_of_different_lengths_and_names_one_that_is_too_short():
    clips = list(INPUTS["clips"])
    clips[1] = clips[1][:5]
    feature = LBPTOP().fit(clips)
    assert np.array_equal(feature.transform(clips)[0], feature.transform(INPUTS["clips"])[0])
    clips[2] = clips[2][:4]
    with pytest.raises(WorkbookError, match="row 2: a clip of 4 frames is too short for a radius of 2"):
        feature.transform(clips)
    clips[2] = INPUTS["clips"][2][:, :10]
    with pytest.raises(WorkbookError, match=r"row 2: this clip has the shape \(7, 10, 24\)"):
        feature.transform(clips)


# ------------------------------------------------------------------------------------------------ HOG


def test_hog_ignores_brightness_and_nearly_ignores_contrast():
    gray = INPUTS["stills"][..., 0] // 2
    found = HOG().fit_transform(gray)
    assert np.allclose(found, HOG().fit_transform(gray + 55), atol=1e-6)
    assert np.allclose(found, HOG().fit_transform(gray * 2), atol=1e-4)
    assert not HOG().fit_transform(np.full((1, 40, 40), 7, np.uint8)).any()


def test_hog_of_a_vertical_edge_has_one_direction():
    picture = np.zeros((1, 16, 16), np.uint8)
    picture[..., 8:] = 200
    found = HOG(orientations=6).fit_transform(picture).reshape(4, 6)
    assert (found.any(axis=0)).tolist() == [True, False, False, False, False, False]


def test_hog_of_a_mirrored_picture_is_mirrored():
    """A ramp that rises by 2 down and 1 to the right: its gradient points 63 degrees down, in the mirror 117."""
    ramp = np.add.outer(2 * np.arange(32), np.arange(32)).astype(np.uint8)
    found = HOG(block=1).fit_transform(np.stack([ramp, ramp[:, ::-1]])).reshape(2, 4, 4, 9)
    inner = found[:, 1:3, 1:3] > 0  # on the picture's border gradients are one-sided
    bins = np.arange(9)
    assert (inner[0] == (bins == 3)).all() and (inner[1] == (bins == 8 - 3)).all()


def test_hog_needs_room():
    with pytest.raises(WorkbookError, match="12 x 20 have no room for a block of 16 pixels"):
        HOG().fit(np.zeros((1, 12, 20), np.uint8))


# ------------------------------------------------------------------------------------------------ flow statistics


def smooth_maps(n=3):
    maps = RNG.normal(size=(n, 2, 3, 28, 28))
    maps[:, :, 2] = np.abs(maps[:, :, 2])
    return maps


def mirrored(maps):
    """What the same face shows in a mirror: columns reversed, horizontal motion negated."""
    return maps[..., ::-1] * np.array([-1, 1, 1])[:, None, None]


def test_flow_statistics_by_hand():
    """The mouth's right half moves 2 px down, one of its pixels 3 px to the left instead; strain is .5 everywhere."""
    maps = np.zeros((1, 1, 3, 28, 28))
    maps[:, :, 2] = 0.5
    maps[0, 0, 1, 18:23, 9:14] = 2  # 25 pixels: the box of the mouth, left of the middle
    maps[0, 0, :2, 22, 9] = -3, 0
    feature = FlowStatistics().fit(maps)
    found = dict(zip(feature.get_feature_names_out(), feature.transform(maps)[0], strict=True))
    mouth = {name.removeprefix("window0_mouth_right_"): x for name, x in found.items() if "mouth_right" in name}
    assert mouth == pytest.approx({
        "u_mean": -3 / 25, "v_mean": 48 / 25, "strain_mean": 0.5,
        "u_variance": 9 / 25 - (3 / 25) ** 2, "v_variance": 4 * 24 / 25 - (48 / 25) ** 2, "strain_variance": 0,
        "direction_000": 0, "direction_045": 0, "direction_090": 48 / 51, "direction_135": 0,
        "direction_180": 3 / 51, "direction_225": 0, "direction_270": 0, "direction_315": 0, "u_main": 0, "v_main": 2,
    }, abs=1e-6)  # fmt: skip
    assert not any(x for name, x in found.items() if "eyebrows" in name and "strain" not in name)


def test_no_flow_gives_zeros():
    for units in ("px", "8-bit"):
        assert not FlowStatistics(units, scale=True).fit_transform(np.zeros((2, 1, 3, 28, 28))).any()
    assert not AURegions().fit_transform(np.zeros((2, 3, 3, 28, 28))).any()


@pytest.mark.parametrize("feature", [FlowStatistics(), AURegions()], ids=["flow_statistics", "au_regions"])
def test_a_mirrored_clip_swaps_left_and_right(feature):
    maps = smooth_maps()
    there, back = feature.fit(maps).transform(maps), feature.transform(mirrored(maps))
    names = feature.get_feature_names_out()
    for position, name in enumerate(names):
        other = name.replace("_right_", "_LEFT_").replace("_left_", "_right_").replace("_LEFT_", "_left_")
        if "direction_" in name:
            other = f"{other[:-3]}{(180 - int(name[-3:])) % 360:03d}"
        sign = -1 if name.endswith(("u_mean", "u_main")) else 1
        assert np.allclose(back[:, column(feature, other)], sign * there[:, position], atol=1e-5), name


def test_units_and_scale_of_flow_statistics():
    maps = smooth_maps()
    offset = np.array([100, -40, 0.0])[:, None, None]
    eight_bit, px = FlowStatistics("8-bit").fit(maps), FlowStatistics().fit(maps)
    assert np.allclose(eight_bit.transform(maps), eight_bit.transform(maps + offset), atol=1e-3)
    assert not np.allclose(px.transform(maps), px.transform(maps + offset), atol=1e-3)
    once, twice = px.transform(maps), px.transform(2 * maps)
    for word, factor in (("_mean", 2), ("_variance", 4), ("direction_", 1), ("_main", 2)):
        chosen = [word in name for name in px.get_feature_names_out()]
        assert np.allclose(twice[:, chosen], factor * once[:, chosen], rtol=1e-4, atol=1e-6), word
    scaled = FlowStatistics(scale=True).fit(maps)
    assert np.allclose(scaled.transform(maps), scaled.transform(2 * maps), atol=1e-5)
    with pytest.raises(WorkbookError, match="unknown unit of flow 'mm'"):
        FlowStatistics("mm").fit(maps)


def test_maps_too_small_for_a_region_are_refused():
    with pytest.raises(WorkbookError, match="no pixel lies in"):
        AURegions().fit(np.zeros((1, 1, 3, 6, 6)))


def test_flow_features_of_the_demo_and_of_real_maps(demo, request):
    px = flow.onset_to_apex(demo)
    found = FlowStatistics(px.units).fit_transform(px.values)
    assert found.shape == (len(px.values), 8 * 16) and np.isfinite(found).all()
    maps = flow.onset_to_apex(request.getfixturevalue("real_maps"))
    assert FlowStatistics(maps.units).fit_transform(maps.values).std(axis=0).min() > 0


# ------------------------------------------------------------------------------------------------ AU9 and AU10


def test_au_regions_give_48_numbers_for_three_windows():
    feature = AURegions().fit(np.zeros((1, 3, 3, 28, 28)))
    assert len(feature.get_feature_names_out()) == 48


def test_au_regions_see_a_wrinkled_nose_and_a_raised_lip():
    maps = np.zeros((2, 1, 3, 56, 56))
    maps[0, 0, 2, 29:34, 23:33] = 0.1  # strain on the nose
    maps[1, 0, 1, 36:40, 23:33] = -1  # the upper lip goes up
    feature = AURegions().fit(maps)
    found = dict(zip(feature.get_feature_names_out(), feature.transform(maps).T, strict=True))
    assert (found["window0_nose_right_strain_mean"] > 1).tolist() == [True, False]
    assert found["window0_nose_right_strain_top"][0] > found["window0_nose_right_strain_mean"][0]
    assert (found["window0_lip_left_v_mean"] < -1).tolist() == [False, True]
    assert found["window0_lip_right_strain_mean"][0] == pytest.approx(0)


def test_au_regions_ignore_units_head_motion_and_amplitude():
    maps = smooth_maps()
    moved = 7 * maps + np.array([5, -3, 2])[:, None, None]
    assert np.allclose(AURegions().fit_transform(maps), AURegions().fit_transform(moved), atol=1e-5)
