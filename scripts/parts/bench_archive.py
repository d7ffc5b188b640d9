"""Fills an empty database with a large archive, as if so many videos had been submitted in one batch and judged.

The same number makes the same archive, but for its age: a video ended each second, and the last one just now, so that
what is asked of late has much to count. PostgreSQL takes the rows by COPY, SQLite by one prepared statement per table.
"""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, select

from db.known_files import path_key
from db.schema import upgrade_database
from db.session import Database
from db.standings import standing_of
from db.tables.base import Base
from db.tables.batches import Batch, Tally
from db.tables.classifiers import Classifier
from db.tables.findings import FrameRow
from db.tallies import EVERY_BATCH
from db.triggers import drop_triggers, install_triggers
from db.verdicts import Thresholds

BATCH_ID = 1
FRAMES, LONG_FRAMES = 16, 256
"""Frames of a short video, and of a long one."""

_CLASSIFIER_ID = 1
_LONG_EVERY = 300
# One frame in so many has a face.
_FACE_EVERY = 4
_OPTIONS = {"preset": "standard", "frames": FRAMES, "max_frames": LONG_FRAMES, "aggregate": "mean"}
_THRESHOLDS = Thresholds(real_below=0.3, fake_from=0.8)
# Of a hundred videos so many end so; the others are judged, one in forty of them as fake.
_OTHER_ENDS = ("no_face",) * 4 + ("unreadable",) * 2 + ("failed", "queued")
_SECONDS = json.dumps({"probe": 0.01, "decode": 0.6, "detect": 0.8, "classify": 0.5, "total": 1.9})

Row = tuple[Any, ...]


@dataclass(frozen=True)
class ArchivedVideo:
    """One video of an archive, by its number from 1, which is also the id of its rows.

    Args:
        born_at: of the archive, seconds since the epoch.
    """

    number: int
    born_at: float = 0.0

    @property
    def path(self) -> bytes:
        """Where it was found."""
        return b"/archive/%05d/video-%07d.mp4" % (self.number // 1000, self.number)

    @property
    def sha256(self) -> str:
        """The hash of its content."""
        return hashlib.sha256(b"%d" % self.number).hexdigest()

    @property
    def state(self) -> str:
        """How its scan ended."""
        hundredth = self._draw(100, 1)
        return _OTHER_ENDS[hundredth] if hundredth < len(_OTHER_ENDS) else "judged"

    @property
    def score(self) -> float | None:
        """Its score by every aggregation, None where it was not judged."""
        if self.state != "judged":
            return None
        low, high = (0.8, 1.0) if self._draw(40, 2) == 0 else (0.0, 0.33)
        return low + (high - low) * self._draw(100_000, 3) / 100_000

    @property
    def frames(self) -> int:
        """How many frames were looked at."""
        if self.state not in ("judged", "no_face"):
            return 0
        return LONG_FRAMES if self.number % _LONG_EVERY == 0 else FRAMES

    @property
    def faces(self) -> range:
        """The positions of the frames with a face."""
        return range(0, self.frames if self.state == "judged" else 0, _FACE_EVERY)

    def _draw(self, sides: int, die: int) -> int:
        """A number below `sides`, always the same."""
        return (self.number * 2_654_435_761 + die * 40_503_001_033) % 4_294_967_291 % sides


def fill_archive(database: Database, *, videos: int, on_table: Callable[[str], None] = lambda _: None) -> None:
    """Makes the tables and fills them; the database must be empty.

    Args:
        videos: how many; there are 16 times as many rows of frames, or a little more.
        on_table: told of each table before it is filled.
    """
    if videos < 1:
        raise ValueError(f"videos must be positive, got {videos}")
    upgrade_database(database)
    with database.engine.begin() as connection:
        # To check and count row by row what is known to be right would take longer than all the rest.
        drop_triggers(connection)
        if not database.is_sqlite:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        born_at = time.time() - videos
        _insert_heads(connection, videos, born_at)
        for name, (columns, rows_of) in _TABLES.items():
            on_table(name)
            rows = (row for number in range(1, videos + 1) for row in rows_of(ArchivedVideo(number, born_at)))
            _load(connection, name, columns.split(), rows)
        if not database.is_sqlite:
            _set_sequences(connection)
        install_triggers(connection)
    _gather_statistics(database)


def count_frames(database: Database) -> int:
    """The rows of frames."""
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(FrameRow)) or 0


def _insert_heads(connection: Connection, videos: int, born_at: float) -> None:
    """The classifier, the batch, and its tallies."""
    thresholds = {"mean": {"real_below": _THRESHOLDS.real_below, "fake_from": _THRESHOLDS.fake_from}}
    manifest = {"name": "bench", "version": "1", "thresholds": thresholds}
    classifier = {"name": "bench", "version": "1", "sha256": "0" * 64, "path": "/bench", "manifest": manifest}
    times = {"created_at": born_at}
    connection.execute(insert(Classifier), {"id": _CLASSIFIER_ID, **classifier, **times, "active": True})
    batch = {
        "id": BATCH_ID,
        "name": "archive",
        "classifier_id": _CLASSIFIER_ID,
        "options": _OPTIONS,
        "priority": "bulk",
    }
    connection.execute(insert(Batch), {**batch, **times, **vars(_THRESHOLDS), "is_complete": True, "ignored": 0})
    standings = Counter(_standing(ArchivedVideo(number)) for number in range(1, videos + 1))
    rows = [(BATCH_ID, standing, _runtime(standing), total) for standing, total in standings.items()]
    rows.append((EVERY_BATCH, "waiting", "", standings["waiting"]))
    columns = ("batch_id", "standing", "runtime", "total")
    connection.execute(insert(Tally), [dict(zip(columns, row, strict=True)) for row in rows])


