"""Says what a file is before a picture of it is decoded: facts for the plan, or the reason why it cannot be judged."""

import math
import os
from typing import Any

from worker.pipeline.errors import Reason, UnreadableVideoError
from worker.pipeline.formats import INDEXED_DEMUXERS, demuxer_family
from worker.pipeline.limits import Limits
from worker.pipeline.matroska import has_cues
from worker.pipeline.open_files import out_of_files_error
from worker.pipeline.opening import VideoPath, file_error, opened_video
from worker.pipeline.probe_helper import shared_helper
from worker.pipeline.results import VideoFacts
from worker.pipeline.sniffing import HEAD_BYTES, explain_refusal, picture_kind

INDEX_TRUST = 0.9
"""An index that ends before this share of the claimed duration is partial (fragments), or the claim is a lie."""
END_TIMED_DEMUXERS = frozenset({"mpegts", "mpeg", "ogg"})
"""Containers whose duration ffmpeg takes from the last time stamps of the file, not from a claim."""
MAX_FRAME_RATE = 1000.0
MAX_PIXEL_ASPECT = 8.0
_DEFAULT_LIMITS = Limits()


def probe_video(path: VideoPath, *, limits: Limits = _DEFAULT_LIMITS) -> VideoFacts:
    """Read the headers and the index of a video.

    Raises:
        UnreadableVideoError: the file is no video that can be judged; `reason` and `detail` say why.
        TransientError: the machine could not look.
    """
    with opened_video(path) as descriptor:
        try:
            size = os.fstat(descriptor).st_size
            head = os.pread(descriptor, HEAD_BYTES, 0)
        except OSError as error:
            raise file_error(error, if_absent=Reason.VANISHED) from error
        if size == 0:
            raise UnreadableVideoError(Reason.EMPTY, "it has 0 bytes")
        if kind := picture_kind(head):
            raise UnreadableVideoError(Reason.IS_PICTURE, f"it is a {kind} picture")
        answer = shared_helper().ask(descriptor, limits=limits, has_cues=has_cues(descriptor, head))
    _refuse_unopened(answer, head, limits)
    _refuse_unfit(answer, limits)
    return _facts_of(answer, size, limits)


def _refuse_unopened(answer: dict[str, Any], head: bytes, limits: Limits) -> None:
    if answer.get("error") == "memory":
        detail = f"its headers need more than {limits.probe_memory_bytes} bytes of memory"
        raise UnreadableVideoError(Reason.MEMORY_LIMIT, detail)
    if answer.get("error") == "streams":
        detail = f"it has more streams than the limit, {limits.max_streams}"
        raise UnreadableVideoError(Reason.TOO_LARGE, detail)
    if answer.get("error") == "files":
        raise out_of_files_error()
    if answer.get("error"):
        raise UnreadableVideoError(*explain_refusal(head))
    if answer["streams"] >= limits.max_streams:
        detail = f"it has {answer['streams']} streams or more; the limit is {limits.max_streams}"
        raise UnreadableVideoError(Reason.TOO_LARGE, detail)


def _refuse_unfit(answer: dict[str, Any], limits: Limits) -> None:
    if not answer["video_streams"]:
        if answer["audio_streams"]:
            cover = " and a cover picture" if answer["attached_pictures"] else ""
            raise UnreadableVideoError(Reason.AUDIO_ONLY, f"it has only sound{cover} ({answer['container']})")
        if answer["attached_pictures"]:
            raise UnreadableVideoError(Reason.IS_PICTURE, "it holds one picture and no video")
        raise UnreadableVideoError(Reason.NOT_A_VIDEO, f"no video stream in it ({answer['container']})")
    if answer["is_single_picture"]:
        raise UnreadableVideoError(Reason.IS_PICTURE, f"it is a {answer['container'].upper()} picture")
    if answer["codec"] is None:
        raise UnreadableVideoError(Reason.UNSUPPORTED_CODEC, "its video stream is in a codec that is not known here")
    if answer.get("is_encrypted"):
        raise UnreadableVideoError(Reason.ENCRYPTED, f"its {answer['codec']} stream is encrypted")
    width, height = answer["width"], answer["height"]
    if width <= 0 or height <= 0:
        raise UnreadableVideoError(Reason.NO_FRAMES, f"no picture size could be read ({answer['codec']})")
    if max(width, height) > limits.max_side_px or width * height > limits.max_pixels:
        detail = (
            f"its pictures are {width} x {height}; the limit is {limits.max_pixels} pixels, {limits.max_side_px} a side"
        )
        raise UnreadableVideoError(Reason.TOO_LARGE, detail)


def _facts_of(answer: dict[str, Any], size: int, limits: Limits) -> VideoFacts:
    rotation_deg = round(-answer["rotation_ccw_deg"] / 90) * 90 % 360
    width, height = _displayed_size(answer["width"], answer["height"], answer["aspect"])
    if rotation_deg in (90, 270):
        width, height = height, width
    claimed_s = _claimed_duration(answer)
    duration_s, keyframes_s = _trusted_timeline(answer, claimed_s)
    if duration_s is not None and duration_s > limits.max_duration_s:
        detail = f"it lasts {duration_s:.0f} s; the limit is {limits.max_duration_s:.0f} s"
        raise UnreadableVideoError(Reason.TOO_LONG, detail)
    return VideoFacts(
        container=answer["container"],
        codec=answer["codec"],
        width_px=width,
        height_px=height,
        rotation_deg=rotation_deg,
        duration_s=duration_s,
        frame_rate=_plausible_rate(answer["frame_rate"]),
        start_s=answer["start_s"],
        stream_index=answer["index"],
        keyframes_s=keyframes_s,
        file_size_bytes=size,
        pixel_format=answer["pixel_format"],
        color_space=answer["color_space"],
        color_transfer=answer["color_transfer"],
        claimed_duration_s=claimed_s,
        is_cut_off=answer["is_cut_off"],
    )


def _displayed_size(width: int, height: int, aspect: list[int] | None) -> tuple[int, int]:
    ratio = aspect[0] / aspect[1] if aspect and aspect[0] > 0 and aspect[1] > 0 else 1.0
    if not 1 / MAX_PIXEL_ASPECT <= ratio <= MAX_PIXEL_ASPECT:
        ratio = 1.0
    return max(1, round(width * ratio)), height


def _claimed_duration(answer: dict[str, Any]) -> float | None:
    claims = (answer["stream_duration_s"], answer["container_duration_s"])
    return next((claim for claim in claims if claim and math.isfinite(claim) and claim > 0), None)


def _trusted_timeline(answer: dict[str, Any], claimed_s: float | None) -> tuple[float | None, tuple[float, ...]]:
    """The duration where something better than a claim backs it, and the keyframes where the index is whole."""
    family = demuxer_family(answer["container"])
    if family in END_TIMED_DEMUXERS:
        return claimed_s, ()
    end_s = answer["index_end_s"]
    if family not in INDEXED_DEMUXERS or end_s is None:
        return None, ()
    rate = _plausible_rate(answer["frame_rate"])
    duration_s = end_s - answer["start_s"] + (1 / rate if rate else 0.0)
    is_partial = claimed_s is not None and duration_s < INDEX_TRUST * claimed_s and not answer["is_cut_off"]
    if duration_s <= 0 or is_partial:
        return None, ()
    return duration_s, tuple(sorted(answer["keyframes_s"]))


def _plausible_rate(rate: float | None) -> float | None:
    return rate if rate and 0 < rate <= MAX_FRAME_RATE else None
