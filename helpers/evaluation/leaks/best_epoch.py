"""The epoch that is best on the held-out person: after each epoch the test person is asked, and the best answers kept.

Code of several published networks of the field does it (SLSTT, HTNet and MMNet among them); Varanka et al. 2024,
doi:10.1109/TAFFC.2023.3265063, measured what it buys. As there, of equally good epochs the last is kept.
"""

from helpers.evaluation import splits
from helpers.evaluation.leaks import Leak, _network, _twins


def every_epoch(data, seed, fold):
    """`learn`: one training, asked after each epoch."""
    classes, found = _network.after(data, seed, fold.train, fold.test, _network.all_epochs(data))
    return classes, {f"epoch {epoch}": p for epoch, p in found.items()}


def _twins_of(data, family):
    table = _twins.ask(data, f"{family}+epochs", splits.loso(data.samples), every_epoch)
    best = _twins.best_for_each_person(table)
    return _twins.Twins(_twins.loso(data, family), _twins.leaky(best, family, "best_epoch"))


NO_EPOCHS = "it is fitted to its optimum, in no epochs"
LEAKS = (
    Leak(
        "best_epoch", "best epoch on the test person", "the epoch that is most often right about the person",
        "the last epoch, whoever is tested", _twins_of, dict.fromkeys((_twins.LINEAR, _twins.KERNEL), NO_EPOCHS),
    ),
)  # fmt: skip
