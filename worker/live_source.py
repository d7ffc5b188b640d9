"""Reads pictures from a camera, a stream or a file as they come, and keeps the latest alone: who is slow misses some.

What is opened here the operator named on the command line: a camera of this machine, or an address that ffmpeg reaches
out to. Nothing that a stranger sent ever comes this way, and nothing that comes this way may name another file.
"""

import re
import subprocess
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from worker.pipeline.errors import Reason, UnreadableVideoError
from worker.pipeline.formats import FORMAT_WHITELIST
from worker.pipeline.results import Frame

STREAM_PROTOCOLS = {
    "rtsp": "rtsp,rtp,udp,tcp",
    "rtsps": "rtsps,rtp,srtp,udp,tcp,tls",
    "http": "http,tcp",
    "https": "https,tls,tcp",
}
"""What ffmpeg may speak for each kind of address."""
LONG_SIDE_PX = 1280
MOST_PER_S = 25
_HEADER = re.compile(rb"P6\n(\d+) (\d+)\n255\n")
_STOP_S = 5.0


@dataclass(frozen=True)
class LiveSource:
    """What to look at: arguments of ffmpeg's input, and its name for people."""

    name: str
    arguments: tuple[str, ...]


def camera_source(number: int) -> LiveSource:
    """A camera of this machine, by its number.

    Raises:
        UnreadableVideoError: there is none of that number.
    """
    device = Path(f"/dev/video{number}")
    if not device.exists():
        raise UnreadableVideoError(Reason.MISSING, f"there is no camera {device}: see `ls /dev/video*`")
    return LiveSource(f"camera {number}", ("-f", "v4l2", "-i", str(device)))


def named_source(wanted: str) -> LiveSource:
    """A file, played at its own speed, or an address.

    Raises:
        UnreadableVideoError: neither, or an address of a kind that is not opened.
    """
    scheme, separator, _ = wanted.partition("://")
    if separator:
        protocols = STREAM_PROTOCOLS.get(scheme.lower())
        if protocols is None:
            kinds = ", ".join(f"{name}://" for name in STREAM_PROTOCOLS)
            raise UnreadableVideoError(Reason.UNSUPPORTED_CODEC, f"{scheme}:// is not opened: name one of {kinds}")
        return LiveSource(wanted, ("-protocol_whitelist", protocols, "-i", wanted))
    if not Path(wanted).is_file():
        raise UnreadableVideoError(Reason.MISSING, f"there is no file {wanted!r}, and it is no address")
    own = ("-protocol_whitelist", "file,pipe", "-format_whitelist", FORMAT_WHITELIST)
    return LiveSource(wanted, ("-re", *own, "-i", f"file:{wanted}"))


class LatestFrame:
    """A running source; a context manager that ends it.

    Args:
        source: what to look at.
        ffmpeg: the binary that decodes.
    """

    def __init__(self, source: LiveSource, *, ffmpeg: Path) -> None:
        self.dropped = 0
        self._source = source
        self._said: deque[str] = deque(maxlen=20)
        side = f"min({LONG_SIDE_PX}\\,iw):min({LONG_SIDE_PX}\\,ih)"
        filters = f"fps={MOST_PER_S},scale={side}:force_original_aspect_ratio=decrease"
        self._process = subprocess.Popen(
            [str(ffmpeg), "-hide_banner", "-loglevel", "error", "-nostdin", *source.arguments, "-map", "0:v:0",
             "-vf", filters, "-f", "image2pipe", "-c:v", "ppm", "-pix_fmt", "rgb24", "pipe:1"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )  # fmt: skip
        self._changed = threading.Condition()
        self._latest: Frame | None = None
        self._is_over = False
        self._readers = [
            threading.Thread(target=self._read, name="live", daemon=True),
            threading.Thread(target=self._listen, name="live-errors", daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> "LatestFrame":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for reader in self._readers:
            reader.join(_STOP_S)

    def take(self) -> Frame | None:
        """The latest picture that was not taken yet, waiting for one; None when the source has ended.

        Raises:
            UnreadableVideoError: it ended without a single picture; the message is ffmpeg's.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._latest is not None or self._is_over)
            frame, self._latest = self._latest, None
        if frame is None and self._count == 0:
            self._readers[1].join(_STOP_S)
            said = "; ".join(self._said) or "ffmpeg said nothing"
            raise UnreadableVideoError(Reason.NO_FRAMES, f"no picture came from {self._source.name}: {said}")
        return frame

    _count = 0

    def _read(self) -> None:
        stream = self._process.stdout
        # Closed under us when the source is ended.
        with suppress(OSError, ValueError):
            while stream is not None:
                header = stream.readline() + stream.readline() + stream.readline()
                size = _HEADER.fullmatch(header)
                if size is None:
                    break
                width, height = int(size[1]), int(size[2])
                content = stream.read(width * height * 3)
                if len(content) < width * height * 3:
                    break
                pixels = np.frombuffer(content, np.uint8).reshape(height, width, 3).copy()
                self._put(Frame(self._count / MOST_PER_S, pixels, 1.0))
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def _put(self, frame: Frame) -> None:
        with self._changed:
            self.dropped += self._latest is not None
            self._count += 1
            self._latest = frame
            self._changed.notify_all()

    def _listen(self) -> None:
        for line in self._process.stderr or ():
            self._said.append(line.decode("utf-8", "replace").strip())
