"""Inserts many rows at once.

PostgreSQL takes them as one array per column: a statement with a placeholder for each value of 500 rows is as long as a
book, and the driver reads it before it sends it. SQLite takes row after row, which costs it nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import ARRAY, Table, bindparam, func, select
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.orm import Session

from db.dialects import insert_or
from db.tables.base import Base

Shape = Callable[[Insert], Insert]
"""What is added to the INSERT: what to do in a conflict."""


def insert_rows(
    session: Session,
    row_type: type[Base],
    rows: Sequence[Mapping[str, Any]],
    *,
    shape: Shape = lambda insert: insert,
    returning: Sequence[str] = (),
) -> list[Any]:
    """Inserts rows that all have the same columns; gives the columns `returning` of those that were inserted."""
    if not rows:
        return []
    table = cast(Table, row_type.__table__)
    statement = insert_or(session, table)
    values: Any = list(rows)
    if session.get_bind().dialect.name != "sqlite":
        names = list(rows[0])
        arrays = [func.unnest(bindparam(f"all_{name}", type_=ARRAY(table.c[name].type))) for name in names]
        values = {f"all_{name}": [row[name] for row in rows] for name in names}
        statement = statement.from_select(names, select(*arrays))
    shaped = shape(statement)
    # Not by the session, which would load an object for each row.
    if not returning:
        session.connection().execute(shaped, values)
        return []
    wanted = shaped.returning(*(table.c[name] for name in returning))
    return [tuple(row) for row in session.connection().execute(wanted, values)]
