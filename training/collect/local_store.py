"""A directory that holds files by relative paths."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class LocalStore:
    """A directory; what is put there appears at once, in full."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.name = str(root)

    def sizes(self) -> Iterator[tuple[str, int]]:
        """Every regular file below the directory; links are followed to files, not into directories."""
        for folder, folders, names in os.walk(self.root):
            folders.sort()
            for path in (Path(folder) / name for name in sorted(names)):
                if path.is_file():
                    yield path.relative_to(self.root).as_posix(), path.stat().st_size

    def size_of(self, path: str) -> int | None:
        """The bytes of one file, None where there is none."""
        place = self.root / path
        return place.stat().st_size if place.is_file() else None

    def read(self, path: str) -> bytes | None:
        """A small file's content, None where there is none."""
        place = self.root / path
        return place.read_bytes() if place.is_file() else None

    def write(self, path: str, content: bytes) -> None:
        """Puts a small file there."""
        with self._arriving(path) as arriving:
            arriving.write_bytes(content)

    def download(self, path: str, to: Path) -> None:
        """Copies a file."""
        shutil.copyfile(self.root / path, to)

    def upload(self, origin: Path, path: str) -> None:
        """Copies a file into the directory."""
        with self._arriving(path) as arriving:
            shutil.copyfile(origin, arriving)

    @contextmanager
    def _arriving(self, path: str) -> Iterator[Path]:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        arriving = place.with_name(f".{place.name[:200]}.{os.getpid()}.partial")
        try:
            yield arriving
            with arriving.open("rb+") as file:
                os.fsync(file.fileno())
            arriving.replace(place)
        finally:
            arriving.unlink(missing_ok=True)
