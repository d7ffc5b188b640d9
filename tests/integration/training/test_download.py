"""Downloads from servers that behave badly, over real sockets."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.http_server import LoopbackServer, Reply, serving
from training.collect.addresses import AddressRule
from training.collect.download import Downloader, DownloadError

LOCAL = AddressRule(allow_private=True)


def downloader(rule: AddressRule = LOCAL, *, max_bytes: int = 10_000, timeout_s: float = 30.0) -> Downloader:
    """One with small limits."""
    return Downloader(rule, "fakesweep/test", max_bytes=max_bytes, timeout_s=timeout_s)


def ending_of(url: str, **limits: float) -> tuple[str, str]:
    """How a download that must fail ends, and why."""
    with pytest.raises(DownloadError) as caught:
        downloader(**limits).get(url)  # type: ignore[arg-type]
    return caught.value.ending, str(caught.value)


def test_gets_content_and_says_who_asks() -> None:
    """The whole body comes back, and the server learns who wanted it; nothing is compressed on the way."""
    with serving({"/a%20b.jpg?x=%22": Reply(200, b"content")}) as server:
        assert downloader().get(f'{server.url}/a b.jpg?x="#part') == b"content"

    assert server.calls[0].headers["user-agent"] == "fakesweep/test"
    assert server.calls[0].headers["accept-encoding"] == "identity"


def test_a_private_address_is_never_asked() -> None:
    """Without leave, no byte reaches a server of this machine."""
    with serving({"/": Reply(200, b"secret")}) as server:
        with pytest.raises(DownloadError) as caught:
            downloader(AddressRule()).get(server.url)

        assert caught.value.ending == "blocked"
        assert server.calls == []


def test_a_redirect_to_a_private_address_is_not_followed() -> None:
    """Each hop is checked: an allowed host cannot send us on to a hidden one."""
    with serving({"/": Reply(200, b"secret")}) as inner:
        moved = {f"/{status}": Reply(status, headers={"Location": inner.url}) for status in (301, 302, 303, 307, 308)}
        with serving(moved) as outer:
            rule = AddressRule(trusted=frozenset({("127.0.0.1", outer.port)}))
            for status in (301, 302, 303, 307, 308):
                with pytest.raises(DownloadError, match="no public address"):
                    downloader(rule).get(f"{outer.url}/{status}")

        assert len(outer.calls) == 5
        assert inner.calls == []


def test_the_address_that_was_checked_is_the_one_that_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that changes its mind between the check and the connection gains nothing."""
    answers = iter(["93.184.216.34", "127.0.0.1"])
    asked: list[str] = []

    def connect(place: tuple[str, int], **_more: object) -> socket.socket:
        asked.append(place[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: [(0, 0, 0, "", (next(answers), 80))])
    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(DownloadError):
        downloader(AddressRule()).get("http://rebind.example/")

    assert asked == ["93.184.216.34"]


@pytest.mark.parametrize(
    ("url", "ending"),
    [
        ("ftp://example.com/a", "blocked"),
        ("file:///etc/passwd", "blocked"),
        ("http://", "blocked"),
        ("http://user:pass@127.0.0.1/", "blocked"),
        ("http://[::1", "refused"),
        ("http://127.0.0.1:99999/", "refused"),
        ("http://a..b/", "refused"),
        ("http://127.0.0.1:0/", "blocked"),
    ],
)
def test_only_plain_web_addresses_are_asked(url: str, ending: str) -> None:
    """Other schemes, passwords and nonsense end before anything is sent."""
    assert ending_of(url)[0] == ending


def test_redirects_are_followed_but_not_in_circles() -> None:
    """A relative redirect leads on; an endless one ends."""
    routes = {"/a": Reply(302, headers={"Location": "b"}), "/b": Reply(200, b"b")}
    routes["/loop"] = Reply(302, headers={"Location": "/loop"})
    with serving(routes) as server:
        assert downloader().get(f"{server.url}/a") == b"b"
        assert ending_of(f"{server.url}/loop") == ("refused", "more than 5 redirects")


@pytest.mark.parametrize(
    ("status", "ending"),
    [(404, "refused"), (403, "refused"), (204, "refused"), (429, "passing"), (503, "passing")],
)
def test_tells_the_last_word_from_a_passing_one(status: int, ending: str) -> None:
    """What is gone is not asked for again; what is busy is, and not before it wants."""
    with serving({"/": Reply(status, headers={"Retry-After": "3"})}) as server, pytest.raises(DownloadError) as caught:
        downloader().get(server.url)

    assert (caught.value.ending, caught.value.wait_s) == (ending, 3.0)


@pytest.mark.parametrize("has_length", [True, False])
def test_too_large_a_file_is_refused(*, has_length: bool) -> None:
    """Whether its length is told beforehand or not."""
    with serving({"/": Reply(200, b"x" * 20_000, has_length=has_length)}) as server:
        ending, why = ending_of(server.url)

    assert ending == "refused"
    assert "the limit is 10000" in why


def test_a_body_that_breaks_off_is_no_body() -> None:
    """Half a file is tried again, not kept."""
    with serving({"/": Reply(200, b"half", claimed=8)}) as server:
        assert ending_of(server.url) == ("passing", "the connection ended 4 bytes too early")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, b"x" * 1000, pause_s=0.05),
        Reply(200, b"x" * 1000, pause_s=0.05, has_length=False),
        Reply(pause_s=0.05, is_headerless=True),
    ],
)
def test_a_trickle_ends_when_the_time_is_over(reply: Reply) -> None:
    """One byte in a while keeps no download alive, in the body or in the headers."""
    started = time.monotonic()
    with serving({"/": reply}) as server:
        assert ending_of(server.url, timeout_s=0.5) == ("passing", "no answer within 0.5 s")

    assert time.monotonic() - started < 20


def test_a_server_that_says_nothing_is_left() -> None:
    """Silence after the connection ends with the time, too."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"

        assert ending_of(url, timeout_s=0.3)[0] == "passing"


def test_a_closed_port_is_a_passing_failure() -> None:
    """It may be open tomorrow."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    assert ending_of(f"http://127.0.0.1:{port}/")[0] == "passing"


def test_an_answer_that_is_no_http_is_a_passing_failure() -> None:
    """Another protocol on the port does not end the run."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def speak() -> None:
            connection, _ = listener.accept()
            connection.sendall(b"SSH-2.0-OpenSSH\r\n")
            connection.close()

        threading.Thread(target=speak, daemon=True).start()
        assert ending_of(f"http://127.0.0.1:{listener.getsockname()[1]}/")[0] == "passing"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 with its key, in one file."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[LoopbackServer]:
    """A server behind TLS."""
    with LoopbackServer(lambda _call: Reply(200, b"secret"), certificate=certificate) as server:
        yield server


def test_tls_is_checked(tls_server: LoopbackServer, certificate: Path) -> None:
    """A certificate that nobody vouches for is refused, one that is trusted is taken."""
    url = f"https://127.0.0.1:{tls_server.port}/"
    trusting = ssl.create_default_context(cafile=str(certificate))

    assert ending_of(url)[0] == "refused"
    assert Downloader(LOCAL, "x", tls=trusting).get(url) == b"secret"
