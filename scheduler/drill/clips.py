"""The videos of a drill: one tiny clip, told apart by a few bytes at its end, so that thousands cost nothing.

What a name begins with tells the drill's judge what shall happen, and the content's hash how long and to what score.
"""

import hashlib
import os
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from worker.pipeline.ffmpeg import find_ffmpeg

POISONS = ("poison_child", "poison_worker")
_LAVFI = "testsrc2=size=64x48:rate=5:duration=1"


@dataclass(frozen=True)
class Clip:
    """A video of the drill."""

    path: Path
    sha256: str

    @property
    def kind(self) -> str:
        """What it does to whoever judges it: a key of the judge."""
        return kind_of(self.path)


def kind_of(path: Path) -> str:
    """What the name of a clip says about it."""
    return path.stem.partition("-")[0]


def score_of(sha256: str) -> float:
    """What the drill's judge must find in this content, 0..1."""
    return int(sha256[:4], 16) / 0xFFFF


def share_of(sha256: str) -> float:
    """How long the judging takes, as a share of the longest, 0..1."""
    return int(sha256[4:8], 16) / 0xFFFF


def draw_clips(folder: Path, kinds: Sequence[str], *, seed: int, per_folder: int, ffmpeg: Path | None) -> list[Clip]:
    """A clip of each of these kinds, in order, in new folders within `folder`.

    Raises:
        TransientError: there is no ffmpeg to draw with.
    """
    base = _draw_base(find_ffmpeg(ffmpeg))
    clips = []
    for number, kind in enumerate(kinds):
        wave = folder.resolve() / f"wave-{number // per_folder:04d}"
        wave.mkdir(parents=True, exist_ok=True)
        clips.append(_write(wave / f"{kind}-{number:05d}.mp4", base, f"{seed} {number}"))
    return clips


def _draw_base(ffmpeg: Path) -> bytes:
    """A second of moving colours, as a whole MP4."""
    encoded = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-movflags", "frag_keyframe+empty_moov", "-f", "mp4", "-")
    drawn = subprocess.run(
        [str(ffmpeg), "-v", "error", "-f", "lavfi", "-i", _LAVFI, *encoded],
        check=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )
    return drawn.stdout


def _write(path: Path, base: bytes, words: str) -> Clip:
    # A box that every reader skips.
    text = words.encode()
    content = base + struct.pack(">I4s", 8 + len(text), b"free") + text
    path.write_bytes(content)
    # Older than a moment: a file that was just written is hashed at every submission.
    os.utime(path, (1_600_000_000, 1_600_000_000))
    return Clip(path, hashlib.sha256(content).hexdigest())
