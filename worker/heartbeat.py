"""Keeps a scan's lease while it runs, whatever the pipeline is doing, and hears when it shall stop.

A thread beside the judging renews the lease and writes the progress; the pipeline looks between frames whether
to stop. What hangs in native code never looks, so past its time the thread ends the whole process.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Literal

from db.errors import DatabaseError
from db.leases import Claim, note_evidence, renew_lease
from worker.last_words import LastWords
from worker.pipeline.ffmpeg_process import forget_said
from worker.processes import end_this_process
from worker.settings import Settings
from worker.storage import Storage

StopReason = Literal["cancel", "lost", "hand_back"]

_log = logging.getLogger(__name__)

# How often the thread looks around; and how often at most it writes progress, for those who watch.
TICK_S = 0.25
PROGRESS_S = 1.0
# The pipeline ends a scan at its time limit itself; a process that is still at it so much later hangs.
HANG_SLACK_S = 60.0


class Heartbeat:
    """The signs of life of one claimed scan; a context that lasts until its outcome is saved.

    Args:
        should_hand_back: whether the worker stops and wants its scans given back now.
        hang_slack_s: how long past its time limit a scan is left alone.
    """

    def __init__(
        self,
        claim: Claim,
        storage: Storage,
        settings: Settings,
        last_words: LastWords,
        *,
        should_hand_back: Callable[[], bool],
        hang_slack_s: float = HANG_SLACK_S,
    ) -> None:
        self.stop_reason: StopReason | None = None
        self._claim = claim
        self._storage = storage
        self._settings = settings
        self._last_words = last_words
        self._should_hand_back = should_hand_back
        self._hang_s = settings.time_limit_s + hang_slack_s
        self._stage: str | None = None
        self._progress = 0.0
        self._is_judged = False
        self._is_over = False
        self._started_s = time.monotonic()
        self._written_s = self._started_s
        self._written: tuple[str | None, float] = (None, 0.0)

    def report(self, stage: str, progress: float) -> None:
        """Notes where the judging stands; `progress` from 0 to 1."""
        is_new_stage = stage != self._stage
        self._stage, self._progress = stage, progress
        if is_new_stage:
            # At once: a video that kills the process in this stage may do so before the thread looks.
            self._last_words.write(self._claim, stage=stage, progress=progress)

    def should_stop(self) -> bool:
        """Whether the judging shall end now, for a reason in `stop_reason`."""
        return self.stop_reason is not None

    def judged(self) -> None:
        """The judging is done: what follows is only the saving, which may take as long as it takes."""
        self._is_judged = True

    def __enter__(self) -> "Heartbeat":
        forget_said()
        self._last_words.write(self._claim, stage=None, progress=0.0)
        try:
            _Pulse.of_process().follow(self)
        except BaseException:
            # No thread is to be had: what was not begun leaves no words.
            self._last_words.erase()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over = True
        _Pulse.of_process().leave(self)
        self._last_words.erase()

    def look_around(self) -> None:
        """Does what is due by now; called by the thread, every `TICK_S`."""
        for duty in (self._hear_of_stopping, self._end_where_hanging, self._beat_where_due):
            try:
                duty()
            except Exception:  # noqa: BLE001 - a defect at one must not leave this scan, or the later ones, without a lease
                _log.exception("the heartbeat failed, going on")

    def _hear_of_stopping(self) -> None:
        if self.stop_reason is None and self._should_hand_back():
            self.stop_reason = "hand_back"

    def _end_where_hanging(self) -> None:
        if not self._is_judged and time.monotonic() - self._started_s > self._hang_s:
            self._end_hanging_process()

    def _beat_where_due(self) -> None:
        if self._is_due():
            self._beat()

    def _is_due(self) -> bool:
        waited_s = time.monotonic() - self._written_s
        if waited_s >= self._settings.heartbeat_s:
            return True
        return waited_s >= PROGRESS_S and (self._stage, self._progress) != self._written

    def _beat(self) -> None:
        stage, progress = self._stage, self._progress
        # Also after a failure: a database in trouble is asked no more often than one in health.
        self._written_s, self._written = time.monotonic(), (stage, progress)
        self._last_words.write(self._claim, stage=stage, progress=progress)
        try:
            renewal = self._storage.attempt(
                lambda session: renew_lease(
                    session,
                    self._claim.scan_id,
                    self._claim.token,
                    lease_s=self._settings.lease_s,
                    stage=stage,
                    progress=progress,
                )
            )
        except DatabaseError as error:
            # The judging goes on: whether the scan is still ours is seen when its outcome is saved.
            _log.warning("the lease was not renewed, trying again: %s", error)
            return
        if renewal != "held" and not self._is_over and not self._is_judged:
            _log.info("the scan is to stop: %s", renewal)
            self.stop_reason = renewal

    def _end_hanging_process(self) -> None:
        evidence = {"hang": f"no end {self._hang_s:g} s after its start, in stage {self._stage or 'start'}"}
        _log.error("ending this process: %s", evidence["hang"])
        try:
            self._storage.attempt(
                lambda session: note_evidence(session, self._claim.scan_id, self._claim.token, evidence)
            )
        except DatabaseError as error:
            _log.warning("no evidence could be left: %s", error)
        finally:
            end_this_process()


class _Pulse:
    """The thread that looks after the scans of this process; to start and end one for each costs as much as a claim."""

    _made: "_Pulse | None" = None

    def __init__(self) -> None:
        self._followed: set[Heartbeat] = set()
        # Held while the thread looks, so that who has left is not looked after any more.
        self._looking = threading.Lock()
        threading.Thread(target=self._run, name="heartbeat", daemon=True).start()

    @classmethod
    def of_process(cls) -> "_Pulse":
        if cls._made is None:
            cls._made = cls()
        return cls._made

    @classmethod
    def forget(cls) -> None:
        """A forked child has no thread but the one that forked."""
        cls._made = None

    def follow(self, heartbeat: Heartbeat) -> None:
        with self._looking:
            self._followed.add(heartbeat)

    def leave(self, heartbeat: Heartbeat) -> None:
        """Returns when the thread has done what it was at."""
        with self._looking:
            self._followed.discard(heartbeat)

    def _run(self) -> None:
        while True:
            time.sleep(TICK_S)
            with self._looking:
                for heartbeat in self._followed:
                    heartbeat.look_around()


os.register_at_fork(after_in_child=_Pulse.forget)
