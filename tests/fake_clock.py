"""A clock for what waits, so that no test does."""


class FakeClock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        """Seconds since the start."""
        return self.now_s

    def sleep(self, pause_s: float) -> None:
        """Passes at once."""
        self.now_s += pause_s
