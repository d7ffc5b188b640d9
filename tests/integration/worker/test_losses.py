"""Kills at any moment: every video is judged, once."""

import os
import signal

import pytest

from tests.integration.worker.installation import Installation, kill
from tests.services import ValkeyServer, wait_until

pytestmark = pytest.mark.slow


def test_every_scan_is_judged_after_a_pool_child_was_killed(installation: Installation) -> None:
    """A child that dies costs its scan one attempt, and its neighbours nothing."""
    ids = installation.submit(["slow-1", "hold-2", "slow-3", "quick-4"])
    installation.start_worker()

    with installation.scheduler():
        kill(installation.wait_begun("hold-2"))
        (installation.folder / "hold-2").touch()
        installation.wait_states(judged=4)

    lost = installation.scan(ids[1])
    assert (lost.attempts, lost.losses) == (2, 1)
    assert lost.evidence is not None
    assert (lost.evidence["signal"], lost.evidence["last_stage"]) == ("SIGKILL", "decode")
    assert [installation.scan(scan_id).losses for scan_id in ids] == [0, 1, 0, 0]
    lines = installation.log.read_text().splitlines()
    for word in ("judging, attempt 1", "judging, attempt 2", "lost its process", "judged, 2 frames"):
        about = [line for line in lines if word in line]
        assert about
        assert all(" scan=" in line and " batch=1]" in line for line in about)


def test_every_scan_is_judged_after_the_whole_worker_was_killed(installation: Installation) -> None:
    """What a killed worker held goes to the next one as soon as its lease is over."""
    ids = installation.submit(["hold-1", "hold-2", "quick-3"])
    installation.start_worker()

    with installation.scheduler():
        installation.wait_begun("hold-1")
        installation.wait_begun("hold-2")
        installation.kill_workers()
        for name in ("hold-1", "hold-2"):
            (installation.folder / name).touch()
        installation.start_worker()
        installation.wait_states(judged=3)

    assert [installation.scan(scan_id).attempts for scan_id in ids] == [2, 2, 1]
    assert [installation.scan(scan_id).frames_sampled for scan_id in ids] == [2, 2, 2]


def test_a_poison_video_is_quarantined_and_its_neighbours_are_judged(installation: Installation) -> None:
    """Lost twice it runs alone, lost alone it stops; a neighbour lost by its side is no suspect."""
    ids = installation.submit(["poison-1", *(f"slow-{number}" for number in range(2, 8))])
    installation.start_worker()

    with installation.scheduler():
        installation.wait_states(judged=6, quarantined=1)

    poison = installation.scan(ids[0])
    assert (poison.attempts, poison.losses, poison.reason) == (3, 3, "worker_lost")
    assert poison.evidence is not None
    assert poison.evidence["signal"] == "SIGKILL"
    assert poison.evidence["memory_bytes"] > 1_000_000
    assert [loss["alone"] for loss in poison.evidence["losses"]] == [False, False, True]


def test_a_frozen_worker_cannot_write_what_another_one_judged(installation: Installation) -> None:
    """A worker frozen past its lease and resumed is fenced off: the other one's verdict stays."""
    (scan_id,) = installation.submit(["hold-1"])
    frozen = installation.start_worker(concurrency=1)

    with installation.scheduler():
        child = installation.wait_begun("hold-1")
        for pid in (child, frozen.pid):
            os.kill(pid, signal.SIGSTOP)
        installation.start_worker(concurrency=1)
        installation.wait_begun("hold-1", times=2)
        (installation.folder / "hold-1").touch()
        installation.wait_states(judged=1)
        finished_at = installation.scan(scan_id).finished_at
        for pid in (child, frozen.pid):
            os.kill(pid, signal.SIGCONT)
        wait_until(lambda: "lease was lost" in installation.log.read_text(), what="the fence")

    scan = installation.scan(scan_id)
    assert (scan.finished_at, scan.attempts, scan.losses) == (finished_at, 2, 1)


def test_nothing_is_lost_when_the_broker_forgets_everything(installation: Installation, valkey: ValkeyServer) -> None:
    """A broker that comes back empty costs time, no video."""
    installation.submit([f"slow-{number}" for number in range(6)])
    installation.start_worker()

    with installation.scheduler():
        installation.wait_judged(1)
        valkey.flush()
        installation.wait_states(judged=6)


def test_a_broker_that_restarts_is_found_again(installation: Installation, valkey: ValkeyServer) -> None:
    """Workers and scheduler wait for the broker and go on."""
    installation.submit([f"slow-{number}" for number in range(6)])
    installation.start_worker()

    with installation.scheduler():
        installation.wait_judged(1)
        valkey.stop()
        valkey.start()
        installation.wait_states(judged=6)
