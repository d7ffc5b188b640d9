"""Plans which pictures to ask an image API for: the same wish has the same name in every run."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from training.errors import TrainingError

Operation = Literal["generations", "variations", "edits"]


@dataclass(frozen=True)
class Settings:
    """What all requests of a run share.

    Args:
        model: as the API calls it.
        size: such as "1024x1024"; empty to leave it to the API.
        quality: empty to leave it to the API.
        more: further fields of the request, as name and JSON value.
    """

    operation: Operation
    model: str
    size: str = ""
    quality: str = ""
    more: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Subject:
    """What is to be seen.

    Args:
        prompt: empty for variations.
        base_sha256: of the given picture's content; empty for generations.
    """

    prompt: str = ""
    base_sha256: str = ""


@dataclass(frozen=True)
class ImageRequest:
    """One request for one or more pictures of a subject.

    Args:
        slots: the names of the pictures that it asks for.
    """

    subject: Subject
    slots: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.slots:
            raise ValueError("a request asks for at least one picture")

    @property
    def name(self) -> str:
        """The same for the same pictures, in every run; the request's idempotency key."""
        return _digest(self.slots)


def plan_slots(settings: Settings, subjects: Sequence[Subject], *, source: str, count: int) -> dict[str, Subject]:
    """The names of `count` pictures of a source and their subjects, which take turns.

    A larger count repeats the names of a smaller one and adds to them.

    Raises:
        TrainingError: there is no subject.
    """
    if not subjects:
        raise TrainingError("there is nothing to ask for: give prompts, or pictures to start from")
    slots: dict[str, Subject] = {}
    for number in range(count):
        subject = subjects[number % len(subjects)]
        repetition = number // len(subjects)
        asked = (settings.operation, settings.model, settings.size, settings.quality, settings.more)
        slots[_digest((source, asked, subject.prompt, subject.base_sha256, repetition))] = subject
    return slots


def group_slots(slots: Mapping[str, Subject], *, per_request: int) -> list[ImageRequest]:
    """Requests for these pictures, each for up to `per_request` of one subject; subjects keep taking turns."""
    by_subject: dict[Subject, list[str]] = defaultdict(list)
    for slot, subject in slots.items():
        by_subject[subject].append(slot)
    requests = [
        ImageRequest(subject, tuple(names[start : start + per_request]))
        for subject, names in by_subject.items()
        for start in range(0, len(names), per_request)
    ]
    turn = {slot: number for number, slot in enumerate(slots)}
    return sorted(requests, key=lambda request: turn[request.slots[0]])


def read_prompts(lines: Iterable[str]) -> list[str]:
    """One prompt a line, each once; empty lines and those that begin with # are left out."""
    stripped = (line.strip() for line in lines)
    return list(dict.fromkeys(line for line in stripped if line and not line.startswith("#")))


def _digest(words: Any) -> str:
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()[:32]
