"""The leak catalogue: for each leak a clean and a leaky twin of one experiment, alike but for the leak.

A file here is one way to a number that is too good. It has LEAKS, a tuple of Leak, and is found by discovery. Twins
share samples, people, seeds and the family of models: `logistic` (linear), `svm` (kernel), `ststnet` (network). What a
family cannot have is in `absent`, with the reason. Files that begin with an underscore are what leaks are made with.
"""

import importlib
from collections.abc import Callable
from typing import NamedTuple

import pandas as pd

from helpers import workspace
from helpers.evaluation import compare, predictions
from helpers.evaluation.leaks import _sums
from helpers.evaluation.leaks._twins import (  # noqa: F401 (this package's face)
    FAMILIES,
    Data,
    Twins,
    experiment,
    random_folds_that_mix_people,
)
from helpers.evaluation.scores import BASELINE
from helpers.workspace import NotApplicable


class Leak(NamedTuple):
    """One leak. twins(data, family) -> Twins, or NotApplicable; of other sums over the same predictions clean twice."""

    name: str
    title: str  # a few words, for a figure
    deed: str  # what the leaky twin does
    honest: str  # what the clean twin does instead
    twins: Callable
    absent: dict = {}  # noqa: RUF012 {family: why it cannot have this leak}
    families: tuple = FAMILIES
    honest_sum: Callable = _sums.uf1  # what is summed up of the clean predictions: see `_sums`
    leaky_sum: Callable = _sums.uf1
    real_only: bool = False  # score the rows that the clean twin has, and no others
    metric: str = "UF1"


class Found(NamedTuple):
    """What became of all leaks."""

    table: pd.DataFrame  # one row a leak and family: see `inflation`
    clean: pd.DataFrame  # predictions of the clean twins, with the majority row of each of their tasks
    leaky: pd.DataFrame  # those of the leaky twins, each task named after its leak; other sums have none of their own
    absent: pd.DataFrame  # leak, family, why


def catalogue():
    """All leaks, in the order of their files' names."""
    files = (importlib.import_module(f"{__name__}.{name}") for name in workspace.modules(__path__))
    return [leak for file in files for leak in file.LEAKS]


def compute(data, wanted=None, families=FAMILIES):
    """Found: every leak (or those of the names `wanted`) with every family that can have it. data: of `experiment`."""
    rows, clean, leaky, absent, made = [], [], [], [], {}
    for name in wanted or ():
        workspace.require_known(name, [leak.name for leak in catalogue()], "leak")
    chosen = [leak for leak in catalogue() if wanted is None or leak.name in wanted]
    own = [who for leak in chosen for who in leak.families if who not in FAMILIES]
    for family in (*families, *own):
        for leak in chosen:
            if family in own and family not in leak.families:
                continue
            try:
                if family in leak.absent:
                    raise NotApplicable(leak.absent[family])
                if (leak.twins, family) not in made:
                    made[leak.twins, family] = leak.twins(data.for_family(family), family)
                twins = made[leak.twins, family]
            except NotApplicable as why:
                absent.append({"leak": leak.name, "family": family, "why": why.problem})
                continue
            rows.append(inflation(leak, family, twins, data.profile.resamples, data.seeds[0]))
            clean.append(twins.clean)
            leaky += [twins.leaky] * (leak.leaky_sum == leak.honest_sum)
    table = pd.DataFrame(rows)
    table["p_holm"] = compare.holm(table.p)
    clean = pd.concat(clean, ignore_index=True).drop_duplicates()  # twins share rows; unlike ones `check` refuses
    clean = clean.sort_values(predictions.KEY, ignore_index=True)
    absent = pd.DataFrame(absent, columns=["leak", "family", "why"])
    leaky = pd.concat([clean[:0], *leaky], ignore_index=True).drop_duplicates(ignore_index=True)
    return Found(table, predictions.check(clean), leaky, absent)


def inflation(leak, family, twins, resamples=2000, seed=0):
    """One row of the table: what the leak adds to the score, the same people drawn for both twins.

    Columns leak, title, family, metric; clean_task, clean_model: rows of the clean predictions; n: rows scored, and
    leaky_n; people, seeds; honest, leaky; inflation with lo and hi, 95 % percentile interval over people, and p (see
    compare.contrasts); paid: that interval, of this row alone and not corrected for how many rows there are, lies
    above zero. `compute` adds p_holm, corrected for them all.
    """
    clean = twins.clean[twins.clean.model != BASELINE]
    leaky = twins.leaky[twins.leaky.sample_id.isin(clean.sample_id)] if leak.real_only else twins.leaky
    point, drawn, people = _sums.paired(clean, leaky, leak.honest_sum, leak.leaky_sum, resamples, seed)
    one = compare.contrasts(point, drawn, [("leaky", "honest")], people).iloc[0]
    return {
        "leak": leak.name, "title": leak.title, "family": family, "metric": leak.metric,
        "clean_task": clean.task.iloc[0], "clean_model": clean.model.iloc[0], "n": clean.sample_id.nunique(),
        "leaky_n": leaky.sample_id.nunique(), "people": people, "seeds": leaky.seed.nunique(), **point,
        "inflation": one.gain, "lo": one.lo, "hi": one.hi, "p": one.p, "paid": bool(one.lo > 0),
    }  # fmt: skip
