"""Whether a lease ended as its holder wanted it, for a holder that did not hear the answer."""

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from db.tables.scans import Scan


def has_ended_as(session: Session, scan_id: int, token: int, state: str) -> bool:
    """Whether a scan is in this state since the lease of this token, and was claimed by nobody after it."""
    ended = exists().where(Scan.id == scan_id, Scan.token == token, Scan.state == state)
    return bool(session.scalar(select(ended)))
