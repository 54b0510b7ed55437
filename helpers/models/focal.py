"""Multinomial logistic regression with focal loss (Lin et al. 2017, arXiv:1708.02002, equation 4): no model of its own,
but what the treatment `focal` of `imbalance` puts in place of plain logistic regression."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin

from helpers.workspace import WorkbookError

SMALLEST = 1e-12  # of 1 - p, where its powers below 1 would divide by zero


class FocalLogistic(ClassifierMixin, BaseEstimator):
    """Linear classifier that minimises C * sum_i -(1 - p_i)^gamma log p_i + |W|^2 / 2. X: (n, d); y: (n,) of K >= 2
    classes; p_i is the probability given to the true class of row i.

    gamma = 0 is the log loss, so exactly scikit-learn's LogisticRegression with the same C, intercept not penalised.
    gamma > 0 takes weight off clips that are already right, which under imbalance are mostly those of frequent
    classes. With it the loss is not convex: the search starts at zero weights, draws nothing at random, and a search
    that does not converge is an error. No class weights here: `weights` is a treatment of its own.
    """

    def __init__(self, C=1.0, gamma=2.0, max_iter=2000, tol=1e-6):
        self.C = C
        self.gamma = gamma
        self.max_iter = max_iter
        self.tol = tol

    def fit(self, X, y):
        """Minimise by L-BFGS with the analytic gradient. Raises WorkbookError for gamma < 0 or no convergence."""
        if self.gamma < 0:
            raise WorkbookError(f"gamma is {self.gamma}", remedy="give focal loss a gamma of 0 or more")
        X = np.asarray(X, dtype=np.float64)
        self.classes_, codes = np.unique(y, return_inverse=True)
        shape = len(self.classes_), X.shape[1] + 1
        options = {"maxiter": self.max_iter, "gtol": self.tol, "ftol": 1e-12, "maxfun": 20 * self.max_iter}
        arguments = X, np.eye(len(self.classes_))[codes], self.C, self.gamma
        found = minimize(objective, np.zeros(np.prod(shape)), arguments, "L-BFGS-B", jac=True, options=options)
        if not found.success:
            problem = f"the focal loss did not converge in {found.nit} steps ({found.message})"
            raise WorkbookError(problem, remedy="scale the features, shrink more (smaller C) or allow more max_iter")
        self.coef_, self.intercept_ = np.split(found.x.reshape(shape), [shape[1] - 1], axis=1)
        self.intercept_, self.n_iter_ = self.intercept_[:, 0], found.nit
        return self

    def decision_function(self, X):
        """(n, K) logits, also for two classes."""
        return np.asarray(X, dtype=np.float64) @ self.coef_.T + self.intercept_

    def predict_proba(self, X):
        """(n, K) probabilities. Focal loss makes them less sure than the log loss does; the order stays."""
        return softmax(self.decision_function(X), axis=1)

    def predict(self, X):
        """(n,) classes."""
        return self.classes_[self.decision_function(X).argmax(axis=1)]


def objective(flat, X, truth, C, gamma):
    """Value and gradient of the penalised focal loss.

    flat: (K * (d + 1),) weights, each class's intercept last; X: (n, d) float64; truth: (n, K) one-hot.
    With s_i = -(1 - p_i)^gamma log p_i the chain rule gives ds_i/dz_ik =
    (gamma (1 - p_i)^(gamma - 1) p_i log p_i - (1 - p_i)^gamma) (1[k = y_i] - p_ik).
    """
    weights = flat.reshape(truth.shape[1], -1)
    log_p = log_softmax(X @ weights[:, :-1].T + weights[:, -1], axis=1)
    of_truth = (log_p * truth).sum(axis=1)
    p, rest = np.exp(of_truth), np.maximum(-np.expm1(of_truth), SMALLEST)
    slope = gamma * rest ** (gamma - 1) * p * of_truth - rest**gamma
    towards = C * slope[:, None] * (truth - np.exp(log_p))
    gradient = np.column_stack([towards.T @ X + weights[:, :-1], towards.sum(axis=0)])
    value = -C * (rest**gamma * of_truth).sum() + (weights[:, :-1] ** 2).sum() / 2
    return value, gradient.ravel()
