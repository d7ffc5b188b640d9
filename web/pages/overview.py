"""The first page: what is going on."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from db.batch_listing import list_counted_batches
from db.overview import Bucket, count_finished, count_finished_before, latest_fakes
from db.progress import oldest_waiting_s, read_running
from db.reconciling import count_under_way
from db.workers import live_workers
from web.identity import Principal
from web.pages.showing import remembered, show
from web.rules import READ

router = APIRouter()

_MINUTES = 60
_DAYS = 30
_DAY_S = 86400.0
# Of days that are over only what is judged again or taken away changes.
_PAST_FRESH_S = 3600.0
# Of the days, the last ones that are compared with those before.
_RECENT_DAYS = 7
# Means of fewer videos say nothing.
_FEWEST = 30


@dataclass(frozen=True)
class Drift:
    """How the last days differ from those before; None where too few were judged to tell.

    Args:
        mean_change: of the mean score.
        fake_change: of the share that is called fake.
    """

    mean_change: float | None
    fake_change: float | None


@router.get("/", response_class=HTMLResponse, include_in_schema=False)
def overview(request: Request, _principal: Annotated[Principal, Depends(READ)]) -> HTMLResponse:
    """The overview."""
    minutes: list[Bucket] = remembered(request, "minutes", lambda s: count_finished(s, span_s=60.0, buckets=_MINUTES))
    days = _read_days(request)
    now: dict[str, Any] = remembered(request, "now", _read_now)
    return show(
        request,
        "overview.html",
        section="overview",
        minutes=minutes,
        days=days,
        drift=find_drift(days),
        fakes=remembered(request, "fakes", lambda s: latest_fakes(s, limit=12)),
        batches=remembered(request, "batches", lambda s: list_counted_batches(s, limit=6)),
        rate_per_s=sum(bucket.total for bucket in minutes[-6:-1]) / 300,
        **now,
    )


def find_drift(days: list[Bucket]) -> Drift:
    """Compares the last week with the weeks before it."""
    recent, before = days[-_RECENT_DAYS:], days[:-_RECENT_DAYS]
    counts = [sum(day.judged for day in span) for span in (before, recent)]
    if min(counts) < _FEWEST:
        return Drift(None, None)
    means = [sum(day.score_sum for day in span) / count for span, count in zip((before, recent), counts, strict=True)]
    shares = [sum(day.counts["fake"] for day in span) / n for span, n in zip((before, recent), counts, strict=True)]
    return Drift(means[1] - means[0], shares[1] - shares[0])


def _read_days(request: Request) -> list[Bucket]:
    """The last days; those that are over are a large archive's whole past, and counted once an hour."""
    today: list[Bucket] = remembered(request, "today", lambda s: count_finished(s, span_s=_DAY_S, buckets=1))
    (present,) = today

    def read_past(session: Any) -> list[Bucket]:
        return count_finished_before(session, present.starts_at, span_s=_DAY_S, buckets=_DAYS - 1)

    past: list[Bucket] = remembered(request, "past days", read_past, fresh_s=_PAST_FRESH_S, version=present.starts_at)
    return [*past, present]


def _read_now(session: Any) -> dict[str, Any]:
    return {
        "running": read_running(session, limit=40),
        "workers": live_workers(session),
        "queue": count_under_way(session),
        "oldest_s": oldest_waiting_s(session),
    }
