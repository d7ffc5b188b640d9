"""Gathers what an evidence report shows: the videos of a batch or one video, and the faces that were kept of them."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any

from cli.rendering.evidence_page import FacesOf, PageHead, write_evidence_page
from worker.evidence import DamagedEvidenceError, EvidenceFace, evidence_path, read_evidence

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.orm import Session

    from worker.settings import Settings

MOST_PICTURED = 200
"""Videos with pictures in one report: what a person looks through, and no more than a browser holds with ease."""
PICTURE_BYTES = 30_000_000
"""Of evidence in one report; in the page they take a third more."""

_RANKS = {"fake": 0, "uncertain": 1, "real": 2}
_GONE = "No pictures: none were kept when it was judged, or they were deleted since."


def write_batch_page(session: Session, batch_id: int, stream: IO[str], settings: Settings, **wanted: Any) -> int:
    """Writes the report of a batch as a page; returns how many videos it lists.

    Args:
        session: of `Database.read`, so that all of it is of one moment.
        settings: say where the faces are kept.
        wanted: aggregate, thresholds, state, verdict and limit, as `db.reports.open_report` takes them.
    """
    from db.reports import open_report

    directory = settings.evidence_directory
    ranked = open_report(session, batch_id, **wanted, with_frames=False, with_background=True)
    pictured, is_cut = choose_pictured(ranked.videos, directory)
    report = open_report(session, batch_id, **wanted, with_frames=True, with_background=True)
    head = PageHead(
        title=str(report.head["batch"]["name"]),
        report=report.head,
        manifest=_manifest_of(session, report.head),
        limits=_limits(len(pictured)) if is_cut else "",
    )
    return write_evidence_page(head, report.videos, stream, faces_of=_reader(directory, pictured))


def write_video_page(session: Session, video: Mapping[str, Any], stream: IO[str], settings: Settings) -> None:
    """Writes one video, as `db.videos.read_video` tells it, as a page."""
    head = PageHead(title=str(video["path"]), report=video, manifest=_manifest_of(session, video))
    write_evidence_page(head, [video], stream, faces_of=_reader(settings.evidence_directory, None))


def choose_pictured(videos: Iterator[dict[str, Any]], directory: Path | None) -> tuple[set[int], bool]:
    """The scans whose faces are shown: fakes first, then by score, as many as fit; and whether some did not."""
    # Two entries may be one content, and take the room of one.
    chosen: set[int] = set()
    left = PICTURE_BYTES
    for _, _, scan_id, token in heapq.nsmallest(MOST_PICTURED + 1, _ranked(videos)):
        if scan_id in chosen:
            continue
        left -= _size_of(directory, scan_id, token)
        if left < 0 or len(chosen) == MOST_PICTURED:
            return chosen, True
        chosen.add(scan_id)
    return chosen, False


def _ranked(videos: Iterator[dict[str, Any]]) -> Iterator[tuple[int, float, int, int]]:
    for video in videos:
        if video["score"] is not None:
            yield _RANKS[video["verdict"]], -video["score"], video["scan"]["id"], video["scan"]["token"]


def _size_of(directory: Path | None, scan_id: int, token: int) -> int:
    if directory is None:
        return 0
    try:
        return evidence_path(directory, scan_id, token).stat().st_size
    except OSError:
        return 0


def _reader(directory: Path | None, pictured: set[int] | None) -> FacesOf:
    """Reads the faces of the chosen scans; of every scan where None is given."""

    def faces_of(video: Mapping[str, Any]) -> list[EvidenceFace] | str:
        lease = video.get("scan")
        if video["state"] != "judged" or lease is None:
            return ""
        if pictured is not None and lease["id"] not in pictured:
            return f"No pictures here, to keep this file small: fakesweep show {video['sha256'][:12]} --html FILE"
        try:
            return read_evidence(directory, lease["id"], lease["token"]) or _GONE
        except DamagedEvidenceError as error:
            return error.public

    return faces_of


def _limits(pictured: int) -> str:
    return (
        f"Pictures of {pictured} videos, fakes first, then by score: one report shows those of {MOST_PICTURED} videos "
        f"and {PICTURE_BYTES / 1e6:.0f} MB at most."
    )


def _manifest_of(session: Session, report: Mapping[str, Any]) -> dict[str, Any]:
    from db.registry import find_classifier

    found = find_classifier(session, report["classifier"]["sha256"])
    return {} if found is None else found.manifest
