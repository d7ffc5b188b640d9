"""A ledger tells what is left to ask for, and what it may have cost."""

from decimal import Decimal
from typing import Any

from training.collect.estimate import Estimate, estimate
from training.collect.history import read_history
from training.collect.wishes import ImageRequest, Settings, Subject, group_slots
from training.collect.wishes import plan_slots as plan_slots_of

SETTINGS = Settings("generations", "m", "64x64")
A, B = Subject("a"), Subject("b")


def plan_slots(settings: Settings, subjects: list[Subject], *, count: int, source: str = "s") -> dict[str, Subject]:
    """The names of pictures of one source."""
    return plan_slots_of(settings, subjects, source=source, count=count)


def sent(request: ImageRequest, price: str | None = "0.5") -> dict[str, Any]:
    """The line before a request."""
    return {
        "state": "sent",
        "request": request.name,
        "slots": list(request.slots),
        "price": price,
        "prompt": request.subject.prompt,
    }


def after(request: ImageRequest, state: str) -> dict[str, Any]:
    """The line after a request."""
    return {"state": state, "request": request.name}


def estimated(slots: dict[str, Subject], entries: list[dict[str, Any]], **more: Any) -> Estimate:
    """The estimate after these entries."""
    options: dict[str, Any] = {"at_hand": set(), "per_request": 1, "each": Decimal("0.5"), "retry_lost": False, **more}
    return estimate(slots, read_history(entries), **options)


def test_the_same_wish_has_the_same_name() -> None:
    """More pictures, or the prompts in another order, ask again for nothing."""
    few, more = plan_slots(SETTINGS, [A, B], count=4), plan_slots(SETTINGS, [B, A], count=6)

    assert few.keys() < more.keys()
    assert plan_slots(Settings("generations", "m", "32x32"), [A, B], count=4).keys().isdisjoint(few)
    assert plan_slots(SETTINGS, [A, B], count=4, source="t").keys().isdisjoint(few)
    assert (
        plan_slots(Settings("generations", "m", "64x64", more=(("style", '"x"'),)), [A], count=1).keys().isdisjoint(few)
    )


def test_subjects_take_turns() -> None:
    """When the money ends early, every prompt had its turn."""
    requests = group_slots(plan_slots(SETTINGS, [A, B], count=6), per_request=1)

    assert [request.subject.prompt for request in requests] == ["a", "b", "a", "b", "a", "b"]


def test_a_request_is_for_one_subject() -> None:
    """Several pictures of a request share their prompt."""
    requests = group_slots(plan_slots(SETTINGS, [A, B], count=5), per_request=2)

    assert [(request.subject.prompt, len(request.slots)) for request in requests] == [("a", 2), ("b", 2), ("a", 1)]


def test_what_was_saved_is_not_asked_for_again() -> None:
    """A finished request counts as answered and as paid for."""
    slots = plan_slots(SETTINGS, [A], count=3)
    first, *rest = group_slots(slots, per_request=1)

    found = estimated(slots, [sent(first), after(first, "saved")])

    assert found.requests == tuple(rest)
    assert (found.answered, found.cost, found.spent) == (1, Decimal("1.0"), Decimal("0.5"))


def test_errors_cost_nothing() -> None:
    """What the API answered with an error is asked for again, and does not count as spent."""
    slots = plan_slots(SETTINGS, [A], count=1)
    request = group_slots(slots, per_request=1)[0]

    found = estimated(slots, [sent(request), after(request, "failed")])

    assert (found.pictures, found.spent, found.in_doubt) == (1, Decimal("0.0"), 0)


def test_what_was_lost_is_repeated_as_it_was_and_counts_as_spent() -> None:
    """A request without an answer keeps its name, so that the API can know it again, whatever the new grouping."""
    slots = plan_slots(SETTINGS, [A], count=4)
    pair = group_slots(slots, per_request=2)[0]

    found = estimated(slots, [sent(pair, "1.0")], per_request=1)

    assert found.requests[0].name == pair.name
    assert [len(request.slots) for request in found.requests] == [2, 1, 1]
    assert (found.in_doubt, found.spent) == (2, Decimal("1.0"))


def test_what_was_lost_twice_is_left_alone() -> None:
    """Nothing is paid for without end; who insists may ask again."""
    slots = plan_slots(SETTINGS, [A], count=2)
    request = group_slots(slots, per_request=1)[0]
    entries = [sent(request), sent(request), after(request, "lost")]

    assert (estimated(slots, entries).given_up, estimated(slots, entries).pictures) == (1, 1)
    assert estimated(slots, entries, retry_lost=True).pictures == 2
    assert estimated(slots, entries).spent == Decimal("1.0")


def test_a_refused_prompt_is_left_out() -> None:
    """The content policy is not asked twice about the same prompt."""
    slots = plan_slots(SETTINGS, [A, B], count=4)
    request = group_slots(slots, per_request=1)[0]

    found = estimated(slots, [sent(request), after(request, "refused")])

    assert (found.refused, found.pictures, found.spent) == (2, 2, Decimal("0.0"))
    assert {request.subject for request in found.requests} == {B}


def test_an_unknown_price_is_said() -> None:
    """No cost is made up."""
    found = estimated(plan_slots(SETTINGS, [A], count=2), [], each=None)

    assert found.cost is None
    assert "cost unknown" in found.lines()[-1]
