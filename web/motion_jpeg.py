"""Motion JPEG over HTTP: pictures one after the other, each in the place of the one before."""

_BOUNDARY = "picture"
MEDIA_TYPE = "multipart/x-mixed-replace"
CONTENT_TYPE = f"{MEDIA_TYPE}; boundary={_BOUNDARY}"
"""Of an answer that is made of such parts."""


def part_of(jpeg: bytes) -> bytes:
    """A picture as a part of the answer."""
    head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
    return head.encode() + jpeg + b"\r\n"
