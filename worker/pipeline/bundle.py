"""Reads and checks a bundle: a directory with a classifier's networks and the manifest that binds them by hash."""

import hashlib
import json
from pathlib import Path
from typing import Any

from worker.pipeline.detector_file import DETECTOR_NAME, DETECTOR_SHA256
from worker.pipeline.errors import BundleError
from worker.pipeline.manifest import FORMAT, Manifest
from worker.pipeline.preprocessing import PREPROCESSING_VERSION

MANIFEST_FILE = "manifest.json"
KERAS_FILE = "classifier.keras"
OPENVINO_FILE = "classifier.xml"
OPENVINO_WEIGHTS_FILE = "classifier.bin"
INT8_FILE = "classifier-int8.xml"
INT8_WEIGHTS_FILE = "classifier-int8.bin"
CARD_FILE = "card.md"
NETWORK_FILES = (KERAS_FILE, OPENVINO_FILE, OPENVINO_WEIGHTS_FILE)
INT8_FILES = (INT8_FILE, INT8_WEIGHTS_FILE)
"""Of a bundle that says how int8 compares; others have none."""

MAX_MANIFEST_BYTES = 4_000_000
"""A manifest has a few thousand bytes; one of gigabytes is somebody's joke."""


def read_manifest(directory: Path) -> Manifest:
    """The manifest of a bundle; its files are not looked at.

    Raises:
        BundleError: it is missing, or no manifest that this version understands.
    """
    path = directory / MANIFEST_FILE
    try:
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            raise BundleError(f"{path} is no manifest: it has over {MAX_MANIFEST_BYTES} bytes")
        found: Any = json.loads(path.read_bytes())
        return Manifest.from_json(found)
    except OSError as error:
        raise BundleError(
            f"no classifier at {directory} ({MANIFEST_FILE}: {error.strerror}): run `fakesweep train`, "
            "or set FAKESWEEP_CLASSIFIER to a bundle's directory"
        ) from error
    except (ValueError, RecursionError) as error:
        raise BundleError(
            f"{path} is no manifest that this version understands ({error}): take a bundle of format {FORMAT}, "
            "or train one again with `fakesweep train`"
        ) from error


def sha256_of_manifest(directory: Path) -> str:
    """The hash by which a bundle is known, as the manifest binds its other files.

    Raises:
        BundleError: there is no manifest.
    """
    path = directory / MANIFEST_FILE
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise BundleError(f"{path} cannot be read ({error.strerror}): train or import the bundle again") from error


def verify_bundle(directory: Path) -> Manifest:
    """The manifest of a bundle that is whole, unaltered, and made for this preprocessing and detector.

    Raises:
        BundleError: it is not; the message names the file, both hashes and the next step.
    """
    manifest = read_manifest(directory)
    _require_fitting(manifest, directory)
    for name in (*NETWORK_FILES, *(INT8_FILES if "int8" in manifest.precisions else ())):
        if name not in manifest.files:
            raise BundleError(f"{directory / MANIFEST_FILE} gives no hash for {name}: train or import the bundle again")
    for name, expected in manifest.files.items():
        _require_unaltered(directory, name, expected)
    return manifest


def _require_fitting(manifest: Manifest, directory: Path) -> None:
    if manifest.preprocessing_version != PREPROCESSING_VERSION:
        raise BundleError(
            f"the classifier at {directory} was made for preprocessing {manifest.preprocessing_version}, this "
            f"fakesweep has {PREPROCESSING_VERSION}: train it again with `fakesweep train`, or take another bundle"
        )
    if (manifest.detector_name, manifest.detector_sha256) != (DETECTOR_NAME, DETECTOR_SHA256):
        raise BundleError(
            f"the classifier at {directory} was made for the face detector {manifest.detector_name} "
            f"(sha256 {manifest.detector_sha256[:12]}), this fakesweep has {DETECTOR_NAME} "
            f"({DETECTOR_SHA256[:12]}): train it again with `fakesweep train`"
        )


def _require_unaltered(directory: Path, name: str, expected: str) -> None:
    # What a manifest names is read: a name with a way in it could be any file of this machine.
    if Path(name).name != name or name in ("", ".", "..") or "\0" in name or "\\" in name:
        raise BundleError(
            f"{directory / MANIFEST_FILE} names {name!r}, which lies outside of the bundle: do not use it"
        )
    path = directory / name
    if not path.is_file():
        raise BundleError(f"the bundle at {directory} lacks {name}: train or import it again")
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BundleError(f"{path} cannot be read ({error.strerror}): check its permissions") from error
    if found != expected:
        raise BundleError(
            f"{path} is altered (sha256 {found[:12]}, its manifest says {expected[:12]}): "
            "train or import the bundle again"
        )
