"""Every reader returns the same table; bad input ends in a message that names the file, the row and the remedy."""

import shutil

import cv2
import numpy as np
import pandas as pd
import pytest
from conftest import CASME2_ROWS, HEADER, casme2_sheet, write_flow_release, write_sheet

from helpers import datasets, labels
from helpers.datasets import casme2, megc2019
from helpers.motion import flow
from helpers.workspace import WorkbookError

CARD_KEYS = {"title", "people", "clips", "fps", "resolution", "elicitation", "labels", "access", "licence", "citation"}


@pytest.mark.parametrize("name", datasets.names())
def test_every_reader_has_a_data_sheet_and_the_two_functions(name):
    module = datasets.reader(name)
    assert set(module.CARD) >= CARD_KEYS
    assert module.__doc__ and len(module.__doc__) > 400, "the docstring is the data sheet"
    assert callable(module.read)


def test_an_unknown_dataset_lists_the_known_ones():
    with pytest.raises(WorkbookError, match=", ".join(datasets.names())):
        datasets.load("fer2013")


def test_an_empty_folder_says_how_to_get_the_data(tmp_path):
    with pytest.raises(WorkbookError, match="is empty.*release agreement"):
        datasets.load("casme2", str(tmp_path))


def test_samples_of_the_demo(demo):
    assert tuple(demo.columns) == (*datasets.COLUMNS, "cropped") and demo.cropped.all()
    assert demo.attrs["synthetic"] and demo.sample_id.is_unique and demo.sample_id.is_monotonic_increasing
    assert (demo.onset <= demo.apex).all() and (demo.apex <= demo.offset).all()
    assert set(demo.emotion) == set(labels.scheme("demo7").classes)


# ------------------------------------------------------------------------------------------------ the schema's door


@pytest.fixture
def good(smic_maps):
    return datasets.load("megc2019", str(smic_maps))


def changed(samples, **values):
    bad = samples.copy()
    for column, value in values.items():
        bad[column] = bad[column].astype(object)
        bad.loc[3, column] = value
    return bad


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"emotion": "joyful"}, "unknown emotion 'joyful'"),
        ({"kind": "hologram"}, "unknown kind"),
        ({"subject": "s01"}, "does not carry its dataset"),
        ({"onset": 9, "apex": 3, "offset": 12}, "onset 9, apex 3, offset 12 are not in order"),
    ],
)
def test_a_bad_row_is_named(good, values, message):
    with pytest.raises(WorkbookError, match=message) as error:
        datasets.check(changed(good, **values), file="somewhere")
    assert (
        good.sample_id[3] in str(error.value) and "somewhere" in str(error.value) and "What to do" in str(error.value)
    )


def test_a_missing_column_and_a_repeated_key_are_named(good):
    with pytest.raises(WorkbookError, match="missing column.* fps"):
        datasets.check(good.drop(columns="fps"))
    with pytest.raises(WorkbookError, match="stands twice"):
        datasets.check(pd.concat([good, good.iloc[[5]]]))


# ------------------------------------------------------------------------------------------------ CASME II


def test_casme2_reads_sheet_and_frames_and_shows_its_repairs(casme2_folder):
    samples = datasets.load("casme2", str(casme2_folder)).set_index("sample_id")
    repairs = datasets.repairs(datasets.load("casme2", str(casme2_folder))).set_index("sample_id")
    assert list(samples.index) == [
        "casme2/sub01/EP02_01f", "casme2/sub01/EP03_02", "casme2/sub02/EP02_01f", "casme2/sub16/EP01_08",
    ]  # fmt: skip
    assert list(samples.emotion) == ["happiness", "disgust", "others", "surprise"]
    assert samples.subject.nunique() == 3 and (samples.fps == 200).all()
    assert pd.isna(samples.apex["casme2/sub02/EP02_01f"])
    assert samples.offset["casme2/sub16/EP01_08"] == 12 and samples.apex["casme2/sub16/EP01_08"] == 7
    assert "apex is open" in repairs.problem["casme2/sub02/EP02_01f"]
    assert repairs.repair["casme2/sub16/EP01_08"] == "offset := 12" and repairs.reason.str.len().min() > 10


def test_casme2_prefers_cropped_frames(casme2_folder):
    folder = casme2_folder / "Cropped" / "sub01" / "EP03_02"
    folder.mkdir(parents=True)
    for number in range(8, 13):
        cv2.imwrite(str(folder / f"reg_img{number}.jpg"), np.zeros((8, 8, 3), np.uint8))
    samples = datasets.load("casme2", str(casme2_folder)).set_index("sample_id")
    assert samples.cropped.to_dict() == {name: name == "casme2/sub01/EP03_02" for name in samples.index}
    assert "Cropped" in samples.path["casme2/sub01/EP03_02"]


