"""Judges every face by a network that never saw its source: leave-groups-out over folds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from training.bank import Bank
from training.fitting import EpochReport, Recipe, fit_top, predict_rows


@dataclass(frozen=True)
class HeldOut:
    """Logits of faces, each by the network of the fold that held its group out.

    Args:
        rows: rows of the bank: clean and degraded views, never blended ones.
        logits: one per row.
        folds: the fold that each row was held out in.
    """

    rows: NDArray[np.int64]
    logits: NDArray[np.float64]
    folds: NDArray[np.int64]


def judge_held_out(
    bank: Bank,
    top: keras.Model,
    sources: NDArray[np.str_],
    fold_of_item: Sequence[int],
    *,
    recipe: Recipe,
    is_measured_only: Sequence[bool],
    on_epoch: Callable[[int, EpochReport], None] | None = None,
) -> HeldOut:
    """Fits one network per fold on the other folds and judges the fold's views with it.

    Args:
        bank: features of every view.
        top: the untrained top.
        sources: of each row.
        fold_of_item: the fold of each item; whole groups together.
        recipe: the same as for the network that is shipped.
        is_measured_only: items that no fold may learn from.
        on_epoch: is told the fold and the epoch's report.
    """
    folds = np.asarray(fold_of_item)[bank.items]
    barred = np.asarray(is_measured_only)[bank.items]
    rows: list[NDArray[np.int64]] = []
    logits: list[NDArray[np.float64]] = []
    for fold in range(int(folds.max()) + 1):

        def tell(report: EpochReport, fold: int = fold) -> None:
            if on_epoch is not None:
                on_epoch(fold, report)

        learning = np.flatnonzero((folds != fold) & ~barred)
        network = fit_top(bank, top, sources, learning, recipe=recipe, on_epoch=tell)
        held_out = np.flatnonzero((folds == fold) & (bank.kinds != "blended"))
        rows.append(held_out)
        logits.append(predict_rows(network, bank, held_out))
    joined = np.concatenate(rows)
    return HeldOut(joined, np.concatenate(logits), folds[joined])
