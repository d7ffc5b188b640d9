"""How often one client may ask: token buckets, the least used of which are forgotten."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

# A bucket that was not asked for so long is full again in any case.
_MOST_CLIENTS = 20_000


@dataclass
class RateLimiter:
    """A bucket per client, filled at `rate_per_s`, that holds `burst` requests."""

    rate_per_s: float
    burst: float
    clock: Callable[[], float] = time.monotonic
    _buckets: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def wait_s(self, client: str, *, cost: float = 1.0) -> float:
        """Takes one request from the client's bucket; 0, or the seconds until there is one again."""
        now = self.clock()
        level, filled_at = self._buckets.pop(client, (self.burst, now))
        level = min(self.burst, level + (now - filled_at) * self.rate_per_s)
        wait_s = 0.0 if level >= cost else (cost - level) / self.rate_per_s
        self._buckets[client] = (level if wait_s else level - cost, now)
        if len(self._buckets) > _MOST_CLIENTS:
            self._buckets.popitem(last=False)
        return wait_s
