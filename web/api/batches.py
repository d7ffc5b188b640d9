"""Batches: submit server paths, list, look at, cancel, retry, download as a report."""

import os
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response, StreamingResponse

from db.batch_listing import list_counted_batches, read_counted_batch
from scheduler.control import cancel_batch, retry_batch
from web.answers import json_answer, read_cursor, write_cursor
from web.context import Context, context_of
from web.doors import UnfitWishError
from web.identity import Principal
from web.places import OutsideError
from web.problems import ProblemError
from web.rules import READ, SUBMIT
from web.shapes.batches import Batch, BatchList, BatchStarted, Cancelled, Retried, Retry
from web.shapes.submitting import NewBatch
from web.shapes.terms import Aggregate, State, Verdict
from web.streaming_text import stream_text

router = APIRouter(prefix="/api/v1/batches", tags=["batches"])

BatchId = Annotated[int, Path(ge=1, le=2**63 - 1)]
Format = Literal["json", "csv", "html"]
_MEDIA = {"json": "application/json", "csv": "text/csv; charset=utf-8", "html": "text/html; charset=utf-8"}


@router.post("", status_code=201, response_model=BatchStarted)
def submit_paths(request: Request, wanted: NewBatch, _principal: Annotated[Principal, Depends(SUBMIT)]) -> Response:
    """Submit files and directories of the server, which must lie below its roots."""
    context = context_of(request)
    paths = []
    for path in wanted.paths:
        try:
            paths.append(context.places.real_path_of(os.fsencode(path), with_uploads=False))
        except (OutsideError, ValueError) as error:
            raise ProblemError(403, f"{path!r} may not be submitted: {error}: see FAKESWEEP_ROOTS") from error
    return started(context, context.submitter.begin(paths, wanted.name, wanted))


def started(context: Context, batch_id: int) -> Response:
    """The answer to whoever began a batch."""
    with context.database.read() as session:
        batch = read_counted_batch(session, batch_id)
    return json_answer({"batch": batch}, 201, {"Location": f"/api/v1/batches/{batch_id}"})


@router.get("", response_model=BatchList)
def list_batches(
    request: Request,
    _principal: Annotated[Principal, Depends(READ)],
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """The batches, the newest first."""
    key = read_cursor(cursor)
    if key is not None and len(key) != 1:
        raise ProblemError(422, f"cursor {cursor!r} is of another list: begin without one")
    with context_of(request).database.read() as session:
        batches = list_counted_batches(session, before=None if key is None else int(key[0]), limit=limit)
    last = (batches[-1]["id"],) if len(batches) == limit else None
    return json_answer({"batches": batches, "next_cursor": write_cursor(last)})


@router.get("/{batch_id}", response_model=Batch)
def get_batch(request: Request, batch_id: BatchId, _principal: Annotated[Principal, Depends(READ)]) -> Response:
    """One batch with its counts."""
    return json_answer(require_batch(context_of(request), batch_id))


@router.post("/{batch_id}/cancel", response_model=Cancelled)
def cancel(request: Request, batch_id: BatchId, _principal: Annotated[Principal, Depends(SUBMIT)]) -> Response:
    """Stop judging the videos of a batch; what another batch wants too is judged for that one."""
    context = context_of(request)
    require_batch(context, batch_id)
    return json_answer(vars(cancel_batch(context.database, batch_id)))


@router.post("/{batch_id}/retry", response_model=Retried)
def retry(
    request: Request,
    batch_id: BatchId,
    _principal: Annotated[Principal, Depends(SUBMIT)],
    wanted: Retry | None = None,
) -> Response:
    """Queue those videos of a batch again that did not end well."""
    context = context_of(request)
    require_batch(context, batch_id)
    retried = retry_batch(context.database, batch_id, (wanted or Retry()).states)
    context.doors.send_waiting()
    return json_answer(vars(retried))


@router.get(
    "/{batch_id}/report",
    responses={200: {"content": {kind.partition(";")[0]: {} for kind in _MEDIA.values()}}},
    response_class=Response,
)
def download_report(
    request: Request,
    batch_id: BatchId,
    _principal: Annotated[Principal, Depends(READ)],
    format: Format = "json",  # noqa: A002 - in addresses
    state: State | None = None,
    verdict: Verdict | None = None,
    aggregate: Aggregate | None = None,
    limit: Annotated[int | None, Query(ge=1, le=10_000_000)] = None,
) -> Response:
    """The report of a batch, streamed: the JSON contract, CSV, or a page that holds faces and heat maps."""
    context = context_of(request)
    require_batch(context, batch_id)
    write_report = context.doors.write_report
    if write_report is None:
        raise ProblemError(501, "this server writes no reports: start it with `fakesweep serve`")
    wanted = {"aggregate": aggregate, "state": state, "verdict": verdict, "limit": limit}

    def write(stream: Any) -> None:
        with context.database.read() as session:
            try:
                write_report(session, batch_id, stream, format_=format, **wanted)
            except UnfitWishError as error:
                raise ProblemError(422, str(error)) from error

    parts: Iterator[bytes] = stream_text(write)
    name = f"fakesweep-batch-{batch_id}.{format}"
    return StreamingResponse(
        parts, media_type=_MEDIA[format], headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


def require_batch(context: Context, batch_id: int) -> dict[str, Any]:
    """The batch with this id.

    Raises:
        ProblemError: there is none.
    """
    with context.database.read() as session:
        batch = read_counted_batch(session, batch_id)
    if batch is None:
        raise ProblemError(404, f"there is no batch {batch_id}: see /api/v1/batches")
    return batch
