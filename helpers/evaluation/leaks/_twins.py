"""What all leaks are made with: the data of one experiment, how models are asked about it, folds nobody should use.

`fit` gets training rows here as everywhere. A leaky twin does its deed outside of it: before the split, in the split,
or by choosing among stored answers.
"""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold

from helpers import labels, models, storage
from helpers.evaluation import _folds, splits
from helpers.evaluation.scores import BASELINE, confusion, metrics
from helpers.workspace import NotApplicable

LINEAR, KERNEL, NETWORK, AUTOML = "logistic", "svm", "ststnet", "flaml"
FAMILIES = (LINEAR, KERNEL, NETWORK)
SEEDS = {"tiny": 1, "quick": 2, "full": 5}  # repeats of whatever draws random numbers: folds, synthetic rows, weights
SOME = "-some"  # ends the name of a task that is asked about some people only


class Data(NamedTuple):
    """One experiment: rows of samples with their arrays and classes, in one order."""

    samples: pd.DataFrame  # sample_id, dataset, subject, kind; attrs as datasets.load sets them
    X: np.ndarray  # (n, ...)
    y: np.ndarray  # (n,) classes
    classes: tuple  # of the task, in order
    task: str  # name of the class scheme, with SOME behind it where only some of the people take part
    profile: object  # workspace.Profile
    seeds: tuple
    store: Path | None  # where finished folds are kept

    @property
    def people(self):
        """(n,) person of each row."""
        return self.samples.subject.to_numpy(str)

    def take(self, rows, **changed):
        """The same experiment on these rows, a mask or positions."""
        some = self.samples[rows] if np.asarray(rows).dtype == bool else self.samples.iloc[rows]
        some = some.reset_index(drop=True)
        some.attrs = self.samples.attrs
        return self._replace(**({"samples": some, "X": self.X[rows], "y": self.y[rows]} | changed))

    def for_family(self, family):
        """What a family of models is asked about: all of it; for the network some drawn people (`splits`), and one seed
        outside profile full. NotApplicable for the network on real data outside profile full.
        """
        if family != NETWORK:
            return self
        if not self.samples.attrs["synthetic"] and self.profile.name != "full":
            raise NotApplicable("on real data the network is trained in profile full only")
        data = self if self.profile.name == "full" else self._replace(seeds=self.seeds[:1])
        kept = splits.for_networks(self.samples, self.profile)
        data = data if kept.all() else data.take(kept, task=self.task + SOME)
        scored_classes(data)
        return data


class Twins(NamedTuple):
    """Predictions (columns of evaluation.predictions) of the same people, honest and not."""

    clean: pd.DataFrame
    leaky: pd.DataFrame


def experiment(samples, X, scheme, profile, seed=0, store=None):
    """The Data of one class scheme. samples: Samples; X: (n, ...) in their order; store: folder of finished folds.

    Raises NotApplicable where nobody shows a class of the scheme.
    """
    y = labels.targets(samples, scheme)
    seeds = tuple(range(seed, seed + SEEDS[profile.name]))
    whole = Data(samples, X, y.to_numpy(), labels.scheme(scheme).classes, scheme, profile, seeds, store)
    kept = whole.take(y.notna().to_numpy())
    kept = kept._replace(y=kept.y.astype(str))
    scored_classes(kept)
    return kept


def scored_classes(data):
    """Raise NotApplicable where no sample is of some class: a mean over all classes is then undefined."""
    absent = [name for name in data.classes if name not in set(data.y)]
    if absent:
        raise NotApplicable(
            f"no sample is of {', '.join(absent)}: UF1 over all {len(data.classes)} classes is undefined"
        )


def ask(data, name, folds, learn, seeds=None):
    """Answers of `learn` about the test rows of every fold: a table of predictions with a column `variant`.

    name: of the model in the table, and of its fits in the store; a function `learn` has names of its own. folds: a
    list of splits.Fold, or {seed: list} where they are drawn. learn(data, seed, fold): (classes, {variant: (m, K)
    probabilities of the m test rows}), a picklable function. seeds: default all of data's.
    """
    seeds = data.seeds if seeds is None else seeds
    keys = [(name, seed, fold) for seed in seeds for fold in (folds[seed] if isinstance(folds, dict) else folds)]
    code = storage.digest(*sorted(Path(__file__).parent.glob("*.py")))
    arrays = data.X, data.y, data.people, data.samples.sample_id.to_numpy(str)
    context = _folds.context(data.profile, [code, data.classes], *arrays) if data.store else ""
    results = _folds.each(keys, partial(_answer, data, learn), context, data.store, name)
    return _table(data, keys, results)


def _answer(data, learn, name, seed, fold):
    classes, p = learn(data, seed, fold)
    return {
        "classes": [str(label) for label in classes],
        "p": {key: np.asarray(rows, float).tolist() for key, rows in p.items()},
    }


