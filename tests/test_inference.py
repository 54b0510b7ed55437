"""Recordings of one's own: what is read, what is refused, what is stored and comes back."""

import json
import shutil
import struct
import subprocess
import sys
import wave
from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pandas as pd
import pytest

from helpers import predict, workspace
from helpers.inference import example, recording, stored, training, video
from helpers.motion import faces, flow
from helpers.show import own_video
from helpers.workspace import NotApplicable, WorkbookError
from tests.scenes import write, write_clip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return SimpleNamespace(
        profile=replace(workspace.profile("tiny"), resamples=50), seed=0, notes={},
        checkpoints=tmp_path_factory.mktemp("folds"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(demo, run):
    """Both models of the demo, profile tiny; the scores on the regressor's card are invented."""
    numbers = {name + end: 0.5 for name in ("ccc", "spearman", "mae") for end in ("", "_lo", "_hi")}
    numbers |= {"task": "true-loso", "model": training.REGRESSOR, "n": 40, "people": 4}
    few = demo[demo.subject.isin(sorted(demo.subject.unique())[:3])].reset_index(drop=True)
    few.attrs = demo.attrs
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(workspace.JOBS_VARIABLE, "1")  # no processes for folds of a tenth of a second
        return {
            "emotion": training.recogniser(demo, run),
            "intensity": training.regressor(few, run, "true", pd.DataFrame([numbers])),
        }


@pytest.fixture(scope="module")
def models(trained, tmp_path_factory):
    """Folder with both."""
    place = tmp_path_factory.mktemp("models")
    for task, one in trained.items():
        stored.save(place / task, one)
    return place


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return example.draw(tmp_path_factory.mktemp("a path with spaces"), "disgust", side=128)


@pytest.fixture(scope="module")
def pictures(stranger):
    """A second of the stranger's rest, RGB."""
    return [picture for _, picture in zip(range(100), _frames(stranger.path), strict=False)]


def _frames(path):
    capture = cv2.VideoCapture(str(path))
    while (answer := capture.read())[0]:
        yield cv2.cvtColor(answer[1], cv2.COLOR_BGR2RGB)


def loaded(place):
    return {task: stored.load(folder) for task, folder in stored.find(place).items()}


def test_a_stranger_is_found_answered_and_read(models, stranger):
    result = video.analyse(stranger.path, loaded(models))
    (one,) = result.candidates
    assert abs(one.row["apex"] - stranger.apex) <= 10
    assert abs(one.row["onset"] - stranger.onset) <= 15 and abs(one.row["offset"] - stranger.offset) <= 20
    assert one.row["kind"] == "micro" and sum(one.p.values()) == pytest.approx(1)
    assert set(one.regions) == {"eyebrows", "eyes", "nose", "mouth"}
    assert len(one.intensity) >= 20 and one.intensity.intensity.between(0, 1).all()
    assert stored.NOT_REAL in result.notes and one.row["note"] == stored.NOT_REAL
    assert stored.NOT_REAL in own_video.say_result(result)
    assert result.latency.set_index("step").seconds["everything"] == pytest.approx(sum(result.recording.clock.values()))
    assert len(result.table) == 1 and json.dumps(predict._plain(result.as_dict()), allow_nan=False)


def test_coded_frames_are_taken_and_the_apex_spotted(models, stranger):
    keys = {"onset": stranger.onset, "offset": stranger.offset}
    (one,) = video.analyse(stranger.path, loaded(models), **keys).candidates
    assert (one.onset, one.offset) == (stranger.onset, stranger.offset) and abs(one.apex - stranger.apex) <= 8
    long = {"onset": 20, "apex": stranger.apex, "offset": stranger.offset + 60}
    (one,) = video.analyse(stranger.path, loaded(models), **long).candidates
    assert one.row["kind"] == "macro" and not one.row["emotion"] and "longer than" in one.row["abstained"]
    for wrong, said in (
        ({"onset": 5}, "its onset and its offset"), ({"onset": 5, "offset": 9999}, "frame 9999 is not among"),
        ({"onset": 50, "apex": 40, "offset": 60}, "not in order"),
    ):  # fmt: skip
        with pytest.raises(WorkbookError, match=said):
            video.analyse(stranger.path, {}, **wrong)


def test_models_come_back_as_they_were(demo, trained, models):
    fresh, again = trained["emotion"], loaded(models)
    X = flow.onset_to_apex(demo).values[:5]
    assert np.allclose(again["emotion"].fitted.predict_proba(X), fresh.fitted.predict_proba(X), atol=1e-6)
    facts = again["emotion"].facts
    assert facts["people"] == sorted(demo.subject.unique()) and facts["clips"] == len(demo) and facts["synthetic"]
    assert facts["scores"]["values"]["uf1"][1] <= facts["scores"]["values"]["uf1"][0]
    card = (models / "emotion" / stored.CARD).read_text()
    assert f"{facts['scores']['values']['uf1'][0]:.3f}" in card and "detection of lies" in card
    assert stored.NOT_REAL.capitalize() in card and again["intensity"].facts["target"] == "true"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "arrays.npz").open("ab").write(b"x"), "checksum is wrong"),
        (lambda folder: (folder / "MODEL_CARD.md").write_text("better"), "checksum is wrong"),
        (lambda folder: (folder / "arrays.npz").unlink(), "is absent"),
        (lambda folder: (folder / "notes.txt").touch(), "no part of the model"),
        (lambda folder: _rewrite(folder, format=99), "format 99"),
        (lambda folder: _rewrite(folder, synthetic=False), "checksum is wrong"),
        (lambda folder: (folder / "model.json").write_text("{"), "describes no model"),
    ],
)
def test_a_model_that_is_not_as_stored_is_refused(models, tmp_path, spoil, said):
    folder = shutil.copytree(models / "intensity", tmp_path / "model")
    spoil(folder)
    with pytest.raises(WorkbookError, match=said) as error:
        stored.load(folder)
    assert error.value.file and error.value.remedy


