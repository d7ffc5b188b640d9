"""One video of a report, as the JSON contract has it, with the frames, faces and tracks of its scan."""

import base64
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.headers import iso_time
from db.judging import Judging
from db.tables.batches import Entry
from db.tables.contents import Video
from db.tables.findings import FaceRow, FrameRow, TrackRow
from db.tables.scans import Scan
from db.verdicts import verdict_of

_STAGES = ("probe", "decode", "detect", "classify", "total")


@dataclass
class Findings:
    """The tracks and, where asked for, the frames of some scans, or their scores alone, by scan id."""

    tracks: dict[int, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    frames: dict[int, list[dict[str, Any]]] | None = None
    timelines: dict[int, list[float | None]] | None = None


def read_findings(
    session: Session, scan_ids: Iterable[int], *, with_frames: bool, with_timelines: bool = False
) -> Findings:
    """Reads what was found in these scans, in one query per table."""
    ids = list(scan_ids)
    findings = Findings()
    if ids:
        for track in session.execute(
            select(TrackRow.scan_id, TrackRow.track, TrackRow.faces, TrackRow.score)
            .where(TrackRow.scan_id.in_(ids))
            .order_by(TrackRow.scan_id, TrackRow.track)
        ):
            findings.tracks[track.scan_id].append({"id": track.track, "faces": track.faces, "score": track.score})
    if with_frames:
        findings.frames = _read_frames(session, ids)
    if with_timelines:
        findings.timelines = _read_timelines(session, ids)
    return findings


def describe_video(
    entry: Entry, scan: Scan | None, video: Video | None, judging: Judging, findings: Findings
) -> dict[str, Any]:
    """One element of `videos`; `frames` and `timeline` (the frames' scores) only where the findings have them."""
    described = {
        **describe_path(entry.path),
        "sha256": None if video is None else video.sha256,
        "reused": entry.reused,
        **(_describe_unread(entry) if scan is None else _describe_scan(scan, judging)),
        **_describe_facts(video),
        **_describe_course(scan),
        "tracks": [] if scan is None else findings.tracks.get(scan.id, []),
    }
    if findings.frames is not None:
        described["frames"] = [] if scan is None else findings.frames.get(scan.id, [])
    if findings.timelines is not None:
        described["timeline"] = [] if scan is None else findings.timelines.get(scan.id, [])
    return described


def describe_path(path: bytes) -> dict[str, str]:
    """`path` as text, and `path_b64` beside it where the text cannot tell the bytes."""
    try:
        return {"path": path.decode()}
    except UnicodeDecodeError:
        encoded = base64.b64encode(path).decode()
        return {"path": path.decode(errors="replace"), "path_b64": encoded}


def _describe_unread(entry: Entry) -> dict[str, Any]:
    told = {"state": entry.state, "reason": entry.reason, "detail": entry.detail}
    return {**told, "warnings": [], "score": None, "verdict": None}


def _describe_scan(scan: Scan, judging: Judging) -> dict[str, Any]:
    score: float | None = getattr(scan, judging.score_name)
    return {
        "state": scan.state,
        "reason": scan.reason,
        "detail": scan.detail,
        "warnings": scan.warnings,
        "score": score,
        "verdict": None if score is None else verdict_of(score, judging.thresholds),
    }


def _describe_facts(video: Video | None) -> dict[str, Any]:
    names = ("duration_s", "width_px", "height_px", "codec")
    return {name: getattr(video, name, None) for name in names}


def _describe_course(scan: Scan | None) -> dict[str, Any]:
    """How the judging went; an entry without content was never tried."""
    if scan is None:
        nothing = ("frames_sampled", "frames_with_faces", "faces", "seconds")
        return {**dict.fromkeys(nothing), "attempts": 0, "worker": None, "finished_at": None}
    seconds = scan.seconds
    return {
        "frames_sampled": scan.frames_sampled,
        "frames_with_faces": scan.frames_with_faces,
        "faces": scan.faces,
        "seconds": None if seconds is None else {stage: seconds.get(stage) for stage in _STAGES},
        "attempts": scan.attempts,
        "worker": scan.worker,
        "finished_at": iso_time(scan.finished_at),
    }


def _read_timelines(session: Session, scan_ids: list[int]) -> dict[int, list[float | None]]:
    timelines: dict[int, list[float | None]] = defaultdict(list)
    if scan_ids:
        for scan_id, score in session.execute(
            select(FrameRow.scan_id, FrameRow.score)
            .where(FrameRow.scan_id.in_(scan_ids))
            .order_by(FrameRow.scan_id, FrameRow.position)
        ):
            timelines[scan_id].append(score)
    return timelines


def _read_frames(session: Session, scan_ids: list[int]) -> dict[int, list[dict[str, Any]]]:
    faces: dict[tuple[int, int], list[dict[str, Any]]] = defaultdict(list)
    frames: dict[int, list[dict[str, Any]]] = defaultdict(list)
    if not scan_ids:
        return frames
    columns = [column for column in FaceRow.__table__.columns if column.name not in ("logit", "position")]
    for face in session.execute(
        select(*columns)
        .where(FaceRow.scan_id.in_(scan_ids))
        .order_by(FaceRow.scan_id, FaceRow.frame_position, FaceRow.position)
    ):
        faces[face.scan_id, face.frame_position].append(
            {
                "box_px": [face.x_px, face.y_px, face.w_px, face.h_px],
                "detection": face.detection,
                "score": face.score,
                "track": face.track,
            }
        )
    for frame in session.execute(
        select(FrameRow.scan_id, FrameRow.position, FrameRow.t_s, FrameRow.score)
        .where(FrameRow.scan_id.in_(scan_ids))
        .order_by(FrameRow.scan_id, FrameRow.position)
    ):
        found = faces.get((frame.scan_id, frame.position), [])
        frames[frame.scan_id].append({"t_s": frame.t_s, "score": frame.score, "faces": found})
    return frames
