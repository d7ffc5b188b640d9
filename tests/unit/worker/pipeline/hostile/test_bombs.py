"""What is small on the disk and claims to be huge is refused, or read as far as the limits go."""

from pathlib import Path

import pytest

from tests.clips import Drawn
from tests.drawing import claim_duration, draw_video
from tests.hostile_files import (
    claim_samples,
    claim_size,
    claim_size_in_header,
    lie_about_element,
    nest_tags,
    path_to_box,
    repeat_track,
    write_h264,
)
from tests.unit.worker.pipeline.hostile.judging import look_at, with_time

HUGE = 100_000


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("codec", ["png", "mjpeg"])
def test_a_picture_of_ten_thousand_megapixels_is_not_made_room_for(codec: str, tmp_path: Path) -> None:
    """Pictures that claim more pixels than the limit, in a container that claims few, are not decoded."""
    whole = draw_video(tmp_path / "whole.mov", seconds=0.4, arguments=["-c:v", codec])
    side = min(HUGE, 65_535 if codec == "mjpeg" else HUGE)
    bomb = _write(tmp_path / "bomb.mov", claim_size(whole.read_bytes(), side, side, codec=codec.encode()))

    assert look_at(bomb).reason in ("no_frames", "too_large")


@pytest.mark.parametrize("codec", ["png", "mjpeg"])
def test_a_bomb_that_its_header_admits_is_too_large(codec: str, tmp_path: Path) -> None:
    """A size that a decoder would take, and that is over our limit, is named before anything is decoded."""
    whole = draw_video(tmp_path / "whole.mov", seconds=0.4, arguments=["-c:v", codec])
    data = claim_size(whole.read_bytes(), 16_000, 14_000, codec=codec.encode())
    end = look_at(_write(tmp_path / "bomb.mov", claim_size_in_header(data, 16_000, 14_000)))

    assert end.reason == "too_large"
    assert "16000 x 14000" in str(end.refusal)


def test_an_h264_stream_of_huge_pictures_is_refused(tmp_path: Path) -> None:
    """A parameter set of some bytes announces 100,000 x 100,000 pixels."""
    assert look_at(_write(tmp_path / "bomb.h264", write_h264(HUGE, HUGE))).reason in ("too_large", "no_frames")


def test_an_h264_stream_over_the_limit_names_its_size(tmp_path: Path) -> None:
    """One that a decoder would take, and that is over our limit."""
    end = look_at(_write(tmp_path / "bomb.h264", write_h264(16_000, 12_000)))

    assert end.reason in ("too_large", "no_frames")


@pytest.mark.slow
@pytest.mark.parametrize("count", [1_000_000, 50_000_000, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_million_frames_in_a_few_kilobytes(count: int, drawn: Drawn, tmp_path: Path) -> None:
    """A table of contents that claims millions of pictures costs no memory beyond the limit."""
    bomb = _write(tmp_path / "bomb.mp4", claim_samples(drawn("h264.mp4").read_bytes(), count))
    assert bomb.stat().st_size < 100_000

    assert look_at(bomb, limits=with_time(4.0)).reason in (
        "decoded",
        "no_frames",
        "memory_limit",
        "time_limit",
        "too_long",
        "not_a_video",
    )


@pytest.mark.parametrize("count", [101, 5_000])
def test_thousands_of_streams_in_a_film_are_refused(count: int, tmp_path: Path) -> None:
    """A file that repeats its track thousands of times is too large, by name."""
    whole = draw_video(tmp_path / "whole.mp4", seconds=0.2)
    end = look_at(_write(tmp_path / "bomb.mp4", repeat_track(whole.read_bytes(), count)))

    assert end.reason == "too_large"
    assert "streams" in str(end.refusal)


@pytest.mark.parametrize("name", ["h264-b.mp4", "h264-b.mkv"])
@pytest.mark.parametrize("seconds", [1e5, 1e9, 4e9])
def test_a_claim_of_hours_or_years_buys_no_time(name: str, seconds: float, drawn: Drawn, tmp_path: Path) -> None:
    """Four seconds that claim to be a day, or a century, are looked at as four seconds."""
    end = look_at(claim_duration(drawn(name), tmp_path / name, seconds=seconds))

    assert end.reading is not None
    assert max(end.reading.times_s) < 4
    assert end.reading.numbers == end.reading.numbers_by_time


@pytest.mark.parametrize("kind", [b"ftyp", b"moov", b"trak", b"stbl", b"stsz", b"mdat"])
@pytest.mark.parametrize("size", [0, 1, 7, 8, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_box_that_lies_about_its_size(kind: bytes, size: int, drawn: Drawn, tmp_path: Path) -> None:
    """Empty, cut, endless, larger than the file: no size of a box costs time or memory."""
    data = bytearray(drawn("h264.mp4").read_bytes())
    at = path_to_box(bytes(data), kind)[-1]
    data[at : at + 4] = size.to_bytes(4, "big")

    end = look_at(_write(tmp_path / "lying.mp4", bytes(data)))

    assert end.reason in ("decoded", "no_frames", "not_a_video", "unsupported_codec")


@pytest.mark.parametrize("size", [0, 1, 15, 2**63 - 1, 2**63, 2**64 - 1])
def test_a_wide_box_that_lies_about_its_size(size: int, drawn: Drawn, tmp_path: Path) -> None:
    """The same for sizes of 64 bits, in front of an otherwise good film."""
    head = (1).to_bytes(4, "big") + b"free" + size.to_bytes(8, "big")
    path = _write(tmp_path / "lying.mp4", head + drawn("h264.mp4").read_bytes())

    assert look_at(path).reason in ("decoded", "no_frames", "not_a_video")


@pytest.mark.parametrize("depth", [10, 1_000, 20_000])
def test_tags_within_tags(depth: int, drawn: Drawn, tmp_path: Path) -> None:
    """A Matroska file that nests its elements deeply overflows no stack."""
    path = _write(tmp_path / "deep.mkv", nest_tags(drawn("h264-b.mkv").read_bytes(), depth))

    assert look_at(path).reason in ("decoded", "no_frames", "not_a_video")


def test_an_element_larger_than_any_disk(drawn: Drawn, tmp_path: Path) -> None:
    """A Matroska element that claims 2^56 bytes is not made room for."""
    path = _write(tmp_path / "lying.mkv", lie_about_element(drawn("h264-b.mkv").read_bytes()))

    assert look_at(path).reason in ("decoded", "no_frames", "not_a_video")
