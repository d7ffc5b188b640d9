"""The questions that people ask of a large archive, timed from the question to the whole answer in hand, warm."""

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from db.batch_listing import list_counted_batches
from db.batches import find_batch
from db.overview import count_finished, count_finished_before, latest_fakes
from db.progress import read_progress, read_status
from db.reconciling import count_under_way
from db.reports import open_report
from db.session import Database
from db.verdicts import single_threshold
from db.videos import find_videos, read_video
from scripts.parts.bench_archive import BATCH_ID, ArchivedVideo

REQUIRED = ("status", "report --verdict fake --limit 100", "show", "counts")
"""The questions whose slowest 95th percentile is `report_p95_ms`."""

Question = Callable[[Session], object]


@dataclass(frozen=True)
class Answered:
    """How long the answers to one question took, in milliseconds."""

    p50_ms: float
    p95_ms: float
    slowest_ms: float
    asked: int


def time_questions(database: Database, *, videos: int, rounds: int) -> dict[str, Answered]:
    """Asks each question `rounds` times, after some that do not count, each in a transaction of its own."""
    numbers = random.Random(0)  # noqa: S311 (which video is asked for is no secret)
    return {name: _ask(database, question, rounds) for name, question in _questions(videos, numbers).items()}


def _questions(videos: int, numbers: random.Random) -> dict[str, Question]:
    def some_video() -> ArchivedVideo:
        return ArchivedVideo(numbers.randint(1, videos))

    return {
        "status": _status,
        "report --verdict fake --limit 100": lambda session: _report(session, verdict="fake"),
        "show": lambda session: _show(session, some_video().path.decode()),
        "counts": lambda session: read_progress(session, BATCH_ID),
        "show, by hash": lambda session: _show(session, some_video().sha256[:16]),
        "report --verdict real --limit 100": lambda session: _report(session, verdict="real"),
        "report --verdict fake --limit 100 --format json": lambda session: _report(
            session, verdict="fake", with_frames=True
        ),
        "report --state failed --limit 100": lambda session: _report(session, state="failed"),
        "report --state queued --limit 100": lambda session: _report(session, state="queued"),
        "report --verdict fake --limit 100 --threshold 0.95": lambda session: _report(
            session, verdict="fake", threshold=0.95
        ),
        "report --verdict fake --limit 100 --threshold 0.2": lambda session: _report(
            session, verdict="fake", threshold=0.2
        ),
        "overview": _overview,
        "overview, the month before today, which is asked for once an hour": _month,
    }


def _ask(database: Database, question: Question, rounds: int) -> Answered:
    seconds = []
    warm_up = max(2, rounds // 10)
    for _ in range(warm_up + rounds):
        started_s = time.perf_counter()
        with database.read() as session:
            question(session)
        seconds.append(time.perf_counter() - started_s)
    ranked = sorted(1000 * second for second in seconds[warm_up:])
    return Answered(
        p50_ms=round(_percentile(ranked, 0.50), 2),
        p95_ms=round(_percentile(ranked, 0.95), 2),
        slowest_ms=round(ranked[-1], 2),
        asked=rounds,
    )


def _percentile(ranked: list[float], share: float) -> float:
    """The smallest value that so many of the values do not exceed."""
    return ranked[math.ceil(share * len(ranked)) - 1]


def _status(session: Session) -> None:
    batch = find_batch(session, None)
    if batch is None:
        raise LookupError("the archive has no batch")
    read_status(session, batch.id)


def _report(session: Session, *, threshold: float | None = None, with_frames: bool = False, **chosen: Any) -> None:
    thresholds = None if threshold is None else single_threshold(threshold)
    open_report(session, BATCH_ID, thresholds=thresholds, limit=100, with_frames=with_frames, **chosen).whole()


def _overview(session: Session) -> None:
    """What the first page of the web application asks for anew while people look at it."""
    count_finished(session, span_s=60.0, buckets=60)
    count_finished(session, span_s=86400.0, buckets=1)
    latest_fakes(session, limit=12)
    list_counted_batches(session, limit=6)
    count_under_way(session)


def _month(session: Session) -> None:
    count_finished_before(session, time.time() // 86400 * 86400, span_s=86400.0, buckets=29)


def _show(session: Session, wanted: str) -> None:
    (video_id,) = find_videos(session, wanted)
    if read_video(session, video_id) is None:
        raise LookupError(f"video {video_id} has no scan")
