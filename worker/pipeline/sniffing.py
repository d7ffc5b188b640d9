"""Names what a file is by its first bytes, for those that no video demuxer takes."""

from worker.pipeline.errors import Reason

HEAD_BYTES = 4096

_PICTURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (b"\x00\x00\x01\x00", "ICO"),
)
# A still picture in a film container: HEIF and AVIF name themselves by their major brand.
_PICTURE_BRANDS = frozenset({b"heic", b"heix", b"mif1", b"avif", b"heim", b"heis"})
_TRUNCATED_STARTS = (
    (b"\x1aE\xdf\xa3", "Matroska"),
    (b"RIFF", "AVI"),
    (b"FLV\x01", "FLV"),
)


def picture_kind(head: bytes) -> str | None:
    """The picture format of a file that starts with `head`, or None."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[4:8] == b"ftyp" and head[8:12] in _PICTURE_BRANDS:
        return "HEIF/AVIF"
    # "BM" alone could begin a text; a bitmap's reserved words are zero.
    if head[:2] == b"BM" and head[6:10] != b"\0\0\0\0":
        return None
    return next((kind for magic, kind in _PICTURES if head.startswith(magic)), None)


def explain_refusal(head: bytes) -> tuple[Reason, str]:
    """The reason and the sentence for a file that no demuxer took."""
    container = _container_kind(head)
    if container is not None:
        return (
            Reason.NO_FRAMES,
            f"it starts as {container}, but its index or its pictures are missing: it was cut off or damaged",
        )
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    for magic, kind in (
        (b"#EXTM3U", "an HLS playlist"),
        (b"ffconcat", "a concat script"),
        (b"<MPD", "a DASH manifest"),
    ):
        if start.startswith(magic):
            return Reason.NOT_A_VIDEO, f"it is {kind}, which only points at other files"
    if not any(head):
        return Reason.NOT_A_VIDEO, "its first bytes are all zero"
    kind = "text" if _is_text(head) else "in no known video container"
    return Reason.NOT_A_VIDEO, f"it is {kind} (first bytes: {head[:8].hex(' ')})"


def _container_kind(head: bytes) -> str | None:
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide"):
        return "MP4/QuickTime"
    if head[:4] == b"RIFF" and head[8:12] != b"AVI ":
        return None
    return next((kind for magic, kind in _TRUNCATED_STARTS if head.startswith(magic)), None)


def _is_text(head: bytes) -> bool:
    try:
        # The last character may be cut in two.
        head[: max(1, len(head) - 3)].decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\0" not in head
