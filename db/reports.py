"""The report of a batch: its head, and its videos page by page, in constant memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from db.background import describe_file, describe_lease, read_reviews_of
from db.choosing import Choice, choose_entries, read_chosen
from db.findings import describe_video, read_findings
from db.headers import Header, describe_header, read_header
from db.tables.batches import Entry
from db.tables.contents import Video
from db.tables.scans import Scan
from db.verdicts import Thresholds, Verdict

# A video may have 256 frames with several faces each; a page of them is a few megabytes at most.
_PAGE_WITH_FRAMES = 25
_PAGE = 500

_Page = Sequence[Row[Entry, Scan, Video]]
_Reader = Callable[[_Page], Iterator[dict[str, Any]]]


@dataclass(frozen=True)
class Report:
    """A report that is read while it is written out.

    Args:
        head: every key but `videos`.
        videos: what matches the filters, in the order of submission; good as long as its session is open.
    """

    head: dict[str, Any]
    videos: Iterator[dict[str, Any]]

    def whole(self) -> dict[str, Any]:
        """The report as one value, all its videos in memory."""
        return {**self.head, "videos": list(self.videos)}


def open_report(  # noqa: PLR0913 - one for each option of the command
    session: Session,
    batch_id: int,
    *,
    aggregate: str | None = None,
    thresholds: Thresholds | None = None,
    state: str | None = None,
    verdict: Verdict | None = None,
    limit: int | None = None,
    with_frames: bool = True,
    with_background: bool = False,
    with_timelines: bool = False,
) -> Report:
    """Begins the report of a batch. Filters choose videos; the counts in the head stay those of the batch.

    Args:
        session: of `Database.read`, so that head and videos are of one moment.
        aggregate: which score counts; the batch's own where None.
        thresholds: the classifier's own where None.
        with_timelines: whether each video also says `timeline`, the scores of its frames.
        with_background: whether each video also says `scan`, the facts of its file, and `reviews`.

    Raises:
        LookupError: there is no such batch.
        ValueError: an aggregation that nobody knows.
    """
    header = read_header(session, batch_id, aggregate=aggregate, thresholds=thresholds)
    choice = choose_entries(header.judging, state=state, verdict=verdict)
    read = partial(
        _read_described,
        session,
        header,
        with_frames=with_frames,
        with_background=with_background,
        with_timelines=with_timelines,
    )
    page_size = _PAGE_WITH_FRAMES if with_frames else _PAGE
    videos = _read_videos(session, header, choice, read, limit=limit, page_size=page_size)
    return Report(describe_header(session, header), videos)


def _read_videos(
    session: Session, header: Header, choice: Choice | None, read: _Reader, *, limit: int | None, page_size: int
) -> Iterator[dict[str, Any]]:
    left = limit
    last_position = -1
    while left is None or left > 0:
        size = page_size if left is None else min(page_size, left)
        page = _read_page(session, header.batch.id, choice, after=last_position, limit=size)
        yield from read(page)
        if len(page) < size:
            return
        last_position = page[-1][0].position
        left = None if left is None else left - size


def _read_described(
    session: Session, header: Header, page: _Page, *, with_frames: bool, with_background: bool, with_timelines: bool
) -> Iterator[dict[str, Any]]:
    # The outer joins give None where there is no content, which the type of the query does not say.
    scan_ids = {entry.scan_id for entry, _, _ in page if entry.scan_id is not None}
    findings = read_findings(session, scan_ids, with_frames=with_frames, with_timelines=with_timelines)
    video_ids = {entry.video_id for entry, _, _ in page if entry.video_id is not None}
    reviews = read_reviews_of(session, video_ids) if with_background else {}
    for entry, scan, video in page:
        described = describe_video(entry, scan, video, header.judging, findings)
        if with_background:
            known = reviews.get(entry.video_id or 0, [])
            described |= {"scan": describe_lease(scan), **describe_file(video), "reviews": known}
        yield described


def _read_page(session: Session, batch_id: int, choice: Choice | None, *, after: int, limit: int) -> _Page:
    """The next entries after a position, with scan and video where they have any."""
    query = (
        select(Entry, Scan, Video)
        .outerjoin(Scan, Scan.id == Entry.scan_id)
        .outerjoin(Video, Video.id == Entry.video_id)
        .where(Entry.batch_id == batch_id)
        .order_by(Entry.position)
    )
    if choice is None:
        query = query.where(Entry.position > after).limit(limit)
    else:
        query = query.where(Entry.position.in_(read_chosen(session, batch_id, choice, after=after, limit=limit)))
    return session.execute(query).all()
