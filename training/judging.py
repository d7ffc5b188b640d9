"""Judges labelled files with a bundle as a scan would, clean and degraded, without holding their faces in memory."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.crops import FaceCutter, Skipped
from training.dataset import Item
from training.duplicates import find_duplicates
from training.face_set import FaceSet
from training.grouping import group_items
from training.measuring import Scored, cluster_items
from training.quality import face_band, quality_band
from training.robustness import CLEAN, Condition
from training.scoring import JudgedFace, raw_video_scores
from worker.pipeline.calibration import Calibration
from worker.pipeline.classifier import Classifier
from worker.pipeline.errors import PipelineError, TransientError
from worker.pipeline.results import AGGREGATIONS, Pixels

Vector = NDArray[np.float64]
Progress = Callable[[int, int], None]

ATTEMPTS = 3
MAIN_AGGREGATION = "mean"
"""What scans report unless they are asked for another one."""


@dataclass(frozen=True)
class JudgedFile:
    """One file with what the network said of its faces.

    Args:
        item: the file.
        faces: n of them; their pixels lie on disk.
        tracks: (n,): the person of each face.
        logits: by condition ("clean" and degraded ones), (n,).
        bands: its band by property.
    """

    item: Item
    faces: FaceSet
    tracks: NDArray[np.int64]
    logits: Mapping[str, Vector]
    bands: Mapping[str, str]

    @property
    def worst(self) -> int:
        """The place of the face that speaks most for fake: the one that a picture is judged by."""
        return int(self.logits[CLEAN].argmax())

    @property
    def worst_crop(self) -> Pixels:
        """The crop of that face."""
        return np.array(self.faces.crops[self.worst], np.uint8)


def cut_each(
    items: Sequence[Item], cutter: FaceCutter, skipped: list[Skipped], *, on_progress: Progress | None = None
) -> Iterator[tuple[int, FaceSet]]:
    """The place and the faces of each item that has some; the others go to `skipped` with the reason."""
    for place, item in enumerate(items):
        try:
            faces = _cut(cutter, item)
        except (PipelineError, OSError, ValueError) as error:
            skipped.append(Skipped(item.path, str(error)))
        else:
            if len(faces.crops):
                yield place, faces
            else:
                skipped.append(Skipped(item.path, "no face found"))
        if on_progress is not None:
            on_progress(place + 1, len(items))


def judge_files(
    items: Sequence[Item],
    cutter: FaceCutter,
    classifier: Classifier,
    *,
    conditions: Sequence[Condition] = (),
    degraded: frozenset[int] = frozenset(),
    on_progress: Progress | None = None,
) -> tuple[list[JudgedFile], list[Skipped]]:
    """Judges every face of every file; a file that cannot be read, or shows nobody, is listed and left out.

    Args:
        items: labelled files.
        cutter: cuts their faces, or has them.
        classifier: the bundle's.
        conditions: what is done to crops beside leaving them as they are.
        degraded: places of the items that meet the conditions.
        on_progress: is told how many items are done, of how many.
    """
    judged: list[JudgedFile] = []
    skipped: list[Skipped] = []
    for place, faces in cut_each(items, cutter, skipped, on_progress=on_progress):
        logits = {CLEAN: classifier.judge(faces.crops).logits}
        for condition in conditions if place in degraded else ():
            logits[condition.name] = classifier.judge(condition.change(faces.crops)).logits
        bands = {"quality": quality_band(items[place]), "face_size": face_band(faces.boxes[faces.largest])}
        tracks = np.array(faces.tracks(), np.int64)
        judged.append(JudgedFile(items[place], faces, tracks, logits, bands))
    return judged, skipped


def score_files(
    files: Sequence[JudgedFile], calibration: Mapping[str, Calibration], *, condition: str = CLEAN
) -> dict[str, Any]:
    """The scores that scans would give: "image" and "frame" as `Scored`, "video" by aggregation; what there is of them.

    Args:
        files: judged under the condition.
        calibration: of the bundle.
        condition: "clean" or a degraded one.
    """
    table = _Table.of(files)
    pictures = np.array([place for place, file in enumerate(files) if file.item.kind == "image"], np.int64)
    videos = np.array([place for place, file in enumerate(files) if file.item.kind == "video"], np.int64)
    found: dict[str, Any] = {}
    if len(pictures):
        highest = [float(files[place].logits[condition].max()) for place in pictures]
        scores = [calibration["image"].apply(logit) for logit in highest]
        found["image"] = table.scored(pictures, np.array(scores, np.float64))
    if len(videos):
        faces = {place: _judged_faces(files[place], condition) for place in videos.tolist()}
        frames = [(place, score) for place in faces for score in _frame_scores(faces[place], calibration["face"])]
        places, values = zip(*frames, strict=True)
        found["frame"] = table.scored(np.array(places, np.int64), np.array(values, np.float64))
        raw = {place: raw_video_scores(faces[place], calibration=calibration["face"]) for place in faces}
        found["video"] = {
            method: table.scored(
                videos, np.array([calibration[method].apply_to_score(raw[place][method]) for place in faces])
            )
            for method in AGGREGATIONS
        }
    return found


def main_scores(found: Mapping[str, Any]) -> dict[str, Scored]:
    """What `score_files` found, of videos by the main aggregation alone."""
    return {kind: part[MAIN_AGGREGATION] if kind == "video" else part for kind, part in found.items()}


@dataclass(frozen=True)
class _Table:
    """What belongs to each file, whatever is measured."""

    files: Sequence[JudgedFile]
    clusters: NDArray[np.int64]
    groups: NDArray[np.int64]

    @classmethod
    def of(cls, files: Sequence[JudgedFile]) -> "_Table":
        items = [file.item for file in files]
        twins = find_duplicates([file.faces for file in files], range(len(files)))
        return cls(files, cluster_items(items, twins), np.array(group_items(items, twins), np.int64))

    def scored(self, places: NDArray[np.int64], scores: Vector) -> Scored:
        names = self.files[0].bands
        return Scored(
            items=[self.files[place].item for place in places.tolist()],
            scores=scores,
            clusters=self.clusters[places],
            groups=self.groups[places],
            bands={name: [self.files[place].bands[name] for place in places.tolist()] for name in names},
        )


def _cut(cutter: FaceCutter, item: Item) -> FaceSet:
    """The faces of an item; what only the machine could not do is tried again, as a worker would."""
    for _ in range(ATTEMPTS - 1):
        try:
            return cutter.cut(item)
        except TransientError:
            continue
    return cutter.cut(item)


def _judged_faces(file: JudgedFile, condition: str) -> list[JudgedFace]:
    rows = zip(file.faces.frames.tolist(), file.tracks.tolist(), file.logits[condition].tolist(), strict=True)
    return [JudgedFace(frame, track, logit) for frame, track, logit in rows]


def _frame_scores(faces: Sequence[JudgedFace], calibration: Calibration) -> list[float]:
    """The highest face of each frame."""
    highest: dict[int, float] = {}
    for face in faces:
        highest[face.frame] = max(calibration.apply(face.logit), highest.get(face.frame, 0.0))
    return [highest[frame] for frame in sorted(highest)]
