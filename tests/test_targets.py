"""Targets of intensity: conventions, the demo's truth, a user's table; and what the place in the clip predicts."""

import numpy as np
import pandas as pd
import pytest
from conftest import casme2_sheet

from helpers import datasets, labels
from helpers.datasets import casme2
from helpers.datasets.demo import truth
from helpers.evaluation import targets
from helpers.motion import sequences
from helpers.workspace import NotApplicable, WorkbookError


@pytest.fixture(scope="module")
def clips(demo):
    """Three clips of the demo; maps are not looked at here, so that frames alone make them."""
    samples = demo.head(3)
    samples.attrs = demo.attrs
    frames = np.full((3, 30), -1)
    for row, sample in zip(frames, samples.itertuples(), strict=True):
        numbers = np.arange(sample.onset, sample.offset + 1, 5)[:29]
        row[: len(numbers)] = numbers
        row[2] = -1  # a missing frame
    nobody = pd.DataFrame([("demo/sub99/gone", "others", "why")], columns=["sample_id", "emotion", "reason"])
    values = np.zeros((3, 30, 3, 4, 4), np.float32)
    return sequences.Sequences(values, frames, samples, samples.onset.to_numpy(int), nobody, 0.025)


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["triangle", "cosine"])
def test_conventions_follow_the_coded_key_frames(clips, kind):
    y = targets.of(clips, kind)
    assert y.shape == clips.frames.shape and y.dtype == np.float32
    assert np.array_equal(np.isnan(y), clips.frames < 0)
    row = clips.samples.iloc[1]
    there = clips.frames[1] >= 0
    expected = labels.soft_labels(clips.frames[1, there], row.onset, row.apex, row.offset, kind)
    assert np.array_equal(y[1, there], expected) and y[1, 0] == 0
    assert targets.unlabelled(clips, y).empty


def test_true_intensity_is_the_demos_own_and_knows_how_strong_an_apex_is(clips):
    y = targets.of(clips, "true")
    for row, numbers, sample_id in zip(y, clips.frames, clips.samples.sample_id, strict=True):
        curve = truth.intensity(sample_id, clips.samples.attrs["root"]).set_index("frame").intensity
        there = numbers >= 0
        assert row[there] == pytest.approx(curve[numbers[there]].to_numpy()) and np.isnan(row[~there]).all()
    known = targets.strengths(clips.samples)
    assert list(known.apex) == list(clips.samples.apex) and known.strength.nunique() == 3
    assert (np.nanmax(y, axis=1) <= known.strength + 1e-6).all() and known.strength.between(0, 1).all()


def test_only_the_demo_knows_the_truth(clips):
    others = clips._replace(samples=clips.samples.assign(dataset="casme2"))
    with pytest.raises(NotApplicable, match="only the demo"):
        targets.of(others, "true")
    with pytest.raises(NotApplicable, match="only the demo"):
        targets.strengths(others.samples)


def test_a_table_of_frames_labels_just_those_frames(clips, tmp_path):
    ids, numbers = clips.samples.sample_id, clips.frames
    text = f"sample_id,frame,intensity\n{ids[0]},{numbers[0, 0]},0.25\n{ids[0]}, {numbers[0, 1]} ,1\n{ids[1]},999,0\n"
    y = targets.of(clips, "table", write(tmp_path / "t.csv", "\ufeff" + text))
    assert list(y[0, :2]) == [0.25, 1] and np.isfinite(y).sum() == 2
    left = targets.unlabelled(clips, y).set_index("sample_id")
    assert list(left.index) == list(ids), "999 is no frame that is looked at"
    assert left.unlabelled[ids[0]] == left.frames[ids[0]] - 2


def test_a_table_of_clips_scales_their_triangles(clips, tmp_path):
    ids = clips.samples.sample_id
    path = write(tmp_path / "t.csv", f"Intensity , sample_id\n0.5,{ids[2]}\n0,{ids[0]}\n1,demo/sub99/gone\n")
    y = targets.of(clips, "table", path)
    plain = targets.of(clips, "triangle")
    assert y[2] == pytest.approx(0.5 * plain[2], nan_ok=True) and np.nanmax(y[0]) == 0 and np.isnan(y[1]).all()
    assert list(targets.unlabelled(clips, y).sample_id) == [ids[1]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sample_id,frame,intensity\nID,F,1.01\n", "row 2: intensity '1.01' is refused.*from 0 to 1"),
        ("sample_id,frame,intensity\nID,F,0.5\nID,F5,-0.1\n", "row 3: intensity '-0.1' is refused"),
        ("sample_id,intensity\nID,nan\n", "row 2: intensity 'nan' is refused"),
        ("sample_id,intensity\nID,\n", "row 2: intensity '' is refused"),
        ("sample_id,intensity\nID,inf\n", "row 2: intensity 'inf' is refused"),
        ('sample_id,intensity\nID,"0,5"\n', "row 2: intensity '0,5' is refused"),
        ("sample_id,intensity\ndemo/sub01/xx,0.5\n", "row 2: sample_id 'demo/sub01/xx' is refused.*samples' own"),
        ("sample_id,intensity\nID,0.5\n\nID,0.5\n", "row 4: sample_id 'ID' is refused.*stands twice"),
        ("sample_id,intensity\nID\n", "row 2: intensity '' is refused"),
        ("sample_id,frame,intensity\nID,F,0.5\nID,,0.5\n", "row 3: frame '' is refused.*leave the column out"),
        ("sample_id,frame,intensity\nID,F.5,0.5\n", r"row 2: frame '\d+.5' is refused"),
        ("sample_id,frame,intensity\nID,F,0.5\nID,F,0.5\n", "row 3: sample_id 'ID' is refused.*stands twice"),
        ("sample_id,intensity\nID,0.5\nID,0.6\n", "row 3: sample_id 'ID' is refused.*stands twice"),
        ("sample_id,frame,intensity,who\nID,F,0.5,me\n", "row 1: the columns are .*who.*give exactly"),
        ("sample_id,frame\nID,F\n", "row 1: the columns are sample_id, frame"),
        ("sample_id,intensity\nID,F,0.5\n", "no CSV table .*line 2"),
        ("", "no CSV table"),
        ("sample_id,frame,intensity\nID,1,0.5\n", "labels none of the frames"),
        ("sample_id,frame,intensity\n", "labels none of the frames"),
    ],
)
def test_bad_tables_are_refused_by_file_row_and_remedy(clips, tmp_path, text, message):
    name = clips.samples.sample_id[0]
    text = text.replace("ID", name).replace("F5", str(clips.frames[0, 1])).replace("F", str(clips.frames[0, 0]))
    path = write(tmp_path / "mine.csv", text)
    with pytest.raises(WorkbookError, match=message.replace("ID", name)) as error:
        targets.of(clips, "table", path)
    assert "mine.csv" in str(error.value) and "What to do" in str(error.value)