def _rewrite(folder, **changes):
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_place_without_models_and_one_with_two_of_a_task_are_refused(models, tmp_path):
    with pytest.raises(WorkbookError, match="no trained model lies here"):
        stored.find(tmp_path)
    for name in ("one", "two"):
        shutil.copytree(models / "emotion", tmp_path / name)
    with pytest.raises(WorkbookError, match="two models of emotion"):
        stored.find(tmp_path)


def test_models_are_trained_where_none_are_stored_and_only_then(demo, run, trained, models, tmp_path, monkeypatch):
    calls = []

    def train(task):
        return lambda samples, run: calls.append(task) or trained[task]

    monkeypatch.setenv(workspace.CACHE_VARIABLE, str(tmp_path))
    for name, task in (("recogniser", "emotion"), ("regressor", "intensity")):
        monkeypatch.setattr(training, name, train(task))
    assert set(training.ready(demo, run, models)) == {"emotion", "intensity"} and not calls
    for _ in range(2):  # the second time they are kept
        assert set(training.ready(demo, run, tmp_path / "nothing")) == {"emotion", "intensity"}
        assert calls == ["emotion", "intensity"]
    other = SimpleNamespace(**vars(run) | {"seed": 1})
    training.ready(demo, other, models)
    assert calls == ["emotion", "intensity"] * 2, "models of another seed are not taken for this one's"


def test_the_rule_of_abstention_is_the_least_confidence_that_suffices():
    right = np.array([True] * 30 + [False] * 10)
    p = np.r_[np.linspace(0.99, 0.6, 30), np.linspace(0.5, 0.4, 10)]
    rest = dict.fromkeys(("p_b", "p_c"), (1 - p) / 2)
    about = {"subject": [f"d/{k % 5}" for k in range(40)], "y_true": "a", "y_pred": np.where(right, "a", "b")}
    rows = pd.DataFrame(about | {"p_a": p} | rest)
    rule = training.calibrate(rows)
    assert rule["threshold"] == pytest.approx(p.min()) and rule["accuracy"] == 0.75 and rule["coverage"] == 1
    # the clips of each person: every fifth. With the others' rule, four of five also go down to the least confidence
    others = {k: training._least(p[np.arange(40) % 5 != k], right[np.arange(40) % 5 != k]) for k in range(5)}
    answered = np.array([p[k] >= others[k % 5] for k in range(40)])
    assert rule["checked_coverage"] == answered.mean() < 1
    assert rule["checked_accuracy"] == pytest.approx(right[answered].mean())
    wrong = training.calibrate(rows.assign(y_pred="c"))
    assert wrong["threshold"] is None and wrong["checked_accuracy"] is None and "always" in stored.say_rule(wrong)


