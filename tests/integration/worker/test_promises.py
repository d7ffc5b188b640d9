"""The promises of docs/reliability.md that need an operator's patience: real times, restarts, and poison."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from db.history import keep_history, locked_sqlite
from db.invariants import read_history
from tests.integration.worker.installation import Installation
from tests.services import PostgresServer, wait_until
from tests.threads import beside

pytestmark = pytest.mark.slow

ON_POSTGRESQL = pytest.mark.parametrize("empty_database_url", ["postgresql"], indirect=True)
ON_SQLITE = pytest.mark.parametrize("empty_database_url", ["sqlite"], indirect=True)


@contextmanager
def schedulers(installation: Installation, *, count: int) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """As many real `fakesweep scheduler`."""
    started = []
    for _ in range(count):
        with installation.log.open("ab") as log:
            started.append(
                subprocess.Popen(
                    [sys.executable, "-P", "-m", "cli.main", "scheduler"],
                    env={**os.environ, **installation.environment},
                    stdout=log,
                    stderr=log,
                )
            )
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()


def ends(installation: Installation) -> dict[int, int]:
    """How often each scan was judged."""
    with installation.database.read() as session:
        history = read_history(session)
    return {scan: sum(change.new_state == "judged" for change in changes) for scan, changes in history.items()}


@contextmanager
def supervised(installation: Installation) -> Iterator[None]:
    """Starts a worker whenever the last one has died, as a service manager does."""

    def supervise(is_over: threading.Event) -> None:
        while not is_over.wait(0.1):
            if not installation.workers or installation.workers[-1].poll() is not None:
                installation.start_worker()

    with beside(supervise):
        yield


@ON_POSTGRESQL
def test_a_dead_workers_scan_is_taken_over_within_half_a_minute(installation: Installation) -> None:
    """With the usual lease of 20 s and sweep of 5 s, 30 s pass at most by the database's clock, not Redis' timeout."""
    keep_history(installation.database)
    for name in ("LEASE_S", "HEARTBEAT_S"):
        del installation.environment[f"FAKESWEEP_{name}"]
    (scan_id,) = installation.submit(["hold-1"])
    installation.start_worker(concurrency=1)

    with schedulers(installation, count=1):
        installation.wait_begun("hold-1")
        # One beat later than the claim, so that the lease is as long as it gets.
        wait_until(lambda: installation.scan(scan_id).stage == "decode", what="the first heartbeat")
        lease_ends_at = installation.scan(scan_id).lease_expires_at
        installation.kill_workers()
        (installation.folder / "hold-1").touch()
        installation.start_worker(concurrency=1)
        installation.wait_states(judged=1)

    assert lease_ends_at is not None
    with installation.database.read() as session:
        changes = read_history(session)[scan_id]
    taken_back_at = next(change.at for change in changes if change.new_losses > change.old_losses)
    # It died when its lease, of 20 s, had just been renewed; and a sweep comes every 5 s.
    assert taken_back_at - (lease_ends_at - 20) <= 30


@ON_POSTGRESQL
def test_a_healthy_slow_scan_is_never_taken_over(installation: Installation) -> None:
    """A scan of three leases' length that looks at nothing keeps its lease, as a thread beside it renews it."""
    (scan_id,) = installation.submit(["busy-1"])
    installation.start_worker()

    with installation.scheduler():
        installation.wait_states(judged=1)

    scan = installation.scan(scan_id)
    assert (scan.attempts, scan.losses, scan.token) == (1, 0, 1)


@ON_POSTGRESQL
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["restart", "crash"])
def test_a_database_that_restarts_costs_no_video(
    installation: Installation, postgres: PostgresServer, how: signal.Signals
) -> None:
    """Workers and schedulers wait for PostgreSQL and go on; each video has one verdict."""
    keep_history(installation.database)
    ids = installation.submit([f"slow-{number}" for number in range(6)])
    installation.start_worker()

    with installation.scheduler():
        installation.wait_judged(1)
        assert postgres.process is not None
        postgres.process.send_signal(how)
        postgres.process.wait(60)
        postgres.start()
        installation.wait_states(judged=6)

    assert ends(installation) == dict.fromkeys(ids, 1)


