"""A report like those of the database, for tests of how it is shown."""

from typing import Any


def judged_video(path: str = "/videos/a.mp4", **changes: Any) -> dict[str, Any]:
    """A judged video with a face in two frames."""
    video = {
        "path": path,
        "sha256": "ab" * 32,
        "reused": False,
        "state": "judged",
        "reason": None,
        "detail": None,
        "warnings": ["truncated"],
        "score": 0.25,
        "verdict": "real",
        "duration_s": 12.5,
        "width_px": 640,
        "height_px": 360,
        "codec": "h264",
        "frames_sampled": 16,
        "frames_with_faces": 2,
        "faces": 2,
        "seconds": {"probe": 0.1, "decode": 0.2, "detect": 0.3, "classify": 0.4, "total": 1.0},
        "attempts": 1,
        "worker": "host-1",
        "finished_at": "2026-11-20T10:00:00Z",
        "tracks": [{"id": 0, "faces": 2, "score": 0.25}],
    }
    return {**video, **changes}


def unread_video(path: str, *, state: str = "unreadable", reason: str = "not_a_video") -> dict[str, Any]:
    """A video that got no score."""
    empty = dict.fromkeys(judged_video())
    return {
        **empty,
        "path": path,
        "reused": False,
        "state": state,
        "reason": reason,
        "warnings": [],
        "attempts": 0,
        "tracks": [],
    }
