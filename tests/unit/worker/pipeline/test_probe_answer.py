"""An answer of the probing process is believed only in the form that our program gives it."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.clips import Drawn
from worker.pipeline import probe_helper
from worker.pipeline.errors import Reason, UnreadableVideoError
from worker.pipeline.limits import Limits
from worker.pipeline.probe import probe_video
from worker.pipeline.probe_answer import MalformedAnswerError, read_answer

STREAM: dict[str, Any] = {
    "index": 0,
    "codec": "h264",
    "width": 160,
    "height": 120,
    "pixel_format": "yuv420p",
    "aspect": [1, 1],
    "frame_rate": 25.0,
    "color_space": 2,
    "color_transfer": 2,
    "stream_duration_s": 4.0,
    "frames": 100,
}
ANSWER: dict[str, Any] = {
    "container": "mov,mp4,m4a,3gp,3g2,mj2",
    "streams": 1,
    "audio_streams": 0,
    "attached_pictures": 0,
    "video_streams": [STREAM],
    **STREAM,
    "rotation_ccw_deg": 0.0,
    "container_duration_s": 4.0,
    "start_s": 0.0,
    "is_encrypted": False,
    "is_single_picture": False,
    "is_cut_off": False,
    "index_entries": 100,
    "keyframes_s": [0.0, 1.0],
    "index_end_s": 3.96,
}
OF_THE_CHOSEN = sorted(ANSWER.keys() - STREAM.keys() - {"container", "streams", "audio_streams", "video_streams"})

# In place of our program: says that it is ready, then to each question the bytes that lie in a file.
HOSTILE = """
import os, socket, sys
channel = socket.socket(fileno=os.dup(0))
answer = open({path!r}, "rb").read()
early = len(answer).to_bytes(4, "big") + answer if {is_early!r} else b""
channel.sendall(b"+" + early)
while channel.recv(65536):
    channel.sendall(({length!r} or len(answer)).to_bytes(4, "big") + answer)
