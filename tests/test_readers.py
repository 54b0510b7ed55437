"""The readers of SAMM, SMIC, CAS(ME)^3, MMEW and DFME, each on a small folder in its release's own layout."""

import re
import shutil

import cv2
import numpy as np
import openpyxl
import pandas as pd
import pytest
from conftest import write_sheet

from helpers import datasets, labels
from helpers.datasets import _frames, _sheets, casme3, smic
from helpers.workspace import WorkbookError

SAMM = [
    ["Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame", "Duration", "Micro",
     "Action Units", "Estimated Emotion", "Objective Classes", "Notes"],
    [6, "006_1_2", 1, 5562, 5564, 5566, 5, "Micro - 1/2", "15A+17", "Anger", 5, None],
    ["06", "006_1_3", 1, 7, 8, 9, 3, "Micro - 1/2", "(R6 or R12)+R15", "Other", 7, "=a column nobody reads"],
    ["028", "028_4_1", 4, 100, 90, 104, 5, "Micro - 1/2", "ref(7B)+43", "Contempt", 5, None],
    ["032", "032_3_1", 3, 3, -1, 6, 4, "Micro - 1/4", "A14C", "Happiness", 1, None],
    [7, "007_1_1", 1, 1, 2, 3, 3, "Macro", "12", "Happiness", 1, None],
]  # fmt: skip
CASME3 = [
    ["Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion"],
    ["spNO.1", "a", "355", "357", "359", "5", "II", "others"],
    ["spNO.1", "a", "361", "362", "363", "R12", "I", "Others"],
    ["spNO.1", "J", "4", "4", "6", "T28+14", "VII", "happy"],
    ["spNO.149", "d", "112", "83", "162", "B23", "VII", "fear"],
    ["spNO.216", "d", "2674", "2668", "2694", "38", "VII", "others"],
    ["spNO.216", "e", "0", "3", "5", "14", "VII", "sad"],
    ["spNO.40", "e", "1812", "1824", "0", "18", "VII", "others"],
    ["spNO.214", "c", "5", "5", "3460", "17+4", "VII", "disgust"],
]
MMEW = [
    ["Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units", "Estimated Emotion", "remarks"],
    [1, "S01-01-001", 1, 3, 5, "12L", "happiness", None],
    [1, "S01-04-001", 1, 2, 4, "4R+7", "repression", None],
    [2, "S02-04-001", 1, None, None, 14, "others", None],
]
DFME = [
    ["Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Emotion", "EmotionId", "Fps", "AU"],
    ["sub0003", "sub0003_01", 12, 14, 16, "happiness", 1, 500, "6+12"],
    ["sub0003", "sub0003_02", 1, 2, 3, "contempt", 3, 300, "L14"],
    ["sub0010", "sub0010_01", 5, 6, 7, "anger", 6, 200, "4"],
]


def frames(folder, first, last, name="{}.png"):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, last + 1):
        cv2.imwrite(str(folder / name.format(number)), np.full((4, 4, 3), number % 250, np.uint8))


def write_samm(root, table=SAMM, preface=13):
    book = openpyxl.Workbook()
    book.active.title = "ABOUT"
    page = book.create_sheet("MICRO_ONLY")
    for row in [*([f"note {i}", "Subject to change"] for i in range(preface)), *table]:
        page.append(row)
    book.save(root / "SAMM_Micro_FACS_Codes_v2.xlsx")
    clips = {"006/006_1_2": (5562, 5566), "006/006_1_3": (7, 9), "028/028_4_1": (100, 104), "032/032_3_1": (3, 6)}
    for clip, span in clips.items():
        frames(root / "SAMM" / clip, *span, clip[:3] + "_{:05d}.jpg")


def write_smic(root, release="SMIC_all_cropped", name="reg_image{:06d}.bmp"):
    clips = {
        "s1/micro/positive/s1_po_01": (100, 104), "s1/micro/negative/s1_ne_01": (5, 9),
        "s3/micro/surprise/s3_sur_01": (1, 7), "s18/micro/surprise/s18_sur_02": (9, 12),
    }  # fmt: skip
    for clip, span in clips.items():
        frames(root / release / "HS" / clip, *span, name)
    (root / release / "HS/s3/micro/surprise/s3_sur_01" / name.format(5)).unlink()
    frames(root / release / "VIS/s11/micro/positive/s11_po_01", 1, 3)
    (root / release / "HS/s18/micro/surprise/s18_sur_03").mkdir()


