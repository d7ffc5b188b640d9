"""Writes the end of a scan: the verdict, its frames, faces and tracks, and what the container says.

These statements are executed once per video, so they are built once. On PostgreSQL they are one statement, hence one
journey to the server; SQLite, which is no journey away, takes them one after the other.
"""

import math
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, cast

from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    Select,
    Table,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal_column,
    null,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from db.clock import db_now
from db.dialects import without_disk_wait
from db.outcomes import Outcome, OutcomeFacts, scan_columns
from db.tables.contents import Video
from db.tables.findings import FaceRow, FrameRow, TrackRow
from db.tables.scans import SCANS
from db.text import storable

VIDEOS = cast(Table, Video.__table__)
FOUND = tuple(cast(Table, row.__table__) for row in (FrameRow, FaceRow, TrackRow))
"""The tables of what is found in a video, frames first."""

LEASE_ENDED: dict[str, Any] = {
    "lease_expires_at": null(),
    "runs_alone": False,
    "stage": null(),
    "progress": null(),
    "is_cancel_requested": False,
}
"""What every end of a lease puts into the scan's row."""

_OUTCOME_COLUMNS = (
    "state",
    "reason",
    "detail",
    "warnings",
    "score_mean",
    "score_top_k",
    "score_confident",
    "score_max_track",
    "frames_sampled",
    "frames_with_faces",
    "faces",
    "seconds",
    "runtime",
)
_FACTS = tuple(OutcomeFacts.__dataclass_fields__)

_END = (
    update(SCANS)
    .where(
        SCANS.c.id == bindparam("scan_id"),
        SCANS.c.token == bindparam("held_token"),
        SCANS.c.state == literal_column("'running'"),
    )
    .values(**{name: bindparam(f"new_{name}") for name in _OUTCOME_COLUMNS}, **LEASE_ENDED, finished_at=db_now())
    .returning(SCANS.c.id, SCANS.c.video_id)
)
# What is not known stays as it was.
_KNOWN = {name: func.coalesce(bindparam(f"fact_{name}", type_=VIDEOS.c[name].type), VIDEOS.c[name]) for name in _FACTS}
_TELL = update(VIDEOS).where(bindparam("has_facts", type_=Boolean)).values(**_KNOWN)
_TELL_ONE = _TELL.where(VIDEOS.c.id == bindparam("told_id"))
_CLEAR = tuple(delete(table).where(table.c.scan_id == bindparam("scan_id")) for table in FOUND)
# As the driver takes them: between it and us, hundreds of rows would be looked at one by one.
_INSERT = tuple(
    {
        dialect.name: str(insert(table).compile(dialect=dialect))
        for dialect in (sqlite.dialect(), postgresql.dialect(paramstyle="format"))  # type: ignore[no-untyped-call]
    }
    for table in FOUND
)

_FIRST_TOKEN = 1
_NAMES = tuple(tuple(column.name for column in table.columns if column.name != "scan_id") for table in FOUND)
_of_face = attrgetter(*_NAMES[1][2:])


def save_in_steps(session: Session, scan_id: int, token: int, outcome: Outcome) -> bool:
    """Ends a scan in the session's transaction, in place of what an earlier attempt has written.

    Returns:
        False when fenced off: the lease is not ours any more, and nothing was written.
    """
    # All that can be made ready before: from the first statement on, no other process writes to SQLite.
    end = _end_values(scan_id, token, outcome)
    found = [[(scan_id, *row) for row in rows] for rows in _found_rows(outcome)]
    facts = _facts_values(outcome.facts)
    connection = session.connection()
    ended = connection.execute(_END, end).first()
    if ended is None:
        return False
    for clear, put, rows in zip(_CLEAR, _INSERT, found, strict=True):
        # Who claimed the scan first finds nothing of an earlier attempt.
        if token > _FIRST_TOKEN:
            connection.execute(clear, {"scan_id": scan_id})
        if rows:
            connection.exec_driver_sql(put[connection.dialect.name], rows)
    if facts["has_facts"]:
        connection.execute(_TELL_ONE, {**facts, "told_id": ended.video_id})
    return True


def save_at_once(session: Session, scan_id: int, token: int, outcome: Outcome) -> bool:
    """The same as one statement, hence one transaction, where the database can and no earlier attempt wrote frames.

    Returns:
        False where it cannot, or where the lease is not ours any more: nothing was written.
    """
    if session.get_bind().dialect.name != "postgresql":
        return False
    values = {**_end_values(scan_id, token, outcome), **_facts_values(outcome.facts)}
    for table, names, rows in zip(FOUND, _NAMES, _found_rows(outcome), strict=True):
        columns = zip(*rows, strict=True) if rows else [()] * len(names)
        values |= {_array_name(table, name): list(column) for name, column in zip(names, columns, strict=True)}
    return session.connection().execute(_SAVE, values).first() is not None


def _end_values(scan_id: int, token: int, outcome: Outcome) -> dict[str, Any]:
    columns = scan_columns(outcome)
    return {
        "scan_id": scan_id,
        "held_token": token,
        **{f"new_{name}": columns.get(name) for name in _OUTCOME_COLUMNS},
    }


def _found_rows(outcome: Outcome) -> tuple[Sequence[tuple[Any, ...]], ...]:
    """The rows of `FOUND`, their values in the order of `_NAMES`."""
    frames = [(position, float(frame.t_s), frame.score) for position, frame in enumerate(outcome.frames)]
    faces = [
        (frame_position, position, *_of_face(face))
        for frame_position, frame in enumerate(outcome.frames)
        for position, face in enumerate(frame.faces)
    ]
    tracks = [(track.id, track.faces, float(track.score)) for track in outcome.tracks]
    return frames, faces, tracks


def _facts_values(facts: OutcomeFacts | None) -> dict[str, Any]:
    known = {} if facts is None else {name: value for name, value in vars(facts).items() if value is not None}
    for name, limit in (("codec", 64), ("container", 128)):
        if name in known:
            known[name] = storable(known[name], limit=limit)
    for name in ("duration_s", "frame_rate"):
        if name in known and not math.isfinite(known[name]):
            del known[name]
    return {"has_facts": bool(known), **{f"fact_{name}": known.get(name) for name in _FACTS}}


def _array_name(table: Table, column: str) -> str:
    return f"{table.name}_{column}"


def _save_statement() -> Select[int, str]:
    """Ends the scan and, only if that is ours to do, writes all the rest."""
    frames = FOUND[0]
    written = exists(select(frames.c.scan_id).where(frames.c.scan_id == SCANS.c.id))
    mine = _END.where(~written).cte("mine")
    statement = select(mine.c.id, without_disk_wait())
    for table, names in zip(FOUND, _NAMES, strict=True):
        arrays: list[ColumnElement[Any]] = [
            func.unnest(bindparam(_array_name(table, name), type_=ARRAY(table.c[name].type))) for name in names
        ]
        rows = insert(table).from_select(["scan_id", *names], select(mine.c.id, *arrays))
        statement = statement.add_cte(rows.cte(f"new_{table.name}"))
    return statement.add_cte(_TELL.where(VIDEOS.c.id == mine.c.video_id).cte("told"))


_SAVE = _save_statement()
