"""The database's clock: every lease and every stored time is read from it, so hosts' clocks may differ."""

from typing import Any

from sqlalchemy import Double
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class _Now(FunctionElement[float]):
    """Seconds since the Unix epoch, as the database has it when the statement starts."""

    type = Double()
    inherit_cache = True


def db_now() -> FunctionElement[float]:
    """The present moment as an SQL expression: seconds since the Unix epoch, by the database's clock."""
    return _Now()


@compiles(_Now, "sqlite")
def _now_on_sqlite(_element: _Now, _compiler: SQLCompiler, **_options: Any) -> str:
    # unixepoch('subsec') came with 3.42 only; a Julian day is exact to 40 microseconds.
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(_Now, "postgresql")
def _now_on_postgresql(_element: _Now, _compiler: SQLCompiler, **_options: Any) -> str:
    # Not clock_timestamp(): it changes from row to row, so no index could be used with it.
    return "CAST(EXTRACT(EPOCH FROM statement_timestamp()) AS DOUBLE PRECISION)"
