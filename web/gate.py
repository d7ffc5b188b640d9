"""What every request passes: host, size, identity, rate, and whether another site made a browser ask.

Plain ASGI, as it stands before every request, listings of a million videos included.
"""

import hmac
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from db.errors import DatabaseError
from db.tokens import Token
from web.context import Context
from web.identity import (
    TOKEN_PREFIX,
    Directory,
    Principal,
    hash_secret,
    local_principal,
    session_in,
    token_principal,
)
from web.problems import ProblemError
from web.refusals import answer_problem, wants_page
from worker.web_settings import is_loopback

CSRF_HEADER = "x-csrf-token"
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")

BODY_LIMIT_BYTES = 1_000_000
PICTURE_LIMIT_BYTES = 30_000_000
CHUNK_LIMIT_BYTES = 64 * 2**20
"""Of one piece of an upload."""

_BODY_LIMITS: Mapping[str, int] = {
    "/api/v1/pictures": PICTURE_LIMIT_BYTES,
    "/api/v1/uploads/": CHUNK_LIMIT_BYTES,
}

# Scripts, styles and pictures of ours alone; blobs are the previews of what somebody is about to send.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
SECURITY_HEADERS: Mapping[str, str] = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
}


# The page asks for itself again, and this time it is ours that asks.
_ARRIVE = HTMLResponse(
    '<!doctype html><title>fakesweep</title><link rel="icon" href="data:,"><meta http-equiv="refresh" content="0">'
)


