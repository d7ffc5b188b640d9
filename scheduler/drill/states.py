"""In which states the videos of a drill are, as the database said when it last answered."""

from contextlib import suppress

from db.errors import DatabaseUnavailableError
from db.holders import count_states
from db.session import Database
from db.states import WAITING_STATES


class States:
    """How many videos are in which state; a database that is away leaves them as they were."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.counts: dict[str, int] = {}

    def look(self) -> None:
        """Asks again."""
        with suppress(DatabaseUnavailableError), self._database.read() as session:
            self.counts = count_states(session)

    @property
    def waiting(self) -> int:
        """How many wait or run."""
        return sum(self.counts.get(state, 0) for state in WAITING_STATES)

    @property
    def ended(self) -> int:
        """How many are past that."""
        return sum(self.counts.values()) - self.waiting
