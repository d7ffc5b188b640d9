"""Draws small videos whose every picture says its own number, in many codecs and containers.

Picture n shows n as ten black or white blocks in its top third (most significant first), and is presented n / RATE
seconds after the first. So a test reads from a decoded frame which one it is.
"""

import struct
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

RATE = 25
BITS = 10
SIZE = (160, 120)

Pixels = NDArray[np.uint8]
Paint = Callable[[Pixels, int], None]

X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "25")
X264_B = (*X264, "-bf", "3", "-b_strategy", "0")
X264_LONG_GOP = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "500")
X264_OPEN_GOP = (*X264_B, "-x264-params", "open-gop=1:scenecut=0")
X265_10 = (
    "-c:v",
    "libx265",
    "-preset",
    "ultrafast",
    "-pix_fmt",
    "yuv420p10le",
    "-g",
    "25",
    "-x265-params",
    "log-level=none",
)
AV1 = ("-c:v", "libsvtav1", "-preset", "12", "-pix_fmt", "yuv420p", "-g", "25")
VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-pix_fmt", "yuv420p", "-g", "25")
VVC = ("-c:v", "libvvenc", "-preset", "faster", "-pix_fmt", "yuv420p10le", "-g", "25")
MPEG4 = ("-c:v", "mpeg4", "-q:v", "3", "-bf", "2", "-g", "12")
MPEG4_PLAIN = ("-c:v", "mpeg4", "-q:v", "3", "-g", "12")
MPEG2 = ("-c:v", "mpeg2video", "-q:v", "3", "-bf", "2", "-g", "12")
MPEG1 = ("-c:v", "mpeg1video", "-q:v", "3", "-bf", "2", "-g", "12")
FLV1 = ("-c:v", "flv", "-q:v", "3", "-g", "25")
WMV2 = ("-c:v", "wmv2", "-q:v", "3", "-g", "25")
THEORA = ("-c:v", "libtheora", "-q:v", "8", "-g", "25")
MJPEG = ("-c:v", "mjpeg", "-q:v", "3")
PQ = "log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"
PRORES = ("-c:v", "prores")


@dataclass(frozen=True)
class Recipe:
    """How a clip is drawn: its file name, and ffmpeg's arguments for the encoder and the container."""

    name: str
    arguments: tuple[str, ...]


RECIPES = (
    Recipe("h264.mp4", X264),
    Recipe("h264-b.mp4", X264_B),
    Recipe("h264-open-gop.mp4", X264_OPEN_GOP),
    Recipe("h264-long-gop.mp4", X264_LONG_GOP),
    Recipe("h264-fragmented.mp4", (*X264, "-movflags", "frag_keyframe+empty_moov")),
    Recipe("h264-b.mkv", X264_B),
    Recipe("h264-b.mov", X264_B),
    Recipe("h264-b.ts", X264_B),
    Recipe("h264.flv", X264),
    Recipe("h264.avi", X264),
    Recipe("hevc10.mp4", X265_10),
    Recipe("hevc10.mkv", X265_10),
    Recipe("av1.mp4", AV1),
    Recipe("av1.webm", AV1),
    Recipe("vp9.webm", VP9),
    Recipe("vp9.mp4", VP9),
    Recipe("vvc.mp4", VVC),
    Recipe("mpeg4.avi", MPEG4_PLAIN),
    Recipe("mpeg4-b.avi", MPEG4),
    Recipe("h264-b.avi", X264_B),
    Recipe("mpeg4-b.mp4", MPEG4),
    Recipe("mpeg2.mpg", MPEG2),
    Recipe("mpeg2.ts", MPEG2),
    Recipe("mpeg1.mpg", MPEG1),
    Recipe("flv1.flv", FLV1),
    Recipe("wmv2.wmv", WMV2),
    Recipe("theora.ogv", THEORA),
    Recipe("mpeg2.mxf", ("-c:v", "mpeg2video", "-q:v", "3", "-g", "12")),
    Recipe("mjpeg.avi", MJPEG),
    Recipe("prores.mov", PRORES),
)


