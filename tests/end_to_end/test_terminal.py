"""What a person at a terminal sees."""

import json
import os
import pty
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from tests.end_to_end.face_clips import draw_face_video
from tests.end_to_end.installation import PROGRAM, Installation

pytestmark = pytest.mark.slow


def run_on_terminal(environ: dict[str, str], *arguments: str) -> tuple[int, str]:
    """The command's status, and all that it wrote to a terminal of its own."""
    ours, theirs = pty.openpty()
    # The size travels by the environment, as a new terminal has none.
    wide = {**environ, "TERM": "xterm", "COLUMNS": "120"}
    process = subprocess.Popen([PROGRAM, *arguments], env=wide, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    written = b""
    # Linux reports the end of a terminal as an error.
    with suppress(OSError):
        while block := os.read(ours, 65536):
            written += block
    os.close(ours)
    return process.wait(), written.decode()


def test_a_person_sees_bars_and_the_table(installation: Installation, tmp_path: Path) -> None:
    """While it runs: a bar with rate, time left and a line per video; afterwards the table alone."""
    clip = draw_face_video(tmp_path / "clip.mp4")

    status, screen = run_on_terminal(installation.environ, "scan", str(clip))

    assert status == 0, screen
    assert "0/1" in screen
    assert "/min" in screen
    assert "1 worker" in screen
    assert screen.rindex("1 file: 1 judged") > screen.rindex("/min")


def test_programs_follow_a_scan_line_by_line(installation: Installation, tmp_path: Path) -> None:
    """With --jsonl standard output is JSON lines alone, the last of them for all that was judged."""
    clip = draw_face_video(tmp_path / "clip.mp4")

    done = installation.run("scan", "--jsonl", str(clip))

    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert told[-1]["is_finished"]
    assert told[-1]["counts"] == {"judged": 1}
    assert sum(told[-1]["verdicts"].values()) == 1


def test_lines_and_a_result_cannot_share_standard_output(installation: Installation, tmp_path: Path) -> None:
    """Both would be lost; and without --watch a submission has no progress to tell."""
    clip = draw_face_video(tmp_path / "clip.mp4")

    shared = installation.run("scan", "--jsonl", "--json", "-", str(clip))
    unwatched = installation.run("submit", "--jsonl", str(clip))

    assert shared.returncode == unwatched.returncode == 2
    assert "cannot both go to '-'" in shared.stderr
    assert "add --watch" in unwatched.stderr
