"""Times the web application's lists on a large archive: so many requests a second, from clients that do not wait."""

import http.client
import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from scripts.parts.web_server import served

# One client is all clients here, so its rate is not limited; nothing is judged meanwhile.
_SETTINGS = {"FAKESWEEP_WEB_RATE": "100000", "FAKESWEEP_LOG_LEVEL": "warning"}
# Enough that one slow answer does not hold the next requests back.
_CLIENTS = 16
_LIMIT = 50


def list_addresses(*, videos: int) -> list[str]:
    """What people ask for when they leaf through an archive: pages at its beginning, its middle and its end."""
    filters = [
        "",
        "verdict=fake",
        "verdict=real",
        "state=failed",
        "state=queued",
        "sort=oldest",
        "sort=score",
        "batch=1",
    ]
    addresses = [f"/api/v1/videos?limit={_LIMIT}&{part}" for part in filters]
    for position in (videos // 4, videos // 2, videos - videos // 10):
        cursor = quote(_cursor(1, position))
        addresses += [f"/api/v1/videos?limit={_LIMIT}&cursor={cursor}&{part}" for part in ("", "verdict=fake")]
    return [*addresses, "/api/v1/batches", "/api/v1/batches/1"]


def measure_web(
    environment: Mapping[str, str], *, videos: int, rate_per_s: float = 200.0, seconds: float = 20.0
) -> dict[str, object]:
    """Serves the installation of this environment and asks for lists at a steady rate.

    Requests are sent by the clock, whether earlier ones were answered or not, and timed from when they were due: a
    server that falls behind cannot hide it.

    Args:
        environment: of an installation whose archive has this many videos in batch 1.

    Returns:
        Requests, errors, the rate reached, and the times of the answers in milliseconds.
    """
    with served({**environment, **_SETTINGS}, "--workers", "0") as server:
        # Once each, so that statements are known and pages are in memory, as on any server that has run for a minute.
        addresses = list_addresses(videos=videos)
        for address in addresses:
            _ask(http.client.HTTPConnection("127.0.0.1", server.port), address)
        times_ms, errors, took_s = _ask_steadily(server.port, addresses, rate_per_s=rate_per_s, seconds=seconds)
    ordered = sorted(times_ms)
    return {
        "videos": videos,
        "asked_per_s": rate_per_s,
        "answered_per_s": round(len(ordered) / took_s, 1),
        "requests": len(ordered) + errors,
        "errors": errors,
        "p50_ms": round(statistics.median(ordered), 1),
        "p95_ms": round(ordered[int(0.95 * (len(ordered) - 1))], 1),
        "p99_ms": round(ordered[int(0.99 * (len(ordered) - 1))], 1),
        "slowest_ms": round(ordered[-1], 1),
    }


def _cursor(batch_id: int, position: int) -> str:
    from web.answers import write_cursor  # noqa: PLC0415 - loads the database, which other measurements need not

    return write_cursor((batch_id, position)) or ""


def _ask_steadily(
    port: int, addresses: list[str], *, rate_per_s: float, seconds: float
) -> tuple[list[float], int, float]:
    count = int(rate_per_s * seconds)
    numbers = iter(range(count))
    times_ms: list[float] = []
    errors = [0]
    lock = threading.Lock()
    started = time.perf_counter() + 0.1

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            due = started + number / rate_per_s
            time.sleep(max(0.0, due - time.perf_counter()))
            try:
                _ask(connection, addresses[number % len(addresses)])
            except (OSError, http.client.HTTPException, ValueError):
                connection.close()
                with lock:
                    errors[0] += 1
                continue
            with lock:
                times_ms.append((time.perf_counter() - due) * 1000)

    threads = [threading.Thread(target=work) for _ in range(_CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times_ms, errors[0], time.perf_counter() - started


def _ask(connection: http.client.HTTPConnection, address: str) -> None:
    connection.request("GET", address)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise ValueError(f"{address} was answered with {answer.status}: {content[:200]!r}")


def main() -> None:
    """Measures the installation of the present environment, for looking at by hand."""
    figures: dict[str, Any] = measure_web(os.environ, videos=int(sys.argv[1]))
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
