"""Keeps the faces that reports show: one file for each judged scan, a ZIP of small pictures with an index.

A file is named by its scan and the fencing token of the lease under which it was made, so a worker that comes late
never writes over another's. Losing one loses pictures and no verdict: nothing here stops a scan or a report.
"""

import io
import json
import logging
import os
import secrets
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from worker.pipeline.results import KeptFace

MOST_FACES = 6
"""Of one video."""
FORMAT = 1
_INDEX = "index.json"
# A reader believes no file: what is larger was not written by us.
_LARGEST_MEMBER = 1_000_000
_PER_FOLDER = 1000

_log = logging.getLogger(__name__)


class DamagedEvidenceError(Exception):
    """A file of kept faces is there and cannot be read.

    Args:
        path: of the file.
        why: what is wrong with it, as the end of a sentence.
    """

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"no pictures from {path}: the file {why}; its verdict is not touched")
        self.path = path
        # The name alone: where we keep things is nobody's business.
        self.public = f"No pictures: the file with them, {path.name}, {why}. The verdict is not touched."


@dataclass(frozen=True)
class EvidenceFace:
    """A face as it was kept.

    Args:
        t_s: of its frame.
        box_px: x, y, width and height in pixels of the displayed video.
        track: number of the person.
        score: calibrated, 0..1.
        width_px: of the displayed video.
        height_px: of the displayed video.
        heat_map: rows of logits; None where the classifier gives none.
        face_jpeg: the square that the classifier saw.
        frame_jpeg: the whole frame, made smaller; nothing is drawn into it.
        heat_png: colours with transparency, to be laid over the face in grey; None as `heat_map`.
    """

    t_s: float
    box_px: tuple[float, float, float, float]
    track: int
    score: float
    width_px: int
    height_px: int
    heat_map: list[list[float]] | None
    face_jpeg: bytes
    frame_jpeg: bytes
    heat_png: bytes | None


@dataclass(frozen=True)
class EvidenceFile:
    """A file of the store, whatever has become of its scan."""

    path: Path
    scan_id: int
    token: int


def evidence_path(directory: Path, scan_id: int, token: int) -> Path:
    """Where the faces of a scan lie that was judged under this fencing token."""
    return _folder_of(directory, scan_id) / f"{scan_id}-{token}.zip"


def save_evidence(directory: Path, scan_id: int, token: int, faces: "Sequence[KeptFace]") -> bool:
    """Writes the faces of a scan, whole or not at all; says in the log where that fails, and raises nothing of it.

    Returns:
        Whether they lie there now.
    """
    if not faces:
        return False
    path = evidence_path(directory, scan_id, token)
    part = path.with_name(f".{path.name}-{secrets.token_hex(4)}.part")
    try:
        # Faces are nobody else's business; who shares the directory makes it with the rights that it needs.
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(_pack(faces))
        part.replace(path)
    except OSError as error:
        _log.warning("the faces for the report were not kept in %s (%s); the verdict is not touched", directory, error)
        with suppress(OSError):
            part.unlink(missing_ok=True)
        return False
    return True


def read_evidence(directory: Path | None, scan_id: int, token: int | None = None) -> list[EvidenceFace]:
    """The faces that were kept of a scan, highest first; none where there is no file.

    Args:
        directory: of the settings, None where none are kept.
        scan_id: of the scan that was judged.
        token: its fencing token; None takes the latest there is.

    Raises:
        DamagedEvidenceError: the file cannot be read, or was altered or cut off.
    """
    if directory is None:
        return []
    path = evidence_path(directory, scan_id, token) if token is not None else _latest(directory, scan_id)
    if path is None:
        return []
    try:
        with zipfile.ZipFile(path) as packed:
            index = json.loads(_member(packed, _INDEX))
            return [_unpack(packed, described) for described in index["faces"][:MOST_FACES]]
    except FileNotFoundError:
        return []
    # RuntimeError is what zipfile says of a member that is encrypted or packed in a way that it does not know.
    except (
        *(OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError),
        *(zipfile.BadZipFile, zlib.error, EOFError, RuntimeError),
    ) as error:
        refusal = error.strerror if isinstance(error, OSError) else None
        why = f"cannot be read ({refusal})" if refusal else f"is damaged ({type(error).__name__})"
        raise DamagedEvidenceError(path, why) from error


