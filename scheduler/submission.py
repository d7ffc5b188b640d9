"""Writes a submission down: finds the files, hashes the new ones, links each content to its scan.

Entries appear chunk by chunk, each in one short transaction, so that judging starts while hashing goes on.
"""

import itertools
import os
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from db.batches import complete_batch, create_batch
from db.entries import ContentEntry, UnreadEntry, write_entries
from db.linking import ScanWish
from db.session import Database
from scheduler.discovery import Discovery, absolute_path, discover
from scheduler.hashing import Content, Unread
from scheduler.reading import read_ahead

_CHUNK_ENTRIES = 500
# What is ready is written after this time at the latest, so that workers need not wait for a full chunk.
_CHUNK_S = 0.5


class NothingToScanError(Exception):
    """The named directories hold no video: nothing was submitted."""


@dataclass(frozen=True)
class SubmitOptions:
    """How a submission is to be judged.

    Args:
        preset: the name that `frames` was chosen by, kept for reports.
        frames: pictures to look at in a short video.
        max_frames: the most to look at in a long one.
        aggregate: by which score the batch is reported, if not told otherwise.
        priority: "interactive" or "bulk".
        force: judge again what was judged already.
        outdated: take only contents whose latest verdict is by another classifier, ignore the others.
    """

    preset: str
    frames: int
    max_frames: int = 256
    aggregate: str = "mean"
    priority: str = "bulk"
    force: bool = False
    outdated: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.frames <= self.max_frames:
            raise ValueError(f"frames must lie between 1 and max_frames, got {self.frames} and {self.max_frames}")
        if self.priority not in ("interactive", "bulk"):
            raise ValueError(f"priority must be interactive or bulk, got {self.priority!r}")


@dataclass(frozen=True)
class Submission:
    """A submission as far as it was written.

    Args:
        submitted: entries.
        ignored: files of directories that were passed over.
        new_scans: scans made for it.
        reused: entries that share a scan with an earlier submission, or with another entry of this one.
        empty_directories: named directories in which there was nothing.
        is_cancelled: whether the batch was cancelled before all was written.
    """

    batch_id: int
    submitted: int = 0
    ignored: int = 0
    new_scans: int = 0
    reused: int = 0
    empty_directories: tuple[bytes, ...] = ()
    is_cancelled: bool = False


def submit(
    database: Database,
    paths: Sequence[bytes | str],
    *,
    name: str | None,
    options: SubmitOptions,
    classifier_id: int,
    on_progress: Callable[[Submission], None] = lambda _: None,
    on_begin: Callable[[int], None] = lambda _: None,
) -> Submission:
    """Submits files, and directories of videos, as one new batch.

    Args:
        name: the last part of the first path where None.
        classifier_id: the one that judges what was not judged by it yet.
        on_progress: called after each chunk was committed; the place to send what waits.
        on_begin: called with the batch's id before the first file is read.

    Raises:
        NothingToScanError: no path was named but directories without a video.
        DatabaseError: what was written so far stays, in a batch that is not complete.
    """
    discovery = discover(paths)
    found = iter(discovery)
    first = next(found, None)
    if first is None:
        raise NothingToScanError(_say_nothing_found(discovery))
    writer = _begin_batch(database, name or _name_after(paths), options, classifier_id, on_progress)
    on_begin(writer.submission.batch_id)
    with closing(read_ahead(database, itertools.chain([first], found))) as readings:
        for reading in readings:
            if not reading.done():
                writer.write_if_due()
            writer.add(reading.result())
            if writer.submission.is_cancelled:
                break
    return writer.complete(discovery)


class _Writer:
    """Gathers what was read into chunks, and writes each in a transaction of its own."""

    def __init__(
        self,
        database: Database,
        batch_id: int,
        wish: ScanWish,
        options: SubmitOptions,
        on_progress: Callable[[Submission], None],
    ) -> None:
        self.submission = Submission(batch_id)
        self._database = database
        self._wish = wish
        self._options = options
        self._on_progress = on_progress
        self._chunk: list[ContentEntry | UnreadEntry] = []
        self._position = 0
        self._left_out = 0
        self._written_at = time.monotonic()

    def add(self, reading: Content | Unread) -> None:
        """Takes the next path of the submission."""
        if isinstance(reading, Content):
            self._chunk.append(ContentEntry(self._position, **vars(reading)))
        else:
            self._chunk.append(UnreadEntry(self._position, reading.path, reading.reason.value, reading.detail))
        self._position += 1
        if len(self._chunk) >= _CHUNK_ENTRIES:
            self._write()
        else:
            self.write_if_due()

    def write_if_due(self) -> None:
        """Writes what there is if the last writing was a while ago."""
        if self._chunk and time.monotonic() - self._written_at >= _CHUNK_S:
            self._write()

    def complete(self, discovery: Discovery) -> Submission:
        """Writes the rest, and that this was all."""
        if self._chunk and not self.submission.is_cancelled:
            self._write()
        ignored = discovery.ignored + self._left_out
        with self._database.begin() as session:
            complete_batch(session, self.submission.batch_id, ignored=ignored)
        empty = tuple(discovery.empty_directories)
        self.submission = replace(self.submission, ignored=ignored, empty_directories=empty)
        self._on_progress(self.submission)
        return self.submission

    def _write(self) -> None:
        with self._database.begin() as session:
            written = write_entries(
                session,
                self.submission.batch_id,
                self._wish,
                self._chunk,
                force=self._options.force,
                outdated_only=self._options.outdated,
            )
        self._chunk = []
        self._written_at = time.monotonic()
        self._left_out += written.left_out
        self.submission = replace(
            self.submission,
            submitted=self.submission.submitted + written.entries,
            new_scans=self.submission.new_scans + written.new_scans,
            reused=self.submission.reused + written.reused,
            is_cancelled=written.is_cancelled,
        )
        self._on_progress(self.submission)


def _begin_batch(
    database: Database,
    name: str,
    options: SubmitOptions,
    classifier_id: int,
    on_progress: Callable[[Submission], None],
) -> _Writer:
    wish = ScanWish(classifier_id, options.frames, options.max_frames, options.priority)
    kept = {key: getattr(options, key) for key in ("preset", "frames", "max_frames", "aggregate")}
    with database.begin() as session:
        batch_id = create_batch(
            session, name=name, classifier_id=classifier_id, options=kept, priority=options.priority
        )
    return _Writer(database, batch_id, wish, options, on_progress)


def _name_after(paths: Sequence[bytes | str]) -> str:
    last_part = absolute_path(os.fsencode(paths[0])).rpartition(b"/")[2]
    return last_part.decode(errors="replace") or "/"


def _say_nothing_found(discovery: Discovery) -> str:
    if not discovery.empty_directories:
        return "no path was given: name a video or a directory of videos"
    shown = ", ".join(repr(path.decode(errors="replace")) for path in discovery.empty_directories[:3])
    return (
        f"no video in {shown} ({discovery.ignored} other files): name another directory, "
        "or name a file itself if its extension is an unusual one"
    )
