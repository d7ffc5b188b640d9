"""One video: the player with scores and boxes, the evidence, the facts, and what people say of it."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from db.reviews import LABELS, add_review, remove_review
from db.verdicts import Thresholds, verdict_of
from db.videos import read_video
from web.api.videos import scan_again
from web.context import context_of
from web.identity import Principal
from web.kept_faces import KeptFaces, described_faces, kept_faces
from web.pages.showing import back_to, show
from web.pages.timeline import draw_timeline
from web.problems import ProblemError
from web.rules import READ, REVIEW, SUBMIT

router = APIRouter(include_in_schema=False)


@router.get("/videos/{video_id}", response_class=HTMLResponse)
def video(request: Request, video_id: int, principal: Annotated[Principal, Depends(READ)]) -> HTMLResponse:
    """Everything about one video."""
    with context_of(request).database.read() as session:
        found = read_video(session, video_id)
    if found is None:
        raise ProblemError(404, f"there is no video {video_id}: it may have been removed; see the list of videos")
    thresholds = Thresholds(**found["thresholds"])
    tracks = [{**track, "look": verdict_of(track["score"], thresholds)} for track in found["tracks"]]
    lease = found["scan"]
    kept = KeptFaces() if lease is None else kept_faces(context_of(request), lease["id"], lease["token"])
    own = next((review for review in found["reviews"] if review["reviewer"] == principal.name), None)
    return show(
        request,
        "video.html",
        section="videos",
        video=found,
        tracks=tracks,
        timeline=draw_timeline(found["frames"], found["duration_s"], thresholds),
        own_review=own,
        stage_data=_stage_data(found, thresholds),
        pictures=described_faces(video_id, kept.faces),
        pictures_problem=kept.problem,
        has_reports=context_of(request).doors.write_video_report is not None,
        is_open=found["state"] in ("queued", "running"),
    )


@router.post("/videos/{video_id}/review")
def review(
    request: Request,
    video_id: int,
    principal: Annotated[Principal, Depends(REVIEW)],
    label: Annotated[str, Form(max_length=10)],
    note: Annotated[str, Form(max_length=4000)] = "",
) -> RedirectResponse:
    """Writes a person's label down."""
    if label not in LABELS:
        raise ProblemError(422, f"label must be one of {', '.join(LABELS)}, got {label!r}: choose one of these")
    with context_of(request).database.begin() as session:
        if read_video(session, video_id) is None:
            raise ProblemError(404, f"there is no video {video_id}: see the list of videos")
        add_review(session, video_id, label=label, note=note.strip() or None, reviewer=principal.name)
    return back_to(f"/videos/{video_id}", "labelled")


@router.post("/videos/{video_id}/review/undo")
def undo(request: Request, video_id: int, principal: Annotated[Principal, Depends(REVIEW)]) -> RedirectResponse:
    """Takes the person's last label back."""
    with context_of(request).database.begin() as session:
        found = read_video(session, video_id)
        own = [one for one in (found or {"reviews": []})["reviews"] if one["reviewer"] == principal.name]
        if own:
            remove_review(session, own[0]["id"], video_id=video_id, reviewer=principal.name)
    return back_to(f"/videos/{video_id}", "undone")


@router.post("/videos/{video_id}/again")
def again(request: Request, video_id: int, _principal: Annotated[Principal, Depends(SUBMIT)]) -> RedirectResponse:
    """Has it judged again, in a batch of its own."""
    scan_again(request, video_id, _principal)
    return back_to(f"/videos/{video_id}", "again")


def _stage_data(found: dict[str, Any], thresholds: Thresholds) -> dict[str, Any]:
    """What the player draws: boxes in pixels of the displayed video, frame by frame."""
    return {
        "width_px": found["width_px"],
        "height_px": found["height_px"],
        "duration_s": found["duration_s"],
        "frames": [
            {
                "t_s": frame["t_s"],
                "score": frame["score"],
                "faces": [{**face, "look": verdict_of(face["score"], thresholds)} for face in frame["faces"]],
            }
            for frame in found["frames"]
        ],
    }
