"""Draws the small, healthy videos that are then damaged: one per container and codec that strangers send."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from skimage import data

from worker.pipeline.results import Pixels

RATE = 10
PICTURES = 12
SIZE = (192, 144)
# Of the public-domain portrait that scikit-image carries: her face is some 60 pixels high in our pictures.
_TOP, _LEFT, _SIDE = 0, 90, 300

_GOP = ("-g", "5")
_X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-bf", "2", *_GOP)
_SOUND = ("-f", "lavfi", "-i", "sine=duration=1")
_BOTH = ("-map", "0:v", "-map", "1:a", "-ar", "44100")


@dataclass(frozen=True)
class ClipToDamage:
    """One of them.

    Args:
        name: its file's; the ending is the container's.
        encoding: ffmpeg's arguments behind the pictures.
        more_input: and before those.
    """

    name: str
    encoding: tuple[str, ...]
    more_input: tuple[str, ...] = ()

    @property
    def container(self) -> str:
        """The ending of its name."""
        return self.name.rpartition(".")[2]


CLIPS = (
    ClipToDamage("h264-aac.mp4", (*_X264, *_BOTH, "-c:a", "aac", "-movflags", "+faststart"), _SOUND),
    ClipToDamage("fragmented.mp4", (*_X264, "-movflags", "frag_keyframe+empty_moov")),
    ClipToDamage("av1.mp4", ("-c:v", "libsvtav1", "-preset", "12", "-pix_fmt", "yuv420p", *_GOP)),
    ClipToDamage("mjpeg.mov", ("-c:v", "mjpeg", "-q:v", "8", *_BOTH, "-c:a", "pcm_s16le", "-ac", "1"), _SOUND),
    ClipToDamage(
        "hevc.mkv",
        ("-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p", *_GOP, "-x265-params", "log-level=none"),
    ),
    ClipToDamage(
        "vp9-opus.webm",
        (
            *("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", *_GOP),
            *("-map", "0:v", "-map", "1:a", "-c:a", "libopus"),
        ),
        _SOUND,
    ),
    ClipToDamage(
        "mpeg4-mp3.avi", ("-c:v", "mpeg4", "-q:v", "6", "-bf", "2", *_GOP, *_BOTH, "-c:a", "libmp3lame"), _SOUND
    ),
    ClipToDamage("h264-aac.ts", (*_X264, *_BOTH, "-c:a", "aac"), _SOUND),
    ClipToDamage("flv1-mp3.flv", ("-c:v", "flv", "-q:v", "6", *_GOP, *_BOTH, "-c:a", "libmp3lame"), _SOUND),
    ClipToDamage(
        "mpeg2-mp2.mpg", ("-c:v", "mpeg2video", "-q:v", "6", "-r", "25", *_GOP, *_BOTH, "-c:a", "mp2"), _SOUND
    ),
    ClipToDamage("theora-vorbis.ogv", ("-c:v", "libtheora", "-q:v", "5", *_GOP, *_BOTH, "-c:a", "libvorbis"), _SOUND),
    ClipToDamage("wmv2-wma.wmv", ("-c:v", "wmv2", "-q:v", "6", *_GOP, *_BOTH, "-c:a", "wmav2"), _SOUND),
    ClipToDamage("mpeg2.mxf", ("-c:v", "mpeg2video", "-q:v", "6", "-r", "25", *_GOP)),
)


def draw_clips(folder: Path) -> dict[ClipToDamage, bytes]:
    """Draws every clip in a folder, and gives their bytes."""
    pictures = _draw_pictures()
    return {clip: _encode(clip, folder / clip.name, pictures).read_bytes() for clip in CLIPS}


def _draw_pictures() -> bytes:
    portrait: Pixels = data.astronaut()[_TOP : _TOP + _SIDE, _LEFT : _LEFT + _SIDE]  # type: ignore[no-untyped-call] # scikit-image has no hints
    width, height = SIZE
    rows = np.arange(height) * _SIDE // height
    face = portrait[rows][:, rows]
    raw = []
    for number in range(PICTURES):
        picture = np.full((height, width, 3), 90, dtype=np.uint8)
        left = number * 3
        picture[:, left : left + height] = face
        raw.append(picture.tobytes())
    return b"".join(raw)


def _encode(clip: ClipToDamage, path: Path, pictures: bytes) -> Path:
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{SIZE[0]}x{SIZE[1]}", "-r", str(RATE), "-i", "pipe:0"]
    # One thread and no date: the same bytes from each run, so that a seed names a file.
    still = ["-threads", "1", "-fflags", "+bitexact", "-flags", "+bitexact", "-map_metadata", "-1"]
    head = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-v", "error", "-y"]
    command: list[str | Path] = [*head, *raw, *clip.more_input, *clip.encoding, *still, path]
    subprocess.run(command, input=pictures, capture_output=True, check=True)
    return path
