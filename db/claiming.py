"""The claim: a queued scan becomes one worker's, by one statement.

It is executed once per video, so it is built once, and brings all that judging needs with it.
"""

from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Double,
    Table,
    bindparam,
    func,
    literal_column,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from db.clock import db_now
from db.dialects import without_disk_wait
from db.tables.batches import Entry
from db.tables.classifiers import Classifier
from db.tables.contents import Video
from db.tables.scans import SCANS, Scan
from db.text import storable

SUSPECT_LOSSES = 2
"""Lost so often, a scan runs with no other beside it in its worker."""

# Written out in the SQL, not bound: only so does SQLite use the indexes that hold these states alone.
IS_QUEUED = Scan.state == literal_column("'queued'")
IS_RUNNING = Scan.state == literal_column("'running'")


@dataclass(frozen=True)
class Claim:
    """A scan that is now ours, and all that judging it needs.

    Args:
        token: names this lease in every later write.
        path: where the content was when it was submitted; `size_bytes`, `mtime_ns` and `sha256` tell whether
            it still is.
        attempt: number of this start, from 1.
        is_suspect: its worker was lost more than once, and it runs alone now.
        batch_id: the first batch that asked for it; None where that is gone.
    """

    scan_id: int
    token: int
    path: bytes
    size_bytes: int
    mtime_ns: int
    sha256: str
    frames: int
    max_frames: int
    classifier_path: str
    classifier_sha256: str
    attempt: int
    is_suspect: bool
    batch_id: int | None = None


def claim_scan(session: Session, scan_id: int, *, worker: str, lease_s: float, alone: bool) -> Claim | None:
    """Takes a queued scan by one conditional UPDATE; of any number of callers, one gets it.

    Args:
        worker: who asks, at most 200 characters.
        alone: whether nothing else runs in the worker now; only then is a suspect handed out.

    Returns:
        None when it is not to be had: no longer queued, backing off, or a suspect that must run alone.
    """
    wanted = {"scan_id": scan_id, "by": storable(worker, limit=200), "lease_s": lease_s, "is_alone": alone}
    statement = _CLAIM if session.get_bind().dialect.name == "sqlite" else _CLAIM_SOON
    claimed = session.connection().execute(statement, wanted).first()
    return None if claimed is None else Claim(scan_id, **{name: claimed._mapping[name] for name in _BROUGHT})


def waits_for_solitude(session: Session, scan_id: int) -> bool:
    """Whether a scan that could not be claimed could be by a worker that does nothing else meanwhile."""
    found = session.scalar(
        select(Scan.id).where(Scan.id == scan_id, IS_QUEUED, _is_due(), Scan.losses >= SUSPECT_LOSSES)
    )
    return found is not None


def _is_due() -> ColumnElement[bool]:
    return or_(SCANS.c.not_before.is_(None), SCANS.c.not_before <= db_now())


def _of_scan(row: type[Any], key: ColumnElement[Any], column: str, *, label: str) -> ColumnElement[Any]:
    """A column of the row that a scan refers to by `key`."""
    table = cast(Table, row.__table__)
    return select(table.c[column]).where(table.c.id == key).scalar_subquery().label(label)


_ENTRIES = cast(Table, Entry.__table__)
_CLAIM = (
    update(SCANS)
    .where(
        SCANS.c.id == bindparam("scan_id"),
        SCANS.c.state == literal_column("'queued'"),
        _is_due(),
        or_(SCANS.c.losses < SUSPECT_LOSSES, bindparam("is_alone", type_=Boolean)),
    )
    .values(
        state="running",
        attempts=SCANS.c.attempts + 1,
        token=SCANS.c.token + 1,
        worker=bindparam("by"),
        lease_expires_at=db_now() + bindparam("lease_s", type_=Double),
        started_at=db_now(),
        runs_alone=SCANS.c.losses >= SUSPECT_LOSSES,
        not_before=null(),
        stage=null(),
        progress=0.0,
        finished_at=null(),
    )
    .returning(
        SCANS.c.token,
        SCANS.c.path,
        _of_scan(Video, SCANS.c.video_id, "size_bytes", label="size_bytes"),
        SCANS.c.mtime_ns,
        _of_scan(Video, SCANS.c.video_id, "sha256", label="sha256"),
        SCANS.c.frames,
        SCANS.c.max_frames,
        _of_scan(Classifier, SCANS.c.classifier_id, "path", label="classifier_path"),
        _of_scan(Classifier, SCANS.c.classifier_id, "sha256", label="classifier_sha256"),
        SCANS.c.attempts.label("attempt"),
        SCANS.c.runs_alone.label("is_suspect"),
        # By the parameter: SQLite is sent the scan's own `id` without its table, which is the entry's there.
        select(func.min(_ENTRIES.c.batch_id))
        .where(_ENTRIES.c.scan_id == bindparam("scan_id"))
        .scalar_subquery()
        .label("batch_id"),
    )
)
_BROUGHT = [name for name in Claim.__dataclass_fields__ if name != "scan_id"]
# Should a claim be undone while its worker is at it, two judge the same content, and the first verdict is kept.
_CLAIM_SOON = _CLAIM.returning(without_disk_wait())