"""


def _said(**changes: Any) -> bytes:
    return json.dumps(ANSWER | changes).encode()


def _of_stream(**changes: Any) -> bytes:
    stream = STREAM | changes
    return json.dumps(ANSWER | stream | {"video_streams": [stream]}).encode()


def test_an_answer_of_ours_is_taken() -> None:
    """What our program says comes through as it was said."""
    assert read_answer(_said()) == ANSWER
    assert read_answer(b'{"error": "refused", "detail": "Invalid data"}')["error"] == "refused"


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, -math.inf, 1e300, pytest.param(10**400, id="401 digits"), "4", [], {}, True],
)
@pytest.mark.parametrize("name", ["start_s", "rotation_ccw_deg", "index_end_s", "container_duration_s"])
def test_a_number_is_a_number(name: str, value: Any) -> None:
    """Not a number, without end, huge, or of another kind: refused, wherever a time or an angle is expected."""
    with pytest.raises(MalformedAnswerError):
        read_answer(_said(**{name: value}))


@pytest.mark.parametrize(
    "changes",
    [
        {"width": 2**40},
        {"width": -(2**40)},
        {"height": 120.5},
        {"height": math.nan},
        {"index": -1},
        {"index": True},
        {"codec": "h264\x1b[2J"},
        {"codec": "x" * 101},
        {"codec": ["h264"]},
        {"pixel_format": 3},
        {"aspect": [1]},
        {"aspect": [1, 1, 1]},
        {"aspect": {"0": 1}},
        {"aspect": [math.nan, 1]},
        {"frame_rate": math.inf},
        {"frame_rate": 1e30},
        {"color_transfer": "smpte2084"},
    ],
)
def test_a_stream_is_a_stream(changes: dict[str, Any]) -> None:
    """Sizes, names and rates beyond what ffmpeg itself can hold are no answer."""
    with pytest.raises(MalformedAnswerError):
        read_answer(_of_stream(**changes))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{",
        b"[" * 1_000_000,
        b'{"a":' * 200_000,
        b"9" * 100_000,
        b"{}",
        b'{"error": "fine"}',
        b'{"error": {}}',
        b'{"error": null}',
        b'{"error": "refused", "detail": 3}',
        json.dumps({"error": "refused", "detail": "x" * 501}).encode(),
        json.dumps({**ANSWER, "error": "refused"}).encode(),
        _said(container="concat"),
        _said(container="mp4\n"),
        _said(container=7),
        _said(streams=-1),
        _said(streams=10**9),
        _said(video_streams=1),
        _said(video_streams=[1]),
        _said(video_streams=[]),
        _said(video_streams=[STREAM | {"index": 1}]),
        _said(keyframes_s=[0.0] * 8193),
        _said(keyframes_s=[0.0, math.nan]),
        _said(keyframes_s=["0"]),
        _said(keyframes_s="0"),
        _said(is_encrypted="no"),
        _said(is_cut_off=0),
        _said(path="/etc/passwd"),
    ],
)
def test_whatever_else_is_no_answer(body: bytes) -> None:
    """Noise, brackets without end, missing, wrong and unasked fields, lists that are too long."""
    with pytest.raises(MalformedAnswerError):
        read_answer(body)


@pytest.mark.parametrize("name", OF_THE_CHOSEN)
def test_nothing_may_be_left_out(name: str) -> None:
    """A field that is missing is not made up (the number of index entries is told where there are any)."""
    body = json.dumps({key: value for key, value in ANSWER.items() if key != name}).encode()

    if name == "index_entries":
        assert read_answer(body)["codec"] == "h264"
    else:
        with pytest.raises(MalformedAnswerError):
            read_answer(body)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(ANSWER)), _JSON, max_size=4))
def test_no_answer_is_worse_than_malformed(changes: dict[str, Any]) -> None:
    """Whatever stands in an answer, it is taken in the right form or refused, and nothing else happens."""
    try:
        answer = read_answer(json.dumps(ANSWER | changes).encode())
    except MalformedAnswerError:
        return

    assert isinstance(answer.get("error", answer.get("container")), str)
    assert all(math.isfinite(time_s) for time_s in answer.get("keyframes_s", ()))


@pytest.fixture
def taken_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """A probing process that is no longer ours: `taken_over(answer, ...)` says what it answers."""

    def take_over(answer: bytes, *, length: int = 0, is_early: bool = False) -> None:
        path = tmp_path / "answer"
        path.write_bytes(answer)
        program = HOSTILE.format(path=str(path), length=length, is_early=is_early)
        monkeypatch.setattr(probe_helper, "_PROGRAM", program)
        probe_helper.shared_helper().close()

    yield take_over
    probe_helper.shared_helper().close()


@pytest.mark.parametrize(
    "answer",
    [
        _said(start_s=math.nan),
        _of_stream(width=-(2**40)),
        _said(keyframes_s=[1e300]),
        _said(rotation_ccw_deg="upright"),
        b"[" * 100_000,
        b"\xff",
        b"",
    ],
)
def test_a_process_that_was_taken_over_makes_one_video_unreadable(answer: bytes, taken_over: Any, drawn: Drawn) -> None:
    """Its answer ends in a typed state that says so; it is ended, and the next video is read by a new one."""
    taken_over(answer)

    with pytest.raises(UnreadableVideoError) as caught:
        probe_video(drawn("h264.mp4"))

    assert caught.value.reason == Reason.NOT_A_VIDEO
    assert "no answer of ours" in caught.value.detail


def test_an_answer_that_is_too_long_is_not_waited_for(taken_over: Any, drawn: Drawn) -> None:
    """Who announces gigabytes is not listened to."""
    taken_over(b"{}", length=2**32 - 1)

    with pytest.raises(UnreadableVideoError) as caught:
        probe_video(drawn("h264.mp4"), limits=Limits(probe_time_limit_s=20))

    assert "longer than" in caught.value.detail


def test_an_answer_before_the_question_is_not_the_next_videos(taken_over: Any, drawn: Drawn) -> None:
    """What a file had the process say in advance is not believed of the file after it."""
    taken_over(_said(), is_early=True)

    with pytest.raises(UnreadableVideoError) as caught:
        probe_video(drawn("h264.mp4"))

    assert "before the question" in caught.value.detail
