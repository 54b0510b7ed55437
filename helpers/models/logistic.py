"""Multinomial logistic regression on standardised flow maps (Cox 1958, doi:10.1111/j.2517-6161.1958.tb00292.x).

2,352 inputs and a few hundred clips: strong L2 shrinkage is what makes it general. C = 1e-3 and the scaling of each map
come from earlier measurements on the public MEGC 2019 maps; scores on those maps hold that much selection
(benchmarks/looks.csv). Nothing is tuned here.
"""

from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from helpers.features.flow_map import FlowMap
from helpers.models import GroupedPipeline


def build(profile, seed):
    """Centre and scale each map, standardise each pixel over training clips, balanced L2 logistic regression."""
    classifier = LogisticRegression(C=1e-3, class_weight="balanced", max_iter=2000)
    return GroupedPipeline([("map", FlowMap()), ("scaler", StandardScaler()), ("classifier", classifier)])
