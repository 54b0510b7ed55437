"""Comparison of many models: Holm by hand, intervals that hold together, bars of models that are not told apart."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from helpers.evaluation import compare
from helpers.show import comparison
from helpers.workspace import WorkbookError

CLASSES = ("negative", "positive")


def made(right, people=20, clips=10, seed=0):
    """Predictions {model: share of clips it gets right}; every model errs on clips of its own."""
    rng, parts = np.random.default_rng(seed), []
    who = np.repeat([f"casme2/sub{n:02d}" for n in range(people)], clips)
    truth = np.tile([0, 1], len(who) // 2)
    for model, share in right.items():
        said = np.where(rng.random(len(who)) < share, truth, 1 - truth)
        rows = pd.DataFrame({"task": "two-loso", "sample_id": [f"{p}/{n}" for n, p in enumerate(who)]})
        rows = rows.assign(dataset="casme2", subject=who, model=model, seed=0, fold=who)
        rows = rows.assign(y_true=np.array(CLASSES)[truth], y_pred=np.array(CLASSES)[said])
        parts.append(rows.assign(p_negative=(said == 0) * 1.0, p_positive=(said == 1) * 1.0))
    return pd.concat(parts, ignore_index=True)


def test_holm_by_hand():
    """0.01 x 4, 0.02 x 3, 0.03 x 2 and 0.04 x 1, none below the one before it, none above 1."""
    assert compare.holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert compare.holm([0.6, 0.7]) == pytest.approx([1, 1]) and len(compare.holm([])) == 0


def test_where_nothing_can_be_tested_there_is_no_p_value():
    """Twins differ by nothing: 1. One person's gain is alike in all draws, and an undefined one is undefined: nan."""
    noise = np.random.default_rng(0).normal(0, 0.1, 200)
    drawn = {"b": noise, "twin": noise, "one person": noise + 0.3, "undefined": noise * np.nan, "a": noise[::-1] + 0.3}
    point = {"b": 0.0, "twin": 0.0, "one person": 0.3, "undefined": np.nan, "a": 0.3}
    table = compare.contrasts(point, drawn, [(name, "b") for name in drawn if name != "b"], 20).set_index("model")
    assert table.p["twin"] == 1 and table.p[["one person", "undefined"]].isna().all() and 0 < table.p["a"] < 0.1
    assert table.loc[["one person", "undefined"], ["lo", "hi", "all_lo", "all_hi", "p_holm"]].isna().all(axis=None)
    assert set(table.verdict[["twin", "one person", "undefined"]]) == {"tie"} and np.isfinite(table.all_lo["a"])
    assert table.p_holm["a"] == pytest.approx(2 * table.p["a"]), "what is not tested is not counted"
    assert np.isnan(compare.two_sided(0.3, 0.1, 1)), "one person has no error"
    assert compare.holm([np.nan, np.nan]).tolist() == pytest.approx([np.nan, np.nan], nan_ok=True)
    said = comparison.say_pairs(table.loc[["undefined"]].reset_index().assign(task="t", metric="uf1"), "pairs")
    assert "can be tested" in said


def test_pairs_name_every_pair_once_and_agree_with_gains():
    found = made({"good": 0.9, "fair": 0.75, "bad": 0.5})
    table = compare.pairs(found, "two-loso", ["good", "fair", "bad"], resamples=500)
    assert list(zip(table.model, table.other, strict=True)) == [("good", "fair"), ("good", "bad"), ("fair", "bad")]
    gains = compare.gains(found, "two-loso", "bad", resamples=500).set_index("model")
    assert table.gain[1] == pytest.approx(gains.uf1_gain["good"])
    assert (table.lo[1], table.hi[1]) == pytest.approx((gains.uf1_lo["good"], gains.uf1_hi["good"]))
    assert table.p_holm.to_numpy() == pytest.approx(compare.holm(table.p))
    assert (table.verdict == "better").all() and (table.p_holm >= table.p).all()


def test_intervals_for_all_pairs_are_wider_than_for_one_and_not_wider_than_bonferroni():
    found = made({f"model{n}": 0.7 for n in range(5)}, seed=3)
    table = compare.pairs(found, "two-loso", [f"model{n}" for n in range(5)], "accuracy", resamples=4000)
    alone, together = (table.hi - table.lo).to_numpy(), (table.all_hi - table.all_lo).to_numpy()
    bonferroni = stats.norm.ppf(1 - 0.025 / len(table)) / stats.norm.ppf(0.975)
    assert (together > 1.1 * alone).all() and (together < 1.1 * bonferroni * alone).all()


def test_models_that_are_alike_are_not_told_apart_more_often_than_promised():
    """In 24 worlds without any difference, a corrected verdict is wrong in 5 % at most, with room for luck."""
    wrong = 0
    for seed in range(24):
        found = made({f"model{n}": 0.7 for n in range(4)}, seed=seed)
        table = compare.pairs(found, "two-loso", [f"model{n}" for n in range(4)], resamples=300)
        wrong += (table.verdict != "tie").any()
    assert wrong <= 4


def test_a_model_and_its_twin_have_no_difference_and_no_doubt():
    found = made({"one": 0.8})
    table = compare.pairs(pd.concat([found, found.assign(model="twin")]), "two-loso", [("twin", "one")], resamples=100)
    row = table.iloc[0]
    assert row[["gain", "lo", "hi", "all_lo", "all_hi"]].eq(0).all() and row.p == 1 and row.verdict == "tie"


def test_verdicts_follow_the_corrected_p_value():
    drawn = {"a": np.random.default_rng(0).normal(0, 0.02, 4000), "b": np.zeros(4000)}
    wanted = [("a", "b")] + [(f"same{n}", "b") for n in range(9)]
    nothing = {f"same{n}": np.random.default_rng(n + 1).normal(0, 0.02, 4000) for n in range(9)}
    point = {"a": 0.05, "b": 0.0} | dict.fromkeys(nothing, 0.0)
    alone = compare.contrasts(point, drawn, wanted[:1], people=30)
    among = compare.contrasts(point, drawn | nothing, wanted, people=30)
    assert alone.verdict[0] == "better" and among.verdict[0] == "tie" and among.p[0] == alone.p[0]
    assert among.p_holm[0] == pytest.approx(10 * among.p[0])


def test_people_must_be_the_same_for_both():
    found = made({"one": 0.8, "other": 0.7})
    with pytest.raises(WorkbookError, match="never predicts"):
        compare.pairs(found.drop(index=found.index[-1]), "two-loso", ["one", "other"])


def test_bars_join_the_longest_runs_without_a_difference():
    order = ["a", "b", "c", "d"]
    rows = [(one, other, "tie") for n, one in enumerate(order) for other in order[n + 1 :]]
    table = pd.DataFrame(rows, columns=["model", "other", "verdict"])
    assert compare.ties(table, order) == [(0, 3)]
    table.loc[(table.model == "a") & (table.other == "d"), "verdict"] = "better"
    assert compare.ties(table, order) == [(0, 2), (1, 3)]
    table.loc[table.model == "a", "verdict"] = "better"
    assert compare.ties(table, order) == [(1, 3)]
    table["verdict"] = "worse"
    assert compare.ties(table, order) == []
