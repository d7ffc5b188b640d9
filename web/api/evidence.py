"""The faces that scored highest in a video, as they were kept when it was judged."""

from typing import IO, Annotated, Literal

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response, StreamingResponse

from web.answers import json_answer
from web.api.videos import VideoId, require_video
from web.context import Context, context_of
from web.identity import Principal
from web.kept_faces import KeptFaces, described_faces, kept_faces_of_video
from web.problems import ProblemError
from web.rules import READ
from web.shapes.videos import Evidence
from web.streaming_text import stream_text
from worker.evidence import MOST_FACES

router = APIRouter(prefix="/api/v1/videos", tags=["videos"])

Picture = Literal["face.jpg", "frame.jpg", "heat.png"]


@router.get("/{video_id}/evidence", response_model=Evidence)
def list_evidence(request: Request, video_id: VideoId, _principal: Annotated[Principal, Depends(READ)]) -> Response:
    """The kept faces of a video, and where their pictures are."""
    kept = _kept(context_of(request), video_id)
    return json_answer({"faces": described_faces(video_id, kept.faces), "problem": kept.problem})


@router.get(
    "/{video_id}/evidence/{number}/{picture}",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}, "image/png": {}}}},
)
def get_picture(
    request: Request,
    video_id: VideoId,
    number: Annotated[int, Path(ge=0, lt=MOST_FACES)],
    picture: Picture,
    _principal: Annotated[Principal, Depends(READ)],
) -> Response:
    """One picture of a kept face."""
    kept = _kept(context_of(request), video_id)
    if kept.problem is not None:
        raise ProblemError(404, kept.problem)
    if number >= len(kept.faces):
        raise ProblemError(404, f"video {video_id} has no kept face {number}: see /api/v1/videos/{video_id}/evidence")
    face = kept.faces[number]
    content = {"face.jpg": face.face_jpeg, "frame.jpg": face.frame_jpeg, "heat.png": face.heat_png}[picture]
    if content is None:
        raise ProblemError(404, "the classifier of this verdict gives no heat maps")
    kind = "image/png" if picture == "heat.png" else "image/jpeg"
    return Response(content, media_type=kind, headers={"Cache-Control": "private, max-age=60"})


@router.get("/{video_id}/report", response_class=Response, responses={200: {"content": {"text/html": {}}}})
def download_report(request: Request, video_id: VideoId, _principal: Annotated[Principal, Depends(READ)]) -> Response:
    """The evidence of one video as a page that needs nothing but itself."""
    context = context_of(request)
    video = require_video(context, video_id)
    write_report = context.doors.write_video_report
    if write_report is None:
        raise ProblemError(501, "this server writes no reports: start it with `fakesweep serve`")

    def write(stream: IO[str]) -> None:
        with context.database.read() as session:
            write_report(session, video, stream)

    headers = {"Content-Disposition": f'attachment; filename="fakesweep-video-{video_id}.html"'}
    return StreamingResponse(stream_text(write), media_type="text/html; charset=utf-8", headers=headers)


def _kept(context: Context, video_id: int) -> KeptFaces:
    kept = kept_faces_of_video(context, video_id)
    if kept is None:
        raise ProblemError(404, f"there is no video {video_id}: see /api/v1/videos")
    return kept
