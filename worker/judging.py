"""Judges a claimed video: the file, the networks and the limits go into the pipeline, what it found comes out."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from db.leases import Claim
from worker.content import check_content
from worker.evidence import MOST_FACES
from worker.heartbeat import Heartbeat
from worker.pipeline.inference import is_out_of_memory
from worker.pipeline.limits import Limits
from worker.pipeline.results import ScanResult
from worker.resources import forget_resources, resources_of_process
from worker.settings import Settings


def make_judge(settings: Settings, *, host: Path | None = None) -> Callable[[Claim, Heartbeat], ScanResult]:
    """The judge of a worker with these settings.

    Args:
        host: the socket of the worker's network host, where it has one.
    """

    def judge(claim: Claim, heartbeat: Heartbeat) -> ScanResult:
        # Here, not at the top: it loads the network engines, which the worker's main process never needs.
        from worker.pipeline.scan import ScanOptions, scan_video  # noqa: PLC0415 - see above

        check_content(claim, should_stop=heartbeat.should_stop)
        resources = resources_of_process(settings, host=host)
        kept_faces = MOST_FACES if settings.is_evidence_kept else 0
        try:
            return scan_video(
                claim.path,
                options=ScanOptions(frames=claim.frames, max_frames=claim.max_frames, kept_faces=kept_faces),
                detector=resources.detector,
                classifier=resources.classifier_of(claim),
                ffmpeg=resources.ffmpeg,
                limits=limits_of(settings),
                report=heartbeat.report,
                should_stop=heartbeat.should_stop,
            )
        except Exception as error:
            if is_out_of_memory(error):
                forget_resources()
            raise

    return judge


def limits_of(settings: Settings) -> Limits:
    """What one video may cost, whether its decoder is locked in and which it is, as the operator set it."""
    return replace(
        Limits(), time_limit_s=settings.time_limit_s, is_confined=settings.is_sandboxed, hwaccel=settings.hwaccel
    )
