"""Counts without looking: how many entries of a batch stand where, and how many scans wait over all batches."""

from collections import Counter
from dataclasses import dataclass, field

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from db.claiming import IS_RUNNING
from db.dialects import insert_or
from db.standings import JUDGED_STANDINGS, WAITING
from db.tables.batches import Entry, Tally, TallyChange
from db.tables.scans import Scan
from db.tally_sums import sum_tallies

EVERY_BATCH = 0
"""Under this number `db.triggers` counts the scans that wait, over all batches."""

# Any number that nothing else in the database takes a lock by.
_ADVISORY_LOCK = 7_162_534_402


@dataclass(frozen=True)
class BatchTallies:
    """The entries of a batch at one moment.

    Args:
        running: those whose scan runs; they stand as waiting.
        standings: how many stand where; those at which nobody stands are left out.
        runtimes: the engines that judged them.
    """

    running: int
    standings: Counter[str] = field(default_factory=Counter)
    runtimes: frozenset[str] = frozenset()

    def states(self) -> dict[str, int]:
        """How many are in which state; states without entries are left out."""
        states = Counter(
            {
                "queued": self.standings[WAITING] - self.running,
                "running": self.running,
                "judged": sum(self.standings[standing] for standing in JUDGED_STANDINGS),
            }
        )
        ended = {name: count for name, count in self.standings.items() if name not in (WAITING, *JUDGED_STANDINGS)}
        return {state: count for state, count in (states + Counter(ended)).items() if count}

    def verdicts(self) -> dict[str, int]:
        """How many stand as fake, uncertain and real; verdicts without entries are left out."""
        return {name: self.standings[name] for name in ("fake", "uncertain", "real") if self.standings[name] > 0}


def read_tallies(session: Session, batch_id: int) -> BatchTallies:
    """Counts the entries of a batch; what runs is looked at, all else was counted when it happened."""
    standings: Counter[str] = Counter()
    runtimes = set()
    for standing, runtime, total in _read_totals(session, batch_id):
        standings[standing] += total
        runtimes |= {runtime} - {""}
    # Few scans run at any moment: the sum keeps SQLite, which does not know that, from walking the whole batch.
    running = session.scalar(
        select(func.count())
        .select_from(Scan)
        .join(Entry, Entry.scan_id == Scan.id)
        .where(IS_RUNNING, Entry.batch_id + 0 == batch_id)
    )
    return BatchTallies(running or 0, standings, frozenset(runtimes))


def count_waiting(session: Session) -> int:
    """How many scans wait or run, over all batches."""
    return sum(total for _, _, total in _read_totals(session, EVERY_BATCH))


def add_up_changes(session: Session) -> None:
    """Adds the changes since the last time to the tallies; of several callers at once, one does."""
    # SQLite has none, as its one writer changes the tallies themselves.
    if session.get_bind().dialect.name == "sqlite":
        return
    if not session.scalar(select(func.pg_try_advisory_xact_lock(_ADVISORY_LOCK))):
        return
    key = (TallyChange.batch_id, TallyChange.standing, TallyChange.runtime)
    taken = delete(TallyChange).returning(*key, TallyChange.change).cte("taken")
    sums = select(taken.c.batch_id, taken.c.standing, taken.c.runtime, func.sum(taken.c.change)).group_by(
        taken.c.batch_id, taken.c.standing, taken.c.runtime
    )
    added = insert_or(session, Tally).from_select(["batch_id", "standing", "runtime", "total"], sums)
    session.execute(
        added.on_conflict_do_update(
            index_elements=[Tally.batch_id, Tally.standing, Tally.runtime],
            set_={"total": Tally.total + added.excluded.total},
        )
    )


def _read_totals(session: Session, batch_id: int) -> list[tuple[str, str, int]]:
    """Standing, runtime and count of all that is not zero."""
    rows = session.execute(sum_tallies("standing", "runtime", where=lambda table: table.batch_id == batch_id))
    # PostgreSQL sums whole numbers to a decimal.
    return [(standing, runtime, int(count)) for standing, runtime, count in rows if count]
