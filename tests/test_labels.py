"""Emotions, schemes, action units and soft labels."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import labels, models
from helpers.evaluation.scores import BLIND
from helpers.show.plots import PALETTE
from helpers.workspace import ROOT, WorkbookError


@pytest.mark.parametrize(
    ("word", "emotion"),
    [("Happiness", "happiness"), (" surprised ", "surprise"), ("SAD", "sadness"), ("Other", "others")],
)
def test_sources_words_fold_to_one_name(word, emotion):
    assert labels.canonical(word) == emotion


@given(st.text(max_size=12).filter(lambda word: word.strip().lower() not in {*labels.EMOTIONS, *labels.SYNONYMS}))
def test_an_unknown_word_is_an_error_that_names_file_and_row_and_never_a_default(word):
    with pytest.raises(WorkbookError) as error:
        labels.canonical(word, file="sheet.xlsx", row=17)
    assert "sheet.xlsx" in str(error.value) and "row 17" in str(error.value)


def test_every_scheme_covers_only_known_emotions_and_its_own_classes():
    for scheme in labels.SCHEMES.values():
        assert set(scheme.of) <= set(labels.EMOTIONS)
        assert {name for name in scheme.of.values() if name} == set(scheme.classes), scheme.name


def test_every_emotion_and_class_has_a_colour_of_its_own():
    assert set(PALETTE) == set(labels.EMOTIONS)
    assert len(set(PALETTE.values())) == len(PALETTE)


def test_synonyms_lead_to_canonical_names():
    assert set(labels.SYNONYMS.values()) <= set(labels.EMOTIONS)
    assert not set(labels.SYNONYMS) & set(labels.EMOTIONS)


def test_four_class_problem_leaves_others_out_by_name(real_maps):
    counts = labels.targets(real_maps, "casme4").value_counts().to_dict()
    assert counts == {"disgust": 61, "happiness": 32, "repression": 27, "surprise": 25}


def test_a_coarse_label_cannot_stand_for_a_fine_one(smic_maps):
    from helpers import datasets

    samples = datasets.load("megc2019", str(smic_maps))
    samples["dataset"] = "casme2"
    with pytest.raises(WorkbookError, match="says nothing about 'negative'"):
        labels.targets(samples, "casme4")


def test_schemes_for_drops_what_the_labels_are_too_coarse_for(real_maps, shared):
    from helpers import datasets

    coarse = datasets.load("megc2019", str(shared / "data" / "megc2019_flow"))
    assert labels.schemes_for(real_maps) == ["megc3", "casme4"]
    assert labels.schemes_for(coarse) == ["megc3"]


def test_a_dataset_without_schemes_or_with_labels_that_fit_none_is_an_error(real_maps):
    samples = real_maps.copy()
    samples.attrs = {"dataset": "unheard"}
    with pytest.raises(WorkbookError, match="no class schemes are named for unheard"):
        labels.schemes_for(samples)
    samples.attrs = {"dataset": "casme2"}
    with pytest.raises(WorkbookError, match="says nothing about 'contempt'"):
        labels.schemes_for(samples.assign(dataset="casme2", emotion="contempt"))
    with pytest.raises(WorkbookError, match="no class scheme of casme2 fits"):
        labels.schemes_for(samples.assign(dataset="casme2", emotion="negative"))


def units(text):
    return [(unit.side + str(unit.number) + unit.intensity, unit.uncertain) for unit in labels.action_units(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12", [("12", False)]),
        ("4+7+L10", [("4", False), ("7", False), ("L10", False)]),
        ("R1+R2", [("R1", False), ("R2", False)]),
        ("15A+17", [("15A", False), ("17", False)]),
        ("(R6 or R12)+R15", [("R6", True), ("R12", True), ("R15", False)]),
        ("ref(7B)+43", [("7B", True), ("43", False)]),
        ("A14C", [("A14C", False)]),
        ("T28+B23", [("T28", False), ("B23", False)]),
        ("12L+4R", [("L12", False), ("R4", False)]),
        ("4?", [("4", True)]),
        ("AU4", [("4", False)]),
        ("?", []),
        ("", []),
        ("/", []),
    ],
)
def test_action_units_as_coders_write_them(text, expected):
    assert units(text) == expected


@pytest.mark.parametrize("text", ["smile", "4+x", "4++", "12Z", "R12L"])
def test_unreadable_action_units_are_refused_by_row(text):
    with pytest.raises(WorkbookError, match="row 9"):
        labels.action_units(text, row=9)


@pytest.mark.parametrize("shape", ["triangle", "cosine"])
@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_soft_labels_rise_to_one_at_the_apex_and_are_zero_outside(shape, first, rise, fall):
    onset, apex, offset = first, first + rise, first + rise + fall
    frames = np.arange(onset - 3, offset + 4)
    soft = labels.soft_labels(frames, onset, apex, offset, shape)
    assert soft.min() >= 0 and soft.max() <= 1
    assert soft[frames == apex] == pytest.approx(1, abs=1e-6)
    assert not soft[(frames < onset) | (frames > offset)].any()
    assert (np.diff(soft[frames <= apex]) >= -1e-6).all() and (np.diff(soft[frames >= apex]) <= 1e-6).all()


def test_soft_labels_need_key_frames_in_order():
    with pytest.raises(WorkbookError, match="not within"):
        labels.soft_labels([1, 2, 3], onset=3, apex=2, offset=5)


def test_every_look_at_held_out_people_is_listed():
    """A model that a notebook compares has its rows in benchmarks/looks.csv, published beside the headline.

    Notebook 04 leaves out a person at a time. A network with treatments of imbalance (`names` of its file) stands in
    notebook 03.
    """
    looks = pd.read_csv(ROOT / "benchmarks" / "looks.csv")
    for name in set(models.names()) - set(BLIND):
        treated = getattr(models.module(name), "names", None)
        protocol, wanted = ("network-loso", set(treated())) if treated else ("loso", {name})
        for task in (f"megc3-{protocol}", f"demo7-{protocol}"):
            assert wanted <= set(looks.model[looks.task == task]), (name, task)
