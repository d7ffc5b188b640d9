"""Shows what spoke for fake in judged faces: the same frames again, the same crops, and their heat maps."""

import contextlib
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.classifier import Classifier
from worker.pipeline.decoding import decode_frames
from worker.pipeline.errors import BundleError
from worker.pipeline.explained_face import ExplainedFace, JudgedFace
from worker.pipeline.heat import HEAT_SPAN, measure_heat_span
from worker.pipeline.limits import Limits
from worker.pipeline.opening import VideoPath
from worker.pipeline.preprocessing import crop_face
from worker.pipeline.probe import probe_video
from worker.pipeline.results import Frame, Pixels
from worker.pipeline.sampling import plan_decode
from worker.pipeline.scan import ScanOptions

__all__ = ["ExplainedFace", "HeatMaker", "JudgedFace", "choose_faces", "explain_picture", "explain_video"]

HeatMaker = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""Crops (n, size, size, 3) as `crop_face` cuts them, to heat maps (n, height, width) in logits."""

SAME_MOMENT_S = 0.001
"""Times are stored as they were decoded; only the way through a database may round them."""

_DEFAULT_LIMITS = Limits()


def choose_faces(faces: Sequence[JudgedFace], count: int) -> list[JudgedFace]:
    """The faces with the highest scores, highest first; of equal ones the earlier."""
    return sorted(faces, key=lambda face: (-face.score, face.t_s or 0.0))[:count]


def explain_video(
    path: VideoPath,
    faces: Sequence[JudgedFace],
    *,
    options: ScanOptions,
    classifier: Classifier,
    ffmpeg: Path,
    limits: Limits = _DEFAULT_LIMITS,
    make_heat: HeatMaker | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[ExplainedFace]:
    """Decode a judged video again and judge these faces again, with their heat maps.

    The frames are reached by the same plan as in the scan, and the faces are cut where they were found then.

    Args:
        path: of the video; the caller knows that its content is the one that was judged.
        faces: of that scan, as chosen.
        options: of that scan.
        classifier: of that scan.
        ffmpeg: the binary that decodes.
        limits: what the video may cost.
        make_heat: another way to heat maps, such as Grad-CAM; None takes the classifier's own.
        should_stop: asked a few times a second while decoding.

    Returns:
        One for each face whose frame was decoded again, in the order of `faces`.

    Raises:
        UnreadableVideoError: the video cannot be decoded.
        TransientError: the machine could not.
        BundleError: the classifier gives no heat maps.
    """
    facts = probe_video(path, limits=limits)
    plan = plan_decode(facts, frames=options.frames, max_frames=options.max_frames)
    frames = decode_frames(path, facts, plan, ffmpeg=ffmpeg, limits=limits, should_stop=should_stop)
    explained: dict[JudgedFace, ExplainedFace] = {}
    for frame, found in _frames_of_faces(frames, faces):
        explained |= _explain(frame, found, classifier, calibration="face", make_heat=make_heat)
    return _scaled([explained[face] for face in faces if face in explained], is_own=make_heat is None)


def explain_picture(
    pixels: Pixels, faces: Sequence[JudgedFace], *, classifier: Classifier, make_heat: HeatMaker | None = None
) -> list[ExplainedFace]:
    """The same for the faces of a still picture, (height, width, 3), RGB, uint8.

    Raises:
        BundleError: the classifier gives no heat maps.
    """
    frame = Frame(0.0, pixels, 1.0)
    explained = _explain(frame, faces, classifier, calibration="image", make_heat=make_heat)
    return _scaled([explained[face] for face in faces], is_own=make_heat is None)


def _scaled(faces: list[ExplainedFace], *, is_own: bool) -> list[ExplainedFace]:
    """The faces on a scale that fits their maps, where those are not the classifier's own."""
    if is_own or not faces:
        return faces
    span = measure_heat_span(np.concatenate([face.heat_map.ravel() for face in faces]))
    return [replace(face, span=span) for face in faces]


def _frames_of_faces(
    frames: Iterator[Frame], faces: Sequence[JudgedFace]
) -> Generator[tuple[Frame, list[JudgedFace]], None, None]:
    """The frames in which there are faces, with those; decoding ends with the last of them."""
    waiting: Mapping[float, list[JudgedFace]] = _by_moment(faces)
    last_s = max(waiting, default=-1.0)
    with contextlib.closing(_as_generator(frames)) as decoded:
        for frame in decoded:
            found = [face for t_s, those in waiting.items() if abs(t_s - frame.t_s) <= SAME_MOMENT_S for face in those]
            if found:
                yield frame, found
            if frame.t_s >= last_s - SAME_MOMENT_S:
                return


def _by_moment(faces: Sequence[JudgedFace]) -> dict[float, list[JudgedFace]]:
    found: dict[float, list[JudgedFace]] = defaultdict(list)
    for face in faces:
        found[face.t_s or 0.0].append(face)
    return found


def _as_generator(frames: Iterator[Frame]) -> Generator[Frame, None, None]:
    yield from frames


def _explain(
    frame: Frame,
    faces: Sequence[JudgedFace],
    classifier: Classifier,
    *,
    calibration: Literal["face", "image"],
    make_heat: HeatMaker | None,
) -> dict[JudgedFace, ExplainedFace]:
    if not faces:
        return {}
    manifest = classifier.manifest
    boxes = [face.box.scaled(1 / frame.scale) for face in faces]
    size_px, margin = manifest.input_size_px, manifest.crop_margin
    crops = np.stack([crop_face(frame.pixels, box, size_px=size_px, margin=margin) for box in boxes])
    judgement = classifier.judge(crops)
    heat_maps = judgement.heat_maps if make_heat is None else make_heat(crops)
    if heat_maps is None:
        raise BundleError(
            f"the classifier {manifest.name} {manifest.version} gives no heat maps: its network has a logit alone; "
            "train it again with `fakesweep train`, or ask for Grad-CAM"
        )
    calibrate, span = manifest.calibration[calibration].apply, manifest.heat_span or HEAT_SPAN
    return {
        face: ExplainedFace(face, logit, calibrate(logit), heat_map, frame, margin, span)
        for face, logit, heat_map in zip(faces, judgement.logits.tolist(), heat_maps, strict=True)
    }
