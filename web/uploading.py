"""Files that people send in pieces: each is appended to a file of ours, whose size tells how much has come.

A piece that breaks off is kept as far as it came; the sender asks for the offset and goes on from there.
"""

import fcntl
import os
import re
import secrets
import shutil
import unicodedata
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from starlette.concurrency import run_in_threadpool

from db.session import Database
from db.uploads import Upload, add_upload, pending_bytes, read_upload, remove_upload, settle_upload, take_expired
from web.identity import Principal
from web.places import upload_folder
from web.problems import ProblemError
from web.shapes.submitting import NewUpload
from worker.settings import Settings

UNFINISHED_S = 24 * 3600.0
"""A file that nobody goes on sending for so long after its announcement is thrown away."""

_KEPT_S = 7 * 24 * 3600.0
# Room that must stay free on the disk for everything else.
_SPARE_BYTES = 500_000_000
_PART = "part"
_NAME_BYTES = 200
# What file systems and other programs have trouble with.
_UNWANTED = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
_WRITES_OF = 1024 * 1024


@dataclass(frozen=True)
class Uploads:
    """The uploads of an installation."""

    settings: Settings
    database: Database

    @property
    def folder(self) -> Path:
        """Where they lie, each in a directory of its own."""
        return upload_folder(self.settings)

    def announce(self, wanted: NewUpload, principal: Principal) -> Upload:
        """Makes room for a file.

        Raises:
            ProblemError: it is larger than one may be, or than there is room for.
        """
        web = self.settings.web
        if wanted.size_bytes > web.upload_limit_bytes:
            raise ProblemError(
                413, f"{wanted.size_bytes} bytes are more than the {web.upload_limit_bytes} of FAKESWEEP_UPLOAD_LIMIT"
            )
        self.clean_up()
        self._require_room(wanted.size_bytes)
        upload_id = secrets.token_hex(16)
        folder = self.folder / upload_id
        folder.mkdir(mode=0o700, parents=True)
        (folder / _PART).touch(mode=0o600)
        with self.database.begin() as session:
            return add_upload(
                session,
                upload_id=upload_id,
                name=clean_name(wanted.name),
                size_bytes=wanted.size_bytes,
                token_id=principal.token_id,
                options=wanted.model_dump(exclude={"name", "size_bytes"}),
                lifetime_s=UNFINISHED_S,
            )

    def find(self, upload_id: str, principal: Principal) -> Upload:
        """An upload of whoever asks.

        Raises:
            ProblemError: there is none, or it is somebody else's.
        """
        with self.database.read() as session:
            upload = read_upload(session, upload_id)
        if upload is None or (upload.token_id != principal.token_id and not principal.may("admin")):
            raise ProblemError(404, f"there is no upload {upload_id!r}: it may have expired, begin again")
        return upload

    def offset_of(self, upload: Upload) -> int:
        """How many bytes have come."""
        if upload.batch_id is not None:
            return upload.size_bytes
        for path in (self._part(upload), self.path_of(upload)):
            with suppress(FileNotFoundError):
                return path.stat().st_size
        raise ProblemError(404, f"the file of upload {upload.id!r} is gone: begin again")

    def path_of(self, upload: Upload) -> Path:
        """Where the complete file lies."""
        return self.folder / upload.id / upload.name

    async def append(self, upload: Upload, offset: int, pieces: AsyncIterator[bytes]) -> int:
        """Appends what comes; returns the new offset.

        Raises:
            ProblemError: the offset is another, somebody else is sending, or more comes than was announced.
        """
        descriptor = await run_in_threadpool(self._open_part, upload, offset)
        gathered = bytearray()
        try:
            async for piece in pieces:
                if offset + len(gathered) + len(piece) > upload.size_bytes:
                    gathered.clear()
                    raise ProblemError(413, f"more than the {upload.size_bytes} bytes come that were announced")
                gathered += piece
                if len(gathered) >= _WRITES_OF:
                    offset += await run_in_threadpool(_write_all, descriptor, bytes(gathered))
                    gathered.clear()
        finally:
            # Whatever came before a break stays; written here, as a task that was cancelled waits for no thread.
            offset += _write_all(descriptor, bytes(gathered))
            os.close(descriptor)
        return offset

    def complete(self, upload: Upload) -> Path:
        """Gives a file that came whole its name."""
        path = self.path_of(upload)
        part = self._part(upload)
        if part.exists():
            part.rename(path)
        return path

    def settle(self, upload: Upload, batch_id: int) -> None:
        """Notes what became of it."""
        with self.database.begin() as session:
            settle_upload(session, upload.id, batch_id, keep_s=_KEPT_S)

    def discard(self, upload: Upload) -> None:
        """Throws away a file that was not submitted."""
        with self.database.begin() as session:
            remove_upload(session, upload.id)
        shutil.rmtree(self.folder / upload.id, ignore_errors=True)

    def clean_up(self) -> None:
        """Throws away what nobody went on sending."""
        with self.database.begin() as session:
            expired = take_expired(session)
        for upload_id, was_submitted in expired:
            if not was_submitted:
                shutil.rmtree(self.folder / upload_id, ignore_errors=True)

    def _require_room(self, size_bytes: int) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.database.read() as session:
            pending = pending_bytes(session)
        # What is complete by its size on the disk, what is not by what was announced.
        used = sum(pending.values()) + sum(
            file.stat().st_size
            for folder in self.folder.iterdir()
            if folder.name not in pending and folder.is_dir()
            for file in folder.iterdir()
        )
        quota = self.settings.web.upload_quota_bytes
        if used + size_bytes > quota:
            raise ProblemError(
                507,
                f"{size_bytes} bytes more than the {used} there are would exceed the {quota} of "
                "FAKESWEEP_UPLOAD_QUOTA: remove uploads, or raise it",
            )
        free = shutil.disk_usage(self.folder).free
        if size_bytes + _SPARE_BYTES > free:
            raise ProblemError(507, f"{size_bytes} bytes do not fit on the disk, which has {free}: free some space")

    def _part(self, upload: Upload) -> Path:
        return self.folder / upload.id / _PART

    def _open_part(self, upload: Upload, offset: int) -> int:
        if upload.batch_id is not None:
            raise ProblemError(409, f"upload {upload.id!r} is complete: it became batch {upload.batch_id}")
        try:
            descriptor = os.open(self._part(upload), os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            raise ProblemError(409, f"upload {upload.id!r} is complete: ask for it with GET") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _require_offset(descriptor, offset)
        except BlockingIOError:
            os.close(descriptor)
            raise ProblemError(
                409, "another connection is sending this file: wait for its end", headers={"Retry-After": "5"}
            ) from None
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor


def clean_name(name: str) -> str:
    """A file name for our disk: no directory, nothing invisible, no leading dot or dash, of a bounded length."""
    last = unicodedata.normalize("NFC", name.replace("\\", "/")).rstrip("/").rpartition("/")[2]
    shown = "".join("_" if _UNWANTED.match(letter) or not (letter.isprintable()) else letter for letter in last)
    shown = shown.encode("utf-8", "replace").decode().strip(" .")
    # A name that looks like an option, or like the file that is being written.
    shown = f"_{shown}" if shown.startswith("-") or shown.lower() == _PART else shown
    stem, dot, extension = shown.rpartition(".")
    if not stem:
        stem, dot, extension = shown, "", ""
    extension = extension[:20]
    room = _NAME_BYTES - len((dot + extension).encode())
    return (stem.encode()[:room].decode(errors="ignore") + dot + extension) or "upload"


def _require_offset(descriptor: int, offset: int) -> None:
    there = os.fstat(descriptor).st_size
    if there != offset:
        raise ProblemError(
            409, f"the offset is {there}, not {offset}: go on from there", headers={"Upload-Offset": str(there)}
        )


def _write_all(descriptor: int, content: bytes) -> int:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
    return len(content)
