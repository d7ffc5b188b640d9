"""Turns what a database complains of into a message that names the value and the next step."""

import sqlite3

from sqlalchemy.exc import DBAPIError

from db.errors import DatabaseError, DatabaseUnavailableError

# Part of SQLite's message, what it means, and whether trying again may help.
_SQLITE = (
    ("locked", "is locked by another process for too long: see which one with `fuser`, or try again", True),
    ("readonly", "is read-only: make the file, its -wal and -shm beside it, and its directory writable", True),
    # SQLite says the same of its temporary files.
    ("disk is full", "has no disk space left: free some, there and in TMPDIR, then run the command again", True),
    ("disk I/O error", "cannot be written or read (disk I/O error): check the disk and its free space", True),
    ("unable to open", "cannot be opened: check that its directory, and TMPDIR, exist and can be written to", True),
    ("not a database", "is not an SQLite database: move the file away, or set FAKESWEEP_DATABASE_URL", False),
    ("malformed", "is damaged: restore it from a backup, or move it away to start anew", False),
    ("no such table", "lacks our tables: run `fakesweep db upgrade`", False),
    ("no such column", "has older tables than this version: run `fakesweep db upgrade`", False),
)

# The same by PostgreSQL's SQLSTATE, or by the class that its first two characters name.
_POSTGRESQL = (
    ("28", "refuses the user or the password: correct FAKESWEEP_DATABASE_URL", False),
    ("3D000", "has no database of that name: create it, or correct FAKESWEEP_DATABASE_URL", False),
    ("42P01", "lacks our tables: run `fakesweep db upgrade`", False),
    ("42703", "has older tables than this version: run `fakesweep db upgrade`", False),
    ("42501", "gives our user no right to do this: grant it on the database's tables", False),
    ("53100", "has no disk space left: free some on its host", True),
    ("53300", "has too many connections: raise max_connections, or run fewer workers", True),
    ("25006", "is read-only: connect to the primary server", True),
    ("40", "rolled back a transaction that collided with another: try again", True),
    ("57", "is shutting down or starting up: try again", True),
    ("08", "lost the connection: try again", True),
    ("25P03", "closed a transaction that stood idle: try again", True),
)


def explain(error: DBAPIError, shown_url: str) -> DatabaseError:
    """The error to raise in place of the driver's: permanent, or `DatabaseUnavailableError`."""
    known = _known_on_sqlite if isinstance(error.orig, sqlite3.Error) else _known_on_postgresql
    meaning, may_pass = known(error)
    kind = DatabaseUnavailableError if may_pass else DatabaseError
    return kind(f"the database {shown_url} {meaning}")


def _known_on_sqlite(error: DBAPIError) -> tuple[str, bool]:
    complaint = str(error.orig)
    for part, meaning, may_pass in _SQLITE:
        if part in complaint:
            return meaning, may_pass
    return f"refused: {complaint}", False


def _known_on_postgresql(error: DBAPIError) -> tuple[str, bool]:
    sqlstate = getattr(error.orig, "sqlstate", None)
    complaint = " ".join(str(error.orig).split())
    if sqlstate is None:
        return _known_without_sqlstate(complaint)
    for start, meaning, may_pass in _POSTGRESQL:
        if sqlstate.startswith(start):
            return meaning, may_pass
    return f"refused ({sqlstate}): {complaint}", False


def _known_without_sqlstate(complaint: str) -> tuple[str, bool]:
    """A refused connection has no code, only libpq's words."""
    if "password" in complaint or "authentication" in complaint or "role" in complaint:
        return f"refuses the user or the password: correct FAKESWEEP_DATABASE_URL ({complaint})", False
    if "database" in complaint and "does not exist" in complaint:
        return (
            f"has no database of that name: create it, or correct FAKESWEEP_DATABASE_URL ({complaint})",
            False,
        )
    return f"does not answer: check that it runs, and FAKESWEEP_DATABASE_URL ({complaint})", True
