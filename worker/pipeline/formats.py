"""The closed list of containers that are opened, and the protocols that ffmpeg may speak.

No playlist, no script that names other files, no picture sequence, no device. With `fd` and `pipe` as the only
protocols, a container that points at another file (a QuickTime reference, say) cannot open it either.
"""

VIDEO_DEMUXERS = (
    # PyAV and ffmpeg compare a demuxer by any of its comma-separated names.
    "mov,mp4,m4a,3gp,3g2,mj2",
    "matroska,webm",
    "avi",
    "mpeg",
    "mpegts",
    "mpegvideo",
    "flv",
    "asf",
    "ogg",
    "nut",
    "mxf",
    "rm",
    "gif",
    "ivf",
    "h264",
    "hevc",
    "vvc",
    "obu",
    "av1",
    "m4v",
    "h263",
    "dv",
    "wtv",
    "yuv4mpegpipe",
)
AUDIO_DEMUXERS = ("mp3", "wav", "flac", "aac", "ac3", "eac3", "aiff", "amr", "caf", "ape", "wv", "w64", "au")
"""Opened by the probe alone, to say "audio only" instead of "not a video"."""

PROTOCOLS = "fd,pipe"
FORMAT_WHITELIST = ",".join(VIDEO_DEMUXERS)
PROBE_FORMAT_WHITELIST = ",".join(VIDEO_DEMUXERS + AUDIO_DEMUXERS)

INDEXED_DEMUXERS = frozenset({"mov", "matroska", "avi"})
"""Containers whose index names keyframes by time and place, so that a seek lands where it should."""

GATHERED_DEMUXERS = frozenset({"mov", "matroska"})
"""Of these, those whose packets carry the times at which their pictures are shown."""
GATHERED_CODECS = frozenset({"h264", "hevc", "av1", "vp9", "mpeg4", "mpeg2video", "mjpeg", "prores"})
"""Codecs that an MP4 file holds, and whose keyframes stand for themselves."""


def demuxer_family(container: str) -> str:
    """The first of a demuxer's names, such as "mov"."""
    return container.split(",", maxsplit=1)[0]
