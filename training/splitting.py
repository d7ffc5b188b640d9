"""Deals material into training, validation, calibration and test parts, whole groups at a time."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from training.dataset import Item
from training.duplicates import find_duplicates
from training.errors import TrainingError
from training.face_set import FaceSet
from training.grouping import group_items

SHARES: Mapping[str, float] = {"train": 0.6, "validation": 0.1, "calibration": 0.15, "test": 0.15}
PARTS = ("train", "validation", "calibration", "test")
"""From the part that may lose a file to the part that may not."""


def split_items(items: Sequence[Item], groups: Sequence[int], *, shares: Mapping[str, float] = SHARES) -> list[str]:
    """The part of each item: whole groups, the largest first, each to the part that lacks most of its class.

    Args:
        items: what is dealt.
        groups: the number of each item's group.
        shares: of the items of each class that every part should get; they need not add up to 1.

    Raises:
        TrainingError: a share is not positive, or a class has fewer groups than there are parts.
    """
    if not shares or min(shares.values()) <= 0:
        raise TrainingError(f"shares of a split must be positive, got {dict(shares)}")
    members: dict[int, list[int]] = defaultdict(list)
    for place, group in enumerate(groups):
        members[group].append(place)
    whole = sum(shares.values())
    loads: dict[tuple[str, str], int] = defaultdict(int)
    result = [""] * len(items)
    for group in sorted(members, key=lambda group: (-len(members[group]), group)):
        counts: dict[str, int] = defaultdict(int)
        for place in members[group]:
            counts[items[place].label] += 1
        label = max(counts, key=lambda name: counts[name])
        # How full a part is, measured by its own share: the emptiest gets the group, of equals the largest.
        part = min(shares, key=lambda part: (loads[part, label] / (shares[part] / whole), -shares[part]))
        for name, count in counts.items():
            loads[part, name] += count
        for place in members[group]:
            result[place] = part
    _require_both(items, groups, loads, list(shares))
    return result


def leaking_places(material: Sequence[tuple[Item, FaceSet]]) -> list[int]:
    """The places that a split of the material's own has to lose: they repeat a person or picture of another part.

    Of two files that belong together, the one in the earlier part of PARTS goes; items without a part count as "train".
    A split of the material's own may put one source on both sides, so sources do not count here.
    """
    items = [replace(item, source=f"file {place}") for place, (item, _) in enumerate(material)]
    alone = group_items(items)
    groups = group_items(items, find_duplicates([faces for _, faces in material], alone))
    ranks = [PARTS.index(item.split or "train") for item in items]
    last: dict[int, int] = defaultdict(int)
    for group, rank in zip(groups, ranks, strict=True):
        last[group] = max(last[group], rank)
    return [place for place, group in enumerate(groups) if ranks[place] < last[group]]


def _require_both(
    items: Sequence[Item], groups: Sequence[int], loads: Mapping[tuple[str, str], int], parts: Sequence[str]
) -> None:
    for label in ("real", "fake"):
        empty = [part for part in parts if not loads.get((part, label))]
        if empty:
            count = len({group for item, group in zip(items, groups, strict=True) if item.label == label})
            raise TrainingError(
                f"{count} groups of {label} sources and people cannot be dealt into {len(parts)} parts"
                f" (nothing left for {', '.join(empty)}): name more sources, or ask for folds"
            )
