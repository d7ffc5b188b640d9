"""A machine that has no file descriptors left is named as what it is, and no video is blamed for it."""

import json
import os
import resource
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.clips import Drawn
from worker.pipeline import open_files
from worker.pipeline.errors import Reason, TransientError
from worker.pipeline.open_files import lowered_open_files, require_open_files

ROOT = Path(__file__).resolve().parents[4]

# Looks at a video with so many descriptors free, for each number, in a fork of its own.
PROBE = """
import json, os, resource, sys
from pathlib import Path
from worker.pipeline.decoding import decode_frames
from worker.pipeline.errors import TransientError, UnreadableVideoError
from worker.pipeline.ffmpeg import find_ffmpeg
from worker.pipeline.probe import probe_video
from worker.pipeline.sampling import plan_decode

path, ffmpeg, is_warm = Path(sys.argv[1]), find_ffmpeg(), sys.argv[2] == "warm"

def look():
    facts = probe_video(path)
    return sum(1 for _ in decode_frames(path, facts, plan_decode(facts, frames=3), ffmpeg=ffmpeg))

def end(free):
    if is_warm:
        look()
    limit = 64 if is_warm else 48
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    taken = []
    try:
        while True:
            taken.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        pass
    for descriptor in taken[len(taken) - free:] if free else []:
        os.close(descriptor)
    try:
        return "decoded" if look() else "nothing"
    except (TransientError, UnreadableVideoError) as error:
        return f"{type(error).__name__} {error.reason}"

for free in range(int(sys.argv[3])):
    ours, theirs = os.pipe()
    if os.fork() == 0:
        try:
            os.write(theirs, end(free).encode())
        except BaseException as error:
            os.write(theirs, repr(error).encode())
        os._exit(0)
    os.close(theirs)
    print(json.dumps([free, os.read(ours, 1000).decode()]), flush=True)
    os.close(ours)
    os.wait()
"""


@pytest.mark.slow
@pytest.mark.parametrize("start", ["cold", "warm"])
def test_however_few_are_free_no_video_is_unreadable(start: str, drawn: Drawn) -> None:
    """From none to enough: the pictures come, or the machine's fault has its name; never another end."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, drawn("h264.mp4"), start, "20"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    ends = dict(json.loads(line) for line in done.stdout.splitlines())
    assert len(ends) == 20, done.stderr
    assert set(ends.values()) == {"decoded", f"TransientError {Reason.OPEN_FILES_LIMIT}"}, ends
    assert ends[0] == f"TransientError {Reason.OPEN_FILES_LIMIT}"
    assert ends[19] == "decoded"
    assert Counter(ends.values())["decoded"] < 20


def test_a_worker_asks_for_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A soft limit is raised as far as needed and no further; a hard one that is too low is told with the next step."""
    limits = [(40, 4096)]
    monkeypatch.setattr(open_files.resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(open_files.resource, "setrlimit", lambda _, wanted: limits.append(wanted))

    require_open_files(4)
    require_open_files(4)
    limits.append((40, 60))
    with pytest.raises(TransientError) as caught:
        require_open_files(4)

    assert limits == [(40, 4096), (96, 4096), (40, 60)]
    assert caught.value.reason == Reason.OPEN_FILES_LIMIT
    assert "needs 96 file descriptors, and may have 60: raise the limit" in caught.value.detail


def test_a_lower_limit_stays() -> None:
    """Nobody may raise a hard limit, so none tries to."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]

    assert lowered_open_files(8) == (8, 8)
    assert hard == resource.RLIM_INFINITY or lowered_open_files(hard + 1) == (hard, hard)
