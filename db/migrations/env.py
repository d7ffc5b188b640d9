"""Runs migrations on the connection that `db.schema` hands over; a developer's, on FAKESWEEP_DATABASE_URL."""

import os

from alembic import context
from sqlalchemy import Connection, inspect

from db.session import open_database
from db.tables.base import Base
from db.triggers import drop_triggers, install_triggers


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        # SQLite changes a column only by copying its table.
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        drop_triggers(connection)
        context.run_migrations()
        if inspect(connection).has_table("tallies"):
            install_triggers(connection)


_given: Connection | None = context.config.attributes.get("connection")
if _given is not None:
    _migrate(_given)
else:
    with open_database(os.environ["FAKESWEEP_DATABASE_URL"]).engine.begin() as _connection:
        _migrate(_connection)
