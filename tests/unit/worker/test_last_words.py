"""What a dead process leaves behind: where it was, and what ffmpeg said to it."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from db.leases import Claim
from worker.last_words import LastWords, all_last_words, read_last_words, said_about_this_video
from worker.pipeline.ffmpeg import find_ffmpeg
from worker.pipeline.ffmpeg_health import printable_tail
from worker.pipeline.ffmpeg_process import FfmpegProcess, Watch, forget_said
from worker.pipeline.limits import Limits

CLAIM = Claim(7, 3, b"/v/a.mp4", 1, 1, "00", 16, 256, "/x", "", 1, False)  # noqa: FBT003 - positional, as the row's

DYING = """
import sys
from pathlib import Path
from tests.unit.worker.test_last_words import CLAIM, complain
from worker.last_words import LastWords
complain(sys.argv[2])
LastWords(Path(sys.argv[1])).write(CLAIM, stage="decode", progress=0.5)
"""


def complain(name: str) -> None:
    """Has ffmpeg complain about a file of this name."""
    command = [str(find_ffmpeg()), "-nostdin", "-hide_banner", "-i", f"fd:{name}", "-f", "null", "-"]
    with FfmpegProcess(command, pass_fds=[], limits=Limits(), watch=Watch(time.monotonic() + 60, lambda: False)) as run:
        run.finish()


def test_the_dead_tell_what_ffmpeg_said(tmp_path: Path) -> None:
    """The worker finds the stage, and ffmpeg's last line, in the file of its dead process."""
    subprocess.run(
        [sys.executable, "-c", DYING, tmp_path, "absent.mp4"],
        check=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
    )

    word = read_last_words(tmp_path, 7)

    assert word is not None
    assert (word.stage, word.progress, word.token) == ("decode", 0.5, 3)
    assert "absent.mp4" in word.stderr


def test_what_was_said_of_another_video_is_forgotten(tmp_path: Path) -> None:
    """Evidence against a video holds nothing of the one before it."""
    complain("absent.mp4")
    assert "absent.mp4" in said_about_this_video()

    forget_said()

    assert said_about_this_video() == ""


def test_later_words_replace_the_earlier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same scan the progress, with what ffmpeg said meanwhile, and then another scan altogether."""
    said = [""]
    monkeypatch.setattr("worker.last_words.said_of_late", lambda: said[0])
    words = LastWords(tmp_path)

    words.write(CLAIM, stage="decode", progress=0.25)
    words.write(CLAIM, stage="detect", progress=0.5)
    assert [(one.stage, one.progress, one.stderr) for one in all_last_words(tmp_path)] == [("detect", 0.5, "")]
    said[0] = "broken picture"
    words.write(CLAIM, stage="decode", progress=0.75)
    assert [(one.stage, one.stderr) for one in all_last_words(tmp_path)] == [("decode", "broken picture")]
    said[0] = ""
    words.write(replace(CLAIM, scan_id=8, token=1), stage=None, progress=0.0)

    (word,) = all_last_words(tmp_path)
    assert (word.scan_id, word.token, word.stage, word.progress, word.stderr) == (8, 1, None, 0.0, "")
    assert word.memory_bytes > 1_000_000


@pytest.mark.parametrize("stderr", ["", "short", "long " * 5000, "\U0001f600" * 5000])
def test_the_file_never_grows(stderr: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much ffmpeg said, the file is as long as before, so that an old word never shows behind a new one."""
    monkeypatch.setattr("worker.last_words.said_of_late", lambda: stderr)

    LastWords(tmp_path).write(CLAIM, stage="probe", progress=0.0)

    (path,) = tmp_path.iterdir()
    assert path.stat().st_size == 12288


def test_evidence_is_one_harmless_line() -> None:
    """Line breaks, escapes and zeros in what a file made ffmpeg say do nothing to those who read it."""
    said = "title: \x1b]0;owned\x07\n\n2026 error forged\x00 \u202e done"

    assert printable_tail(said, limit=100) == "title:  ]0;owned  | 2026 error forged    done"
    assert printable_tail("abcdef", limit=3) == "def"
