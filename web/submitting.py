"""Submits files for people: answers as soon as the batch has begun, and reads the files meanwhile."""

import logging
import queue
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from db.session import Database
from scheduler.submission import NothingToScanError, SubmitOptions, submit
from web.doors import Doors
from web.problems import ProblemError
from web.shapes.submitting import JudgingOptions
from worker.pipeline.errors import PipelineError

logger = logging.getLogger(__name__)

# Submissions read disks: more at once would only make each of them slower.
_AT_ONCE = 2
_BEGINS_WITHIN_S = 20.0
_FRAMES = {"fast": 8, "standard": 16, "thorough": 32}


@dataclass(frozen=True)
class Submitter:
    """Submissions under way in this process."""

    database: Database
    doors: Doors
    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="submits")
    )

    def begin(self, paths: Sequence[bytes], name: str | None, asked: JudgingOptions) -> int:
        """Begins a batch; returns its id while its files are still being read.

        Raises:
            ProblemError: nothing to submit, nobody to judge, or too much to do.
        """
        options = options_of(asked)
        if self.doors.choose_classifier is None:
            raise ProblemError(503, "this server takes no submissions: start it with `fakesweep serve`")
        try:
            classifier_id = self.doors.choose_classifier()
        except PipelineError as error:
            raise ProblemError(503, str(error)) from error
        begun: queue.Queue[int | BaseException] = queue.Queue()
        self._threads.submit(self._submit, paths, name, options, classifier_id, begun)
        try:
            first = begun.get(timeout=_BEGINS_WITHIN_S)
        except queue.Empty:
            raise ProblemError(
                503,
                "other submissions are still being read: look into the list of batches later",
                headers={"Retry-After": "30"},
            ) from None
        if isinstance(first, NothingToScanError):
            raise ProblemError(422, str(first))
        if isinstance(first, BaseException):
            raise first
        return first

    def close(self) -> None:
        """Waits for no submission; what was written stays."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _submit(
        self,
        paths: Sequence[bytes],
        name: str | None,
        options: SubmitOptions,
        classifier_id: int,
        begun: "queue.Queue[int | BaseException]",
    ) -> None:
        try:
            submit(
                self.database,
                paths,
                name=name,
                options=options,
                classifier_id=classifier_id,
                on_begin=begun.put,
                on_progress=lambda _: self.doors.send_waiting(),
            )
            self.doors.send_waiting()
        except BaseException as error:
            begun.put(error)
            if not isinstance(error, NothingToScanError):
                logger.exception("a submission broke off")


def options_of(asked: JudgingOptions) -> SubmitOptions:
    """The options of a submission.

    Raises:
        ProblemError: they contradict each other.
    """
    frames = asked.frames or _FRAMES[asked.preset]
    if frames > asked.max_frames:
        raise ProblemError(422, f"frames {frames} is more than max_frames {asked.max_frames}: raise max_frames")
    return SubmitOptions(
        preset="custom" if asked.frames else asked.preset,
        frames=frames,
        max_frames=asked.max_frames,
        aggregate=asked.aggregate,
        priority=asked.priority,
        force=asked.force,
    )
