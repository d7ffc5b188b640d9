"""Makes sure that a file still holds the content that was submitted."""

import hashlib
import os
from collections.abc import Callable

from db.leases import Claim
from worker.pipeline.errors import Reason, ScanStoppedError, UnreadableVideoError
from worker.pipeline.opening import file_error, opened_video

_CHUNK_BYTES = 1 << 20


def check_content(claim: Claim, *, should_stop: Callable[[], bool]) -> None:
    """Compares size and time of change; where they differ, reads the file and compares its hash.

    Raises:
        UnreadableVideoError: the file is gone, or holds something else now.
        TransientError: it could not be read just now.
        ScanStoppedError: told to stop while reading.
    """
    with opened_video(claim.path, if_absent=Reason.VANISHED) as descriptor:
        status = os.fstat(descriptor)
        if (status.st_size, status.st_mtime_ns) == (claim.size_bytes, claim.mtime_ns):
            return
        is_same = status.st_size == claim.size_bytes and _sha256(descriptor, should_stop) == claim.sha256
    if not is_same:
        raise UnreadableVideoError(Reason.VANISHED, "the file was changed after it was submitted: submit it again")


def _sha256(descriptor: int, should_stop: Callable[[], bool]) -> str:
    digest = hashlib.sha256()
    try:
        while chunk := os.read(descriptor, _CHUNK_BYTES):
            if should_stop():
                raise ScanStoppedError("told to stop while the file was read")
            digest.update(chunk)
    except OSError as error:
        raise file_error(error, if_absent=Reason.VANISHED) from error
    return digest.hexdigest()
