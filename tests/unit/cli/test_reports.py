"""The same report as JSON, CSV and table."""

import base64
import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from cli.rendering.report_csv import COLUMNS, write_report_csv
from cli.rendering.report_json import write_report_json
from cli.rendering.report_table import report_table, summary_line
from tests.unit.cli.reports import judged_video, unread_video


def csv_rows(*videos: dict[str, Any]) -> list[dict[str, str]]:
    """The CSV of these videos, read back."""
    stream = io.StringIO()
    write_report_csv(videos, stream)
    return list(csv.DictReader(io.StringIO(stream.getvalue())))


def table_text(*videos: dict[str, Any]) -> str:
    """The table of these videos as a terminal without colours shows it."""
    stream = io.StringIO()
    Console(file=stream, width=200).print(report_table(videos))
    return stream.getvalue()


def test_json_is_written_in_pieces_that_make_one_object() -> None:
    """The head's fields come first, then one video per line."""
    stream = io.StringIO()
    videos = [judged_video(), unread_video("/videos/b\x9b.mp4")]

    write_report_json({"batch": {"id": 1}, "thresholds": None}, iter(videos), stream)

    assert json.loads(stream.getvalue()) == {"batch": {"id": 1}, "thresholds": None, "videos": videos}
    assert "\x9b" not in stream.getvalue()


def test_json_of_an_empty_batch() -> None:
    """No video is an empty list."""
    stream = io.StringIO()

    write_report_json({"batch": {}}, [], stream)

    assert json.loads(stream.getvalue()) == {"batch": {}, "videos": []}


def test_csv_has_the_fixed_columns() -> None:
    """Every column is there in its order, and what is unknown is empty."""
    judged, unread = csv_rows(judged_video(), unread_video("/videos/b.mp4"))

    assert tuple(judged) == COLUMNS
    assert judged["score"] == "0.25"
    assert judged["total_s"] == "1.0"
    assert judged["warnings"] == "truncated"
    assert judged["reused"] == "false"
    assert judged["tracks"] == "1"
    assert (unread["state"], unread["reason"], unread["score"], unread["total_s"]) == (
        "unreadable",
        "not_a_video",
        "",
        "",
    )


def test_csv_columns_are_documented() -> None:
    """The page lists the columns in their order."""
    page = (Path(__file__).resolve().parents[3] / "docs" / "report.md").read_text()
    listed = page.partition("## The CSV report")[2].split("\n\n")[2]

    assert tuple(re.findall(r"`(\w+)`", listed)) == COLUMNS


def test_csv_runs_nothing_in_a_spreadsheet() -> None:
    """A text that starts like a formula gets an apostrophe."""
    rows = csv_rows(
        *(judged_video(path) for path in ("=1+1.mp4", "+a", "-a", "@a", "plain=1")),
        unread_video("x", reason="\tcmd"),
    )

    assert [row["path"] for row in rows[:5]] == ["'=1+1.mp4", "'+a", "'-a", "'@a", "plain=1"]
    assert rows[5]["reason"] == "'\\tcmd"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
@pytest.mark.parametrize("field", ["path", "reason", "detail", "worker", "codec"])
def test_csv_neutralises_each_start_of_a_formula(start: str, field: str) -> None:
    """Whatever column a stranger's text ends up in, it is text; the path's exact bytes are told beside it."""
    formula = f"{start}cmd|' /C calc'!A0"
    (row,) = csv_rows({**judged_video("a.mp4"), field: formula})

    assert row[field].startswith("'")
    assert row["path_b64"] == (base64.b64encode(formula.encode()).decode() if field == "path" else "")


def test_csv_numbers_stay_numbers() -> None:
    """A minus sign of a number is no formula."""
    (row,) = csv_rows({**judged_video("a.mp4"), "duration_s": -1.5})

    assert row["duration_s"] == "-1.5"


_NAMES = st.binary(min_size=1, max_size=40).map(lambda raw: raw.replace(b"\0", b"0"))


