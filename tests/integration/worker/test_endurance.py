"""A worker that runs for months: what grows is replaced, and nothing piles up in the broker."""

import pytest
import redis

from tests.integration.worker.installation import Installation
from tests.services import wait_until
from worker.app import MEMORY_LIMIT_MB, MEMORY_LIMIT_ON_GPU_MB, child_memory_limit_mb
from worker.settings import read_settings


@pytest.mark.slow
def test_a_process_that_grew_is_replaced_and_loses_no_scan(installation: Installation) -> None:
    """It ends its video first; the next one gets a fresh process, and no scan counts as lost."""
    installation.environment["FAKESWEEP_MAX_MEMORY_MB"] = "300"
    names = ["small-1", "grow-1", "small-2", "small-3"]
    ids = installation.submit(names)
    with installation.scheduler():
        installation.start_worker(concurrency=1)
        installation.wait_states(judged=4)

    pids = {name: installation.begun(name) for name in names}
    assert all(len(begun) == 1 for begun in pids.values()), pids
    grown = pids["grow-1"]
    order = [line.split(" ")[0] for line in installation.diary.read_text().splitlines()]
    later = order[order.index("grow-1") + 1 :]
    assert all(pids[name] != grown for name in later)
    assert len({pids[name][0] for name in later}) <= 1
    assert {installation.scan(scan_id).losses for scan_id in ids} == {0}


@pytest.mark.slow
def test_a_process_is_replaced_after_so_many_videos(installation: Installation) -> None:
    """Each judges as many as the setting says."""
    installation.environment["FAKESWEEP_MAX_SCANS"] = "2"
    names = [f"small-{number}" for number in range(6)]
    installation.submit(names)
    with installation.scheduler():
        installation.start_worker(concurrency=1)
        installation.wait_states(judged=6)

    assert len({installation.begun(name)[0] for name in names}) == 3


@pytest.mark.slow
def test_the_broker_holds_as_many_keys_after_many_scans_as_after_few(installation: Installation) -> None:
    """No result, no event and no message stays behind."""
    with redis.Redis.from_url(installation.broker_url) as client, installation.scheduler():
        installation.start_worker(concurrency=2)
        counts: list[int] = []
        for end in (20, 60):
            installation.submit([f"small-{number}" for number in range(end)])
            installation.wait_states(judged=end)
            # The last message is acknowledged a moment after its verdict is written.
            wait_until(lambda: client.hlen("fakesweep:unacked") == 0, what="the acknowledgements")
            counts.append(client.dbsize())
        keys = sorted(key.decode() for key in client.scan_iter())

    assert counts[0] == counts[1], keys
    assert not [key for key in keys if "celery-task-meta" in key], keys


def test_the_limit_of_memory_fits_the_device() -> None:
    """A process that judges on a GPU holds gigabytes by nature; what an operator says counts first."""
    limits = {device: child_memory_limit_mb(read_settings({"FAKESWEEP_DEVICE": device})) for device in ("cpu", "gpu")}

    assert limits == {"cpu": MEMORY_LIMIT_MB, "gpu": MEMORY_LIMIT_ON_GPU_MB}
    assert child_memory_limit_mb(read_settings({"FAKESWEEP_MAX_MEMORY_MB": "700"})) == 700
