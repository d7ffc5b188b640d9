"""What reads a stranger's bytes is locked in: it can open, reach, start and signal nothing."""

import errno
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from worker.pipeline.ffmpeg import find_ffmpeg
from worker.pipeline.hardware import Reach
from worker.pipeline.sandbox import SandboxParts, find_sandbox
from worker.pipeline.spawning import Spawner

SECRET = "the garden gate is open"
NOBODY = 65534
ROOT = str(Path(__file__).parents[4])
WHOLE = SandboxParts(7, has_seccomp=True)

# Each line of the answer is a deed and how it ended.
PRISONER = """
import ctypes, os, socket, subprocess, sys
sys.path.insert(0, sys.argv[1])
from worker.pipeline.locking_in import lock_in, reader_filter, rules_for
secret, landlock_abi, has_seccomp = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
if int(sys.argv[6]):
    os.setgid(int(sys.argv[6]))
    os.setuid(int(sys.argv[6]))
if landlock_abi or has_seccomp:
    lock_in(rules_for(landlock_abi, ()), reader_filter() if has_seccomp else None)

def fork():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)

def trace():
    if ctypes.CDLL(None, use_errno=True).ptrace(0x4206, os.getppid(), 0, 0):
        raise OSError("refused")

def connect():
    with socket.socket() as client:
        client.connect(("127.0.0.1", int(sys.argv[5])))

def datagram():
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.sendto(b"x", ("127.0.0.1", int(sys.argv[5])))

deeds = {
    "read": lambda: open(secret).read(),
    "list": lambda: os.listdir("/"),
    "write": lambda: open(secret + ".new", "w").close(),
    "connect": connect,
    "datagram": datagram,
    "fork": fork,
    "signal": lambda: os.kill(os.getppid(), 0),
    "trace": trace,
    "mount": lambda: os.chroot("/"),
    "privilege": lambda: os.setuid(1),
}
for name, deed in deeds.items():
    try:
        deed()
        print(name, "done")
    except OSError:
        print(name, "refused")
"""


