"""A hardware decoder is tried where the operator wants it, and whatever it does, no picture is lost or another one.

No machine of ours has a GPU: those that work here are ffmpeg in software behind a script.
"""

import logging
import resource
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import ffmpeg as graph
import numpy as np
import psutil
import pytest

from tests.clips import Drawn
from tests.reading import Reading, read_clip
from worker.pipeline.decoding import decode_frames
from worker.pipeline.errors import PipelineError, ScanStoppedError
from worker.pipeline.ffmpeg import Source, decode_command, find_ffmpeg, picture_filters, survey_command
from worker.pipeline.ffmpeg_process import bounds_of, forget_said, said_of_late
from worker.pipeline.hardware import METHODS, can_decode, reach_of, variables_of_drivers
from worker.pipeline.hardware_run import is_damaged
from worker.pipeline.hardware_trust import MOST_FAILURES, trust_of_process
from worker.pipeline.limits import Limits
from worker.pipeline.probe import probe_video
from worker.pipeline.sampling import Way, plan_decode

OPENED_HERE = ("cuda", "vaapi", "vulkan")
"""Methods of the bundled ffmpeg for Linux."""

# The arguments without those about hardware; what is done where it was asked for; else, or after it, the real ffmpeg.
SCRIPT = """#!/bin/sh
tried=
left=$#
while [ "$left" -gt 0 ]; do
  one=$1
  shift
  left=$((left - 1))
  case $one in
    -hwaccel) tried=yes; shift; left=$((left - 1)) ;;
    -init_hw_device) shift; left=$((left - 1)) ;;
    *) set -- "$@" "$one" ;;
  esac
done
if [ -n "$tried" ]; then
  echo "tried by hardware" >&2
  {deed}
fi
exec {ffmpeg} "$@"
"""

WORKS = ":"
FRAME_BYTES = 160 * 120 * 3
DEEDS = {
    "works": WORKS,
    "ends at once": "exit 1",
    "ends well with nothing": "exit 0",
    "ends after two pictures": f'{{ffmpeg}} "$@" | head -c {2 * FRAME_BYTES}; exit 1',
    "ends within a picture": f'{{ffmpeg}} "$@" | head -c {2 * FRAME_BYTES + 1000}; exit 0',
    "is killed": "kill -KILL $$",
    "aborts": "kill -ABRT $$",
    "damages": 'echo "[h264 @ 0x1] hardware accelerator failed to decode picture" >&2',
    "is turned down": 'echo "[h264 @ 0x1] Failed setup for format cuda: hwaccel initialisation returned error." >&2',
}


@pytest.fixture(autouse=True)
def _strangers_to_all_hardware() -> None:
    """Each test begins as a fresh process does."""
    trust_of_process.cache_clear()


@pytest.fixture
def _no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is a GPU after all, its drivers are told to look away."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    monkeypatch.setenv("LIBVA_DRIVER_NAME", "none")
    monkeypatch.setenv("VK_DRIVER_FILES", "/nowhere")


def _ffmpeg_that(tmp_path: Path, deed: str) -> Path:
    script = tmp_path / "ffmpeg"
    script.write_text(SCRIPT.replace("{deed}", deed).replace("{ffmpeg}", str(find_ffmpeg())))
    script.chmod(0o755)
    return script


def _by_hardware(path: Path, ffmpeg: Path, *, way: Way = "sequential", time_limit_s: float = 60.0) -> Reading:
    # Outside of the sandbox, in which a script finds no ffmpeg of a virtual environment.
    limits = Limits(hwaccel="cuda", is_confined=False, time_limit_s=time_limit_s)
    return read_clip(path, way=way, ffmpeg=ffmpeg, limits=limits)


