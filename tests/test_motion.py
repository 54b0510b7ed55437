"""Frames and flow: what is read is what is there, and motion is measured in pixels with the right sign."""

import cv2
import numpy as np
import pandas as pd
import pytest

from helpers import datasets
from helpers.datasets.demo import truth
from helpers.motion import flow, frames
from helpers.workspace import NotApplicable, WorkbookError


def field(du_dx=0.0, du_dy=0.0, dv_dx=0.0, dv_dy=0.0, size=32):
    y, x = np.mgrid[:size, :size].astype(float)
    return np.stack([du_dx * x + du_dy * y, dv_dx * x + dv_dy * y])


@pytest.mark.parametrize(
    ("derivatives", "expected"),
    [
        ({"du_dx": 0.02}, 0.02),  # pure stretch
        ({"du_dy": 0.02, "dv_dx": 0.02}, 0.04 / np.sqrt(2)),  # pure shear
        ({"du_dy": 0.02, "dv_dx": -0.02}, 0.0),  # infinitesimal rotation
        ({}, 0.0),
    ],
)
def test_strain_of_analytic_fields(derivatives, expected):
    assert flow.strain(field(**derivatives)) == pytest.approx(expected, abs=1e-9)


def test_flow_of_a_moved_texture_has_the_right_size_and_sign():
    rng = np.random.default_rng(0)
    texture = cv2.GaussianBlur(rng.random((128, 128)).astype(np.float32), (0, 0), 2)
    texture = (255 * (texture - texture.min()) / np.ptp(texture)).astype(np.uint8)
    moved = texture.copy()
    patch = cv2.warpAffine(texture, np.float32([[1, 0, 1.5], [0, 1, -1.0]]), (128, 128))
    moved[30:70, 30:70] = patch[30:70, 30:70]
    u, v = flow.farneback(texture, moved)[:, 42:58, 42:58].mean(axis=(1, 2))
    assert u == pytest.approx(1.5, abs=0.4) and v == pytest.approx(-1.0, abs=0.4)


def test_a_mirrored_clip_gives_mirrored_flow_with_u_negated(demo):
    onset, apex = frames.clip(demo.iloc[0], (demo.onset[0], demo.apex[0]), size=128, gray=True)
    u, v = flow.farneback(onset, apex)
    mirrored_u, mirrored_v = flow.farneback(onset[:, ::-1].copy(), apex[:, ::-1].copy())
    inner = np.s_[16:-16, 16:-16]
    assert np.corrcoef(u[inner].ravel(), -mirrored_u[:, ::-1][inner].ravel())[0, 1] > 0.98
    assert np.corrcoef(v[inner].ravel(), mirrored_v[:, ::-1][inner].ravel())[0, 1] > 0.98


def test_flow_of_the_demo_follows_its_true_displacement(demo):
    found = flow.onset_to_apex(demo, size=32)
    assert found.units == "px" and found.values.shape == (len(demo), 1, 3, 32, 32) and found.values.dtype == np.float32
    assert list(found.sample_id) == list(demo.sample_id)
    agreement = []
    for row, measured in zip(demo.itertuples(), found.values[:, 0, :2], strict=True):
        true = truth.displacement(row.sample_id, demo.attrs["root"], row.apex)
        true = np.stack([cv2.resize(channel, (32, 32), interpolation=cv2.INTER_AREA) for channel in true])
        moving = np.hypot(*true) > 0.4
        if moving.sum() > 10:
            agreement.append(
                np.sum(measured[:, moving] * true[:, moving])
                / np.sqrt(np.sum(measured[:, moving] ** 2) * np.sum(true[:, moving] ** 2))
            )
    assert len(agreement) > 20 and np.median(agreement) > 0.6


def test_flow_says_where_it_does_not_apply(demo):
    with pytest.raises(NotApplicable, match="neither flow maps nor cropped"):
        flow.onset_to_apex(demo.assign(kind="image"))
    with pytest.raises(NotApplicable, match=f"1 of {len(demo)} clips are whole pictures.*{demo.sample_id[3]}"):
        flow.onset_to_apex(demo.assign(cropped=demo.index != 3))
    without = demo.copy()
    without.loc[2, "apex"] = pd.NA
    with pytest.raises(WorkbookError, match="has no apex") as error:
        flow.onset_to_apex(without)
    assert demo.sample_id[2] in str(error.value)


def test_clips_without_a_rise_are_left_out_by_name(demo):
    some = demo.copy()
    some.loc[2, "apex"], some.loc[5, "apex"] = pd.NA, some.onset[5]
    kept, left_out = flow.with_apex(some)
    assert list(left_out.sample_id) == [demo.sample_id[2], demo.sample_id[5]] and len(kept) == len(demo) - 2
    assert list(left_out.reason) == ["the coders marked no apex", "the apex is the onset frame"]
    assert flow.onset_to_apex(kept.head(3)).values.shape[0] == 3


def test_flow_maps_are_never_left_out(smic_maps):
    samples = datasets.load("megc2019", str(smic_maps))
    kept, left_out = flow.with_apex(samples)
    assert len(kept) == len(samples) == 164 and left_out.empty


def test_frames_sort_by_number_and_bad_ones_are_named(casme2_folder):
    row = datasets.load("casme2", str(casme2_folder)).iloc[1]
    folder = casme2_folder / "CASME2_RAW_selected/sub01/EP03_02"
    assert list(frames.files(folder)) == [8, 9, 10, 11, 12]
    clip = frames.clip(row)
    assert clip.shape == (5, 12, 16, 3) and [int(frame[0, 0, 0]) for frame in clip] == [8, 9, 10, 11, 12]
    assert frames.clip(row, size=6, gray=True).shape == (5, 6, 6)
    with pytest.raises(WorkbookError, match="frame 99 is missing"):
        frames.clip(row, [99])
    cv2.imwrite(str(folder / "img10.png"), np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(WorkbookError, match="img10.png is .*the first frame"):
        frames.clip(row)
    (folder / "img10.png").write_bytes(b"")
    with pytest.raises(WorkbookError, match="img10.png: the image cannot be decoded"):
        frames.clip(row)
    (folder / "reg_img9.png").write_bytes((folder / "img9.png").read_bytes())
    with pytest.raises(WorkbookError, match="frame 9 stands twice"):
        frames.files(folder)


def test_images_with_blanks_and_unicode_in_their_path(tmp_path):
    folder = tmp_path / "clip ü 表情"
    folder.mkdir()
    (folder / "img1.png").write_bytes(cv2.imencode(".png", np.full((5, 5, 3), (1, 2, 3), np.uint8))[1].tobytes())
    assert frames.image(folder / "img1.png")[0, 0].tolist() == [3, 2, 1], "RGB"
