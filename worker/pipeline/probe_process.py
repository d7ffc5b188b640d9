"""The helper that reads headers and indexes: runs alone, imports only PyAV, and is replaced when it dies.

Over the socket that is its descriptor 0 it takes one message per question (four bytes of length,
JSON, and the video's descriptor beside it) and answers in the same form; keyframes that were asked for follow as
a file of the length that the answer names. It never opens a
path: when its libraries are loaded it locks itself in, so that it could not.
"""

import contextlib
import json
import os
import re
import resource
import socket
import sys
from typing import Any

import av
import av.logging

# PyAV loads these when it first meets subtitles: too late for a process that can open nothing.
import av.subtitles.codeccontext
import av.subtitles.stream
import av.subtitles.subtitle

from worker.pipeline.gathering_process import NoStreamOfItsOwnError, gather, warm_up
from worker.pipeline.index_entries import MAX_INDEX_KEYFRAMES, read_every, skim
from worker.pipeline.locking_in import REFUSED_STATUS, lock_in, reader_filter, rules_for
from worker.pipeline.open_files import lowered_open_files

TAIL_PACKETS = 4096
"""Packets read behind the last keyframe of the index, to learn where the video really ends."""
NOPTS_LIMIT_S = 1e9
MESSAGE_BYTES = 65536
READY = b"+"
DESCRIPTORS = 64

_STREAM_LINE = re.compile(r"^  Stream #0:(\d+)")
_MATRIX_LINE = re.compile(r"^      [Dd]isplay ?[Mm]atrix: rotation of (-?[\d.]+) degrees")


def main() -> None:
    """Serve probes until the other end goes away."""
    channel = socket.socket(fileno=os.dup(0))
    memory_bytes, is_confined, landlock_abi, has_seccomp = map(int, sys.argv[2:6])
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, lowered_open_files(DESCRIPTORS))
    warm_up()
    if is_confined:
        _lock_in(landlock_abi, has_seccomp=bool(has_seccomp))
    channel.sendall(READY)
    # av_dump_format writes at this level; the rotation is nowhere else to be had without decoding.
    av.logging.set_level(av.logging.INFO)
    while True:
        request, descriptor = _receive(channel)
        if request is None:
            return
        try:
            answer, file = _answer(request, descriptor)
        finally:
            if descriptor >= 0:
                os.close(descriptor)
        body = json.dumps(answer).encode()
        channel.sendall(len(body).to_bytes(4, "big") + body)
        channel.sendall(file)


def _lock_in(landlock_abi: int, *, has_seccomp: bool) -> None:
    try:
        lock_in(rules_for(landlock_abi, ()), reader_filter() if has_seccomp else None)
    except OSError:
        sys.exit(REFUSED_STATUS)


def _receive(channel: socket.socket) -> tuple[dict[str, Any] | None, int]:
    body, descriptors, flags, _ = socket.recv_fds(channel, MESSAGE_BYTES, 1)
    if not body:
        return None, -1
    length = int.from_bytes(body[:4], "big")
    while len(body) < 4 + length:
        more = channel.recv(MESSAGE_BYTES)
        if not more:
            return None, -1
        body += more
    return json.loads(body[4:]), descriptors[0] if descriptors and not flags & socket.MSG_CTRUNC else -1


def _answer(request: dict[str, Any], descriptor: int) -> tuple[dict[str, Any], bytes]:
    options = {
        "fd": str(descriptor),
        "protocol_whitelist": request["protocols"],
        "format_whitelist": request["formats"],
        "max_streams": str(request["max_streams"]),
        "probesize": "5000000",
        "analyzeduration": "5000000",
    }
    if descriptor < 0:
        # The kernel kept it back, as we may open no more.
        return {"error": "files"}, b""
    said: list[tuple[int, str, str]] = []
    try:
        with av.logging.Capture() as said:
            container = av.open("fd:", options=options, metadata_errors="replace")
        with container:
            if "targets_s" in request:
                times_s, file = gather(container, request["stream_index"], request["targets_s"])
                return {"times_s": times_s, "bytes": len(file)}, file
            return _describe(container, descriptor, has_cues=request["has_cues"]), b""
    except NoStreamOfItsOwnError:
        error = {"error": "apart"}
    except (MemoryError, av.error.FFmpegError) as raised:
        error = _explain(raised, said)
    except (ValueError, OverflowError, UnicodeError) as raised:
        error = {"error": "refused", "detail": f"{type(raised).__name__}"}
    return error, b""


def _explain(error: Exception, said: list[tuple[int, str, str]]) -> dict[str, Any]:
    # The demuxers answer too many streams as if memory had run out.
    if any("max_streams" in line for _, _, line in said):
        return {"error": "streams"}
    if isinstance(error, MemoryError):
        return {"error": "memory"}
    return {"error": "refused", "detail": f"{getattr(error, 'strerror', '')} ({type(error).__name__})"}


def _describe(container: Any, descriptor: int, *, has_cues: bool) -> dict[str, Any]:
    streams = container.streams
    facts: dict[str, Any] = {
        "container": container.format.name,
        "streams": len(streams),
        "audio_streams": len(streams.audio),
        "attached_pictures": sum(_is_attached(stream) for stream in streams.video),
        "video_streams": [_describe_stream(stream) for stream in streams.video if not _is_attached(stream)],
    }
    chosen = _choose_stream([stream for stream in streams.video if not _is_attached(stream)])
    if chosen is None:
        return facts
    facts |= _describe_stream(chosen)
    facts["rotation_ccw_deg"] = _read_rotation(container, chosen.index)
    facts["container_duration_s"] = container.duration / 1e6 if container.duration else None
    facts["start_s"] = _seconds(chosen.start_time, chosen.time_base) or 0.0
    facts["is_encrypted"] = container.format.name.startswith("mov") and _is_encrypted(container, chosen)
    facts["is_single_picture"] = container.format.name == "gif" and _has_one_packet(container, chosen)
    facts |= _read_index(container, chosen, file_size=os.fstat(descriptor).st_size, has_cues=has_cues)
    if container.format.name == "avi":
        _delay_by_reordering(facts, chosen.codec_context)
    return facts


