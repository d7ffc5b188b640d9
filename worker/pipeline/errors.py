"""What can go wrong with a video, ordered by what the caller does about it.

Permanent errors end the scan in a state of their own; transient ones leave it for another attempt.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why an entry or a scan ended without a score; stored, shown and documented under these names."""

    MISSING = "missing"
    EMPTY = "empty"
    NOT_A_VIDEO = "not_a_video"
    IS_PICTURE = "is_picture"
    AUDIO_ONLY = "audio_only"
    NO_FRAMES = "no_frames"
    ENCRYPTED = "encrypted"
    TOO_LARGE = "too_large"
    TOO_LONG = "too_long"
    UNSUPPORTED_CODEC = "unsupported_codec"
    PERMISSION_DENIED = "permission_denied"
    READ_ERROR = "read_error"
    VANISHED = "vanished"
    SPECIAL_FILE = "special_file"
    SYMLINK_LOOP = "symlink_loop"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    OPEN_FILES_LIMIT = "open_files_limit"
    CLASSIFIER_UNAVAILABLE = "classifier_unavailable"
    DISK_FULL = "disk_full"
    WORKER_LOST = "worker_lost"
    INTERNAL_ERROR = "internal_error"
    CANCELLED = "cancelled"


class PipelineError(Exception):
    """Anything that the pipeline raises on purpose."""


class UnreadableVideoError(PipelineError):
    """The file itself is the cause, and will be next time: recorded as `unreadable`, never tried again.

    Args:
        reason: the code stored with the scan.
        detail: one sentence with the value that was wrong, for people.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class TransientError(PipelineError):
    """The machine is the cause (no memory, no disk, no descriptors): worth another attempt.

    Args:
        reason: the code stored if the last attempt ends so.
        detail: one sentence with the value that was wrong, for people.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class ScanStoppedError(PipelineError):
    """The caller asked for the scan to stop (cancelled, or its lease was lost): nothing is saved."""


class BundleError(PipelineError):
    """A classifier bundle or the detector's file is missing, altered, or made for another preprocessing."""
