"""The faces that were kept of a video, for pages and API alike: their addresses, or why they cannot be shown."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from db.videos import find_shown_scan
from web.context import Context
from worker.evidence import DamagedEvidenceError, EvidenceFace, read_evidence

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeptFaces:
    """What can be shown of a video.

    Args:
        faces: the highest first; none where none were kept, or are not any more.
        problem: what is wrong with the file that should hold them; None where nothing is.
    """

    faces: list[EvidenceFace] = field(default_factory=list)
    problem: str | None = None


def kept_faces(context: Context, scan_id: int, token: int) -> KeptFaces:
    """What was kept of this scan when it was judged under this token; the log names a damaged file."""
    try:
        return KeptFaces(read_evidence(context.settings.evidence_directory, scan_id, token))
    except DamagedEvidenceError as error:
        _warn_once(str(error))
        return KeptFaces(problem=error.public)


@lru_cache(maxsize=1000)
def _warn_once(message: str) -> None:
    """Says once in the life of this process what each request for a file would say again."""
    _log.warning("%s", message)


def kept_faces_of_video(context: Context, video_id: int) -> KeptFaces | None:
    """What was kept of the scan that is shown of a video; None where there is no such video."""
    with context.database.read() as session:
        scan = find_shown_scan(session, video_id)
    return None if scan is None else kept_faces(context, *scan)


def described_faces(video_id: int, faces: list[EvidenceFace]) -> list[Mapping[str, Any]]:
    """The faces as the API tells them, with the addresses of their pictures."""
    place = f"/api/v1/videos/{video_id}/evidence"
    return [
        {
            **{name: getattr(face, name) for name in ("t_s", "box_px", "track", "score", "width_px", "height_px")},
            "face": f"{place}/{number}/face.jpg",
            "frame": f"{place}/{number}/frame.jpg",
            "heat": None if face.heat_png is None else f"{place}/{number}/heat.png",
        }
        for number, face in enumerate(faces)
    ]
