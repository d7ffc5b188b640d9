"""Gathers what a run works on: files with their faces, in groups, dealt into folds or into the data's own parts."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from training.crops import FaceCutter, FaceSet, Skipped, cut_all
from training.crossvalidate import Dealt, leave_one_out_folds
from training.dataset import Item, discover_items
from training.errors import TrainingError
from training.freezing import frozen_places
from training.frozen_set import FrozenSet
from training.grouping import assign_folds, group_material
from training.options import Say, TrainOptions
from training.splitting import leaking_places
from worker.pipeline.faces import FaceDetector


@dataclass(frozen=True)
class Material:
    """The usable items with their faces, grouped and dealt into folds.

    Args:
        pairs: each item with its faces.
        groups: what must not be torn apart, by number.
        folds: the fold of each item; with a split of the material's own 0 is calibration and 1 test.
        roles: "train", "validation", "calibration" or "test" of each item where the material says so, else None.
        skipped: files that could not be used.
    """

    pairs: list[tuple[Item, FaceSet]]
    groups: list[int]
    folds: list[int]
    roles: list[str | None]
    skipped: list[Skipped]

    @property
    def items(self) -> list[Item]:
        """The items without their faces."""
        return [item for item, _ in self.pairs]

    @property
    def has_split(self) -> bool:
        """Whether the material brings its own split."""
        return any(role is not None for role in self.roles)

    def dealt(self, measured_only: Sequence[str]) -> Dealt:
        """Who stands where in the cross-validation."""
        return Dealt(self.items, self.groups, self.folds, [item.source in measured_only for item in self.items])


def gather(options: TrainOptions, *, say: Say) -> Material:
    """Discovers the items, cuts their faces, and decides what is held out with what."""
    items: list[Item] = []
    for root in options.roots:
        # One root may hold the real material and another the fakes.
        items += discover_items(root, exclude_sources=options.excluded, needs_both=False)
    items += [item for item in options.items if item.source not in options.excluded]
    missing = sorted({"real", "fake"} - {item.label for item in items})
    if missing:
        places = ", ".join(str(root) for root in options.roots)
        raise TrainingError(f"no {' and no '.join(missing)} material in {places}: training needs both")
    say(f"{len(items)} files found: {_counts(items)}")
    cutter = FaceCutter(
        FaceDetector(options.detector, threads=2),
        options.cache / "faces",
        frames=options.frames,
        size_px=options.size_px,
    )
    progress = tell_tenths(say, "files")
    pairs, skipped = cut_all(items, cutter, on_progress=lambda done, of: progress(done, of, 0.0))
    for skip in skipped:
        say(f"skipped {skip.path}: {skip.why}")
    pairs = _without_frozen(pairs, options.frozen, cutter, say=say)
    usable = [item for item, _ in pairs]
    groups, duplicates = group_material(pairs, matched=options.matched)
    roles = [item.split for item in usable]
    if options.leave_one_out and any(roles):
        say("the split that the data names is set aside: each source is held out in turn")
        roles = [None] * len(usable)
    if any(roles):
        folds = [{"test": 1}.get(role or "", 0) for role in roles]
        pairs, groups, folds, roles = _without_leaks(pairs, groups, folds, roles, say=say)
    elif options.leave_one_out:
        folds = leave_one_out_folds(usable, groups, matched=options.matched)
    else:
        folds = assign_folds(usable, groups, folds=options.folds)
    say(f"{len(pairs)} files with faces in {len(set(groups))} groups, {len(duplicates)} links by near-duplicates")
    return Material(pairs, groups, folds, roles, skipped)


def fingerprint(pairs: Sequence[tuple[Item, FaceSet]]) -> str:
    """A hash of every content with its label, whatever the order and the paths."""
    lines = sorted(f"{faces.sha256} {item.label}" for item, faces in pairs)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def tell_tenths(say: Say, what: str) -> Callable[[int, int, float], None]:
    """Says every tenth of the way: takes what is done, of how many, and the seconds so far (0 where unknown)."""
    last = [0]

    def tell(done: int, of: int, seconds: float) -> None:
        tenth = done * 10 // of
        if tenth > last[0]:
            last[0] = tenth
            remaining = f", {seconds * (of - done) / done:.0f} s left" if seconds else ""
            say(f"{done} of {of} {what}{remaining}")

    return tell


def _without_frozen(
    pairs: list[tuple[Item, FaceSet]], frozen: FrozenSet | None, cutter: FaceCutter, *, say: Say
) -> list[tuple[Item, FaceSet]]:
    """Drops what the frozen evaluation set holds too, so that whoever learns here can be compared there."""
    if frozen is None:
        return pairs
    barred = set(frozen_places([faces for _, faces in pairs], frozen, cutter))
    if len(barred) == len(pairs):
        raise TrainingError(
            "there is nothing to learn from but the frozen evaluation set: give other material by --data"
        )
    if barred:
        say(f"left out {len(barred)} files that the frozen evaluation set holds too, or near-duplicates of")
    return [pair for place, pair in enumerate(pairs) if place not in barred]


def _without_leaks(
    pairs: list[tuple[Item, FaceSet]], groups: list[int], folds: list[int], roles: list[str | None], *, say: Say
) -> tuple[list[tuple[Item, FaceSet]], list[int], list[int], list[str | None]]:
    """Drops what repeats a person or picture of a later part: training loses what is tested on, not the reverse."""
    leaking = set(leaking_places(pairs))
    kept = [n for n in range(len(pairs)) if n not in leaking]
    if leaking:
        say(f"left out {len(leaking)} files that repeat a person or picture of another split")
    return [pairs[n] for n in kept], [groups[n] for n in kept], [folds[n] for n in kept], [roles[n] for n in kept]


def _counts(items: Sequence[Item]) -> str:
    counts = Counter(f"{item.label} {item.kind}s" for item in items)
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
