"""Which content lay at a path when it was last read, so that it need not be read again."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.orm import Session

from db.bulk import insert_rows
from db.tables.contents import KnownFile, Video

NEVER = -1
"""The mtime of a file that was still fresh when it was read: it is read again next time."""


@dataclass(frozen=True)
class FileStamp:
    """A path with what tells that its content is still the same."""

    path: bytes
    size_bytes: int
    mtime_ns: int


def path_key(path: bytes) -> str:
    """What a path is looked up by: a path can be longer than an index entry."""
    return hashlib.sha256(path).hexdigest()


def read_known_contents(session: Session, files: Sequence[FileStamp]) -> dict[bytes, str]:
    """The SHA-256 of those files whose path, size and mtime are those of an earlier reading."""
    by_key = {path_key(file.path): file for file in files}
    rows = session.execute(
        select(KnownFile.path_sha256, KnownFile.size_bytes, KnownFile.mtime_ns, Video.sha256)
        .join(Video, Video.id == KnownFile.video_id)
        .where(KnownFile.path_sha256.in_(by_key))
    )
    return {
        by_key[key].path: sha256
        for key, size_bytes, mtime_ns, sha256 in rows
        if (by_key[key].size_bytes, by_key[key].mtime_ns) == (size_bytes, mtime_ns)
    }


def remember_files(session: Session, files: Mapping[bytes, tuple[FileStamp, int]]) -> None:
    """Writes, for each path, its stamp and the id of the video that it holds."""
    rows = [
        {
            "path_sha256": path_key(path),
            "path": path,
            "size_bytes": stamp.size_bytes,
            "mtime_ns": stamp.mtime_ns,
            "video_id": video_id,
        }
        for path, (stamp, video_id) in files.items()
    ]
    # In one order everywhere, so that two submitters never wait for each other in a circle.
    rows.sort(key=lambda row: str(row["path_sha256"]))
    insert_rows(session, KnownFile, rows, shape=_or_update)


def _or_update(insert: Insert) -> Insert:
    told = {name: insert.excluded[name] for name in ("size_bytes", "mtime_ns", "video_id")}
    return insert.on_conflict_do_update(index_elements=["path_sha256"], set_=told)
