"""The pictures by which lists show a video: its highest face."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from web.context import context_of
from web.identity import Principal
from web.kept_faces import kept_faces_of_video
from web.rendering import STATIC
from web.rules import READ

router = APIRouter(include_in_schema=False)

_FOR_A_WHILE = {"Cache-Control": "private, max-age=60"}
_NOBODY = STATIC / "nobody.svg"


@router.get("/videos/{video_id}/face")
def highest_face(request: Request, video_id: int, _principal: Annotated[Principal, Depends(READ)]) -> Response:
    """The face of a video that scores highest; a grey head where none was kept."""
    kept = kept_faces_of_video(context_of(request), video_id)
    if kept is not None and kept.faces:
        return Response(kept.faces[0].face_jpeg, media_type="image/jpeg", headers=_FOR_A_WHILE)
    return Response(_NOBODY.read_bytes(), media_type="image/svg+xml", headers=_FOR_A_WHILE)


def media_of(video: Mapping[str, Any]) -> str:
    """Where the player finds a video."""
    return f"/api/v1/videos/{video['id']}/content"


def face_of(video: Any) -> str | None:
    """The address of a listed video's highest face, None where nobody was judged in it."""
    if not isinstance(video, Mapping):
        return f"/videos/{video.video_id}/face"
    return f"/videos/{video['id']}/face" if video["id"] and video["score"] is not None else None
