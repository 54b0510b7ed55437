"""An expert accepts or changes key frames: the file, what the reader makes of it, and the desk where it happens."""

import base64
import os
import re
import threading
import types

import cv2
import ipywidgets
import numpy as np
import pandas as pd
import pytest

from helpers import datasets, run, workspace
from helpers.datasets import _corrections
from helpers.show.review import HIDDEN, SPOTTED, review
from helpers.workspace import NotApplicable, WorkbookError

HEADER = ",".join(_corrections.COLUMNS)
CLIP = "casme2/sub01/EP02_01f"  # frames 46 .. 51, coded 46, 48, 51
OPEN = "casme2/sub02/EP02_01f"  # frames 9 .. 11, coded 9, open, 11


@pytest.fixture
def casme2(casme2_folder):
    return datasets.load("casme2", str(casme2_folder))


def write(folder, *rows):
    path = folder / "corrections.csv"
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return path


def load(folder):
    samples = datasets.load("casme2", str(folder))
    repairs = datasets.repairs(samples)
    return samples.set_index("sample_id"), repairs[repairs.file == "corrections.csv"].set_index("sample_id")


# ------------------------------------------------------------------------------------------------ file and reader


def test_without_a_file_nothing_changes_and_the_samples_know_where_it_would_lie(casme2, casme2_folder):
    assert casme2.attrs["corrections"] == str(casme2_folder / "corrections.csv") and casme2.attrs["coded"] == {}
    assert not (casme2_folder / "corrections.csv").exists()
    assert datasets.corrections("casme2", str(casme2_folder)) == []


def test_a_change_is_applied_listed_and_remembers_what_was_coded(casme2, casme2_folder):
    path = _corrections.save(casme2, CLIP, (47, 49, 50), by="Anna", note="blink before")
    samples, repairs = load(casme2_folder)
    assert list(samples.loc[CLIP, ["onset", "apex", "offset"]]) == [47, 49, 50]
    others = casme2.set_index("sample_id").drop(index=CLIP)
    pd.testing.assert_frame_equal(samples.drop(index=CLIP), others)
    row = repairs.loc[CLIP]
    assert row.problem == "coded onset 46, apex 48, offset 51" and row["row"] == 2
    assert row.repair == "onset := 47, apex := 49, offset := 50"
    assert re.fullmatch(r"blink before \(Anna, \d{4}-\d\d-\d\d\)", row.reason)
    assert samples.attrs["coded"] == {CLIP: (46, 48, 51)}
    assert datasets.corrections("casme2", str(casme2_folder)) == [path]


def test_an_apex_can_be_given_and_taken_away(casme2, casme2_folder):
    _corrections.save(casme2, OPEN, (9, 10, 11), by="Anna")
    _corrections.save(casme2, CLIP, (46, None, 51), by="Anna")
    samples, repairs = load(casme2_folder)
    assert samples.apex[OPEN] == 10 and pd.isna(samples.apex[CLIP]) and str(samples.apex.dtype) == "Int64"
    assert repairs.repair[OPEN] == "apex := 10" and repairs.repair[CLIP] == "apex := none"
    assert repairs.problem[OPEN] == "coded onset 9, apex none, offset 11"


def test_an_acceptance_changes_nothing_and_is_listed(casme2, casme2_folder):
    _corrections.save(casme2, OPEN, by="Anna")
    samples, repairs = load(casme2_folder)
    pd.testing.assert_frame_equal(samples, casme2.set_index("sample_id"))
    assert repairs.repair[OPEN] == "kept as coded" and "Anna" in repairs.reason[OPEN]


def test_a_later_decision_replaces_the_earlier_one_and_speaks_of_the_coded_numbers(casme2, casme2_folder):
    _corrections.save(casme2, CLIP, (47, 48, 51), by="Anna")
    _corrections.save(casme2, OPEN, by="Anna")
    again = datasets.load("casme2", str(casme2_folder))
    _corrections.save(again, CLIP, (46, 50, 51), by="Ben")
    samples, repairs = load(casme2_folder)
    assert list(samples.loc[CLIP, ["onset", "apex", "offset"]]) == [46, 50, 51] and len(repairs) == 2
    assert repairs.problem[CLIP] == "coded onset 46, apex 48, offset 51" and repairs.repair[CLIP] == "apex := 50"
    _corrections.save(datasets.load("casme2", str(casme2_folder)), CLIP, by="Ben")  # back to what was coded
    pd.testing.assert_frame_equal(load(casme2_folder)[0], casme2.set_index("sample_id"))