def write_casme3(root, table=CASME3):
    (root / "part_A/annotation").mkdir(parents=True)
    sheet = root / "part_A/annotation/cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx"
    write_sheet(sheet, table[1:], table[0])
    spans = {"1/a": (350, 370), "1/j": (1, 8), "149/d": (80, 165), "216/d": (2640, 2700), "216/e": (1, 6)}
    for clip, span in spans.items():
        frames(root / f"part_A/data/spNO.{clip}/color", *span, "{}.jpg")
        frames(root / f"part_A/data/spNO.{clip}/depth", 1, 2)
    frames(root / "part_B/spNO.1/a/color", 1, 2)


def write_mmew(root, table=MMEW):
    write_sheet(root / "MMEW_Micro_Exp.xlsx", table[1:], table[0])
    for clip in ("happiness/S01-01-001", "others/S01-04-001", "others/S02-04-001"):
        frames(root / "Micro_Expression" / clip, 1, 6, "{}.jpg")
    frames(root / "Macro_Expression/S01/happiness", 1, 2, "S01-01-00{}.jpg")


def write_dfme(root, table=DFME):
    sheets = root / "full_release_annotation/full_release_annotation"
    sheets.mkdir(parents=True)
    write_sheet(sheets / "training_full_with_AU.xlsx", table[1:3], table[0])
    write_sheet(sheets / "testA_full_with_AU.xlsx", table[3:], table[0])
    for clip in ("train_data/train_data/sub0003_01", "train_data/train_data/sub0003_02", "test_data_A/sub0010_01"):
        frames(root / clip, 1, 20, "{:05d}.png")


WRITERS = {"samm": write_samm, "smic": write_smic, "casme3": write_casme3, "mmew": write_mmew, "dfme": write_dfme}


@pytest.fixture
def load(tmp_path):
    """Write a dataset's fixture (once, changed by `table`) and load it."""

    def loaded(name, **changes):
        if not any(tmp_path.iterdir()) or changes:
            WRITERS[name](tmp_path, **changes)
        return datasets.load(name, str(tmp_path))

    return loaded


def repairs(samples):
    return datasets.repairs(samples).set_index("sample_id")


@pytest.mark.parametrize("name", WRITERS)
def test_every_reader_returns_samples(load, name):
    samples = load(name)
    assert set(datasets.COLUMNS) <= set(samples) and samples.sample_id.is_unique and len(samples) > 2
    assert set(samples.dataset) == {name} and samples.subject.str.startswith(f"{name}/").all()
    assert (samples.onset <= samples.offset).all() and samples.fps.notna().all() and set(samples.kind) == {"frames"}
    there = samples[samples.apex.notna()]
    assert (there.onset <= there.apex).all() and (there.apex <= there.offset).all()
    for row in samples.itertuples():
        assert set(range(row.onset, row.offset + 1)) <= set(_frames.listing(row.path)[0])
    for scheme in labels.DEFAULT_SCHEMES[name]:
        assert labels.targets(samples, scheme).notna().any()
    assert labels.schemes_for(samples) == list(labels.DEFAULT_SCHEMES[name])


def changed(table, row, column, value):
    rows = [list(cells) for cells in table]
    rows[row][rows[0].index(column)] = value
    return rows


