"""Opens the database and hands out sessions, one transaction each.

A `Database` belongs to the process that opened it: open it after a fork, never before.
"""

import math
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
from sqlalchemy.exc import ArgumentError, DBAPIError, InvalidatePoolError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from db.complaints import explain
from db.errors import DatabaseError

SQLITE_PREFIX = "sqlite:///"

# How long a writer waits for another one, and a new connection for its server.
BUSY_TIMEOUT_S = 30
CONNECT_TIMEOUT_S = 10
# A connection that was used so short a while ago is taken to be whole.
PING_AFTER_S = 1.0
_IDLE_SINCE = "idle since"
# What SQLite says of a connection that will go on failing although its file is well again.
_ENDS_CONNECTION = ("readonly", "disk I/O error", "unable to open")
# A frozen process must not keep the rows that it was writing: the server ends its transaction.
IDLE_WRITER_S = 15


@dataclass(frozen=True)
class Database:
    """An open database.

    Args:
        engine: for writes; on SQLite each of its transactions takes the write lock at once.
        reader: the same pool, for transactions that see one snapshot and write nothing.
        single: the same pool, for transactions of one statement, which PostgreSQL begins and commits by itself.
        shown_url: the address with its password hidden, for messages.
    """

    engine: Engine
    reader: Engine
    single: Engine
    shown_url: str

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded database."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """A session in one transaction that may write: committed at the end, rolled back on any exception.

        Raises:
            DatabaseError: the database refused; DatabaseUnavailableError where trying again may help.
        """
        with self._session(self.engine) as session:
            yield session

    @contextmanager
    def begin_single(self) -> Iterator[Session]:
        """As `begin`, for work of one statement: one journey to the server where `begin` takes three.

        On PostgreSQL a second statement would be a transaction of its own.
        """
        with self._session(self.single) as session:
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session in one read-only transaction in which every query sees the same moment.

        Raises:
            DatabaseError: as for `begin`.
        """
        with self._session(self.reader) as session:
            if not self.is_sqlite:
                # A report may be read as slowly as its reader likes; it locks nothing.
                session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            yield session

    @contextmanager
    def glance(self) -> Iterator[Session]:
        """A session for a few quick questions, of which each sees its own moment and none writes.

        On PostgreSQL that spares three journeys: `read` has to begin, to allow slow readers, and to end.

        Raises:
            DatabaseError: as for `begin`.
        """
        with self._session(self.reader if self.is_sqlite else self.single) as session:
            yield session

    @contextmanager
    def _session(self, engine: Engine) -> Iterator[Session]:
        try:
            with Session(engine, expire_on_commit=False) as session, session.begin():
                yield session
        except DBAPIError as error:
            raise explain(error, self.shown_url) from error

    def dispose(self) -> None:
        """Closes every connection."""
        self.engine.dispose()


def open_database(url: str) -> Database:
    """Opens the database at `url`, and makes sure that it answers.

    Args:
        url: `sqlite:///PATH` (everything after the third slash is the path, whatever its characters), or
            `postgresql+psycopg://USER:PASSWORD@HOST/NAME`.

    Raises:
        DatabaseError: the address is wrong, or nothing usable answers there.
    """
    database = _open_sqlite(url) if url.startswith(SQLITE_PREFIX) else _open_postgresql(url)
    try:
        with database.reader.connect() as connection:
            connection.execute(text("SELECT 1"))
    except DBAPIError as error:
        database.dispose()
        raise explain(error, database.shown_url) from error
    return database


def _open_sqlite(url: str) -> Database:
    path = Path(url.removeprefix(SQLITE_PREFIX))
    if str(path) in (".", ":memory:"):
        raise DatabaseError(f"FAKESWEEP_DATABASE_URL names no file, got {url!r}: write sqlite:////path/to/file.db")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseError(
            f"cannot make the directory of the database {path}: {error.strerror}: set another FAKESWEEP_HOME"
        ) from error

    def connect() -> sqlite3.Connection:
        # As bytes, so that a path need not be UTF-8.
        return sqlite3.connect(os.fsencode(path), timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)

    # The address that SQLAlchemy sees has no file in it, so it would choose the pool of in-memory databases.
    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    event.listen(engine, "handle_error", _give_up_useless)
    shown_url = os.fsencode(url).decode(errors="replace")
    return Database(engine, engine.execution_options(sqlite_begin="BEGIN"), engine, shown_url)


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # First the timeout: switching to WAL needs the lock that another process may hold.
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000}")
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        # Counts in a file without tables alone: what is deleted later can then be given back bit by bit.
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _give_up_useless(context: ExceptionContext) -> None:
    # SQLite opens a file that is read-only just then for reading, without a word, and such a connection never writes,
    # not even when the file can be written again: the next one is opened anew.
    if any(words in str(context.original_exception) for words in _ENDS_CONNECTION):
        context.is_disconnect = True


def _begin_sqlite(connection: Connection) -> None:
    # The driver's own transactions are off (isolation_level None): they start late, and a read that
    # becomes a write then fails at once where it should wait. IMMEDIATE waits.
    connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN IMMEDIATE"))


def _open_postgresql(url: str) -> Database:
    address = _postgresql_address(url)
    shown_url = address.render_as_string(hide_password=True)
    engine = create_engine(
        address,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": "fakesweep",
            "keepalives_idle": 30,
            "options": f"-c idle_in_transaction_session_timeout={IDLE_WRITER_S}s",
        },
    )
    event.listen(engine, "checkin", _note_checkin)
    event.listen(engine, "checkout", partial(_ping_if_idle, engine))
    # One INSERT for many rows, not a pipeline of INSERTs.
    engine.dialect.use_insertmanyvalues_wo_returning = True
    reader = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    single = engine.execution_options(isolation_level="AUTOCOMMIT")
    return Database(engine, reader, single, shown_url)


def _note_checkin(_connection: object, record: ConnectionPoolEntry) -> None:
    record.info[_IDLE_SINCE] = time.monotonic()


def _ping_if_idle(engine: Engine, connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: object) -> None:
    """Has a connection that nobody used for a while replaced where it broke meanwhile.

    The pool's own ping is a journey to the server before each transaction, however close they follow each other.
    """
    if time.monotonic() - record.info.get(_IDLE_SINCE, math.inf) < PING_AFTER_S:
        return
    try:
        engine.dialect.do_ping(connection)
    except engine.dialect.loaded_dbapi.Error as error:
        raise InvalidatePoolError from error


def _postgresql_address(url: str) -> URL:
    advice = "write postgresql+psycopg://USER:PASSWORD@HOST/NAME or sqlite:////path/to/file.db"
    try:
        address = make_url(url)
    except (ArgumentError, ValueError) as error:
        # The value may hold a password in an odd place, so it is not repeated.
        raise DatabaseError(f"FAKESWEEP_DATABASE_URL is no database address: {advice}") from error
    if address.drivername in ("postgresql", "postgres"):
        address = address.set(drivername="postgresql+psycopg")
    if address.drivername != "postgresql+psycopg":
        shown = address.render_as_string(hide_password=True)
        raise DatabaseError(f"FAKESWEEP_DATABASE_URL must name SQLite or PostgreSQL, got {shown}: {advice}")
    return address
