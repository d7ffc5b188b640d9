"""Lets the database itself keep standings and tallies, in the transaction that changes a scan, whoever changes it.

So no way of ending a scan can forget to count it, a worker of an older version included, and a crash leaves both
or neither. What the triggers do is in the two files of SQL beside this one. They are no part of the migrations, but
taken away before these and made anew afterwards: a migration may rebuild any table, and finds no trigger in its way.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection

_FOLDER = Path(__file__).parent

_NAMED_ON_SQLITE = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'fakesweep!_%' ESCAPE '!'"
_NAMED_ON_POSTGRESQL = (
    "SELECT proname FROM pg_proc WHERE pronamespace = current_schema()::regnamespace"
    " AND prorettype = 'trigger'::regtype AND proname LIKE 'fakesweep!_%%' ESCAPE '!'"
)


def install_triggers(connection: Connection) -> None:
    """Makes the triggers of this version, in place of those of another."""
    drop_triggers(connection)
    script = (_FOLDER / f"triggers_{connection.dialect.name}.sql").read_text(encoding="utf-8")
    statements = _statements(script) if connection.dialect.name == "sqlite" else [script.replace("%", "%%")]
    for statement in statements:
        connection.exec_driver_sql(statement)


def drop_triggers(connection: Connection) -> None:
    """Takes away every trigger of ours, of whatever version."""
    is_sqlite = connection.dialect.name == "sqlite"
    for (name,) in connection.exec_driver_sql(_NAMED_ON_SQLITE if is_sqlite else _NAMED_ON_POSTGRESQL).all():
        # On PostgreSQL a trigger goes with its function.
        connection.exec_driver_sql(f"DROP TRIGGER {name}" if is_sqlite else f"DROP FUNCTION {name}() CASCADE")


def _statements(script: str) -> Iterator[str]:
    """One statement after the other, as the driver's own script runner would end our transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