FAULTS = [
    ("samm", SAMM, 1, "Estimated Emotion", "joyful", 15, "unknown emotion 'joyful'"),
    ("samm", SAMM, 1, "Apex Frame", 9, 15, "apex 9 is outside onset 5562 .. offset 5566"),
    ("samm", SAMM, 2, "Filename", "006_1_2", 16, "clip 006/006_1_2 stands twice"),
    ("samm", SAMM, 2, "Filename", "006_9_9", 16, "no frames of clip 006/006_9_9"),
    ("samm", SAMM, 1, "Offset Frame", 5568, 15, "2 of 7 frames of 006_1_2 are missing, the first is 5567"),
    ("samm", SAMM, 1, "Onset Frame", None, 15, "onset or offset is missing"),
    ("samm", SAMM, 1, "Action Units", "smile", 15, "cannot read action units 'smile'"),
    ("samm", SAMM, 1, "Subject", "anna", 15, "subject 'anna' has no number"),
    ("samm", SAMM, 1, "Apex Frame", "=D1", 15, "a cell holds a formula"),
    ("casme3", CASME3, 1, "emotion", "joyful", 2, "unknown emotion 'joyful'"),
    ("casme3", CASME3, 1, "Offset", "0", 2, "apex 357 is outside onset 355 .. offset 0"),
    ("casme3", CASME3, 2, "Onset", "355", 3, "clip spNO.1/a/355 stands twice"),
    ("casme3", CASME3, 1, "Offset", "400", 2, "30 of 46 frames of a are missing, the first is 371"),
    ("casme3", CASME3, 1, "Filename", "b", 2, "no frames of clip spNO.1/b"),
    ("mmew", MMEW, 1, "Estimated Emotion", "disgust", 2, "the sheet says disgust, the folder happiness"),
    ("mmew", MMEW, 1, "Subject", 2, 2, "clip 'S01-01-001' is not one of person S02"),
    ("mmew", MMEW, 1, "OnsetFrame", 4, 2, "apex 3 is outside onset 4 .. offset 5"),
    ("mmew", MMEW, 2, "Filename", "S01-04-009", 3, "no frames of clip S01/S01-04-009"),
    ("dfme", DFME, 1, "Fps", 240, 2, "Fps is '240'"),
    ("dfme", DFME, 1, "Emotion", "joy", 2, "unknown emotion 'joy'"),
    ("dfme", DFME, 2, "Filename", "sub0003_01", 3, "stands twice"),
    ("dfme", DFME, 3, "Filename", "sub0010_07", 2, "no frames of clip sub0010/sub0010_07"),
    ("dfme", DFME, 3, "OffsetFrame", 21, 2, "1 of 17 frames of sub0010_01 are missing, the first is 21"),
]


@pytest.mark.parametrize(("name", "table", "row", "column", "value", "line", "message"), FAULTS)
def test_a_planted_fault_is_named_with_file_row_and_remedy(load, name, table, row, column, value, line, message):
    table = changed(table, row, column, value)
    with pytest.raises(WorkbookError, match=re.escape(message)) as error:
        load(name, table=table)
    assert f"row {line}:" in str(error.value) and ".xlsx" in str(error.value) and "What to do" in str(error.value)


# ------------------------------------------------------------------------------------------------ SAMM


@pytest.mark.parametrize("preface", [0, 3, 13])
def test_samm_finds_its_header_folds_its_people_and_opens_the_two_wrong_apexes(load, preface):
    samples = load("samm", preface=preface)
    assert list(samples.subject) == ["samm/006", "samm/006", "samm/028", "samm/032"]
    assert list(samples.apex.isna()) == [False, False, True, True]
    mended = repairs(samples)
    assert mended.repair.to_dict() == {
        "samm/028/028_4_1": "apex left open", "samm/032/032_3_1": "apex left open", "samm/007/007_1_1": "left out",
    }  # fmt: skip
    assert mended.row["samm/028/028_4_1"] == preface + 4 and (mended.reason.str.len() > 20).all()


def test_samm_reads_the_first_page_and_a_csv_alike(tmp_path, load):
    expected = load("samm")
    sheet = tmp_path / "SAMM_Micro_FACS_Codes_v2.xlsx"
    write_sheet(sheet, SAMM[1:], SAMM[0])
    pd.testing.assert_frame_equal(datasets.load("samm", str(tmp_path)), expected)
    pd.DataFrame(SAMM[1:], columns=SAMM[0]).to_csv(tmp_path / "codes.csv", index=False)
    pd.testing.assert_frame_equal(datasets.load("samm", str(tmp_path), str(tmp_path / "codes.csv")), expected)


def test_rows_keep_the_number_a_person_sees(tmp_path):
    (tmp_path / "a.csv").write_text("about these data\n\nName,B b\n\n x ,1\n")
    table = _sheets.read_table(tmp_path / "a.csv", ("name|title", "bb"))
    assert table.to_dict("index") == {5: {"name": "x", "bb": "1"}}
    with pytest.raises(
        WorkbookError, match=r"missing column.* c\. .*one row must name the columns name, c; found Name"
    ):
        _sheets.read_table(tmp_path / "a.csv", ("name", "c"))


# ------------------------------------------------------------------------------------------------ SMIC


def test_smic_takes_label_and_key_frames_from_the_folders(load):
    samples = load("smic").set_index("sample_id")
    assert samples.emotion.to_dict() == {
        "smic/s01/s01_ne_01": "negative", "smic/s01/s01_po_01": "positive", "smic/s03/s03_sur_01": "surprise",
        "smic/s18/s18_sur_02": "surprise",
    }  # fmt: skip
    assert tuple(samples.loc["smic/s01/s01_po_01", ["onset", "offset"]]) == (100, 104)
    assert samples.apex.isna().all() and samples.cropped.all() and set(samples.aus) == {""}
    mended = repairs(load("smic")).repair.to_dict()
    assert mended == {"smic/s18/s18_sur_03": "left out", "smic/s03/s03_sur_01": "onset := 1, offset := 4"}