def _standing(video: ArchivedVideo) -> str:
    return standing_of(video.state, video.score, _THRESHOLDS)


def _runtime(standing: str) -> str:
    return "openvino" if standing in ("fake", "real", "uncertain", "no_face") else ""


def _videos(video: ArchivedVideo) -> Iterator[Row]:
    facts = (15.0, 1280, 720, "h264", "mov,mp4", 25.0, 0) if video.frames else (None,) * 7
    yield video.number, video.sha256, 5_000_000 + video.number, video.born_at, *facts


def _known_files(video: ArchivedVideo) -> Iterator[Row]:
    yield video.number, path_key(video.path), video.path, 5_000_000 + video.number, 1, video.number


def _scans(video: ArchivedVideo) -> Iterator[Row]:
    number, state, score = video.number, video.state, video.score
    has_ended = state != "queued"
    reason = {"unreadable": "not_a_video", "failed": "internal_error"}.get(state)
    finished_at = video.born_at + number if has_ended else None
    asked = (number, number, _CLASSIFIER_ID, f"frames={FRAMES} max_frames={LONG_FRAMES}", 1, FRAMES, LONG_FRAMES)
    came = (state, reason, None, "[]", int(has_ended), 0, False, "worker-1" if has_ended else None, int(has_ended))
    counts = (video.frames, len(video.faces), len(video.faces)) if video.frames else (None, None, None)
    seconds, runtime = (_SECONDS, "openvino") if video.frames else (None, None)
    times = (video.born_at, video.born_at, finished_at, finished_at)
    yield *asked, video.path, 1, "bulk", *came, False, *times, *(score,) * 4, *counts, seconds, runtime


def _entries(video: ArchivedVideo) -> Iterator[Row]:
    number = video.number
    yield number, BATCH_ID, number - 1, video.path, number, number, _standing(video), False


def _frames(video: ArchivedVideo) -> Iterator[Row]:
    number, score = video.number, video.score
    return ((number, position, float(position), score) for position in range(video.frames))


def _faces(video: ArchivedVideo) -> Iterator[Row]:
    number, score = video.number, video.score
    return ((number, position, 0, 500.0, 200.0, 120.0, 160.0, 0.9, -1.0, score, 0) for position in video.faces)


def _tracks(video: ArchivedVideo) -> Iterator[Row]:
    if video.faces:
        yield video.number, 0, len(video.faces), video.score


_SCAN_COLUMNS = (
    "id video_id classifier_id options_key generation frames max_frames path mtime_ns priority"
    " state reason detail warnings attempts losses runs_alone worker token is_cancel_requested"
    " queued_at sent_at started_at finished_at score_mean score_top_k score_confident score_max_track"
    " frames_sampled frames_with_faces faces seconds runtime"
)
_VIDEO_COLUMNS = (
    "id sha256 size_bytes first_seen_at duration_s width_px height_px codec container frame_rate rotation_deg"
)
_TABLES: dict[str, tuple[str, Callable[[ArchivedVideo], Iterator[Row]]]] = {
    "videos": (_VIDEO_COLUMNS, _videos),
    "known_files": ("id path_sha256 path size_bytes mtime_ns video_id", _known_files),
    "scans": (_SCAN_COLUMNS, _scans),
    "entries": ("id batch_id position path video_id scan_id standing reused", _entries),
    "frames": ("scan_id position t_s score", _frames),
    "faces": ("scan_id frame_position position x_px y_px w_px h_px detection logit score track", _faces),
    "tracks": ("scan_id track faces score", _tracks),
}


def _load(connection: Connection, table: str, columns: Sequence[str], rows: Iterator[Row]) -> None:
    """Inserts the rows; the names are this module's own."""
    driver: Any = connection.connection.cursor()
    named = f"{table} ({', '.join(columns)})"
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(columns))
        driver.executemany(f"INSERT INTO {named} VALUES ({marks})", rows)  # noqa: S608 (names of this module)
        return
    with driver.copy(f"COPY {named} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _set_sequences(connection: Connection) -> None:
    """Lets the next rows be numbered after those that brought their numbers along."""
    for name in ("classifiers", "batches", "videos", "known_files", "scans", "entries"):
        table = Base.metadata.tables[name]
        connection.execute(select(func.setval(func.pg_get_serial_sequence(name, "id"), func.max(table.c.id))))


def _gather_statistics(database: Database) -> None:
    """What autovacuum does within a minute, and SQLite when a connection is closed."""
    with database.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.exec_driver_sql("ANALYZE" if database.is_sqlite else "VACUUM ANALYZE")
