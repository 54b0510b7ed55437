"""The demo: is its truth true, is it the same every time, does it look like CASME II and the Kaggle sets?"""

import hashlib
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import openpyxl
import pytest

from helpers import labels, workspace
from helpers.datasets import demo
from helpers.datasets.demo import muscles, people, plan, stills, truth
from helpers.datasets.demo.faces import Portrait
from helpers.workspace import WorkbookError

SHARED = Path(os.environ.get("MICROEXPRESSION_SHARED", workspace.ROOT.parent / "shared"))
SMALL = replace(workspace.profile("tiny"), people=2, clips=4, size=48)
QUICK = workspace.profile("quick")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return demo.make(tmp_path_factory.mktemp("demo"), workspace.profile("tiny"), 0)


@pytest.fixture(scope="module")
def samples(tiny):
    return demo.read(tiny)[0]


def contents(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def frame_of(root, clip, number):
    picture = cv2.imread(str(root / "Cropped" / f"sub{clip.subject}" / clip.clip / f"reg_img{number}.jpg"))
    assert picture is not None, (clip.sample_id, number)
    return picture.astype(np.float32)


def recipes_of(root):
    return [plan.Clip.of_row(row) for row in truth.table(root, "clips").to_dict("records")]


# ---------------------------------------------------------------- what is planned


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_full_plan_has_casme2_counts(seed):
    clips = plan.clips(seed, QUICK.people, QUICK.clips)
    assert Counter(clip.emotion for clip in clips) == plan.CLASSES
    each = sorted(Counter(clip.subject for clip in clips).values())
    assert len(each) == 26 and each[0] in (1, 2) and 28 <= each[-1] <= 40
    assert len({clip.sample_id for clip in clips}) == 255
    assert len({clip.clip for clip in clips}) < 255, "file names repeat across people"
    assert any(clip.clip.endswith("f") for clip in clips)


@pytest.mark.parametrize("seed", range(5))
def test_tiny_plan_has_every_class_twice_in_two_people(seed):
    profile = workspace.profile("tiny")
    clips = plan.clips(seed, profile.people, profile.clips)
    assert len(clips) == profile.clips and len({clip.subject for clip in clips}) == profile.people
    for emotion in plan.CLASSES:
        mine = [clip.subject for clip in clips if clip.emotion == emotion]
        assert len(mine) >= 2 and len(set(mine)) >= 2, emotion


def test_timing_and_amplitude_follow_the_written_statistics():
    clips = [clip for seed in range(4) for clip in plan.clips(seed, QUICK.people, QUICK.clips)]
    length = np.array([clip.offset - clip.onset for clip in clips])
    apex = np.array([(clip.apex - clip.onset) / (clip.offset - clip.onset) for clip in clips])
    assert abs(np.log(length).mean() - plan.DURATION[0]) < 0.05 and length.min() >= 23 and length.max() <= 140
    assert abs(apex.mean() - 0.515) < 0.02 and abs(apex.std() - 0.165) < 0.02
    for clip in clips:
        assert 6 <= clip.onset - clip.first <= 25 and 6 <= clip.last - clip.offset <= 25
        assert clip.first >= 1 and clip.onset < clip.apex < clip.offset
    amplitude = np.array([clip.amplitude for clip in clips])
    assert ((amplitude >= 1) & (amplitude <= 3)).mean() > 0.85


def test_coded_units_parse_and_agree_with_the_rates():
    clips = [clip for seed in range(8) for clip in plan.clips(seed, QUICK.people, QUICK.clips)]
    shown = {emotion: Counter() for emotion in plan.CLASSES}
    for clip in clips:
        units = labels.action_units(clip.aus)
        assert {unit.number for unit in units} == {unit[0] for unit in clip.units}
        shown[clip.emotion].update(unit.number for unit in units)
    disgust, happiness = 8 * plan.CLASSES["disgust"], 8 * plan.CLASSES["happiness"]
    assert abs(shown["disgust"][4] / disgust - 0.94) < 0.05 and abs(shown["disgust"][7] / disgust - 0.48) < 0.08
    assert abs(shown["happiness"][12] / happiness - 0.84) < 0.08


def test_curves_start_at_onset_peak_at_apex_end_at_offset():
    for clip in plan.clips(3, 6, 40):
        curve = clip.progress(np.arange(clip.first, clip.last + 1))
        assert clip.progress(clip.onset) == 0 and clip.progress(clip.apex) == 1 and clip.progress(clip.offset) == 0
        assert curve.min() >= 0 and np.argmax(curve) == clip.apex - clip.first
        assert np.abs(np.diff(curve)).max() < 0.6


def test_people_cover_the_groups_and_survive_their_table():
    crowd = [people.person(0, "clips", number, muscles.UNITS) for number in range(26)]
    assert {person.skin_group for person in crowd} == set(people.SKIN)
    assert {person.age_group for person in crowd} == set(people.AGES)
    assert {person.presentation for person in crowd} == {"feminine", "masculine"}
    assert len({person.hair_style for person in crowd}) >= 7
    for person in crowd:
        again = people.Person.of_row({name: str(value) for name, value in person.row().items()})
        assert again.shape == person.shape and again.muscles == person.muscles and again.age == person.age


def test_geometry_holds_every_face():
    for number in range(40):
        person = people.person(5, "clips", number, muscles.UNITS)
        marks = people_marks(person)
        for box, names in {
            "eyebrows": ("brow_in", "brow_mid", "brow_out"), "eyes": ("lid_up", "lid_low"),
            "mouth": ("corner", "lip_low", "lip_up"), "nose": ("nose_side", "nostril", "lip_up"),
        }.items():  # fmt: skip
            x0, y0, x1, y1 = demo.GEOMETRY[box]
            for name in names:
                for side in (-1, 1):
                    x, y = person.shape["cx"] + side * marks[name][0], marks[name][1]
                    assert x0 < x < x1 and y0 < y < y1, (box, name)


def people_marks(person):
    from helpers.datasets.demo.geometry import landmarks

    return landmarks(person.shape)


# ---------------------------------------------------------------- fields


@pytest.mark.parametrize("unit", muscles.UNITS)
def test_unit_fields_have_length_one_stay_on_their_side_and_do_not_fold(unit):
    person = people.person(0, "clips", 0, muscles.UNITS)
    right = muscles.half_field(person, unit, "R", 128)
    assert right.shape == (2, 128, 128) and right.dtype == np.float32
    length = np.sqrt((right**2).sum(0))
    assert length.max() == pytest.approx(1)
    if unit not in (9, 16, 17, 24, 25, 26):  # these pull near the midline
        assert length[:, :60].max() > 2 * length[:, 72:].max()
    assert muscles.steepest(muscles.field(person, [(unit, 1, 1, 0)], 3.2, 128)) < 0.75


def test_directions_are_those_of_the_facial_action_coding_system():
    person = people.person(0, "clips", 1, muscles.UNITS)
    calm = replace(person, muscles={unit: [0, 1, 1] for unit in person.muscles})
    peak = {}
    for unit in muscles.UNITS:
        field = muscles.half_field(calm, unit, "R", 128)
        row, column = np.unravel_index(np.argmax((field**2).sum(0)), (128, 128))
        peak[unit] = field[:, row, column]
    assert peak[1][1] < 0 and peak[2][1] < 0 < peak[4][1] and peak[4][0] > 0  # brows up; down and together
    assert peak[12][0] < 0 and peak[12][1] < 0 < peak[15][1]  # corners out and up; down
    assert peak[20][0] < 0 and peak[14][0] < 0 < peak[23][0] and peak[10][1] < 0 < peak[26][1]


def test_backward_inverts_the_forward_field_and_the_head():
    person = people.person(0, "clips", 2, muscles.UNITS)
    field = muscles.field(person, [(4, 1, 1, 0), (12, 1, 0.2, 0)], 3.0, 128)
    turn = cv2.getRotationMatrix2D((63.5, 63.5), 0.5, 1.0)
    turn[:, 2] += (0.7, -0.4)
    source = muscles.backward(np.ascontiguousarray(field.transpose(1, 2, 0)), 0.8, None, turn, 12)
    there = source + 0.8 * np.stack(
        [cv2.remap(part, source, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for part in field], -1
    )
    back = there @ turn[:, :2].T + turn[:, 2]
    assert np.abs(back - muscles.grid(128).transpose(1, 2, 0)).max() < 0.03


# ---------------------------------------------------------------- what is on disk


def test_layout_is_casme2s(tiny, samples):
    sheet = openpyxl.load_workbook(next(tiny.glob("CASME2-coding*.xlsx"))).active
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[0] == (
        "Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units", "Estimated Emotion",
    )  # fmt: skip
    assert all(isinstance(cell, str) for row in rows[1:] for cell in row) and len(rows) == 41
    assert len(samples) == 40 and set(samples.kind) == {"frames"} and set(samples.fps) == {200}
    for clip in recipes_of(tiny):
        folder = tiny / "Cropped" / f"sub{clip.subject}" / clip.clip
        numbers = sorted(int(path.stem.removeprefix("reg_img")) for path in folder.iterdir())
        assert numbers == list(range(clip.first, clip.last + 1))
    assert frame_of(tiny, clip, clip.onset).shape == (96, 96, 3)
    assert set(truth.table(tiny, "clips").sample_id) == set(samples.sample_id)


def test_displacement_is_zero_at_onset_and_grows_to_the_apex(tiny, samples):
    for row in samples.itertuples():
        onset, apex, offset = int(row.onset), int(row.apex), int(row.offset)
        length = [
            np.sqrt((truth.displacement(row, tiny, f) ** 2).sum(0)).max()
            for f in np.linspace(onset, apex, 4).astype(int)
        ]
        assert length[0] == 0 and all(np.diff(length) > 0)
        assert 0.8 < length[-1] * 128 / 96 < 3.6
        assert not truth.displacement(row, tiny, offset).any()
        assert np.allclose(truth.rigid(row, tiny, onset), np.eye(2, 3))


def test_intensity_is_strength_times_curve(tiny, samples):
    stored = truth.table(tiny, "intensity")
    for clip in recipes_of(tiny)[:10]:
        table = truth.intensity(clip.sample_id, tiny)
        assert list(table) == ["frame", "intensity"] and table.intensity.max() == pytest.approx(clip.strength, abs=1e-4)
        assert table.frame[table.intensity.idxmax()] == clip.apex
        mine = stored[stored.sample_id == clip.sample_id]
        assert np.array_equal(mine.frame, table.frame) and np.allclose(mine.intensity, table.intensity)


def test_truth_registers_the_apex_back_to_the_onset(tiny):
    """onset(x) = apex(rigid(x + displacement(x))): undoing the true motion leaves little but noise."""
    gains = []
    for clip in recipes_of(tiny):
        if clip.blink or clip.gaze:
            continue
        onset, apex = frame_of(tiny, clip, clip.onset), frame_of(tiny, clip, clip.apex)
        field = truth.displacement(clip.sample_id, tiny, clip.apex)
        moved = (muscles.grid(96) + field).transpose(1, 2, 0)
        turn = truth.rigid(clip.sample_id, tiny, clip.apex).astype(np.float32)
        there = np.ascontiguousarray(moved @ turn[:, :2].T + turn[:, 2])
        back = cv2.remap(apex, there, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        active = np.sqrt((field**2).sum(0)) > 0.3 * np.sqrt((field**2).sum(0)).max()
        before, after = ((((x - onset)[active]) ** 2).mean() for x in (apex, back))
        gains.append(after / before)
        wrong = cv2.remap(
            apex, (2 * muscles.grid(96).transpose(1, 2, 0) - there).astype(np.float32), None, cv2.INTER_CUBIC
        )
        assert after < before < (((wrong - onset)[active]) ** 2).mean()
    assert len(gains) > 15 and np.median(gains) < 0.2


def test_truth_refuses_what_it_does_not_know(tiny):
    clip = recipes_of(tiny)[0]
    with pytest.raises(WorkbookError, match="no demo clip"):
        truth.rigid("demo/sub99/EP01_01", tiny, 1)
    with pytest.raises(WorkbookError, match="outside the clip"):
        truth.displacement(clip.sample_id, tiny, clip.last + 1)
    with pytest.raises(WorkbookError, match="no table of truth"):
        truth.table(tiny / "nowhere", "clips")


def test_stills_have_the_kaggle_layout_and_their_near_duplicates_are_recorded(tiny):
    table = truth.table(tiny, "stills")
    files = {str(path.relative_to(tiny)) for path in (tiny / "stills").rglob("*.jpg")}
    assert files == set(table.path) and {len(Path(path).parts) for path in files} == {5}
    for (_, emotion), group in table.groupby(["split", "emotion"]):
        assert len(group) >= 2 and {labels.canonical(word) for word in group.folder} == {emotion}
    assert set(table.part) == {"train1", "train2", "train3", "test1", "test2"}
    assert "contempt" not in set(table.emotion[table.split == "train"])
    copies = table[table.copy_of != ""]
    assert len(copies) >= 3 and set(copies.split) == {"test"} and set(copies.copy_of) <= files

    def tone(path):
        grey = cv2.imread(str(tiny / path), cv2.IMREAD_GRAYSCALE)
        return cv2.resize(grey, (16, 16), interpolation=cv2.INTER_AREA).ravel().astype(float)

    others = [tone(path) for path in table.path[table.split == "train"]]
    for row in copies.itertuples():
        closeness = np.corrcoef(tone(row.path), tone(row.copy_of))[0, 1]
        assert closeness > 0.95 and closeness > np.quantile(
            [np.corrcoef(tone(row.path), o)[0, 1] for o in others], 0.97
        )
    honest = table[(table.split == "test") & (table.copy_of == "")]
    assert not set(honest.person) & set(table.person[table.split == "train"])


def test_stills_keep_the_kaggle_proportions_at_quick_size():
    counts = stills.counts(QUICK.clips)
    assert 590 <= counts["train"].sum() <= 610 and 195 <= counts["test"].sum() <= 206
    assert counts["train"].idxmax() == "happiness" and counts["test"].min() >= 2


# ---------------------------------------------------------------- making it


def test_same_seed_same_bytes_whatever_the_number_of_processes(tmp_path, monkeypatch):
    monkeypatch.setenv(workspace.JOBS_VARIABLE, "1")
    one = contents(demo.make(tmp_path / "a", SMALL, 7))
    monkeypatch.setenv(workspace.JOBS_VARIABLE, "2")
    assert contents(demo.make(tmp_path / "b", SMALL, 7)) == one
    other = contents(demo.make(tmp_path / "b", SMALL, 8))
    assert not set(other.values()) & {digest for name, digest in one.items() if name.endswith(".jpg")}


def test_a_finished_demo_is_used_again_and_a_damaged_one_refused(tmp_path):
    made = demo.make(tmp_path, SMALL, 7)
    stamp = (made / "complete.json").stat().st_mtime_ns
    assert demo.make(tmp_path, SMALL, 7) == made and demo.make(made, SMALL, 7) == made
    assert (made / "complete.json").stat().st_mtime_ns == stamp
    with pytest.raises(WorkbookError, match="other settings"):
        demo.make(made, SMALL, 8)
    (made / "complete.json").unlink()
    with pytest.raises(WorkbookError, match="not complete"):
        demo.make(tmp_path, SMALL, 7)


def test_a_killed_run_leaves_nothing_under_the_final_name_and_is_swept(tmp_path, monkeypatch):
    script = (
        "import os, sys; from pathlib import Path; from helpers import workspace; from dataclasses import replace\n"
        "from helpers.datasets import demo; from helpers.datasets.demo import stills\n"
        "stills.write = lambda *a: os._exit(9)\n"
        "demo.make(Path(sys.argv[1]), replace(workspace.profile('tiny'), people=2, clips=4, size=48), 7)\n"
    )
    environment = {**os.environ, workspace.JOBS_VARIABLE: "1", "PYTHONPATH": str(workspace.ROOT)}
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], env=environment, check=False)
    assert killed.returncode == 9
    left = list(tmp_path.iterdir())
    assert len(left) == 1 and left[0].name.startswith(".making-")
    made = demo.make(tmp_path, SMALL, 7)
    assert list(tmp_path.iterdir()) == [made]
    monkeypatch.setattr(stills, "write", lambda *_: 1 / 0)
    monkeypatch.setenv(workspace.JOBS_VARIABLE, "1")
    with pytest.raises(ZeroDivisionError):
        demo.make(tmp_path, SMALL, 9)
    assert list(tmp_path.iterdir()) == [made], "a failed run cleans up after itself"


# ---------------------------------------------------------------- does it look like faces?


def test_a_face_detector_finds_all_26_people():
    model = SHARED / "models" / "face_detection_yunet.onnx"
    if not model.is_file():
        pytest.skip(f"no face detector at {model}")
    detector = cv2.FaceDetectorYN.create(str(model), "", (256, 256), 0.7)
    for number in range(26):
        person = people.person(0, "clips", number, muscles.UNITS)
        frame = Portrait(person, work=256).frame(128)[..., ::-1]
        _, found = detector.detect(cv2.resize(frame, (256, 256), interpolation=cv2.INTER_CUBIC))
        assert found is not None and len(found) == 1, person.subject
        eyes = found[0][4:8].reshape(2, 2).mean(0) / 256
        assert np.allclose(eyes, (person.shape["cx"], person.shape["eye_y"]), atol=0.03), person.subject


def test_shut_eyes_differ_from_open_ones():
    portrait = Portrait(people.person(0, "clips", 3, muscles.UNITS), work=256)
    wide, half, shut = (portrait.frame(96, lid).astype(float) for lid in (0, 0.5, 1))
    x0, y0, x1, y1 = (int(v * 96) for v in demo.GEOMETRY["eyes"])
    assert np.abs(shut - wide)[y0:y1, x0:x1].mean() > np.abs(half - wide)[y0:y1, x0:x1].mean() > 1
    assert np.abs(shut - wide)[y1 + 4 :].max() == 0
