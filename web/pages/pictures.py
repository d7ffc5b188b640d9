"""The pictures of a video that pages show: its highest face, and the faces that were kept with their heat maps."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from db.videos import find_shown_scan
from web.context import context_of
from web.identity import Principal
from web.rendering import STATIC
from web.rules import READ
from worker.evidence import load_evidence

router = APIRouter(include_in_schema=False)

_FOR_A_WHILE = {"Cache-Control": "private, max-age=60"}
_NOBODY = STATIC / "nobody.svg"


@router.get("/videos/{video_id}/face")
def highest_face(request: Request, video_id: int, _principal: Annotated[Principal, Depends(READ)]) -> Response:
    """The face of a video that scores highest; a grey head where none was kept."""
    context = context_of(request)
    with context.database.read() as session:
        scan = find_shown_scan(session, video_id)
    faces = [] if scan is None else load_evidence(context.settings.evidence_directory, *scan)
    if faces:
        return Response(faces[0].face_jpeg, media_type="image/jpeg", headers=_FOR_A_WHILE)
    return Response(_NOBODY.read_bytes(), media_type="image/svg+xml", headers=_FOR_A_WHILE)


def media_of(video: Mapping[str, Any]) -> str:
    """Where the player finds a video."""
    return f"/api/v1/videos/{video['id']}/content"


def face_of(video: Any) -> str | None:
    """The address of a listed video's highest face, None where nobody was judged in it."""
    if not isinstance(video, Mapping):
        return f"/videos/{video.video_id}/face"
    return f"/videos/{video['id']}/face" if video["id"] and video["score"] is not None else None


def evidence_of(directory: Path | None, video: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The kept faces of a video, the highest first, with the addresses of their pictures."""
    lease = video["scan"]
    if lease is None:
        return []
    place = f"/api/v1/videos/{video['id']}/evidence"
    return [
        {
            "t_s": face.t_s,
            "score": face.score,
            "track": face.track,
            "face": f"{place}/{number}/face.jpg",
            "frame": f"{place}/{number}/frame.jpg",
            "heat": None if face.heat_png is None else f"{place}/{number}/heat.png",
        }
        for number, face in enumerate(load_evidence(directory, lease["id"], lease["token"]))
    ]
