"""What stays on one side of a split."""

from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.dataset import Item
from training.grouping import assign_folds, difference_hash, duplicate_pairs, group_items


def _item(source: str, label: Literal["real", "fake"], *identities: str) -> Item:
    return Item(Path(f"{source}.jpg"), "image", label, source, identities)


def test_source_of_one_class_is_one_group() -> None:
    """A generator is held out whole."""
    groups = group_items([_item("gan", "fake"), _item("gan", "fake"), _item("camera", "real")])

    assert groups == [0, 0, 1]


def test_files_of_no_named_source_stand_alone() -> None:
    """Nothing says that they belong together, but a shared person does."""
    items = [
        _item("unnamed_real", "real"),
        _item("unnamed_real", "real", "anna"),
        _item("unnamed_fake", "fake", "anna"),
    ]

    assert group_items(items) == [0, 1, 1]


def test_footage_and_swapped_person_both_hold_clips_together() -> None:
    """In a paired source, clips hang together through the footage and through the swapped face."""
    items = [
        _item("swaps", "real", "footage:a"),
        _item("swaps", "fake", "footage:a", "swap:bob"),
        _item("swaps", "fake", "footage:b", "swap:bob"),
        _item("swaps", "real", "footage:c"),
    ]

    assert group_items(items) == [0, 0, 0, 1]


def test_shared_person_joins_two_sources() -> None:
    """A person shown by two sources keeps them on one side."""
    items = [_item("interviews", "real", "anna"), _item("flux", "fake", "anna"), _item("flux", "fake", "bob")]

    assert group_items(items) == [0, 0, 0]


def test_matched_sources_and_duplicates_join() -> None:
    """Sources named as matched, and near-duplicates, stay together."""
    items = [_item("a", "real"), _item("b", "fake"), _item("c", "real"), _item("d", "real")]

    assert group_items(items, [(2, 3)], matched=[("a", "b")]) == [0, 0, 1, 1]


def test_recompressed_and_resized_copy_is_a_duplicate() -> None:
    """A smaller copy of another quality is found, another picture is not."""
    rng = np.random.default_rng(1)
    one, other = (cv2.resize(rng.integers(0, 256, (9, 9, 3), np.uint8), (200, 200)) for _ in range(2))
    small = cv2.resize(one, (120, 120), interpolation=cv2.INTER_AREA)
    copy = cv2.imdecode(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_COLOR)
    hashes = [difference_hash(np.asarray(picture, np.uint8)) for picture in (one, other, copy)]

    assert duplicate_pairs(hashes) == [(0, 2)]


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.sampled_from(["real", "fake"]), st.sampled_from(["", "p", "q", "r"])),
        min_size=1,
        max_size=40,
    ),
    st.integers(2, 5),
)
def test_no_group_crosses_folds(rows: list[tuple[str, Literal["real", "fake"], str]], folds: int) -> None:
    """Whatever the material, a group lies in one fold, and so does an identity."""
    items = [_item(source, label, *([person] if person else [])) for source, label, person in rows]

    groups = group_items(items)
    dealt = assign_folds(items, groups, folds=folds)

    assert len(set(zip(groups, dealt, strict=True))) == len(set(groups))
    for person in "pqr":
        assert len({fold for item, fold in zip(items, dealt, strict=True) if person in item.identities}) <= 1


def test_every_fold_gets_both_classes() -> None:
    """Folds are dealt so that each can be measured."""
    items = [_item(f"{label}{n}", label) for label in ("real", "fake") for n in range(4)]  # type: ignore[arg-type]

    dealt = assign_folds(items, group_items(items), folds=4)

    assert all({items[n].label for n, fold in enumerate(dealt) if fold == f} == {"real", "fake"} for f in range(4))
