"""Brings the tables to this version's shape, and tells whether they have it."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from db.complaints import explain
from db.errors import DatabaseError
from db.session import Database

HEAD_REVISION = "0006"
"""The newest migration; kept here so that a start-up check need not import Alembic."""

MIGRATIONS = Path(__file__).parent / "migrations"

# Any number that nothing else in the database takes a lock by.
_ADVISORY_LOCK = 7_162_534_401


def upgrade_database(database: Database) -> bool:
    """Runs the missing migrations in one transaction; of several processes at once one does, the others wait.

    Returns:
        Whether anything had to be done.

    Raises:
        DatabaseError: the database is newer than this program, or refuses.
    """
    if _present_revision(database) == HEAD_REVISION:
        return False
    try:
        # On SQLite this transaction holds the write lock from its start; PostgreSQL needs a lock of ours.
        with database.engine.begin() as connection:
            if not database.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
            _run_migrations(connection, database)
    except DBAPIError as error:
        raise explain(error, database.shown_url) from error
    return True


def check_schema(database: Database) -> None:
    """Makes sure that the tables are those of this version.

    Raises:
        DatabaseError: they are missing, older or newer; says which command helps.
    """
    revision = _present_revision(database)
    if revision is None:
        raise DatabaseError(f"the database {database.shown_url} has no tables yet: run `fakesweep db upgrade`")
    if revision != HEAD_REVISION:
        _refuse_newer(revision, database)
        raise DatabaseError(
            f"the database {database.shown_url} is at revision {revision}, this version needs "
            f"{HEAD_REVISION}: run `fakesweep db upgrade`"
        )


def _present_revision(database: Database) -> str | None:
    with database.read() as session:
        connection = session.connection()
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _run_migrations(connection: Connection, database: Database) -> None:
    # Alembic takes a third of a second to import, and is needed once in the life of a database.
    from db.migrations.running import present_revision, run_migrations  # noqa: PLC0415 (start-up time)

    revision = present_revision(connection)
    if revision is not None:
        _refuse_newer(revision, database)
    run_migrations(connection, MIGRATIONS)


def _refuse_newer(revision: str, database: Database) -> None:
    known = {file.name.split("_", 1)[0] for file in (MIGRATIONS / "versions").glob("[0-9]*.py")}
    if revision not in known:
        raise DatabaseError(
            f"the database {database.shown_url} was made by a newer fakesweep (revision {revision}, newest "
            f"known {HEAD_REVISION}): install that version, or set FAKESWEEP_DATABASE_URL to another database"
        )