@contextmanager
def listening() -> Iterator[tuple[int, list[object]]]:
    """A server on this machine, and whoever came by."""
    visitors: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        is_over = threading.Event()

        def welcome() -> None:
            while not is_over.is_set():
                try:
                    visitor, address = server.accept()
                except TimeoutError:
                    continue
                visitors.append(address)
                visitor.close()

        thread = threading.Thread(target=welcome)
        thread.start()
        try:
            yield server.getsockname()[1], visitors
        finally:
            is_over.set()
            thread.join()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file that nobody in the sandbox may read, although everybody else may."""
    path = tmp_path / "secret.txt"
    path.write_text(SECRET)
    for folder in [tmp_path, *tmp_path.parents]:
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o755)
    tmp_path.chmod(0o777)
    return path


def _imprison(secret: Path, parts: SandboxParts, *, user: int = 0) -> dict[str, str]:
    with listening() as (port, visitors):
        arguments = [ROOT, str(secret), str(parts.landlock_abi), str(int(parts.has_seccomp)), str(port), str(user)]
        answer = subprocess.run(
            [sys.executable, "-I", "-c", PRISONER, *arguments],
            capture_output=True,
            text=True,
            check=True,
        )
        deeds = dict(line.split() for line in answer.stdout.splitlines())
    assert (deeds["connect"] == "done") == bool(visitors)
    return deeds


def test_this_machine_has_the_whole_sandbox() -> None:
    """Where the tests run, every part must hold, so that what follows proves something."""
    parts = find_sandbox()

    assert parts.landlock_abi >= 4
    assert parts.has_seccomp
    assert parts.refusals == ()
    assert parts.guards() == ["privileges", "files", "network", "processes"]


def test_a_free_process_can_do_it_all(secret: Path) -> None:
    """Without a sandbox each of the deeds is possible: what is refused below is refused by the sandbox."""
    deeds = _imprison(secret, SandboxParts(0, has_seccomp=False))

    free = {name for name, end in deeds.items() if end == "done"}
    assert free >= {"read", "list", "write", "connect", "fork", "signal"}


@pytest.mark.parametrize("user", [0, NOBODY])
def test_a_locked_in_process_can_do_nothing(secret: Path, user: int) -> None:
    """As root and as nobody: no file, no connection, no process, no signal, no tracing, no privilege."""
    # Whoever is nobody already stays it.
    user = user if os.geteuid() == 0 else 0

    assert set(_imprison(secret, find_sandbox(), user=user).values()) == {"refused"}
    assert not secret.with_name("secret.txt.new").exists()


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (SandboxParts(6, has_seccomp=True), ["privileges", "files", "network", "processes"]),
        (SandboxParts(3, has_seccomp=True), ["privileges", "files", "network", "processes"]),
        (SandboxParts(0, has_seccomp=True), ["privileges", "network", "processes"]),
        (SandboxParts(6, has_seccomp=False), ["privileges", "files", "TCP (UDP stays open)"]),
        (SandboxParts(3, has_seccomp=False), ["privileges", "files"]),
        (SandboxParts(0, has_seccomp=False), ["privileges"]),
    ],
)
def test_what_is_said_is_what_holds(parts: SandboxParts, words: list[str]) -> None:
    """Only a filter of system calls closes the network; Landlock knows of TCP from its fourth version on."""
    assert parts.guards() == words


def test_landlock_alone_leaves_udp_open(secret: Path) -> None:
    """That is why the network is not said to be closed then; with the filter there is no socket to send from."""
    alone = _imprison(secret, SandboxParts(find_sandbox().landlock_abi, has_seccomp=False))
    whole = _imprison(secret, find_sandbox())

    assert (alone["connect"], alone["datagram"]) == ("refused", "done")
    assert whole["datagram"] == "refused"


def test_landlock_alone_guards_files_and_network(secret: Path) -> None:
    """Where system calls cannot be filtered, files, connections and privileges are still out of reach."""
    deeds = _imprison(secret, SandboxParts(find_sandbox().landlock_abi, has_seccomp=False))

    refused = {name for name, end in deeds.items() if end == "refused"}
    assert refused >= {"read", "list", "write", "connect", "trace", "mount", "privilege"}
    assert deeds["fork"] == "done"


def test_seccomp_alone_guards_files_and_network_of_the_probe(secret: Path) -> None:
    """Where there is no Landlock, a reader that has loaded what it needs still opens and reaches nothing."""
    assert set(_imprison(secret, SandboxParts(0, has_seccomp=True)).values()) == {"refused"}


def _run_ffmpeg(
    arguments: list[str], *, is_confined: bool, parts: SandboxParts | None = None
) -> tuple[int | None, bytes]:
    """Status and output of an ffmpeg that was given a free hand by its own options."""
    spawner = Spawner(parts)
    nothing = os.open(os.devnull, os.O_RDWR)
    read_end, write_end = os.pipe()
    try:
        command = [str(find_ffmpeg()), "-nostdin", "-v", "error", "-y", *arguments]
        process = spawner.start(
            command, descriptors=[nothing, write_end, nothing], environment={}, is_confined=is_confined
        )
        os.close(write_end)
        with os.fdopen(read_end, "rb") as stream:
            output = stream.read()
        return process.wait(60), output
    finally:
        os.close(nothing)
        spawner.close()


# Runs in a decoder's place; each line of the answer is a deed and the number of its error, 0 where it was done.
DRIVER = """
import fcntl, os, socket, sys
secret, device, other, port = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])

def ask(path, command):
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.ioctl(descriptor, command)
    finally:
        os.close(descriptor)

def connect():
    with socket.socket() as client:
        client.connect(("127.0.0.1", port))

def fork():
    if os.fork() == 0:
        os._exit(0)

deeds = {
    "write_device": lambda: os.write(os.open(device, os.O_RDWR), b"x"),
    "ask_device": lambda: ask(device, 0xC0406400),
    "ask_terminal": lambda: ask(device, 0x5412),
    "other_device": lambda: os.open(other, os.O_RDWR),
    "own_status": lambda: open("/proc/self/status").read(),
    "parent_status": lambda: open(f"/proc/{os.getppid()}/status").read(),
    "own_memory": lambda: open("/proc/self/mem", "r+b"),
    "root_of_own": lambda: open("/proc/self/root" + secret).read(),
    "read": lambda: open(secret).read(),
    "write": lambda: open(secret + ".new", "w"),
    "connect": connect,
    "fork": fork,
}
for name, deed in deeds.items():
    try:
        deed()
        print(name, 0)
    except OSError as error:
        print(name, error.errno)
