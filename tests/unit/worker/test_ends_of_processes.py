"""A process that is to end ends, whatever is in its way."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[3]

WITHOUT_FILES = """
import os, resource
from worker.processes import end_this_process
resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
try:
    while True:
        os.open("/dev/null", os.O_RDONLY)
except OSError:
    pass
end_this_process()
"""

STOPPING = """
import shutil, sys, time
from pathlib import Path
import worker.serve
worker.serve.HAND_BACK_S = float(sys.argv[2])
directory = Path(sys.argv[1])
stopping = worker.serve.Stopping(directory, 600.0)
(directory / "no-hand-back").unlink()
if sys.argv[3] == "all":
    shutil.rmtree(directory)
    directory.touch()
stopping.request()
stopping.request()
if sys.argv[3] == "all":
    time.sleep(60)
"""


def run(program: str, *arguments: str) -> int:
    """The exit status of a program."""
    return subprocess.run([sys.executable, "-c", program, *arguments], cwd=_ROOT, check=False, timeout=120).returncode


@pytest.mark.parametrize("is_loaded", [False, True], ids=["to-be-loaded", "loaded"])
def test_a_process_without_free_descriptors_ends(*, is_loaded: bool) -> None:
    """Neither loading the module that finds its children nor asking the kernel for them may keep it alive."""
    assert run(("import psutil\n" if is_loaded else "") + WITHOUT_FILES) == -signal.SIGKILL


def test_scans_are_asked_back_though_the_file_for_it_is_gone(tmp_path: Path) -> None:
    """A cleaner of /tmp may have removed it; another is made."""
    assert run(STOPPING, str(tmp_path), "600", "file") == 0
    assert (tmp_path / "hand-back").exists()


def test_a_worker_that_cannot_ask_its_scans_back_ends(tmp_path: Path) -> None:
    """Whatever became of its directory, it does not wait for ever."""
    (tmp_path / "worker").mkdir()

    assert run(STOPPING, str(tmp_path / "worker"), "0.2", "all") == -signal.SIGKILL
