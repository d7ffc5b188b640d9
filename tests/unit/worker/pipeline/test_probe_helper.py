"""The probing process is let go of where its answer was not waited for, and names a machine that lacks files."""

import errno
import os
import socket

import pytest

from tests.clips import Drawn
from worker.pipeline import probe_helper
from worker.pipeline.errors import Reason, TransientError
from worker.pipeline.limits import Limits
from worker.pipeline.probe_helper import ProbeHelper


def test_an_answer_that_nobody_waits_for_is_not_the_next_videos(drawn: Drawn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is interrupted after the question ends the process; the next question goes to another."""

    def interrupt(*_: object) -> bytes:
        raise KeyboardInterrupt

    helper = ProbeHelper()
    helper.require_working(limits=Limits())
    try:
        with drawn("h264.mp4").open("rb") as first, monkeypatch.context() as patched:
            patched.setattr(probe_helper, "_receive", interrupt)
            with pytest.raises(KeyboardInterrupt):
                helper.ask(first.fileno(), limits=Limits(), has_cues=False)
        assert helper._process is None
        with drawn("vp9.webm").open("rb") as second:
            answer = helper.ask(second.fileno(), limits=Limits(), has_cues=True)
    finally:
        helper.close()

    assert answer["codec"] == "vp9"


def test_a_start_without_descriptors_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the machine's lack, not as an error of our own."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(socket, "socketpair", refuse)

    with pytest.raises(TransientError) as caught:
        ProbeHelper().require_working(limits=Limits())

    assert caught.value.reason == Reason.OPEN_FILES_LIMIT
