"""Batches: all of them, and one with its videos, its progress, and what can be done to it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from db.batch_listing import list_counted_batches
from db.headers import describe_header, read_header
from db.listing import list_videos
from db.overview import recent_rate
from db.progress import read_progress, read_running
from db.steering import RETRYABLE_STATES
from scheduler.control import cancel_batch, retry_batch
from web.context import context_of
from web.identity import Principal
from web.pages.listing import cursor_text, wanted_from
from web.pages.showing import back_to, query_of, remembered, show
from web.problems import ProblemError
from web.rules import READ, SUBMIT

router = APIRouter(include_in_schema=False)

_PAGE = 30


@router.get("/batches", response_class=HTMLResponse)
def batches(
    request: Request, _principal: Annotated[Principal, Depends(READ)], before: int | None = None
) -> HTMLResponse:
    """All batches, the newest first."""
    with context_of(request).database.read() as session:
        found = list_counted_batches(session, limit=_PAGE + 1, before=before)
    older = found[_PAGE - 1]["id"] if len(found) > _PAGE else None
    return show(request, "batches.html", section="batches", batches=found[:_PAGE], older=older, is_first=before is None)


@router.get("/batches/{batch_id}", response_class=HTMLResponse)
def batch(
    request: Request,
    batch_id: int,
    _principal: Annotated[Principal, Depends(READ)],
    standing: str = "",
    after: str = "",
) -> HTMLResponse:
    """One batch."""
    context = context_of(request)
    wanted = wanted_from(standing, batch_id=batch_id, order="oldest", after=after, limit=_PAGE)
    with context.database.read() as session:
        try:
            header = read_header(session, batch_id, aggregate=None, thresholds=None)
        except LookupError as error:
            raise ProblemError(404, str(error)) from error
        head = describe_header(session, header)
        progress = read_progress(session, batch_id)
        running = read_running(session, batch_id, limit=40)
        page = list_videos(session, wanted)
    rate: float | None = None
    if not progress.is_finished:
        rate = remembered(request, f"rate {batch_id}", lambda session: recent_rate(session, batch_id))
    left = progress.submitted - progress.finished
    return show(
        request,
        "batch.html",
        section="batches",
        batch=header.batch,
        head=head,
        progress=progress,
        running=running,
        rate_per_s=rate,
        eta_s=left / rate if rate else None,
        retryable={state: n for state in RETRYABLE_STATES if (n := head["batch"]["counts"][state])},
        videos=page.videos,
        next_page=query_of(request, after=cursor_text(page.next)) if page.next else None,
        standing=standing,
        is_first=not after,
        has_reports=context.doors.write_report is not None,
    )


@router.post("/batches/{batch_id}/cancel")
def cancel(request: Request, batch_id: int, _principal: Annotated[Principal, Depends(SUBMIT)]) -> RedirectResponse:
    """Stops what is left of it."""
    cancelled = cancel_batch(context_of(request).database, batch_id)
    return back_to(f"/batches/{batch_id}", "cancelled", cancelled.ended + cancelled.stopping)


@router.post("/batches/{batch_id}/retry")
def retry(
    request: Request,
    batch_id: int,
    _principal: Annotated[Principal, Depends(SUBMIT)],
    state: Annotated[str, Form(max_length=20)] = "failed",
) -> RedirectResponse:
    """Queues anew what ended in a state."""
    context = context_of(request)
    try:
        retried = retry_batch(context.database, batch_id, [state])
    except ValueError as error:
        raise ProblemError(422, str(error)) from error
    context.doors.send_waiting()
    told = "retried" if retried.requeued else "nothing_to_retry"
    return back_to(f"/batches/{batch_id}", told, retried.requeued)