@pytest.mark.parametrize("note", ['Öffnung, „links“,\nthen "right"\n眉毛 🙂', "'quoted'", "nan", "NA", "a;b\tc"])
def test_notes_of_any_text_come_back(casme2, note):
    path = _corrections.save(casme2, CLIP, (46, 49, 51), by="Zoë, Dr.", note=note)
    _corrections.save(casme2, OPEN, by="Zoë, Dr.")
    table = _corrections.read(path)
    assert list(table.note) == [note, ""] and list(table.by) == ["Zoë, Dr."] * 2
    assert table.onset.tolist() == [46, 9] and table.apex.tolist() == [49, None]


@pytest.mark.parametrize("text", ["=1+1", "+49 171", "-2 frames", "@SUM(A1)", "  =HYPERLINK(1)", "\t=2"])
def test_no_text_reaches_a_spreadsheet_as_a_formula(casme2, casme2_folder, text):
    path = _corrections.save(casme2, CLIP, (46, 49, 51), by=text, note=text)
    table = _corrections.read(path)
    assert table.note.tolist() == table.by.tolist() == [f"'{text.strip()}"]
    assert load(casme2_folder)[0].apex[CLIP] == 49


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("casme2/sub09/EP1,1,2,3,changed,A,,", "row 3: no clip 'casme2/sub09/EP1' in this dataset"),
        (f"{CLIP},48,47,51,changed,A,,", "row 3: onset 48, apex 47, offset 51 are not in order"),
        (f"{CLIP},50,,49,changed,A,,", "row 3: onset 50, apex none, offset 49 are not in order"),
        (f"{CLIP},46,48,52,changed,A,,", "row 3: offset 52 has no frame on disk .46 .. 51."),
        (f"{CLIP},-1,48,51,changed,A,,", "row 3: onset .*-1"),
        (f"{CLIP},46,48,,changed,A,,", "row 3: onset 46, apex 48, offset none: onset and offset are needed"),
        (f"{CLIP},46,48,51,maybe,A,,", "row 3: unknown decision 'maybe'"),
        (f"{CLIP},early,48,51,changed,A,,", "row 3: onset is 'early', not a frame number"),
        (f"{CLIP},46.5,48,51,changed,A,,", "row 3: onset is '46.5', not a frame number"),
        (f"{CLIP},46,49,51,accepted,A,,", "row 3: accepted was onset 46, apex 49, offset 51, but coded is onset 46"),
        (f"{OPEN},9,10,11,changed,A,,", f"row 3: {OPEN} stands twice"),
        (f"{CLIP},46,48,51,accepted,A,,=1+1", "row 3: a cell holds a formula"),
        (f"{CLIP},46,48,51,accepted,A,,left, then right", "row 3: more cells than columns"),
    ],
)
def test_a_bad_row_is_named_with_file_and_remedy(casme2, casme2_folder, row, message):
    write(casme2_folder, f"{OPEN},,,,accepted,Anna,2026-11-21,blank numbers accept too", row)
    with pytest.raises(WorkbookError, match=f"corrections.csv, {message}.*What to do"):
        load(casme2_folder)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (HEADER.replace("decision,", ""), r"missing column\(s\) decision"),
        (f"{HEADER},confidence", "an unknown or repeated column"),
        (f"{HEADER},note", "an unknown or repeated column"),
    ],
)
def test_a_file_with_other_columns_is_refused(casme2, casme2_folder, header, message):
    (casme2_folder / "corrections.csv").write_text(header + "\n")
    with pytest.raises(WorkbookError, match=message):
        load(casme2_folder)


