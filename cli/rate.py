"""Measures how fast a batch gets on, and guesses when it will be done."""

from collections import deque
from dataclasses import dataclass, field

# Long enough to smooth over one long video, short enough to notice that a worker was added.
WINDOW_S = 120.0
# A pace needs a few videos, however long ago they were finished.
FEWEST_VIDEOS = 4


@dataclass
class RateMeter:
    """The pace over the last two minutes; what was done before the first note does not count."""

    window_s: float = WINDOW_S
    _notes: deque[tuple[float, int]] = field(default_factory=deque)

    def note(self, now_s: float, done: int) -> None:
        """Remembers how many were done at this moment of a clock that never goes back."""
        if len(self._notes) > 1 and self._notes[-1][1] == self._notes[-2][1] == done:
            self._notes.pop()
        self._notes.append((now_s, done))
        while len(self._notes) > 2 and self._is_stale(self._notes[1], now_s, done):
            self._notes.popleft()

    @property
    def per_second(self) -> float | None:
        """Videos per second; None until one was finished."""
        if len(self._notes) < 2:
            return None
        (first_s, first_done), (last_s, last_done) = self._notes[0], self._notes[-1]
        if last_done <= first_done or last_s <= first_s:
            return None
        return (last_done - first_done) / (last_s - first_s)

    def remaining_s(self, left: int) -> float | None:
        """Seconds until `left` more are done, at the present pace; None while that is unknown."""
        pace = self.per_second
        return None if pace is None else left / pace

    def _is_stale(self, note: tuple[float, int], now_s: float, done: int) -> bool:
        noted_s, noted_done = note
        return now_s - noted_s > self.window_s and done - noted_done >= FEWEST_VIDEOS
