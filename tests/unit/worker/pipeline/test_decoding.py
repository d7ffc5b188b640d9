"""Every frame is the picture that its time says, on every codec and container, by either way of reaching it."""

import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.clips import Drawn
from tests.drawing import MPEG2, PRORES, RATE, RECIPES, X264_B, draw_video, read_number
from tests.reading import read_clip
from worker.pipeline.decoding import DecodeReport, decode_frames
from worker.pipeline.ffmpeg import find_ffmpeg
from worker.pipeline.gathering import REORDERED_PICTURES
from worker.pipeline.probe import probe_video
from worker.pipeline.probe_helper import ProbeHelper
from worker.pipeline.sampling import GATHERED_MOST, DecodePlan, Leap

HALF_INTERVAL_S = 0.5 / RATE + 1e-6
SECONDS = 4.0
GATHERED = (
    "h264.mp4",
    "h264-b.mp4",
    "h264-fragmented.mp4",
    "h264-b.mkv",
    "h264-b.mov",
    "hevc10.mp4",
    "hevc10.mkv",
    "av1.mp4",
    "av1.webm",
    "vp9.webm",
    "vp9.mp4",
    "mpeg4-b.mp4",
    "prores.mov",
)


@pytest.mark.parametrize("way", ["sequential", "seek"])
@pytest.mark.parametrize("name", [recipe.name for recipe in RECIPES])
def test_each_frame_is_the_one_asked_for(name: str, way: str, drawn: Drawn) -> None:
    """The picture shows its own time's number, and lies within half a frame interval of the wanted time."""
    reading = read_clip(drawn(name), frames=8, way=way)

    wanted_s = reading.plan.wanted_s or [SECONDS * (index + 0.5) / 8 for index in range(8)]
    assert reading.numbers == reading.numbers_by_time
    assert reading.times_s == pytest.approx(wanted_s, abs=HALF_INTERVAL_S)
    assert reading.report.warnings == []


@pytest.mark.parametrize("name", [recipe.name for recipe in RECIPES])
def test_keyframes_alone_are_the_ones_asked_for(name: str, drawn: Drawn) -> None:
    """By one decoder where container and codec allow it, else by seeks, the pictures show their own times."""
    reading = read_clip(drawn(name), frames=8, way="keyframes")

    wanted_s = reading.plan.wanted_s or [SECONDS * (index + 0.5) / 8 for index in range(8)]
    assert reading.numbers == reading.numbers_by_time
    assert reading.times_s == pytest.approx(wanted_s, abs=REORDERED_PICTURES / RATE + HALF_INTERVAL_S)
    assert reading.report.warnings == []


@pytest.mark.parametrize("name", GATHERED)
def test_gathered_keyframes_are_the_pictures_that_seeks_find(name: str, drawn: Drawn) -> None:
    """One decoder that is given the keyframes alone shows the same as one for each of them, to the last bit."""
    compare_gathered_with_sought(drawn(name))


@pytest.mark.parametrize("tags", [("-colorspace", "bt709"), ("-colorspace", "bt2020nc", "-color_range", "pc")])
def test_gathered_keyframes_keep_the_colours_that_only_the_container_names(
    tags: tuple[str, ...], tmp_path: Path
) -> None:
    """MPEG-4 names no matrix in its pictures; the file does, and so must the small one."""
    primaries = ("-color_primaries", "bt709", "-color_trc", "bt709")
    encoding = ("-c:v", "mpeg4", "-q:v", "3", "-g", "12", *primaries, *tags)

    compare_gathered_with_sought(draw_video(tmp_path / "tagged.mp4", arguments=encoding))


def compare_gathered_with_sought(path: Path) -> None:
    """Decodes keyframes by both ways, and holds the pictures against each other."""
    gathered = read_clip(path, frames=8, way="keyframes")
    (leap,) = gathered.plan.leaps
    apart = replace(gathered.plan, leaps=leap.apart())

    sought = list(decode_frames(path, gathered.facts, apart, ffmpeg=find_ffmpeg()))

    assert leap.only_keyframes
    assert not gathered.report.fell_back
    assert gathered.times_s == pytest.approx([frame.t_s for frame in sought], abs=1e-6)
    assert all(np.array_equal(one.pixels, other.pixels) for one, other in zip(gathered.frames, sought, strict=True))


def test_open_groups_of_pictures_are_sought_again(drawn: Drawn) -> None:
    """A keyframe after which earlier pictures follow may be lost among strangers: seeks find those that are missing."""
    reading = read_clip(drawn("h264-open-gop.mp4"), frames=8, way="keyframes")

    assert reading.report.fell_back
    assert reading.numbers == [0, 25, 50, 75]


def test_keyframes_that_the_index_only_claims_are_not_taken_for_others(drawn: Drawn) -> None:
    """Where it lies about places, what is shown is still what its time says."""
    path = drawn("h264-b.mp4")
    facts = probe_video(path)
    lies = (0.3, 1.4, 2.6, 3.3)
    plan = DecodePlan((Leap(0.3, lies, only_keyframes=True),), frames=4, max_frames=4, step_s=1.0)

    frames = list(decode_frames(path, facts, plan, ffmpeg=find_ffmpeg()))

    assert [read_number(frame.pixels) for frame in frames] == [round(frame.t_s * RATE) for frame in frames]
    assert [frame.t_s for frame in frames] == pytest.approx(lies, abs=HALF_INTERVAL_S)


