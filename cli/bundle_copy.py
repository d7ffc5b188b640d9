"""Brings a bundle into the state directory, whole or not at all."""

import shutil
import tempfile
from pathlib import Path


def copy_bundle(directory: Path, *, home: Path) -> Path:
    """Verifies a bundle, copies it to `home/classifiers/HASH` unless it is there, and returns that place.

    Raises:
        BundleError: its files are missing or altered, or are links that lead out of it.
    """
    from cli.opening import manifest_sha256
    from worker.pipeline.bundle import CARD_FILE, MANIFEST_FILE, verify_bundle
    from worker.pipeline.errors import BundleError
    from worker.resources import imported_place

    verify_bundle(directory)
    place = imported_place(home, manifest_sha256(directory))
    if place == directory.absolute() or place.is_dir():
        verify_bundle(place)
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".import-", dir=place.parent) as part:
        copied = Path(part) / "bundle"
        copied.mkdir()
        # Only the bundle's own files: a directory from a stranger may hold anything else.
        for name in (MANIFEST_FILE, CARD_FILE, *verify_bundle(directory).files):
            if not (directory / name).resolve().is_relative_to(directory.resolve()):
                raise BundleError(f"{directory / name} is a link that leads out of the bundle: do not use it")
            if (directory / name).is_file():
                shutil.copyfile(directory / name, copied / name)
        verify_bundle(copied)
        copied.rename(place)
    return place
