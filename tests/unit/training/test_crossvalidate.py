"""Who learns and who is judged."""

import numpy as np

from tests.unit.training.face_sets import make_item
from training.crossvalidate import Dealt, leave_one_out_folds, set_validation_aside
from training.dataset import Item


def _items(*named: str) -> list[Item]:
    """Items of sources such as "real a"."""
    return [
        make_item("fake" if name.startswith("fake") else "real", name.split()[1], number=n)
        for n, name in enumerate(named)
    ]


def test_a_fold_and_what_may_only_be_judged_are_not_learnt_from() -> None:
    """Everything else is; the network that is kept learns from every fold."""
    items = _items("real a", "fake b", "real c", "fake d")
    dealt = Dealt(items, groups=[0, 1, 2, 3], folds=[0, 1, 0, 1], barred=[False, False, False, True])

    assert dealt.learning_of(0).tolist() == [1]
    assert dealt.learning_of(1).tolist() == [0, 2]
    assert dealt.learning_of(None).tolist() == [0, 1, 2]


def test_validation_takes_whole_groups_with_both_classes() -> None:
    """The part set aside shares no group with what is left, and both have real and fake material."""
    names = [f"{label} {source}" for source in "abcdef" for label in ("real", "fake") for _ in range(3)]
    items = _items(*names)
    groups = [n // 3 for n in range(36)]
    dealt = Dealt(items, groups, folds=[0] * 36, barred=[False] * 36)

    learning, validation = set_validation_aside(dealt, np.arange(36), 0.2)

    assert validation is not None
    assert sorted([*learning, *validation]) == list(range(36))
    assert not {groups[n] for n in learning} & {groups[n] for n in validation}
    assert 4 <= len(validation) <= 12
    for part in (learning, validation):
        assert {items[n].label for n in part} == {"real", "fake"}


def test_too_few_groups_leave_no_validation() -> None:
    """With one group of fakes everything is learnt from."""
    items = _items("real a", "real b", "fake c")
    dealt = Dealt(items, groups=[0, 1, 2], folds=[0, 0, 0], barred=[False] * 3)

    learning, validation = set_validation_aside(dealt, np.arange(3), 0.3)

    assert learning.tolist() == [0, 1, 2]
    assert validation is None


def test_leave_one_out_makes_each_source_a_fold() -> None:
    """Matched sources stay together, and so do sources of one group."""
    items = _items("real a", "real a", "fake b", "real c", "fake d", "real e", "fake e")
    groups = [0, 0, 1, 2, 2, 3, 4]

    assert leave_one_out_folds(items, groups) == [0, 0, 1, 2, 2, 3, 3]
    assert leave_one_out_folds(items, groups, matched=[("a", "b")]) == [0, 0, 0, 1, 1, 2, 2]
