"""Chooses the entries of a report by state and verdict, by their standings, so that no others are looked at."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, select, union_all
from sqlalchemy.orm import Session

from db.claiming import IS_QUEUED, IS_RUNNING
from db.judging import Judging, possible_verdicts, verdict_is
from db.standings import JUDGED_STANDINGS, WAITING
from db.tables.batches import Entry
from db.tables.scans import Scan
from db.verdicts import Verdict


@dataclass(frozen=True)
class Choice:
    """The entries at some standings; of these, where there is a condition, those whose scans meet it."""

    standings: tuple[str, ...]
    condition: ColumnElement[bool] | None = None


def choose_entries(judging: Judging, *, state: str | None, verdict: Verdict | None) -> Choice | None:
    """The entries in this state and with this verdict; None where both are left open, hence all."""
    choices = [_of_state(state)] if state is not None else []
    choices += [_of_verdict(judging, verdict)] if verdict is not None else []
    if not choices:
        return None
    shared = set(choices[0].standings).intersection(*(choice.standings for choice in choices))
    conditions = [choice.condition for choice in choices if choice.condition is not None]
    return Choice(tuple(sorted(shared)), and_(*conditions) if conditions else None)


def read_chosen(session: Session, batch_id: int, choice: Choice, *, after: int, limit: int) -> Sequence[int]:
    """The positions of the next `limit` chosen entries, rising, after the position `after`."""
    # One by one, as only within a standing does the index hold the entries in this order.
    parts = [_next_at(standing, batch_id, choice, after=after, limit=limit) for standing in choice.standings]
    if not parts:
        return []
    positions = union_all(*(select(part.subquery().c.position) for part in parts)).subquery().c.position
    return session.scalars(select(positions).order_by(positions).limit(limit)).all()


def _of_state(state: str) -> Choice:
    if state == "queued":
        return Choice((WAITING,), IS_QUEUED)
    if state == "running":
        return Choice((WAITING,), Entry.scan_id.in_(select(Scan.id).where(IS_RUNNING)))
    return Choice(JUDGED_STANDINGS if state == "judged" else (state,))


def _of_verdict(judging: Judging, verdict: Verdict) -> Choice:
    possible = {standing: possible_verdicts(judging, standing) for standing in JUDGED_STANDINGS}
    standings = tuple(standing for standing, verdicts in possible.items() if verdict in verdicts)
    is_settled = all(len(possible[standing]) == 1 for standing in standings)
    return Choice(standings, None if is_settled else verdict_is(judging, verdict))


def _next_at(standing: str, batch_id: int, choice: Choice, *, after: int, limit: int) -> Select[int]:
    entries = select(Entry.position).where(
        Entry.batch_id == batch_id, Entry.standing == standing, Entry.position > after
    )
    if choice.condition is not None:
        entries = entries.join(Scan, Scan.id == Entry.scan_id).where(choice.condition)
    return entries.order_by(Entry.position).limit(limit)