def test_tables_that_are_not_there_or_not_asked_for_are_refused(clips, tmp_path):
    with pytest.raises(WorkbookError, match=r"none\.csv: the table does not exist"):
        targets.of(clips, "table", tmp_path / "none.csv")
    with pytest.raises(WorkbookError, match="give a table with kind='table'"):
        targets.of(clips, "table")
    with pytest.raises(WorkbookError, match="give a table with kind='table'"):
        targets.of(clips, "triangle", tmp_path / "none.csv")
    with pytest.raises(WorkbookError, match="unknown kind of target 'sine'.*triangle, cosine, true, table"):
        targets.of(clips, "sine")


@pytest.mark.parametrize("shape", ["triangle", "cosine"])
def test_an_apex_at_an_end_and_clips_of_one_or_two_frames_have_labels(shape):
    def soft(onset, apex, offset):
        return labels.soft_labels([8, 9, 10, 11, 12], onset, apex, offset, shape).tolist()

    assert soft(9, 9, 10) == [0, 1, 0, 0, 0] and soft(9, 10, 10) == [0, 0, 1, 0, 0]
    assert soft(10, 10, 10) == [0, 0, 1, 0, 0]
    assert soft(8, 8, 12) == soft(8, 12, 12)[::-1] == pytest.approx(soft(8, 8, 12)) and soft(8, 8, 12)[0] == 1
    assert sum(soft(8, 8, 12)) == pytest.approx(2.5)


@pytest.mark.parametrize("keys", [(pd.NA, 3, 5), (1, None, 5), (1, 3, np.nan)])
def test_an_unknown_key_frame_has_no_soft_label(keys):
    with pytest.raises(WorkbookError, match="is not within"):
        labels.soft_labels([1, 2], *keys)


def without_frames(coded, dataset):
    """Samples of a coding sheet whose frames nobody has."""
    ids = [datasets.identify(dataset, row.subject, row.clip) for row in coded.itertuples()]
    about = {"dataset": dataset, "fps": 200, "path": "", "kind": "frames"}
    sample_id, subject = zip(*ids, strict=True)
    return datasets.check(coded.assign(**about, sample_id=sample_id, subject=subject))


def test_the_place_in_the_clip_alone_predicts_most_of_the_convention(shared):
    """Published facts of the field's own sheet, about: Spearman .875, R^2 .80."""
    samples = without_frames(casme2.read_sheet(casme2_sheet(shared)), "casme2")
    row = targets.position_only(samples, resamples=200).iloc[0]
    assert (row.task, row.model, row.people, row.frames) == ("casme2-place", "position", 26, 20 * row.n)
    assert row.n == 255 and row.spearman == pytest.approx(0.875, abs=0.01) and row.r2 == pytest.approx(0.80, abs=0.02)
    assert row.spearman_lo < row.spearman < row.spearman_hi


def test_the_place_predicts_all_where_all_clips_rise_and_fall_alike(demo):
    middle = demo.assign(offset=demo.onset + 20, apex=demo.onset + 10)
    row = targets.position_only(middle, resamples=20).iloc[0]
    assert row.r2 == pytest.approx(1) and row.spearman == 1 and row.mae == pytest.approx(0, abs=1e-6)
    assert targets.position_only(demo, resamples=20).iloc[0].r2 < 0.95
    some = demo.copy()
    some.loc[0, "apex"], some.loc[1, "offset"] = pd.NA, some.onset[1]
    some.loc[1, "apex"] = some.onset[1]
    assert targets.position_only(some, resamples=20).n[0] == len(demo) - 2


def test_without_coded_clips_of_two_people_the_place_predicts_nothing(demo):
    with pytest.raises(NotApplicable, match="no clip has onset, apex and offset coded"):
        targets.position_only(demo.assign(apex=pd.NA))
    with pytest.raises(NotApplicable, match="of one person"):
        targets.position_only(demo[demo.subject == demo.subject[0]])