def test_a_model_of_ready_made_maps_abstains_from_videos(smic_maps, stranger):
    from helpers import datasets

    samples = datasets.load("megc2019", str(smic_maps))
    few = samples[samples.subject.isin(sorted(samples.subject.unique())[:5])].reset_index(drop=True)
    few.attrs = samples.attrs
    run = SimpleNamespace(profile=workspace.profile("tiny"), seed=0, notes={}, checkpoints=None)
    trained = training.recogniser(few, run)
    keys = {"onset": stranger.onset, "apex": stranger.apex, "offset": stranger.offset}
    result = video.analyse(stranger.path, {"emotion": trained}, **keys)
    (one,) = result.candidates
    assert not one.p and not one.row["emotion"] and "no measurement of a video" in one.row["abstained"]
    with pytest.raises(NotApplicable):
        training.ready(few, run, smic_maps)


def test_a_folder_of_frames_gives_what_the_video_gives(stranger, tmp_path):
    frames = list(_frames(stranger.path))[150:300]
    folder = write_clip(tmp_path / "my frames", frames, first=7, name="cam1_{}.png")
    found = recording.read(folder, fps=200)
    assert found.numbers.tolist() == list(range(7, 157)) and found.crops.shape == (150, 128, 128)
    with pytest.raises(WorkbookError, match="does not say its frame rate"):
        recording.read(folder)
    for number in range(20, 40):
        (folder / f"cam1_{number}.png").unlink()
    with pytest.raises(WorkbookError, match="frame numbers are missing"):
        recording.read(folder, fps=200)


def test_frame_rates_too_slow_are_refused_and_slow_ones_warned_of(pictures, tmp_path):
    path = example.write(tmp_path / "slow.avi", pictures, 20)
    with pytest.raises(WorkbookError, match="fewer than 25"):
        recording.read(path)
    found = recording.read(path, fps=60)
    assert found.fps == 60 and any("--fps" in said for said in found.warnings)
    assert any("100 or more" in said for said in found.warnings)


@pytest.mark.parametrize("what", ["absent", "empty", "cut", "sound", "text", "empty folder"])
def test_what_is_no_recording_is_refused(what, stranger, tmp_path):
    path = tmp_path / f"{what}.mp4"
    if what == "empty":
        path.touch()
    elif what == "cut":
        path.write_bytes(stranger.path.read_bytes()[:800])
    elif what == "text":
        path.write_text("no video")
    elif what == "sound":
        path = tmp_path / "sound.wav"
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(bytes(16000))
    elif what == "empty folder":
        path = tmp_path / "frames"
        path.mkdir()
    with pytest.raises(WorkbookError) as error:
        recording.read(path, fps=200)
    assert error.value.remedy and str(path) in str(error.value)


def test_a_video_that_breaks_off_is_read_as_far_as_it_goes(pictures, tmp_path):
    path = example.write(tmp_path / "whole.avi", pictures, 200, "MJPG")
    broken = tmp_path / "broken.avi"
    broken.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = recording.read(broken)
    assert 10 < len(found.crops) < 70 and any("damaged" in said for said in found.warnings)


def test_no_face_and_two_faces_are_refused(pictures, tmp_path):
    wall = example.write(tmp_path / "wall.avi", [np.full_like(pictures[0], 99)] * 40)
    with pytest.raises(WorkbookError, match="no face was found in 40 frames"):
        recording.read(wall)
    two = example.write(tmp_path / "two.avi", [np.hstack([one, one]) for one in pictures[:30]])
    with pytest.raises(WorkbookError, match="2 faces"):
        recording.read(two)


def test_a_face_that_comes_late_or_leaves_is_told(pictures, tmp_path):
    blank = np.full_like(pictures[0], 99)
    path = example.write(tmp_path / "late.avi", [blank] * 45 + pictures[:60] + [blank] * 45)
    found = recording.read(path)
    assert found.numbers[0] == 60 and any("before frame 60" in said for said in found.warnings)
    assert ("face lost", "no face was found") in {problem[1:] for problem in found.problems}


def test_a_second_face_that_comes_later_is_told(pictures, tmp_path):
    alone = [np.hstack([one, np.full_like(one, 99)]) for one in pictures[:40]]
    both = [np.hstack([one, one]) for one in pictures[:60]]
    found = recording.read(example.write(tmp_path / "visitor.avi", alone + both))
    assert ("face lost", "2 faces were found") in {problem[1:] for problem in found.problems}


