"""A scan's signs of life, and how it hears that it shall stop."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from db.errors import DatabaseUnavailableError
from db.leases import Claim
from tests.services import wait_until
from worker.heartbeat import PROGRESS_S, Heartbeat, _Pulse
from worker.last_words import LastWords, all_last_words, read_last_words
from worker.settings import Settings

CLAIM = Claim(7, 3, b"/v.mp4", 1, 1, "", 16, 256, "/c", "", 1, is_suspect=False)


class FakeStorage:
    """Answers every renewal alike; an exception is raised instead."""

    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.asked = 0

    def attempt(self, _work: Callable[..., Any]) -> object:
        """One renewal."""
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def heartbeat_with(
    storage: FakeStorage, folder: Path, *, should_hand_back: Callable[[], bool] = lambda: False
) -> Heartbeat:
    """A heartbeat that renews as often as it looks around."""
    settings = Settings(home=folder, heartbeat_s=0.05, lease_s=1.0)
    return Heartbeat(CLAIM, storage, settings, LastWords(folder), should_hand_back=should_hand_back)  # type: ignore[arg-type]


@pytest.mark.parametrize("answer", ["cancel", "lost"])
def test_a_lease_that_is_not_held_stops_the_scan(tmp_path: Path, answer: str) -> None:
    """What the renewal answers is what the pipeline sees between frames."""
    with heartbeat_with(FakeStorage(answer), tmp_path) as heartbeat:
        wait_until(heartbeat.should_stop, what="the stop")

    assert heartbeat.stop_reason == answer


def test_a_stopping_worker_asks_for_its_scans(tmp_path: Path) -> None:
    """A held lease does not keep a scan going when the worker's time of grace is over."""
    with heartbeat_with(FakeStorage("held"), tmp_path, should_hand_back=lambda: True) as heartbeat:
        wait_until(heartbeat.should_stop, what="the stop")

    assert heartbeat.stop_reason == "hand_back"


def test_progress_is_written_at_most_once_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often the pipeline reports, the database hears of it at its own pace, and never without news."""
    assert PROGRESS_S == 1.0
    monkeypatch.setattr("worker.heartbeat.TICK_S", 0.01)
    monkeypatch.setattr("worker.heartbeat.PROGRESS_S", 0.2)
    storage = FakeStorage("held")
    settings = Settings(home=tmp_path, heartbeat_s=60.0, lease_s=200.0)
    started_s = time.monotonic()
    with Heartbeat(CLAIM, storage, settings, LastWords(tmp_path), should_hand_back=lambda: False) as heartbeat:  # type: ignore[arg-type]
        for step in range(100):
            heartbeat.report("decode", step / 100)
            time.sleep(0.01)
        asked, took_s = storage.asked, time.monotonic() - started_s
        heartbeat.report("decode", 1.0)
        wait_until(lambda: storage.asked > asked, what="the last news")
        time.sleep(0.5)

    assert 1 <= asked <= took_s / 0.2
    assert storage.asked == asked + 1


def test_a_database_that_is_away_does_not_stop_the_scan(tmp_path: Path) -> None:
    """The judging goes on, and the renewal is tried again."""
    storage = FakeStorage(DatabaseUnavailableError("away"))

    with heartbeat_with(storage, tmp_path) as heartbeat:
        wait_until(lambda: storage.asked >= 3, what="three renewals")

    assert not heartbeat.should_stop()


def test_a_saved_scan_is_not_told_that_it_lost_its_lease(tmp_path: Path) -> None:
    """Once the judging is over the lease ends by the saving itself."""
    storage = FakeStorage("lost")

    heartbeat = heartbeat_with(storage, tmp_path)
    heartbeat.judged()
    with heartbeat:
        wait_until(lambda: storage.asked >= 2, what="two renewals")

    assert heartbeat.stop_reason is None


def test_one_thread_looks_after_all_scans_of_a_process(tmp_path: Path) -> None:
    """A thread for each scan would cost as much as its claim; a scan that ended is renewed no more."""
    first, second = FakeStorage("held"), FakeStorage("held")
    threads = set()
    for storage in (first, second):
        with heartbeat_with(storage, tmp_path):
            wait_until(lambda: storage.asked >= 2, what="two renewals")  # noqa: B023 - called at once
            threads |= {thread.ident for thread in threading.enumerate() if thread.name == "heartbeat"}
            asked = first.asked

    assert len(threads) == 1
    assert first.asked == asked


def test_a_defect_at_one_scan_leaves_the_next_its_lease(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The thread goes on, and says what went wrong."""
    broken, whole = FakeStorage(RuntimeError("a defect")), FakeStorage("held")
    for storage in (broken, whole):
        with heartbeat_with(storage, tmp_path):
            wait_until(lambda: storage.asked >= 2, what="two renewals")  # noqa: B023 - called at once

    assert "a defect" in caplog.text