def _delay_by_reordering(facts: dict[str, Any], context: Any) -> None:
    """AVI has decoding times alone: with B-frames the first picture is shown as many frames later as are reordered."""
    if not facts.get("frame_rate"):
        return
    delay_s = context.reorder_depth / facts["frame_rate"]
    facts["start_s"] += delay_s
    facts["keyframes_s"] = [t_s + delay_s for t_s in facts["keyframes_s"]]
    if facts["index_end_s"] is not None:
        facts["index_end_s"] += delay_s


def _is_attached(stream: Any) -> bool:
    disposition = av.stream.Disposition
    return bool(
        stream.disposition & (disposition.attached_pic | disposition.timed_thumbnails | disposition.still_image)
    )


def _choose_stream(streams: list[Any]) -> Any:
    """The default stream before others, then the largest; the first of equals."""
    known = [stream for stream in streams if stream.codec_context is not None] or streams
    return max(
        known,
        key=lambda stream: (
            bool(stream.disposition & av.stream.Disposition.default),
            stream.codec_context.width * stream.codec_context.height if stream.codec_context else 0,
        ),
        default=None,
    )


def _describe_stream(stream: Any) -> dict[str, Any]:
    context = stream.codec_context
    if context is None:
        return {"index": stream.index, "codec": None}
    aspect = stream.sample_aspect_ratio
    rate = stream.average_rate or stream.guessed_rate
    return {
        "index": stream.index,
        "codec": context.name if context.codec is None else context.codec.canonical_name,
        "width": context.width,
        "height": context.height,
        "pixel_format": context.pix_fmt,
        "aspect": [aspect.numerator, aspect.denominator] if aspect else None,
        "frame_rate": float(rate) if rate else None,
        "color_space": int(context.colorspace),
        "color_transfer": int(context.color_trc),
        "stream_duration_s": _seconds(stream.duration, stream.time_base),
        "frames": stream.frames,
    }


def _read_rotation(container: Any, index: int) -> float:
    """Degrees counter-clockwise, from the display matrix."""
    current = -1
    with contextlib.suppress(av.error.FFmpegError, UnicodeError):
        for line in container.dumps_format().splitlines():
            if match := _STREAM_LINE.match(line):
                current = int(match[1])
            elif current == index and (match := _MATRIX_LINE.match(line)):
                return float(match[1])
    return 0.0


def _is_encrypted(container: Any, stream: Any) -> bool:
    with contextlib.suppress(av.error.FFmpegError):
        for packet in container.demux(stream):
            return any("ENCRYPTION" in str(side.data_type).upper() for side in packet.iter_sidedata())
    return False


def _has_one_packet(container: Any, stream: Any) -> bool:
    with contextlib.suppress(av.error.FFmpegError):
        packets = (packet for packet in container.demux(stream) if packet.size)
        return next(packets, None) is None or next(packets, None) is None
    return True


def _read_index(container: Any, stream: Any, *, file_size: int, has_cues: bool) -> dict[str, Any]:
    """Keyframe times, and where the pictures end by index and by tail."""
    if _is_matroska(container):
        if not has_cues:
            # A seek would read the whole file in search of one.
            return {"keyframes_s": [], "index_end_s": None, "is_cut_off": False}
        # They lie at the end and are read on the first seek.
        with contextlib.suppress(av.error.FFmpegError):
            container.seek(_far_future(stream), stream=stream, backward=True)
    entries = stream.index_entries
    count = len(entries)
    if not count:
        return {"keyframes_s": [], "index_end_s": None, "is_cut_off": False}
    found = skim(entries, file_size) or read_every(entries, file_size)
    facts: dict[str, Any] = {"is_cut_off": found.is_cut_off, "index_entries": count}
    # The index counts decoding times in MP4: shift them so that the first is the first picture's.
    shift = 0
    if stream.start_time is not None and not _is_matroska(container):
        shift = stream.start_time - entries[0].timestamp
    ticks, per_s = stream.time_base.as_integer_ratio()
    stride = -(-len(found.keyframes) // MAX_INDEX_KEYFRAMES) or 1
    facts["keyframes_s"] = [(stamp + shift) * ticks / per_s for stamp in found.keyframes[::stride]]
    facts["index_end_s"] = (found.last + shift) * ticks / per_s
    if _is_matroska(container):
        facts["index_end_s"] = _read_tail(container, stream)
    return facts


def _is_matroska(container: Any) -> bool:
    return bool(container.format.name.startswith("matroska"))


def _far_future(stream: Any) -> int:
    duration = stream.container.duration or 0
    return max(1, int(duration / 1e6 / stream.time_base))


def _read_tail(container: Any, stream: Any) -> float | None:
    """The last presentation time, from the packets behind the index's last keyframe."""
    end = None
    with contextlib.suppress(av.error.FFmpegError):
        container.seek(_far_future(stream), stream=stream, backward=True)
        for number, packet in enumerate(container.demux(stream)):
            if packet.pts is not None:
                end = max(end or packet.pts, packet.pts)
            if number >= TAIL_PACKETS:
                return None
    return None if end is None else float(end * stream.time_base)


def _seconds(stamp: int | None, time_base: Any) -> float | None:
    if stamp is None or time_base is None:
        return None
    value = float(stamp * time_base)
    return value if abs(value) < NOPTS_LIMIT_S else None
