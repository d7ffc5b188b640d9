"""Lists what was submitted, over all batches or within one: filtered, searched, sorted, page by page by key.

A page costs the same wherever it lies. Entries that wait, or ended in one way, are found by their standing; which
batches hold any, the tallies tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Select,
    and_,
    bindparam,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from db.claiming import IS_RUNNING
from db.findings import describe_path
from db.headers import iso_time
from db.outcomes import SCORE_COLUMNS
from db.standings import JUDGED_STANDINGS, WAITING
from db.tables import WAITING_STATES, Batch, Entry, Review, Scan, Tally, TallyChange, Video
from db.verdicts import VERDICTS

Sort = Literal["newest", "oldest", "score"]
Key = tuple[float, ...]
"""Where a page ended; what it is made of depends on the order."""

SEARCHED_AT_ONCE = 25_000
"""A search looks at so many entries, and then says from where to go on."""

# Of a batch with fewer judged entries, all are looked at to sort them; of a larger one, the index of scores is.
_SORTED_AT_ONCE = 5_000
# Batches of which it is asked in one go whether they hold what is wanted.
_BATCHES_AT_ONCE = 200

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


def list_videos(session: Session, wanted: Wanted) -> Page:
    """One page of the list.

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
    rows = _read_rows(session, ids)
    last = rows[-1] if len(ids) == wanted.limit and rows else None
    return Page(_describe(session, rows), None if last is None else (last.batch_id, last.position))


def _next_ids(session: Session, wanted: Wanted) -> list[int]:
    if wanted.state == "running":
        # Few do at any moment; asked for by number, so that no planner walks along all entries for them.
        running = list(session.scalars(select(Scan.id).where(IS_RUNNING)))
        entries = _in_order(select(Entry.id).where(Entry.scan_id.in_(running)), wanted)
        return list(session.scalars(entries.limit(wanted.limit))) if wanted.verdict is None else []
    if wanted.standings is None:
        return list(session.scalars(_in_order(select(Entry.id), wanted).limit(wanted.limit)))
    batches = [wanted.batch_id] if wanted.batch_id is not None else None
    ids: list[int] = []
    after_batch = None if wanted.after is None else int(wanted.after[0])
    while len(ids) < wanted.limit:
        # The batch in which the page before ended may hold more.
        found = batches if batches is not None else _batches_with(session, wanted, from_batch=after_batch)
        for batch_id in found:
            ids += _ids_in_batch(session, wanted, batch_id, limit=wanted.limit - len(ids))
            if len(ids) >= wanted.limit:
                break
        if batches is not None or len(found) < _BATCHES_AT_ONCE:
            break
        after_batch = found[-1] + (1 if wanted.sort == "oldest" else -1)
    return ids


def _in_order(query: Select[*tuple[Any, ...]], wanted: Wanted) -> Select[*tuple[Any, ...]]:
    """The entries of a list in its order, from the cursor on."""
    if wanted.batch_id is not None:
        query = query.where(Entry.batch_id == wanted.batch_id)
    if wanted.sort == "oldest":
        if wanted.after is not None:
            query = query.where(tuple_(Entry.batch_id, Entry.position) > tuple_(*_whole(wanted.after)))
        return query.order_by(Entry.batch_id, Entry.position)
    if wanted.after is not None:
        query = query.where(tuple_(Entry.batch_id, Entry.position) < tuple_(*_whole(wanted.after)))
    return query.order_by(Entry.batch_id.desc(), Entry.position.desc())


def _whole(key: Key) -> tuple[int, ...]:
    return tuple(int(part) for part in key)


def _batches_with(session: Session, wanted: Wanted, *, from_batch: int | None) -> list[int]:
    """The next batches that hold entries at the wanted standings, in the order of the list."""
    standings = wanted.standings or ()
    parts = union_all(
        *(
            select(table.batch_id, amount.label("amount")).where(table.batch_id > 0, table.standing.in_(standings))
            for table, amount in ((Tally, Tally.total), (TallyChange, TallyChange.change))
        )
    ).subquery()
    query = select(parts.c.batch_id).group_by(parts.c.batch_id).having(func.sum(parts.c.amount) > 0)
    is_rising = wanted.sort == "oldest"
    if from_batch is not None:
        query = query.where(parts.c.batch_id >= from_batch if is_rising else parts.c.batch_id <= from_batch)
    order = parts.c.batch_id if is_rising else parts.c.batch_id.desc()
    return list(session.scalars(query.order_by(order).limit(_BATCHES_AT_ONCE)))