def _table(data, keys, results):
    """Rows of all folds at once, variant by variant."""
    names, seeds, folds = zip(*keys, strict=True)
    places, sizes = np.concatenate([fold.test for fold in folds]), [len(fold.test) for fold in folds]
    rows = data.samples.iloc[places][["sample_id", "dataset", "subject"]].reset_index(drop=True)
    given = {"model": names, "seed": seeds, "fold": [fold.name for fold in folds]}
    given = {column: np.repeat(values, sizes) for column, values in given.items()}
    rows, tables = rows.assign(task=data.task, **given, y_true=data.y[places]), []
    for variant in results[0]["p"]:
        p = np.concatenate([_of_all_classes(result, variant, data.classes) for result in results])
        said = np.array(data.classes)[p.argmax(axis=1)]
        p = pd.DataFrame(p, columns=[f"p_{label}" for label in data.classes])
        tables.append(rows.assign(y_pred=said, variant=variant).join(p))
    return pd.concat(tables, ignore_index=True)


def _of_all_classes(result, variant, classes):
    """(m, K) probabilities, 0 for a class that the fold's training people lack."""
    rows = np.array(result["p"][variant])
    p = np.zeros((len(rows), len(classes)))
    p[:, [classes.index(label) for label in result["classes"]]] = rows
    return p


def honest(data, table, folds, protocol):
    """A clean twin as predictions.csv has it: answers of `ask`, and the majority row of the same folds.

    protocol: how people were held out, for the task's name.
    """
    floor = ask(data, BASELINE, folds, partial(plain, family=BASELINE), data.seeds[:1])
    return _named(pd.concat([table, floor], ignore_index=True), protocol)


def leaky(table, family, leak):
    """A leaky twin's rows: a task of its own, so that nobody takes them for predictions of the honest one."""
    return _named(table, leak).assign(model=family)


def _named(table, protocol):
    scheme, some, _ = table.task.iloc[0].partition(SOME)
    return table.assign(task=f"{scheme}-{protocol}{some}").drop(columns="variant")


def random_folds_that_mix_people(data, n):
    """{seed: n random folds over rows}: a person's rows are on both sides. `splits` refuses such folds.

    They are not stratified, as those of `parts` are not: the twins differ in the people alone.
    """
    drawn = {seed: KFold(n, shuffle=True, random_state=seed).split(data.y) for seed in data.seeds}
    return {
        seed: [splits.Fold(f"mixed{number}", *part) for number, part in enumerate(parts)]
        for seed, parts in drawn.items()
    }


def parts(data, n):
    """n folds of whole people, or one a person where not every fold would have two; and how many there are.

    As many random folds make a fair comparison.
    """
    people = data.samples.subject.nunique()
    n = n if people >= 2 * n else people
    return splits.parts(data.samples, n), n


def model(family, data, seed, step="+weights"):
    """An unfitted model of a family in its final form; step: "+none" for classes that are even, "+pca+weights"."""
    if family in (NETWORK, BASELINE):
        return models.build(family, data.profile, seed)
    return models.build(family + step, data.profile, seed, calibrated=False)


def plain(data, seed, fold, family, step="+weights"):
    """Learn from the training rows as they are: `learn` of `ask`, with `functools.partial` for the family."""
    made = model(family, data, seed, step).fit(data.X[fold.train], data.y[fold.train], groups=data.people[fold.train])
    return made.classes_, {"": made.predict_proba(data.X[fold.test])}


def seeds_of(family, data):
    """Seeds for a model of a family on folds that are not drawn: a network's weights are, the others have none."""
    return data.seeds if family == NETWORK else data.seeds[:1]


def loso(data, family):
    """The honest answers about each person from all others, with the family as it is."""
    folds = splits.loso(data.samples)
    table = ask(data, family, folds, partial(plain, family=family), seeds_of(family, data))
    return honest(data, table, folds, "loso")


def best_for_each_person(table):
    """The rows of the variant that is most often right about this very person; of equals the last, as `<=` does."""
    right = (table.y_true == table.y_pred).groupby([table.seed, table.subject, table.variant], sort=False).mean()
    shares = right.unstack()[table.variant.unique()[::-1]]
    best = shares.idxmax(axis=1)
    return table[table.variant.to_numpy() == best.loc[list(zip(table.seed, table.subject, strict=True))].to_numpy()]


def best_for_all(table, classes):
    """The rows of the variant with the highest pooled UF1 over the very people that it is reported on."""
    kept = []
    for _, of_seed in table.groupby("seed"):
        tried = [rows for _, rows in of_seed.groupby("variant", sort=False)]
        kept.append(max(tried, key=lambda rows: metrics(confusion(rows.y_true, rows.y_pred, classes))["uf1"]))
    return pd.concat(kept, ignore_index=True)
