"""Makes files that mean harm: they point elsewhere, lie about themselves, or swell when they are opened."""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

CONTAINERS_OF_BOXES = (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl")
ENDLESS_EBML = b"\x01\xff\xff\xff\xff\xff\xff\xff"
"""An EBML size that means "until something else begins"."""
LARGEST_EBML = b"\x01\xff\xff\xff\xff\xff\xff\xfe"

Pointer = Callable[[str], str]
"""Takes the address of a film, gives a text that points at it."""

POINTERS: dict[str, Pointer] = {
    "hls": lambda at: f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{at}\n#EXT-X-ENDLIST\n",
    "hls-key": lambda at: f'#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{at}"\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{at}\n',
    "hls-map": lambda at: f'#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-MAP:URI="{at}"\n#EXTINF:4,\n{at}\n#EXT-X-ENDLIST\n',
    "dash": lambda at: (
        '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        f'mediaPresentationDuration="PT4S"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1" '
        f'bandwidth="1"><BaseURL>{at}</BaseURL></Representation></AdaptationSet></Period></MPD>\n'
    ),
    "concat": lambda at: f"ffconcat version 1.0\nfile '{at}'\n",
    "svg": lambda at: (
        '<?xml version="1.0"?>\n<!DOCTYPE svg [<!ENTITY x SYSTEM "' + at + '">]>\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><image href="{at}"/><text>&x;</text></svg>\n'
    ),
    "srt": lambda at: f"1\n00:00:00,000 --> 00:00:04,000\n<img src='{at}'>\n",
    "ass": lambda at: f"[Script Info]\nVideo File: {at}\n[Events]\nDialogue: 0,0:00:00.00,0:00:04.00,,,0,0,0,,{at}\n",
    "sdp": lambda at: f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns={at}\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    "m3u": lambda at: f"#EXTM3U\n{at}\n",
    "asx": lambda at: f'<asx version="3.0"><entry><ref href="{at}"/></entry></asx>\n',
    "ram": lambda at: f"{at}\n",
    "smil": lambda at: f'<smil><body><video src="{at}"/></body></smil>\n',
    "avs": lambda at: f'FFmpegSource2("{at}")\n',
    "metadata": lambda at: f";FFMETADATA1\ntitle={at}\n",
}
"""Texts that players follow, by the name of their kind."""


def boxes(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, bytes]]:
    """Start, end and type of the MP4 boxes in a stretch of a file."""
    while start + 8 <= end:
        size, kind = struct.unpack(">I4s", data[start : start + 8])
        yield start, start + size, kind
        start += size


def path_to_box(data: bytes, wanted: bytes) -> list[int]:
    """Where the first box of a type starts, after the starts of those that it lies in."""

    def search(start: int, end: int) -> list[int]:
        for at, until, kind in boxes(data, start, end):
            if kind == wanted:
                return [at]
            if kind in CONTAINERS_OF_BOXES and (found := search(at + 8, until)):
                return [at, *found]
        return []

    found = search(0, len(data))
    if not found:
        raise ValueError(f"there is no box {wanted!r}")
    return found


def replace_box(data: bytes, kind: bytes, content: bytes) -> bytes:
    """The file with another content in its first box of a type; an index behind the pictures stays right."""
    *parents, at = path_to_box(data, kind)
    old_size = struct.unpack(">I", data[at : at + 4])[0]
    new = struct.pack(">I4s", 8 + len(content), kind) + content
    changed = bytearray(data[:at] + new + data[at + old_size :])
    for parent in parents:
        size = struct.unpack(">I", changed[parent : parent + 4])[0]
        changed[parent : parent + 4] = struct.pack(">I", size + len(new) - old_size)
    return bytes(changed)


def claim_samples(data: bytes, count: int) -> bytes:
    """An MP4 file that says it has so many pictures, of one byte each, in one chunk."""
    data = replace_box(data, b"stsz", struct.pack(">III", 0, 1, count))
    data = replace_box(data, b"stts", struct.pack(">IIII", 0, 1, count, 1))
    return replace_box(data, b"stsc", struct.pack(">IIIII", 0, 1, 1, count, 1))


