"""The database as a worker uses it: opened by the process that needs it, and waited for while it is away."""

import logging
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from db.errors import DatabaseUnavailableError
from db.session import SQLITE_PREFIX, Database, open_database

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

T = TypeVar("T")

_log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0
# How often a waiting process looks whether it should stop.
TICK_S = 0.2


class Storage:
    """Opens the database on first use in each process; a connection never crosses a fork.

    Args:
        url: the database's address.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._opened: tuple[int, Database] | None = None

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded database, of which every transaction that may write takes the one lock."""
        return self._url.startswith(SQLITE_PREFIX)

    def attempt(self, work: "Callable[[Session], T]") -> T:
        """Does `work` in one transaction, once.

        Raises:
            DatabaseError: the database refused.
        """
        with self._database().begin() as session:
            return work(session)

    def attempt_single(self, work: "Callable[[Session], T]") -> T:
        """Does `work` of one statement, once, with as few journeys to the database as it has.

        Raises:
            DatabaseError: the database refused.
        """
        with self._database().begin_single() as session:
            return work(session)

    def insist(
        self, work: "Callable[[Session], T]", *, should_stop: Callable[[], bool], is_single: bool = False
    ) -> T | None:
        """Does `work` in one transaction, as often as it takes while the database is away.

        Args:
            is_single: whether the work is one statement, which is sent alone then.

        Returns:
            None when told to stop before it was done.

        Raises:
            DatabaseError: the database refused for good.
        """
        pause_s = FIRST_PAUSE_S
        attempt = self.attempt_single if is_single else self.attempt
        while True:
            try:
                return attempt(work)
            except DatabaseUnavailableError as error:
                _log.warning("%s; trying again in %.1f s", error, pause_s)
            if _waited(pause_s, should_stop):
                return None
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def close(self) -> None:
        """Closes the connections of this process."""
        if self._opened is not None and self._opened[0] == os.getpid():
            self._opened[1].dispose()
            self._opened = None

    def _database(self) -> Database:
        if self._opened is None or self._opened[0] != os.getpid():
            self._opened = (os.getpid(), open_database(self._url))
        return self._opened[1]


def _waited(pause_s: float, should_stop: Callable[[], bool]) -> bool:
    """Waits; True as soon as told to stop."""
    end_s = time.monotonic() + pause_s
    while time.monotonic() < end_s:
        if should_stop():
            return True
        time.sleep(TICK_S)
    return should_stop()
