"""Watches a folder: looks through it again and again, and submits what was written to the end.

It polls, as no notice comes from a network mount, and believes no folder's mtime; of the time it spends at most a part
on looking, so that a large tree on a slow disk is looked through less often.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from db.entries import ContentEntry
from db.errors import DatabaseUnavailableError
from db.folders import FolderWish, Taken, take_found
from db.known_files import FileStamp, read_known_contents
from db.session import Database
from scheduler.discovery import Discovery, Found, absolute_path
from scheduler.hashing import Content, Unread, stamp_file
from scheduler.reading import read_ahead
from scheduler.reconcile import pause_after_failures
from scheduler.stillness import Stillness, is_unfinished
from scheduler.submission import SubmitOptions
from worker.pipeline.errors import BundleError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

_log = logging.getLogger(__name__)

# Found files that are written down in one transaction.
_AT_ONCE = 200
# What is hashed is written down after this time at the latest, so that workers need not wait for the rest.
_WRITE_AFTER_S = 2.0
_LONGEST_POLL_S = 5.0
# A mount that is back is seen after this time at the latest.
_LONGEST_WAIT_S = 10.0
# After a look that took long, the folder is left alone for so many times as long.
_REST_PER_LOOK = 4.0
# Things in a folder that cannot be read are named once; of more than this, a few are named again.
_MOST_COMPLAINTS = 10_000


class FolderTroubleError(Exception):
    """The folder itself cannot be looked through; look again later."""


@dataclass(frozen=True)
class WatchPolicy:
    """How a folder is watched.

    Args:
        options: by which its files are judged.
        choose_classifier: the id of the classifier that judges what is submitted now.
        still_s: for how long size and mtime of a file must have been the same.
    """

    options: SubmitOptions
    choose_classifier: "Callable[[Session], int]"
    still_s: float = 10.0

    @property
    def poll_s(self) -> float:
        """Seconds between two looks at a small folder."""
        return min(_LONGEST_POLL_S, self.still_s / 2)

    def wish(self, classifier_id: int) -> FolderWish:
        """What the database is told of it."""
        kept = {key: getattr(self.options, key) for key in ("preset", "frames", "max_frames", "aggregate")}
        return FolderWish(classifier_id, kept, self.options.priority)


class FolderWatch:
    """A folder that is watched; used by one thread.

    Args:
        on_taken: called after entries were committed: the place to send what waits.
    """

    def __init__(
        self,
        database: Database,
        folder: bytes,
        policy: WatchPolicy,
        *,
        on_taken: Callable[[Taken], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._folder = absolute_path(folder)
        self._shown = self._folder.decode(errors="replace")
        self._policy = policy
        self._on_taken = on_taken
        self._clock = clock
        self._stillness = Stillness(policy.still_s)
        self._complaints: set[tuple[bytes, str]] = set()
        self._device: int | None = None
        self._had_files = False

    def run(self, pause: Callable[[float], bool]) -> None:
        """Looks until `pause` (seconds to wait) says to stop; what fails is said once, and tried again later."""
        failures, said = 0, ""
        while True:
            started_s = self._clock()
            try:
                self.look()
            except (FolderTroubleError, DatabaseUnavailableError, BundleError) as error:
                if str(error) != said:
                    _log.warning("folder %s: %s; trying again", self._shown, error)
                said = str(error)
                wait_s = min(_LONGEST_WAIT_S, pause_after_failures(failures))
                failures += 1
            else:
                if said:
                    _log.info("folder %s: watching again", self._shown)
                failures, said = 0, ""
                wait_s = max(self._policy.poll_s, _REST_PER_LOOK * (self._clock() - started_s))
            if pause(wait_s):
                return

    def look(self) -> int:
        """Looks through the folder once; returns how many files were entered.

        Raises:
            FolderTroubleError: it is not there, or not ours to read.
            DatabaseError: what was not written is found again.
            BundleError: there is no classifier to judge by.
        """
        due = self._stillness.look(self._walk(), self._clock())
        entered = 0
        for start in range(0, len(due), _AT_ONCE):
            entered += self._take(due[start : start + _AT_ONCE])
        return entered

    def _walk(self) -> list[FileStamp]:
        stamps: list[FileStamp] = []
        for found in Discovery([self._folder], leaves_out=is_unfinished):
            if found.path == self._folder:
                raise FolderTroubleError(f"it cannot be looked through: {found.detail or 'it is no directory'}")
            # A file without bytes is one that somebody is about to write.
            stamp = stamp_file(found.path) if found.reason is None else None
            if isinstance(stamp, FileStamp):
                stamps.append(stamp)
            elif found.reason is not None:
                self._complain(found.path, found.detail)
        self._notice_unmounting(stamps)
        return stamps

    def _complain(self, path: bytes, detail: str) -> None:
        """Says what is wrong with a thing in the folder, once."""
        if (path, detail) in self._complaints:
            return
        if len(self._complaints) >= _MOST_COMPLAINTS:
            self._complaints.clear()
        self._complaints.add((path, detail))
        _log.warning("folder %s: %s: %s", self._shown, path.decode(errors="replace"), detail)

    def _notice_unmounting(self, stamps: Sequence[FileStamp]) -> None:
        """An empty folder where files lay, on another file system: what was mounted there is gone."""
        try:
            device = os.stat(self._folder).st_dev  # noqa: PTH116 (pathlib knows no bytes)
        except OSError as error:
            raise FolderTroubleError(f"it cannot be looked through: {error.strerror}") from error
        if self._had_files and not stamps and device != self._device:
            _log.warning("folder %s: empty, and no longer the file system that it was: was it unmounted?", self._shown)
        self._device, self._had_files = device, bool(stamps)

    def _take(self, due: Sequence[FileStamp]) -> int:
        """Enters those of some still files that are not known yet, in groups as their contents are read."""
        with self._database.read() as session:
            known = read_known_contents(session, due)
        new = [stamp for stamp in due if stamp.path not in known]
        for stamp in due:
            if stamp.path in known:
                self._stillness.settle(stamp)
        if not new:
            return 0
        with self._database.begin() as session:
            classifier_id = self._policy.choose_classifier(session)
        wish = self._policy.wish(classifier_id)
        return sum(self._enter(group, wish) for group in self._read(new))

    def _read(self, stamps: Sequence[FileStamp]) -> Iterator[list[ContentEntry]]:
        """The contents of the files, group by group; what cannot be read is complained of, and waits."""
        group: list[ContentEntry] = []
        written_s = self._clock()
        with closing(read_ahead(self._database, [Found(stamp.path) for stamp in stamps])) as readings:
            for stamp, reading in zip(stamps, readings, strict=True):
                content = reading.result()
                if isinstance(content, Unread):
                    self._complain(content.path, content.detail)
                    self._stillness.wait_again(stamp.path, self._clock())
                # Else it was written to since, or so short a while before that nobody could tell.
                elif content.stamp == stamp:
                    group.append(_as_entry(content))
                if group and self._clock() - written_s >= _WRITE_AFTER_S:
                    yield group
                    group, written_s = [], self._clock()
        if group:
            yield group

    def _enter(self, group: Sequence[ContentEntry], wish: FolderWish) -> int:
        name = self._folder.rpartition(b"/")[2].decode(errors="replace") or "/"
        with self._database.begin() as session:
            taken = take_found(session, self._folder, name, group, wish)
        if taken.entries:
            for item in group:
                self._stillness.settle(item.stamp)
            _log.info("folder %s: %d taken", self._shown, taken.entries, extra={"batch_id": taken.batch_id})
            self._on_taken(taken)
        return taken.entries


def _as_entry(content: Content) -> ContentEntry:
    return ContentEntry(0, content.stamp, content.sha256, content.mtime_ns, content.is_known)