def test_smic_reads_raw_frames_where_there_are_no_cropped_ones_and_hs_itself(tmp_path, load):
    load("smic")
    write_smic(tmp_path, "SMIC_all_raw", "image{:06d}.bmp")
    assert load("smic").cropped.all()
    assert not datasets.load("smic", str(tmp_path / "SMIC_all_raw/HS")).cropped.any()
    assert datasets.load("smic", str(tmp_path / "SMIC_all_cropped/HS")).cropped.all()
    with pytest.raises(WorkbookError, match="no clips of SMIC-HS are here"):
        datasets.load("smic", str(tmp_path / "SMIC_all_raw/VIS"))


PO = "s1/micro/positive/s1_po_01"


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda hs: [file.unlink() for file in (hs / PO).iterdir()], "holds no frames"),
        (lambda hs: (hs / PO / "reg_image000102.bmp").unlink(), "frame 102 of s01_po_01 is missing"),
        (lambda hs: shutil.copytree(hs / "s1", hs / "s01"), "clip s01/s01_ne_01 is there twice"),
        (lambda hs: (hs / PO).parent.rename(hs / "s1/micro/surprise"), "is not a clip of s01 labelled surprise"),
        (lambda hs: frames(hs / PO, 104, 104, "img{}.png"), "frame 104 stands twice"),
    ],
)
def test_smic_refuses_what_is_not_known(tmp_path, load, fault, message):
    load("smic")
    fault(tmp_path / "SMIC_all_cropped/HS")
    with pytest.raises(WorkbookError, match=message) as error:
        load("smic")
    assert "SMIC_all_cropped" in str(error.value) or "s1/" in str(error.value)
    assert "What to do" in str(error.value)


APEXES = [
    ("s1_po_01", "1", 102),
    ("s01_ne_01", "0", 7),
    ("s3_sur_01", "2", 6),
    ("s18_sur_02", 2, ""),
    ("s18_sur_03", 2, 3),
]


def test_smic_takes_apexes_from_a_table(tmp_path, load):
    load("smic")
    sheet = write_sheet(tmp_path / "apex.xlsx", APEXES, ["clip", "label", "apex_frame"])
    samples = datasets.load("smic", str(tmp_path), str(sheet)).set_index("clip")
    assert samples.apex.dropna().to_dict() == {"s01_po_01": 102, "s01_ne_01": 7, "s03_sur_01": 6}
    assert tuple(samples.loc["s03_sur_01", ["onset", "offset"]]) == (6, 7), "the run that holds the apex"
    shutil.rmtree(tmp_path / "SMIC_all_cropped/HS/s18/micro/surprise/s18_sur_03")
    assert repairs(datasets.load("smic", str(tmp_path), str(sheet))).repair["smic/s18/s18_sur_03"] == "left out"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("s1_po_01", "0", 102), *APEXES[1:]], "row 2: clip 's1_po_01' with label '0' is not of SMIC"),
        ([*APEXES, ("s01_po_01", "1", 102)], "row 7: clip s01_po_01 stands twice"),
        ([("s1_po_01", "1", 99), *APEXES[1:]], "row 2: apex 99 of s01_po_01 is outside its frames 100 .. 104"),
        ([*APEXES, ("s20_po_01", "1", 9)], "row 7: no frames of clip s20_po_01"),
        (APEXES[1:], "clip s01_po_01 is not in the table"),
    ],
)
def test_smic_holds_the_table_against_the_clips(tmp_path, load, rows, message):
    load("smic")
    sheet = write_sheet(tmp_path / "apex.xlsx", rows, ["clip", "label", "apex_frame"])
    with pytest.raises(WorkbookError, match=re.escape(message)) as error:
        datasets.load("smic", str(tmp_path), str(sheet))
    assert "apex.xlsx" in str(error.value) and "What to do" in str(error.value)


def test_the_real_smic_table_parses_completely(shared):
    table = smic.read_sheet(shared / "data/annotations/smic_apex.xlsx")
    assert len(table) == 164 and table.apex.notna().all() and table.index.str[:3].nunique() == 16
    assert table.emotion.value_counts().to_dict() == {"negative": 70, "positive": 51, "surprise": 43}


