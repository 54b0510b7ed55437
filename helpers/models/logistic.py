"""Multinomial logistic regression on standardised flow maps (Cox 1958, doi:10.1111/j.2517-6161.1958.tb00292.x).

2,352 inputs and a few hundred clips: strong L2 shrinkage is what makes it general. In `logistic`, C = 1e-3 and the
scaling of each map come from earlier measurements on the public MEGC 2019 maps; scores on those maps hold that much
selection (benchmarks/looks.csv). `logistic_tuned` chooses both anew inside the training people of every fold: what it
scores holds no selection by its own grid.
"""

from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from helpers.features.components import Components
from helpers.features.flow_map import FlowMap
from helpers.models import GroupedPipeline, _tuning

# With scaling of maps off, amplitude stays. C in steps of ten around 1 / (number of pixels), strongest shrinkage first.
GRID = {"map__scale": [True, False], "classifier__C": [1e-4, 1e-3, 1e-2]}
FULL = GRID | {"classifier__C": [1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 1e-1, 1.0]}


def build(profile, seed):
    """Centre and scale each map, standardise each pixel over training clips, balanced L2 logistic regression."""
    classifier = LogisticRegression(C=1e-3, class_weight="balanced", max_iter=2000)
    return GroupedPipeline([("map", FlowMap()), ("scaler", StandardScaler()), ("classifier", classifier)])


def tuned(profile, seed):
    """The same, with GRID searched inside the training people (FULL in profile full).

    All principal components stand between scaler and classifier: a rotation, which L2 shrinkage does not notice, so
    the answers are those of 2,352 pixels, from as many numbers a clip as there are training clips.
    """
    steps = build(profile, seed).steps
    rotate = ("rotate", Components(n_components=10**6, random_state=seed))  # 10**6: all there are
    return _tuning.tuned(GroupedPipeline([*steps[:2], rotate, steps[2]]), FULL if profile.name == "full" else GRID)
