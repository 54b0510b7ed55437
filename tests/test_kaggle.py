"""The stills: labels in folders, copies found and kept off both sides, broken pictures by name, work done once."""

import os
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from helpers import datasets, labels, workspace
from helpers.datasets import _duplicates, kaggle
from helpers.datasets.demo import truth
from helpers.evaluation import predictions, scores, splits
from helpers.show import eda
from helpers.workspace import WorkbookError


@pytest.fixture(scope="session")
def stills(demo):
    """Samples of the demo's stills."""
    return datasets.load("kaggle", str(Path(demo.attrs["root"]) / "stills"))


def picture(seed, side=48):
    """An invented picture, BGR uint8: smooth blobs and fine grain; each seed is another one."""
    rng = np.random.default_rng(seed)
    coarse, fine = (rng.uniform(0, 255, (cells, cells, 3)).astype(np.float32) for cells in (5, 16))
    parts = [cv2.resize(part, (side, side), interpolation=cv2.INTER_CUBIC) for part in (coarse, fine)]
    return np.clip(0.7 * parts[0] + 0.3 * parts[1], 0, 255).astype(np.uint8)


def write(root, pictures):
    """Write {relative path: seed or picture or bytes} below root and return it."""
    for name, content in pictures.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(content, bytes):
            shown = picture(content) if isinstance(content, int) else content
            content = cv2.imencode(path.suffix, shown)[1].tobytes()
        path.write_bytes(content)
    return root


SMALL = {
    "train/train1/happy/1.png": 1, "train/train2/Surprised/2.png": 2, "train/train3/ sadness /3.png": 3,
    "test/test1/Happiness/4.png": 4, "test/test2/contempt/5.png": 5,
}  # fmt: skip


def test_labels_parts_and_names_of_any_spelling(tmp_path):
    extra = {"Train/FEARFUL/über uns (1).png": 6, "TEST/angry/a.b.JPG": 7, "test/test2/Neutrality/x.webp": 8}
    samples = datasets.load("kaggle", str(write(tmp_path, SMALL | extra))).set_index("clip")
    assert samples.emotion.to_dict() == {
        "train__train1__happy__1": "happiness", "train__train2__Surprised__2": "surprise",
        "train__train3__ sadness __3": "sadness", "test__test1__Happiness__4": "happiness",
        "test__test2__contempt__5": "contempt", "Train__FEARFUL__über uns (1)": "fear", "TEST__angry__a.b": "anger",
        "test__test2__Neutrality__x": "neutral",
    }  # fmt: skip
    assert all(split == name.split("__")[0].lower() for name, split in samples.split.items())
    assert set(samples.kind) == {"image"} and samples[["onset", "apex", "offset", "fps"]].isna().all(axis=None)
    assert all(Path(path).is_file() for path in samples.path) and samples.subject.is_unique


def test_one_name_with_two_suffixes_is_two_stills(tmp_path):
    samples = datasets.load("kaggle", str(write(tmp_path, SMALL | {"train/train1/happy/1.jpg": 9})))
    assert {"train__train1__happy__1.jpg", "train__train1__happy__1.png"} <= set(samples["clip"])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("train/train1/joyful/9.png", "train1/joyful: unknown label folder 'joyful'.*SYNONYMS"),
        ("validation/happy/9.png", "validation/happy: these stills lie in neither train nor test.*--data-dir"),
        ("train/test1/happy/9.png", "lie in train and in test"),
        ("train/9.png", "unknown label folder 'train'"),
    ],
)
def test_a_folder_that_means_nothing_is_named(tmp_path, name, message):
    with pytest.raises(WorkbookError, match=message):
        datasets.load("kaggle", str(write(tmp_path, SMALL | {name: 9})))


def test_no_pictures_and_a_coding_sheet_are_refused(tmp_path):
    (tmp_path / "train" / "happy").mkdir(parents=True)
    with pytest.raises(WorkbookError, match="no pictures in train or test.*kmirfan"):
        datasets.load("kaggle", str(tmp_path))
    (tmp_path / "sheet.csv").write_text("a,b")
    with pytest.raises(WorkbookError, match="no coding sheet.*--annotations"):
        datasets.load("kaggle", str(tmp_path), str(tmp_path / "sheet.csv"))


