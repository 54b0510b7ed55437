"""Random forest (Breiman 2001, doi:10.1023/A:1010933404324) on 50 principal components of the flow maps."""

from sklearn.ensemble import RandomForestClassifier

from helpers.models import _tuning, on_components

STOCHASTIC = True
# How many clips a leaf must hold: the forest's only strong setting on data this small (Probst et al. 2019,
# doi:10.1002/widm.1301); largest first. Profile full also asks how many components a split may look at.
GRID = {"classifier__min_samples_leaf": [5, 1]}
FULL = {"classifier__min_samples_leaf": [8, 5, 3, 1], "classifier__max_features": ["sqrt", 0.3, 0.6]}


def build(profile, seed):
    """Random forest of profile.trees trees, classes balanced in each tree's sample."""
    forest = RandomForestClassifier(profile.trees, class_weight="balanced_subsample", random_state=seed, n_jobs=1)
    return on_components(forest, seed)


def tuned(profile, seed):
    """The same, with GRID searched inside the training people (FULL in profile full), by a quarter of the trees."""
    fewer = {"classifier__n_estimators": max(10, profile.trees // 4)}
    return _tuning.tuned(build(profile, seed), FULL if profile.name == "full" else GRID, fewer)
