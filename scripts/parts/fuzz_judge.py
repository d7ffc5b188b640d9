"""A process that reads damaged videos as a worker does: a path a line on standard input, how it ended a line on output.

It probes and decodes in the sandbox and under the limits of the product, and looks at every picture. Whatever is no
refusal with a reason is a defect, and is told with its traceback.
"""

import json
import os
import resource
import sys
import time
import traceback
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from worker.pipeline.decoding import DecodeReport, decode_frames
from worker.pipeline.errors import TransientError, UnreadableVideoError
from worker.pipeline.ffmpeg import find_ffmpeg
from worker.pipeline.leash import take_ends
from worker.pipeline.limits import Limits
from worker.pipeline.probe import probe_video
from worker.pipeline.sampling import Way, plan_decode

FRAMES = 8
WAYS: tuple[Way, ...] = ("auto", "keyframes", "seek")
TIME_LIMIT_S = 20.0
PROBE_LIMIT_S = 10.0
LIMITS = Limits(time_limit_s=TIME_LIMIT_S, probe_time_limit_s=PROBE_LIMIT_S)


def main() -> None:
    """Answers until its input ends."""
    sys.stdout.write(json.dumps({"pid": os.getpid()}) + "\n")
    sys.stdout.flush()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(read_video(Path(json.loads(line)))) + "\n")
        sys.stdout.flush()


def read_video(path: Path) -> dict[str, Any]:
    """How a video ended, in how many seconds, and with how much memory of whom."""
    take_ends()
    started = time.monotonic()
    answer: dict[str, Any] = {"reason": None, "detail": None, "frames": 0, "traceback": None}
    try:
        answer["frames"] = _decode(path)
        answer["state"] = "decoded"
    except UnreadableVideoError as error:
        answer |= {"state": "unreadable", "reason": str(error.reason), "detail": error.detail}
    except TransientError as error:
        answer |= {"state": "failed", "reason": str(error.reason), "detail": error.detail}
    except Exception:  # noqa: BLE001 - finding these is what this is for
        answer |= {"state": "traceback", "traceback": traceback.format_exc()}
    ends = take_ends()
    return answer | {
        "seconds": round(time.monotonic() - started, 3),
        "deaths": [end.status for end in ends if end.status < 0 and not end.was_wanted],
        "peak_bytes": {
            "worker": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "decoder": max((end.memory_bytes or 0 for end in ends), default=0),
            "probe": max((_peak_of(child) for child in _probes()), default=0),
        },
    }


def _decode(path: Path) -> int:
    facts = probe_video(path, limits=LIMITS)
    # Small clips would all be read in one go: every way of reaching a picture shall meet damage.
    way = WAYS[zlib.crc32(path.name.encode()) % len(WAYS)]
    plan = plan_decode(facts, frames=FRAMES, max_frames=4 * FRAMES, way=way)
    frames = decode_frames(path, facts, plan, ffmpeg=find_ffmpeg(), limits=LIMITS, report=DecodeReport())
    # Every byte is touched, as the face detector would.
    return sum(1 for frame in frames if frame.pixels.max() >= 0)


def _probes() -> list[psutil.Process]:
    with suppress(psutil.Error):
        return psutil.Process().children(recursive=True)
    return []


def _peak_of(process: psutil.Process) -> int:
    with suppress(OSError, StopIteration, ValueError):
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
    return 0


if __name__ == "__main__":
    main()
