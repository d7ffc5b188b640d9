"""The private installation that a drill hurts: its servers, its settings, its processes, in a folder of its own."""

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import psutil

from db.history import keep_history
from db.schema import upgrade_database
from db.session import Database, open_database
from scheduler.drill.servers import PostgresServer, ValkeyServer, wait_until
from worker.broker_watchdog import WATCHDOG_LOCK, end_with_parent
from worker.file_locks import is_free
from worker.settings import Settings, read_settings

LEASE_S = 5.0
"""A quarter of the usual times, in the same proportions: what takes minutes then takes one."""

_TIMES = {"LEASE_S": f"{LEASE_S:g}", "HEARTBEAT_S": "1.25", "SWEEP_S": "1.25", "GRACE_S": "2", "TIME_LIMIT_S": "120"}
BROKER_ENDS_WITHIN_S = 20.0
_PR_CAPBSET_DROP = 24
_CAP_DAC_OVERRIDE = 1


@dataclass
class Process:
    """A program of the installation that ought to run, and is started again where it has ended.

    Args:
        shift_s: by how much its clock is off.
    """

    name: str
    command: Sequence[str]
    shift_s: float = 0.0
    popen: "subprocess.Popen[bytes] | None" = None
    # Deaths that the drill caused or asked for.
    is_doomed: bool = False

    @property
    def pid(self) -> int:
        """Of the present run."""
        return self.popen.pid if self.popen is not None else 0

    @property
    def worker_name(self) -> str:
        """What the database calls a worker of this process."""
        return f"{socket.gethostname()}-{self.pid}"[:200]

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self.popen is not None and self.popen.poll() is None


@dataclass
class Installation:
    """A context with everything that a drill needs, gone at its end.

    Args:
        folder: its own, with a short path, readable by everybody.
        database_url: of a scratch database; None for SQLite, or for the PostgreSQL that is ours.
        postgresql: whether a PostgreSQL of its own is started.
        cluster: whether the broker is a server of its own, not the embedded one.
    """

    folder: Path
    cluster: bool
    postgresql: bool
    database_url: str | None = None
    environ: dict[str, str] = field(default_factory=dict)
    postgres: PostgresServer | None = None
    valkey: ValkeyServer | None = None
    _ends: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> "Installation":
        with ExitStack() as starting:
            self._start_servers(starting)
            self.environ = self._environment()
            self.settings: Settings = read_settings(self.environ)
            self.database: Database = open_database(self.settings.effective_database_url)
            starting.callback(self.database.dispose)
            upgrade_database(self.database)
            keep_history(self.database)
            self._ends = starting.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        watchdog = self.settings.home / "broker" / WATCHDOG_LOCK
        if watchdog.exists():
            # The embedded broker's last user is gone; it writes its file to the end before it ends.
            with suppress(TimeoutError):
                wait_until(lambda: is_free(watchdog), timeout_s=BROKER_ENDS_WITHIN_S)
        self._remove_socket_directory()
        self._ends.close()

    def _remove_socket_directory(self) -> None:
        """A watchdog that was killed, as a drill does it, cannot remove its directory any more."""
        with suppress(OSError, ValueError, KeyError):
            socket_path = json.loads((self.settings.home / "broker" / "broker.json").read_text())["socket"]
            shutil.rmtree(Path(socket_path).parent, ignore_errors=True)

    @property
    def log(self) -> Path:
        """Where every process writes."""
        return self.folder / "log"

    def log_of(self, process: Process) -> Path:
        """Where this program writes."""
        return self.log / f"{process.name}.log"

    def start(self, process: Process) -> None:
        """Starts a program anew."""
        shift = ["-m", "scheduler.drill.shifted", f"{process.shift_s:g}", *process.command[1:]]
        arguments = shift if process.shift_s else list(process.command)
        with self._opened_log(process) as log:
            process.popen = subprocess.Popen(
                [sys.executable, "-P", *arguments],
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # So that Ctrl-C reaches the drill alone, which then ends all in good order.
                start_new_session=True,
                preexec_fn=obey_permissions(),  # noqa: PLW1509 - the drill has no threads
            )
        process.is_doomed = False

    def processes(self) -> list[psutil.Process]:
        """Everything that runs on this installation's home, the servers that we run ourselves left out."""
        return [process for process in psutil.process_iter() if _home_of(process) == self.environ["FAKESWEEP_HOME"]]

    def end_everything(self) -> None:
        """SIGKILL for whatever is left."""
        for process in self.processes():
            with suppress(psutil.Error):
                if process.pid != os.getpid():
                    process.kill()

    def _opened_log(self, process: Process) -> BinaryIO:
        self.log.mkdir(exist_ok=True)
        return self.log_of(process).open("ab")

    def _start_servers(self, ends: ExitStack) -> None:
        if self.postgresql:
            (self.folder / "pg").mkdir()
            self.postgres = PostgresServer(self.folder / "pg")
            ends.callback(self.postgres.stop)
            self.postgres.start()
            self.database_url = self.postgres.create_database()
        if self.cluster:
            (self.folder / "valkey").mkdir()
            self.valkey = ValkeyServer(self.folder / "valkey")
            ends.callback(self.valkey.stop)
            self.valkey.start()

    def _environment(self) -> dict[str, str]:
        """Ours, with what is the operator's own choice; where things are kept, and the times, are the drill's."""
        kept = ("FAKESWEEP_FFMPEG", "FAKESWEEP_SANDBOX", "FAKESWEEP_CLASSIFIER", "FAKESWEEP_DEVICE")
        environ = {name: value for name, value in os.environ.items() if not name.startswith("FAKESWEEP_")}
        environ |= {name: os.environ[name] for name in kept if name in os.environ}
        environ |= {f"FAKESWEEP_{name}": value for name, value in _TIMES.items()}
        (self.folder / "tmp").mkdir()
        environ |= {"FAKESWEEP_HOME": str(self.folder / "home"), "TMPDIR": str(self.folder / "tmp")}
        # A directory of the user's would be shared with the embedded broker that serves in earnest.
        environ |= {"XDG_RUNTIME_DIR": str(self.folder / "tmp")}
        if self.database_url is not None:
            environ["FAKESWEEP_DATABASE_URL"] = self.database_url
        if self.valkey is not None:
            environ["FAKESWEEP_BROKER_URL"] = self.valkey.url
        return environ


