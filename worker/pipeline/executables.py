"""Says which files a program needs to start: itself, and the libraries that its loader finds."""

import functools
import re
import struct
import subprocess
from pathlib import Path

PROGRAM_DIRECTORIES = tuple(map(Path, ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/nix/store", "/etc/ld.so.cache")))
"""Where a script's interpreter, and what that one starts, is looked for."""
LOADER_CACHE = Path("/etc/ld.so.cache")

_HEADER_BYTES = 64
_TABLE_BYTES = 65536
_INTERPRETER_SEGMENT = 3
_LOADER_ANSWERS_WITHIN_S = 20
_LIBRARY_PATH = re.compile(rb"(/\S.*?)(?: \(0x[0-9a-f]+\))?$")


@functools.cache
def files_to_start(program: Path) -> tuple[Path, ...]:
    """What must be readable for a program to start: exact files for a binary, directories for a script.

    Raises:
        OSError: it cannot be read.
    """
    with program.open("rb") as file:
        head = file.read(_TABLE_BYTES)
    if head[:2] == b"#!":
        return (program, *PROGRAM_DIRECTORIES)
    loader = loader_of(head)
    if loader is None:
        return (program,)
    libraries = _libraries(program, loader)
    return (program, loader, *(libraries or PROGRAM_DIRECTORIES), LOADER_CACHE)


def loader_of(head: bytes) -> Path | None:
    """The loader that the start of a 64-bit little-endian ELF file names; None for a static one, or no ELF file."""
    if len(head) < _HEADER_BYTES or head[:6] != b"\x7fELF\x02\x01":
        return None
    (table_at,) = struct.unpack_from("<Q", head, 32)
    entry_bytes, entries = struct.unpack_from("<HH", head, 54)
    for number in range(entries):
        at = table_at + number * entry_bytes
        if at + 56 > len(head):
            return None
        (kind,) = struct.unpack_from("<I", head, at)
        if kind == _INTERPRETER_SEGMENT:
            (start,) = struct.unpack_from("<Q", head, at + 8)
            (size,) = struct.unpack_from("<Q", head, at + 32)
            return Path(head[start : start + size].rstrip(b"\0").decode("utf-8", "surrogateescape"))
    return None


def _libraries(program: Path, loader: Path) -> list[Path]:
    """What the loader would load, without running the program; none where it does not say."""
    try:
        answer = subprocess.run(
            [str(loader), "--list", str(program)],
            capture_output=True,
            timeout=_LOADER_ANSWERS_WITHIN_S,
            check=True,
            # As the program is started: with no word of where else to look.
            env={"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    found = (_LIBRARY_PATH.search(line) for line in answer.stdout.splitlines())
    return [Path(match[1].decode("utf-8", "surrogateescape")) for match in found if match]
