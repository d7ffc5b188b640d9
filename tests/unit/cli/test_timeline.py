"""The scores of a video as one line of text."""

import io
from typing import Any

from rich.console import Console

from cli.rendering.timeline import has_blocks, legend, tall_timeline, timeline
from cli.rendering.video_page import print_video
from tests.unit.cli.reports import judged_video, unread_video


def frames_of(*scores: float | None) -> list[dict[str, Any]]:
    """Frames with these scores, one a second."""
    face = {"box_px": [10.4, 20.6, 100, 120], "detection": 0.9, "track": 0}
    return [
        {"t_s": float(i), "score": score, "faces": [] if score is None else [{**face, "score": score}]}
        for i, score in enumerate(scores)
    ]


def page_of(video: dict[str, Any]) -> str:
    """The page as a terminal without colours shows it."""
    stream = io.StringIO()
    print_video(video, Console(file=stream, width=120))
    return stream.getvalue()


def test_height_is_the_score_and_a_dot_is_no_face() -> None:
    """The lowest block is a score of 0, the highest 1."""
    assert timeline(frames_of(0.0, 1.0, None, 0.5)) == "▁█·▅"


def test_many_frames_share_columns_and_none_is_lost() -> None:
    """A single high frame among many stays visible."""
    scores: list[float | None] = [0.0] * 1000
    scores[617] = 1.0

    line = timeline(frames_of(*scores), width=50)

    assert len(line) == 50
    assert line.count("█") == 1


def test_a_tall_timeline_tells_scores_apart_that_one_line_cannot() -> None:
    """Each line is a quarter of the scale; a face with a score of 0 has a mark, and no face a dot."""
    lines = tall_timeline(frames_of(0.0, 0.26, None, 0.7, 1.0))

    assert lines == ["    █", "   ▇█", " ▁ ██", "▁█·██"]


def test_a_tall_timeline_in_ascii_is_as_high() -> None:
    """The same heights in marks that every terminal has, whatever the number of frames."""
    lines = tall_timeline(frames_of(*([0.0] * 200 + [1.0])), width=40, is_plain=True)

    assert lines == [" " * 39 + "#"] * 3 + ["_" * 39 + "#"]
    assert tall_timeline([]) == []


def test_no_frames_make_an_empty_line() -> None:
    """A video without frames has no timeline."""
    assert timeline([]) == ""


def test_the_page_shows_each_frame() -> None:
    """Verdict, persons, timeline and one row per frame."""
    page = page_of(judged_video(frames=frames_of(0.25, None)))

    assert "real  0.250" in page
    assert "person 0  0.250 over 2 faces" in page
    assert "0: 0.250, 100x120 at 10,21, 0.90" in page
    assert "none" in page


def test_the_page_of_an_unreadable_video_gives_the_reason() -> None:
    """Where there is no score, the page says why."""
    page = page_of({**unread_video("/videos/a.mp4"), "detail": "no video stream in \x1b[2J"})

    assert "not_a_video: no video stream in \\x1b[2J" in page


def test_a_terminal_without_blocks_gets_plain_marks() -> None:
    """Where the encoding has no blocks, ASCII rises from real to fake, and a moment without a face is blank."""
    frames = [{"score": score} for score in (0.0, 0.5, 1.0, None)]

    assert timeline(frames, is_plain=True) == "_=# "
    assert legend(is_plain=True) == "_ real ... # fake"
    assert (has_blocks("utf-8"), has_blocks("ascii"), has_blocks("latin-1"), has_blocks(None)) == (
        True,
        False,
        False,
        False,
    )
