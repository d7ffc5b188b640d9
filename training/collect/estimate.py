"""Says what a run will ask for and what it will cost, before anything is sent."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from decimal import Decimal

from training.collect.history import History
from training.collect.wishes import ImageRequest, Subject, group_slots


@dataclass(frozen=True)
class Estimate:
    """What is left to ask for.

    Args:
        requests: in the order in which they are sent.
        wanted: pictures in all, those of earlier runs included.
        answered: pictures that earlier runs got.
        refused: pictures left out because the content policy refused their subject.
        given_up: pictures left out because their answers were lost too often.
        in_doubt: pictures that were asked for before, and perhaps paid for, without an answer; asked for again.
        each: price of one picture, None where it is unknown.
        spent: what earlier runs may have cost.
    """

    requests: tuple[ImageRequest, ...]
    wanted: int
    answered: int
    refused: int
    given_up: int
    in_doubt: int
    each: Decimal | None
    spent: Decimal

    @property
    def pictures(self) -> int:
        """How many pictures are still to be asked for."""
        return sum(len(request.slots) for request in self.requests)

    @property
    def cost(self) -> Decimal | None:
        """Of what is still to be asked for, None where the price is unknown."""
        return None if self.each is None else self.each * self.pictures

    def lines(self) -> list[str]:
        """The estimate for people."""
        lines = [
            f"{self.pictures} pictures in {len(self.requests)} requests; {self.answered} of {self.wanted} are here"
        ]
        if self.refused:
            lines.append(f"{self.refused} left out: the content policy refused what they are to show")
        if self.in_doubt:
            lines.append(f"{self.in_doubt} asked for again: their first answers were lost, and may have been charged")
        if self.given_up:
            lines.append(f"{self.given_up} left out: their answers were lost twice (--retry-lost asks for them again)")
        if self.cost is None:
            lines.append("cost unknown: give --price or --prices to have it reckoned")
        else:
            lines.append(
                f"cost: {self.pictures} x {self.each} = {self.cost}, by your prices; spent before: {self.spent}"
            )
        return lines


def estimate(
    slots: Mapping[str, Subject],
    history: History,
    *,
    at_hand: Set[str],
    per_request: int,
    each: Decimal | None,
    retry_lost: bool,
) -> Estimate:
    """What is left to ask for.

    Args:
        slots: all pictures that are wanted.
        at_hand: pictures whose answers are here, but not worked through.
        per_request: pictures of one request.
        each: price of one picture, None where it is unknown.
        retry_lost: ask again also for what was lost too often.
    """
    answered = (history.answered | at_hand) & slots.keys()
    given_up = set() if retry_lost else (history.given_up & slots.keys()) - answered
    refused = {slot for slot, subject in slots.items() if subject in history.refused} - answered - given_up
    left = {slot: slots[slot] for slot in slots if slot not in answered | given_up | refused}
    # A request whose answer was lost is repeated as it was, so that an API that remembers it can answer from memory.
    repeated = [request for request in history.lost if set(request.slots) <= left.keys()]
    doubtful = {slot for request in repeated for slot in request.slots}
    fresh = {slot: subject for slot, subject in left.items() if slot not in doubtful}
    return Estimate(
        requests=(*repeated, *group_slots(fresh, per_request=per_request)),
        wanted=len(slots),
        answered=len(answered),
        refused=len(refused),
        given_up=len(given_up),
        in_doubt=len(doubtful),
        each=each,
        spent=history.spent,
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