def _ids_in_batch(session: Session, wanted: Wanted, batch_id: int, *, limit: int) -> list[int]:
    is_rising = wanted.sort == "oldest"
    position = Entry.position if is_rising else Entry.position.desc()
    parts = []
    # One by one, as only within a standing does the index hold the entries in this order.
    for standing in wanted.standings or ():
        query = select(Entry.id, Entry.position).where(Entry.batch_id == batch_id, Entry.standing == standing)
        if wanted.after is not None and int(wanted.after[0]) == batch_id:
            after = int(wanted.after[1])
            query = query.where(Entry.position > after if is_rising else Entry.position < after)
        if wanted.state in WAITING_STATES:
            query = query.where(_condition(wanted.state, Entry.scan_id))
        parts.append(query.order_by(position).limit(limit).subquery())
    found = union_all(*(select(part.c.id, part.c.position) for part in parts)).subquery()
    order = found.c.position if is_rising else found.c.position.desc()
    return list(session.scalars(select(found.c.id).order_by(order).limit(limit)))


def _condition(state: str | None, scan_id: ColumnElement[Any] | InstrumentedAttribute[Any]) -> ColumnElement[bool]:
    """What the standing leaves open: of those under way, whether they run, which few do at any moment."""
    running = select(Scan.id).where(IS_RUNNING)
    return scan_id.in_(running) if state == "running" else scan_id.not_in(running)


def _search(session: Session, wanted: Wanted) -> Page:
    """Looks through the paths of the next entries, as many as one page may cost."""
    looked_at = _in_order(
        select(Entry.id, Entry.batch_id, Entry.position, Entry.path, Entry.standing, Entry.scan_id), wanted
    )
    part = looked_at.limit(SEARCHED_AT_ONCE).subquery()
    query = select(part.c.id).where(_path_holds(part.c.path, wanted.text or ""))
    if wanted.standings is not None:
        query = query.where(part.c.standing.in_(wanted.standings))
    if wanted.state in WAITING_STATES:
        query = query.where(_condition(wanted.state, part.c.scan_id))
    is_rising = wanted.sort == "oldest"
    columns = (part.c.batch_id, part.c.position)
    order = columns if is_rising else tuple(column.desc() for column in columns)
    rows = _read_rows(session, list(session.scalars(query.order_by(*order).limit(wanted.limit))))
    if len(rows) == wanted.limit:
        return Page(_describe(session, rows), (rows[-1].batch_id, rows[-1].position))
    return Page(_describe(session, rows), _end_of_search(session, wanted))


def _end_of_search(session: Session, wanted: Wanted) -> Key | None:
    """The last entry that was looked at; None where there are no more after it."""
    part = _in_order(select(Entry.batch_id, Entry.position), wanted).limit(SEARCHED_AT_ONCE).subquery()
    if (session.scalar(select(func.count()).select_from(part)) or 0) < SEARCHED_AT_ONCE:
        return None
    columns = (part.c.batch_id, part.c.position)
    order = tuple(column.desc() for column in columns) if wanted.sort == "oldest" else columns
    last = session.execute(select(*columns).order_by(*order).limit(1)).one()
    return (last.batch_id, last.position)


def _path_holds(path: ColumnElement[bytes] | InstrumentedAttribute[bytes], text: str) -> ColumnElement[bool]:
    # What a URL or a form carried is text; ASCII letters are compared whatever their case.
    lowered = "".join(letter.lower() if letter.isascii() else letter for letter in text)
    return _PathHolds(path, literal(lowered))


def _list_by_score(session: Session, wanted: Wanted) -> Page:
    """The judged, the highest mean first; of equal ones the newest scan."""
    query = select(Entry.id, Scan.score_mean, Scan.id.label("scan_id")).join(Scan, Scan.id == Entry.scan_id)
    query = query.where(Scan.score_mean.is_not(None))
    is_small = wanted.batch_id is not None and _count_judged(session, wanted.batch_id) <= _SORTED_AT_ONCE
    if is_small:
        query = query.where(Entry.batch_id == wanted.batch_id, Entry.standing.in_(JUDGED_STANDINGS))
    elif wanted.batch_id is not None:
        # The sum keeps the planner from gathering and sorting the whole batch.
        query = query.where(Entry.batch_id + 0 == wanted.batch_id)
    if wanted.standings is not None:
        query = query.where(Entry.standing.concat("") == wanted.verdict if wanted.verdict else true())
        query = query.where(*_score_bounds(session, wanted.verdict))
    if wanted.state not in (None, "judged"):
        return Page([], None)
    if wanted.after is not None:
        score, scan_id, entry_id = wanted.after
        later = or_(Scan.id < int(scan_id), and_(Scan.id == int(scan_id), Entry.id < int(entry_id)))
        query = query.where(Scan.score_mean <= score, or_(Scan.score_mean < score, later))
    # The same sum the other way round: the few of a small batch are not worth a walk along all scores.
    score_order = Scan.score_mean + 0.0 if is_small else Scan.score_mean
    query = query.order_by(score_order.desc(), Scan.id.desc(), Entry.id.desc()).limit(wanted.limit)
    found = session.execute(query).all()
    rows = _read_rows(session, [row.id for row in found])
    last = found[-1] if len(found) == wanted.limit else None
    return Page(_describe(session, rows), None if last is None else (last.score_mean, last.scan_id, last.id))


