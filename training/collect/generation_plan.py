"""What is wanted of an image API, and what a run would ask for to get it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from training.collect.estimate import Estimate, estimate
from training.collect.history import read_history, request_of
from training.collect.ledger import Entry
from training.collect.picture_check import FaceRule
from training.collect.places import check_source
from training.collect.terms import Purse
from training.collect.wishes import ImageRequest, Settings, Subject, plan_slots
from training.errors import TrainingError


@dataclass(frozen=True)
class GenerateOptions:
    """What is wanted.

    Args:
        subjects: what the pictures show, in turns.
        count: pictures in all, those of earlier runs included.
        per_request: pictures of one request.
        threads: requests under way at once.
        each: price of one picture, None where it is unknown.
        most: limit on the cost of all runs into the target.
        retry_lost: ask again also for what was lost twice.
        bases: the given pictures as PNG, by the SHA-256 of what they were made from.
    """

    settings: Settings
    subjects: tuple[Subject, ...]
    source: str
    count: int
    licence: str = ""
    per_request: int = 1
    threads: int = 2
    retries: int = 5
    each: Decimal | None = None
    most: Decimal | None = None
    retry_lost: bool = False
    faces: FaceRule | None = None
    bases: Mapping[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_source(self.source)
        Purse(self.each, self.most)
        for name in ("count", "per_request", "threads"):
            if getattr(self, name) < 1:
                raise TrainingError(f"{name} must be at least 1, got {getattr(self, name)}")


def answers_at_hand(state: Path, entries: Sequence[Entry]) -> dict[Path, ImageRequest]:
    """Answers that a run before got and did not work through.

    Args:
        state: the target's directory on this machine.
        entries: of its ledger.
    """
    sent = {entry["request"]: entry for entry in entries if entry["state"] == "sent"}
    saved = {entry["request"] for entry in entries if entry["state"] == "saved" and "request" in entry}
    found = sorted((state / "answers").glob("*.json"))
    return {path: request_of(sent[path.stem]) for path in found if path.stem in sent.keys() - saved}


def estimate_run(options: GenerateOptions, state: Path, entries: Sequence[Entry]) -> Estimate:
    """What a run would ask for, and what it would cost; takes the same as `answers_at_hand`."""
    return estimate(
        plan_slots(options.settings, options.subjects, source=options.source, count=options.count),
        read_history(entries),
        at_hand={slot for request in answers_at_hand(state, entries).values() for slot in request.slots},
        per_request=options.per_request,
        each=options.each,
        retry_lost=options.retry_lost,
    )
