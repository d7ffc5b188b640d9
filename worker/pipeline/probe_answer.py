"""Believes an answer of the probing process only as far as its form: kinds, ranges and lengths.

That process has read a stranger's file. Should the file have taken it over, it can say anything: what is not of the
form that our own program gives is no answer.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from worker.pipeline.formats import PROBE_FORMAT_WHITELIST
from worker.pipeline.index_entries import MAX_INDEX_KEYFRAMES

ERRORS = ("streams", "memory", "files", "refused", "apart")
"""What our program says of a file that it could not open."""
MAX_FILE_BYTES = 48 * 1024 * 1024
"""More than the keyframes that are gathered at once take, with the headers of their file."""
MAX_WORDS = 500
"""Characters of an error's detail."""

# The ranges are those of ffmpeg's own fields, so that no file that our program describes is refused here.
_INT = 2**31
_STAMP = 2**63
# A time is a stamp of 64 bits in units of at most 2^31 seconds.
_SECONDS = float(_STAMP) * _INT
_STREAMS = 100_000
_NAME = re.compile(r"[A-Za-z0-9_.,:+-]{1,100}")
_DEMUXERS = frozenset(PROBE_FORMAT_WHITELIST.split(","))


class MalformedAnswerError(ValueError):
    """The answer is not of the form that our program gives; the message says what is wrong."""


_Check = Callable[[Any], bool]


def read_answer(body: bytes) -> dict[str, Any]:
    """The answer in a message of the probing process: either `error` alone, or facts of the container and its stream.

    Raises:
        MalformedAnswerError: it is no JSON, or not of the form that our program gives.
    """
    answer = _read_object(body)
    if "error" in answer:
        _require(answer, _OF_AN_ERROR, optional=("detail",))
        return answer
    _require({name: answer.get(name) for name in _OF_A_CONTAINER}, _OF_A_CONTAINER)
    for stream in answer["video_streams"]:
        _require_stream(stream)
    if answer["video_streams"]:
        _require_chosen(answer)
    elif answer.keys() - _OF_A_CONTAINER.keys():
        raise MalformedAnswerError("it describes a stream that there is not")
    return answer


def _read_object(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body, parse_constant=_refuse_constant)
    # RecursionError: a million brackets. A ValueError may be of the bytes, of JSON or of too long a number.
    except (ValueError, RecursionError) as error:
        raise MalformedAnswerError(f"it is no JSON ({type(error).__name__})") from None
    if not isinstance(answer, dict):
        raise MalformedAnswerError(f"it is no object ({type(answer).__name__})")
    return answer


@dataclass(frozen=True)
class GatheredAnswer:
    """What follows the answer: a file of so many bytes, and the times of its pictures; none where that failed."""

    times_s: tuple[float, ...] = ()
    size_bytes: int = 0


def read_gathered(body: bytes) -> GatheredAnswer:
    """The answer to a question for keyframes.

    Raises:
        MalformedAnswerError: as `read_answer` does; or the times do not rise.
    """
    answer = _read_object(body)
    if "error" in answer:
        _require(answer, _OF_AN_ERROR, optional=("detail",))
        return GatheredAnswer()
    _require(answer, _OF_GATHERED)
    times_s = answer["times_s"]
    if not all(before < after for before, after in pairwise(times_s)):
        raise MalformedAnswerError("its times do not rise")
    return GatheredAnswer(tuple(map(float, times_s)), answer["bytes"])


def _require_chosen(answer: dict[str, Any]) -> None:
    rest = {name: value for name, value in answer.items() if name not in _OF_A_CONTAINER}
    of_stream = {name: rest.pop(name) for name in _OF_A_STREAM if name in rest}
    _require_stream(of_stream)
    if of_stream not in answer["video_streams"]:
        raise MalformedAnswerError("the chosen stream is none of its streams")
    _require(rest, _OF_THE_CHOSEN, optional=("index_entries",))


def _require_stream(stream: Any) -> None:
    if not isinstance(stream, dict):
        raise MalformedAnswerError("a stream is no object")
    is_unknown = stream.get("codec") is None
    names = ("index", "codec") if is_unknown else tuple(_OF_A_STREAM)
    _require(stream, {name: _OF_A_STREAM[name] for name in names})


def _require(part: Mapping[str, Any], checks: Mapping[str, _Check], *, optional: tuple[str, ...] = ()) -> None:
    for name in part.keys() - checks.keys():
        # The name is a stranger's, too.
        raise MalformedAnswerError(f"it says something that was not asked ({ascii(name)[:40]})")
    for name, is_fit in checks.items():
        if name not in part:
            if name in optional:
                continue
            raise MalformedAnswerError(f"it does not say {name}")
        if not is_fit(part[name]):
            raise MalformedAnswerError(f"{name} is out of its range or of another kind")


def _refuse_constant(name: str) -> float:
    raise ValueError(name)


def _whole(least: int, most: int) -> _Check:
    # bool is an int, and no number.
    return lambda value: type(value) is int and least <= value <= most


def _seconds(value: Any) -> bool:
    # What is not a number is not less than anything.
    return type(value) in (int, float) and abs(value) <= _SECONDS


def _number(bound: float) -> _Check:
    return lambda value: _seconds(value) and abs(value) <= bound


def _or_none(is_fit: _Check) -> _Check:
    return lambda value: value is None or is_fit(value)


def _name(value: Any) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _container(value: Any) -> bool:
    return _name(value) and not _DEMUXERS.isdisjoint(value.split(","))


def _yes_or_no(value: Any) -> bool:
    return isinstance(value, bool)


def _words(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_WORDS


def _aspect(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_whole(-_INT, _INT), value))


def _list_of(is_fit: _Check, most: int) -> _Check:
    return lambda value: isinstance(value, list) and len(value) <= most and all(map(is_fit, value))


_OF_AN_ERROR: Mapping[str, _Check] = {"error": lambda value: value in ERRORS, "detail": _words}
_OF_GATHERED: Mapping[str, _Check] = {
    "times_s": _list_of(_seconds, MAX_INDEX_KEYFRAMES),
    "bytes": _whole(0, MAX_FILE_BYTES),
}
_OF_A_CONTAINER: Mapping[str, _Check] = {
    "container": _container,
    "streams": _whole(0, _STREAMS),
    "audio_streams": _whole(0, _STREAMS),
    "attached_pictures": _whole(0, _STREAMS),
    "video_streams": _list_of(lambda _: True, _STREAMS),
}
_OF_A_STREAM: Mapping[str, _Check] = {
    "index": _whole(0, _STREAMS),
    "codec": _or_none(_name),
    "width": _whole(-_INT, _INT),
    "height": _whole(-_INT, _INT),
    "pixel_format": _or_none(_name),
    "aspect": _or_none(_aspect),
    "frame_rate": _or_none(_number(_INT)),
    "color_space": _whole(-_INT, _INT),
    "color_transfer": _whole(-_INT, _INT),
    "stream_duration_s": _or_none(_seconds),
    "frames": _whole(-_STAMP, _STAMP),
}
_OF_THE_CHOSEN: Mapping[str, _Check] = {
    # From a display matrix: within a turn either way.
    "rotation_ccw_deg": _number(360.0),
    "container_duration_s": _or_none(_seconds),
    "start_s": _seconds,
    "is_encrypted": _yes_or_no,
    "is_single_picture": _yes_or_no,
    "is_cut_off": _yes_or_no,
    "index_entries": _whole(0, _INT),
    "keyframes_s": _list_of(_seconds, MAX_INDEX_KEYFRAMES),
    "index_end_s": _or_none(_seconds),
}
