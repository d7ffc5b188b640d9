"""Lets a database write down every change of a scan's state, so that a drill can prove what happened.

No part of the migrations: only a drill's own database has it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from sqlalchemy import BigInteger as PlainBigInteger
from sqlalchemy import Column, Double, Integer, MetaData, String, Table

from db.session import SQLITE_PREFIX, Database

HISTORY = Table(
    "drill_history",
    MetaData(),
    Column("id", PlainBigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("scan_id", PlainBigInteger, index=True),
    Column("old_state", String(16)),
    Column("new_state", String(16)),
    Column("old_token", Integer),
    Column("new_token", Integer),
    Column("old_losses", Integer),
    Column("new_losses", Integer),
    Column("worker", String(200)),
    Column("at", Double),
)
"""A row for each change of a scan's state or token, in the order in which they were committed for that scan."""

_NOTE = """
    INSERT INTO drill_history
        (scan_id, old_state, new_state, old_token, new_token, old_losses, new_losses, worker, at)
    VALUES (NEW.id, OLD.state, NEW.state, OLD.token, NEW.token, OLD.losses, NEW.losses, NEW.worker, {now});
"""
_CHANGED = "OLD.state <> NEW.state OR OLD.token <> NEW.token"
_ON_SQLITE = (
    f"CREATE TRIGGER drill_notes AFTER UPDATE ON scans WHEN {_CHANGED} BEGIN"
    + _NOTE.format(now="(julianday('now') - 2440587.5) * 86400.0")
    + "END",
)
_ON_POSTGRESQL = (
    "CREATE FUNCTION drill_note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    + _NOTE.format(now="EXTRACT(EPOCH FROM clock_timestamp())")
    + "RETURN NULL; END $$",
    f"CREATE TRIGGER drill_notes AFTER UPDATE ON scans FOR EACH ROW WHEN ({_CHANGED}) EXECUTE FUNCTION drill_note()",
)


def keep_history(database: Database) -> None:
    """From now on every change of a scan is written down, in the transaction that makes it."""
    with database.engine.begin() as connection:
        HISTORY.create(connection)
        for statement in _ON_SQLITE if database.is_sqlite else _ON_POSTGRESQL:
            connection.exec_driver_sql(statement)


@contextmanager
def locked_sqlite(url: str) -> Iterator[None]:
    """Keeps everybody else from writing to an SQLite database meanwhile."""
    with closing(sqlite3.connect(url.removeprefix(SQLITE_PREFIX), timeout=60, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")