def test_a_folder_above_the_data_does_not_make_crops_of_whole_pictures(casme2_folder):
    root = casme2_folder.rename(casme2_folder.with_name("mycrop-project"))
    assert not datasets.load("casme2", str(root)).cropped.any()


def test_one_clip_in_two_folders_is_refused_and_archive_litter_is_not_data(casme2_folder):
    raw = casme2_folder / "CASME2_RAW_selected"
    shutil.copytree(raw, casme2_folder / "__MACOSX" / "Cropped")
    assert not datasets.load("casme2", str(casme2_folder)).cropped.any()
    shutil.copytree(raw / "sub01" / "EP03_02", raw / "sub1" / "EP03_02")
    with pytest.raises(WorkbookError, match="clip sub01/EP03_02 is there twice"):
        datasets.load("casme2", str(casme2_folder))


def test_a_cut_extraction_is_refused_and_only_the_known_one_is_mended(casme2_folder):
    (casme2_folder / "CASME2_RAW_selected/sub01/EP02_01f/img51.png").unlink()
    with pytest.raises(WorkbookError, match="row 2: 1 of 6 frames of EP02_01f are missing"):
        datasets.load("casme2", str(casme2_folder))


def with_row(folder, number, **values):
    rows = [dict(zip(HEADER, row, strict=True)) for row in CASME2_ROWS]
    rows[number] |= values
    write_sheet(folder / "CASME2-coding-test.xlsx", [list(row.values()) for row in rows])


@pytest.mark.parametrize(
    ("row", "values", "message"),
    [
        (0, {"Estimated Emotion": "joyful"}, "row 2: unknown emotion 'joyful'"),
        (1, {"ApexFrame": 99}, "row 3: apex 99 is outside onset 8 .. offset 12"),
        (1, {"Filename": "EP02_01f"}, "row 3: clip sub01/EP02_01f stands twice"),
        (1, {"Filename": "EP99"}, "row 3: no frames of clip sub01/EP99"),
        (0, {"OnsetFrame": "early"}, "row 2: OnsetFrame is 'early', not a frame number"),
        (0, {"Action Units": "smile"}, "row 2: cannot read action units 'smile'"),
        (0, {"OnsetFrame": "=1+1"}, "row 2: a cell holds a formula"),
        (1, {"Subject": "anna"}, "row 3: subject 'anna' has no number"),
    ],
)
def test_casme2_names_file_and_row_of_a_bad_cell(casme2_folder, row, values, message):
    with_row(casme2_folder, row, **values)
    with pytest.raises(WorkbookError) as error:
        datasets.load("casme2", str(casme2_folder))
    assert message in str(error.value) and "CASME2-coding-test.xlsx" in str(error.value)


def test_casme2_counts_frames_against_the_sheet(casme2_folder):
    (casme2_folder / "CASME2_RAW_selected/sub01/EP02_01f/img49.png").unlink()
    with pytest.raises(WorkbookError, match="row 2: 1 of 6 frames of EP02_01f are missing"):
        datasets.load("casme2", str(casme2_folder))


def test_casme2_missing_column_two_sheets_and_damaged_sheet(casme2_folder):
    sheet = casme2_folder / "CASME2-coding-test.xlsx"
    write_sheet(sheet, [row[:6] for row in CASME2_ROWS], HEADER[:6])
    with pytest.raises(WorkbookError, match="missing column.* Estimated Emotion"):
        datasets.load("casme2", str(casme2_folder))
    sheet.write_bytes(b"PK\x03\x04 not a workbook")
    with pytest.raises(WorkbookError, match="cannot read the table"):
        datasets.load("casme2", str(casme2_folder))
    write_sheet(casme2_folder / "CASME2-coding-other.xlsx", CASME2_ROWS)
    with pytest.raises(WorkbookError, match="2 coding sheets"):
        datasets.load("casme2", str(casme2_folder))


def test_casme2_ignores_nameless_columns_and_blank_rows(casme2_folder):
    rows = [[*row[:2], None, *row[2:]] for row in CASME2_ROWS]
    write_sheet(
        casme2_folder / "CASME2-coding-test.xlsx", [rows[0], [None] * 8, *rows[1:]], [*HEADER[:2], None, *HEADER[2:]]
    )
    assert len(datasets.load("casme2", str(casme2_folder))) == 4


def test_the_real_casme2_sheet_parses_completely(shared):
    coded = casme2.read_sheet(casme2_sheet(shared))
    counts = {"happiness": 32, "others": 99, "sadness": 7, "fear": 2, "disgust": 63, "repression": 27, "surprise": 25}
    assert len(coded) == 255 and coded.emotion.value_counts().to_dict() == counts
    assert coded.subject.nunique() == 26


