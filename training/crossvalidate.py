"""Judges every face by a network that never saw its source: leave-groups-out over folds."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.checkpoints import CurvePoint, RunDirectory
from training.dataset import Item
from training.fitting import Fitter
from training.grouping import assign_folds
from training.metrics import roc_auc

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class HeldOut:
    """Logits of faces, each by the network of the fold that held its group out.

    Args:
        rows: rows of the bank.
        logits: one per row.
        folds: the fold that each row was held out in.
    """

    rows: NDArray[np.int64]
    logits: NDArray[np.float64]
    folds: NDArray[np.int64]


@dataclass(frozen=True)
class Dealt:
    """Who stands where in a cross-validation.

    Args:
        items: all of them.
        groups: the group of each: what is never torn apart.
        folds: the fold of each.
        barred: whether each may be judged only, and never learnt from.
    """

    items: Sequence[Item]
    groups: Sequence[int]
    folds: Sequence[int]
    barred: Sequence[bool]

    @property
    def count(self) -> int:
        """The number of folds."""
        return max(self.folds) + 1

    def learning_of(self, fold: int | None) -> Rows:
        """The items that the network of a fold may learn from; of the network that is kept where None."""
        return np.array([n for n, at in enumerate(self.folds) if at != fold and not self.barred[n]], np.int64)


def judge_held_out(
    fitter: Fitter, dealt: Dealt, run: RunDirectory, *, on_fold: Callable[[str, float], None] | None = None
) -> tuple[HeldOut, list[CurvePoint]]:
    """Fits one network per fold on the other folds and judges the fold's views with it; finished folds are read back.

    Args:
        fitter: of the networks.
        dealt: who stands where.
        run: where the states are kept.
        on_fold: is told of each fold judged here: its name, and the AUC of its clean faces.

    Returns:
        the logits, and the curves of all fits.
    """
    rows: list[Rows] = []
    logits: list[NDArray[np.float64]] = []
    curves: list[CurvePoint] = []
    folds = np.asarray(dealt.folds)[fitter.bank.items]
    for fold in range(dealt.count):
        held_out = np.flatnonzero(folds == fold)
        place = run.place_of(f"fold {fold + 1}")
        result = place.load_result()
        if result is None:
            learning, validation = set_validation_aside(dealt, dealt.learning_of(fold), fitter.recipe.validation_share)
            network, curve = fitter.fit(f"fold {fold + 1}", learning, validation=validation, place=place)
            result = [fitter.judge(network, held_out)], curve
            place.save_result(*result)
            if on_fold is not None:
                clean = fitter.bank.kinds[held_out] == "clean"
                on_fold(f"fold {fold + 1}", roc_auc(fitter.bank.targets[held_out][clean], result[0][0][clean]))
        rows.append(held_out)
        logits.append(result[0][0])
        curves += result[1]
    joined = np.concatenate(rows)
    return HeldOut(joined, np.concatenate(logits), folds[joined]), curves


def set_validation_aside(dealt: Dealt, learning: Rows, share: float) -> tuple[Rows, Rows | None]:
    """Takes whole groups out of what is learnt from, to choose the best epoch by.

    Args:
        dealt: the groups.
        learning: places of the items that may be learnt from.
        share: of them, about.

    Returns:
        what is left to learn from, and the validation part; None where the groups give none with both classes that
        leaves both classes to learn from.
    """
    if share == 0:
        return learning, None
    items = [dealt.items[n] for n in learning.tolist()]
    parts = np.array(assign_folds(items, [dealt.groups[n] for n in learning.tolist()], folds=max(2, round(1 / share))))
    fakes = np.array([item.is_fake for item in items])
    fitting = [
        part
        for part in np.unique(parts).tolist()
        if len(np.unique(fakes[parts == part])) == 2 and len(np.unique(fakes[parts != part])) == 2
    ]
    if not fitting:
        return learning, None
    chosen = min(fitting, key=lambda part: (abs(float((parts == part).mean()) - share), part))
    return learning[parts != chosen], learning[parts == chosen]


def leave_one_out_folds(
    items: Sequence[Item], groups: Sequence[int], *, matched: Sequence[tuple[str, str]] = ()
) -> list[int]:
    """Makes each source a fold, together with its matched source and with sources that share a group with it."""
    first_of = {second: first for first, second in matched}
    holder: dict[str, str] = {}

    def find(source: str) -> str:
        while holder.setdefault(source, source) != source:
            source = holder[source]
        return source

    sources = [first_of.get(item.source, item.source) for item in items]
    by_group: dict[int, list[str]] = defaultdict(list)
    for group, source in zip(groups, sources, strict=True):
        by_group[group].append(source)
    for members in by_group.values():
        for source in members[1:]:
            holder[find(source)] = find(members[0])
    numbers: dict[str, int] = {}
    return [numbers.setdefault(find(source), len(numbers)) for source in sources]
