"""Makes training material out of what reviewers said: above all where the machine was wrong or did not know."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from db.reviewed import ReviewedVideo
from training.crops import Skipped
from training.dataset import Item, Label
from training.errors import TrainingError

Agreement = Literal["wrong", "uncertain", "unjudged", "confirmed"]

PRIORITIES: Mapping[Agreement, float] = {"wrong": 4.0, "uncertain": 2.0, "unjudged": 2.0, "confirmed": 1.0}
"""How often a face of a reviewed video is shown, beside those whose verdict the reviewer confirmed."""
SOURCE = "reviewed"


@dataclass(frozen=True)
class ReviewedMaterial:
    """What can be learnt from reviews.

    Args:
        items: each with its priority as weight.
        skipped: videos that cannot be used, and why.
        agreement: how many items the machine had judged how.
    """

    items: tuple[Item, ...]
    skipped: tuple[Skipped, ...]
    agreement: Mapping[str, int]


def reviewed_material(videos: Iterable[ReviewedVideo]) -> ReviewedMaterial:
    """The reviewed videos that lie where they were, unchanged, and whose reviewers agree.

    Raises:
        TrainingError: not a single one.
    """
    items: list[Item] = []
    skipped: list[Skipped] = []
    agreement: Counter[str] = Counter()
    for video in videos:
        place = Path(os.fsdecode(video.paths[0])) if video.paths else Path(video.sha256)
        if len(set(video.labels)) > 1:
            skipped.append(Skipped(place, "reviewers disagree: let them settle it with `fakesweep review`"))
            continue
        path = _unchanged(video)
        if path is None:
            skipped.append(Skipped(place, "it is gone, or holds something else now"))
            continue
        label = cast("Label", video.labels[0])
        judged = agreement_of(video, label)
        agreement[judged] += 1
        source = f"{SOURCE}/batch-{video.batch_id}" if video.batch_id is not None else SOURCE
        items.append(Item(path, "video", label, source, weight=PRIORITIES[judged], is_reviewed=True))
    if not items:
        why = f"; the first of {len(skipped)}: {skipped[0].path}: {skipped[0].why}" if skipped else ""
        raise TrainingError(f"there is no reviewed video to learn from: label some with `fakesweep review`{why}")
    return ReviewedMaterial(tuple(items), tuple(skipped), dict(agreement))


def agreement_of(video: ReviewedVideo, label: str) -> Agreement:
    """What the reviewer's label says of the machine's verdict."""
    if video.verdict is None:
        return "unjudged"
    if video.verdict == "uncertain":
        return "uncertain"
    return "confirmed" if video.verdict == label else "wrong"


def _unchanged(video: ReviewedVideo) -> Path | None:
    """The first of its places that still holds this content."""
    for place in video.paths:
        path = Path(os.fsdecode(place))
        try:
            # A pipe in its place would be waited for without end.
            if not path.is_file():
                continue
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() == video.sha256:
                    return path
        except OSError:
            continue
    return None
