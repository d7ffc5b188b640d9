"""The one statement that SQLAlchemy spells differently for each database: insert, or do something else."""

from typing import Any, cast

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session


def insert_or(session: Session, table: type[Any]) -> postgresql.Insert:
    """An INSERT with `on_conflict_do_nothing` and `on_conflict_do_update`, which both databases know."""
    if session.get_bind().dialect.name == "sqlite":
        # The two classes share these methods but no parent.
        return cast(postgresql.Insert, sqlite.insert(table))
    return postgresql.insert(table)