@dataclass
class Gate:
    """Lets requests through to `app` that may come in, and adds the headers that keep browsers from harm.

    Args:
        answer_defect: tells that something went wrong which nobody expected.
    """

    app: ASGIApp
    context: Context
    answer_defect: Callable[[Request, Exception], Response]
    directory: Directory = field(init=False)

    def __post_init__(self) -> None:
        self.directory = Directory(self.context.database)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        has_begun = False

        async def send_guarded(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        headers = Headers(scope=scope)
        if _comes_from_elsewhere(scope, headers):
            await _ARRIVE(scope, receive, send_guarded)
            return
        try:
            scope.setdefault("state", {})
            scope["state"]["principal"] = await self._admit(scope)
            limited = _LimitedBody(receive, _body_limit(scope["path"]), headers)
        except ProblemError as problem:
            answer = answer_problem(Request(scope), problem.status_code, problem.detail, problem.headers)
            await answer(scope, receive, send_guarded)
            return
        try:
            await self.app(scope, limited, send_guarded)
        except Exception as error:
            if has_begun:
                raise
            await self.answer_defect(Request(scope), error)(scope, receive, send_guarded)

    async def _admit(self, scope: Scope) -> Principal:
        """Finds out who asks, and whether this request may come in at all."""
        headers = Headers(scope=scope)
        self._check_host(headers)
        principal = await self._identify(scope, headers)
        if scope["method"] not in SAFE_METHODS:
            self._check_origin(headers)
            scope["state"]["is_csrf_checked"] = _check_csrf(principal, headers)
        wait_s = self.context.limiter.wait_s(principal.client)
        if wait_s > 0:
            raise ProblemError(
                429,
                f"too many requests of {principal.name!r}: wait {math.ceil(wait_s)} s",
                headers={"Retry-After": str(math.ceil(wait_s))},
            )
        return principal

    def _check_host(self, headers: Headers) -> None:
        """A page of another site whose name was made to point here must not read what is here."""
        host = _host_in(headers.get("host", ""))
        web = self.context.settings.web
        known = {self.context.host.lower().strip("[]"), *web.hosts, *_host_of(web.url)}
        if not (host in known or is_loopback(host)):
            raise ProblemError(
                421, f"this server does not answer for the host {host!r}: set FAKESWEEP_WEB_HOSTS to allow it"
            )

    def _check_origin(self, headers: Headers) -> None:
        """A browser says which site made it ask."""
        origin = headers.get("origin")
        allowed = {f"{scheme}://{headers.get('host', '')}".lower() for scheme in ("http", "https")}
        if self.context.settings.web.url:
            allowed.add(self.context.settings.web.url)
        if origin is not None and origin.lower() not in allowed:
            raise ProblemError(403, f"a page of {origin!r} may not ask for this: open the page of this server itself")
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            raise ProblemError(403, "a page of another site may not ask for this: open the page of this server itself")

    async def _identify(self, scope: Scope, headers: Headers) -> Principal:
        address = _address_of(scope, headers, is_proxied=self.context.settings.web.url is not None)
        session = session_in(headers)
        kind, _, secret = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and secret:
            return await self._identify_bearer(secret.strip(), address)
        if session is not None:
            token = await self._find(f"session:{hash_secret(session)}")
            if token is not None:
                return token_principal(token, session)
        if self.context.is_open and not _is_forwarded(headers) and is_loopback(address or "localhost"):
            return local_principal(address, session, is_browser=_is_browser(headers))
        # A session that ran out still protects the form to sign in.
        return Principal("nobody", f"address:{address}", session=session, is_browser=_is_browser(headers))

    async def _identify_bearer(self, secret: str, address: str) -> Principal:
        token = await self._find(f"token:{hash_secret(secret)}") if secret.startswith(TOKEN_PREFIX) else None
        if token is None:
            if self.context.limiter.wait_s(f"address:{address}", cost=5.0):
                raise ProblemError(429, "too many wrong tokens: wait a moment", headers={"Retry-After": "5"})
            raise ProblemError(
                401,
                "the token is unknown, revoked or expired: `fakesweep tokens create` makes one",
                headers={"WWW-Authenticate": 'Bearer realm="fakesweep", error="invalid_token"'},
            )
        return token_principal(token, None)

    async def _find(self, key: str) -> Token | None:
        token = self.directory.remembered(key)
        if token is not None:
            return token
        try:
            return await run_in_threadpool(self.directory.look_up, key)
        except DatabaseError as error:
            raise ProblemError(503, f"{error}", headers={"Retry-After": "5"}) from error


def _comes_from_elsewhere(scope: Scope, headers: Headers) -> bool:
    """Whether a person follows a link of another site or of an e-mail, with which the browser sends no cookie of ours.

    Answered at once, it would get a new session in place of the one that it has.
    """
    return (
        scope["method"] == "GET"
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-site") in ("cross-site", "same-site")
        and session_in(headers) is None
        and wants_page(scope["path"], headers)
    )


def _check_csrf(principal: Principal, headers: Headers) -> bool:
    """Whoever acts through a browser's cookie proves that a page of ours made it; False where the form is to tell."""
    if not principal.is_browser:
        return True
    sent = headers.get(CSRF_HEADER)
    if sent is None and headers.get("content-type", "").startswith(FORM_TYPES):
        return False
    require_csrf_token(principal, sent)
    return True


def require_csrf_token(principal: Principal, sent: object) -> None:
    """Makes sure that what a page sent back is its session's.

    Raises:
        ProblemError: it is not.
    """
    expected = principal.csrf_token
    if not expected or not isinstance(sent, str) or not hmac.compare_digest(sent.encode(), expected.encode()):
        raise ProblemError(403, f"the page is too old, or not one of ours: load it again ({CSRF_HEADER} does not fit)")


def _body_limit(path: str) -> int:
    return next((limit for start, limit in _BODY_LIMITS.items() if path.startswith(start)), BODY_LIMIT_BYTES)


def _host_in(host: str) -> str:
    """A Host header without its port, in lower case."""
    if host.startswith("["):
        return host.partition("]")[0].lstrip("[").lower()
    return host.partition(":")[0].lower()


def _host_of(url: str | None) -> tuple[str, ...]:
    host = urlsplit(url).hostname if url else None
    return () if host is None else (host,)


def _is_forwarded(headers: Headers) -> bool:
    """Whether a proxy handed the request on, so that its address is not the asker's."""
    return any(name in headers for name in ("forwarded", "x-forwarded-for", "x-real-ip", "via"))


def _is_browser(headers: Headers) -> bool:
    return any(name in headers for name in ("origin", "sec-fetch-site", "cookie"))


def _address_of(scope: Scope, headers: Headers, *, is_proxied: bool) -> str:
    """Who asks; behind a proxy of ours, the last address that it wrote down."""
    forwarded = headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    if is_proxied and forwarded:
        return forwarded[:64]
    client = scope.get("client")
    return str(client[0]) if client else ""


class _LimitedBody:
    """Receives a body of a limited size."""

    def __init__(self, receive: Receive, limit_bytes: int, headers: Headers) -> None:
        self._receive = receive
        self._limit_bytes = limit_bytes
        self._received_bytes = 0
        announced = headers.get("content-length", "0")
        if not announced.isdecimal() or int(announced) > limit_bytes:
            raise self._too_large()

    async def __call__(self) -> Message:
        """The next message.

        Raises:
            ProblemError: more came than is allowed.
        """
        message = await self._receive()
        if message["type"] == "http.request":
            self._received_bytes += len(message.get("body", b""))
            if self._received_bytes > self._limit_bytes:
                raise self._too_large()
        return message

    def _too_large(self) -> ProblemError:
        return ProblemError(413, f"the body is larger than the {self._limit_bytes} bytes that this path takes")
