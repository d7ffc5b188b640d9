"""The log of a command's worker is turned over by one command at a time."""

import shutil
from pathlib import Path

import pytest

from scheduler import local_workers
from scheduler.local_workers import _turn_over
from worker.broker_watchdog import LAST_LINE_BYTES, last_line


def test_two_commands_that_turn_a_log_over_at_once_lose_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second would otherwise keep the log that the first has just emptied."""
    log = tmp_path / "worker.log"
    log.write_text("what happened")
    monkeypatch.setattr(local_workers, "LOG_LIMIT_BYTES", 5)
    real = shutil.copyfile

    def copy_late(source: Path, target: Path) -> object:
        monkeypatch.setattr(shutil, "copyfile", real)
        # Another command does the same from its beginning to its end.
        _turn_over(log)
        return real(source, target)

    monkeypatch.setattr(shutil, "copyfile", copy_late)
    _turn_over(log)

    assert (tmp_path / "worker.log.1").read_text() == "what happened"
    assert log.read_text() == ""


def test_of_a_long_log_only_the_end_is_read(tmp_path: Path) -> None:
    """The last line is told, whole where it is no longer than a screen; a log that says nothing has none."""
    log = tmp_path / "log"
    said = {"": None, "\n \n": None, "one": "one", "x" * 100_000 + "\nthe last\n": "the last"}
    found = {}
    for text in said:
        log.write_text(text)
        found[text] = last_line(log)
    log.write_text("y" * (2 * LAST_LINE_BYTES))

    assert found == said
    assert last_line(log) == "y" * LAST_LINE_BYTES