def module(name: str, *arguments: str) -> list[str]:
    """The command that runs a module of ours."""
    return ["-m", name, *arguments]


def family_of(pid: int) -> list[psutil.Process]:
    """A worker's main process and those of its pool, the main one first; empty where it is gone."""
    try:
        main = psutil.Process(pid)
        # What it may have started beside them, such as the broker's watchdog, is not its family.
        return [main, *(child for child in main.children() if child.cmdline() == main.cmdline())]
    except psutil.Error:
        return []


def signal_all(processes: Sequence[psutil.Process], number: int) -> None:
    """Signals each that still lives."""
    for process in processes:
        with suppress(psutil.Error, ProcessLookupError):
            process.send_signal(number)


def can_be_refused_writing() -> bool:
    """Whether taking away the right to write has any effect on programs that a drill starts."""
    if os.geteuid() != 0:
        return True
    if sys.platform != "linux":
        return False
    probe = "import os, sys; os.chmod(sys.argv[1], 0o444); open(sys.argv[1], 'ab')"
    with suppress(OSError):
        return _fails(probe, preexec=obey_permissions())
    return False


def obey_permissions() -> Callable[[], None]:
    """A function for the child between fork and exec: permissions count for it even where it is root's.

    On Linux alone, where it also dies with its parent.
    """
    end_too = end_with_parent(signal.SIGKILL)
    set_option = getattr(ctypes.CDLL(None), "prctl", None)

    def request() -> None:
        if set_option is not None:
            # A file that is read-only is so for root as well; what we may not drop, we keep.
            set_option(_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, 0, 0, 0)
            end_too()

    return request


def _fails(code: str, *, preexec: Callable[[], None]) -> bool:
    import tempfile  # noqa: PLC0415 - once in a drill

    with tempfile.NamedTemporaryFile() as file:
        ended = subprocess.run(
            [sys.executable, "-I", "-S", "-c", code, file.name],
            check=False,
            capture_output=True,
            preexec_fn=preexec,
        )
    return ended.returncode != 0


def _home_of(process: psutil.Process) -> str | None:
    try:
        environ: Mapping[str, str] = process.environ()
    except (psutil.Error, OSError):
        return None
    return environ.get("FAKESWEEP_HOME")
