"""Material is dealt into parts by whole groups, and a split of its own is kept clean."""

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from training.dataset import Item
from training.errors import TrainingError
from training.face_set import FaceSet, HeldFaces
from training.grouping import group_items
from training.splitting import SHARES, leaking_places, split_items

Label = Literal["real", "fake"]
LABELS: tuple[Label, Label] = ("real", "fake")


def _items(*, sources: int, count: int) -> list[Item]:
    return [
        Item(Path(f"{label}{source}-{n}.jpg"), "image", label, f"{label}{source}")
        for label in LABELS
        for source in range(sources)
        for n in range(count)
    ]


def _prints_of(seed: int) -> NDArray[np.uint8]:
    prints = np.random.default_rng(seed).integers(0, 256, (1, 4, 32), np.uint8)
    prints[:, 2:] = 0
    return prints


def _faces(seed: int) -> FaceSet:
    crops = np.zeros((0, 8, 8, 3), np.uint8)
    return FaceSet(
        sha256=f"{seed:064x}",
        pixels=HeldFaces(crops, crops),
        frames=np.zeros(0, np.int64),
        detections=np.zeros(0),
        boxes=np.zeros((0, 4)),
        landmarks=np.zeros((0, 5, 2)),
        times_s=np.zeros(1),
        prints=_prints_of(seed),
    )


def _told(label: Label, split: str, *identities: str) -> Item:
    return Item(Path("a.jpg"), "image", label, "set", identities, split=split)


def test_every_part_gets_both_classes_and_about_its_share() -> None:
    """Twenty sources of each class: no part is off by more than two sources."""
    items = _items(sources=20, count=10)

    parts = split_items(items, group_items(items))

    for label in LABELS:
        for part, share in SHARES.items():
            found = sum(item.label == label and where == part for item, where in zip(items, parts, strict=True))
            assert abs(found - share * 200) <= 20, (label, part)


def test_as_many_sources_as_parts_are_enough() -> None:
    """Four sources of each class give every part one of each."""
    items = _items(sources=4, count=3)

    parts = split_items(items, group_items(items))

    assert {(item.label, part) for item, part in zip(items, parts, strict=True)} == {
        (label, part) for label in LABELS for part in SHARES
    }


def test_too_few_sources_are_refused() -> None:
    """The message says how many groups there are and what is left without."""
    items = _items(sources=3, count=5)

    with pytest.raises(TrainingError, match=r"3 groups of real .* 4 parts \(nothing left for"):
        split_items(items, group_items(items))


def test_shares_must_be_positive() -> None:
    """A part of nothing is no part."""
    with pytest.raises(TrainingError, match="must be positive"):
        split_items(_items(sources=4, count=1), range(8), shares={"train": 1.0, "test": 0.0})


@given(
    st.lists(st.tuples(st.sampled_from(LABELS), st.integers(0, 30)), min_size=1, max_size=120),
    st.floats(0.05, 0.9),
)
def test_no_group_crosses_parts(rows: list[tuple[Label, int]], share: float) -> None:
    """Whatever the sizes of the groups, each lies in one part, or the split is refused."""
    items = [Item(Path(f"{n}.jpg"), "image", label, f"s{n}") for n, (label, _) in enumerate(rows)]
    groups = [group for _, group in rows]
    try:
        parts = split_items(items, groups, shares={"train": share, "test": 1 - share})
    except TrainingError:
        return

    assert len(set(zip(groups, parts, strict=True))) == len(set(groups))
    assert {(item.label, part) for item, part in zip(items, parts, strict=True)} == {
        (label, part) for label in LABELS for part in ("train", "test")
    }


def test_a_split_of_its_own_loses_what_repeats() -> None:
    """A person, or a picture, of the test part leaves training and validation, never the reverse."""
    material = [
        (_told("real", "train", "anna"), _faces(1)),
        (_told("real", "test", "anna"), _faces(2)),
        (_told("fake", "validation"), _faces(3)),
        (_told("fake", "test"), _faces(3)),
        (_told("real", "train"), _faces(4)),
        (_told("fake", "calibration", "bob"), _faces(5)),
        (_told("fake", "train", "bob"), _faces(6)),
    ]

    assert leaking_places(material) == [0, 2, 6]


def test_one_source_may_stand_on_both_sides_of_a_given_split() -> None:
    """Who made the split said so; only people and pictures are held apart."""
    material = [(_told("real", "train"), _faces(1)), (_told("real", "test"), _faces(2))]

    assert leaking_places(material) == []
