"""Downloads a file from a stranger: addresses checked at every redirect, limits on bytes and on the whole time."""

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from training.collect.addresses import AddressRule, BlockedAddressError
from training.collect.waiting import wait_asked_for

_CHUNK_BYTES = 65536
# A name with more addresses than this is not worth the wait for each of them.
_ADDRESSES = 4
_REDIRECTS = (301, 302, 303, 307, 308)
_WORTH_ANOTHER_TRY = (408, 425, 429, *range(500, 600))
_PORTS = {"http": 80, "https": 443}
_KEPT = "/%:@!$&'()*+,;=~-._"

Ending = Literal["blocked", "refused", "passing"]


class DownloadError(Exception):
    """A download did not succeed.

    Args:
        ending: "blocked" (not asked, for safety), "refused" (the server's last word) or "passing" (try again).
        why: one clause for people.
        wait_s: how long the server asked to wait, None where it did not say.
    """

    def __init__(self, ending: Ending, why: str, *, wait_s: float | None = None) -> None:
        super().__init__(why)
        self.ending = ending
        self.wait_s = wait_s


@dataclass(frozen=True)
class Downloader:
    """Gets files with the same limits.

    Args:
        rule: which hosts may be asked.
        user_agent: how it names itself.
        max_bytes: larger files are refused.
        timeout_s: for the whole of one answer, from the first connection to the last byte.
        connect_s: for each address of a host.
        redirects: how many are followed.
        tls: what is trusted; the system's certificates unless given.
    """

    rule: AddressRule
    user_agent: str
    max_bytes: int = 20 * 1024 * 1024
    timeout_s: float = 60.0
    connect_s: float = 10.0
    redirects: int = 5
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    def get(self, url: str) -> bytes:
        """The content behind a URL.

        Raises:
            DownloadError: there is none to be had.
        """
        for _ in range(self.redirects + 1):
            found = self._ask(url)
            if isinstance(found, bytes):
                return found
            url = urljoin(url, found)
        raise DownloadError("refused", f"more than {self.redirects} redirects")

    def _ask(self, url: str) -> bytes | str:
        """The content, or where the server sends us next."""
        parts = _checked(url)
        port = parts.port or _PORTS[parts.scheme]
        host = _ascii_host(parts)
        try:
            with self._connected(parts.scheme, host, port) as connection:
                connection.request("GET", _target(parts), headers=self._headers())
                return self._read(connection.getresponse())
        except BlockedAddressError as error:
            raise DownloadError("blocked", str(error)) from error
        except TimeoutError as error:
            raise DownloadError("passing", f"no answer within {self.timeout_s:g} s") from error
        except ssl.SSLCertVerificationError as error:
            raise DownloadError("refused", f"its certificate is not valid ({error.verify_message})") from error
        except (OSError, http.client.HTTPException) as error:
            raise DownloadError("passing", f"the connection failed ({str(error) or type(error).__name__})") from error

    def _headers(self) -> dict[str, str]:
        accept = "image/jpeg, image/png, image/webp, image/*;q=0.8, */*;q=0.5"
        return {"User-Agent": self.user_agent, "Accept": accept, "Accept-Encoding": "identity"}

    @contextmanager
    def _connected(self, scheme: str, host: str, port: int) -> Iterator[http.client.HTTPConnection]:
        """A connection to an address that was checked, cut when the time is over."""
        raw = self._connect(host, port)
        # A copy of the descriptor: shutting it down ends the connection, whichever object holds the other one.
        leash = raw.dup()
        is_over = threading.Event()
        timer = threading.Timer(self.timeout_s, _cut, (leash, is_over))
        timer.daemon = True
        timer.start()
        try:
            with closing(self._wrapped(raw, scheme, host, port)) as connection:
                yield connection
            # A body of unknown length that was cut looks like one that ended.
            if is_over.is_set():
                raise TimeoutError
        except (OSError, http.client.HTTPException, DownloadError) as error:
            if is_over.is_set():
                raise TimeoutError from error
            raise
        finally:
            timer.cancel()
            leash.close()
            raw.close()

    def _connect(self, host: str, port: int) -> socket.socket:
        failure: OSError | None = None
        for address in self.rule.addresses_of(host, port)[:_ADDRESSES]:
            try:
                return socket.create_connection((address, port), timeout=min(self.connect_s, self.timeout_s))
            except OSError as error:
                failure = error
        raise failure or OSError(f"{host} has no address")

    def _wrapped(self, raw: socket.socket, scheme: str, host: str, port: int) -> http.client.HTTPConnection:
        if scheme == "http":
            connection = http.client.HTTPConnection(host, port)
            connection.sock = raw
        else:
            connection = http.client.HTTPSConnection(host, port, context=self.tls)
            connection.sock = self.tls.wrap_socket(raw, server_hostname=host)
        connection.sock.settimeout(self.timeout_s)
        return connection

    def _read(self, answer: http.client.HTTPResponse) -> bytes | str:
        location = answer.getheader("Location")
        if answer.status in _REDIRECTS and location:
            return location
        if answer.status != http.HTTPStatus.OK:
            ending: Ending = "passing" if answer.status in _WORTH_ANOTHER_TRY else "refused"
            wait_s = wait_asked_for(dict(answer.getheaders()))
            raise DownloadError(ending, f"the server answered {answer.status}", wait_s=wait_s)
        if answer.length is not None and answer.length > self.max_bytes:
            raise self._too_large(answer.length)
        content = bytearray()
        while chunk := answer.read1(_CHUNK_BYTES):
            content += chunk
            if len(content) > self.max_bytes:
                raise self._too_large(len(content))
        # read1 takes an early end for the end; what is still owed tells them apart.
        if answer.length:
            raise DownloadError("passing", f"the connection ended {answer.length} bytes too early")
        return bytes(content)

    def _too_large(self, found: int) -> DownloadError:
        return DownloadError("refused", f"it has {found} bytes or more; the limit is {self.max_bytes}")


def _cut(leash: socket.socket, is_over: threading.Event) -> None:
    is_over.set()
    try:
        leash.shutdown(socket.SHUT_RDWR)
    except OSError:
        # It ended by itself in the same moment.
        return


def _checked(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise DownloadError("refused", f"it is no URL ({error})") from error
    if not is_usable:
        raise DownloadError("blocked", "only http:// and https:// are followed")
    if parts.username is not None or parts.password is not None:
        raise DownloadError("blocked", "it carries a user's name or password")
    return parts


def _ascii_host(parts: SplitResult) -> str:
    try:
        return (parts.hostname or "").encode("idna").decode("ascii")
    except UnicodeError as error:
        raise DownloadError("refused", f"{parts.hostname!r} is no name of a host") from error


def _target(parts: SplitResult) -> str:
    """Path and query with everything quoted that may not stand in a request, such as a space or a line break."""
    path = quote(parts.path or "/", safe=_KEPT)
    query = quote(parts.query, safe=f"{_KEPT}?")
    return f"{path}?{query}" if query else path
