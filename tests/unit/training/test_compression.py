"""H.264 views: real encodings, of both classes, that repeat."""

import subprocess

import av
import cv2
import numpy as np
import pytest

from tests.unit.training.faces import draw_face
from training.compression import (
    H264Setting,
    decode_clip,
    draw_clip,
    draw_setting,
    encode_clip,
    encode_face,
    recompress_h264,
)
from training.errors import TrainingError
from worker.pipeline.ffmpeg import find_ffmpeg
from worker.pipeline.results import Pixels


def _faces(count: int = 4, side_px: int = 224) -> np.ndarray:
    rng = np.random.default_rng(5)
    drawn = [cv2.resize(draw_face(n, is_fake=False), (side_px, side_px)) for n in range(count)]
    # Fine detail, which is what a codec takes away first.
    noise = rng.normal(0, 6, (count, side_px, side_px, 1))
    return np.clip(np.stack(drawn) + noise, 0, 255).astype(np.uint8)


def _error(before: np.ndarray, after: np.ndarray) -> float:
    return float(((before.astype(float) - after) ** 2).mean())


def test_the_loss_grows_with_crf() -> None:
    """A higher constant rate factor costs more of every face, and CRF 18 costs little."""
    faces = _faces()

    losses = np.array(
        [[_error(face, recompress_h264(face[None], crf=crf)[0]) for face in faces] for crf in (18, 28, 40)]
    )

    assert (np.diff(losses, axis=0) > 0).all()
    assert losses[0].max() < 30
    assert losses[2].min() > 2 * losses[0].max()


def test_brightness_and_colour_order_stay() -> None:
    """A plain face comes back in its colour, to two grey levels."""
    plain = np.zeros((1, 224, 224, 3), np.uint8)
    plain[...] = (180, 90, 40)

    after = recompress_h264(plain, crf=23)

    assert np.abs(after.reshape(-1, 3).mean(axis=0) - (180, 90, 40)).max() < 2


@pytest.mark.parametrize("size", [(224, 224), (97, 61), (16, 16)])
def test_the_shape_stays_and_the_face_stays_in_its_place(size: tuple[int, int]) -> None:
    """Odd sides too; a square's middle moves by less than a pixel, whatever the grid and the drift."""
    picture = np.full((*size, 3), 40, np.uint8)
    top, left = size[0] // 4, size[1] // 4
    picture[top : top + size[0] // 2, left : left + size[1] // 2] = 220
    for seed in range(8):
        after = encode_face(picture, draw_setting(np.random.default_rng(seed)))
        rows, columns = np.nonzero(after[:, :, 1] > 130)

        assert after.shape == picture.shape
        assert after.dtype == np.uint8
        assert abs(rows.mean() - (top + size[0] // 4 - 0.5)) < 1.2
        assert abs(columns.mean() - (left + size[1] // 4 - 0.5)) < 1.2


def test_the_same_setting_gives_the_same_pixels() -> None:
    """An encoding repeats, so that a run does."""
    faces = _faces(2)
    for seed in range(40):
        setting = draw_setting(np.random.default_rng(seed))

        assert np.array_equal(encode_face(faces[seed % 2], setting), encode_face(faces[seed % 2], setting))


def test_a_small_face_loses_what_its_size_cannot_hold() -> None:
    """A face of 60 px in the video comes back without what is finer than that."""
    faces = _faces(2)

    large, small = recompress_h264(faces, crf=18), recompress_h264(faces, crf=18, side_px=60)

    assert cv2.Laplacian(small[0], cv2.CV_64F).var() < 0.2 * cv2.Laplacian(large[0], cv2.CV_64F).var()


def test_what_is_kept_is_predicted_from_its_neighbours() -> None:
    """The clip's last frame is no I frame: this is what most frames of a video are."""
    packets = encode_clip(draw_clip(_faces(1)[0], H264Setting(26)), crf=26, preset="veryfast")
    decoder = av.CodecContext.create("h264", "r")

    shown = [picture for packet in packets for picture in decoder.decode(av.Packet(packet))] + decoder.decode(None)

    assert len(shown) == 3
    assert [picture.key_frame for picture in shown] == [True, False, False]


def test_ffmpeg_reads_the_stream_as_we_do() -> None:
    """The bytes are H.264 that the worker's ffmpeg decodes to the same pixels, but for rounding."""
    # Without colour, whose halved samples the two place half a pixel apart.
    grey = np.ascontiguousarray(np.repeat(_faces(1)[0][:, :, :1], 3, axis=2))
    clip = draw_clip(grey, H264Setting(30))
    packets = encode_clip(clip, crf=30, preset="veryfast")
    scale = "scale=flags=bicubic+accurate_rnd+full_chroma_int,format=rgb24"
    command = [str(find_ffmpeg()), "-v", "error", "-f", "h264", "-i", "pipe:0", "-vf", scale]

    output = subprocess.run(
        [*command, "-f", "rawvideo", "pipe:1"], input=b"".join(packets), capture_output=True, check=True
    ).stdout

    frames: list[Pixels] = decode_clip(packets)
    other = np.frombuffer(output, np.uint8).reshape(3, 224, 224, 3)
    assert np.abs(other.astype(int) - np.stack(frames)).mean() < 0.5


def test_settings_stay_within_the_stated_ranges() -> None:
    """CRF 18 to 40, sides of 60 to 200 px or the crop's own, both often."""
    settings = [draw_setting(np.random.default_rng(seed)) for seed in range(300)]
    sides = [setting.side_px for setting in settings if setting.side_px is not None]

    assert {setting.crf for setting in settings} == set(range(18, 41))
    assert 60 <= min(sides) < 70
    assert 190 < max(sides) <= 200
    assert 100 < len(sides) < 200


@pytest.mark.parametrize(
    ("crops", "options", "message"),
    [
        (np.zeros((1, 32, 32, 3), np.uint8), {"crf": 52}, "crf must be from 0 to 51, got 52"),
        (np.zeros((1, 32, 32, 3), np.uint8), {"crf": 20, "frames": 0}, "frames of a clip .* got 0"),
        (np.zeros((1, 32, 32, 3), np.uint8), {"crf": 20, "side_px": 4}, "side_px .* got 4"),
        (np.zeros((32, 32, 3), np.uint8), {"crf": 20}, r"crops must be .* got \(32, 32, 3\)"),
        (np.zeros((1, 32, 32, 3), np.float32), {"crf": 20}, "got .* float32"),
    ],
)
def test_what_cannot_be_encoded_is_refused(crops: np.ndarray, options: dict[str, int], message: str) -> None:
    """The message names the value."""
    with pytest.raises(TrainingError, match=message):
        recompress_h264(crops, **options)


def test_no_crops_give_none() -> None:
    """An empty array goes through."""
    assert recompress_h264(np.zeros((0, 224, 224, 3), np.uint8), crf=23).shape == (0, 224, 224, 3)
