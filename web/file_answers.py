"""Answers with a file, whole or in parts, under a type that no browser runs."""

import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.utils import formatdate
from io import FileIO
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from web.problems import problem_response

_PART_BYTES = 256 * 1024
# Shown in the page; everything else is handed out as a file to be kept.
_PLAYED = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".ogv": "video/ogg",
    ".avi": "video/x-msvideo",
}
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
# Digits of a size; longer numbers are nonsense.
_MOST_DIGITS = 18


@dataclass(frozen=True)
class Span:
    """Bytes from `first` to `last`, both included."""

    first: int
    last: int

    @property
    def size(self) -> int:
        """How many."""
        return self.last - self.first + 1


def answer_file(request: Request, descriptor: int, *, name: bytes, fingerprint: str) -> Response:
    """The file behind a descriptor, which is closed when all is sent."""
    status = os.fstat(descriptor)
    extension = os.path.splitext(name)[1].decode("ascii", "replace").lower()  # noqa: PTH122 - bytes
    etag = f'"{fingerprint[:32]}-{status.st_mtime_ns:x}"'
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": etag,
        "Last-Modified": formatdate(status.st_mtime, usegmt=True),
        "Content-Disposition": _disposition(name, is_played=extension in _PLAYED),
        "Content-Type": _PLAYED.get(extension, "application/octet-stream"),
        # Should anything in the file take itself for a page.
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, max-age=0, must-revalidate",
    }
    if request.headers.get("if-none-match") == etag:
        os.close(descriptor)
        return Response(status_code=304, headers=headers)
    wanted = request.headers.get("range")
    if wanted is not None and request.headers.get("if-range", etag) != etag:
        wanted = None
    span = read_range(wanted, status.st_size)
    if span is None:
        os.close(descriptor)
        detail = f"range {wanted!r} lies outside of the file's {status.st_size} bytes"
        return problem_response(request.url.path, 416, detail, headers={"Content-Range": f"bytes */{status.st_size}"})
    code = 200
    if _is_single(wanted):
        code = 206
        headers["Content-Range"] = f"bytes {span.first}-{span.last}/{status.st_size}"
    headers["Content-Length"] = str(span.size)
    if request.method == "HEAD":
        os.close(descriptor)
        return Response(status_code=code, headers=headers)
    # As an object it is closed also where the answer is never begun.
    return StreamingResponse(_read(os.fdopen(descriptor, "rb", buffering=0), span), code, headers)


def read_range(wanted: str | None, size: int) -> Span | None:
    """The bytes that a Range header asks for; all where it asks for none or for several, None where there are none."""
    whole = Span(0, size - 1)
    if not _is_single(wanted):
        return whole
    found = _RANGE.fullmatch((wanted or "").strip())
    if found is None:
        return whole
    first, last = found.groups()
    if not first:
        # The last so many bytes.
        count = min(int(last), size)
        return Span(size - count, size - 1) if count else None
    if int(first) >= size or (last and int(last) < int(first)):
        return None
    return Span(int(first), min(int(last), size - 1) if last else size - 1)


def _is_single(wanted: str | None) -> bool:
    """Whether a header asks for one part in a way that is understood."""
    found = _RANGE.fullmatch(wanted.strip()) if wanted else None
    return found is not None and any(found.groups()) and max(map(len, found.groups())) <= _MOST_DIGITS


async def _read(file: FileIO, span: Span) -> AsyncIterator[bytes]:
    with file:
        at, left = span.first, span.size
        while left > 0:
            part = await run_in_threadpool(os.pread, file.fileno(), min(_PART_BYTES, left), at)
            if not part:
                # The file shrank: the connection ends early, which the browser can tell.
                return
            yield part
            at += len(part)
            left -= len(part)


def _disposition(name: bytes, *, is_played: bool) -> str:
    shown = name.decode("utf-8", "replace")
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", shown) or "video"
    kind = "inline" if is_played else "attachment"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(shown, safe='')}"
