"""Follows a batch while it is judged: counts, what runs, how fast, how long still."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from db.batch_fakes import BatchFake, latest_batch_fakes
from db.progress import BatchProgress, RunningScan, read_progress, read_running
from db.session import Database

# Long enough to smooth over single videos, short enough to notice a worker that joined.
_WINDOW_S = 60.0
# A pace needs a few videos, however long ago they were finished.
_FEWEST = 4
_MOST_FAKES = 5


@dataclass(frozen=True)
class View:
    """A batch at one moment.

    Args:
        rate_per_s: entries finished per second of late, None before two looks.
        eta_s: seconds until all are finished at that rate, None where nobody can say.
        fakes: what was called fake last, the latest first.
    """

    progress: BatchProgress
    running: tuple[RunningScan, ...]
    rate_per_s: float | None
    eta_s: float | None
    fakes: tuple[BatchFake, ...] = ()


class RateMeter:
    """Tells how fast a count rises, from the looks of the last minute, or as far back as it rose by four."""

    def __init__(self, *, window_s: float = _WINDOW_S) -> None:
        self._window_s = window_s
        self._looks: deque[tuple[float, int]] = deque()

    def add(self, moment_s: float, count: int) -> None:
        """Notes a look at the count."""
        # Of the looks at which nothing had changed, the first and the latest tell all.
        if len(self._looks) > 1 and self._looks[-1][1] == self._looks[-2][1] == count:
            self._looks.pop()
        self._looks.append((moment_s, count))
        # One look older than the window stays, so that the whole window is measured.
        while len(self._looks) > 2 and self._is_stale(self._looks[1]):
            self._looks.popleft()

    def _is_stale(self, look: tuple[float, int]) -> bool:
        moment_s, count = self._looks[-1]
        return moment_s - look[0] >= self._window_s and count - look[1] >= _FEWEST

    @property
    def rate_per_s(self) -> float | None:
        """Rise per second over the window; None before there are two looks at different times."""
        if len(self._looks) < 2:
            return None
        (first_s, first), (last_s, last) = self._looks[0], self._looks[-1]
        return max(0.0, (last - first) / (last_s - first_s)) if last_s > first_s else None

    def eta_s(self, remaining: int) -> float | None:
        """Seconds until `remaining` more are done; None while nothing moves."""
        rate = self.rate_per_s
        if remaining <= 0:
            return 0.0
        return remaining / rate if rate else None


class Follower:
    """Looks at one batch again and again."""

    def __init__(self, database: Database, batch_id: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._batch_id = batch_id
        self._clock = clock
        self._meter = RateMeter()
        self._fakes: tuple[BatchFake, ...] = ()
        self._fake_count = 0

    def look(self) -> View:
        """The batch now.

        Raises:
            DatabaseError: look again later.
        """
        with self._database.read() as session:
            progress = read_progress(session, self._batch_id)
            running = tuple(read_running(session, self._batch_id))
            # Their names are asked for only when there is another one.
            fake_count = progress.verdicts.get("fake", 0)
            if fake_count != self._fake_count:
                self._fakes = tuple(latest_batch_fakes(session, self._batch_id, limit=_MOST_FAKES))
                self._fake_count = fake_count
        self._meter.add(self._clock(), progress.finished)
        # While files are still being found, nobody knows how many there will be.
        is_known = progress.is_submitted
        eta_s = self._meter.eta_s(progress.submitted - progress.finished) if is_known else None
        return View(progress, running, self._meter.rate_per_s, eta_s, self._fakes)
