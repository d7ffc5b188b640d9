"""Installations to measure on: the embedded one, and a cluster of PostgreSQL and Valkey on this machine."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from db.session import Database
from db.workers import live_workers
from scripts.parts.servers import PostgresServer, ValkeyServer, wait_until

KINDS = ("embedded", "cluster")

DURABLE: Mapping[str, str] = {}
"""PostgreSQL as it comes: what is committed is on the disk."""

# A crash of the machine would cost a measurement, no more; checkpoints during a load would measure the disk.
FOR_LOADING = {"fsync": "off", "max_wal_size": "8GB"}


@contextmanager
def fresh_installation(kind: str, *, postgres: Mapping[str, str] = DURABLE) -> Iterator[dict[str, str]]:
    """The FAKESWEEP_* variables of an empty installation, gone at the end.

    Args:
        kind: one of `KINDS`.
        postgres: options of the cluster's PostgreSQL.
    """
    # A short path, as unix sockets need one, in which PostgreSQL's user can look.
    with tempfile.TemporaryDirectory(prefix="fsb-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        variables = {"FAKESWEEP_HOME": str(folder / "home"), "FAKESWEEP_LOG_LEVEL": "warning"}
        if kind == "embedded":
            yield variables
            return
        servers = PostgresServer(folder / "pg", postgres), ValkeyServer(folder / "valkey")
        try:
            for server in servers:
                server.folder.mkdir()
                server.start()
            database_url = servers[0].create_database()
            yield {**variables, "FAKESWEEP_DATABASE_URL": database_url, "FAKESWEEP_BROKER_URL": servers[1].url}
        finally:
            for server in servers:
                server.stop()


@contextmanager
def running_worker(
    command: Sequence[str | bytes | Path], environment: Mapping[str, str], database: Database
) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker that has shown that it lives, and that is stopped in good order at the end."""
    worker = subprocess.Popen(command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL)
    try:
        wait_until(lambda: _lives(database), what="the worker's first sign of life")
        yield worker
    finally:
        worker.terminate()
        worker.wait()


def _lives(database: Database) -> bool:
    with database.read() as session:
        return bool(live_workers(session))


@contextmanager
def held(worker: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Meanwhile the worker hands no work to its processes."""
    worker.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        worker.send_signal(signal.SIGCONT)
