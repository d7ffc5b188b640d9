"""Progress as plain lines and as bars."""

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from cli.progress import JsonProgress, LineProgress, LiveProgress, progress_for, progress_line
from cli.rendering.batch_picture import BatchPicture
from db.batch_fakes import BatchFake
from db.progress import BatchProgress, RunningScan
from scheduler.follow import View


def view_of(counts: dict[str, int], *, is_running: bool = False, fakes: int = 0) -> View:
    """A batch with these counts that does a video in four seconds."""
    running = RunningScan(7, b"/videos/a\x1b[2J\n.mp4", "host-1", "decode", 0.5, 1, 3.0)
    remaining = counts.get("queued", 0) + counts.get("running", 0)
    return View(
        BatchProgress(counts, is_submitted=True, verdicts={"fake": fakes} if fakes else {}),
        (running,) if is_running else (),
        rate_per_s=0.25,
        eta_s=4.0 * remaining,
        fakes=tuple(BatchFake(number, b"/videos/%d\x1b.mp4" % number, 0.9) for number in reversed(range(fakes))),
    )


def test_a_line_tells_rate_and_time_left() -> None:
    """While it goes on: how many, how fast, how long still."""
    line = progress_line(view_of({"judged": 3, "queued": 5, "running": 1}, is_running=True), workers=1)

    assert line == "3 of 9 videos done, 1 running, 15.0/min, 24 s left"


def test_a_line_says_that_nobody_works() -> None:
    """Without a worker nothing will happen, and the line says so."""
    assert progress_line(view_of({"queued": 5}), workers=0) == "0 of 5 videos done, waiting for a worker"


def test_lines_are_few_and_the_last_always_comes(capsys: pytest.CaptureFixture[str]) -> None:
    """A line every few seconds, none twice, and one for the end."""
    with LineProgress() as progress:
        for done in range(4):
            progress.judging(view_of({"judged": done, "queued": 4 - done}), workers=1)
        progress.judging(view_of({"judged": 4}), workers=1)
        progress.judging(view_of({"judged": 4}), workers=1)

    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" done")[0] for line in lines] == ["0 of 4 videos", "4 of 4 videos"]


def test_the_picture_has_a_line_per_running_video() -> None:
    """The bar's row, then who does what, with the name made harmless."""
    stream = io.StringIO()
    picture = BatchPicture(view_of({"judged": 3, "running": 1}, is_running=True), workers=2)
    Console(file=stream, width=120).print(picture)

    head, counts, line = stream.getvalue().splitlines()[:3]
    assert "3/4" in head
    assert "2 workers" in head
    assert counts == "3 judged, 1 running"
    assert "host-1" in line
    assert "decode" in line
    assert "50%" in line
    assert "a\\x1b[2J\\n.mp4" in line


def test_the_bar_goes_away_at_the_end() -> None:
    """After the block, messages stand alone on the terminal."""
    stream = io.StringIO()
    with LiveProgress(Console(file=stream, force_terminal=True, width=80)) as progress:
        progress.reading(3)
        progress.judging(view_of({"judged": 4}), workers=1)

    assert stream.getvalue().endswith("\x1b[?25h") or "\x1b[2K" in stream.getvalue()


def test_programs_get_a_line_for_each_change(capsys: pytest.CaptureFixture[str]) -> None:
    """Each line is one JSON object on standard output; a look at which nothing changed says nothing."""
    view = view_of({"judged": 3, "running": 1}, is_running=True)

    with JsonProgress() as progress:
        progress.judging(view, workers=2)
        progress.judging(view, workers=2)
        progress.judging(view_of({"judged": 4}), workers=2)

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["finished"], line["submitted"], line["is_finished"]) for line in lines] == [
        (3, 4, False),
        (4, 4, True),
    ]
    assert lines[0]["running"][0]["worker"] == "host-1"


def test_lines_tell_each_fake_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Before the line that counts them, the earliest first, with a harmless name."""
    with LineProgress(every_s=0.0) as progress:
        progress.judging(view_of({"judged": 1, "queued": 2}, fakes=1), workers=1)
        progress.judging(view_of({"judged": 2, "queued": 1}, fakes=2), workers=1)

    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "fake 0.900 /videos/0\\x1b.mp4"
    assert lines[1].startswith("1 of 3 videos done (1 fake), ")
    assert lines[2] == "fake 0.900 /videos/1\\x1b.mp4"
    assert lines[3].startswith("2 of 3 videos done (2 fake), ")


def test_fakes_that_came_too_fast_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """Of more than the latest that a view holds, the others are a number."""
    view = view_of({"judged": 9}, fakes=9)
    few = replace(view, fakes=view.fakes[:5])

    with LineProgress(every_s=0.0) as progress:
        progress.judging(view_of({"judged": 1, "queued": 8}, fakes=1), workers=1)
        progress.judging(few, workers=1)

    lines = capsys.readouterr().err.splitlines()
    assert lines[2] == "3 fakes more, and the latest:"
    assert lines[3:8] == [f"fake 0.900 /videos/{number}\\x1b.mp4" for number in range(4, 9)]
    assert lines[8].startswith("9 of 9 videos done")


def test_programs_are_told_verdicts_and_fakes(capsys: pytest.CaptureFixture[str]) -> None:
    """Every verdict has its number, and the latest fakes stand first."""
    with progress_for(Console(file=io.StringIO()), is_json=True) as progress:
        progress.judging(view_of({"judged": 2}, fakes=2), workers=1)

    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert line["verdicts"] == {"fake": 2, "uncertain": 0, "real": 0}
    assert [(fake["path"], fake["score"]) for fake in line["fakes"]] == [
        ("/videos/1\x1b.mp4", 0.9),
        ("/videos/0\x1b.mp4", 0.9),
    ]
