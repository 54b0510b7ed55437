"""Random folds: clips are dealt out as if nobody had recorded several of them, so a person is on both sides.

What a model learns about a face then counts as knowledge of emotions (Saeb et al. 2017,
doi:10.1093/gigascience/gix019).
"""

from functools import partial

from helpers.evaluation.leaks import Leak, _twins

FOLDS = 10


def _twins_of(data, family):
    learn = partial(_twins.plain, family=family)
    folds, n = _twins.parts(data, FOLDS)
    table = _twins.ask(data, family, folds, learn, _twins.seeds_of(family, data))
    mixed = _twins.random_folds_that_mix_people(data, n)
    leaky = _twins.leaky(_twins.ask(data, f"{family}+mixed", mixed, learn), family, "random_folds")
    return _twins.Twins(_twins.honest(data, table, folds, f"parts{n}"), leaky)


LEAKS = (
    Leak(
        "random_folds", "random folds mix people", "random folds over clips",
        "as many folds of whole people", _twins_of,
    ),
)  # fmt: skip
