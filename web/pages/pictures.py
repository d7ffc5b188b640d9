"""The addresses of what pages show of a video: the video itself, its highest face, its faces with heat maps."""

from collections.abc import Mapping
from typing import Any


def media_of(video: Mapping[str, Any]) -> str:
    """Where the player finds a video."""
    return f"/api/v1/videos/{video['id']}/content"


def face_of(video: Any) -> str | None:  # noqa: ARG001
    """The picture of a video's highest face, None where none is kept."""
    return None


def evidence_of(video: Mapping[str, Any]) -> list[dict[str, Any]]:  # noqa: ARG001
    """The kept faces of a video, the highest first."""
    return []
