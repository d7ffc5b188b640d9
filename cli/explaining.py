"""Explains stored verdicts: finds the video and its classifier again, and has the faces that score highest drawn."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.explanation_files import LAST_LAYER, path_of
from cli.rendering.names import display_name
from cli.rendering.units import counted
from worker.safe_text import safe_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from db.session import Database
    from worker.pipeline.explaining import ExplainedFace, HeatMaker, JudgedFace
    from worker.settings import Settings

SAME_SCORE = 0.005
"""Scores that differ by more were not found by the same arithmetic."""

_NOT_JUDGED = {
    "no_face": "no face was found in it: there is nothing to explain",
    "queued": "it was not judged yet: see `fakesweep status`",
    "running": "it is being judged: try again when it is done",
}


def explain_stored(
    database: Database, video: Mapping[str, Any], wanted: str, *, settings: Settings, count: int, layer: str | None
) -> tuple[list[ExplainedFace], str]:
    """The faces of a video that score highest, with heat maps by the classifier that judged them.

    Args:
        video: of `read_video`, with its frames.
        wanted: how the person named it, which may be a path of the same content.
        count: faces at most.
        layer: of the Keras network, for Grad-CAM there; None for the exported network's own map.

    Returns:
        The faces, highest first, and what to tell about them; the latter is empty where all is as it was.

    Raises:
        click.ClickException: it was not judged, or its file is gone or holds something else now.
        PipelineError: the classifier is gone or altered, or the file cannot be decoded.
    """
    from worker.judging import limits_of
    from worker.pipeline.classifier import load_classifier
    from worker.pipeline.explaining import choose_faces, explain_video
    from worker.pipeline.ffmpeg import find_ffmpeg
    from worker.pipeline.scan import ScanOptions

    _require_judged(video)
    bundle = _bundle_of(database, video, settings)
    path = _find_content(video, wanted)
    # On the processor whatever the machine has: there heat maps need no TensorFlow.
    classifier = load_classifier(bundle, device="cpu")
    options = ScanOptions(frames=video["options"]["frames"], max_frames=video["options"]["max_frames"])
    chosen = choose_faces(list(_stored_faces(video)), count)
    explained = explain_video(
        path,
        chosen,
        options=options,
        classifier=classifier,
        ffmpeg=find_ffmpeg(settings.ffmpeg),
        limits=limits_of(settings),
        make_heat=None if layer is None else grad_cam_at(bundle, layer),
    )
    if not explained:
        raise click.ClickException(
            "not one of the moments that were judged was decoded again: scan it again with `fakesweep scan --force`"
        )
    return explained, _differences(chosen, explained)


def grad_cam_at(bundle: Path, layer: str) -> HeatMaker:
    """Heat maps by the gradients at a layer of the bundle's Keras network.

    Raises:
        TrainingError: the network cannot be read.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from training.explain import grad_cam, load_network

    network = load_network(bundle)
    name = None if layer == LAST_LAYER else layer
    return lambda crops: grad_cam(network, crops, layer=name, is_signed=True)


def _require_judged(video: Mapping[str, Any]) -> None:
    state = video["state"]
    if state != "judged":
        why = _NOT_JUDGED.get(state) or f"it was not judged ({state}, {video.get('reason') or 'no reason'})"
        raise click.ClickException(f"{safe_text(video['path'])}: {why}")


def _bundle_of(database: Database, video: Mapping[str, Any], settings: Settings) -> Path:
    from db.registry import find_classifier
    from worker.resources import find_bundle

    sha256 = video["classifier"]["sha256"]
    with database.read() as session:
        registered = find_classifier(session, sha256)
    return find_bundle(sha256, Path("" if registered is None else registered.path), settings)


def _find_content(video: Mapping[str, Any], wanted: str) -> bytes:
    """A path at which the judged content lies now, byte for byte."""
    refusals = []
    for path in _candidates(video, wanted):
        refusal = _refuse_content(path, video)
        if refusal is None:
            return path
        refusals.append(f"  {display_name(path)}: {refusal}")
    lines = [f"the video that was judged (sha256 {video['sha256'][:12]}) is not where it was:", *refusals]
    raise click.ClickException("\n".join([*lines, "put it back, or run `fakesweep scan` where it lies now"]))


def _refuse_content(path: bytes, video: Mapping[str, Any]) -> str | None:
    """Why a file is not the content that was judged; None where it is."""
    from scheduler.hashing import Unread, read_content, stamp_file

    stamp = stamp_file(path)
    if isinstance(stamp, Unread):
        return f"{stamp.reason.value}: {stamp.detail}"
    if stamp.size_bytes == video["size_bytes"]:
        content = read_content(path)
        if isinstance(content, Unread):
            return f"{content.reason.value}: {content.detail}"
        if content.sha256 == video["sha256"]:
            return None
    return "it holds another content now"


def _candidates(video: Mapping[str, Any], wanted: str) -> list[bytes]:
    named = os.fsencode(wanted)
    first = [os.path.abspath(named)] if os.path.isfile(named) else []  # noqa: PTH100, PTH113 - bytes
    return list(dict.fromkeys([*first, path_of(video), *(path_of(known) for known in video["paths"])]))


def _stored_faces(video: Mapping[str, Any]) -> Iterator[JudgedFace]:
    from worker.pipeline.explaining import JudgedFace
    from worker.pipeline.results import Box

    for frame in video["frames"]:
        for face in frame["faces"]:
            yield JudgedFace(frame["t_s"], Box(*face["box_px"]), face["track"], face["score"])


def _differences(chosen: Sequence[JudgedFace], explained: Sequence[ExplainedFace]) -> str:
    told = []
    missing = len(chosen) - len(explained)
    if missing:
        told.append(f"{counted(missing, 'face')} of {len(chosen)} left out: the moment was not decoded again")
    gap = max(abs(face.score - face.judged.score) for face in explained)
    if gap > SAME_SCORE:
        told.append(f"scores differ by up to {gap:.3f} from those of the scan, which decoded or computed otherwise")
    return "; ".join(told)
