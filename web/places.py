"""The places on the server that may be submitted and shown: the roots, and what was uploaded."""

import fcntl
import os
import stat
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from worker.settings import Settings

# `F_GETPATH` of macOS, which Python's fcntl does not name everywhere.
_F_GETPATH = 50
_PATH_BYTES = 1024


class OutsideError(Exception):
    """A path leads out of the places that may be shown."""


@dataclass(frozen=True)
class Places:
    """Real paths of the directories below which files may be read."""

    roots: tuple[bytes, ...]
    uploads: bytes

    def real_path_of(self, path: bytes, *, with_uploads: bool) -> bytes:
        """Where a path leads to.

        Raises:
            OutsideError: out of every root, whatever links lie on the way.
        """
        if not path.startswith(b"/") or b"\0" in path:
            raise OutsideError("it is no absolute path")
        real = os.path.realpath(path)
        allowed = (*self.roots, self.uploads) if with_uploads else self.roots
        if not _is_below(real, allowed):
            raise OutsideError("it lies below none of the roots")
        return real

    def open_file(self, path: bytes) -> int:
        """A descriptor of a regular file below a root or the uploads.

        Raises:
            OutsideError: it lies elsewhere, also where a directory on its way was exchanged meanwhile.
            OSError: it cannot be opened.
        """
        real = self.real_path_of(path, with_uploads=True)
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            self._require_shown(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _require_shown(self, descriptor: int) -> None:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OutsideError("it is no regular file")
        if not _is_below(_path_of_descriptor(descriptor), (*self.roots, self.uploads)):
            raise OutsideError("it lies below none of the roots")


def upload_folder(settings: Settings) -> Path:
    """Where uploaded files lie."""
    return settings.web.uploads or settings.home / "uploads"


def find_places(settings: Settings) -> Places:
    """The places of an installation, links on the way to them followed once."""
    roots = tuple(os.path.realpath(os.fsencode(root)) for root in settings.web.roots)
    return Places(roots, os.path.realpath(os.fsencode(upload_folder(settings))))


def _is_below(path: bytes, directories: Iterable[bytes]) -> bool:
    return any(path == directory or path.startswith(directory.rstrip(b"/") + b"/") for directory in directories)


def _path_of_descriptor(descriptor: int) -> bytes:
    """Where the opened file lies now, by what the kernel says."""
    if sys.platform == "darwin":
        return fcntl.fcntl(descriptor, _F_GETPATH, bytes(_PATH_BYTES)).rstrip(b"\0")
    with suppress(OSError):
        return os.fsencode(Path(f"/proc/self/fd/{descriptor}").readlink())
    return b""