def ffmpeg_binary() -> str:
    """The ffmpeg that draws."""
    return imageio_ffmpeg.get_ffmpeg_exe()


def run_ffmpeg(arguments: Sequence[str | bytes | Path], *, stdin: bytes | None = None) -> bytes:
    """Run ffmpeg to its end and return what it wrote; its complaint is in the error."""
    command = [ffmpeg_binary(), "-hide_banner", "-v", "error", "-y", *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"ffmpeg failed ({done.returncode}): {done.stderr.decode(errors='replace')[-2000:]}")
    return done.stdout


def paint_number(picture: Pixels, number: int) -> None:
    """Write `number` into a picture of any size, as blocks over the top third."""
    height, width = picture.shape[:2]
    for bit in range(BITS):
        left, right = width * bit // BITS, width * (bit + 1) // BITS
        is_set = number >> (BITS - 1 - bit) & 1
        picture[: height // 3, left:right] = 255 if is_set else 0


def read_number(picture: Pixels) -> int:
    """The number in a decoded picture, upright."""
    height, width = picture.shape[:2]
    band = picture[height // 12 : height // 4].astype(np.float64).mean(axis=(0, 2))
    number = 0
    for bit in range(BITS):
        middle = band[int(width * (bit + 0.35) / BITS) : int(width * (bit + 0.65) / BITS) + 1].mean()
        number = number << 1 | int(middle > 127)
    return number


def draw_pictures(frames: int, *, size: tuple[int, int] = SIZE, turns: int = 0, paint: Paint | None = None) -> bytes:
    """Raw RGB pictures, numbered from 0.

    Args:
        frames: how many.
        size: width and height, upright.
        turns: quarter turns counter-clockwise that each picture is given before it is stored.
        paint: draws more into each, before the number.
    """
    width, height = size
    ramp = np.linspace(40, 200, width, dtype=np.uint8)
    picture = np.empty((height, width, 3), dtype=np.uint8)
    raw = []
    for number in range(frames):
        picture[:] = np.roll(ramp, number)[None, :, None]
        if paint is not None:
            paint(picture, number)
        paint_number(picture, number)
        raw.append(np.rot90(picture, turns).tobytes())
    return b"".join(raw)


def draw_video(
    path: Path,
    *,
    seconds: float = 4.0,
    arguments: Sequence[str] = X264,
    before_input: Sequence[str] = (),
    size: tuple[int, int] = SIZE,
    turns: int = 0,
    paint: Paint | None = None,
) -> Path:
    """Draw a numbered video of `seconds` at `RATE` with the given encoder and container arguments."""
    width, height = size if turns % 2 == 0 else size[::-1]
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(RATE)]
    pictures = draw_pictures(round(seconds * RATE), size=size, turns=turns, paint=paint)
    run_ffmpeg([*raw, *before_input, "-i", "pipe:0", *arguments, path], stdin=pictures)
    return path


def draw_recipe(folder: Path, recipe: Recipe, *, seconds: float = 4.0) -> Path:
    """Draw one of `RECIPES` under its own name."""
    return draw_video(folder / recipe.name, seconds=seconds, arguments=recipe.arguments)


def draw_rotated(path: Path, *, clockwise_deg: int) -> Path:
    """An upright portrait video stored turned, with the display matrix that turns it back clockwise."""
    upright = path.with_name(f"stored-{path.name}")
    # ffmpeg's option counts counter-clockwise, and so do the turns.
    draw_video(upright, size=(120, 160), turns=clockwise_deg // 90)
    run_ffmpeg(["-display_rotation", str(-clockwise_deg), "-i", upright, "-c", "copy", path])
    upright.unlink()
    return path


def draw_variable_rate(path: Path, *, arguments: Sequence[str] = X264) -> Path:
    """Pictures 0-49 whole, then every tenth: 25, then 2.5 a second; numbers still tell the time."""
    keep = "select='lt(n,50)+not(mod(n,10))'"
    return draw_video(path, seconds=6.0, arguments=["-vf", keep, "-fps_mode", "passthrough", *arguments])


def draw_slides(path: Path) -> Path:
    """Three pictures, five seconds apart."""
    keep = f"select='not(mod(n,{5 * RATE}))'"
    return draw_video(path, seconds=15.0, arguments=["-vf", keep, "-fps_mode", "passthrough", *X264])


def draw_hdr(path: Path) -> Path:
    """Ten-bit HEVC tagged BT.2020 and PQ."""
    return draw_video(path, seconds=1.0, arguments=[*X265_10, "-x265-params", PQ])


def draw_unindexed(path: Path, *, seconds: float = 4.0) -> Path:
    """Matroska as a live recorder leaves it: no duration, no cues."""
    pictures = draw_pictures(round(seconds * RATE))
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{SIZE[0]}x{SIZE[1]}", "-r", str(RATE), "-i", "pipe:0"]
    path.write_bytes(run_ffmpeg([*raw, *X264, "-f", "matroska", "-live", "1", "pipe:1"], stdin=pictures))
    return path


def draw_sound(path: Path, *, cover: bool = False) -> Path:
    """Sound alone, or with a cover picture."""
    sine = ["-f", "lavfi", "-i", "sine=duration=1"]
    if not cover:
        run_ffmpeg([*sine, path])
        return path
    picture = ["-f", "lavfi", "-i", "color=s=64x64:d=1", "-map", "0", "-map", "1", "-frames:v", "1"]
    run_ffmpeg([*sine, *picture, "-c:v", "png", "-disposition:v", "attached_pic", path])
    return path


def draw_picture(path: Path, *, codec: str) -> Path:
    """One still picture, written under any name."""
    muxer = {"gif": "gif", "webp": "webp"}.get(codec, "image2pipe")
    encoder = {"webp": "libwebp"}.get(codec, codec)
    made = run_ffmpeg(
        ["-f", "lavfi", "-i", "testsrc=s=64x64", "-frames:v", "1", "-c:v", encoder, "-f", muxer, "pipe:1"]
    )
    path.write_bytes(made)
    return path


def draw_encrypted(path: Path) -> Path:
    """MP4 under Common Encryption."""
    key = ["-encryption_key", "76a6c65c5ea762046bd749a2e632ccbb", "-encryption_kid", "a7e61c373e219033c21091fa607bf3b8"]
    return draw_video(path, seconds=1.0, arguments=[*X264, "-encryption_scheme", "cenc-aes-ctr", *key])


def cut_off(source: Path, path: Path, *, share: float) -> Path:
    """The first `share` of a file's bytes."""
    whole = source.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    return path


def overwrite_middle(source: Path, path: Path, *, share: float = 0.02) -> Path:
    """The file with a stretch in its middle replaced by noise."""
    whole = bytearray(source.read_bytes())
    start, length = len(whole) // 2, max(1, int(len(whole) * share))
    whole[start : start + length] = np.random.default_rng(7).bytes(length)
    path.write_bytes(whole)
    return path


def claim_duration(source: Path, path: Path, *, seconds: float) -> Path:
    """A Matroska or MP4 file whose headers claim another duration."""
    whole = bytearray(source.read_bytes())
    if whole[:4] == b"\x1aE\xdf\xa3":
        # Element Duration, a double in milliseconds.
        at = whole.index(b"\x44\x89\x88") + 3
        whole[at : at + 8] = struct.pack(">d", seconds * 1000)
    else:
        for box in (b"mvhd", b"mdhd"):
            at = whole.index(box) + 4
            scale = struct.unpack(">I", whole[at + 12 : at + 16])[0]
            whole[at + 16 : at + 20] = struct.pack(">I", min(int(seconds * scale), 0xFFFFFFFE))
    path.write_bytes(whole)
    return path
