"""A worker's signs of life outlast what goes wrong beside them."""

import json
import os
from pathlib import Path
from typing import TypeVar

import pytest

from tests.services import wait_until
from worker.broker import BrokerHandle
from worker.presence import Presence, refresh_times
from worker.serve import reporter_of_losses
from worker.storage import Storage

Kind = TypeVar("Kind", bound=Presence)


class Failing(BrokerHandle):
    """A broker with a defect nobody knows of."""

    def __init__(self) -> None:
        super().__init__("redis://nowhere")
        self.asked = 0

    def ensure_alive(self) -> None:
        """Fails each time."""
        self.asked += 1
        raise RuntimeError("a defect")


class Noting(Presence):
    """One that counts what it is told of losses."""

    heard = 0

    def report_loss(self, *_: object) -> None:
        """Counts."""
        self.heard += 1


def presence_in(kind: type[Kind], directory: Path, broker: BrokerHandle, *, every_s: float) -> Kind:
    """A presence on a database that is not there."""
    return kind(
        Storage(f"sqlite:///{directory}/absent/fakesweep.db"),
        broker,
        directory,
        name="worker-1",
        installation="mark",
        queues=["bulk"],
        concurrency=1,
        every_s=every_s,
    )


def test_a_defect_leaves_the_worker_its_signs_of_life(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The thread goes on, says what went wrong, and does what else is its duty."""
    broker = Failing()
    pid = 2**22 + 1
    left = tmp_path / f"scan-of-{pid}.json"
    progress = {"stage": "decode", "progress": 0.5, "memory_bytes": 1000}
    left.write_text(f"{json.dumps(progress)}\n{json.dumps({'pid': pid, 'scan_id': 7, 'token': 1})}\n")

    with presence_in(Presence, tmp_path, broker, every_s=0.01) as presence:
        presence.report_loss(7, "signal 9")
        wait_until(lambda: broker.asked >= 3, what="three rounds")
        wait_until(lambda: not left.exists(), what="the loss to be told")

    assert "a defect" in caplog.text


def test_only_the_main_process_reports_losses(tmp_path: Path) -> None:
    """A forked child has a copy of the presence that nobody reads."""
    noting = presence_in(Noting, tmp_path, BrokerHandle("redis://nowhere"), every_s=60.0)
    report = reporter_of_losses(noting)
    child = os.fork()
    if child == 0:
        report(args=(7,), exception=KeyError())
        os._exit(noting.heard)
    report(args=(7,), exception=KeyError())

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert noting.heard == 1


def test_what_a_worker_needs_does_not_age(tmp_path: Path) -> None:
    """Cleaners of /tmp remove what nobody has touched for days, such as a lock or a note."""
    paths = [tmp_path, tmp_path / "room.lock", tmp_path / "no-hand-back"]
    for path in paths[1:]:
        path.touch()
    for path in paths:
        os.utime(path, (0, 0))

    refresh_times(tmp_path)

    assert all(min(path.stat().st_mtime, path.stat().st_atime) > 1e9 for path in paths)
