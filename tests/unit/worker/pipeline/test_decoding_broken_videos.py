"""Damaged and lying videos yield what is there, say so, and never a wrong picture."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.clips import Drawn
from tests.drawing import X264, claim_duration, cut_off, draw_video, overwrite_middle
from tests.reading import read_clip
from worker.pipeline.errors import Reason, TransientError, UnreadableVideoError
from worker.pipeline.limits import Limits
from worker.pipeline.results import VideoFacts


@pytest.mark.parametrize("name", ["h264-b.mkv", "h264-b.ts", "h264.flv", "mpeg2.mpg", "h264.avi"])
def test_truncated_video_yields_what_decodes(name: str, drawn: Drawn, tmp_path: Path) -> None:
    """Of the first 60 % of a file, the frames that are left come out evenly."""
    reading = read_clip(cut_off(drawn(name), tmp_path / name, share=0.6), frames=8)

    assert reading.numbers == reading.numbers_by_time
    assert len(reading.frames) >= 4
    assert max(reading.times_s) < 3.5


def test_truncated_mp4_with_its_index_in_front_is_named(tmp_path: Path) -> None:
    """An index that points behind the end of the file gives the warning, and the frames before it."""
    whole = draw_video(tmp_path / "whole.mp4", arguments=[*X264, "-movflags", "+faststart"])
    reading = read_clip(cut_off(whole, tmp_path / "cut.mp4", share=0.6), frames=8)

    assert reading.report.warnings == ["truncated"]
    assert reading.numbers == reading.numbers_by_time
    assert len(reading.frames) >= 7


def test_truncated_matroska_is_named(drawn: Drawn, tmp_path: Path) -> None:
    """A header that claims more than there is gives the warning."""
    reading = read_clip(cut_off(drawn("h264-b.mkv"), tmp_path / "cut.mkv", share=0.6), frames=8)

    assert reading.report.warnings == ["truncated"]


@pytest.mark.parametrize("name", ["h264-b.mkv", "h264-b.mp4"])
@pytest.mark.parametrize("claimed_s", [36_000.0, 1.0])
def test_claimed_duration_is_not_believed(name: str, claimed_s: float, drawn: Drawn, tmp_path: Path) -> None:
    """A header that claims ten hours, or one second, of four seconds changes nothing in the spread."""
    path = claim_duration(drawn(name), tmp_path / name, seconds=claimed_s)
    reading = read_clip(path, frames=8)

    assert reading.numbers == reading.numbers_by_time
    assert reading.times_s == pytest.approx([0.5 * index + 0.25 for index in range(8)], abs=0.03)


@pytest.mark.parametrize("name", ["h264-long-gop.mp4", "hevc10.mkv", "vp9.webm", "mpeg2.ts", "mpeg4.avi"])
def test_damage_in_the_middle_is_tolerated(name: str, drawn: Drawn, tmp_path: Path) -> None:
    """Noise over a part of the file costs pictures near it, not the video."""
    reading = read_clip(overwrite_middle(drawn(name), tmp_path / name), frames=8)

    assert len(reading.frames) >= 3
    assert reading.times_s == sorted(reading.times_s)
    assert reading.numbers[0] == reading.numbers_by_time[0]


def test_lying_index_falls_back_to_one_pass(drawn: Drawn) -> None:
    """Keyframes that do not exist send no seek astray for good: the frames are still the ones asked for."""

    def invent_keyframes(facts: VideoFacts) -> VideoFacts:
        return replace(facts, keyframes_s=tuple(index / 10 for index in range(40)))

    reading = read_clip(drawn("h264-long-gop.mp4"), frames=8, way="seek", change=invent_keyframes)

    assert reading.numbers == reading.numbers_by_time
    assert reading.times_s == pytest.approx(reading.plan.wanted_s, abs=0.021)


def test_too_long_plan_ends_with_what_exists(drawn: Drawn) -> None:
    """A duration ten times too long yields the frames that exist, and the warning."""
    reading = read_clip(
        drawn("h264.mp4"), frames=80, change=lambda facts: replace(facts, duration_s=40.0, keyframes_s=())
    )

    assert reading.numbers == reading.numbers_by_time
    assert len(reading.frames) == 8
    assert reading.report.warnings == ["truncated"]


def test_one_picture_is_enough(tmp_path: Path) -> None:
    """A video of a single picture gives that picture."""
    reading = read_clip(draw_video(tmp_path / "single.mp4", seconds=0.04), frames=8)

    assert reading.numbers == [0]


def test_nothing_decodable_has_no_frames(drawn: Drawn, tmp_path: Path) -> None:
    """Where the headers are whole and every picture is noise, the reason is `no_frames`."""
    whole = bytearray(drawn("h264.mp4").read_bytes())
    start = whole.index(b"mdat") + 4
    end = whole.index(b"moov") - 4
    whole[start:end] = b"\x5a" * (end - start)
    path = tmp_path / "noise.mp4"
    path.write_bytes(whole)

    with pytest.raises(UnreadableVideoError) as caught:
        read_clip(path)

    assert caught.value.reason == Reason.NO_FRAMES


def test_a_limit_too_low_for_ffmpeg_itself_is_no_fault_of_the_video(drawn: Drawn) -> None:
    """Where ffmpeg cannot even say its version, the video is kept for another attempt."""
    with pytest.raises(TransientError) as caught:
        read_clip(drawn("h264.mp4"), limits=Limits(memory_bytes=24 * 1024 * 1024))

    assert caught.value.reason == Reason.INTERNAL_ERROR
    assert "doctor" in caught.value.detail
