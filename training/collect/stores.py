"""Somewhere that holds files: a directory, or a prefix in an object store."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from training.collect.local_store import LocalStore
from training.collect.object_store import ObjectStore


class Store(Protocol):
    """Somewhere that holds files by relative paths with forward slashes."""

    @property
    def name(self) -> str:
        """How people write it."""

    def sizes(self) -> Iterator[tuple[str, int]]:
        """Every file's path and its bytes, in order."""

    def size_of(self, path: str) -> int | None:
        """The bytes of one file, None where there is none."""

    def read(self, path: str) -> bytes | None:
        """A small file's content, None where there is none."""

    def write(self, path: str, content: bytes) -> None:
        """Puts a small file there, whole or not at all."""

    def download(self, path: str, to: Path) -> None:
        """Copies a file to this machine."""

    def upload(self, origin: Path, path: str) -> None:
        """Puts a file of this machine there, whole or not at all."""


def open_store(place: str, *, endpoint_url: str | None = None, is_anonymous: bool = False) -> Store:
    """A directory's path, or a URL such as s3://bucket/prefix, as a store.

    Args:
        place: what the user wrote.
        endpoint_url: of an S3 that is not Amazon's.
        is_anonymous: ask an S3 without credentials.

    Raises:
        TrainingError: nothing is installed that speaks this protocol.
    """
    if "://" not in place:
        return LocalStore(Path(place))
    return ObjectStore(place, endpoint_url=endpoint_url, is_anonymous=is_anonymous)
