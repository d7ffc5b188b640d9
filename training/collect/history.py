"""Reads from a ledger what was asked of an image API before, what became of it, and what it may have cost."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from training.collect.ledger import Entry
from training.collect.wishes import ImageRequest, Subject

# A request whose answer was lost is sent once more; lost again, it is left alone, or it could be paid for without end.
MOST_LOSSES = 2


@dataclass
class History:
    """What a ledger says of an image API.

    Args:
        answered: names of the pictures that need not be asked for again.
        refused: subjects that the API's content policy refused.
        lost: requests that were sent and not answered, with how often.
        spent: the prices of all requests that may have been charged for.
    """

    answered: set[str] = field(default_factory=set)
    refused: set[Subject] = field(default_factory=set)
    lost: dict[ImageRequest, int] = field(default_factory=dict)
    spent: Decimal = Decimal(0)

    @property
    def given_up(self) -> set[str]:
        """Names of the pictures whose answers were lost too often."""
        return {slot for request, times in self.lost.items() if times >= MOST_LOSSES for slot in request.slots}


def read_history(entries: Sequence[Entry]) -> History:
    """Follows every request through the lines `sent` and what came after it.

    `saved` ends a request; `refused` and `failed` mean that the API answered with an error, which is not charged for;
    `lost`, or nothing at all, that nobody knows.
    """
    history = History()
    open_: dict[str, tuple[ImageRequest, Decimal]] = {}
    losses: Counter[ImageRequest] = Counter()
    for entry in entries:
        state, name = entry["state"], entry.get("request", "")
        if state == "sent":
            if name in open_:
                losses[open_[name][0]] += 1
            request = request_of(entry)
            price = Decimal(entry.get("price") or 0)
            open_[name] = (request, price)
            history.spent += price
        elif name in open_ and state in ("saved", "refused", "failed", "lost"):
            request, price = open_.pop(name)
            if state == "saved":
                history.answered |= set(request.slots)
            elif state == "lost":
                losses[request] += 1
            else:
                history.spent -= price
                history.refused |= {request.subject} if state == "refused" else set()
    losses.update(request for request, _ in open_.values())
    history.lost = {request: times for request, times in losses.items() if not set(request.slots) <= history.answered}
    return history


def request_of(entry: Entry) -> ImageRequest:
    """The request that a line `sent` tells of."""
    subject = Subject(str(entry.get("prompt", "")), str(entry.get("base_sha256", "")))
    return ImageRequest(subject, tuple(str(slot) for slot in entry["slots"]))
