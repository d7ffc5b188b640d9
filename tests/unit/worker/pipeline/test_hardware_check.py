"""Whether ffmpeg has a hardware decoder and can open it is found out before videos depend on it."""

import time
from pathlib import Path

import pytest

from worker.pipeline.errors import Reason, TransientError
from worker.pipeline.ffmpeg import find_ffmpeg
from worker.pipeline.ffmpeg_process import Watch
from worker.pipeline.hardware import METHODS, OTHER_METHODS
from worker.pipeline.hardware_check import listed_methods, require_method, why_not_opened
from worker.pipeline.limits import Limits


def test_a_method_that_ffmpeg_lacks_is_refused_with_those_that_it_has(tmp_path: Path) -> None:
    """The message names the value, what there is, and what to do."""
    ffmpeg = tmp_path / "ffmpeg"
    ffmpeg.write_text('#!/bin/sh\nprintf "Hardware acceleration methods:\\nvaapi\\nopencl\\n\\n"\n')
    ffmpeg.chmod(0o755)

    assert listed_methods(ffmpeg) == ("vaapi", "opencl")
    require_method(ffmpeg, None)
    require_method(ffmpeg, "vaapi")
    with pytest.raises(TransientError) as caught:
        require_method(ffmpeg, "cuda")

    assert caught.value.reason == Reason.INTERNAL_ERROR
    assert "FAKESWEEP_HWACCEL is 'cuda'" in caught.value.detail
    assert "(it has vaapi)" in caught.value.detail
    assert "FAKESWEEP_FFMPEG" in caught.value.detail


def test_an_ffmpeg_that_cannot_be_asked_is_named(tmp_path: Path) -> None:
    """One that fails, or is none, says so with the next step."""
    with pytest.raises(TransientError, match="see `fakesweep doctor`"):
        listed_methods(tmp_path / "absent")


def test_the_bundled_ffmpeg_knows_the_methods_of_its_platform() -> None:
    """So the setting means something without an ffmpeg of one's own."""
    assert {"cuda", "vaapi", "vulkan"} <= set(listed_methods(find_ffmpeg()))
    assert not set(METHODS) & set(OTHER_METHODS)


def test_a_device_that_hangs_is_said_not_to_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening it is given up before the video's own time is."""
    monkeypatch.setattr("worker.pipeline.hardware_check.OPENS_WITHIN_S", 0.3)
    stuck = tmp_path / "ffmpeg"
    stuck.write_text("#!/bin/sh\nexec sleep 600\n")
    stuck.chmod(0o755)
    watch = Watch(time.monotonic() + 60, lambda: False)

    words = why_not_opened(stuck, limits=Limits(hwaccel="cuda", is_confined=False), watch=watch)

    assert words.startswith("it did not answer within")


def test_limits_know_the_methods() -> None:
    """A method that nobody knows is refused where the limits are made; software is a copy away."""
    with pytest.raises(ValueError, match="hwaccel must be one of"):
        Limits(hwaccel="qsv")
    assert Limits(hwaccel="cuda").in_software == Limits()
