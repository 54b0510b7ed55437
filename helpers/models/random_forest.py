"""Random forest (Breiman 2001, doi:10.1023/A:1010933404324) on 50 principal components of the flow maps."""

from sklearn.ensemble import RandomForestClassifier

from helpers.models import on_components

STOCHASTIC = True


def build(profile, seed):
    """Random forest of profile.trees trees, classes balanced in each tree's sample."""
    forest = RandomForestClassifier(profile.trees, class_weight="balanced_subsample", random_state=seed, n_jobs=1)
    return on_components(forest, seed)
