"""Those who work in a drill: workers, a scheduler, and the command that submits; whoever ends is started again."""

import signal
from collections import Counter
from contextlib import suppress
from pathlib import Path
from random import Random

from scheduler.drill.installation import Installation, Process, module

_ENDS_OF_COMMANDS = (0, 3)
"""All was judged; or all ended, and some of it is poison."""


class Crew:
    """The processes of a drill.

    Args:
        workers: how many, of `concurrency` processes each.
        longest_s: how long the judging of an ordinary video takes at most.
    """

    def __init__(self, installation: Installation, *, workers: int, concurrency: int, longest_s: float) -> None:
        self._installation = installation
        judging = module("scheduler.drill.worker", str(concurrency), f"{longest_s:g}")
        self.workers = [Process(f"worker-{number}", judging) for number in range(1, workers + 1)]
        self.scheduler = Process("scheduler", module("cli.main", "scheduler"))
        self.second_scheduler: Process | None = None
        self.submission: Process | None = None
        self.complaints: list[str] = []
        self.ended_by_themselves: Counter[str] = Counter()
        self._waiting: list[Path] = []
        self._submitted: list[Path] = []
        self._under_way: Path | None = None

    @property
    def is_all_submitted(self) -> bool:
        """Whether nothing is left to be submitted, and nobody is at it."""
        return not self._waiting and self.submission is None

    @property
    def is_last_under_way(self) -> bool:
        """Whether the last folder is being submitted, and those before it are."""
        return self.submission is not None and self._waiting in ([], [self._under_way])

    def submit(self, folder: Path) -> None:
        """Has a folder submitted as soon as those before it are."""
        self._waiting.append(folder)

    def submit_again(self, dice: Random) -> Process:
        """A command that submits what was submitted before, or the next folder if none was."""
        if self.submission is None:
            folders = self._submitted or self._waiting
            self._start_submission(dice.choice(folders), is_scan=dice.random() < 0.5)
        assert self.submission is not None  # noqa: S101 - for the type checker
        return self.submission

    def look_after(self) -> None:
        """Starts again what has ended, and the next submission."""
        for process in (*self.workers, self.scheduler):
            if not process.is_running:
                self._note_end(process)
                self._installation.start(process)
        self._look_after_submission()

    def add_scheduler(self, shift_s: float) -> None:
        """A second one beside the first."""
        self.second_scheduler = Process("scheduler-2", module("cli.main", "scheduler"), shift_s)
        self._installation.start(self.second_scheduler)

    def remove_second_scheduler(self, number: int) -> None:
        """Ends it, by this signal."""
        if self.second_scheduler is not None and self.second_scheduler.popen is not None:
            with suppress(ProcessLookupError):
                self.second_scheduler.popen.send_signal(number)
            self.second_scheduler.popen.wait()
        self.second_scheduler = None

    def stop(self, *, limit_s: float) -> None:
        """Ends all in good order.

        Raises:
            subprocess.TimeoutExpired: one does not end.
        """
        running = [process for process in (*self.workers, self.scheduler) if process.is_running]
        for process in running:
            if process.popen is not None:
                process.popen.send_signal(signal.SIGTERM)
        for process in running:
            if process.popen is not None:
                process.popen.wait(limit_s)

    def _note_end(self, process: Process) -> None:
        # A poison video kills its worker by SIGKILL; all else is an end that nobody asked for.
        status = None if process.popen is None else process.popen.returncode
        if status is not None and not process.is_doomed and status != -signal.SIGKILL:
            self.ended_by_themselves[f"{process.name.partition('-')[0]} with status {status}"] += 1

    def _look_after_submission(self) -> None:
        if self.submission is None:
            if self._waiting:
                is_scan = len(self._submitted) % 4 == 3
                self._start_submission(self._waiting[0], is_scan=is_scan)
            return
        if self.submission.is_running or self._under_way is None:
            return
        status = 1 if self.submission.popen is None else self.submission.popen.returncode
        folder, was_doomed, self.submission = self._under_way, self.submission.is_doomed, None
        if status in _ENDS_OF_COMMANDS:
            if folder in self._waiting:
                self._waiting.remove(folder)
                self._submitted.append(folder)
        elif status not in (1, -signal.SIGKILL):
            self.complaints.append(f"a submission ended with status {status}, see the log of the command")
        elif status == 1 and not was_doomed:
            self.ended_by_themselves["submission with status 1"] += 1

    def _start_submission(self, folder: Path, *, is_scan: bool) -> None:
        """The command whose killing is a fault; the same command is given again until it has ended well."""
        what = ("scan", str(folder), "--workers", "0") if is_scan else ("submit", str(folder))
        self.submission = Process("command", module("cli.main", *what))
        self._under_way = folder
        self._installation.start(self.submission)
