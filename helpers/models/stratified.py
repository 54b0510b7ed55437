"""Guessing with the training people's class proportions: what chance looks like under imbalance."""

from sklearn.dummy import DummyClassifier

from helpers.models import GroupedPipeline

STOCHASTIC = True


def build(profile, seed):
    """Stratified random guesses."""
    return GroupedPipeline([("classifier", DummyClassifier(strategy="stratified", random_state=seed))])
