"""A database of its own on somebody's PostgreSQL server, for as long as a drill takes."""

import secrets

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from db.complaints import explain

PREFIX = "fakesweep_drill_"


def create_scratch_database(url: str) -> str:
    """Makes an empty database on the server that `url` names; returns its address.

    Raises:
        DatabaseError: the server does not answer, or does not let our user make databases.
    """
    server = make_url(url).set(drivername="postgresql+psycopg")
    scratch = server.set(database=f"{PREFIX}{secrets.token_hex(8)}")
    _execute(server, f"CREATE DATABASE {scratch.database}")
    return scratch.render_as_string(hide_password=False)


def drop_scratch_database(url: str) -> None:
    """Removes what `create_scratch_database` made, whoever is still connected.

    Raises:
        ValueError: the address is of a database that is not a drill's.
        DatabaseError: the server does not answer.
    """
    scratch = make_url(url)
    if not (scratch.database or "").startswith(PREFIX):
        raise ValueError(f"only a drill's database is dropped, got {scratch.database!r}")
    _execute(scratch.set(database="postgres"), f"DROP DATABASE {scratch.database} WITH (FORCE)")


def _execute(server: URL, statement: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            # The name is ours: letters, digits and underscores.
            connection.execute(text(statement))
    except DBAPIError as error:
        raise explain(error, server.render_as_string(hide_password=True)) from error
    finally:
        engine.dispose()
