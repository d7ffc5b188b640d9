"""Where the face detector's file lies, and which one it must be."""

import hashlib
from pathlib import Path

from worker.pipeline.errors import BundleError

DETECTOR_NAME = "centerface"
DETECTOR_SHA256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"
DETECTOR_FILE = Path(__file__).parent.parent / "detectors" / "centerface.onnx"


def find_detector(path: Path = DETECTOR_FILE) -> Path:
    """The detector's file, checked against its pinned hash.

    Raises:
        BundleError: it is missing or altered.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BundleError(f"no face detector at {path} ({error.strerror}): run `scripts/fetch_weights`") from error
    found = hashlib.sha256(content).hexdigest()
    if found != DETECTOR_SHA256:
        raise BundleError(
            f"the face detector at {path} is altered (sha256 {found[:12]}, expected {DETECTOR_SHA256[:12]}):"
            " delete it and run `scripts/fetch_weights`"
        )
    return path
