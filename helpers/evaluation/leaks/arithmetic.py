"""Three sums that are printed under the name of another one. The predictions are honest, and the same for both twins.

Averaging over people: source 003 prints the mean of per-person scores, where people have few clips of few classes. An
absent class dropped: STSTNet's evaluation code skips a class that the rows in hand lack; called person by person it
leaves out all that this person cannot get wrong. Precision as recall: the UAR that STSTNet's log prints is its macro
precision, the mean recall of the transposed matrix.
"""

from helpers.evaluation.leaks import Leak, _sums, _twins


def _twice(data, family):
    answers = _twins.loso(data, family)
    own = answers[answers.model == family]
    return _twins.Twins(answers, own)


LEAKS = (
    Leak(
        "averaged_over_people", "averaged over people, absent = 0",
        "macro-F1 of each person, in which classes that the person lacks count 0, averaged over people",
        "all predictions pooled, then one macro-F1", _twice, leaky_sum=_sums.person_uf1,
    ),
    Leak(
        "absent_class_dropped", "averaged, absent class dropped",
        "macro-F1 of each person over the classes that this person shows, averaged over people",
        "all predictions pooled, then one macro-F1 over all classes", _twice, leaky_sum=_sums.person_uf1_of_shown,
    ),
    Leak(
        "precision_as_recall", "precision printed as recall", "mean precision under the name of UAR",
        "UAR, the mean recall", _twice, honest_sum=_sums.uar, leaky_sum=_sums.precision, metric="UAR",
    ),
)  # fmt: skip