def test_hundreds_of_keyframes_are_gathered_in_parts(tmp_path: Path) -> None:
    """A decoder waits for all that it is given: no more than some at once."""
    encoding = (*PRORES,)
    reading = read_clip(draw_video(tmp_path / "all.mov", seconds=4, arguments=encoding), frames=70, way="keyframes")

    assert [len(leap.wanted_s) for leap in reading.plan.leaps] == [GATHERED_MOST, GATHERED_MOST, 6]
    assert len(reading.frames) == 70
    assert reading.numbers == reading.numbers_by_time
    assert not reading.report.fell_back


@pytest.mark.parametrize("said", [None, "no list", [1.0] * 99, [float("nan")], [2.0, 1.0], ["1.0"], [True], []])
def test_what_the_probing_process_says_of_times_is_checked(
    said: object, drawn: Drawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has read what a stranger wrote: times that cannot be are none, and the keyframes are sought."""
    exchange = ProbeHelper._exchange

    def lie(self: ProbeHelper, *arguments: Any, **named: Any) -> bytes:
        answer = json.loads(exchange(self, *arguments, **named))
        return json.dumps({**answer, "times_s": said} if "times_s" in answer else answer).encode()

    monkeypatch.setattr(ProbeHelper, "_exchange", lie)

    reading = read_clip(drawn("h264-b.mp4"), frames=8, way="keyframes")

    assert reading.report.fell_back
    assert reading.numbers == [0, 25, 50, 75]


@pytest.mark.parametrize("name", [recipe.name for recipe in RECIPES])
def test_chosen_way_keeps_spread_even(name: str, drawn: Drawn) -> None:
    """By the cheapest way too, gaps stay between half and one and a half slices."""
    reading = read_clip(drawn(name), frames=8)

    gaps_s = [after - before for before, after in zip(reading.times_s, reading.times_s[1:], strict=False)]
    assert reading.numbers == reading.numbers_by_time
    assert len(gaps_s) == 7
    assert min(gaps_s) >= 0.5 * SECONDS / 8 - 2 * HALF_INTERVAL_S
    assert max(gaps_s) <= 1.5 * SECONDS / 8 + 2 * HALF_INTERVAL_S


@pytest.mark.parametrize("encoder", [X264_B, MPEG2], ids=["h264", "mpeg2"])
def test_long_transport_stream_is_sought_without_an_index(encoder: tuple[str, ...], tmp_path: Path) -> None:
    """A seek into a transport stream lands somewhere in a GOP, and still the frames asked for come out."""
    reading = read_clip(draw_video(tmp_path / "long.ts", seconds=38, arguments=encoder), frames=8, way="seek")

    assert len(reading.plan.leaps) == 8
    assert reading.numbers == reading.numbers_by_time
    assert reading.times_s == pytest.approx(reading.plan.wanted_s, abs=HALF_INTERVAL_S)
    assert not reading.report.fell_back


def test_more_frames_wanted_than_there_are_gives_each_once(drawn: Drawn) -> None:
    """A clip of 100 pictures yields at most those, rising, when 300 are wanted."""
    reading = read_clip(drawn("h264.mp4"), frames=300, max_frames=300)

    assert reading.numbers == list(range(100))


def test_without_a_file_in_memory_each_keyframe_is_sought(drawn: Drawn, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that gives none is asked once, whatever the number of parts; the pictures are the same."""
    path = drawn("h264.mp4")
    gathered = read_clip(path, frames=8, way="keyframes")
    (leap,) = gathered.plan.leaps
    half = len(leap.wanted_s) // 2
    parts = tuple(Leap(times[0], times, only_keyframes=True) for times in (leap.wanted_s[:half], leap.wanted_s[half:]))
    asked: list[int] = []

    def refuse(_name: str, flags: int) -> int:
        asked.append(flags)
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as patched:
        patched.setattr(os, "memfd_create", refuse)
        plan = replace(gathered.plan, leaps=parts)
        report = DecodeReport()
        frames = list(decode_frames(path, gathered.facts, plan, ffmpeg=find_ffmpeg(), report=report))

    assert len(asked) == 1
    assert report.fell_back
    assert [frame.t_s for frame in frames] == pytest.approx(gathered.times_s, abs=1e-6)


def test_a_kernel_that_knows_no_seal_gathers_too(drawn: Drawn, monkeypatch: pytest.MonkeyPatch) -> None:
    """It refuses the word, and is asked again without."""
    create = os.memfd_create

    def refuse_unknown(name: str, flags: int) -> int:
        if flags != os.MFD_CLOEXEC:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return create(name, flags)

    monkeypatch.setattr(os, "memfd_create", refuse_unknown)

    assert not read_clip(drawn("h264.mp4"), frames=8, way="keyframes").report.fell_back