def test_broken_pictures_are_left_out_by_name(tmp_path):
    whole = cv2.imencode(".jpg", picture(20, 96))[1].tobytes()
    broken = {"train/train1/happy/empty.jpg": b"", "test/test1/happy/cut.jpg": whole[: len(whole) // 2]}
    broken["train/train2/sad/page.png"] = b"<html>not found</html>"
    root = write(tmp_path, SMALL | broken)
    for _ in range(2):  # also from the cache
        samples = datasets.load("kaggle", str(root))
        repairs = datasets.repairs(samples).set_index("row")
        assert len(samples) == len(SMALL) and set(repairs.index) == set(broken)
        assert set(repairs.repair) == {"left out"} and repairs.reason.str.contains("cannot be decoded").all()
        assert repairs.file["test/test1/happy/cut.jpg"] == "cut.jpg" and "truncated" in repairs.reason.iloc[0]
        assert not repairs.reason.str.contains(str(tmp_path)).any()


def test_a_disk_that_fails_is_an_error_and_not_a_broken_picture(tmp_path):
    root = write(tmp_path, SMALL)

    class Failing(type(root)):
        def read_bytes(self):
            raise OSError(5, "Input/output error")

    with pytest.raises(WorkbookError, match=r"\.png: the picture cannot be read \(Input/output error\)"):
        _duplicates._hash(Failing(root / "train/train1/happy/1.png"))


def test_litter_is_not_data_and_strangers_are_counted(tmp_path):
    litter = {"__MACOSX/train/happy/._1.jpg": b"x", "train/train1/happy/.DS_Store": b"x", "train/Thumbs.db": b"x"}
    strange = {"annotations.csv": b"x", "train/train1/happy/a.txt": b"x", "train/train1/happy/b.txt": b"x"}
    samples = datasets.load("kaggle", str(write(tmp_path, SMALL | litter | strange)))
    assert len(samples) == len(SMALL)
    problems = datasets.repairs(samples).problem
    assert list(problems) == ["1 files (.csv) are no pictures", "2 files (.txt) are no pictures"]


def test_linked_folders_are_read_and_a_circle_ends(tmp_path):
    write(tmp_path / "elsewhere", {"happy/1.png": 30})
    root = write(tmp_path / "set", SMALL)
    (root / "train" / "train9").symlink_to(tmp_path / "elsewhere")
    (root / "train" / "train1" / "again").symlink_to(root)
    assert len(datasets.load("kaggle", str(root))) == len(SMALL) + 1


# ------------------------------------------------------------------------------------------------ near-duplicates


def test_all_planted_copies_are_found_and_no_other_test_still_is_taken(demo, stills):
    planted = truth.table(demo.attrs["root"], "stills").query("copy_of != ''")
    at = {Path(path).relative_to(demo.attrs["root"]).as_posix(): row for row, path in enumerate(stills.path)}
    assert {stills.path[row] for row in stills.index[stills.split == "duplicate"]} == {
        stills.path[at[name]] for name in planted.path
    }
    pairs = kaggle.duplicates(stills)
    found = {frozenset(pair) for pair in zip(pairs.sample_id, pairs.other, strict=True)}
    reported = datasets.repairs(stills).set_index("sample_id").problem
    for row in planted.itertuples():
        copy, source = (stills.sample_id[at[name]] for name in (row.path, row.copy_of))
        assert frozenset((copy, source)) in found
        assert stills.subject[at[row.path]] == stills.subject[at[row.copy_of]]
        assert reported[copy] == f"near-duplicate of the train still {source}"
    assert pairs.across_split.sum() == len(planted), "no pair across the split but the planted ones"
    assert pairs.distance.is_monotonic_increasing and pairs.likeness.between(_duplicates.ALIKE, 1).all()
    assert len(pairs) <= 3 * len(planted) and stills.subject.value_counts().max() <= 3


def test_clusters_are_never_on_both_sides(stills):
    (fold,) = splits.fixed(stills)
    train, test = stills.iloc[fold.train], stills.iloc[fold.test]
    assert set(train.split) == {"train"} and set(test.split) == {"test"}
    assert not set(train.subject) & set(test.subject)
    assert len(train) + len(test) == len(stills) - (stills.split == "duplicate").sum() < len(stills)


@pytest.mark.parametrize("given", [["train", "train"], ["duplicate", "test"], ["train", "validation"]])
def test_a_split_without_both_sides_is_refused(given):
    with pytest.raises(WorkbookError, match="no train/test split"):
        splits.fixed(pd.DataFrame({"subject": ["kaggle/a", "kaggle/b"], "split": given}))


def test_copies_of_every_kind_and_labels_that_disagree(tmp_path):
    source = picture(40, 64)
    cropped = cv2.resize(source[1:-1, 1:], (64, 64))
    copies = {
        "train/train1/happy/source.png": source,
        "train/train2/sad/same.png": source,  # equal pixels under another label
        "test/test1/happy/darker.png": (source * 0.85).astype(np.uint8),
        "test/test1/happy/cropped.jpg": cropped,
        "test/test2/fear/small.png": cv2.resize(source, (48, 48), interpolation=cv2.INTER_AREA),
    }
    flat = {f"test/test1/fear/black{side}.png": np.zeros((side, side, 3), np.uint8) for side in (48, 64)}
    samples = datasets.load("kaggle", str(write(tmp_path, SMALL | copies | flat)))
    mine = samples[samples["clip"].str.contains("source|same|darker|cropped|small")]
    assert mine.subject.nunique() == 1 and sorted(mine.split) == ["duplicate"] * 3 + ["train"] * 2
    blank = samples[samples["clip"].str.contains("black")]
    assert blank.subject.nunique() == 1 and set(blank.split) == {"test"}, "copies within test stay, as one subject"
    pairs = kaggle.duplicates(samples)
    equal = pairs[pairs["sample_id"].str.contains("source") & pairs.other.str.contains("same")].iloc[0]
    assert (equal.distance, equal.likeness, equal.same_label, equal.across_split) == (0, 1, False, False)
    problems = list(datasets.repairs(samples).problem)
    assert "7 stills are near-duplicates: 2 clusters, at most 5" in problems
    assert "1 pairs of near-duplicates in train carry different labels" in problems


def test_equal_pictures_make_a_chain_not_a_square(tmp_path):
    root = write(tmp_path, SMALL | {f"train/train1/fear/{number}.png": 50 for number in range(30)})
    assert len(kaggle.duplicates(datasets.load("kaggle", str(root)))) == 29


def test_pairs_of_a_part_of_the_samples(stills):
    some = stills[stills.split == "train"]
    assert not kaggle.duplicates(some).across_split.any()


def test_the_search_finds_every_near_pair_of_hashes():
    rng = np.random.default_rng(0)
    words = rng.integers(0, 2**64 - 1, (500, 4), dtype=np.uint64)
    bits = np.unpackbits(words[:20].view(np.uint8), axis=1)
    for row, count in enumerate(range(_duplicates.NEAR - 10, _duplicates.NEAR + 10)):
        bits[row, rng.choice(256, count, replace=False)] ^= 1
    words[100:120] = np.packbits(bits, axis=1).view(np.uint64)
    words[200], words[300] = 0, 2**64 - 1  # 256 bits apart: more than 8 bits can count
    first, second, distance = _duplicates._near(words)
    near = _duplicates.NEAR
    assert list(zip(first, second, distance, strict=True)) == [(k, 100 + k, near - 10 + k) for k in range(11)]


def test_likeness_ignores_light_shift_and_blur_and_nothing_else():
    source = cv2.resize(picture(60, 52), (52, 52)).mean(axis=2).astype(np.float32)
    shown = cv2.GaussianBlur(source, (0, 0), 1.5)
    changed = {"lighter": 1.2 * shown[2:-2, 2:-2] + 9, "shifted": shown[2:-2, 3:-1], "itself": shown[2:-2, 2:-2]}
    changed["blurred"] = cv2.GaussianBlur(source, (0, 0), 1.8)[2:-2, 2:-2]
    other = cv2.GaussianBlur(picture(61).mean(axis=2).astype(np.float32), (0, 0), 1.5)
    flat = np.full_like(other, 7)
    first = np.repeat(shown[None, 2:-2, 2:-2], len(changed), axis=0)
    assert (_duplicates.likeness(first, np.stack(list(changed.values()))) > 0.98).all()
    pairs = np.stack([first[0], flat, flat]), np.stack([other, first[0], flat])
    other, contrast_and_none, none_twice = _duplicates.likeness(*pairs)
    assert other < 0.5 and contrast_and_none == 0 and none_twice == 1


# ------------------------------------------------------------------------------------------------ the cache


@pytest.fixture
def hashed(monkeypatch):
    """Names of the pictures that are hashed while the test runs."""
    names, real = [], _duplicates._hash
    monkeypatch.setattr(_duplicates, "_hash", lambda path: names.append(path.name) or real(path))
    return names


def test_a_second_load_hashes_nothing_and_is_the_same(tmp_path, hashed, monkeypatch):
    root = write(tmp_path, SMALL | {"test/test1/happy/copy.png": 1})
    first = datasets.load("kaggle", str(root))
    assert len(hashed) == len(SMALL) + 1
    monkeypatch.setattr(_duplicates, "_near", None)
    second = datasets.load("kaggle", str(root))
    pd.testing.assert_frame_equal(first, second)
    assert len(hashed) == len(SMALL) + 1 and first.attrs == second.attrs
    assert set(first.split) == {"train", "test", "duplicate"}


def test_a_changed_file_alone_is_hashed_again(tmp_path, hashed):
    root = write(tmp_path, SMALL | {"test/test1/happy/copy.png": 1})
    datasets.load("kaggle", str(root))
    hashed.clear()
    write(root, {"test/test1/happy/copy.png": 70, "train/train1/happy/new.png": 71})
    os.utime(root / "test/test1/happy/copy.png", (1, 1))
    samples = datasets.load("kaggle", str(root))
    assert sorted(hashed) == ["copy.png", "new.png"] and "duplicate" not in set(samples.split)
    (root / "train/train1/happy/new.png").unlink()
    hashed.clear()
    assert len(datasets.load("kaggle", str(root))) == len(SMALL) + 1 and not hashed


def test_a_damaged_cache_is_made_again(tmp_path, hashed, monkeypatch):
    monkeypatch.setenv(workspace.CACHE_VARIABLE, str(tmp_path / "cache"))
    root = write(tmp_path / "set", SMALL)
    first = datasets.load("kaggle", str(root))
    (file,) = (tmp_path / "cache" / "kaggle-hashes").iterdir()
    file.write_bytes(file.read_bytes()[:300])
    pd.testing.assert_frame_equal(first, datasets.load("kaggle", str(root)))
    assert len(hashed) == 2 * len(SMALL)


def test_many_pictures_are_hashed_in_processes_alike(stills, monkeypatch):
    paths = [Path(path) for path in stills.path[:40]]
    alone = _duplicates._hash_all(paths)
    monkeypatch.setattr(_duplicates, "FEW", 10)
    monkeypatch.setattr(_duplicates, "CHUNK", 16)
    for one, other in zip(alone, _duplicates._hash_all(paths), strict=True):
        assert np.array_equal(one[0], other[0]) and one[1:] == other[1:]


# ------------------------------------------------------------------------------------------------ classes and scores


def test_eight_folders_and_the_posters_seven(stills):
    assert labels.schemes_for(stills) == ["kaggle8", "kaggle7"]
    eight, seven = (labels.targets(stills, name) for name in ("kaggle8", "kaggle7"))
    assert eight.notna().all() and set(eight) == set(labels.scheme("kaggle8").classes)
    assert set(stills.emotion[seven.isna()]) == {"sadness"}, "left out by name"
    assert len(labels.scheme("kaggle7").classes) == 7


def test_a_class_that_only_the_test_part_has_counts_and_is_never_found(stills, tiny):
    blind, models = np.zeros((len(stills), 1)), ["majority", "stratified"]
    table, records = predictions.cross_predict_schemes(["kaggle8"], "fixed", models, blind, stills, tiny)
    assert set(records.unseen_classes) == {"contempt"}
    assert set(table.sample_id) == set(stills.sample_id[stills.split == "test"])
    assert (table.p_contempt == 0).all() and "contempt" in set(table.y_true)
    results = scores.score(table, resamples=50).set_index("model")
    assert (results.recall_contempt == 0).all() and results.uar["majority"] == pytest.approx(1 / 8)


def test_what_is_shown_before_any_model_fits_stills(stills):
    assert list(eda.compute_classes(stills).columns) == ["duplicate", "test", "train"]
    assert eda.compute_classes(stills).loc["contempt", "train"] == 0
    assert eda.compute_summary(stills).loc["people", "in this folder"].endswith(" clusters")
    assert eda.compute_durations(stills).empty and eda.compute_action_units(stills).empty
