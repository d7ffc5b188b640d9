"""The statements by which lists are read, each put together once for every shape that a list can have.

To put a statement together anew, and to look up what became of it before, costs more than its answer. Values are bound
under the names `batch_id`, `after_batch`, `after_position`, `limit` and, for scores, `after_score`, `after_scan`,
`after_entry`, `at_least` and `below`.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Double,
    Integer,
    Select,
    and_,
    bindparam,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from db.claiming import IS_RUNNING
from db.dialects import among
from db.outcomes import SCORE_COLUMNS
from db.standings import JUDGED_STANDINGS
from db.states import WAITING_STATES
from db.tables.batches import Batch, Entry
from db.tables.contents import Video
from db.tables.people import Review
from db.tables.scans import Scan
from db.tally_sums import batches_that_hold

BATCHES_AT_ONCE = 200
"""Of so many batches it is asked in one go whether they hold what is wanted."""

_LIMIT = bindparam("limit", type_=Integer)
_BATCH_ID = bindparam("batch_id", type_=BigInteger)
# A cursor may hold any number, so each is bound as the largest.
_AFTER_BATCH = bindparam("after_batch", type_=BigInteger)
_AFTER_POSITION = bindparam("after_position", type_=BigInteger)


class ShownEntry(NamedTuple):
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
    label: str | None


_ROWS = (
    select(
        *(Entry.id, Entry.batch_id, Entry.position, Entry.path, Entry.video_id),
        *(Entry.state, Entry.standing, Entry.reason, Entry.reused),
        *(Batch.name, Batch.aggregate),
        *(Scan.state, Scan.reason, Scan.warnings, Scan.progress, Scan.stage, Scan.faces, Scan.finished_at),
        *SCORE_COLUMNS.values(),
        *(Video.sha256, Video.size_bytes, Video.duration_s, Video.width_px, Video.height_px, Video.codec),
        # What the latest review says.
        select(Review.label)
        .where(Review.video_id == Entry.video_id)
        .order_by(Review.id.desc())
        .limit(1)
        .scalar_subquery(),
    )
    .join(Batch, Batch.id == Entry.batch_id)
    .outerjoin(Scan, Scan.id == Entry.scan_id)
    .outerjoin(Video, Video.id == Entry.video_id)
    .where(among(Entry.id, "ids"))
)


def read_shown(session: Session, ids: Sequence[int]) -> list[ShownEntry]:
    """What a list shows of each entry, in the order of `ids`."""
    if not ids:
        return []
    found = {row[0]: row for row in session.connection().execute(_ROWS, {"ids": list(ids)})}
    return [ShownEntry._make(found[entry_id]) for entry_id in ids if entry_id in found]


def read_ids(session: Session, statement: Select[*tuple[Any, ...]], values: dict[str, Any]) -> list[int]:
    """The first column of the answer."""
    return [row[0] for row in session.connection().execute(statement, values)]


def in_order(
    query: Select[*tuple[Any, ...]], *, of_batch: bool, is_rising: bool, goes_on: bool
) -> Select[*tuple[Any, ...]]:
    """The entries in the order in which they were submitted, or the other way round.

    Args:
        of_batch: of one batch alone.
        goes_on: only those after the place where a page ended.
    """
    if of_batch:
        query = query.where(Entry.batch_id == _BATCH_ID)
    place, after = tuple_(Entry.batch_id, Entry.position), tuple_(_AFTER_BATCH, _AFTER_POSITION)
    if goes_on:
        query = query.where(place > after if is_rising else place < after)
    if is_rising:
        return query.order_by(Entry.batch_id, Entry.position)
    return query.order_by(Entry.batch_id.desc(), Entry.position.desc())


@lru_cache
def ids_of_any(*, of_batch: bool, is_rising: bool, goes_on: bool) -> Select[*tuple[Any, ...]]:
    """Entries whatever became of them."""
    return in_order(select(Entry.id), of_batch=of_batch, is_rising=is_rising, goes_on=goes_on).limit(_LIMIT)


@lru_cache
def batches_with(standings: tuple[str, ...], *, is_rising: bool, goes_on: bool) -> Select[*tuple[Any, ...]]:
    """The next batches that hold entries at these standings; that of `after_batch` may be among them."""
    query = batches_that_hold(lambda table: (table.batch_id > 0) & table.standing.in_(standings))
    batch_id = query.selected_columns.batch_id
    if goes_on:
        query = query.where(batch_id >= _AFTER_BATCH if is_rising else batch_id <= _AFTER_BATCH)
    return query.order_by(batch_id if is_rising else batch_id.desc()).limit(BATCHES_AT_ONCE)


@lru_cache
def ids_in_batch(
    standings: tuple[str, ...], state: str | None, *, is_rising: bool, goes_on: bool
) -> Select[*tuple[Any, ...]]:
    """Entries of a batch at these standings; of those under way, the ones in this state."""
    position = Entry.position if is_rising else Entry.position.desc()
    parts = []
    # One by one, as only within a standing does the index hold the entries in this order.
    for standing in standings:
        query = select(Entry.id, Entry.position).where(Entry.batch_id == _BATCH_ID, Entry.standing == standing)
        if goes_on:
            query = query.where(Entry.position > _AFTER_POSITION if is_rising else Entry.position < _AFTER_POSITION)
        if state in WAITING_STATES:
            query = query.where(condition_of(state, Entry.scan_id))
        parts.append(query.order_by(position).limit(_LIMIT))
    if len(parts) == 1:
        return parts[0]
    found = union_all(*(select(part.c.id, part.c.position) for part in (one.subquery() for one in parts))).subquery()
    return select(found.c.id).order_by(found.c.position if is_rising else found.c.position.desc()).limit(_LIMIT)


def condition_of(state: str | None, scan_id: ColumnElement[Any] | InstrumentedAttribute[Any]) -> ColumnElement[bool]:
    """What the standing leaves open: of those under way, whether they run, which few do at any moment."""
    running = select(Scan.id).where(IS_RUNNING)
    return scan_id.in_(running) if state == "running" else scan_id.not_in(running)


class ScoreShape(NamedTuple):
    """What a list by scores is of.

    Args:
        is_small: whether the batch is so small that all its judged entries are looked at.
        verdict: None for any.
        bounds: which of `at_least` and `below` its means keep to.
    """

    of_batch: bool
    is_small: bool
    verdict: str | None
    bounds: tuple[str, ...]
    goes_on: bool


@lru_cache
def ids_by_score(shape: ScoreShape) -> Select[*tuple[Any, ...]]:
    """Ids of judged entries, their means and their scans, the highest mean first; of equal ones the newest scan."""
    query = select(Entry.id, Scan.score_mean, Scan.id.label("scan_id")).join(Scan, Scan.id == Entry.scan_id)
    query = query.where(Scan.score_mean.is_not(None))
    if shape.is_small:
        query = query.where(Entry.batch_id == _BATCH_ID, Entry.standing.in_(JUDGED_STANDINGS))
    elif shape.of_batch:
        # The sum keeps the planner from gathering and sorting the whole batch.
        query = query.where(Entry.batch_id + 0 == _BATCH_ID)
    if shape.verdict is not None:
        query = query.where(Entry.standing.concat("") == shape.verdict)
    if "at_least" in shape.bounds:
        query = query.where(Scan.score_mean >= bindparam("at_least", type_=Double))
    if "below" in shape.bounds:
        query = query.where(Scan.score_mean < bindparam("below", type_=Double))
    if shape.goes_on:
        score = bindparam("after_score", type_=Double)
        scan_id, entry_id = (bindparam(name, type_=BigInteger) for name in ("after_scan", "after_entry"))
        later = or_(Scan.id < scan_id, and_(Scan.id == scan_id, Entry.id < entry_id))
        query = query.where(Scan.score_mean <= score, or_(Scan.score_mean < score, later))
    # The same sum the other way round: the few of a small batch are not worth a walk along all scores.
    order = Scan.score_mean + 0.0 if shape.is_small else Scan.score_mean
    return query.order_by(order.desc(), Scan.id.desc(), Entry.id.desc()).limit(_LIMIT)