"""


def _drive(secret: Path, reach: Reach) -> dict[str, int]:
    """What Python can do in a decoder's place: by deed the error's number, 0 where it was done."""
    spawner = Spawner()
    nothing = os.open(os.devnull, os.O_RDWR)
    read_end, write_end = os.pipe()
    try:
        with listening() as (port, visitors):
            process = spawner.start(
                [sys.executable, "-I", "-S", "-c", DRIVER, str(secret), "/dev/zero", "/dev/full", str(port)],
                descriptors=[nothing, write_end, nothing],
                environment={},
                is_confined=True,
                reach=reach,
            )
            os.close(write_end)
            with os.fdopen(read_end, "rb") as stream:
                ends = dict(line.split() for line in stream.read().decode().splitlines())
        assert process.wait(60) == 0
        assert visitors == []
        return {name: int(number) for name, number in ends.items()}
    finally:
        os.close(nothing)
        spawner.close()


def test_a_hardware_decoder_reaches_its_device_and_nothing_else_more(secret: Path) -> None:
    """Its device can be written and asked, and it may read of itself; other devices, files and servers are as ever."""
    python = (str(Path(os.__file__).parent), sys.prefix, sys.base_prefix)
    deeds = _drive(secret, Reach(python, ("/dev/zero",)))
    without_device = _drive(secret, Reach(python, ()))

    done = {name for name, number in deeds.items() if number == 0}
    assert done == {"write_device", "own_status"}
    # The question reached the device, which is no GPU and does not know it; that of terminals did not.
    assert deeds["ask_device"] == errno.ENOTTY
    assert deeds["ask_terminal"] == errno.EPERM
    assert without_device["write_device"] == without_device["ask_device"] == errno.EACCES
    assert {deeds[name] for name in set(deeds) - done - {"ask_device"}} <= {errno.EACCES, errno.EPERM}
    assert not secret.with_name("secret.txt.new").exists()


COPY_TEXT = ["-f", "data", "-map", "0", "-c", "copy", "pipe:1"]


def test_confined_ffmpeg_reads_no_file(secret: Path) -> None:
    """Even an ffmpeg whose own options let it read a file gets nothing of it."""
    arguments = ["-f", "data", "-i", f"file:{secret}", *COPY_TEXT]

    assert SECRET.encode() in _run_ffmpeg(arguments, is_confined=False)[1]
    status, output = _run_ffmpeg(arguments, is_confined=True)
    assert status not in (0, None)
    assert output == b""


def test_confined_ffmpeg_reaches_no_server() -> None:
    """Even an ffmpeg whose own options let it speak HTTP is not heard by a server of this very machine."""
    with listening() as (port, visitors):
        arguments = ["-f", "data", "-i", f"http://127.0.0.1:{port}/", *COPY_TEXT]
        _run_ffmpeg(arguments, is_confined=False)
        assert len(visitors) == 1

        status, _ = _run_ffmpeg(arguments, is_confined=True)

    assert status not in (0, None)
    assert len(visitors) == 1


def test_confined_ffmpeg_writes_no_file(tmp_path: Path) -> None:
    """Even an ffmpeg that is told to write a file cannot."""
    path = tmp_path / "written.nut"
    arguments = ["-f", "lavfi", "-i", "color=s=16x16:d=0.1", "-c:v", "rawvideo", f"file:{path}"]

    assert _run_ffmpeg(arguments, is_confined=True)[0] not in (0, None)
    assert not path.exists()
    assert _run_ffmpeg(arguments, is_confined=False)[0] == 0


@pytest.mark.parametrize("parts", [SandboxParts(0, has_seccomp=False), SandboxParts(1, has_seccomp=False), WHOLE])
def test_ffmpeg_works_with_the_parts_that_a_kernel_has(parts: SandboxParts) -> None:
    """An old kernel, the first one with Landlock, and a new one: ffmpeg decodes in all of them."""
    arguments = ["-f", "lavfi", "-i", "color=s=16x16:d=0.04:r=25", "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"]

    status, output = _run_ffmpeg(arguments, is_confined=True, parts=parts)

    assert (status, len(output)) == (0, 16 * 16 * 3)