@ON_SQLITE
def test_a_locked_file_costs_no_video(installation: Installation) -> None:
    """While another process holds SQLite's lock for longer than a lease all wait, and each video has one verdict."""
    keep_history(installation.database)
    ids = installation.submit(["hold-1", "slow-2", "slow-3"])
    installation.start_worker()

    with installation.scheduler():
        installation.wait_begun("hold-1")
        with locked_sqlite(installation.database_url):
            (installation.folder / "hold-1").touch()
            threading.Event().wait(2 * installation.settings.lease_s)
        installation.wait_states(judged=3)

    assert ends(installation) == dict.fromkeys(ids, 1)


@ON_POSTGRESQL
def test_two_schedulers_and_the_death_of_one(installation: Installation) -> None:
    """Two schedulers take each lost scan back once; one that is killed leaves the work to the other."""
    names = [f"hold-{number}" for number in range(4)]
    ids = installation.submit(names)
    installation.environment["FAKESWEEP_SWEEP_S"] = "0.5"
    installation.start_worker(concurrency=4)

    with schedulers(installation, count=2) as running:
        for name in names:
            installation.wait_begun(name)
        installation.kill_workers()
        wait_until(lambda: installation.states()["queued"] == 4, what="all four taken back")
        running[0].kill()
        for name in names:
            (installation.folder / name).touch()
        installation.start_worker(concurrency=4)
        installation.wait_states(judged=4)

    assert [(scan.attempts, scan.losses) for scan in map(installation.scan, ids)] == [(2, 1)] * 4


@pytest.mark.parametrize(
    ("kind", "signal_name", "exit_status", "said"),
    [("crash", "SIGSEGV", None, ""), ("exit", None, 3, ""), ("complain", "SIGKILL", None, "absent.mp4")],
)
@ON_POSTGRESQL
def test_quarantine_comes_with_the_evidence(
    installation: Installation, kind: str, signal_name: str | None, exit_status: int | None, said: str
) -> None:
    """Signal or exit status, memory, last stage, and the end of what ffmpeg said are kept beside the scan."""
    (scan_id,) = installation.submit([f"{kind}-1"])
    installation.start_worker(concurrency=1)

    with installation.scheduler():
        installation.wait_states(quarantined=1)
        wait_until(lambda: "signal" in (installation.scan(scan_id).evidence or {}), what="the evidence")

    evidence = installation.scan(scan_id).evidence or {}
    assert (evidence["signal"], evidence["exit_status"]) == (signal_name, exit_status)
    assert (evidence["last_stage"], evidence["last_progress"]) == ("decode", 0.5)
    assert evidence["memory_bytes"] > 1_000_000
    assert said in evidence.get("stderr", "")
    assert [loss["alone"] for loss in evidence["losses"]] == [False, False, True]


@ON_SQLITE
def test_a_video_that_kills_whole_workers_is_stopped_with_evidence(installation: Installation) -> None:
    """Its neighbours are judged, and the next worker on the host tells what the dead one was at."""
    ids = installation.submit(["plague-1", *(f"slow-{number}" for number in range(2, 6))])

    with installation.scheduler(), supervised(installation):
        # Three workers have to start one after the other, and the third has the poison alone.
        wait_until(lambda: installation.states() == {"judged": 4, "quarantined": 1}, timeout_s=240, what="all ends")
        wait_until(
            lambda: (installation.scan(ids[0]).evidence or {}).get("last_stage") == "decode", what="the evidence"
        )

    plague = installation.scan(ids[0])
    assert (plague.losses, plague.reason) == (3, "worker_lost")
    assert plague.evidence is not None
    assert plague.evidence["cause"] == "its whole worker died"
    assert plague.evidence["memory_bytes"] > 1_000_000


@ON_POSTGRESQL
def test_retry_dares_a_quarantined_video_again(installation: Installation) -> None:
    """`fakesweep retry --state quarantined` queues it with all chances, and it may be judged this time."""
    (scan_id,) = installation.submit(["poison-1"])
    installation.start_worker(concurrency=1)

    with installation.scheduler():
        installation.wait_states(quarantined=1)
        token = installation.scan(scan_id).token
        (installation.folder / "cure").touch()
        retried = subprocess.run(
            [sys.executable, "-P", "-m", "cli.main", "retry", "1", "--state", "quarantined"],
            env={**os.environ, **installation.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        installation.wait_states(judged=1)

    scan = installation.scan(scan_id)
    assert "1 video queued again" in retried.stderr
    assert (scan.losses, scan.attempts, scan.evidence) == (0, 1, None)
    assert scan.token == token + 1
