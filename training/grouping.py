"""Decides what must stay on one side of a split: sources, people, footage and near-duplicates."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from training.dataset import UNNAMED, Item
from training.duplicates import difference_hash, duplicate_pairs, find_duplicates
from training.face_set import FaceSet

__all__ = ["assign_folds", "difference_hash", "duplicate_pairs", "group_items", "group_material"]


def group_material(
    material: Sequence[tuple[Item, FaceSet]], *, matched: Sequence[tuple[str, str]] = ()
) -> tuple[list[int], list[tuple[int, int]]]:
    """The groups of `group_items`, joined by what the pictures and faces themselves show.

    Returns:
        the number of each item's group, and the links between near-duplicates that the items' names did not tell.
    """
    items = [item for item, _ in material]
    links = find_duplicates([faces for _, faces in material], group_items(items, matched=matched))
    return group_items(items, links, matched=matched), links


def group_items(
    items: Sequence[Item],
    pairs: Iterable[tuple[int, int]] = (),
    *,
    matched: Sequence[tuple[str, str]] = (),
) -> list[int]:
    """Numbers the groups that a split must not tear apart.

    A source with one class is held out whole, so all its items are one group. A source with both classes is a
    set of matched pairs: its items hang together by their identities (or are one group where none is
    named). Files without a named source may come from anywhere, so each stands alone. A shared identity, and a
    near-duplicate, joins groups across sources.

    Args:
        items: in the order of the result.
        pairs: places of near-duplicates in `items`.
        matched: names of sources that belong together, such as the real and the fake half of one published set.

    Returns:
        the number of each item's group, from 0.
    """
    roots = list(range(len(items)))

    def find(place: int) -> int:
        while roots[place] != place:
            roots[place] = roots[roots[place]]
            place = roots[place]
        return place

    holders: dict[str, int] = {}
    paired = _paired_sources(items)
    partners = {second: first for first, second in matched}
    for place, item in enumerate(items):
        source = partners.get(item.source, item.source)
        for token in _tokens(item, source, is_paired=item.source in paired):
            roots[find(place)] = find(holders.setdefault(token, place))
    for left, right in pairs:
        roots[find(left)] = find(right)
    numbers: dict[int, int] = {}
    return [numbers.setdefault(find(place), len(numbers)) for place in range(len(items))]


def assign_folds(items: Sequence[Item], groups: Sequence[int], *, folds: int) -> list[int]:
    """Deals whole groups into folds, the largest first, each to the fold that lacks its kind and class most.

    Every fold gets real and fake material as far as the groups allow, so that each can be measured alone.
    """
    members: dict[int, list[int]] = defaultdict(list)
    for place, group in enumerate(groups):
        members[group].append(place)
    loads: list[dict[str, int]] = [defaultdict(int) for _ in range(folds)]
    result = [0] * len(items)
    for group in sorted(members, key=lambda group: (-len(members[group]), group)):
        counts: dict[str, int] = defaultdict(int)
        for place in members[group]:
            counts[f"{items[place].kind} {items[place].label}"] += 1
        main = max(counts, key=lambda name: counts[name])
        fold = min(range(folds), key=lambda fold: (loads[fold][main], sum(loads[fold].values()), fold))
        for name, count in counts.items():
            loads[fold][name] += count
        for place in members[group]:
            result[place] = fold
    return result


def _paired_sources(items: Sequence[Item]) -> set[str]:
    labels: dict[str, set[str]] = defaultdict(set)
    for item in items:
        labels[item.source].add(item.label)
    return {source for source, found in labels.items() if len(found) == 2}


def _tokens(item: Item, source: str, *, is_paired: bool) -> list[str]:
    identities = [f"identity {identity}" for identity in item.identities]
    if item.source.startswith(UNNAMED):
        return identities
    return identities if is_paired and identities else [*identities, f"source {source}"]
