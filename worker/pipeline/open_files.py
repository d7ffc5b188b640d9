"""Tells a machine that has no file descriptors left from a file that cannot be read, and makes room where it may."""

import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager

from worker.pipeline.errors import Reason, TransientError

_FEWEST = 64
"""What a worker's main process has open beside its pool when it loads its libraries, and half as much more."""
_PER_PROCESS = 8
"""Pipes to one process of the pool."""
_ERRNOS = (errno.EMFILE, errno.ENFILE)


def is_out_of_files(error: BaseException) -> bool:
    """Whether an error says that this process, or the whole machine, may open no more files."""
    return isinstance(error, OSError) and error.errno in _ERRNOS


def out_of_files_error() -> TransientError:
    """What to raise in its place."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    detail = f"no file descriptors left (a process may have {allowed}): {_NEXT_STEP}, or judge fewer videos at once"
    return TransientError(Reason.OPEN_FILES_LIMIT, detail)


@contextmanager
def named_when_out() -> Iterator[None]:
    """Has an error of opening come as what it is.

    Raises:
        TransientError: no more files may be opened.
    """
    try:
        yield
    except OSError as error:
        if is_out_of_files(error):
            raise out_of_files_error() from error
        raise


def require_open_files(processes: int) -> None:
    """Makes sure that a worker of so many processes may open what it needs; raises the soft limit where that helps.

    Raises:
        TransientError: it may not, and may not allow itself to.
    """
    needed = _FEWEST + _PER_PROCESS * processes
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard == resource.RLIM_INFINITY or hard >= needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
        return
    detail = f"a worker of {processes} processes needs {needed} file descriptors, and may have {hard}: {_NEXT_STEP}"
    raise TransientError(Reason.OPEN_FILES_LIMIT, detail)


def lowered_open_files(wanted: int) -> tuple[int, int]:
    """Both limits for a process that shall have `wanted` descriptors at most; what is lower already stays."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    return most, most


_NEXT_STEP = "raise the limit (`ulimit -n`, or LimitNOFILE= of the service)"
