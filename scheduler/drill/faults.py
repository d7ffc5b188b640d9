"""Does a fault of each kind to the installation; says whether it hit.

A fault that would hit a suspect which runs alone is not done: nobody could tell it from the suspect's own doing.
"""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from random import Random

import psutil

from db.errors import DatabaseUnavailableError
from db.history import locked_sqlite
from db.holders import Holding, read_clock, read_holdings
from scheduler.drill.crew import Crew
from scheduler.drill.installation import LEASE_S, Installation, Process, family_of, signal_all
from scheduler.drill.messages import Messages

FROZEN_LIMIT_S = 4 * LEASE_S
STOP_LIMIT_S = 40.0


class Spared(Exception):  # noqa: N818 - an outcome, not an error
    """Whoever the fault would have hit runs a suspect alone, or nobody is there to be hit."""


class Faults:
    """What can be done to an installation.

    Args:
        wait: lets so many seconds pass, in which the crew is looked after.
    """

    def __init__(
        self, installation: Installation, crew: Crew, messages: Messages, dice: Random, wait: Callable[[float], None]
    ) -> None:
        self._installation = installation
        self._crew = crew
        self._messages = messages
        self._dice = dice
        self._wait = wait
        self.taken_over: list[tuple[float, list[Holding]]] = []

    def do(self, kind: str) -> None:
        """One fault.

        Raises:
            Spared: it was not done.
        """
        fault: Callable[[], None] = getattr(self, f"_{kind}")
        fault()

    def _child_killed(self) -> None:
        with self._held_still(self._any_worker()) as (family, _):
            if len(family) < 2:
                raise Spared
            signal_all([self._dice.choice(family[1:])], signal.SIGKILL)

    def _worker_killed(self) -> None:
        worker = self._any_worker()
        with self._held_still(worker) as (family, held):
            worker.is_doomed = True
            signal_all(family[:1], signal.SIGKILL)
            self.taken_over.append((self._now(), held))

    def _worker_stopped(self) -> None:
        worker = self._any_worker()
        worker.is_doomed = True
        self._end(worker, signal.SIGTERM)

    def _worker_frozen(self) -> None:
        with self._held_still(self._any_worker(is_busy=True)) as (_, held):
            since_s = time.monotonic()
            while time.monotonic() - since_s < FROZEN_LIMIT_S:
                self._wait(0.5)
                now_held = {holding.scan_id: holding.token for holding in self._holdings()}
                if all(now_held.get(holding.scan_id) != holding.token for holding in held):
                    # Others have them, or had: what the frozen one writes now comes too late.
                    self._wait(self._dice.uniform(0, 2))
                    return
            raise Spared

    def _scheduler_killed(self) -> None:
        self._crew.scheduler.is_doomed = True
        self._end(self._crew.scheduler, signal.SIGKILL)
        self._wait(self._dice.uniform(0, 3))

    def _two_schedulers(self) -> None:
        self._crew.add_scheduler(self._shift() if self._dice.random() < 0.5 else 0.0)
        self._wait(self._dice.uniform(2, 6))
        self._crew.remove_second_scheduler(self._dice.choice([signal.SIGKILL, signal.SIGTERM]))

    def _command_killed(self) -> None:
        command = self._crew.submission
        if command is None or not command.is_running:
            command = self._crew.submit_again(self._dice)
        self._wait(self._dice.uniform(0.1, 4))
        if not command.is_running:
            raise Spared
        command.is_doomed = True
        self._end(command, signal.SIGKILL)

    def _clock_off(self) -> None:
        process = self._dice.choice([*self._crew.workers, self._crew.scheduler])
        process.is_doomed = True
        process.shift_s = self._shift()
        self._end(process, signal.SIGTERM)
        self._installation.start(process)

    def _broker_killed(self) -> None:
        if self._installation.valkey is not None:
            assert self._installation.valkey.process is not None  # noqa: S101 - for the type checker
            self._installation.valkey.process.kill()
            self._installation.valkey.process.wait()
            self._wait(self._dice.uniform(0, 2))
            self._installation.valkey.start()
            return
        self._embedded("valkey-server", "redis-server").kill()

    def _watchdog_killed(self) -> None:
        self._embedded("broker_watchdog").kill()

    def _broker_restarted(self) -> None:
        if self._installation.valkey is not None:
            self._installation.valkey.stop()
            self._wait(self._dice.uniform(0, 4))
            self._installation.valkey.start()
            return
        self._embedded("valkey-server", "redis-server").terminate()

    def _broker_frozen(self) -> None:
        server = self._installation.valkey
        if server is None:
            frozen = self._embedded("valkey-server", "redis-server")
        else:
            assert server.process is not None  # noqa: S101 - for the type checker
            frozen = psutil.Process(server.process.pid)
        signal_all([frozen], signal.SIGSTOP)
        try:
            self._wait(self._dice.uniform(1, 2 * LEASE_S))
        finally:
            signal_all([frozen], signal.SIGCONT)

    def _broker_emptied(self) -> None:
        self._messages.forget_all()

    def _messages_doubled(self) -> None:
        self._messages.send_again(self._dice)

    def _messages_forged(self) -> None:
        self._messages.forge(self._dice)

    def _sqlite_locked(self) -> None:
        with locked_sqlite(self._installation.settings.effective_database_url):
            self._wait(self._dice.uniform(0.5, 1.6 * LEASE_S))

    def _sqlite_read_only(self) -> None:
        try:
            self._allow_writing(0o444)
            self._wait(self._dice.uniform(0.5, LEASE_S))
        finally:
            # What was made meanwhile has the same rights as the file.
            self._allow_writing(0o644)

    def _postgresql_restarted(self) -> None:
        self._restart_postgresql(signal.SIGINT)

    def _postgresql_crashed(self) -> None:
        self._restart_postgresql(signal.SIGQUIT)

    def _restart_postgresql(self, number: int) -> None:
        server = self._installation.postgres
        assert server is not None  # noqa: S101 - for the type checker
        assert server.process is not None  # noqa: S101 - as above
        server.process.send_signal(number)
        server.process.wait(STOP_LIMIT_S)
        self._wait(self._dice.uniform(0, LEASE_S))
        server.start()

    def _allow_writing(self, mode: int) -> None:
        for path in self._installation.settings.home.glob("fakesweep.db*"):
            with suppress(FileNotFoundError):
                path.chmod(mode)

    def _any_worker(self, *, is_busy: bool = False) -> Process:
        alive = [worker for worker in self._crew.workers if worker.is_running]
        if is_busy:
            held_by = {holding.worker for holding in self._holdings()}
            alive = [worker for worker in alive if worker.worker_name in held_by]
        if not alive:
            raise Spared
        return self._dice.choice(alive)

    @contextmanager
    def _held_still(self, worker: Process) -> Iterator[tuple[list[psutil.Process], list[Holding]]]:
        """Freezes a worker, so that it claims nothing between the look and the blow.

        Raises:
            Spared: it runs a suspect alone.
        """
        family = family_of(worker.pid)
        signal_all(family, signal.SIGSTOP)
        try:
            # What it had sent to the database before may still be done there.
            time.sleep(0.1)
            held = [holding for holding in self._holdings() if holding.worker == worker.worker_name]
            if any(holding.runs_alone for holding in held):
                raise Spared
            yield family, held
        finally:
            signal_all(family, signal.SIGCONT)

    def _holdings(self) -> list[Holding]:
        try:
            with self._installation.database.read() as session:
                return read_holdings(session)
        except DatabaseUnavailableError as error:
            raise Spared from error

    def _now(self) -> float:
        with self._installation.database.read() as session:
            return read_clock(session)

    def _end(self, process: Process, number: int) -> None:
        """Signals a process and waits for its end; one that does not obey in time is a defect."""
        if process.popen is None:
            return
        with suppress(ProcessLookupError):
            process.popen.send_signal(number)
        try:
            process.popen.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._crew.complaints.append(f"{process.name} did not end within {STOP_LIMIT_S:g} s of signal {number}")
            process.popen.kill()
            process.popen.wait()

    def _shift(self) -> float:
        """Two minutes to an hour, either way."""
        return self._dice.choice([-1, 1]) * self._dice.uniform(120, 3600)

    def _embedded(self, *programs: str) -> psutil.Process:
        """The process of the embedded broker that runs one of these programs."""
        state = str(self._installation.settings.home / "broker")
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                line = process.cmdline()
                if (
                    line
                    and process.cwd() == state
                    and any(program in part for part in line[:4] for program in programs)
                ):
                    is_watchdog = any("broker_watchdog" in part for part in line)
                    if is_watchdog == ("broker_watchdog" in programs):
                        return process
        raise Spared
