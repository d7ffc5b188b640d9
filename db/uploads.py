"""The files that people send: what was announced, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from db.clock import db_now
from db.tables.people import UploadRow
from db.text import storable


@dataclass(frozen=True)
class Upload:
    """An upload as it was announced; times are seconds since the epoch.

    Args:
        token_id: of whoever announced it, None on a machine of one's own.
        batch_id: of its submission, None before.
    """

    id: str
    name: str
    size_bytes: int
    token_id: int | None
    options: Mapping[str, Any]
    batch_id: int | None
    expires_at: float


def add_upload(
    session: Session,
    *,
    upload_id: str,
    name: str,
    size_bytes: int,
    token_id: int | None,
    options: Mapping[str, Any],
    lifetime_s: float,
) -> Upload:
    """Announces a file."""
    now = session.scalar(select(db_now())) or 0.0
    row = UploadRow(
        id=upload_id,
        name=storable(name, limit=255),
        size_bytes=size_bytes,
        token_id=token_id,
        options=dict(options),
        created_at=now,
        expires_at=now + lifetime_s,
    )
    session.add(row)
    session.flush()
    return _as_upload(row)


def read_upload(session: Session, upload_id: str) -> Upload | None:
    """The upload with this id, unless it expired."""
    row = session.scalar(select(UploadRow).where(UploadRow.id == upload_id, UploadRow.expires_at > db_now()))
    return None if row is None else _as_upload(row)


def settle_upload(session: Session, upload_id: str, batch_id: int, *, keep_s: float) -> None:
    """Notes the batch that a complete upload became, which its sender may ask for a while."""
    session.execute(
        update(UploadRow).where(UploadRow.id == upload_id).values(batch_id=batch_id, expires_at=db_now() + keep_s)
    )


def pending_bytes(session: Session) -> dict[str, int]:
    """The uploads that are not submitted yet, with their announced sizes."""
    query = select(UploadRow.id, UploadRow.size_bytes).where(UploadRow.batch_id.is_(None))
    return dict(session.execute(query).all())


def remove_upload(session: Session, upload_id: str) -> None:
    """Forgets an upload."""
    session.execute(delete(UploadRow).where(UploadRow.id == upload_id))


def take_expired(session: Session) -> list[tuple[str, bool]]:
    """Forgets the uploads that expired; of each, whether it was submitted, so that its file stays."""
    gone = delete(UploadRow).where(UploadRow.expires_at <= db_now()).returning(UploadRow.id, UploadRow.batch_id)
    return [(upload_id, batch_id is not None) for upload_id, batch_id in session.execute(gone)]


def _as_upload(row: UploadRow) -> Upload:
    return Upload(row.id, row.name, row.size_bytes, row.token_id, row.options, row.batch_id, row.expires_at)
