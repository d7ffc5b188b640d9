"""What people are to be told of: noticed once, kept until it was delivered, so that no restart loses it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Table, delete, func, select, update
from sqlalchemy.orm import Session

from db.batch_listing import describe_batch, read_many_tallies
from db.clock import db_now
from db.dialects import insert_or
from db.findings import describe_path
from db.headers import iso_time
from db.standings import WAITING
from db.tables.batches import Batch, Entry
from db.tables.contents import Video
from db.tables.notices import Delivery, FollowedBatch, NoticeMark, WebhookRow
from db.tables.scans import Scan
from db.tally_sums import batches_that_hold
from db.text import storable

EVENTS = ("batch.ended", "video.fake")
MAIL = "mail"
"""The target that stands for everybody who gets e-mail."""

MAIL_WINDOW_S = 300.0
"""Fakes of so long a time are told in one e-mail."""

_THE_ROW = 1
# A transaction that ended a scan commits so much later than the scan's own time, at the most.
_OVERLAP_S = 30.0
_AT_ONCE = 1000
_SHOWN_IN_MAIL = 50


@dataclass(frozen=True)
class Target:
    """Who is told of which events: "webhook:ID" or `MAIL`."""

    name: str
    events: frozenset[str]


@dataclass(frozen=True)
class Webhook:
    """An address that is told of events."""

    id: int
    url: str
    events: tuple[str, ...]
    secret_env: str


@dataclass(frozen=True)
class Due:
    """A delivery that is to be tried now, for the `attempt`th time."""

    id: int
    target: str
    event: str
    event_key: str
    body: Mapping[str, Any]
    attempt: int


def add_webhook(session: Session, *, url: str, events: Sequence[str], secret_env: str) -> int:
    """Remembers an address; returns its id."""
    now = session.scalar(select(db_now())) or 0.0
    row = WebhookRow(url=url, events=list(events), secret_env=secret_env, created_at=now)
    session.add(row)
    session.flush()
    return row.id


def list_webhooks(session: Session) -> list[Webhook]:
    """Every address, the oldest first."""
    rows = session.scalars(select(WebhookRow).order_by(WebhookRow.id))
    return [Webhook(row.id, row.url, tuple(row.events), row.secret_env) for row in rows]


def remove_webhook(session: Session, webhook_id: int) -> bool:
    """Forgets an address and what it was still to be told; returns whether there was one."""
    session.execute(delete(Delivery).where(Delivery.target == f"webhook:{webhook_id}"))
    gone = delete(WebhookRow).where(WebhookRow.id == webhook_id).returning(WebhookRow.id)
    return bool(session.scalars(gone).all())


def notice(session: Session, targets: Sequence[Target]) -> int:
    """Writes down what happened since the last time and whom to tell; returns how many deliveries that makes.

    Of several callers at once one works, the others wait for it and find nothing new.
    """
    if not targets:
        # Whoever is added later is told of what happens later.
        session.execute(delete(NoticeMark))
        return 0
    now = session.scalar(select(db_now())) or 0.0
    mark = _lock_mark(session, now)
    _follow(session, mark)
    made = _notice_ends(session, targets, now)
    fakes, reached = _read_fakes(session, mark.looked_at - _OVERLAP_S, now)
    made += sum(_notice_fakes(session, target, fakes, now) for target in targets if "video.fake" in target.events)
    mark.looked_at = reached
    return made


def take_due(session: Session, *, lease_s: float, limit: int = 20) -> list[Due]:
    """Takes what is due; whatever is not settled within `lease_s` is due again."""
    due = (
        select(Delivery.id)
        .where(Delivery.delivered_at.is_(None), Delivery.failed_at.is_(None), Delivery.due_at <= db_now())
        .order_by(Delivery.due_at, Delivery.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = (
        update(Delivery)
        .where(Delivery.id.in_(session.scalars(due).all()))
        .values(due_at=db_now() + lease_s, attempts=Delivery.attempts + 1)
        .returning(Delivery.id, Delivery.target, Delivery.event, Delivery.event_key, Delivery.body, Delivery.attempts)
    )
    return [Due(*row) for row in session.execute(taken)]


def settle_delivery(session: Session, delivery_id: int) -> None:
    """Notes that somebody was told."""
    session.execute(update(Delivery).where(Delivery.id == delivery_id).values(delivered_at=db_now(), last_error=None))


def put_off_delivery(session: Session, delivery_id: int, *, error: str, retry_s: float | None) -> None:
    """Notes that somebody could not be told; tried again after `retry_s`, or given up where None."""
    values: dict[str, Any] = {"last_error": storable(error, limit=1000)}
    values |= {"failed_at": db_now()} if retry_s is None else {"due_at": db_now() + retry_s}
    session.execute(update(Delivery).where(Delivery.id == delivery_id).values(**values))


def read_fakes_between(session: Session, start: float, end: float) -> tuple[list[dict[str, Any]], int]:
    """The fakes that ended in a span, the highest first, as many as one e-mail shows; and how many there are."""
    condition = (Scan.finished_at >= start, Scan.finished_at < end, Scan.state == "judged", Entry.standing == "fake")
    total = session.scalar(
        select(func.count()).select_from(Entry).join(Scan, Scan.id == Entry.scan_id).where(*condition)
    )
    rows = session.execute(_fakes().where(*condition).order_by(Scan.score_mean.desc()).limit(_SHOWN_IN_MAIL))
    return [_describe_fake(*row) for row in rows], total or 0


def forget_deliveries(session: Session, *, older_than_s: float) -> None:
    """Forgets what was delivered or given up long ago."""
    settled = func.coalesce(Delivery.delivered_at, Delivery.failed_at)
    session.execute(delete(Delivery).where(settled < db_now() - older_than_s))


def _lock_mark(session: Session, now: float) -> NoticeMark:
    newest = session.scalar(select(func.max(Batch.id))) or 0
    first = insert_or(session, NoticeMark).values(id=_THE_ROW, looked_at=now, batch_id=newest)
    session.execute(first.on_conflict_do_nothing())
    return session.scalars(
        select(NoticeMark).where(NoticeMark.id == _THE_ROW).with_for_update().execution_options(populate_existing=True)
    ).one()


def _follow(session: Session, mark: NoticeMark) -> None:
    """Follows the batches that are new, and those in which something waits (again)."""
    waiting = batches_that_hold(lambda table: (table.batch_id > 0) & (table.standing == WAITING))
    found = {*session.scalars(waiting), *session.scalars(select(Batch.id).where(Batch.id > mark.batch_id))}
    if found:
        rows = [{"batch_id": batch_id} for batch_id in sorted(found)]
        session.execute(insert_or(session, FollowedBatch).values(rows).on_conflict_do_nothing())
        mark.batch_id = max(mark.batch_id, *found)


def _notice_ends(session: Session, targets: Sequence[Target], now: float) -> int:
    followed = session.scalars(
        select(Batch).join(FollowedBatch, FollowedBatch.batch_id == Batch.id).where(Batch.is_complete).limit(_AT_ONCE)
    ).all()
    tallies = read_many_tallies(session, [batch.id for batch in followed])
    ended = [batch for batch in followed if not tallies[batch.id].standings[WAITING]]
    for batch in ended:
        body = {"batch": describe_batch(batch, tallies[batch.id])}
        for target in targets:
            if "batch.ended" in target.events:
                # A batch that was retried ends again, and that is another event.
                _write(session, target, "batch.ended", f"batch.ended:{batch.id}:{now:.3f}", body, now)
    session.execute(delete(FollowedBatch).where(FollowedBatch.batch_id.in_([batch.id for batch in ended])))
    return len(ended)


def _read_fakes(session: Session, since: float, now: float) -> tuple[list[tuple[Scan, dict[str, Any]]], float]:
    """The fakes that ended since a moment, and up to when all of them are among these."""
    rows = session.execute(
        _fakes()
        .where(Scan.finished_at > since, Scan.state == "judged", Entry.standing == "fake")
        .order_by(Scan.finished_at, Scan.id, Entry.id)
        .limit(_AT_ONCE)
    ).all()
    found = [(row[0], _describe_fake(*row)) for row in rows]
    reached = now if len(found) < _AT_ONCE else (found[-1][0].finished_at or now) + _OVERLAP_S
    return found, min(now, reached)


def _fakes() -> Any:
    return (
        select(Scan, Entry, Video.sha256).join(Entry, Entry.scan_id == Scan.id).join(Video, Video.id == Scan.video_id)
    )


def _describe_fake(scan: Scan, entry: Entry, sha256: str) -> dict[str, Any]:
    return {
        "id": scan.video_id,
        "batch_id": entry.batch_id,
        **describe_path(entry.path),
        "sha256": sha256,
        "state": scan.state,
        "verdict": entry.standing,
        "score": scan.score_mean,
        "finished_at": iso_time(scan.finished_at),
    }


def _notice_fakes(session: Session, target: Target, fakes: Sequence[tuple[Scan, dict[str, Any]]], now: float) -> int:
    made = 0
    for scan, described in fakes:
        if target.name == MAIL:
            start = (scan.finished_at or now) // MAIL_WINDOW_S * MAIL_WINDOW_S
            end = start + MAIL_WINDOW_S
            body = {"from": start, "to": end}
            made += _write(session, target, "video.fake", f"video.fake:{start:.0f}", body, end + _OVERLAP_S)
        else:
            key = f"video.fake:{scan.id}:{scan.token}:{described['batch_id']}"
            made += _write(session, target, "video.fake", key, {"video": described}, now)
    return made


def _write(session: Session, target: Target, event: str, key: str, body: Mapping[str, Any], due_at: float) -> int:
    statement = insert_or(session, cast(Table, Delivery.__table__)).values(
        target=target.name,
        event=event,
        event_key=key,
        body=dict(body),
        attempts=0,
        created_at=db_now(),
        due_at=due_at,
    )
    return len(session.execute(statement.on_conflict_do_nothing().returning(Delivery.id)).all())
