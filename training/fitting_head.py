"""Phase 1: a linear head on frozen features, by logistic regression with a pull towards steadiness.

Beside the ridge, the head pays for every change that damage makes to its logit: the mean square of the difference
between two views of one face is a quadratic form in the kernel, so the whole stays convex, has one optimum and needs no
rate. The idea is that of within-class covariance normalisation (Hatch, Kajarekar & Stolcke, Interspeech 2006), with
the covariance of what recompression, scaling and blur do to a face.

Where the features are of several kinds, each kind has a head of its own and their logits are added. That is one linear
head again, and holds better on unseen sources than one that is fitted to all of them together.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from training.bank import Bank
from training.recipe import Recipe

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]

MOST_ROWS = 60_000
"""Of phase 1: about half a gigabyte of features; a linear head learns nothing more from more."""


def fit_head(
    bank: Bank, rows: Rows, sources: NDArray[np.str_], *, recipe: Recipe, shares: Sequence[float] = (1.0,)
) -> tuple[Floats, Floats]:
    """The kernel (c,) and bias (1,) of a dense layer on pooled features.

    Args:
        bank: the features.
        rows: those to learn from.
        sources: of each row of the bank.
        recipe: steps, ridge, steadiness, smoothing and the share of clean views.
        shares: what the logit of each kind of features counts; the kinds lie behind each other, with as many
            features each.
    """
    rows = spread_rows(bank, rows, sources)
    kinds = np.split(np.arange(bank.pooled.shape[1]), len(shares))
    heads = [_fit_kind(bank, rows, sources, kind, recipe) for kind in kinds]
    kernel = np.concatenate([share * kernel for share, (kernel, _) in zip(shares, heads, strict=True)])
    bias = sum(share * bias for share, (_, bias) in zip(shares, heads, strict=True))
    return kernel.astype(np.float32), np.array([bias], np.float32)


def _fit_kind(
    bank: Bank, rows: Rows, sources: NDArray[np.str_], kind: Rows, recipe: Recipe
) -> tuple[NDArray[np.float64], float]:
    """The kernel and the bias of one kind of features."""
    features = bank.pooled[rows, kind[0] : kind[-1] + 1]
    mean, spread = features.mean(axis=0), features.std(axis=0)
    # What hardly varies is not blown up to the size of what does.
    spread = spread + 1e-3 * float(features.std())
    scaled = ((features - mean) / spread).astype(np.float32)
    targets = np.abs(bank.targets[rows] - recipe.smoothing / 2).astype(np.float32)
    weights = row_weights(bank, rows, sources, recipe).astype(np.float32)
    # Their outer product would take longer than all steps together.
    changes = differences_of_views(bank, rows, scaled)
    changes *= np.float32(np.sqrt(recipe.head_steadiness / max(1, len(changes))))
    found = _minimise(scaled, targets, weights, changes, recipe)
    kernel = found[:-1] / spread
    return kernel, float(found[-1]) - float((kernel * mean).sum())


def spread_rows(bank: Bank, rows: Rows, sources: NDArray[np.str_], *, most: int = MOST_ROWS) -> Rows:
    """Faces spread evenly over each source, with all their views, where all of them would be too many."""
    # Every face begins with its clean view.
    faces = np.cumsum(bank.kinds == "clean")[rows]
    names = np.unique(sources[rows])
    kept = np.ones(len(rows), bool)
    for name in names:
        here = sources[rows] == name
        step = -(-int(here.sum()) * len(names) // most)
        kept[here] = faces[here] % step == faces[here][0] % step
    return rows[kept]


def differences_of_views(bank: Bank, rows: Rows, scaled: Floats) -> Floats:
    """The differences between two views of one face, (n, c); none where each face has one view."""
    faces = np.array([(bank.views[row].item, bank.views[row].face) for row in rows.tolist()], np.int64).reshape(-1, 2)
    order = np.lexsort((faces[:, 1], faces[:, 0]))
    is_same = (faces[order][1:] == faces[order][:-1]).all(axis=1)
    return np.asarray(scaled[order[1:][is_same]] - scaled[order[:-1][is_same]], np.float32)


def row_weights(bank: Bank, rows: Rows, sources: NDArray[np.str_], recipe: Recipe) -> NDArray[np.float64]:
    """How much each row counts: classes alike, kinds in their shares, a source of n rows as root n; the sum is 1."""
    kinds, targets, names = bank.kinds[rows], bank.targets[rows], sources[rows]
    weights = np.zeros(len(rows))
    for kind, share in (("clean", recipe.clean_share), ("degraded", 1 - recipe.clean_share)):
        for target in (0, 1):
            chosen = (targets == target) & (kinds == kind)
            found, places, counts = np.unique(names[chosen], return_inverse=True, return_counts=True)
            if len(found):
                spread = 1 / np.sqrt(counts[places])
                weights[chosen] = share * spread / spread.sum()
    return np.asarray(weights / weights.sum(), np.float64)


def _minimise(scaled: Floats, targets: Floats, weights: Floats, changes: Floats, recipe: Recipe) -> NDArray[np.float64]:
    """Kernel and bias (c + 1,) by L-BFGS; the loss is the weighted log loss and half of both penalties."""

    def loss(at: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        kernel = at[:-1].astype(np.float32)
        logits = scaled @ kernel + np.float32(at[-1])
        pull = np.float32(recipe.head_ridge) * kernel + changes.T @ (changes @ kernel)
        paid = float((weights * (np.logaddexp(0, logits) - targets * logits)).sum()) + float(kernel @ pull) / 2
        errors = weights * (expit(logits) - targets)
        return paid, np.append(scaled.T @ errors + pull, errors.sum()).astype(np.float64)

    start = np.zeros(scaled.shape[1] + 1)
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": recipe.head_steps}).x)
