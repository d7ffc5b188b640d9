"""Compression and face size in bands, by what a file shows."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.drawing import X264, draw_sound, draw_video
from training.dataset import Item
from training.quality import UNKNOWN, band_key, bits_per_pixel, face_band, jpeg_quality, quality_band
from worker.pipeline.results import VideoFacts


def _item(path: Path, *, is_video: bool = False) -> Item:
    return Item(path=path, kind="video" if is_video else "image", label="real", source="drawn")


def _jpeg(quality: int) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 40, 3)).astype(np.uint8)
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


@pytest.mark.parametrize("quality", [1, 5, 30, 50, 75, 93, 100])
def test_the_quality_of_a_jpeg_is_read_from_its_tables(quality: int) -> None:
    """What a picture was last saved with stands in its header."""
    assert jpeg_quality(_jpeg(quality)) == quality


@pytest.mark.parametrize("content", [b"", b"\xff\xd8", b"\x89PNG\r\n", _jpeg(75)[:30], b"\xff\xd8\xff\xdb\x00\x00"])
def test_what_is_no_whole_jpeg_has_no_quality(content: bytes) -> None:
    """Nothing is guessed."""
    assert jpeg_quality(content) is None


def test_pictures_fall_into_bands(tmp_path: Path) -> None:
    """JPEG by quality, formats without loss together, and what says nothing apart."""
    contents = {"a.jpg": _jpeg(49), "b.jpg": _jpeg(75), "c.jpeg": _jpeg(95), "e.webp": b"RIFF....WEBPVP8 "}
    contents |= {"d.png": b"\x89PNG\r\n", "f.jpg": b"no picture"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)

    found = {name: quality_band(_item(tmp_path / name)) for name in contents}

    assert found == {
        "a.jpg": "JPEG under 50",
        "b.jpg": "JPEG 75-89",
        "c.jpeg": "JPEG 90-100",
        "d.png": "lossless",
        "e.webp": "WebP",
        "f.jpg": UNKNOWN,
    }
    assert quality_band(_item(tmp_path / "gone.jpg")) == UNKNOWN


def test_videos_fall_into_bands_of_codec_and_bits(tmp_path: Path) -> None:
    """The same pictures at a higher rate factor lie in a lower band; sound alone is no video."""
    fine = draw_video(tmp_path / "fine.mp4", seconds=1, arguments=[*X264, "-crf", "5"])
    rough = draw_video(tmp_path / "rough.mp4", seconds=1, arguments=[*X264, "-crf", "50"])
    draw_sound(tmp_path / "sound.mp4")

    bands = [quality_band(_item(path, is_video=True)) for path in (rough, fine, tmp_path / "sound.mp4")]

    assert all(band.startswith("h264, ") and band.endswith(" bit/px") for band in bands[:2])
    assert band_key(bands[0]) < band_key(bands[1])
    assert bands[2] == UNKNOWN


def test_bits_per_pixel_by_hand() -> None:
    """25 000 bytes over 100 pictures of 100 x 20 pixels are one bit a pixel; without a duration nobody knows."""
    known = {"container": "mp4", "codec": "h264", "width_px": 100, "height_px": 20, "rotation_deg": 0, "start_s": 0.0}
    rest = {"frame_rate": 25.0, "stream_index": 0, "keyframes_s": (), "file_size_bytes": 25_000}

    assert bits_per_pixel(VideoFacts(**known, **rest, duration_s=4.0)) == 1.0  # type: ignore[arg-type]  # a table
    assert bits_per_pixel(VideoFacts(**known, **rest, duration_s=None)) is None  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize(
    ("sides", "band"),
    [([50], "under 64 px"), ([64], "64-95 px"), ([95.5], "64-95 px"), ([100, 400, 200], "160-319 px"), ([320], "320")],
)
def test_faces_fall_into_bands_by_their_median_side(sides: list[float], band: str) -> None:
    """The longer side of the median face decides."""
    boxes = np.array([[0, 0, side / 2, side] for side in sides], np.float64)

    assert face_band(boxes).startswith(band)


def test_bands_sort_by_their_numbers() -> None:
    """Not by their letters."""
    bands = ["under 64 px", "64-95 px", "96-159 px", "160-319 px", "320 and more px"]

    assert sorted([bands[3], bands[0], bands[4], bands[2], bands[1]], key=band_key) == bands
    assert sorted(["JPEG 75-89", "JPEG under 50", "WebP"], key=band_key) == ["JPEG under 50", "JPEG 75-89", "WebP"]
