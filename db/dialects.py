"""What SQLAlchemy spells differently for each database, or has for one of them alone."""

from typing import Any, cast

from sqlalchemy import ColumnElement, Table, func, true
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session


def insert_or(session: Session, table: type[Any] | Table) -> postgresql.Insert:
    """An INSERT with `on_conflict_do_nothing` and `on_conflict_do_update`, which both databases know."""
    if session.get_bind().dialect.name == "sqlite":
        # The two classes share these methods but no parent.
        return cast(postgresql.Insert, sqlite.insert(table))
    return postgresql.insert(table)


def without_disk_wait() -> ColumnElement[str]:
    """To be selected in a PostgreSQL transaction that shall not wait until its machine's disk has it.

    A crash of that machine may undo the last half second, whole transactions from the last one backwards. Of what a
    worker writes nothing is lost by it: a scan waits or runs again, and is taken back like any other that was lost.
    SQLite, as it is set up here, does the same.
    """
    return func.set_config("synchronous_commit", "off", true()).label("commit")
