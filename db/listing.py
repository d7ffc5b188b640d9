"""Lists what was submitted, over all batches or within one: filtered, searched, sorted, page by page by key.

A page costs the same wherever it lies. Entries that wait, or ended in one way, are found by their standing; which
batches hold any, the tallies tell.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Boolean, ColumnElement, func, literal, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from db.claiming import IS_RUNNING
from db.dialects import among
from db.findings import describe_path
from db.headers import iso_time
from db.listing_statements import (
    BATCHES_AT_ONCE,
    ScoreShape,
    ShownEntry,
    batches_with,
    condition_of,
    ids_by_score,
    ids_in_batch,
    ids_of_any,
    in_order,
    read_ids,
    read_shown,
)
from db.outcomes import SCORE_COLUMNS
from db.session import Database
from db.standings import JUDGED_STANDINGS, WAITING
from db.states import WAITING_STATES
from db.tables.batches import Batch, Entry, Tally
from db.tables.scans import Scan
from db.verdicts import VERDICTS

Sort = Literal["newest", "oldest", "score"]
Key = tuple[float, ...]
"""Where a page ended; what it is made of depends on the order."""

SEARCHED_AT_ONCE = 25_000
"""A search looks at so many entries, and then says from where to go on."""

# Of a batch with fewer judged entries, all are looked at to sort them; of a larger one, the index of scores is.
_SORTED_AT_ONCE = 5_000
_STANDING_OF_STATE = {"queued": (WAITING,), "running": (WAITING,), "judged": JUDGED_STANDINGS}


@dataclass(frozen=True)
class Wanted:
    """What a list is to hold.

    Args:
        batch_id: of one batch, or of all where None.
        verdict: by the thresholds of its batch.
        text: which the path holds, whatever the case of ASCII letters.
        sort: the newest submission first or last, or the highest score first (of the judged alone, by the mean).
        after: where the page before ended.
    """

    batch_id: int | None = None
    state: str | None = None
    verdict: str | None = None
    text: str | None = None
    sort: Sort = "newest"
    after: Key | None = None
    limit: int = 50

    @property
    def standings(self) -> tuple[str, ...] | None:
        """Where the wanted entries stand; None for anywhere."""
        found: set[str] | None = None
        if self.state is not None:
            found = set(_STANDING_OF_STATE.get(self.state, (self.state,)))
        if self.verdict is not None:
            found = {self.verdict} if found is None else found & {self.verdict}
        return None if found is None else tuple(sorted(found))

    @property
    def order(self) -> dict[str, bool]:
        """What `listing_statements.in_order` needs to know."""
        return {
            "of_batch": self.batch_id is not None,
            "is_rising": self.sort == "oldest",
            "goes_on": self.after is not None,
        }

    @property
    def values(self) -> dict[str, Any]:
        """What is bound in its statements."""
        values: dict[str, Any] = {} if self.batch_id is None else {"batch_id": self.batch_id}
        if self.after is not None:
            values |= dict(zip(("after_batch", "after_position"), (int(part) for part in self.after), strict=False))
        return values


@dataclass(frozen=True)
class Page:
    """A part of a list.

    Args:
        next: what `after` must be for the next part; None where this was the last.
    """

    videos: list[dict[str, Any]]
    next: Key | None


class _PathHolds(FunctionElement[bool]):
    """Whether a path, whose bytes may be of any encoding, holds a text."""

    type = Boolean()
    inherit_cache = True


@compiles(_PathHolds, "sqlite")
def _path_holds_on_sqlite(element: _PathHolds, compiler: SQLCompiler, **options: Any) -> str:
    path, text = element.clauses
    return f"(instr(lower(CAST({compiler.process(path, **options)} AS TEXT)), {compiler.process(text, **options)}) > 0)"


@compiles(_PathHolds, "postgresql")
def _path_holds_on_postgresql(element: _PathHolds, compiler: SQLCompiler, **options: Any) -> str:
    path, text = element.clauses
    wanted = f"lower(encode(convert_to(CAST({compiler.process(text, **options)} AS text), 'UTF8'), 'escape'))"
    return f"(strpos(lower(encode({compiler.process(path, **options)}, 'escape')), {wanted}) > 0)"


def session_for(database: Database, wanted: Wanted) -> AbstractContextManager[Session]:
    """The session in which to list it.

    A search is several questions, of what it found and of where it ended: asked at different moments, the next page
    could leave out what came between. Of other lists each question may see its own moment, which is quicker.
    """
    return database.glance() if wanted.text is None else database.read()


def list_videos(session: Session, wanted: Wanted) -> Page:
    """One page of the list; a search in a session of `session_for`.

    Raises:
        ValueError: `after` is not of such a list.
    """
    if wanted.after is not None and len(wanted.after) != (3 if wanted.sort == "score" else 2):
        raise ValueError("the cursor is of another list: begin without one")
    if wanted.text is not None and wanted.sort == "score":
        raise ValueError("a search is sorted by newest or oldest, not by score: leave one of both out")
    if wanted.standings == ():
        return Page([], None)
    if wanted.sort == "score":
        return _list_by_score(session, wanted)
    if wanted.text is not None:
        return _search(session, wanted)
    ids = _next_ids(session, wanted)
    rows = read_shown(session, ids)
    last = rows[-1] if len(ids) == wanted.limit and rows else None
    return Page(_describe(rows), None if last is None else (last.batch_id, last.position))


def _next_ids(session: Session, wanted: Wanted) -> list[int]:
    if wanted.state == "running":
        # Few do at any moment; asked for by number, so that no planner walks along all entries for them.
        running = list(session.scalars(select(Scan.id).where(IS_RUNNING)))
        entries = in_order(select(Entry.id).where(among(Entry.scan_id, "running")), **wanted.order)
        values = {**wanted.values, "running": running}
        return read_ids(session, entries.limit(wanted.limit), values) if wanted.verdict is None else []
    if wanted.standings is None:
        return read_ids(session, ids_of_any(**wanted.order), {**wanted.values, "limit": wanted.limit})
    if wanted.batch_id is not None:
        return _ids_in_batch(session, wanted, wanted.batch_id, limit=wanted.limit)
    ids: list[int] = []
    is_rising = wanted.sort == "oldest"
    after_batch = None if wanted.after is None else int(wanted.after[0])
    while len(ids) < wanted.limit:
        # The batch in which the page before ended may hold more.
        goes_on = after_batch is not None
        statement = batches_with(wanted.standings, is_rising=is_rising, goes_on=goes_on)
        found = read_ids(session, statement, {"after_batch": after_batch} if goes_on else {})
        for batch_id in found:
            ids += _ids_in_batch(session, wanted, batch_id, limit=wanted.limit - len(ids))
            if len(ids) >= wanted.limit:
                break
        if len(found) < BATCHES_AT_ONCE:
            break
        after_batch = found[-1] + (1 if is_rising else -1)
    return ids


def _ids_in_batch(session: Session, wanted: Wanted, batch_id: int, *, limit: int) -> list[int]:
    goes_on = wanted.after is not None and int(wanted.after[0]) == batch_id
    state = wanted.state if wanted.state in WAITING_STATES else None
    statement = ids_in_batch(wanted.standings or (), state, is_rising=wanted.sort == "oldest", goes_on=goes_on)
    values: dict[str, Any] = {"batch_id": batch_id, "limit": limit}
    if goes_on:
        values["after_position"] = wanted.values["after_position"]
    return read_ids(session, statement, values)


def _search(session: Session, wanted: Wanted) -> Page:
    """Looks through the paths of the next entries, as many as one page may cost."""
    looked_at = in_order(
        select(Entry.id, Entry.batch_id, Entry.position, Entry.path, Entry.standing, Entry.scan_id), **wanted.order
    )
    part = looked_at.limit(SEARCHED_AT_ONCE).subquery()
    query = select(part.c.id, part.c.batch_id, part.c.position).where(_path_holds(part.c.path, wanted.text or ""))
    if wanted.standings is not None:
        query = query.where(part.c.standing.in_(wanted.standings))
    if wanted.state in WAITING_STATES:
        query = query.where(condition_of(wanted.state, part.c.scan_id))
    is_rising = wanted.sort == "oldest"
    columns = (part.c.batch_id, part.c.position)
    order = columns if is_rising else tuple(column.desc() for column in columns)
    found = session.connection().execute(query.order_by(*order).limit(wanted.limit), wanted.values).all()
    rows = read_shown(session, [row.id for row in found])
    if len(found) == wanted.limit:
        return Page(_describe(rows), (found[-1].batch_id, found[-1].position))
    return Page(_describe(rows), _end_of_search(session, wanted))


def _end_of_search(session: Session, wanted: Wanted) -> Key | None:
    """The last entry that was looked at; None where there are no more after it."""
    part = in_order(select(Entry.batch_id, Entry.position), **wanted.order).limit(SEARCHED_AT_ONCE).subquery()
    if (session.scalar(select(func.count()).select_from(part), wanted.values) or 0) < SEARCHED_AT_ONCE:
        return None
    columns = (part.c.batch_id, part.c.position)
    order = tuple(column.desc() for column in columns) if wanted.sort == "oldest" else columns
    last = session.execute(select(*columns).order_by(*order).limit(1), wanted.values).one()
    return (last.batch_id, last.position)


def _path_holds(path: ColumnElement[bytes] | InstrumentedAttribute[bytes], text: str) -> ColumnElement[bool]:
    # What a URL or a form carried is text; ASCII letters are compared whatever their case.
    lowered = "".join(letter.lower() if letter.isascii() else letter for letter in text)
    return _PathHolds(path, literal(lowered))


def _list_by_score(session: Session, wanted: Wanted) -> Page:
    """The judged, the highest mean first; of equal ones the newest scan."""
    if wanted.state not in (None, "judged"):
        return Page([], None)
    is_small = wanted.batch_id is not None and _count_judged(session, wanted.batch_id) <= _SORTED_AT_ONCE
    bounds = _score_bounds(session, wanted.verdict)
    shape = ScoreShape(
        of_batch=wanted.batch_id is not None,
        is_small=is_small,
        verdict=wanted.verdict,
        bounds=tuple(sorted(bounds)),
        goes_on=wanted.after is not None,
    )
    values: dict[str, Any] = {**bounds, "limit": wanted.limit}
    if wanted.batch_id is not None:
        values["batch_id"] = wanted.batch_id
    if wanted.after is not None:
        score, scan_id, entry_id = wanted.after
        values |= {"after_score": score, "after_scan": int(scan_id), "after_entry": int(entry_id)}
    found = session.connection().execute(ids_by_score(shape), values).all()
    last = found[-1] if len(found) == wanted.limit else None
    rows = read_shown(session, [row.id for row in found])
    return Page(_describe(rows), None if last is None else (last.score_mean, last.scan_id, last.id))


def _score_bounds(session: Session, verdict: str | None) -> dict[str, float]:
    """Between which means a verdict lies at most, so that no others are walked along.

    Empty where some batch is judged by another aggregation.
    """
    if verdict is None or session.scalar(select(Batch.id).where(Batch.aggregate != "mean").limit(1)) is not None:
        return {}
    real, fake = Batch.real_below, Batch.fake_from
    known = session.execute(select(func.min(real), func.max(real), func.min(fake), func.max(fake))).one()
    if None in known:
        return {}
    least_real, most_real, least_fake, most_fake = (float(bound or 0.0) for bound in known)
    bounds: dict[str, dict[str, float]] = {
        "fake": {"at_least": least_fake},
        "uncertain": {"at_least": least_real, "below": most_fake},
        "real": {"below": most_real},
    }
    return bounds[verdict]


def _count_judged(session: Session, batch_id: int) -> int:
    return sum(
        int(total or 0)
        for total in session.scalars(
            select(func.sum(Tally.total)).where(Tally.batch_id == batch_id, Tally.standing.in_(JUDGED_STANDINGS))
        )
    )


_SCORE_INDEX = {name: ShownEntry._fields.index("score_mean") + number for number, name in enumerate(SCORE_COLUMNS)}


def _describe(rows: Sequence[ShownEntry]) -> list[dict[str, Any]]:
    return [_describe_row(row) for row in rows]


def _describe_row(row: ShownEntry) -> dict[str, Any]:
    state = row.state or row.scan_state
    is_running = state == "running"
    return {
        "id": row.video_id,
        "entry_id": row.id,
        "batch": {"id": row.batch_id, "name": row.batch_name},
        **describe_path(row.path),
        "sha256": row.sha256,
        "state": state,
        "reason": row.reason or row.scan_reason,
        "warnings": row.warnings or [],
        "score": row[_SCORE_INDEX[row.aggregate]] if state == "judged" else None,
        "verdict": row.standing if row.standing in VERDICTS else None,
        "label": row.label,
        "reused": row.reused,
        "stage": row.stage if is_running else None,
        "progress": row.progress if is_running else None,
        "size_bytes": row.size_bytes,
        "duration_s": row.duration_s,
        "width_px": row.width_px,
        "height_px": row.height_px,
        "codec": row.codec,
        "faces": row.faces,
        "finished_at": iso_time(row.finished_at),
    }