def list_evidence(directory: Path) -> Iterator[EvidenceFile]:
    """Every file of the store, in order of the scans within each folder, without holding them all."""
    for million in _sorted_folders(directory):
        for thousand in _sorted_folders(million):
            yield from sorted(_files_in(thousand), key=lambda file: (file.scan_id, file.token))


def delete_evidence(directory: Path, scan_id: int, *, but_token: int | None = None) -> int:
    """Removes the faces of a scan, and what a crash left half-written of them; how many bytes that freed.

    Args:
        but_token: keeps the file of this lease.
    """
    freed = 0
    folder = _folder_of(directory, scan_id)
    kept = None if but_token is None else evidence_path(directory, scan_id, but_token).name
    for pattern in (f"{scan_id}-*.zip", f".{scan_id}-*.part"):
        for path in folder.glob(pattern):
            if path.name != kept:
                with suppress(OSError):
                    size_bytes = path.stat().st_size
                    path.unlink()
                    freed += size_bytes
    return freed


def _folder_of(directory: Path, scan_id: int) -> Path:
    """A thousand scans a folder, a thousand folders in each above: no folder grows slow."""
    return directory / f"{scan_id // _PER_FOLDER**2:06d}" / f"{scan_id // _PER_FOLDER % _PER_FOLDER:03d}"


def _pack(faces: "Sequence[KeptFace]") -> bytes:
    described = []
    pictures: dict[str, bytes] = {}
    for number, face in enumerate(faces[:MOST_FACES], start=1):
        named = {"face": f"{number}-face.jpg", "frame": f"{number}-frame.jpg"}
        pictures[named["face"]], pictures[named["frame"]] = face.face_jpeg, face.frame_jpeg
        if face.heat_png is not None:
            named["heat"] = f"{number}-heat.png"
            pictures[named["heat"]] = face.heat_png
        described.append({**_describe(face), "pictures": named})
    packed = io.BytesIO()
    # Pictures are packed already.
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as target:
        target.writestr(_INDEX, json.dumps({"format": FORMAT, "faces": described}), zipfile.ZIP_DEFLATED)
        for name, content in pictures.items():
            target.writestr(name, content)
    return packed.getvalue()


def _describe(face: "KeptFace") -> dict[str, Any]:
    box, heat = face.box, face.heat_map
    return {
        "t_s": face.t_s,
        "box_px": [round(float(side), 2) for side in (box.x, box.y, box.w, box.h)],
        "track": face.track,
        "score": float(face.score),
        "width_px": face.width_px,
        "height_px": face.height_px,
        "heat_map": None if heat is None else [[round(float(value), 2) for value in row] for row in heat],
    }


def _unpack(packed: zipfile.ZipFile, described: dict[str, Any]) -> EvidenceFace:
    x, y, w, h = (float(side) for side in described["box_px"])
    named, heat = described["pictures"], described["heat_map"]
    return EvidenceFace(
        t_s=float(described["t_s"]),
        box_px=(x, y, w, h),
        track=int(described["track"]),
        score=float(described["score"]),
        width_px=int(described["width_px"]),
        height_px=int(described["height_px"]),
        heat_map=None if heat is None else [[float(value) for value in row] for row in heat],
        face_jpeg=_member(packed, named["face"]),
        frame_jpeg=_member(packed, named["frame"]),
        heat_png=_member(packed, named["heat"]) if "heat" in named else None,
    )


def _member(packed: zipfile.ZipFile, name: str) -> bytes:
    if packed.getinfo(name).file_size > _LARGEST_MEMBER:
        raise ValueError(f"{name} is larger than anything that was written")
    return packed.read(name)


def _latest(directory: Path, scan_id: int) -> Path | None:
    found = [file for file in _files_in(_folder_of(directory, scan_id)) if file.scan_id == scan_id]
    return max(found, key=lambda file: file.token).path if found else None


def _sorted_folders(directory: Path) -> list[Path]:
    try:
        return sorted(path for path in directory.iterdir() if path.name.isdecimal() and path.is_dir())
    except OSError:
        return []


def _files_in(folder: Path) -> Iterator[EvidenceFile]:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            stem, dot, suffix = entry.name.partition(".")
            scan, dash, token = stem.partition("-")
            if dot and dash and suffix == "zip" and scan.isdecimal() and token.isdecimal():
                yield EvidenceFile(Path(entry.path), int(scan), int(token))