def test_spreadsheets_leave_marks_that_do_no_harm(casme2_folder):
    text = f"{HEADER},,\n{CLIP},46.0,50,51.0,changed,A,,,,\n,,,,,,,,,\n"
    (casme2_folder / "corrections.csv").write_text(text.replace("\n", "\r\n"), encoding="utf-8-sig")
    samples, repairs = load(casme2_folder)
    assert samples.apex[CLIP] == 50 and repairs.reason[CLIP] == "expert decision (A, undated)"


@pytest.mark.parametrize(
    ("numbers", "by", "message"),
    [((46, 49, 51), " ", "a decision needs a name"), ((45, 48, 51), "A", "onset 45 has no frame"),
     ((49, 48, 51), "A", "not in order")],
)  # fmt: skip
def test_what_the_reader_would_refuse_is_not_written(casme2, casme2_folder, numbers, by, message):
    with pytest.raises(WorkbookError, match=message):
        _corrections.save(casme2, CLIP, numbers, by)
    assert not (casme2_folder / "corrections.csv").exists()


def test_flow_maps_can_be_accepted_but_have_no_frames_to_choose(smic_maps, tmp_path):
    samples = datasets.load("megc2019", str(smic_maps))
    samples.attrs["corrections"] = str(tmp_path / "corrections.csv")
    clip = samples.sample_id[0]
    with pytest.raises(WorkbookError, match="kind flow, which has no frames to choose"):
        _corrections.save(samples, clip, (1, 2, 3), "A")
    accepted, repairs = _corrections.apply(samples, _corrections.save(samples, clip, by="A"))
    assert accepted.equals(samples) and len(repairs) == 1


def test_quick_saves_do_not_lose_one_another(demo, tmp_path):
    samples = demo.copy()
    samples.attrs["corrections"] = str(tmp_path / "corrections.csv")
    ids = list(samples.sample_id[:12])
    saving = [threading.Thread(target=_corrections.save, args=(samples, name, None, "A")) for name in ids]
    for thread in saving:
        thread.start()
    for thread in saving:
        thread.join()
    assert sorted(_corrections.read(tmp_path / "corrections.csv").sample_id) == ids
    assert [path.name for path in tmp_path.iterdir()] == ["corrections.csv"], "no lock, no half file beside the data"


