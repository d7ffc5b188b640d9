"""A frozen evaluation set: labelled material on which classifiers are compared, one and the same for good.

The files are copied under the names of their hashes; what they are (label, source, identities) is listed beside them.
The hash of the list is the set's own: the same material gives the same set on every machine, and any change shows.
"""

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.dataset import MANIFEST
from training.errors import TrainingError

LIST = "frozen.json"
FORMAT = 1


@dataclass(frozen=True)
class FrozenFile:
    """One file of a frozen set.

    Args:
        name: of the copy: the content's SHA-256 and the extension that it had.
        sha256: of the content.
    """

    name: str
    sha256: str
    kind: str
    label: str
    source: str
    identities: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As it stands in the list."""
        return {**vars(self), "identities": list(self.identities)}


@dataclass(frozen=True)
class FrozenSet:
    """A frozen set that is whole and unaltered.

    Args:
        directory: holds the list, a manifest for `discover_items`, and the files.
        sha256: of all that decides a figure.
        files: in order of their hashes.
    """

    directory: Path
    sha256: str
    files: tuple[FrozenFile, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many files of each kind and label there are, such as "real images"."""
        return dict(sorted(Counter(f"{file.label} {file.kind}s" for file in self.files).items()))


def open_frozen_set(directory: Path, sha256: str) -> FrozenSet:
    """The frozen set of this hash, every byte of it verified.

    Raises:
        TrainingError: something is missing or altered.
    """
    path = directory / LIST
    advice = "freeze the same material again with `fakesweep classifiers freeze`"
    try:
        told: Any = json.loads(path.read_bytes())
        files = tuple(FrozenFile(**{**file, "identities": tuple(file["identities"])}) for file in told["files"])
    except OSError as error:
        raise TrainingError(f"no frozen set at {directory} ({LIST}: {error.strerror}): {advice}") from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise TrainingError(f"{path} is altered: it is no list of a frozen set any more: {advice}") from error
    if hash_of(files) != sha256 or _read(directory / MANIFEST) != manifest_of(files):
        raise TrainingError(f"the list of the frozen set at {directory} is altered: {advice}")
    for file in files:
        _require_unaltered(directory / file.name, file.sha256, advice)
    return FrozenSet(directory, sha256, files)


def hash_of(files: Sequence[FrozenFile]) -> str:
    """The hash that names a set: of all that decides a figure."""
    told = [[file.sha256, file.name, file.kind, file.label, file.source, file.identities] for file in files]
    return hashlib.sha256(json.dumps([FORMAT, told]).encode()).hexdigest()


def manifest_of(files: Sequence[FrozenFile]) -> bytes:
    """The manifest by which `discover_items` finds the files."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow(["path", "label", "kind", "source", "identity"])
    for file in files:
        writer.writerow([file.name, file.label, file.kind, file.source, ";".join(file.identities)])
    return stream.getvalue().encode()


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _require_unaltered(path: Path, sha256: str, advice: str) -> None:
    if not path.is_file():
        raise TrainingError(f"the frozen set lacks {path}: {advice}")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise TrainingError(f"{path} is altered (sha256 {found[:12]}, frozen as {sha256[:12]}): {advice}")
