"""Opens a video once, by a name of any bytes, and hands the descriptor on instead of the name.

Neither ffmpeg nor the probe ever sees a path: names with a dash, a colon, a per cent sign, a newline or invalid UTF-8
mean nothing special, and both processes can work without any right to open files.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from worker.pipeline.errors import Reason, TransientError, UnreadableVideoError
from worker.pipeline.open_files import is_out_of_files, out_of_files_error

VideoPath = Path | bytes | str

_REASON_OF_ERRNO = {
    errno.EACCES: Reason.PERMISSION_DENIED,
    errno.EPERM: Reason.PERMISSION_DENIED,
    errno.ELOOP: Reason.SYMLINK_LOOP,
    errno.EISDIR: Reason.SPECIAL_FILE,
    errno.ENXIO: Reason.SPECIAL_FILE,
    errno.ENAMETOOLONG: Reason.MISSING,
}


@contextmanager
def opened_video(path: VideoPath, *, if_absent: Reason = Reason.MISSING) -> Iterator[int]:
    """A descriptor of a regular file, at its start.

    Args:
        path: a name as the file system holds it.
        if_absent: the reason given where there is no such file: `missing` at first sight, `vanished` later.

    Raises:
        UnreadableVideoError: the file is absent, forbidden, or no regular file.
        TransientError: the machine is out of descriptors or memory, or could not read.
    """
    name = os.fsencode(path)
    descriptor = _open_regular(name, if_absent=if_absent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def file_error(error: OSError, *, if_absent: Reason) -> UnreadableVideoError | TransientError:
    """The typed form of what the operating system said."""
    detail = f"the file could not be read: {error.strerror or error}"
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return UnreadableVideoError(if_absent, "there is no such file")
    if is_out_of_files(error):
        return out_of_files_error()
    if error.errno == errno.ENOMEM:
        return TransientError(Reason.MEMORY_LIMIT, detail)
    reason = _REASON_OF_ERRNO.get(error.errno or 0)
    return UnreadableVideoError(reason, detail) if reason else TransientError(Reason.READ_ERROR, detail)


def _open_regular(name: bytes, *, if_absent: Reason) -> int:
    try:
        # Looked at before it is opened: opening a device can do things, and a FIFO would wait.
        _require_regular(os.stat(name))  # noqa: PTH116 - pathlib takes no bytes
        descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except ValueError:
        raise UnreadableVideoError(if_absent, "the name holds a null byte") from None
    except OSError as error:
        raise file_error(error, if_absent=if_absent) from error
    try:
        _require_regular(os.fstat(descriptor))
    except UnreadableVideoError:
        os.close(descriptor)
        raise
    return descriptor


def _require_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = stat.filemode(status.st_mode)[0]
        raise UnreadableVideoError(Reason.SPECIAL_FILE, f"it is no regular file (type {kind!r})")
