"""The worker that a scan starts on this machine, for as long as the scan needs it."""

from __future__ import annotations

from types import TracebackType

import click

from scheduler.local_workers import LocalWorker, LocalWorkerError
from worker.app import QUEUES
from worker.cores import usable_cores
from worker.pipeline.open_files import require_open_files
from worker.safe_text import safe_text
from worker.settings import Settings

# One that ends again and again has a cause that another start does not cure.
MOST_RESTARTS = 3


class LocalCrew:
    """A context in which a worker can be started; at its end the worker is stopped.

    Args:
        most: videos at once, None for the settings' number or one per core, 0 to start no worker.
    """

    def __init__(self, settings: Settings, *, most: int | None) -> None:
        self._settings = settings
        self._most = settings.concurrency or usable_cores() if most is None else most
        self._worker: LocalWorker | None = None
        self._restarts = 0

    def start(self, *, for_videos: int) -> None:
        """Starts the worker, with no more processes than there are videos; once it runs, does nothing.

        Raises:
            PipelineError: the face detector, ffmpeg or the hardware decoder that is set is missing here, or too few
                files may be opened, so that no video could be judged.
        """
        concurrency = min(self._most, for_videos)
        if self._worker is not None or concurrency == 0:
            return
        require_open_files(concurrency)
        self._worker = LocalWorker(self._settings, concurrency=concurrency, queues=QUEUES)
        self._worker.start()
        _refuse_missing_parts(self._settings)

    def check(self) -> None:
        """Starts the worker again where it has ended by itself.

        Raises:
            LocalWorkerError: it ended for the fourth time.
        """
        if self._worker is None:
            return
        try:
            self._worker.check()
        except LocalWorkerError as error:
            self._restarts += 1
            if self._restarts > MOST_RESTARTS:
                raise
            click.echo(safe_text(f"Note: {error}; starting it again."), err=True)
            self._worker.stop()
            self._worker.start()

    def __enter__(self) -> LocalCrew:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._worker is not None:
            self._worker.stop()


def _refuse_missing_parts(settings: Settings) -> None:
    from worker.pipeline.detector_file import find_detector
    from worker.pipeline.ffmpeg import find_ffmpeg
    from worker.pipeline.hardware_check import require_method

    find_detector()
    require_method(find_ffmpeg(settings.ffmpeg), settings.hwaccel)