@settings(max_examples=60, deadline=None)
@given(_NAMES, st.text(max_size=40))
def test_csv_gives_back_every_name(raw: bytes, detail: str) -> None:
    """Any name of any bytes is found again in its row, which is one row whatever the texts are."""
    path = raw.decode("utf-8", "replace")
    b64 = {} if path.encode() == raw else {"path_b64": base64.b64encode(raw).decode()}

    (row,) = csv_rows({**judged_video(path), **b64, "detail": detail})

    found = base64.b64decode(row["path_b64"]) if row["path_b64"] else row["path"].encode()
    assert found == raw
    assert not row["path"].startswith(("=", "+", "-", "@", "\t", "\r"))
    assert not {"\n", "\r", "\x1b", "\x9b", "\u202e"} & set(row["path"] + row["detail"])


_NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
_JSON = st.recursive(
    st.none() | st.booleans() | _NUMBERS | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_OBJECTS = st.dictionaries(st.text(max_size=8), _JSON, max_size=4)


@settings(max_examples=40, deadline=None)
@given(_OBJECTS, st.lists(_OBJECTS, max_size=4))
def test_json_gives_back_what_was_written(head: dict[str, Any], videos: list[dict[str, Any]]) -> None:
    """Any value comes back as it was, and no character that a terminal obeys stands in the text."""
    head.pop("videos", None)
    stream = io.StringIO()
    write_report_json(head, videos, stream)

    assert json.loads(stream.getvalue()) == {**head, "videos": videos}
    assert not {"\x1b", "\x9b", "\u202e", "\u2028"} & set(stream.getvalue())


def test_csv_keeps_the_exact_bytes_of_odd_names() -> None:
    """Where the shown path is not the real one, `path_b64` is."""
    newline, plain, raw = csv_rows(
        judged_video("two\nlines.mp4"),
        judged_video("plain.mp4"),
        judged_video("caf\N{REPLACEMENT CHARACTER}.mp4", path_b64="Y2Fm6S5tcDQ="),
    )

    assert newline["path"] == "two\\nlines.mp4"
    assert base64.b64decode(newline["path_b64"]) == b"two\nlines.mp4"
    assert plain["path_b64"] == ""
    assert base64.b64decode(raw["path_b64"]) == b"caf\xe9.mp4"


def test_table_shows_names_literally() -> None:
    """Neither markup nor escapes in a name do anything."""
    shown = table_text(judged_video("[bold]a[/bold]\x1b[2J.mp4"), unread_video("b.mp4"))

    assert "[bold]a[/bold]\\x1b[2J.mp4" in shown
    assert "unreadable" in shown
    assert "not_a_video" in shown
    assert "\x1b[2J" not in shown


def test_table_tells_reuse_and_warnings() -> None:
    """What was judged before, or only in part, says so."""
    shown = table_text(judged_video(reused=True))

    assert "truncated, judged before" in shown


def test_summary_adds_up() -> None:
    """The line names every state that occurs, and the verdicts within judged."""
    batch = {
        "submitted": 5,
        "ignored": 3,
        "counts": {"queued": 0, "judged": 3, "no_face": 1, "unreadable": 1},
        "verdicts": {"fake": 2, "real": 1, "uncertain": 0},
    }

    line = summary_line(batch)

    assert line == "5 files: 3 judged (2 fake, 1 real), 1 no_face, 1 unreadable; 3 other files ignored"


@pytest.mark.parametrize(("encoding", "drawn"), [("utf-8", "▁▃█·"), ("ascii", "_,#")])
def test_a_table_draws_scores_over_time(encoding: str, drawn: str) -> None:
    """In blocks, or in ASCII where the terminal has none; a video that was not judged has an empty place."""
    stream = io.StringIO()
    videos = [judged_video(timeline=[0.0, 0.3, 1.0, None]), {**unread_video("/gone.mp4"), "timeline": []}]

    Console(file=stream, width=200).print(report_table(videos, timelines_in=encoding))

    assert "over time" in stream.getvalue()
    assert drawn in stream.getvalue()