def repeat_track(data: bytes, count: int) -> bytes:
    """An MP4 file that has its track so many times."""
    moov, trak = path_to_box(data, b"trak")
    moov_size, trak_size = (struct.unpack(">I", data[at : at + 4])[0] for at in (moov, trak))
    copies = data[trak : trak + trak_size] * (count - 1)
    changed = bytearray(data[:trak] + copies + data[trak:])
    changed[moov : moov + 4] = struct.pack(">I", moov_size + len(copies))
    return bytes(changed)


def point_elsewhere(data: bytes, address: str) -> bytes:
    """An MP4 file whose pictures are said to lie in another file."""
    entry = b"\0\0\0\0" + address.encode() + b"\0"
    url = struct.pack(">I4s", 8 + len(entry), b"url ") + entry
    return replace_box(data, b"dref", struct.pack(">II", 0, 1) + url)


def claim_size(data: bytes, width: int, height: int, *, codec: bytes) -> bytes:
    """A QuickTime file of PNG or MJPEG pictures, each of which says that it is this large."""
    changed = bytearray(data)
    at = -1
    mark = b"IHDR" if codec == b"png" else b"\xff\xc0\x00\x11\x08"
    while (at := changed.find(mark, at + 1)) >= 0:
        # A PNG's sides have 32 bits, width first; a JPEG's 16, height first.
        sides = struct.pack(">II", width, height) if codec == b"png" else struct.pack(">HH", height, width)
        changed[at + len(mark) : at + len(mark) + len(sides)] = sides
    return bytes(changed)


def claim_size_in_header(data: bytes, width: int, height: int) -> bytes:
    """An MP4 file whose description of the pictures says that they are this large; sides have 16 bits there."""
    changed = bytearray(data)
    at = path_to_box(data, b"stsd")[-1] + 16
    changed[at + 32 : at + 36] = struct.pack(">HH", min(width, 65_535), min(height, 65_535))
    return bytes(changed)


def write_h264(width: int, height: int) -> bytes:
    """A raw H.264 stream of one parameter set that announces pictures of this size, and of no picture."""
    bits = "".join(
        (
            f"{66:08b}{0:08b}{62:08b}",
            _golomb(0),
            _golomb(0),
            _golomb(2),
            _golomb(1),
            "0",
            _golomb(width // 16 - 1),
            _golomb(height // 16 - 1),
            "1",
            "0",
            "0",
            "0",
            "1",
        )
    )
    bits += "0" * (-len(bits) % 8)
    sequence = int(bits, 2).to_bytes(len(bits) // 8, "big")
    picture_set, start = b"\x68\xce\x3c\x80", b"\0\0\0\x01"
    return (start + b"\x67" + sequence + start + picture_set + start + b"\x65\x88\x84" + b"\x21" * 200) * 20


def nest_tags(data: bytes, depth: int) -> bytes:
    """A Matroska file that begins with tags within tags, so deep."""
    nested = b""
    for _ in range(depth):
        nested = b"\x67\xc8" + _ebml_size(len(nested)) + nested
    tag = b"\x73\x73" + _ebml_size(len(nested)) + nested
    return _insert_in_segment(data, b"\x12\x54\xc3\x67" + _ebml_size(len(tag)) + tag)


def lie_about_element(data: bytes) -> bytes:
    """A Matroska file that begins with an element which claims to be larger than any disk."""
    return _insert_in_segment(data, b"\x12\x54\xc3\x67" + LARGEST_EBML)


def _insert_in_segment(data: bytes, element: bytes) -> bytes:
    at = data.index(b"\x18\x53\x80\x67")
    length = 9 - data[at + 4].bit_length()
    return data[: at + 4] + ENDLESS_EBML + element + data[at + 4 + length :]


def _ebml_size(size: int) -> bytes:
    return (size | 1 << 56).to_bytes(8, "big")


def _golomb(value: int) -> str:
    digits = f"{value + 1:b}"
    return "0" * (len(digits) - 1) + digits


def sparse(path: Path, *, head: bytes, size: int) -> Path:
    """A file of this size that takes no more room on the disk than its first bytes."""
    with path.open("wb") as file:
        file.write(head)
        file.truncate(size)
    return path
