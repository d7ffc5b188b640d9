"""The tokens that open the web application, and the browsers that signed in with one."""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from db.clock import db_now
from db.tables.people import TokenRow, WebSessionRow
from db.text import storable

SCOPES = ("read", "submit", "review", "admin")
"""What a token may allow; `admin` allows all."""

_IS_USABLE = (TokenRow.revoked_at.is_(None)) & (or_(TokenRow.expires_at.is_(None), TokenRow.expires_at > db_now()))


@dataclass(frozen=True)
class Token:
    """A token as the database knows it; times are seconds since the epoch.

    Args:
        is_usable: whether it neither expired nor was revoked.
    """

    id: int
    name: str
    scopes: frozenset[str]
    created_at: float
    expires_at: float | None
    revoked_at: float | None
    is_usable: bool


def add_token(session: Session, *, name: str, sha256: str, scopes: Iterable[str], lifetime_s: float | None) -> int:
    """Makes a token known by its hash; returns its id.

    Raises:
        ValueError: a scope that nobody knows, or none.
    """
    wanted = sorted(set(scopes), key=SCOPES.index) if set(scopes) <= set(SCOPES) else []
    if not wanted:
        raise ValueError(f"scopes must be some of {', '.join(SCOPES)}, got {', '.join(scopes) or 'none'}")
    now = session.scalar(select(db_now()))
    row = TokenRow(
        name=storable(name, limit=200),
        sha256=sha256,
        scopes=wanted,
        created_at=now,
        expires_at=None if lifetime_s is None or now is None else now + lifetime_s,
    )
    session.add(row)
    session.flush()
    return row.id


def find_token(session: Session, sha256: str) -> Token | None:
    """The usable token with this hash."""
    row = session.scalar(select(TokenRow).where(TokenRow.sha256 == sha256, _IS_USABLE))
    if row is None or not hmac.compare_digest(row.sha256, sha256):
        return None
    return _as_token(row, is_usable=True)


def list_tokens(session: Session) -> list[Token]:
    """Every token, the oldest first."""
    rows = session.execute(select(TokenRow, _IS_USABLE).order_by(TokenRow.id))
    return [_as_token(row, is_usable=bool(is_usable)) for row, is_usable in rows]


def has_usable_token(session: Session) -> bool:
    """Whether there is a token that opens anything."""
    return bool(session.scalar(select(func.count()).select_from(TokenRow).where(_IS_USABLE)))


def revoke_token(session: Session, token_id: int) -> bool:
    """Takes a token's rights away, and ends its sessions; returns whether there was one to revoke."""
    revoked = update(TokenRow).where(TokenRow.id == token_id, TokenRow.revoked_at.is_(None)).values(revoked_at=db_now())
    is_done = bool(session.execute(revoked.returning(TokenRow.id)).all())
    session.execute(delete(WebSessionRow).where(WebSessionRow.token_id == token_id))
    return is_done


def begin_session(session: Session, *, sha256: str, token_id: int, lifetime_s: float) -> None:
    """Remembers that a browser signed in with a token; forgets the sessions that ran out."""
    session.execute(delete(WebSessionRow).where(WebSessionRow.expires_at < db_now()))
    now = session.scalar(select(db_now())) or 0.0
    session.add(WebSessionRow(sha256=sha256, token_id=token_id, created_at=now, expires_at=now + lifetime_s))


def find_session(session: Session, sha256: str) -> Token | None:
    """The usable token with which the browser of this session signed in."""
    row = session.scalar(
        select(TokenRow)
        .join(WebSessionRow, WebSessionRow.token_id == TokenRow.id)
        .where(WebSessionRow.sha256 == sha256, WebSessionRow.expires_at > db_now(), _IS_USABLE)
    )
    return None if row is None else _as_token(row, is_usable=True)


def end_session(session: Session, sha256: str) -> None:
    """Signs a browser out."""
    session.execute(delete(WebSessionRow).where(WebSessionRow.sha256 == sha256))


def _as_token(row: TokenRow, *, is_usable: bool) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        scopes=frozenset(row.scopes),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        is_usable=is_usable,
    )
