"""`fakesweep scheduler --folder`: files that are put into a folder are submitted, whatever happens to the scheduler."""

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.end_to_end.installation import Installation, kill_with_children, stop
from tests.services import wait_until

_LONG_AGO_NS = 1_600_000_000_000_000_000


def put(path: Path, content: str) -> None:
    """A file that appears under its name when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    os.utime(path, ns=(_LONG_AGO_NS, _LONG_AGO_NS))


def submitted(installation: Installation) -> int:
    """Entries of the latest batch."""
    return sum(installation.counts().values())


@contextmanager
def running(installation: Installation, command: Sequence[str | Path], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A scheduler that does not outlive the block; where something fails, its log is shown."""
    scheduler = installation.start(*command, log=log)
    try:
        yield scheduler
    except TimeoutError as error:
        raise AssertionError(f"{log.read_text()}\n{installation.run('status')}") from error
    finally:
        if scheduler.poll() is None:
            kill_with_children(scheduler)


@pytest.mark.slow
def test_a_folder_is_watched_over_kills_and_restarts(tmp_path: Path) -> None:
    """One folder is not there at first; a growing file waits; a killed scheduler's successor enters nothing twice."""
    installation = Installation(tmp_path / "home", None, {"STILL_S": "1", "SWEEP_S": "1"})
    camera, mount, log = tmp_path / "camera", tmp_path / "mount", tmp_path / "log"
    command = ("scheduler", "--folder", camera, "--folder", mount)
    put(camera / "a.mp4", "a")
    put(camera / "b.mp4.part", "b")
    with running(installation, command, log) as scheduler:
        wait_until(lambda: submitted(installation) == 1, what="the first entry")
        put(camera / "later" / "c.mp4", "c")
        wait_until(lambda: submitted(installation) == 2, what="the second entry")
        kill_with_children(scheduler)
    (camera / "b.mp4.part").rename(camera / "b.mp4")

    with running(installation, command, log) as scheduler:
        wait_until(lambda: submitted(installation) == 3, what="the third entry")
        put(camera / "a.mp4", "a, changed")
        wait_until(lambda: submitted(installation) == 4, what="the changed file's entry")
        put(mount / "d.mp4", "d")
        wait_until(lambda: submitted(installation) == 1, what="the mount's own batch")
        status = stop(scheduler, signal.SIGTERM)

    said = log.read_text()
    assert status == 0, said
    assert said.count(f"folder {mount}: it cannot be looked through: there is no such file") == 2, said
    assert "Traceback" not in said
    installation.wait_until_nothing_runs()


@pytest.mark.slow
def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """A video named as a folder is wrong usage, said at once."""
    put(tmp_path / "a.mp4", "a")
    answer = Installation(tmp_path / "home", None).run("scheduler", "--folder", tmp_path / "a.mp4")

    assert answer.returncode == 2
    assert "is a file" in answer.stderr
