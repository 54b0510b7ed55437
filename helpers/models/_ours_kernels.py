"""Kernel least squares whose answers for held-out people need no second fit: the parts that `ours` is made of.

Regularised least-squares classification: Rifkin, Yeo & Poggio 2003 (Advances in Learning Theory, chapter 7). Leaving a
whole block of rows out in closed form: An, Liu & Venkatesh 2007, doi:10.1016/j.patcog.2006.12.015.
"""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax


class Scaling:
    """Learned from training rows (n, maps * places): what is taken off each pixel, and what it is divided by.

    A pixel is divided by the geometric mean of its own spread and that of its map: units cancel, and a place that
    hardly ever moves is raised, but only half the way to where its noise would count as much as a mouth.
    """

    def __init__(self, rows, maps):
        self.mean = rows.mean(axis=0, dtype=np.float64)
        spread = (rows - self.mean).std(axis=0).reshape(maps, -1)
        of_map = np.sqrt((spread**2).mean(axis=1, keepdims=True))
        divisor = np.sqrt(spread * of_map).ravel()
        self.divisor = np.where(divisor > 1e-9, divisor, 1)

    def __call__(self, rows):
        """(n, d) rows, centred and scaled."""
        return (rows - self.mean) / self.divisor


class Kernel:
    """The "linear" or the "rbf" kernel of rows (n, d), plus 1: a training row has about 2 with itself."""

    def __init__(self, kind, rows):
        self.kind, self.rows = kind, rows
        unit = (rows**2).sum(axis=1).mean()  # rows are centred: two of them are twice as far apart, squared, on average
        unit *= 2 if kind == "rbf" else 1
        self.unit = unit if unit > 0 else 1.0

    def __call__(self, rows):
        """(m, n) similarity of rows (m, d) to the training rows, plus 1: the intercept."""
        products = rows @ self.rows.T
        if self.kind == "linear":
            return products / self.unit + 1
        squares = (rows**2).sum(axis=1)[:, None] + (self.rows**2).sum(axis=1) - 2 * products
        return np.exp(-squares.clip(min=0) / self.unit) + 1  # rounding may leave the distance to itself below 0


def solve(similarity, targets, weights, ridge, parts):
    """Weighted kernel ridge regression, and its predictions for each part of the rows by a fit on the others.

    similarity: (n, n); targets: (n, K); weights: (n,) of mean 1; ridge: > 0; parts: list of index arrays, disjoint.
    Returns coefficients (n, K), so that predictions are similarity @ coefficients, and held-out predictions (n, K), NaN
    in rows of no part.
    """
    inverse = np.linalg.inv(similarity + np.diag(ridge / weights))
    coefficients = inverse @ targets
    held_out = np.full(targets.shape, np.nan)
    for part in parts:
        held_out[part] = targets[part] - np.linalg.solve(inverse[np.ix_(part, part)], coefficients[part])
    return coefficients, held_out


def losses(values, codes, weights):
    """(n,) weighted log loss of each row. values: (n, K) before softmax; codes: (n,) columns of the true classes."""
    return -weights * log_softmax(values, axis=1)[np.arange(len(codes)), codes]


def sharpness(values, codes, weights):
    """What held-out values are multiplied by before softmax: 1 / temperature of least weighted log loss."""
    found = minimize_scalar(
        lambda log: losses(values * np.exp(log), codes, weights).sum(), bounds=(-3, 3), method="bounded"
    )
    return float(np.exp(found.x))
