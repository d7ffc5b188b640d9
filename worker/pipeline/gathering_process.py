"""Copies some keyframes of a video, as they are, into a small video of their own; runs in the probing process.

So one decoder shows pictures that lie hours apart, and neither starts anew nor reads the index again for each.
Nothing is decoded here.
"""

import io
from typing import Any

import av

# PyAV loads these when it first writes: too late for a process that can open nothing.
import av.container.output
import av.error

MOST_BYTES = 32 * 1024 * 1024
"""Of the small video; what does not fit is reached by seeking."""
_NEW_EXTRADATA = "NEW_EXTRADATA"
_FOR_QUICKTIME = ("prores", "mjpeg")


class NoStreamOfItsOwnError(Exception):
    """The keyframes cannot stand in one stream of their own."""


def gather(container: Any, index: int, targets_s: list[float]) -> tuple[list[float], bytes]:
    """The keyframes at or before some times, and an MP4 of them with the first at its start.

    Args:
        container: PyAV's, just opened.
        index: of the video stream.
        targets_s: rising, by the container's clock.

    Returns:
        The presentation time of each, in seconds by the container's clock, rising, and the file; as many as fit.

    Raises:
        NoStreamOfItsOwnError: not one, or the decoder would need more than the packets.
    """
    stream = container.streams[index]
    time_base = stream.time_base
    if time_base is None or time_base.numerator != 1:
        raise NoStreamOfItsOwnError
    file = io.BytesIO()
    # The clocks of the file are the stream's, so that no time is rounded.
    clock = str(time_base.denominator)
    stamps: list[int] = []
    with av.open(
        file, "w", format=_format_for(stream), options={"movie_timescale": clock, "video_track_timescale": clock}
    ) as target:
        copied = target.add_stream_from_template(stream, opaque=True)
        copied.time_base = time_base
        size = 0
        for target_s in targets_s:
            packet = _keyframe_at(container, stream, round(target_s / time_base))
            if packet is None or (stamps and packet.pts <= stamps[-1]) or size + packet.size > MOST_BYTES:
                break
            size += packet.size
            stamps.append(packet.pts)
            packet.stream = copied
            packet.pts = packet.dts = packet.pts - stamps[0]
            target.mux(packet)
    if not stamps:
        raise NoStreamOfItsOwnError
    return [float(stamp * time_base) for stamp in stamps], file.getvalue()


def _format_for(stream: Any) -> str:
    return "mov" if stream.codec_context.codec.canonical_name in _FOR_QUICKTIME else "mp4"


def _keyframe_at(container: Any, stream: Any, stamp: int) -> Any:
    container.seek(stamp, stream=stream, backward=True)
    for packet in container.demux(stream):
        if packet.pts is None or not packet.is_keyframe or packet.is_discard or packet.is_corrupt:
            return None
        if any(_NEW_EXTRADATA in str(side.data_type).upper() for side in packet.iter_sidedata()):
            # From here on the stream is another one: its headers do not hold for this packet.
            raise NoStreamOfItsOwnError
        return packet
    return None


def warm_up() -> None:
    """Loads what writing needs, while files may still be opened."""
    with av.open(io.BytesIO(), "w", format="mp4") as target:
        target.add_stream("mpeg4", rate=25)
