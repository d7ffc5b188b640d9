"""Cuts faces out of pictures and videos with the worker's own detector and crop code, and keeps them on disk.

What is kept is named by the content's hash and by all that shapes a crop, so a changed file, detector or
preprocessing is cut anew and nothing else is.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.dataset import Item
from training.errors import TrainingError
from training.grouping import difference_hash
from worker.pipeline.decoding import decode_frames
from worker.pipeline.detector_file import DETECTOR_SHA256
from worker.pipeline.errors import PipelineError
from worker.pipeline.faces import FaceDetector, detect_in_picture
from worker.pipeline.ffmpeg import find_ffmpeg
from worker.pipeline.limits import Limits
from worker.pipeline.preprocessing import CROP_MARGIN, PREPROCESSING_VERSION, crop_face
from worker.pipeline.probe import probe_video
from worker.pipeline.results import Box, DetectedFace, Frame, Pixels
from worker.pipeline.sampling import plan_decode
from worker.pipeline.tracking import link_tracks, look_of

# Room for the augmentation to shift, turn and scale without running into an edge.
WIDE_MARGIN = 1.6
INPUT_SIZE_PX = 224
FRAMES = 16
_DETECTION = (FaceDetector.LONG_SIDE_PX, FaceDetector.FACTOR, FaceDetector.CONFIDENCE)
_FORMAT = 2


@dataclass(frozen=True)
class FaceSet:
    """The faces of one picture or video.

    Args:
        sha256: of the content.
        crops: (n, size, size, 3), RGB, uint8: exactly what a scan gives the network.
        wide: (n, wide size, wide size, 3): the same faces at the same scale with more around them.
        frames: (n,): the number of the sampled frame that each face was found in.
        detections: (n,): the detector's confidence, 0..1.
        boxes: (n, 4): x, y, width, height of each face in the decoded picture's pixels.
        times_s: (frames,): the presentation time of every sampled frame, with a face or without.
        thumbprint: difference hash of the picture, or of the video's first frame.
    """

    sha256: str
    crops: NDArray[np.uint8]
    wide: NDArray[np.uint8]
    frames: NDArray[np.int64]
    detections: NDArray[np.float64]
    boxes: NDArray[np.float64]
    times_s: NDArray[np.float64]
    thumbprint: NDArray[np.uint8]

    @property
    def largest(self) -> NDArray[np.int64]:
        """The place of each frame's largest face: the one that the label is about."""
        sides = self.boxes[:, 2:].max(axis=1)
        best: dict[int, int] = {}
        for place, frame in enumerate(self.frames.tolist()):
            if frame not in best or sides[place] > sides[best[frame]]:
                best[frame] = place
        return np.array(sorted(best.values()), np.int64)

    def tracks(self) -> list[int]:
        """The number of each face's person, by the worker's own rule."""
        places = [np.flatnonzero(self.frames == frame) for frame in range(len(self.times_s))]
        boxes = [[Box(*self.boxes[place].tolist()) for place in found] for found in places]
        looks = [[look_of(self.crops[place]) for place in found] for found in places]
        linked = link_tracks(list(zip(self.times_s.tolist(), boxes, strict=True)), looks=looks)
        return [track for tracks in linked for track in tracks]


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
        sha256 = hashlib.sha256(item.path.read_bytes()).hexdigest()
        kept = self._cache / f"{sha256}-{self._shape_of(item)}.npz"
        if kept.is_file():
            return _load(kept, sha256)
        is_image = item.kind == "image"
        frames = [Frame(0.0, _read_picture(item.path), 1.0)] if is_image else self._read_frames(item.path)
        faces = self._faces_of(item, sha256, frames)
        _save(kept, faces)
        return faces

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
        found: list[tuple[int, Pixels, DetectedFace]] = []
        for number, frame in enumerate(frames):
            is_image = item.kind == "image"
            detect = partial(detect_in_picture, self._detector) if is_image else self._detector.detect
            found += [(number, frame.pixels, face) for face in detect(frame.pixels)]
        size, wide = self._size_px, wide_size_px(self._size_px)
        crops = [crop_face(pixels, face.box, size_px=size, margin=CROP_MARGIN) for _, pixels, face in found]
        wides = [crop_face(pixels, face.box, size_px=wide, margin=WIDE_MARGIN) for _, pixels, face in found]
        boxes = [(face.box.x, face.box.y, face.box.w, face.box.h) for _, _, face in found]
        return FaceSet(
            sha256=sha256,
            crops=np.array(crops, np.uint8).reshape(-1, size, size, 3),
            wide=np.array(wides, np.uint8).reshape(-1, wide, wide, 3),
            frames=np.array([number for number, _, _ in found], np.int64),
            detections=np.array([face.detection for _, _, face in found], np.float64),
            boxes=np.array(boxes, np.float64).reshape(-1, 4),
            times_s=np.array([frame.t_s for frame in frames], np.float64),
            thumbprint=difference_hash(frames[0].pixels) if frames else np.zeros(32, np.uint8),
        )


def wide_size_px(size_px: int) -> int:
    """Side of the wide crop that shows a face at the scale of a `size_px` crop."""
    return round(size_px * WIDE_MARGIN / CROP_MARGIN)


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
        except (PipelineError, OSError, ValueError) as error:
            skipped.append(Skipped(item.path, str(error)))
        else:
            if len(faces.crops):
                usable.append((item, faces))
            else:
                skipped.append(Skipped(item.path, "no face found"))
        if on_progress is not None:
            on_progress(number, len(items))
    if not usable:
        raise TrainingError(f"no usable face in {len(items)} files; the first: {skipped[0].path}: {skipped[0].why}")
    return usable, skipped


def _read_picture(path: Path) -> Pixels:
    content = np.frombuffer(path.read_bytes(), np.uint8)
    # OpenCV answers damaged bytes with None, and no bytes at all with an error of its own.
    decoded = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    if decoded is None:
        raise ValueError("not a picture that can be decoded")
    return np.ascontiguousarray(np.asarray(decoded, np.uint8)[:, :, ::-1])


def _save(path: Path, faces: FaceSet) -> None:
    partial_path = path.with_suffix(".partial")
    arrays = {name: value for name, value in vars(faces).items() if name != "sha256"}
    with partial_path.open("wb") as file:
        np.savez(file, **arrays)
    partial_path.replace(path)


def _load(path: Path, sha256: str) -> FaceSet:
    with np.load(path, allow_pickle=False) as kept:
        return FaceSet(sha256=sha256, **{name: kept[name] for name in kept.files})
