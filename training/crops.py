"""Cuts faces out of pictures and videos with the worker's own detector and crop code, and keeps them on disk.

What is kept is named by the content's hash and by all that shapes a crop, so a changed file, detector or
preprocessing is cut anew and nothing else is.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from training.dataset import Item
from training.duplicates import print_frame
from training.errors import TrainingError
from training.face_prints import Hash
from training.face_set import WIDE_MARGIN, FaceSet, HeldFaces, load_face_set, save_face_set, wide_size_px
from worker.pipeline.decoding import decode_frames
from worker.pipeline.detector_file import DETECTOR_SHA256
from worker.pipeline.errors import PipelineError
from worker.pipeline.faces import FaceDetector, LandmarkedFace, detect_landmarks_in_picture
from worker.pipeline.ffmpeg import find_ffmpeg
from worker.pipeline.limits import Limits
from worker.pipeline.pictures import read_picture
from worker.pipeline.preprocessing import CROP_MARGIN, PREPROCESSING_VERSION, crop_face
from worker.pipeline.probe import probe_video
from worker.pipeline.results import Frame, Pixels
from worker.pipeline.sampling import plan_decode

__all__ = ["FRAMES", "INPUT_SIZE_PX", "WIDE_MARGIN", "FaceCutter", "FaceSet", "Skipped", "cut_all", "wide_size_px"]

INPUT_SIZE_PX = 224
FRAMES = 16
_DETECTION = (FaceDetector.LONG_SIDE_PX, FaceDetector.FACTOR, FaceDetector.CONFIDENCE)
_FORMAT = 4

Found = tuple[int, Pixels, LandmarkedFace]
"""The number of a frame, its pixels, a face in it."""


@dataclass(frozen=True)
class Skipped:
    """A file that could not be used, and why."""

    path: Path
    why: str


class FaceCutter:
    """Gives the faces of an item, from the cache where it has them.

    Args:
        detector: the worker's.
        cache: directory for the cut faces; made when missing.
        frames: how many frames of a video to look at.
        size_px: side of the network's input.
    """

    def __init__(
        self, detector: FaceDetector, cache: Path, *, frames: int = FRAMES, size_px: int = INPUT_SIZE_PX
    ) -> None:
        self._detector = detector
        self._cache = cache
        self._frames = frames
        self._size_px = size_px
        cache.mkdir(parents=True, exist_ok=True)

    def cut(self, item: Item) -> FaceSet:
        """The faces of one item.

        Raises:
            PipelineError, OSError: the file cannot be read as what its extension says.
        """
        with item.path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        base = self._cache / sha256[:2] / f"{sha256}-{self._shape_of(item)}"
        kept = load_face_set(base, sha256)
        if kept is not None:
            return kept
        is_image = item.kind == "image"
        frames = [Frame(0.0, read_picture(item.path), 1.0)] if is_image else self._read_frames(item.path)
        faces = self._faces_of(item, sha256, frames)
        try:
            return save_face_set(base, faces)
        except OSError as error:
            raise TrainingError(
                f"faces cannot be kept at {base.parent}: {error}: free space or name another"
            ) from error

    def _shape_of(self, item: Item) -> str:
        frames = 1 if item.kind == "image" else self._frames
        words = (
            f"v{_FORMAT}",
            PREPROCESSING_VERSION,
            DETECTOR_SHA256,
            _DETECTION,
            CROP_MARGIN,
            WIDE_MARGIN,
            self._size_px,
            frames,
        )
        return hashlib.sha256(repr(words).encode()).hexdigest()[:12]

    def _read_frames(self, path: Path) -> list[Frame]:
        limits = Limits()
        facts = probe_video(path, limits=limits)
        plan = plan_decode(facts, frames=self._frames, max_frames=self._frames)
        return list(decode_frames(path, facts, plan, ffmpeg=find_ffmpeg(None), limits=limits))

    def _faces_of(self, item: Item, sha256: str, frames: Sequence[Frame]) -> FaceSet:
        is_image = item.kind == "image"
        detect = (
            partial(detect_landmarks_in_picture, self._detector) if is_image else self._detector.detect_with_landmarks
        )
        found = [(number, frame.pixels, face) for number, frame in enumerate(frames) for face in detect(frame.pixels)]
        size, wide = self._size_px, wide_size_px(self._size_px)
        crops = [crop_face(pixels, face.box, size_px=size, margin=CROP_MARGIN) for _, pixels, face in found]
        wides = [crop_face(pixels, face.box, size_px=wide, margin=WIDE_MARGIN) for _, pixels, face in found]
        boxes = [(face.box.x, face.box.y, face.box.w, face.box.h) for _, _, face in found]
        faces = FaceSet(
            sha256=sha256,
            pixels=HeldFaces(
                np.array(crops, np.uint8).reshape(-1, size, size, 3),
                np.array(wides, np.uint8).reshape(-1, wide, wide, 3),
            ),
            frames=np.array([number for number, _, _ in found], np.int64),
            detections=np.array([face.detection for _, _, face in found], np.float64),
            boxes=np.array(boxes, np.float64).reshape(-1, 4),
            landmarks=np.array([face.points for _, _, face in found], np.float64).reshape(-1, 5, 2),
            times_s=np.array([frame.t_s for frame in frames], np.float64),
            prints=np.zeros((1, 4, 32), np.uint8),
        )
        return replace(faces, prints=_print_all(frames, found, faces))


def cut_all(
    items: Sequence[Item], cutter: FaceCutter, *, on_progress: Callable[[int, int], None] | None = None
) -> tuple[list[tuple[Item, FaceSet]], list[Skipped]]:
    """Cuts every item; a file that cannot be read, or shows nobody, is listed and left out.

    Raises:
        TrainingError: nothing usable is left.
    """
    usable: list[tuple[Item, FaceSet]] = []
    skipped: list[Skipped] = []
    for number, item in enumerate(items, start=1):
        try:
            faces = cutter.cut(item)
        except (PipelineError, OSError, ValueError, cv2.error) as error:
            skipped.append(Skipped(item.path, str(error)))
        else:
            if len(faces):
                usable.append((item, faces))
            else:
                skipped.append(Skipped(item.path, "no face found"))
        if on_progress is not None:
            on_progress(number, len(items))
    if not usable:
        raise TrainingError(f"no usable face in {len(items)} files; the first: {skipped[0].path}: {skipped[0].why}")
    return usable, skipped


def _print_all(frames: Sequence[Frame], found: Sequence[Found], faces: FaceSet) -> Hash:
    """The hashes of the frames whose largest faces stand for the file; of the first where there is no face."""
    if not found:
        whole = [print_frame(frame.pixels, None, None) for frame in frames[:1]]
        return np.stack(whole or [np.zeros((4, 32), np.uint8)])
    return np.stack(
        [
            print_frame(found[place][1], faces.wide[place], faces.points_in_wide(place))
            for place in faces.printed.tolist()
        ]
    )
