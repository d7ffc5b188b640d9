"""What can go wrong with the database, ordered by what the caller does about it.

A message names what was wrong, the value (never a password), and what to do next.
"""


class DatabaseError(Exception):
    """The database is wrong or refuses us, and will next time too: tell the operator and stop."""


class DatabaseUnavailableError(DatabaseError):
    """The database is away, locked, full or read-only just now: nothing was written, try again later."""
