"""Videos: list, look at, stream, review, scan again."""

import os
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from db.listing import Sort, Wanted, list_videos, session_for
from db.reviews import add_review, remove_review
from db.videos import read_content, read_video
from web.answers import json_answer, read_cursor, write_cursor
from web.api.batches import BatchId, started
from web.context import Context, context_of
from web.file_answers import answer_file
from web.identity import Principal
from web.places import OutsideError
from web.problems import Problem, ProblemError
from web.rules import READ, REVIEW, SUBMIT
from web.shapes.batches import BatchStarted
from web.shapes.submitting import JudgingOptions
from web.shapes.terms import Aggregate, State, Verdict
from web.shapes.videos import NewReview, Review, ReviewList, Video, VideoList

router = APIRouter(prefix="/api/v1/videos", tags=["videos"])


class OpenContent(NamedTuple):
    """A video's file: where it lies, opened, and its hash."""

    path: bytes
    descriptor: int
    sha256: str


VideoId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("", response_model=VideoList)
def list_all(
    request: Request,
    _principal: Annotated[Principal, Depends(READ)],
    batch: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="Of this batch alone.")] = None,
    state: State | None = None,
    verdict: Verdict | None = None,
    q: Annotated[
        str | None,
        Query(min_length=1, max_length=200, pattern=r"^[^\x00]*$", description="A part of the path."),
    ] = None,
    sort: Sort = "newest",
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """The files that were submitted. A search may give an empty page with a cursor: go on from there."""
    wanted = Wanted(
        batch_id=batch,
        state=state,
        verdict=verdict,
        text=q,
        sort=sort,
        after=read_cursor(cursor),
        limit=limit,
    )
    try:
        with session_for(context_of(request).database, wanted) as session:
            page = list_videos(session, wanted)
    except ValueError as error:
        raise ProblemError(422, str(error)) from error
    return json_answer({"videos": page.videos, "next_cursor": write_cursor(page.next)})


@router.get("/{video_id}", response_model=Video)
def get_video(
    request: Request,
    video_id: VideoId,
    _principal: Annotated[Principal, Depends(READ)],
    aggregate: Aggregate | None = None,
) -> Response:
    """One video: its latest scan with every frame and face, its earlier scans, its paths and its reviews."""
    return json_answer(require_video(context_of(request), video_id, aggregate=aggregate))


@router.head("/{video_id}/content", include_in_schema=False)
@router.get(
    "/{video_id}/content",
    response_class=Response,
    responses={
        200: {"content": {"video/*": {}}},
        206: {"description": "A part, as the header Range asks.", "content": {"video/*": {}}},
        416: {"model": Problem},
    },
)
def stream_content(request: Request, video_id: VideoId, _principal: Annotated[Principal, Depends(READ)]) -> Response:
    """The video itself, in parts where the browser asks for parts."""
    content = open_content(context_of(request), video_id)
    return answer_file(request, content.descriptor, name=content.path.rpartition(b"/")[2], fingerprint=content.sha256)


@router.post("/{video_id}/scan", status_code=201, response_model=BatchStarted)
def scan_again(
    request: Request,
    video_id: VideoId,
    _principal: Annotated[Principal, Depends(SUBMIT)],
    asked: JudgingOptions | None = None,
) -> Response:
    """Judge a video again, as a new batch."""
    context = context_of(request)
    content = open_content(context, video_id)
    os.close(content.descriptor)
    options = (asked or JudgingOptions()).model_copy(update={"force": True})
    return started(context, context.submitter.begin([content.path], None, options))


@router.get("/{video_id}/reviews", response_model=ReviewList)
def list_reviews(request: Request, video_id: VideoId, _principal: Annotated[Principal, Depends(READ)]) -> Response:
    """What people said of a video, the latest first."""
    return json_answer({"reviews": require_video(context_of(request), video_id)["reviews"]})


@router.post("/{video_id}/reviews", status_code=201, response_model=Review)
def review(
    request: Request,
    video_id: VideoId,
    wanted: NewReview,
    principal: Annotated[Principal, Depends(REVIEW)],
) -> Response:
    """Set a label beside the machine's verdict."""
    context = context_of(request)
    require_video(context, video_id)
    with context.database.begin() as session:
        review_id = add_review(session, video_id, label=wanted.label, note=wanted.note, reviewer=principal.name)
    reviews = require_video(context, video_id)["reviews"]
    return json_answer(next(one for one in reviews if one["id"] == review_id), 201)


@router.delete("/{video_id}/reviews/{review_id}", status_code=204, response_class=Response)
def undo_review(
    request: Request, video_id: VideoId, review_id: BatchId, principal: Annotated[Principal, Depends(REVIEW)]
) -> Response:
    """Take a label back: one of your own, or with the scope `admin` any."""
    reviewer = None if principal.may("admin") else principal.name
    with context_of(request).database.begin() as session:
        if not remove_review(session, review_id, video_id=video_id, reviewer=reviewer):
            raise ProblemError(404, f"video {video_id} has no review {review_id} of {principal.name!r}")
    return Response(status_code=204)


def require_video(context: Context, video_id: int, *, aggregate: str | None = None) -> dict[str, Any]:
    """All that is known of a video.

    Raises:
        ProblemError: there is no such video, or its classifier knows no such aggregation.
    """
    try:
        with context.database.read() as session:
            video = read_video(session, video_id, aggregate=aggregate)
    except ValueError as error:
        raise ProblemError(422, str(error)) from error
    if video is None:
        raise ProblemError(404, f"there is no video {video_id}: see /api/v1/videos")
    return video


def open_content(context: Context, video_id: int) -> OpenContent:
    """The file of a video, opened where it lies now.

    Raises:
        ProblemError: there is no such video, or its file is gone, or it lies out of the roots.
    """
    with context.database.read() as session:
        content = read_content(session, video_id)
    if content is None:
        raise ProblemError(404, f"there is no video {video_id}: see /api/v1/videos")
    outside = None
    for path in content.paths:
        try:
            descriptor = context.places.open_file(path)
        except OutsideError as error:
            outside = error
            continue
        except OSError:
            continue
        if os.fstat(descriptor).st_size == content.size_bytes:
            return OpenContent(path, descriptor, content.sha256)
        os.close(descriptor)
    if outside is not None:
        raise ProblemError(403, f"video {video_id} may not be shown: {outside}: see FAKESWEEP_ROOTS")
    raise ProblemError(404, f"the file of video {video_id} is gone, or was changed since it was judged")
