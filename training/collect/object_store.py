"""A prefix in an object store that holds files by relative paths, spoken to through fsspec."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from training.errors import TrainingError


class ObjectStore:
    """A prefix in an object store, spoken to through fsspec.

    Args:
        url: such as s3://bucket/prefix.
        endpoint_url: of an S3 that is not Amazon's.
        is_anonymous: ask an S3 without credentials.

    Raises:
        TrainingError: nothing is installed that speaks this protocol.
    """

    def __init__(self, url: str, *, endpoint_url: str | None = None, is_anonymous: bool = False) -> None:
        self.name = url
        options = _options(url, endpoint_url=endpoint_url, is_anonymous=is_anonymous)
        with _explained(self.name):
            try:
                from fsspec.core import url_to_fs  # noqa: PLC0415 - an extra

                self._files, root = url_to_fs(url, **options)
            except (ImportError, ValueError) as error:
                raise TrainingError(
                    f"{url} cannot be opened ({error}): `pip install 'fakesweep[collect]'` brings s3://,"
                    " and another scheme may need a package of its own"
                ) from error
        self._root = str(root).rstrip("/")

    def sizes(self) -> Iterator[tuple[str, int]]:
        """Every object below the prefix; the empty ones that only mark a directory are left out."""
        with _explained(self.name):
            found = self._files.find(self._root, detail=True)
        for name, facts in sorted(found.items()):
            path = name.removeprefix(f"{self._root}/")
            if facts.get("type") == "file" and path and not path.endswith("/"):
                yield path, int(facts.get("size") or 0)

    def size_of(self, path: str) -> int | None:
        """The bytes of one object, None where there is none."""
        with _explained(self.name):
            try:
                return int(self._files.size(self._key(path)))
            except FileNotFoundError:
                return None

    def read(self, path: str) -> bytes | None:
        """A small object's content, None where there is none."""
        with _explained(self.name):
            try:
                return bytes(self._files.cat_file(self._key(path)))
            except FileNotFoundError:
                return None

    def write(self, path: str, content: bytes) -> None:
        """Puts a small object there, in one request."""
        with _explained(self.name):
            self._files.pipe_file(self._key(path), content)

    def download(self, path: str, to: Path) -> None:
        """Copies an object to this machine."""
        with _explained(self.name):
            self._files.get_file(self._key(path), str(to))

    def upload(self, origin: Path, path: str) -> None:
        """Puts a file there; a large one in parts, which become an object when the last has arrived."""
        with _explained(self.name):
            self._files.put_file(str(origin), self._key(path))

    def _key(self, path: str) -> str:
        return f"{self._root}/{path}"


def _options(place: str, *, endpoint_url: str | None, is_anonymous: bool) -> dict[str, Any]:
    if not place.startswith(("s3://", "s3a://")):
        return {}
    # Listings that are kept would hide what others write, and what we wrote ourselves.
    options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
    if endpoint_url is not None:
        options["endpoint_url"] = endpoint_url
    if is_anonymous:
        options["anon"] = True
    return options


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turns what an object store's library raises into one message."""
    try:
        yield
    except _failures() as error:
        raise TrainingError(
            f"{name}: {str(error) or type(error).__name__}: check the address, the bucket and your credentials"
        ) from error


def _failures() -> tuple[type[Exception], ...]:
    try:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - an extra
    except ImportError:
        return (OSError,)
    return (OSError, BotoCoreError, ClientError)