def test_a_folder_that_cannot_be_written_is_a_clear_error(casme2, monkeypatch):
    def refuse(*_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(WorkbookError, match="corrections.csv: cannot write the decision .Read-only.*writable"):
        _corrections.save(casme2, CLIP, by="A")


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_a_clear_error(casme2, casme2_folder):
    casme2_folder.chmod(0o555)
    try:
        with pytest.raises(WorkbookError, match="cannot write the decision"):
            _corrections.save(casme2, CLIP, by="A")
    finally:
        casme2_folder.chmod(0o755)


# ------------------------------------------------------------------------------------------------ demo and runner


def test_corrections_of_the_demo_belong_to_one_variant_and_outlive_it(tmp_path, monkeypatch):
    small = types.SimpleNamespace(people=2, clips=4, size=48)
    monkeypatch.setattr(workspace, "profile", lambda name: small)
    samples = datasets.load("demo", str(tmp_path), profile="tiny")
    clip, onset = samples.sample_id[0], int(samples.onset[0]) + 1
    path = _corrections.save(samples, clip, (onset, samples.apex[0], samples.offset[0]), by="A")
    made = tmp_path / re.fullmatch(r"corrections-(v.*)\.csv", path.name)[1]
    assert path.parent == tmp_path and made.is_dir() and datasets.corrections("demo", str(tmp_path)) == [path]
    assert datasets.load("demo", str(tmp_path)).onset[0] == onset
    assert datasets.load("demo", str(made)).onset[0] == onset and datasets.corrections("demo", str(made)) == [path]
    assert datasets.load("demo", str(tmp_path), seed=1).attrs["coded"] == {}, "another seed's clips are other clips"
    (made / "complete.json").write_text((made / "complete.json").read_text().replace('"code": "', '"code": "old'))
    assert datasets.load("demo", str(tmp_path)).onset[0] == onset, "drawn anew, decided as before"


def test_a_decision_makes_the_notebooks_run_again(demo_dir, casme2_folder, tmp_path):
    def state(dataset, folder):
        args = run.parse(["--dataset", dataset, "--data-dir", str(folder), "--profile", "tiny"])
        return run.make_plan(args).state

    for dataset, folder in (("demo", demo_dir), ("casme2", casme2_folder)):
        samples = datasets.load(dataset, str(folder), profile="tiny")
        before = state(dataset, folder)
        assert state(dataset, folder) == before
        path = _corrections.save(samples, samples.sample_id[0], by="A")
        try:
            accepted = state(dataset, folder)
            _corrections.save(samples, samples.sample_id[0], by="B")
            assert len({before, accepted, state(dataset, folder)}) == 3
        finally:
            path.unlink()  # the demo's folder is shared by all tests


# ------------------------------------------------------------------------------------------------ the desk


def all_widgets(box):
    yield box
    for child in getattr(box, "children", ()):
        yield from all_widgets(child)


def test_an_expert_changes_a_clip(casme2, casme2_folder):
    desk = review(casme2, {CLIP: (np.arange(46, 52), np.linspace(0, 1, 6))}, {CLIP: (47, 50, 51)})
    assert isinstance(desk, ipywidgets.VBox) and desk.clip.value == CLIP and desk.chosen == (46, 48, 51)
    desk.by.value, desk.note.value = "Anna", "moves, then\nwaits"
    desk.apex.value = 50
    assert desk.frame.value == 50 and "Not saved yet" in desk.status.value
    desk.save.click()
    assert "changed to onset 46, apex 50, offset 51" in desk.status.value and "corrections.csv" in desk.status.value
    samples, repairs = load(casme2_folder)
    assert samples.apex[CLIP] == 50 and repairs.repair[CLIP] == "apex := 50"
    desk = review(datasets.load("casme2", str(casme2_folder)))
    assert desk.chosen == (46, 50, 51) and desk.coded == (46, 48, 51) and "Changed by Anna" in desk.status.value
    desk.by.value = "Ben"
    desk.accept.click()
    assert desk.chosen == (46, 48, 51) and "accepted as coded" in desk.status.value
    assert load(casme2_folder)[0].apex[CLIP] == 48


def test_what_was_spotted_is_taken_and_written_only_on_save(casme2, casme2_folder):
    desk = review(casme2, spotted={CLIP: (47, 50, np.int64(51)), OPEN: (9, pd.NA, 12)})
    desk.by.value = "Anna"
    desk.take.click()
    assert desk.chosen == (47, 50, 51) and not (casme2_folder / "corrections.csv").exists()
    desk.save.click()
    assert list(load(casme2_folder)[0].loc[CLIP, ["onset", "apex", "offset"]]) == [47, 50, 51]
    desk.clip.value = OPEN
    desk.take.click()
    assert desk.chosen == (9, None, 11) and "no frame 12 on disk, only 9 .. 11" in desk.status.value
    desk.forth.click()
    desk.take.click()
    assert "Nothing was spotted" in desk.status.value


def test_marks_stay_inside_the_clip_and_in_order(casme2):
    desk = review(casme2)
    assert {(mark.min, mark.max) for mark in desk.marks} == {(46, 51)}
    desk.onset.value = 50
    assert desk.chosen == (48, 48, 51) and "onset cannot be 50" in desk.status.value
    desk.offset.value = 47
    assert desk.chosen == (48, 48, 48)
    desk.has_apex.value = False
    desk.offset.value, desk.onset.value = 51, 50
    assert desk.chosen == (50, None, 51) and desk.apex.disabled
    desk.has_apex.value = True
    assert desk.chosen == (50, 50, 51) and not desk.apex.disabled


def test_the_desk_walks_through_the_clips(casme2):
    desk = review(casme2, start=1)
    desk.note.value = "about the second clip"
    assert desk.chosen == (8, 10, 12)
    desk.forth.click()
    assert desk.clip.value == OPEN and desk.chosen == (9, None, 11) and desk.note.value == ""
    for _ in range(5):
        desk.forth.click()
    assert desk.clip.value == casme2.sample_id.iloc[-1]
    for _ in range(5):
        desk.back.click()
    assert desk.clip.value == CLIP and desk.chosen == (46, 48, 51)


def test_what_goes_wrong_stands_in_the_status_line(casme2, casme2_folder):
    desk = review(casme2)
    desk.save.click()
    assert "press Accept as coded" in desk.status.value
    desk.accept.click()
    assert "a decision needs a name" in desk.status.value
    desk.by.value = "<b>Anna</b>"
    (casme2_folder / "CASME2_RAW_selected/sub01/EP02_01f/img49.png").unlink()
    desk.apex.value = 49
    desk.save.click()
    assert "apex 49 has no frame on disk" in desk.status.value
    write(casme2_folder, f"{CLIP},46,48,51,perhaps,A,,")
    desk.forth.click()
    assert "unknown decision &#x27;perhaps&#x27;" in desk.status.value and desk.curve.value == ""
    desk.accept.click()
    assert "unknown decision" in desk.status.value and "perhaps" in (casme2_folder / "corrections.csv").read_text()


def test_a_clip_that_cannot_be_opened_shows_nothing_of_the_one_before(casme2, casme2_folder):
    desk = review(casme2, show_faces=True)
    assert all(image.value for image in desk.faces)
    for path in (casme2_folder / "CASME2_RAW_selected/sub01/EP03_02").iterdir():
        path.unlink()
    desk.forth.click()
    assert "holds no frames" in desk.status.value and not any(image.value for image in desk.faces)
    desk.onset.value = 47
    desk.by.value = "A"
    desk.save.click()
    assert "no frame on disk" in desk.status.value and not (casme2_folder / "corrections.csv").exists()


def test_no_face_of_a_licensed_dataset_without_a_hand_set_switch(casme2, monkeypatch):
    monkeypatch.setattr("helpers.motion.frames.clip", lambda *_: pytest.fail("frames were read"))
    desk = review(casme2, {CLIP: (np.arange(46, 52), np.ones(6))})
    desk.frame.value = 49
    desk.apex.value = 49
    shown = list(all_widgets(desk))
    assert not [widget for widget in shown if isinstance(widget, ipywidgets.Image)] and desk.faces == []
    assert HIDDEN in [widget.value for widget in shown if isinstance(widget, ipywidgets.HTML)]


def test_frames_are_shown_where_they_may_be(casme2, demo):
    for samples, switch in ((casme2, True), (demo, False)):
        desk = review(samples, show_faces=switch)
        images = [widget for widget in all_widgets(desk) if isinstance(widget, ipywidgets.Image)]
        assert len(images) == 2 and images[0].value == images[1].value, "opened at the onset"
        desk.frame.value += 2
        first, second = (cv2.imdecode(np.frombuffer(image.value, np.uint8), cv2.IMREAD_COLOR) for image in images)
        assert first.shape == second.shape and (first != second).any()


def test_the_curve_marks_what_is_coded_spotted_and_chosen(demo):
    clip = demo.iloc[0]
    numbers = np.arange(clip.onset, clip.offset + 1)
    desk = review(
        demo,
        {clip.sample_id: (numbers, np.hanning(len(numbers)))},
        {clip.sample_id: (clip.onset + 2, None, clip.offset)},
    )
    drawn = base64.b64decode(re.search(r"base64,([^\"]+)", desk.curve.value)[1])
    picture = cv2.cvtColor(cv2.imdecode(np.frombuffer(drawn, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    colour = np.array([int(SPOTTED[place : place + 2], 16) for place in (1, 3, 5)])
    assert (np.abs(picture.astype(int) - colour).max(axis=-1) < 40).sum() > 40
    desk.apex.value += 1
    assert base64.b64encode(drawn).decode() not in desk.curve.value


def test_what_cannot_be_reviewed_says_why(smic_maps, casme2):
    with pytest.raises(NotApplicable, match="no folders of frames"):
        review(datasets.load("megc2019", str(smic_maps)))
    with pytest.raises(WorkbookError, match="choose a start from 0 to 3"):
        review(casme2, start=4)
    with pytest.raises(WorkbookError, match="where decisions go"):
        review(pd.DataFrame(casme2.to_dict("list")))
