"""Nobody is ever on both sides."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import workspace
from helpers.evaluation import splits
from helpers.models import fold_pairs, inner_folds
from helpers.workspace import WorkbookError


def people(pairs):
    frame = pd.DataFrame(pairs, columns=["dataset", "number"])
    return frame.assign(subject=frame.dataset + "/" + frame.number.astype(str))


PAIRS = st.lists(st.tuples(st.sampled_from(["casme2", "samm", "smic"]), st.integers(1, 6)), min_size=2, max_size=60)


@given(PAIRS)
def test_loso_holds_out_each_person_once(pairs):
    samples = people(pairs)
    if samples.subject.nunique() < 2:
        with pytest.raises(WorkbookError, match="only one person"):
            splits.loso(samples)
        return
    folds = splits.loso(samples)
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(len(samples)))
    for fold in folds:
        assert set(samples.subject.iloc[fold.test]) == {fold.name}
        assert fold.name not in set(samples.subject.iloc[fold.train])
        assert len(fold.train) + len(fold.test) == len(samples)


def test_lodo_refuses_a_person_in_two_datasets():
    samples = people([("casme2", 1), ("samm", 2)])
    assert [fold.name for fold in splits.lodo(samples)] == ["casme2", "samm"]
    samples["subject"] = "anna"
    with pytest.raises(WorkbookError, match="anna is on both sides"):
        splits.lodo(samples)


def test_the_sources_own_split_is_used_only_where_it_is_given():
    samples = people([("kaggle", 1), ("kaggle", 2), ("kaggle", 3)])
    with pytest.raises(WorkbookError, match="no train/test split"):
        splits.fixed(samples)
    (fold,) = splits.fixed(samples.assign(split=["train", "test", "train"]))
    assert list(fold.train) == [0, 2] and list(fold.test) == [1]
    with pytest.raises(WorkbookError, match="kaggle/1 is on both sides"):
        splits.fixed(people([("kaggle", 1), ("kaggle", 1)]).assign(split=["train", "test"]))


@given(st.lists(st.tuples(st.integers(0, 7), st.sampled_from("abc")), min_size=4, max_size=60), st.integers(2, 5))
def test_inner_folds_never_split_a_person(rows, n):
    groups, y = np.array([f"p{person}" for person, _ in rows]), np.array([label for _, label in rows])
    if len(set(groups)) < 2 or max(Counter(y).values()) < 2:
        with pytest.raises(WorkbookError, match="at least two people"):
            inner_folds(y, groups, n)
        return
    fold_of = inner_folds(y, groups, n)
    for train, test in fold_pairs(fold_of):
        assert not set(groups[train]) & set(groups[test])
        assert set(y[train]) == set(y), "every class is in every training part"
    for person in set(groups):
        assert len(set(fold_of[groups == person])) == 1


def test_tuning_without_people_is_an_error():
    with pytest.raises(WorkbookError, match="fit needs groups"):
        inner_folds(np.array(["a", "b"]), None)


def test_networks_leave_out_every_person_of_fewer_drawn_people_and_of_all_real_ones():
    samples = people([("demo", number) for number in range(10) for _ in range(number + 1)])
    samples["emotion"] = "others"
    samples.loc[samples.subject == "demo/2", "emotion"] = ["fear", "others", "disgust"]
    samples.attrs["synthetic"] = True
    kept = splits.for_networks(samples, workspace.profile("quick"))
    assert set(samples.subject[kept]) == {f"demo/{n}" for n in (2, 3, 4, 5, 6, 7, 8, 9)}, (
        "most emotions, then most clips"
    )
    assert splits.for_networks(samples, workspace.profile("full")).all()
    samples.attrs["synthetic"] = False
    assert splits.for_networks(samples, workspace.profile("tiny")).all()