# ------------------------------------------------------------------------------------------------ CAS(ME)^3


def test_casme3_keys_by_onset_and_mends_what_is_impossible(load):
    samples = load("casme3").set_index("sample_id")
    assert list(samples.index) == [
        "casme3/spNO.1/a/355", "casme3/spNO.1/a/361", "casme3/spNO.1/j/4", "casme3/spNO.149/d/112",
        "casme3/spNO.216/d/2647", "casme3/spNO.216/e/1",
    ]  # fmt: skip
    assert samples.apex["casme3/spNO.149/d/112"] == 160 and samples.path["casme3/spNO.1/j/4"].endswith("color")
    mended = repairs(load("casme3"))
    assert mended.row.to_dict() == {
        "casme3/spNO.149/d/112": 5, "casme3/spNO.216/d/2647": 6, "casme3/spNO.216/e/1": 7,
        "casme3/spNO.40/e/1812": 8, "casme3/spNO.214/c/5": 9,
    }  # fmt: skip
    assert list(mended.repair[-2:]) == ["left out", "left out"]


def test_the_real_casme3_table_is_accounted_for(shared):
    path = shared / "data/annotations/casme3_table.xlsx"
    coded = casme3.read_sheet(path)
    kept, mended = casme3.mend(coded, path)
    assert len(coded) == 860 and coded.subject.nunique() == 94
    assert (coded.groupby(["subject", "clip"]).size() > 1).sum() == 191
    assert coded.emotion.value_counts().to_dict() == {
        "disgust": 250, "surprise": 187, "others": 161, "fear": 86, "anger": 64, "sadness": 57, "happiness": 55,
    }  # fmt: skip
    assert len(kept) + sum(made["repair"] == "left out" for made in mended) == 860
    assert (kept.onset <= kept.apex).all() and (kept.apex <= kept.offset).all()


# ------------------------------------------------------------------------------------------------ MMEW, DFME


def test_mmew_has_one_name_for_others_and_repression(load):
    samples = load("mmew").set_index("clip")
    assert samples.emotion.to_dict() == {"S01-01-001": "happiness", "S01-04-001": "others", "S02-04-001": "others"}
    assert samples.offset["S02-04-001"] == 6 and pd.isna(samples.apex["S02-04-001"])
    mended = repairs(load("mmew")).repair.to_dict()
    assert mended == {"mmew/S02/S02-04-001": "offset := 6, the last frame", "mmew": "emotion := others"}


def test_mmew_reads_the_folders_of_its_web_page(tmp_path, load):
    expected = load("mmew").drop(columns="path")
    for clip in sorted(tmp_path.glob("Micro_Expression/*/S*")):
        place = tmp_path / clip.name[:3] / clip.parent.name
        place.mkdir(parents=True, exist_ok=True)
        clip.rename(place / clip.name)
    pd.testing.assert_frame_equal(load("mmew").drop(columns="path"), expected)


def test_dfme_reads_all_sheets_with_each_clips_frame_rate(tmp_path, load):
    samples = load("dfme").set_index("clip")
    assert samples.fps.to_dict() == {"sub0003_01": 500, "sub0003_02": 300, "sub0010_01": 200}
    assert set(samples.subject) == {"dfme/sub0003", "dfme/sub0010"}
    (test,) = tmp_path.rglob("testA*.xlsx")
    one = datasets.load("dfme", str(tmp_path), str(test))
    assert list(one["clip"]) == ["sub0010_01"]
    for sheet in tmp_path.rglob("*.xlsx"):
        sheet.unlink()
    with pytest.raises(WorkbookError, match="no coding sheet"):
        load("dfme")


# ------------------------------------------------------------------------------------------------ clip folders


def test_frames_are_listed_in_numerical_order_and_strays_apart(tmp_path):
    frames(tmp_path, 8, 11, "x1_img{}.png")
    (tmp_path / "Thumbs.db").touch()
    (tmp_path / "cover.jpg").touch()
    found, strays = _frames.listing(tmp_path)
    assert list(found) == [8, 9, 10, 11] and found[9].name == "x1_img9.png"
    assert [path.name for path in strays] == ["Thumbs.db", "cover.jpg"]
    (tmp_path / "img09.jpg").touch()
    with pytest.raises(WorkbookError, match="frame 9 stands twice"):
        _frames.listing(tmp_path)
