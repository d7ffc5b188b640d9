"""Rotation, aspect, odd sizes, variable rates and HDR come out upright, square-pixelled and in 8 bits."""

from pathlib import Path

import numpy as np
import pytest

from tests.drawing import (
    RATE,
    X264,
    X265_10,
    Pixels,
    draw_hdr,
    draw_rotated,
    draw_slides,
    draw_unindexed,
    draw_variable_rate,
    draw_video,
)
from tests.reading import read_clip
from worker.pipeline.limits import Limits


@pytest.mark.parametrize("clockwise_deg", [90, 180, 270])
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_rotated_video_comes_out_upright(clockwise_deg: int, suffix: str, tmp_path: Path) -> None:
    """The display matrix is applied to size and pictures."""
    reading = read_clip(draw_rotated(tmp_path / f"turned.{suffix}", clockwise_deg=clockwise_deg))

    assert reading.facts.rotation_deg == clockwise_deg
    assert (reading.facts.width_px, reading.facts.height_px) == (120, 160)
    assert {frame.pixels.shape for frame in reading.frames} == {(160, 120, 3)}
    assert reading.numbers == reading.numbers_by_time


@pytest.mark.parametrize("way", ["sequential", "seek"])
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_variable_rate_frames_keep_their_own_times(suffix: str, way: str, tmp_path: Path) -> None:
    """Where the rate drops from 25 to 2.5, each frame still shows its own time."""
    reading = read_clip(draw_variable_rate(tmp_path / f"variable.{suffix}"), frames=10, way=way)

    assert reading.numbers == reading.numbers_by_time
    assert len(reading.frames) >= 9


def test_each_slide_of_a_slow_show_is_seen(tmp_path: Path) -> None:
    """Three pictures in fifteen seconds all come out, the first too, which is shown before any wanted time."""
    reading = read_clip(draw_slides(tmp_path / "slides.mp4"), frames=8)

    assert reading.numbers == [0, 5 * RATE, 10 * RATE]


@pytest.mark.parametrize("size", [(161, 121), (99, 33), (64, 200)])
def test_odd_sizes_are_kept(size: tuple[int, int], tmp_path: Path) -> None:
    """A picture with odd sides comes out with the same sides."""
    arguments = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv444p"]
    reading = read_clip(draw_video(tmp_path / "odd.mp4", seconds=1, size=size, arguments=arguments), frames=3)

    assert reading.frames[0].pixels.shape == (size[1], size[0], 3)
    assert reading.frames[0].scale == 1.0


def test_large_video_is_made_smaller_with_its_scale(tmp_path: Path) -> None:
    """The long side is at most the limit, and `scale` leads back to displayed pixels."""
    path = draw_video(tmp_path / "large.mp4", seconds=0.4, size=(640, 360))
    reading = read_clip(path, frames=2, limits=Limits(decoded_side_px=320))

    assert reading.frames[0].pixels.shape == (180, 320, 3)
    assert reading.frames[0].scale == 2.0
    assert reading.numbers == reading.numbers_by_time


def test_pixel_aspect_widens_the_picture(tmp_path: Path) -> None:
    """Pixels of 4:3 make 160 stored columns 213 displayed ones."""
    path = draw_video(tmp_path / "wide.mp4", seconds=1, arguments=["-vf", "setsar=4/3", *X264])
    reading = read_clip(path, frames=2)

    assert (reading.facts.width_px, reading.facts.height_px) == (213, 120)
    assert reading.frames[0].pixels.shape == (120, 213, 3)
    assert reading.numbers == reading.numbers_by_time


def test_start_time_is_taken_off(tmp_path: Path) -> None:
    """A video whose first picture is at 7 s starts at 0 all the same."""
    path = draw_video(tmp_path / "late.mkv", arguments=["-output_ts_offset", "7", *X264])
    reading = read_clip(path, frames=4, way="seek")

    assert reading.facts.start_s == 7.0
    assert reading.numbers == reading.numbers_by_time


def test_recording_without_index_is_measured_first(tmp_path: Path) -> None:
    """Matroska without duration and cues gives evenly spread frames, and its measured duration."""
    reading = read_clip(draw_unindexed(tmp_path / "live.mkv"), frames=8)

    assert reading.facts.duration_s is None
    assert reading.report.duration_s == pytest.approx(4.0, abs=0.05)
    assert reading.numbers == reading.numbers_by_time
    assert reading.times_s == pytest.approx([0.5 * index + 0.25 for index in range(8)], abs=0.03)


def _paint_patches(picture: Pixels, number: int) -> None:
    height, width = picture.shape[:2]
    for index, colour in enumerate([(200, 30, 30), (30, 200, 30), (30, 30, 200), (180, 140, 120)]):
        picture[height // 2 :, width * index // 4 : width * (index + 1) // 4] = colour


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(X264, id="8 bits"),
        pytest.param(X265_10, id="10 bits"),
        pytest.param((*X264, "-vf", "scale=out_range=full", "-color_range", "pc"), id="full range"),
        pytest.param(
            (*X264, "-vf", "scale=out_color_matrix=bt709", "-colorspace", "bt709"), id="BT.709 said in a small one"
        ),
    ],
)
def test_colours_survive(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """Matrix, range and depth are undone: each patch is what was painted, within coding loss."""
    path = draw_video(tmp_path / "patches.mp4", seconds=0.4, arguments=arguments, paint=_paint_patches)
    pixels = read_clip(path, frames=1).frames[0].pixels.astype(int)

    painted = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (180, 140, 120)]
    found = [pixels[90:110, 40 * index + 15 : 40 * index + 25].mean(axis=(0, 1)) for index in range(4)]
    assert np.abs(np.array(found) - np.array(painted)).max() < 8


def test_high_dynamic_range_is_tone_mapped(tmp_path: Path) -> None:
    """PQ pictures span black to white in 8 bits and show their numbers."""
    reading = read_clip(draw_hdr(tmp_path / "hdr.mp4"), frames=4)
    pixels = reading.frames[0].pixels

    assert reading.facts.color_transfer == 16
    assert reading.numbers == reading.numbers_by_time
    assert pixels.min() < 20
    assert pixels.max() > 180