def _score_bounds(session: Session, verdict: str | None) -> list[ColumnElement[bool]]:
    """Between which means a verdict lies at most, so that no others are walked along.

    None where some batch is judged by another aggregation.
    """
    if verdict is None or session.scalar(select(Batch.id).where(Batch.aggregate != "mean").limit(1)) is not None:
        return []
    real, fake = Batch.real_below, Batch.fake_from
    known = session.execute(select(func.min(real), func.max(real), func.min(fake), func.max(fake))).one()
    if None in known:
        return []
    least_real, most_real, least_fake, most_fake = known
    bounds = {
        "fake": [Scan.score_mean >= least_fake],
        "uncertain": [Scan.score_mean >= least_real, Scan.score_mean < most_fake],
        "real": [Scan.score_mean < most_real],
    }
    return list(bounds[verdict])


def _count_judged(session: Session, batch_id: int) -> int:
    return sum(
        int(total or 0)
        for total in session.scalars(
            select(func.sum(Tally.total)).where(Tally.batch_id == batch_id, Tally.standing.in_(JUDGED_STANDINGS))
        )
    )


class _Shown(NamedTuple):
    """What a list shows of an entry, in the order of the columns of `_ROWS`."""

    id: int
    batch_id: int
    position: int
    path: bytes
    video_id: int | None
    state: str | None
    standing: str
    reason: str | None
    reused: bool
    batch_name: str
    aggregate: str
    scan_state: str | None
    scan_reason: str | None
    warnings: list[str] | None
    progress: float | None
    stage: str | None
    faces: int | None
    finished_at: float | None
    score_mean: float | None
    score_top_k: float | None
    score_confident: float | None
    score_max_track: float | None
    sha256: str | None
    size_bytes: int | None
    duration_s: float | None
    width_px: int | None
    height_px: int | None
    codec: str | None


# Made once: to put together and look up a statement with fifty numbers costs more than the answer.
_ROWS = (
    select(
        *(Entry.id, Entry.batch_id, Entry.position, Entry.path, Entry.video_id),
        *(Entry.state, Entry.standing, Entry.reason, Entry.reused),
        *(Batch.name, Batch.aggregate),
        *(Scan.state, Scan.reason, Scan.warnings, Scan.progress, Scan.stage, Scan.faces, Scan.finished_at),
        *SCORE_COLUMNS.values(),
        *(Video.sha256, Video.size_bytes, Video.duration_s, Video.width_px, Video.height_px, Video.codec),
    )
    .join(Batch, Batch.id == Entry.batch_id)
    .outerjoin(Scan, Scan.id == Entry.scan_id)
    .outerjoin(Video, Video.id == Entry.video_id)
    .where(Entry.id.in_(bindparam("ids", expanding=True)))
)
_LABELS = (
    select(Review.video_id, Review.label)
    .where(Review.video_id.in_(bindparam("ids", expanding=True)))
    .order_by(Review.id)
)
_SCORE_INDEX = {name: _Shown._fields.index("score_mean") + number for number, name in enumerate(SCORE_COLUMNS)}


def _read_rows(session: Session, ids: Sequence[int]) -> list[_Shown]:
    """What a list shows of each entry, in the order of `ids`."""
    if not ids:
        return []
    rows = session.connection().execute(_ROWS, {"ids": ids}).all()
    found = {row[0]: row for row in rows}
    return [_Shown._make(found[entry_id]) for entry_id in ids if entry_id in found]


def _describe(session: Session, rows: Sequence[_Shown]) -> list[dict[str, Any]]:
    labels = _read_labels(session, {row.video_id for row in rows if row.video_id is not None})
    return [_describe_row(row, labels) for row in rows]


def _describe_row(row: _Shown, labels: dict[int, str]) -> dict[str, Any]:
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
        "label": None if row.video_id is None else labels.get(row.video_id),
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


def _read_labels(session: Session, video_ids: set[int]) -> dict[int, str]:
    """What the latest review of each video says."""
    if not video_ids:
        return {}
    return dict(session.connection().execute(_LABELS, {"ids": list(video_ids)}).all())
