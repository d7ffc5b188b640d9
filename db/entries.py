"""Writes what was submitted: contents, files, scans and entries of one chunk, in bulk."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.bulk import insert_rows
from db.clock import db_now
from db.known_files import FileStamp, remember_files
from db.linking import Link, Place, ScanWish, link_scans
from db.outcomes import DETAIL_LIMIT, SCORE_COLUMNS
from db.standings import WAITING, standing_of
from db.tables.batches import Batch, Entry
from db.tables.contents import Video
from db.tables.scans import Scan
from db.text import storable
from db.verdicts import Thresholds, kept_thresholds


@dataclass(frozen=True)
class ContentEntry:
    """A path with its content's SHA-256, and the stamp that tells whether it is still the same.

    Args:
        mtime_ns: of the file as it was read; the stamp's own may be NEVER.
        is_known: whether it was not read, as path, size and mtime are remembered so already.
    """

    position: int
    stamp: FileStamp
    sha256: str
    mtime_ns: int
    is_known: bool = False


@dataclass(frozen=True)
class UnreadEntry:
    """A path without content: missing, empty, not ours to read, no regular file."""

    position: int
    path: bytes
    reason: str
    detail: str


@dataclass(frozen=True)
class Written:
    """What a chunk came to: `left_out` are contents that `outdated_only` passed over."""

    entries: int
    new_scans: int
    reused: int
    left_out: int
    is_cancelled: bool


def write_entries(
    session: Session,
    batch_id: int,
    wish: ScanWish,
    chunk: Sequence[ContentEntry | UnreadEntry],
    *,
    force: bool = False,
    outdated_only: bool = False,
) -> Written:
    """Writes one chunk of a submission in the session's transaction; a cancelled batch takes no more."""
    batch = session.execute(
        select(Batch.cancelled_at, Batch.aggregate, Batch.real_below, Batch.fake_from)
        .where(Batch.id == batch_id)
        .with_for_update(key_share=True)
    ).one()
    if batch.cancelled_at is not None:
        return Written(0, 0, 0, 0, is_cancelled=True)
    contents = [item for item in chunk if isinstance(item, ContentEntry)]
    unread = [item for item in chunk if isinstance(item, UnreadEntry)]
    video_ids = _remember_videos(session, contents)
    read = [item for item in contents if not item.is_known]
    remember_files(session, {item.stamp.path: (item.stamp, video_ids[item.sha256]) for item in read})
    wanted = _only_outdated(session, video_ids, wish) if outdated_only else set(video_ids.values())
    kept = [item for item in contents if video_ids[item.sha256] in wanted]
    places = {video_ids[item.sha256]: Place(item.stamp.path, item.mtime_ns) for item in reversed(kept)}
    forced = set(places) - _entered(session, batch_id, places) if force else set()
    links = link_scans(session, places, wish, forced=forced)
    thresholds = kept_thresholds(batch.real_below, batch.fake_from)
    standings = {video_id: _standing(link, batch.aggregate, thresholds) for video_id, link in links.items()}
    rows = _content_rows(batch_id, kept, video_ids, links, standings) + [_unread_row(batch_id, item) for item in unread]
    insert_rows(session, Entry, rows)
    return Written(
        entries=len(rows),
        new_scans=sum(link.is_new for link in links.values()),
        reused=sum(bool(row["reused"]) for row in rows),
        left_out=len(contents) - len(kept),
        is_cancelled=False,
    )


def _remember_videos(session: Session, contents: Sequence[ContentEntry]) -> dict[str, int]:
    """The id of each content, by its SHA-256; new ones are inserted."""
    sizes = {item.sha256: item.stamp.size_bytes for item in contents}
    known = _find_videos(session, sizes)
    first_seen_at = session.scalar(select(db_now())) if len(known) < len(sizes) else None
    # In one order everywhere, so that two submitters never wait for each other in a circle.
    rows = [
        {"sha256": sha256, "size_bytes": sizes[sha256], "first_seen_at": first_seen_at}
        for sha256 in sorted(sizes.keys() - known.keys())
    ]
    made = insert_rows(
        session,
        Video,
        rows,
        shape=lambda insert: insert.on_conflict_do_nothing(index_elements=["sha256"]),
        returning=("sha256", "id"),
    )
    known |= dict(made)
    # What another submitter inserted meanwhile.
    return known | _find_videos(session, sizes.keys() - known.keys())


def _find_videos(session: Session, hashes: Collection[str]) -> dict[str, int]:
    if not hashes:
        return {}
    return dict(session.execute(select(Video.sha256, Video.id).where(Video.sha256.in_(hashes))).all())


def _only_outdated(session: Session, video_ids: Mapping[str, int], wish: ScanWish) -> set[int]:
    """Those whose latest judged scan is by another classifier than the one wished for."""
    rows = session.execute(
        select(Scan.video_id, Scan.classifier_id)
        .where(Scan.video_id.in_(video_ids.values()), Scan.state == "judged")
        .order_by(Scan.finished_at, Scan.id)
    )
    latest = dict(rows.all())
    return {video_id for video_id, classifier_id in latest.items() if classifier_id != wish.classifier_id}


def _entered(session: Session, batch_id: int, video_ids: Mapping[int, Place]) -> set[int]:
    """Those of `video_ids` that this batch has already: one submission forces each content once."""
    entered = session.scalars(select(Entry.video_id).where(Entry.batch_id == batch_id, Entry.video_id.in_(video_ids)))
    return {video_id for video_id in entered if video_id is not None}


def _content_rows(
    batch_id: int,
    contents: Sequence[ContentEntry],
    video_ids: Mapping[str, int],
    links: Mapping[int, Link],
    standings: Mapping[int, str],
) -> list[dict[str, object]]:
    served: set[int] = set()
    rows: list[dict[str, object]] = []
    for item in contents:
        video_id = video_ids[item.sha256]
        link = links[video_id]
        rows.append(
            {
                "batch_id": batch_id,
                "position": item.position,
                "path": item.stamp.path,
                "video_id": video_id,
                "scan_id": link.scan_id,
                "state": None,
                "standing": standings[video_id],
                "reason": None,
                "detail": None,
                # A second copy within the chunk costs no scan of its own either.
                "reused": not link.is_new or video_id in served,
            }
        )
        served.add(video_id)
    return rows


def _standing(link: Link, aggregate: str, thresholds: Thresholds | None) -> str:
    """Where an entry stands from its first moment on: a scan that is reused may have ended long ago."""
    scan = link.reused
    if scan is None:
        return WAITING
    return standing_of(scan.state, getattr(scan, SCORE_COLUMNS[aggregate].key), thresholds)


def _unread_row(batch_id: int, item: UnreadEntry) -> dict[str, object]:
    return {
        "batch_id": batch_id,
        "position": item.position,
        "path": item.path,
        "video_id": None,
        "scan_id": None,
        "state": "unreadable",
        "standing": "unreadable",
        "reason": item.reason,
        "detail": storable(item.detail, limit=DETAIL_LIMIT),
        "reused": False,
    }
