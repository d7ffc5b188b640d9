"""Real servers for tests: PostgreSQL and Valkey, one of each per test session."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from db.schema import upgrade_database
from db.session import Database, open_database
from scripts.parts.servers import PostgresServer, ValkeyServer, free_port, wait_until

__all__ = ["PostgresServer", "ValkeyServer", "free_port", "wait_until"]


@pytest.fixture(scope="session")
def short_folder() -> Iterator[Path]:
    """A directory whose path is short enough for unix sockets, gone after the session."""
    with tempfile.TemporaryDirectory(prefix="fs-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="session")
def postgres(short_folder: Path) -> Iterator[PostgresServer]:
    """A running PostgreSQL, shared by the whole session."""
    folder = short_folder / "pg"
    folder.mkdir()
    server = PostgresServer(folder)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def valkey(short_folder: Path) -> Iterator[ValkeyServer]:
    """A running Valkey, shared by the whole session; a test that needs it empty flushes it."""
    folder = short_folder / "valkey"
    folder.mkdir()
    server = ValkeyServer(folder)
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without tables: the test runs once on SQLite, once on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'fakesweep.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.create_database()
    yield url
    server.drop_database(url)


@pytest.fixture
def database(empty_database_url: str) -> Iterator[Database]:
    """An open database with all tables: the test runs once on SQLite, once on PostgreSQL."""
    with opened_database(empty_database_url) as opened:
        yield opened


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    """An open SQLite database with all tables, for what begins behind the database."""
    with opened_database(f"sqlite:///{tmp_path / 'fakesweep.db'}") as opened:
        yield opened


@contextmanager
def opened_database(url: str) -> Iterator[Database]:
    """A database that is given all tables, open for as long as the block lasts."""
    database = open_database(url)
    upgrade_database(database)
    try:
        yield database
    finally:
        database.dispose()