def test_a_failing_look_for_the_stop_leaves_the_lease(tmp_path: Path) -> None:
    """Each duty is done whatever becomes of the others."""

    def fail() -> bool:
        raise OSError("no answer")

    storage = FakeStorage("held")
    with heartbeat_with(storage, tmp_path, should_hand_back=fail):
        wait_until(lambda: storage.asked >= 2, what="two renewals")


def test_a_scan_without_signs_of_life_leaves_no_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no thread is to be had the scan does not begin."""

    def no_thread(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_Pulse, "_made", None)
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    with pytest.raises(RuntimeError, match="new thread"):
        heartbeat_with(FakeStorage("held"), tmp_path).__enter__()

    assert list(tmp_path.iterdir()) == []


def test_a_forked_child_has_a_heart_of_its_own(tmp_path: Path) -> None:
    """Threads do not cross a fork, so the child must not count on its parent's."""
    with heartbeat_with(FakeStorage("held"), tmp_path):
        child = os.fork()
        if child == 0:
            storage = FakeStorage("cancel")
            with heartbeat_with(storage, tmp_path / "child") as heartbeat:
                deadline_s = time.monotonic() + 30
                while not heartbeat.should_stop() and time.monotonic() < deadline_s:
                    time.sleep(0.01)
            os._exit(0 if heartbeat.should_stop() else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_the_last_words_name_the_stage_at_once(tmp_path: Path) -> None:
    """A video that kills its process right after a stage began leaves the stage's name."""
    with heartbeat_with(FakeStorage("held"), tmp_path) as heartbeat:
        heartbeat.report("detect", 0.25)
        (word,) = all_last_words(tmp_path)

    assert (word.scan_id, word.token, word.stage, word.progress) == (7, 3, "detect", 0.25)
    assert not list(tmp_path.glob("scan-of-*.json"))


def test_last_words_count_only_of_the_dead(tmp_path: Path) -> None:
    """A duplicate delivery that died must not end the lease of the process that is at the scan."""
    LastWords(tmp_path).write(CLAIM, stage="decode", progress=0.5)

    assert read_last_words(tmp_path, 7) is None


HANGING = """
import subprocess, sys, time
from pathlib import Path
from tests.unit.worker.test_heartbeat import CLAIM, FakeStorage
from worker.heartbeat import Heartbeat
from worker.last_words import LastWords
from worker.settings import Settings
folder = Path(sys.argv[1])
settings = Settings(home=folder, time_limit_s=0.2)
storage = FakeStorage("held")
with Heartbeat(CLAIM, storage, settings, LastWords(folder), should_hand_back=lambda: False, hang_slack_s=0.2):
    child = subprocess.Popen(["sleep", "600"])
    print(child.pid, flush=True)
    time.sleep(600)
"""


def test_a_process_that_hangs_past_its_time_is_ended(tmp_path: Path) -> None:
    """A stall in native code hears nothing, so the process ends, with whatever it started."""
    root = Path(__file__).parents[3]
    with subprocess.Popen([sys.executable, "-c", HANGING, str(tmp_path)], stdout=subprocess.PIPE, cwd=root) as hanging:
        assert hanging.stdout is not None
        child = int(hanging.stdout.readline())
        status = hanging.wait(60)

    assert status == -signal.SIGKILL
    wait_until(
        lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE,
        what="the end of what it started",
    )
