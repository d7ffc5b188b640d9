"""Guesses what decoding costs, to choose between decoding on and seeking."""

from worker.pipeline.results import VideoFacts

SEEK_S = 0.06
"""CPU seconds to start ffmpeg, open the file and seek; measured with n9.0 on one core."""
INDEX_S_PER_SECOND = 5e-6
"""More of it per second of video: the index of a two-hour MP4 takes some 30 ms to read."""
GATHER_S = 0.002
"""To find a keyframe in an index that is already read, and to copy it."""
DEFAULT_FRAME_RATE = 30.0
FRAME_S = 0.0004
"""Per picture, whatever its size."""

_PIXELS_PER_S = {
    # CPU, one thread, typical content; measured with n9.0, rounded down.
    "h264": 230e6,
    "hevc": 160e6,
    "av1": 180e6,
    "vp9": 250e6,
    "vp8": 250e6,
    "vvc": 50e6,
    "mpeg4": 400e6,
    "mpeg2video": 400e6,
    "mpeg1video": 400e6,
    "mjpeg": 150e6,
    "prores": 100e6,
}
_OTHER_PIXELS_PER_S = 150e6


def seek_cost_s(facts: VideoFacts) -> float:
    """Seconds until the first packet behind a seek can be decoded."""
    return SEEK_S + INDEX_S_PER_SECOND * (facts.duration_s or 0.0)


def decode_cost_s(facts: VideoFacts, span_s: float) -> float:
    """Seconds to decode every picture of `span_s` seconds of video, and one more."""
    pictures = span_s * (facts.frame_rate or DEFAULT_FRAME_RATE) + 1
    pixels = facts.width_px * facts.height_px
    return pictures * (FRAME_S + pixels / _PIXELS_PER_S.get(facts.codec, _OTHER_PIXELS_PER_S))
