"""What SQLAlchemy spells differently for each database, or has for one of them alone."""

import json
from collections.abc import Sequence
from typing import Any, Self, cast

from sqlalchemy import ARRAY, BigInteger, Boolean, ColumnElement, Dialect, String, Table, bindparam, func, true
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeDecorator, TypeEngine


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


def among(column: "ColumnElement[Any] | InstrumentedAttribute[Any]", name: str) -> ColumnElement[bool]:
    """Whether a number is among those bound under a name: one value, so that the statement is as long for any of them.

    `column IN (...)` is written out and read anew for each number of numbers.
    """
    return _Among(column, bindparam(name, type_=_Numbers()))


class _Numbers(TypeDecorator[Sequence[int]]):
    """A list of whole numbers as one value."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(String() if dialect.name == "sqlite" else ARRAY(BigInteger))

    def process_bind_param(self, value: Sequence[int] | None, dialect: Dialect) -> Any:
        return json.dumps(list(value or ())) if dialect.name == "sqlite" else list(value or ())


class _Among(FunctionElement[bool]):
    type = Boolean()
    inherit_cache = True

    def self_group(self, against: OperatorType | None = None) -> Self:  # noqa: ARG002 - the parent's signature
        """As it is: SQLite has no truth values, and would be asked whether it `= 1`, which no index can tell."""
        return self


@compiles(_Among, "sqlite")
def _among_on_sqlite(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, numbers = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({column} IN (SELECT value FROM json_each({numbers})))"  # noqa: S608 (made of what was compiled)


@compiles(_Among, "postgresql")
def _among_on_postgresql(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, numbers = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({column} = ANY ({numbers}))"
