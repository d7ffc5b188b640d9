"""`fakesweep db`: looks after the database."""

import click


@click.group(name="db")
def command() -> None:
    """Look after the database.

    The embedded SQLite database looks after itself. A PostgreSQL server, named by FAKESWEEP_DATABASE_URL,
    gets its tables from this command.
    """


@command.command()
def upgrade() -> None:
    """Bring the tables to this version's shape.

    Safe to run at any time and from several places at once: one of them does the work, the others wait.

    \b
    Example:
      export FAKESWEEP_DATABASE_URL=postgresql+psycopg://sweep:secret@db.example.org/fakesweep
      fakesweep db upgrade
    """
    from db.schema import HEAD_REVISION, upgrade_database
    from db.session import open_database
    from worker.settings import read_settings

    database = open_database(read_settings().effective_database_url)
    try:
        was_done = upgrade_database(database)
        words = "is now at" if was_done else "was already at"
        click.echo(f"The database {database.shown_url} {words} revision {HEAD_REVISION}.", err=True)
    finally:
        database.dispose()
