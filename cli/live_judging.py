"""Loads what judging a live source needs, and judges it until it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cli.opening import bundle_in_use
from db.verdicts import single_threshold, thresholds_of
from worker.cores import usable_cores

if TYPE_CHECKING:
    from db.verdicts import Thresholds
    from worker.live import LiveFrame
    from worker.live_source import LiveSource
    from worker.settings import Settings


@contextmanager
def judged_live(
    source: LiveSource, settings: Settings, *, threshold: float | None = None
) -> Iterator[tuple[Iterator[LiveFrame], Thresholds]]:
    """The judged pictures of a source, as they come, and the thresholds; the source is read while the block lasts.

    Args:
        threshold: in place of both of the classifier's.

    Raises:
        BundleError: the classifier or the detector is missing or altered.
    """
    from worker.live import watch_live
    from worker.live_source import LatestFrame
    from worker.pipeline.classifier import load_classifier
    from worker.pipeline.ffmpeg import find_ffmpeg
    from worker.resources import load_detector

    threads = usable_cores()
    classifier = load_classifier(
        bundle_in_use(settings), device=settings.device, threads=threads, precision=settings.precision
    )
    detector = load_detector(settings, threads=threads)
    limits = thresholds_of(classifier.manifest.to_json(), "mean") if threshold is None else single_threshold(threshold)
    with LatestFrame(source, ffmpeg=find_ffmpeg(settings.ffmpeg)) as latest:
        frames = watch_live(
            latest,
            detector=detector,
            classifier=classifier,
            real_below=limits.real_below,
            fake_from=limits.fake_from,
        )
        yield frames, limits
