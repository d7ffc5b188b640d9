"""Who asks: the holder of a token, a browser that signed in with one, or the user of this machine."""

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers

from db.session import Database
from db.tokens import SCOPES, Token, find_session, find_token

SESSION_COOKIE = "fakesweep_session"
SESSION_S = 12 * 3600.0
"""A browser stays signed in for so long."""

TOKEN_PREFIX = "fsw_"  # noqa: S105 - no secret: it lets scanners of repositories recognise ours
# A token that is revoked opens nothing after so long at the latest.
_REMEMBERED_S = 2.0
_MOST_REMEMBERED = 5_000


@dataclass(frozen=True)
class Principal:
    """Who asks.

    Args:
        name: of the token; "local" for the machine's own user, "nobody" for strangers.
        client: by what its requests are counted.
        scopes: what it may do.
        token_id: None without a token.
        session: the secret in the browser's cookie, None where there is none.
        is_browser: whether a browser carries its rights, so that other sites could make it ask.
    """

    name: str
    client: str
    scopes: frozenset[str] = frozenset()
    token_id: int | None = None
    session: str | None = None
    is_browser: bool = False

    def may(self, scope: str) -> bool:
        """Whether it has this scope; `admin` has all."""
        return scope in self.scopes or "admin" in self.scopes

    @property
    def csrf_token(self) -> str:
        """What a form of ours sends back, which no other site can know; empty without a session."""
        return "" if self.session is None else csrf_token_of(self.session)


def make_secret() -> str:
    """256 random bits as text."""
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """What is stored of a secret of 256 random bits, which needs no salt."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def csrf_token_of(session: str) -> str:
    """The token of a session; the session's secret cannot be told from it."""
    return hmac.new(session.encode("utf-8", "surrogatepass"), b"csrf", hashlib.sha256).hexdigest()


def session_in(headers: Headers) -> str | None:
    """The secret in the session cookie of a request."""
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(SESSION_COOKIE)
    except CookieError:
        return None
    return morsel.value if morsel is not None and morsel.value else None


@dataclass
class Directory:
    """Looks secrets up, and remembers for a moment what it found; not found is not remembered."""

    database: Database
    _found: OrderedDict[str, tuple[float, Token]] = field(default_factory=OrderedDict)

    def remembered(self, key: str) -> Token | None:
        """What was found for a key a moment ago."""
        at, token = self._found.get(key, (0.0, None))
        return token if time.monotonic() - at < _REMEMBERED_S else None

    def look_up(self, key: str) -> Token | None:
        """The token for "token:HASH" or "session:HASH"; asks the database."""
        kind, _, sha256 = key.partition(":")
        with self.database.read() as session:
            token = find_token(session, sha256) if kind == "token" else find_session(session, sha256)
        self._found.pop(key, None)
        if token is not None:
            self._found[key] = (time.monotonic(), token)
            while len(self._found) > _MOST_REMEMBERED:
                self._found.popitem(last=False)
        return token

    def forget(self) -> None:
        """Forgets all that was found."""
        self._found.clear()


def local_principal(address: str, session: str | None, *, is_browser: bool) -> Principal:
    """The user of this machine, who may do all."""
    return Principal("local", f"address:{address}", frozenset(SCOPES), session=session, is_browser=is_browser)


def token_principal(token: Token, session: str | None) -> Principal:
    """Whoever holds this token, or signed in with it."""
    return Principal(
        token.name,
        f"token:{token.id}",
        token.scopes,
        token_id=token.id,
        session=session,
        is_browser=session is not None,
    )