def _are_same(one: Reading, other: Reading) -> bool:
    are_same = [np.array_equal(a.pixels, b.pixels) for a, b in zip(one.frames, other.frames, strict=True)]
    return all(are_same) and one.times_s == other.times_s


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_the_command_names_the_method_and_no_format(drawn: Drawn) -> None:
    """Without a format ffmpeg brings pictures back to memory by itself; without a method the command is as ever."""
    facts = probe_video(drawn("h264.mp4"))
    source = Source(3, facts, None, (0.0,), 1)

    def command(limits: Limits) -> list[str]:
        return decode_command(Path("ffmpeg"), source, video_fd=3, stats_fd=4, size=(160, 120), limits=limits)

    by_hardware, in_software = command(Limits(hwaccel="vaapi")), command(Limits())
    assert by_hardware.index("-hwaccel") < by_hardware.index("-i")
    assert by_hardware[by_hardware.index("-hwaccel") + 1] == "vaapi"
    assert [word for word in by_hardware if word not in ("-hwaccel", "vaapi")] == in_software
    assert "-hwaccel_output_format" not in by_hardware
    survey = survey_command(Path("ffmpeg"), facts, video_fd=3, limits=Limits(hwaccel="vaapi"))
    assert survey == survey_command(Path("ffmpeg"), facts, video_fd=3, limits=Limits())


@pytest.mark.parametrize("is_hdr", [False, True])
@pytest.mark.parametrize(("name", "handed_out"), [("h264.mp4", "nv12"), ("hevc10.mp4", "p010le")])
def test_the_formats_of_hardware_become_the_same_pixels(
    name: str, handed_out: str, *, is_hdr: bool, drawn: Drawn
) -> None:
    """Drivers hand out brightness and colour in two planes, software in three: the filters make no difference of it."""
    facts = probe_video(drawn(name))
    facts = replace(facts, color_transfer=16, color_space=9) if is_hdr else facts
    hdr = {"color_primaries": "bt2020", "color_trc": "smpte2084", "colorspace": "bt2020nc", "range": "tv"}

    def pixels(*first: str) -> bytes:
        video = graph.input(str(drawn(name)))["0"]
        video = video.filter("setparams", **hdr) if is_hdr else video
        for pixel_format in first:
            video = video.filter("format", pixel_format)
        for step, arguments, options in picture_filters(facts, (130, 98)):
            video = video.filter(step, *arguments, **options)
        output = video.output("pipe:1", format="rawvideo", pix_fmt="rgb24")
        command = output.compile(cmd=[str(find_ffmpeg()), "-v", "error"])
        return subprocess.run(command, capture_output=True, check=True).stdout

    assert len(pixels()) > 130 * 98 * 3
    assert pixels(handed_out) == pixels()


def test_a_driver_has_room_and_the_others_are_bounded_as_ever() -> None:
    """Beside a driver addresses are not bounded, data is; without one both are."""
    in_software = {which: (soft, hard) for which, soft, hard in bounds_of(Limits(), wall_s=10)}
    by_hardware = {which: (soft, hard) for which, soft, hard in bounds_of(Limits(hwaccel="cuda"), wall_s=10)}

    assert set(in_software) - set(by_hardware) == {resource.RLIMIT_AS}
    assert by_hardware[resource.RLIMIT_DATA] == in_software[resource.RLIMIT_DATA]
    assert by_hardware[resource.RLIMIT_FSIZE] == (0, 0)
    assert in_software[resource.RLIMIT_NOFILE][0] == 64


def test_each_method_reaches_its_own_devices(tmp_path: Path) -> None:
    """NVIDIA's for cuda, those for rendering for vaapi, both for vulkan, none on macOS; and no home directory."""
    for name in ("nvidia0", "nvidiactl", "nvidia-uvm", "sda", "tty"):
        (tmp_path / name).touch()
    nvidia = tuple(str(tmp_path / name) for name in ("nvidia-uvm", "nvidia0", "nvidiactl"))
    rendering = (str(tmp_path / "dri"),)

    devices = {method: reach_of(method, devices=tmp_path).devices for method in METHODS}

    assert devices == {"cuda": nvidia, "vaapi": rendering, "vulkan": nvidia + rendering, "videotoolbox": ()}
    reads = {path for method in METHODS for path in reach_of(method).readable}
    assert not {"/", "/usr", "/etc", "/proc", "/sys", "/home", "/root", "/dev", "/tmp"} & reads  # noqa: S108 - a name


def test_of_the_environment_only_the_words_about_drivers_are_passed() -> None:
    """An operator chooses device and driver by them; secrets stay behind."""
    environ = {"CUDA_VISIBLE_DEVICES": "1", "FAKESWEEP_DATABASE_URL": "secret", "LD_PRELOAD": "x"}

    assert variables_of_drivers(environ) == {
        "CUDA_VISIBLE_DEVICES": "1",
        "CUDA_CACHE_DISABLE": "1",
        "MESA_SHADER_CACHE_DISABLE": "true",
    }


