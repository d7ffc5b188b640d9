"""Runs Alembic from within the program, on a connection of ours."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection


def present_revision(connection: Connection) -> str | None:
    """The newest migration that this database has had, None where it has had none."""
    return MigrationContext.configure(connection).get_current_revision()


def run_migrations(connection: Connection, folder: Path) -> None:
    """Runs what is missing, inside the transaction that `connection` is in."""
    config = Config()
    config.attributes["connection"] = connection
    # A percent sign in the path would be taken for an interpolation.
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    command.upgrade(config, "head")