@pytest.mark.parametrize("cascade", [False, True])
def test_a_head_that_moves_away_is_told_whatever_found_it(pictures, tmp_path, monkeypatch, cascade):
    if cascade:
        monkeypatch.setattr(faces, "detector", lambda: ("LBP cascade", faces._cascade))
    moved = [cv2.copyMakeBorder(one, 40, 40, left, 80 - left, cv2.BORDER_REPLICATE)
             for left, part in ((20, pictures[:50]), (60, pictures[:50])) for one in part]  # fmt: skip
    found = recording.read(example.write(tmp_path / "moves.avi", moved))
    told = [number for number, problem, _ in found.problems if problem == "head moved"]
    assert told and min(told) >= 50, "and not before it moved"


def test_a_picture_of_4k_gives_the_same_crop(pictures, tmp_path):
    large = cv2.resize(pictures[0], (2160, 2160), interpolation=cv2.INTER_CUBIC)
    wide = cv2.copyMakeBorder(large, 0, 0, 840, 840, cv2.BORDER_CONSTANT, value=(90, 90, 90))
    write_clip(tmp_path / "4k", [wide, wide], name="{}.jpg")
    small = recording.read(write_clip(tmp_path / "small", [pictures[0]] * 2, name="{}.png"), fps=100)
    found = recording.read(tmp_path / "4k", fps=100)
    assert found.size == (3840, 2160)
    middles = (small, 64, 64), (found, 1920, 1080)
    here, there = (one.registration.matrix @ [x, y, 1] for one, x, y in middles)
    assert np.abs(here - there).max() < 0.06  # two detections of two sizes


def test_a_recording_is_cropped_as_training_clips_are(pictures, tmp_path):
    large = [cv2.resize(one, (300, 300), interpolation=cv2.INTER_CUBIC) for one in pictures[:2]]
    wide = [cv2.copyMakeBorder(one, 61, 61, 61, 61, cv2.BORDER_REPLICATE) for one in large]
    folder = write_clip(tmp_path / "frames", wide, name="{}.jpg")
    found = recording.read(folder, fps=100)
    clip = {"dataset": "casme2", "kind": "frames", "path": str(folder), "sample_id": "x", "onset": found.numbers[0]}
    trained_on = faces.crops(SimpleNamespace(**clip), found.numbers.tolist(), recording.CROP)
    assert np.abs(found.crops.astype(int) - trained_on).max() <= 1  # OpenCV's two ways to grey round differently


def test_a_model_trained_on_other_motion_abstains(models, stranger):
    trained, keys = loaded(models), {"onset": stranger.onset, "apex": stranger.apex, "offset": stranger.offset}
    for one in trained.values():
        one.facts["representation"]["method"] = "tvl1"
    result = video.analyse(stranger.path, trained, **keys)
    (one,) = result.candidates
    assert not one.p and "method tvl1, here dis" in one.row["abstained"]
    assert one.intensity is None and any("method tvl1" in note for note in result.notes)


def test_frames_of_other_sizes_are_refused(pictures, tmp_path):
    folder = write_clip(tmp_path / "frames", pictures[:3])
    write(folder / "img4.png", pictures[3][:100])
    with pytest.raises(WorkbookError, match="the picture is 128 x 100"):
        recording.read(folder, fps=200)


def _boxes(data, name):
    """Places of an MP4's boxes of this name."""
    at = data.find(name)
    while at >= 0:
        yield at
        at = data.find(name, at + 4)


def test_a_video_taken_on_its_side_is_turned_upright(pictures, tmp_path):
    lying = [cv2.copyMakeBorder(one, 0, 0, 30, 30, cv2.BORDER_REPLICATE) for one in pictures[:30]]
    turned = [np.ascontiguousarray(np.rot90(one)) for one in lying]  # a quarter turn against the clock
    path = example.write(tmp_path / "side.mp4", turned, 100, "mp4v")
    data = bytearray(path.read_bytes())
    (at,) = _boxes(data, b"tkhd")
    one = 1 << 16
    data[at + 44 : at + 80] = struct.pack(">9i", 0, one, 0, -one, 0, 0, 0, 0, 1 << 30)  # a quarter turn with the clock
    path.write_bytes(data)
    found = recording.read(path)
    assert found.size == (188, 128)
    upright = recording.read(example.write(tmp_path / "up.mp4", lying, 100, "mp4v"))
    assert np.abs(found.crops[0].astype(int) - upright.crops[0]).mean() < 6


