"""Unpacks a bundle that came as one file, and nothing of it to anywhere else."""

import shutil
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

MAX_BUNDLE_BYTES = 1024 * 1024 * 1024
"""A bundle has tens of megabytes; an archive that swells to terabytes is somebody's joke."""
MAX_FILES = 64
_BLOCK_BYTES = 1024 * 1024


@contextmanager
def opened_bundle(path: Path) -> Iterator[Path]:
    """The directory of a bundle: the path itself, or where the zip or tar file there was unpacked for a while.

    Raises:
        BundleError: it is an archive that no bundle comes in; the message names what is wrong in it.
    """
    if not path.is_file() or not (zipfile.is_zipfile(path) or tarfile.is_tarfile(path)):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="fakesweep-bundle-") as name:
        _unpack(path, Path(name))
        yield Path(name)


def _unpack(archive: Path, folder: Path) -> None:
    from worker.pipeline.errors import BundleError

    room, count = MAX_BUNDLE_BYTES, 0
    try:
        for name, stream in _files_in(archive):
            count += 1
            if count > MAX_FILES:
                raise BundleError(f"{archive} holds more than {MAX_FILES} files: it is no bundle")
            with stream, (folder / _plain_name(name, archive)).open("xb") as file:
                # Counted as they come: what an archive says of its sizes is its word alone.
                while block := stream.read(_BLOCK_BYTES):
                    room -= len(block)
                    if room < 0:
                        raise BundleError(f"{archive} holds over {MAX_BUNDLE_BYTES} bytes: it is no bundle")
                    file.write(block)
    except FileExistsError as error:
        raise BundleError(f"{archive} holds a file twice ({Path(error.filename).name}): it is no bundle") from error
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, RuntimeError, shutil.Error) as error:
        raise BundleError(f"{archive} cannot be unpacked ({error}): fetch it again") from error


def _files_in(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """The name and the content of each regular file; anything that is neither file nor directory is refused."""
    from worker.pipeline.errors import BundleError

    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for entry in opened.infolist():
                kind = stat.S_IFMT(entry.external_attr >> 16)
                if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                    raise BundleError(f"{archive} holds {entry.filename!r}, which is no plain file: do not use it")
                if not entry.is_dir():
                    yield entry.filename, opened.open(entry)
        return
    with tarfile.open(archive) as tar:
        for member in tar:
            if not (member.isreg() or member.isdir()):
                raise BundleError(f"{archive} holds {member.name!r}, which is no plain file: do not use it")
            content = tar.extractfile(member)
            if content is not None:
                yield member.name, content


def _plain_name(name: str, archive: Path) -> str:
    """The last part of a name that lies in the archive's only folder, or in none."""
    from worker.pipeline.errors import BundleError

    path = PurePosixPath(name)
    is_odd = path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or ":" in name
    if is_odd or not 1 <= len(path.parts) <= 2:
        raise BundleError(f"{archive} holds {name!r}, which leads out of the bundle: do not use it")
    return path.name