# ------------------------------------------------------------------------------------------------ public flow maps


def test_real_flow_maps_have_the_composites_counts(real_maps):
    assert len(real_maps) == 309 and real_maps.subject.nunique() == 40
    assert set(real_maps.kind) == {"flow"}
    composite = labels.targets(real_maps, "megc3").groupby(real_maps.dataset).value_counts().to_dict()
    for dataset in ("casme2", "smic"):
        assert tuple(composite[dataset, name] for name in megc2019.CLASSES.values()) == megc2019.COUNTS[dataset][2:]
    coded = real_maps[real_maps.dataset == "casme2"]
    assert (coded.onset <= coded.apex).all() and (coded.apex <= coded.offset).all()


def test_the_public_releases_own_names_and_all_three_datasets(tmp_path):
    counts = {name: (people, emotions) for name, (_, people, *emotions) in megc2019.COUNTS.items()}
    table, folder = "combined_3_class2_for_optical_flow.csv", "datasets/STSNet_whole_norm_u_v_os"
    samples = datasets.load("megc2019", str(write_flow_release(tmp_path, counts, table, folder)))
    assert len(samples) == 442 and samples.subject.nunique() == 68
    assert samples.emotion.value_counts().to_dict() == {"negative": 250, "positive": 109, "surprise": 83}


def test_a_dataset_that_is_wholly_absent_is_allowed_a_partial_one_is_not(tmp_path):
    counts = {name: (people, emotions) for name, (_, people, *emotions) in megc2019.COUNTS.items()}
    root = write_flow_release(tmp_path, counts)
    for path in (root / "flow").glob("[0-9]*.png"):
        path.unlink()
    samples = datasets.load("megc2019", str(root))
    assert set(samples.dataset) == {"casme2", "smic"}
    assert datasets.repairs(samples).repair.to_list() == ["dataset left out"]
    next((root / "flow").glob("s01*.png")).unlink()
    with pytest.raises(WorkbookError, match="flow map of this row is missing"):
        datasets.load("megc2019", str(root))


def test_counts_that_differ_from_the_release_are_refused(tmp_path):
    with pytest.raises(WorkbookError, match="smic has .* the release"):
        datasets.load("megc2019", str(write_flow_release(tmp_path, {"smic": (16, (70, 51, 42))})))


def test_a_strange_label_is_refused_by_row(tmp_path):
    root = write_flow_release(tmp_path, {"smic": (16, (70, 51, 43))})
    table = (root / "labels.csv").read_text().replace(",0\n", ",7\n", 1)
    (root / "labels.csv").write_text(table)
    with pytest.raises(WorkbookError, match=r"row 2: dataset 'smic' with label '7'"):
        datasets.load("megc2019", str(root))


def test_wrong_map_size_unreadable_map_and_swapped_channels_are_refused(tmp_path):
    root = write_flow_release(tmp_path, {"smic": (16, (70, 51, 43))})
    samples = datasets.load("megc2019", str(root))
    first = samples.path[0]
    picture = cv2.imread(first)
    cv2.imwrite(first, picture[:20])
    with pytest.raises(WorkbookError, match="20 x 28 x 3, not 28 x 28 x 3"):
        flow.onset_to_apex(samples)
    with open(first, "wb") as file:
        file.write(b"\x89PNG broken")
    with pytest.raises(WorkbookError, match="is cut off"):
        flow.onset_to_apex(samples)
    cv2.imwrite(first, picture)
    assert flow.onset_to_apex(samples).values.shape == (164, 1, 3, 28, 28)
    for path in samples.path:
        cv2.imwrite(path, np.ascontiguousarray(cv2.imread(path)[..., ::-1]))
    with pytest.raises(WorkbookError, match="channels of the flow maps"):
        flow.onset_to_apex(samples)


def test_annotations_of_another_coding_are_refused(smic_maps, shared, tmp_path):
    root = write_flow_release(tmp_path, {"casme2": (24, (88, 32, 25))})
    with pytest.raises(WorkbookError, match="this clip is not in the sheet"):
        datasets.load("megc2019", str(root), str(casme2_sheet(shared)))
    with pytest.raises(WorkbookError, match="annotation file does not exist"):
        datasets.load("megc2019", str(root), str(tmp_path / "none.xlsx"))


def test_one_name_in_two_datasets_stays_two_people(tmp_path):
    counts = {name: (people, emotions) for name, (_, people, *emotions) in megc2019.COUNTS.items()}
    samples = datasets.load("megc2019", str(write_flow_release(tmp_path, counts)))
    bare = samples.subject.str.split("/").str[1].str.lstrip("sub0")
    assert bare.nunique() < samples.subject.nunique() == 68
