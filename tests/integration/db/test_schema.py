"""Migrations make the tables that the code knows, on both databases."""

import multiprocessing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from db.errors import DatabaseError
from db.schema import HEAD_REVISION, MIGRATIONS, check_schema, upgrade_database
from db.session import Database, open_database
from db.tables.base import Base


def test_migrations_make_what_the_tables_say(database: Database) -> None:
    """After an upgrade, Alembic finds no difference between the database and `db.tables`."""
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, Base.metadata)

    assert differences == []


def test_head_revision_is_the_newest_migration() -> None:
    """The constant that start-up compares with names the last migration."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))

    assert ScriptDirectory.from_config(config).get_current_head() == HEAD_REVISION


def test_second_upgrade_does_nothing(database: Database) -> None:
    """An upgrade of an up-to-date database changes nothing and says so."""
    assert upgrade_database(database) is False


def _upgrade(url: str) -> None:
    database = open_database(url)
    upgrade_database(database)
    check_schema(database)


@pytest.mark.slow
def test_two_processes_upgrade_at_once(empty_database_url: str) -> None:
    """Processes that upgrade the same database at once all succeed."""
    spawning = multiprocessing.get_context("spawn")
    processes = [spawning.Process(target=_upgrade, args=(empty_database_url,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()

    assert [process.exitcode for process in processes] == [0, 0, 0]


def test_database_without_tables_names_the_command(empty_database_url: str) -> None:
    """A database that was never upgraded is refused with the command that helps."""
    database = open_database(empty_database_url)

    with pytest.raises(DatabaseError, match="fakesweep db upgrade"):
        check_schema(database)
    database.dispose()


def test_newer_database_is_refused(database: Database) -> None:
    """A database made by a later version is neither used nor upgraded."""
    with database.begin() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    for operation in (check_schema, upgrade_database):
        with pytest.raises(DatabaseError, match="newer fakesweep"):
            operation(database)