@pytest.mark.usefixtures("_no_gpu")
@pytest.mark.parametrize("is_confined", [True, False])
@pytest.mark.parametrize("method", OPENED_HERE)
def test_without_a_device_the_pictures_are_those_of_software(
    method: str, *, is_confined: bool, drawn: Drawn, caplog: pytest.LogCaptureFixture
) -> None:
    """No device ends ffmpeg, or aborts it, and no video: one line says why, and it is not tried again."""
    limits = Limits(hwaccel=method, is_confined=is_confined)
    path = drawn("h264.mp4")
    forget_said()
    expected = read_clip(path, way="seek")

    first = read_clip(path, way="seek", limits=limits)
    said_at_first = said_of_late()
    forget_said()
    second = read_clip(path, way="seek", limits=limits)

    assert _are_same(first, expected)
    assert _are_same(second, expected)
    assert first.report.warnings == []
    assert said_at_first
    assert said_of_late() == ""
    assert len(_warnings(caplog)) == 1
    assert f"the hardware decoder {method} cannot be opened here" in _warnings(caplog)[0]


@pytest.mark.parametrize("way", ["sequential", "seek", "keyframes"])
@pytest.mark.parametrize("deed", DEEDS)
def test_whatever_the_hardware_does_the_pictures_are_those_of_software(
    deed: str, way: Way, drawn: Drawn, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It works, ends at once, in the middle, within a picture, is killed, or says that it failed."""
    expected = read_clip(drawn("h264-b.mp4"), way=way)
    ffmpeg = _ffmpeg_that(tmp_path, DEEDS[deed])

    readings = [_by_hardware(drawn("h264-b.mp4"), ffmpeg, way=way) for _ in range(2)]

    assert all(_are_same(reading, expected) for reading in readings)
    assert readings[0].report == expected.report
    assert readings[0].numbers == readings[0].numbers_by_time
    # A seek for each picture has what it wants before the second.
    is_noticed = deed != "works" and not (
        way == "seek" and deed in ("ends after two pictures", "ends within a picture")
    )
    assert len(_warnings(caplog)) == int(is_noticed)
    assert all("failed at a video of codec h264" in words for words in _warnings(caplog))


def test_where_it_works_nothing_is_decoded_twice(drawn: Drawn, tmp_path: Path) -> None:
    """Every leap is decoded by the hardware, once."""
    expected = read_clip(drawn("h264.mp4"), way="seek")
    forget_said()

    _by_hardware(drawn("h264.mp4"), _ffmpeg_that(tmp_path, WORKS + '; echo "decodes $#" >&2'), way="seek")

    assert said_of_late().count("tried by hardware") == len(expected.plan.leaps)


@pytest.mark.parametrize(("way", "started"), [("sequential", 1), ("seek", 2)])
def test_after_failures_in_a_row_a_codec_is_decoded_in_software(
    way: Way, started: int, drawn: Drawn, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A GPU that lacks a codec is not asked for each of a million videos; other codecs still are."""
    ffmpeg = _ffmpeg_that(tmp_path, "exit 1")
    forget_said()
    for _ in range(MOST_FAILURES + 2):
        _by_hardware(drawn("h264.mp4"), ffmpeg, way=way)

    # One decoder is started ahead, before the first is known to fail.
    assert said_of_late().count("tried by hardware") == MOST_FAILURES * started
    _by_hardware(drawn("vp9.webm"), ffmpeg, way=way)
    assert said_of_late().count("tried by hardware") == (MOST_FAILURES + 1) * started
    assert len(_warnings(caplog)) == 2


def test_a_success_clears_the_failures_before_it(drawn: Drawn, tmp_path: Path) -> None:
    """Odd videos here and there do not add up to a verdict on the hardware."""
    ffmpeg, limits = _ffmpeg_that(tmp_path, WORKS), Limits(hwaccel="cuda", is_confined=False)
    trust = trust_of_process()
    for _ in range(MOST_FAILURES - 1):
        trust.blame(ffmpeg, limits, "h264", "odd")
    _by_hardware(drawn("h264.mp4"), ffmpeg)
    trust.blame(ffmpeg, limits, "h264", "odd")

    assert trust.may_try(ffmpeg, limits, "h264")


def test_a_video_that_software_cannot_decode_either_blames_nobody(
    tmp_path: Path, drawn: Drawn, caplog: pytest.LogCaptureFixture
) -> None:
    """It is unreadable for the reason that software gives."""
    path = tmp_path / "broken.mp4"
    whole = drawn("h264.mp4").read_bytes()
    start = whole.index(b"mdat") + 4
    path.write_bytes(whole[:start] + b"\xff" * (len(whole) - start))

    with pytest.raises(PipelineError) as expected:
        read_clip(path, way="sequential")
    with pytest.raises(PipelineError) as caught:
        _by_hardware(path, _ffmpeg_that(tmp_path, WORKS))

    assert getattr(caught.value, "reason", None) == getattr(expected.value, "reason", None)
    assert _warnings(caplog) == []


def test_codecs_whose_last_bit_is_the_decoder_s_stay_in_software(drawn: Drawn, tmp_path: Path) -> None:
    """Whoever decodes MPEG-4 or ProRes by hardware gets other pixels, so nobody does."""
    forget_said()

    _by_hardware(drawn("mpeg4-b.mp4"), _ffmpeg_that(tmp_path, WORKS))

    assert "tried by hardware" not in said_of_late()
    assert not any(can_decode(method, codec) for method in METHODS for codec in ("mpeg2video", "mjpeg", "prores"))
    assert all(can_decode(method, "h264") for method in METHODS)


def test_hardware_that_hangs_costs_half_of_the_time_and_no_video(drawn: Drawn, tmp_path: Path) -> None:
    """The other half is enough for software, and nothing is left behind."""
    expected = read_clip(drawn("h264.mp4"), way="sequential")

    reading = _by_hardware(drawn("h264.mp4"), _ffmpeg_that(tmp_path, "exec sleep 600"), time_limit_s=12.0)

    assert _are_same(reading, expected)
    names = {child.name() for child in psutil.Process().children(recursive=True) if child.is_running()}
    assert "sleep" not in names


def test_a_stop_is_obeyed_while_the_hardware_hangs(drawn: Drawn, tmp_path: Path) -> None:
    """It is no fault of the hardware, and nothing is tried after it."""
    facts = probe_video(drawn("h264.mp4"))
    asked = threading.Event()

    def should_stop() -> bool:
        was_asked = asked.is_set()
        asked.set()
        return was_asked

    frames = decode_frames(
        drawn("h264.mp4"),
        facts,
        plan_decode(facts, frames=2, way="sequential"),
        ffmpeg=_ffmpeg_that(tmp_path, "exec sleep 600"),
        limits=Limits(hwaccel="cuda", is_confined=False),
        should_stop=should_stop,
    )
    with pytest.raises(ScanStoppedError):
        list(frames)


def test_hardware_leaves_no_process_and_no_descriptor(drawn: Drawn, tmp_path: Path) -> None:
    """Neither where it works nor where software takes over."""
    ffmpeg = _ffmpeg_that(tmp_path, DEEDS["ends after two pictures"])
    _by_hardware(drawn("h264.mp4"), ffmpeg)
    trust_of_process.cache_clear()
    before = psutil.Process().num_fds()

    _by_hardware(drawn("h264.mp4"), ffmpeg, way="sequential")
    _by_hardware(drawn("h264.mp4"), ffmpeg, way="seek")
    _by_hardware(drawn("h264.mp4"), ffmpeg, way="keyframes")

    assert psutil.Process().num_fds() == before


def test_what_ffmpeg_says_of_a_failed_picture_is_known() -> None:
    """The sentences of its decoders; what it says of odd videos is none of them."""
    assert is_damaged("[h264 @ 0x55] hardware accelerator failed to decode picture")
    assert is_damaged("[av1 @ 0x55] HW accel end frame fail.")
    assert not is_damaged("[swscaler @ 0x55] deprecated pixel format used, make sure you did set range correctly")
    assert not is_damaged("[h264 @ 0x55] error while decoding MB 3 4")
