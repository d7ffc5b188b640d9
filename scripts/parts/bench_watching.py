"""Measures what open pages of the web application cost: the same batch with people watching and without, in turn."""

import contextlib
import http.client
import os
import statistics
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console

from db.session import open_database
from scripts.parts.bench_batch import seconds_of, wait_until_ended
from scripts.parts.bench_installation import fresh_installation, running_worker
from scripts.parts.bench_machine import usable_cores
from scripts.parts.web_server import served
from worker.settings import read_settings

# As the page's script does it: it asks for the page anew after an event, and then rests.
_KINDS = {b"queue", b"batches", b"workers", b"verdict"}
_REST_S = 2.0


def measure_watching(
    paths: Sequence[bytes],
    *,
    frames: int,
    kind: str,
    pages: int,
    rounds: int = 3,
    on_step: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Judges the videos again and again with a process per core, each second time with overviews open.

    Args:
        frames: per video.
        kind: of installation.
        pages: that are open at once; what a browser does with them is not on this machine's account.
        rounds: times that both are measured; the medians count.
    """
    fakesweep = Path(sys.executable).with_name("fakesweep")
    seconds: dict[bool, list[float]] = {False: [], True: []}
    server_s = fetched = 0.0
    with fresh_installation(kind) as environment:
        variables = {**os.environ, **environment}
        _run([fakesweep, "db", "upgrade"], variables)
        database = open_database(read_settings(environment).effective_database_url)
        worker: list[str | bytes | Path] = [fakesweep, "worker", "--concurrency", str(usable_cores())]
        try:
            with running_worker(worker, environment, database), served(environment, "--workers", "0") as server:
                for number in range(2 * rounds + 1):
                    is_watched = number % 2 == 0
                    on_step(f"batch {number + 1} of {2 * rounds + 1}, {'watched' if is_watched else 'alone'}")
                    command: list[str | bytes | Path] = [fakesweep, "submit", "--force", "--frames", str(frames)]
                    command += ["--batch", f"round-{number}"]
                    used_s = _cpu_seconds(server.pid)
                    with _watched(server.port, pages if is_watched else 0) as counts:
                        _run([*command, "--", *paths], variables)
                        wait_until_ended(database, f"round-{number}")
                    # The first warms up whatever is warmed up.
                    if number == 0:
                        continue
                    seconds[is_watched].append(seconds_of(database, f"round-{number}"))
                    if is_watched:
                        server_s += _cpu_seconds(server.pid) - used_s
                        fetched += sum(counts)
        finally:
            database.dispose()
    alone_s, watched_s = (statistics.median(seconds[is_watched]) for is_watched in (False, True))
    return {
        "watching": {
            "pages": pages,
            "videos": len(paths),
            "alone_s": [round(one, 3) for one in seconds[False]],
            "watched_s": [round(one, 3) for one in seconds[True]],
            "watched_over_alone": round(watched_s / alone_s, 3),
            "server_cpu_s_per_minute": round(60 * server_s / sum(seconds[True]), 2),
            "pages_drawn_per_minute": round(60 * fetched / sum(seconds[True]), 1),
        }
    }


def print_watching(figures: Mapping[str, Any], console: Console) -> None:
    """Two sentences."""
    found = figures["watching"]
    console.print(
        f"{found['pages']} open pages: the batch of {found['videos']} takes {found['watched_over_alone']} times as "
        f"long (alone {found['alone_s']} s, watched {found['watched_s']} s). The server uses "
        f"{found['server_cpu_s_per_minute']} s of a core a minute for {found['pages_drawn_per_minute']} pages.",
        highlight=False,
    )


@contextlib.contextmanager
def _watched(port: int, pages: int) -> Iterator[list[int]]:
    """Meanwhile so many overviews are open; how often each was drawn."""
    is_over = threading.Event()
    counts = [0] * pages

    def watch(number: int) -> None:
        counts[number] += _draw(port)
        while not is_over.is_set():
            # A stream ends after some minutes, and is opened anew.
            with contextlib.suppress(OSError, http.client.HTTPException):
                for _ in _changes(port, is_over):
                    counts[number] += _draw(port)
                    is_over.wait(_REST_S)

    threads = [threading.Thread(target=watch, args=(number,), daemon=True) for number in range(pages)]
    for thread in threads:
        thread.start()
    try:
        yield counts
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def _changes(port: int, is_over: threading.Event) -> Iterator[bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/api/v1/events", headers={"Accept": "text/event-stream"})
        stream = connection.getresponse()
        while not is_over.is_set() and (line := stream.readline()):
            if line.startswith(b"event:") and line[6:].strip() in _KINDS:
                yield line
    finally:
        connection.close()


def _draw(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/", headers={"Accept": "text/html"})
        answer = connection.getresponse()
        answer.read()
        return int(answer.status == 200)
    finally:
        connection.close()


def _cpu_seconds(pid: int) -> float:
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return float(sum(sum(process.cpu_times()[:2]) for process in family))


def _run(command: Sequence[str | bytes | Path], variables: Mapping[str, str]) -> None:
    subprocess.run(command, env=variables, stdin=subprocess.DEVNULL, capture_output=True, check=True)