def test_a_frame_rate_that_varies_is_refused(pictures, tmp_path):
    path = example.write(tmp_path / "constant.mp4", pictures[:60], 100, "mp4v")
    data = path.read_bytes()
    (at,) = _boxes(data, b"stts")
    _, entries, count, delta = struct.unpack(">4i", data[at + 4 : at + 20])
    assert entries == 1 and data.find(b"moov") > data.find(b"mdat"), "offsets of frames stay as they are"
    parts = [(20, delta), (20, 3 * delta), (count - 40, delta)]
    table = struct.pack(">2i", 0, 3) + b"".join(struct.pack(">2i", *part) for part in parts)
    changed = bytearray(data[: at + 4] + table + data[at + 20 :])
    for name in (b"stts", b"stbl", b"minf", b"mdia", b"trak", b"moov"):
        (place,) = (k for k in _boxes(data, name) if k <= at)
        (size,) = struct.unpack(">i", data[place - 4 : place])
        changed[place - 4 : place] = struct.pack(">i", size + 16)
    path.write_bytes(changed)
    with pytest.raises(WorkbookError, match="the frame rate varies"):
        recording.read(path)


def test_the_command_writes_its_files_and_says_what_it_may(models, stranger, tmp_path, capsys):
    out = tmp_path / "out of it"
    keys = ["--onset", str(stranger.onset), "--offset", str(stranger.offset)]
    assert predict.main([str(stranger.path), "--model", str(models), "--out", str(out), "--video", *keys]) == 0
    told = capsys.readouterr().out
    assert stored.NOT_REAL in told and "frames a second" in told
    assert not any(word in told.lower() for word in ("lie", "lying", "guilt", "diagnos"))
    assert sorted(path.name for path in out.iterdir()) == [
        f"prediction.{kind}" for kind in ("csv", "json", "mp4", "png")
    ]
    assert json.loads((out / "prediction.json").read_text())["candidates"][0]["note"] == stored.NOT_REAL
    assert len(pd.read_csv(out / "prediction.csv")) == 1
    assert cv2.VideoCapture(str(out / "prediction.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == len(stranger.intensity)


def test_the_command_refuses_with_status_2_and_python_takes_three_lines(models, tmp_path, capsys, stranger):
    assert predict.main([str(tmp_path / "nothing.mp4")]) == 2 and "no such file" in capsys.readouterr().err
    assert predict.main([str(stranger.path), "--model", str(tmp_path)]) == 2
    assert "no trained model" in capsys.readouterr().err
    keys = {"onset": stranger.onset, "apex": stranger.apex, "offset": stranger.offset}
    assert len(predict.video(stranger.path, str(models / "emotion"), **keys).table) == 1


def test_help_needs_nothing_heavy():
    code = "import atexit, sys; from helpers import predict; atexit.register(lambda: print(*sys.modules)); "
    done = subprocess.run(
        [sys.executable, "-c", f"{code} predict.parse(['--help'])"], check=True, cwd=workspace.ROOT, capture_output=True
    )
    assert b"usage:" in done.stdout and not {b"torch", b"sklearn"} & set(done.stdout.split())


def test_a_real_talking_face_is_marked_and_not_named(shared, models):
    result = video.analyse(shared / "data" / "video" / "single_face.mp4", loaded(models))
    assert len(result.recording.crops) == 72 and result.recording.size == (640, 360)
    assert any("30 frames per second" in note for note in result.notes)
    assert result.candidates and not any(one.row["emotion"] for one in result.candidates)
    assert {one.row["kind"] for one in result.candidates} == {"macro"}


def test_a_face_on_its_side_is_refused_although_it_is_found(tmp_path, monkeypatch):
    def detect(picture):  # upright is bright above and dark below
        score = 0.94 if picture[-1].mean() < picture[0].mean() else 0.87
        return [faces.Face((2, 2, 20, 20), faces.POINTS * 24, score)]

    monkeypatch.setattr(faces, "detect", detect)
    upright = np.full((32, 32, 3), 200, np.uint8)
    upright[16:] = 0
    sideways = example.write(tmp_path / "side.avi", [np.rot90(upright, 3).copy()] * 30)
    with pytest.raises(WorkbookError, match="not upright"):
        recording.read(sideways)
    assert len(recording.read(example.write(tmp_path / "up.avi", [upright] * 30)).crops) == 30


def test_spoiled_inputs_are_all_refused(stranger, models, tmp_path):
    table = own_video.compute_refusals(example.spoiled(tmp_path, stranger, loaded(models)))
    assert len(table) == 8 and not (table.message == "not refused").any()
