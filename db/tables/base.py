"""What all tables have in common.

Times are seconds since the Unix epoch by the database's clock.
"""

from typing import Any

from sqlalchemy import BigInteger as PlainBigInteger
from sqlalchemy import Integer, MetaData, text
from sqlalchemy.orm import DeclarativeBase

# SQLite numbers rows by itself only in a column that is exactly INTEGER.
BigInteger = PlainBigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """The parent of every table; names constraints so that migrations can find them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )


def only_where(condition: str) -> dict[str, Any]:
    """Options of an index that holds only the rows which meet `condition`."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}
