"""The rules of the sandbox, looked at without a kernel: what is asked for, and what a kernel's refusal means."""

import ctypes
import errno
import hashlib
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from worker.pipeline.executables import PROGRAM_DIRECTORIES, files_to_start, loader_of
from worker.pipeline.landlock import allow_own_process, find_landlock, handled_rights, make_ruleset
from worker.pipeline.seccomp import Instruction, filter_program

ALLOW, KILL = 0x7FFF0000, 0x80000000
FORBIDDEN, UNKNOWN = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
X86, ARM = 0xC000003E, 0xC00000B7
THREAD_FLAGS, FORK_FLAGS = 0x3D0F00, 0x01200011


def _refusing(number: int) -> Callable[..., int]:
    def call(*_: object) -> int:
        ctypes.set_errno(number)
        return -1

    return call


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSYS, "no Landlock"), (errno.EOPNOTSUPP, "active security modules"), (errno.EPERM, "not permitted")],
)
def test_a_kernel_without_landlock_is_told_apart(number: int, words: str) -> None:
    """An old kernel, one that has it switched off, and a container that forbids it each get their own sentence."""
    abi, refusal = find_landlock(_refusing(number))

    assert abi == 0
    assert words in refusal


@pytest.mark.parametrize(
    ("abi", "rights"),
    [
        (1, struct.pack("=Q", 0x1FFF)),
        (3, struct.pack("=Q", 0x7FFF)),
        (4, struct.pack("=QQ", 0x7FFF, 3)),
        (5, struct.pack("=QQ", 0xFFFF, 3)),
        (6, struct.pack("=QQQ", 0xFFFF, 3, 3)),
        (9, struct.pack("=QQQ", 0xFFFF, 3, 3)),
    ],
)
def test_every_right_that_a_version_knows_is_taken(abi: int, rights: bytes) -> None:
    """Files from the first version on, TCP from the fourth, devices from the fifth, signals from the sixth."""
    assert handled_rights(abi) == rights


def test_rules_name_files_for_reading_and_running_only(tmp_path: Path) -> None:
    """A file may be read and run, a directory listed too; what does not exist is left out."""
    calls: list[tuple[object, ...]] = []

    def call(*arguments: object) -> int:
        calls.append(arguments)
        return os.open(os.devnull, os.O_RDONLY) if arguments[0] == 444 else 0

    (tmp_path / "file").touch()
    os.close(make_ruleset(6, readable=[str(tmp_path / "file"), str(tmp_path), str(tmp_path / "absent")], call=call))

    assert [arguments[0] for arguments in calls] == [444, 445, 445]
    rights = [struct.unpack("=Qi", arguments[3])[0] for arguments in calls[1:]]  # type: ignore[arg-type]
    assert rights == [0b0101, 0b1101]


@pytest.mark.parametrize(("abi", "of_devices"), [(4, 0b0110), (5, 0b0110 | 1 << 15), (7, 0b0110 | 1 << 15)])
def test_devices_may_be_written_and_asked_and_not_run(tmp_path: Path, abi: int, of_devices: int) -> None:
    """From the fifth version on `ioctl` is a right of its own, and theirs alone; their directory may be listed."""
    calls: list[tuple[object, ...]] = []

    def call(*arguments: object) -> int:
        calls.append(arguments)
        return os.open(os.devnull, os.O_RDONLY) if arguments[0] == 444 else 0

    (tmp_path / "dri").mkdir()
    devices = [os.devnull, str(tmp_path / "dri"), str(tmp_path / "absent")]
    ruleset = make_ruleset(abi, readable=[str(tmp_path)], devices=devices, call=call)
    allow_own_process(ruleset, call)
    os.close(ruleset)

    rights = [struct.unpack("=Qi", arguments[3])[0] for arguments in calls[1:]]  # type: ignore[arg-type]
    assert rights == [0b1101, of_devices, of_devices | 0b1000, 0b1100]


def test_a_refused_rule_is_an_error_and_leaves_nothing_open(tmp_path: Path) -> None:
    """Rules that the kernel takes only half are not used."""
    made: list[int] = []

    def call(*arguments: object) -> int:
        if arguments[0] == 444:
            made.append(os.open(os.devnull, os.O_RDONLY))
            return made[0]
        ctypes.set_errno(errno.EINVAL)
        return -1

    with pytest.raises(OSError, match="Invalid argument"):
        make_ruleset(6, readable=[str(tmp_path)], call=call)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(made[0])


def _judge(program: list[Instruction], machine: int, number: int, *arguments: int) -> int:
    """What the kernel would do: its BPF machine, as far as the filter uses it."""
    words = struct.pack("<IIQ6Q", number, machine, 0, *(*arguments, 0, 0, 0, 0, 0, 0)[:6])
    accumulator = at = 0
    while True:
        code, if_true, if_false, constant = program[at]
        at += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("<I", words, constant)
        elif code == 0x54:
            accumulator &= constant
        elif code == 0x06:
            return constant
        else:
            holds = {0x15: accumulator == constant, 0x35: accumulator >= constant, 0x45: accumulator & constant}[code]
            at += if_true if holds else if_false


@pytest.mark.parametrize(
    ("machine", "audit", "read", "socket", "ptrace", "execve", "openat", "recvmsg"),
    [("x86_64", X86, 0, 41, 101, 59, 257, 47), ("aarch64", ARM, 63, 198, 117, 221, 56, 212)],
)
def test_the_list_of_system_calls_is_closed(
    machine: str, audit: int, read: int, socket: int, ptrace: int, execve: int, openat: int, recvmsg: int
) -> None:
    """Decoders may read, open and start; readers may read and answer; nobody may make a socket or trace."""
    decoder = filter_program(machine, may_start=True, may_open=True, may_answer=False)
    reader = filter_program(machine, may_start=False, may_open=False, may_answer=True)

    ends = {
        name: (_judge(decoder, audit, number), _judge(reader, audit, number))
        for name, number in {
            "read": read,
            "socket": socket,
            "ptrace": ptrace,
            "execve": execve,
            "openat": openat,
            "recvmsg": recvmsg,
        }.items()
    }
    assert ends == {
        "read": (ALLOW, ALLOW),
        "socket": (FORBIDDEN, FORBIDDEN),
        "ptrace": (FORBIDDEN, FORBIDDEN),
        "execve": (ALLOW, FORBIDDEN),
        "openat": (ALLOW, FORBIDDEN),
        "recvmsg": (FORBIDDEN, ALLOW),
    }


@pytest.mark.parametrize(
    ("machine", "audit", "clone", "fcntl", "prlimit"), [("x86_64", X86, 56, 72, 302), ("aarch64", ARM, 220, 25, 261)]
)
def test_arguments_are_looked_at(machine: str, audit: int, clone: int, fcntl: int, prlimit: int) -> None:
    """Threads and no processes, flags and no signals to others, limits of oneself and of nobody else."""
    program = filter_program(machine, may_start=True, may_open=True, may_answer=False)

    assert _judge(program, audit, clone, THREAD_FLAGS) == ALLOW
    assert _judge(program, audit, clone, FORK_FLAGS) == FORBIDDEN
    assert _judge(program, audit, fcntl, 1, 3) == ALLOW
    assert _judge(program, audit, fcntl, 1, 8) == FORBIDDEN
    assert _judge(program, audit, prlimit, 0) == ALLOW
    assert _judge(program, audit, prlimit, 1234) == FORBIDDEN


@pytest.mark.parametrize(
    ("machine", "may_open", "sha256"),
    [
        ("x86_64", True, "7de899f174c32739844b6f074335637f6709a7d059849b9c378ab80943006c97"),
        ("x86_64", False, "09179d104807da9cbd2ae4fdd79af6c459b8aee6b5e5b07f91860de30f7cfd8c"),
        ("aarch64", True, "7df06dabf0d394300611062d5e24dd2326b357a8597cb59804a3ed3ae60cd204"),
        ("aarch64", False, "9e86f8cf2518bb48e8cf4efde116e1226cced45b3f1dd3825ce944dc2191b2d7"),
    ],
)
def test_the_ordinary_filters_are_to_the_byte_what_they_were(machine: str, *, may_open: bool, sha256: str) -> None:
    """What drivers of GPUs need is in no filter but theirs; whoever changes these lists changes this on purpose."""
    program = filter_program(machine, may_start=may_open, may_open=may_open, may_answer=not may_open)

    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    assert hashlib.sha256(code).hexdigest() == sha256


@pytest.mark.parametrize(
    ("machine", "audit", "ioctl", "getdents64", "socket"), [("x86_64", X86, 16, 217, 41), ("aarch64", ARM, 29, 61, 198)]
)
def test_only_a_driver_s_filter_lets_gpus_be_asked(
    machine: str, audit: int, ioctl: int, getdents64: int, socket: int
) -> None:
    """By their drivers' commands; terminals, sockets and disks are asked by neither, and nobody gets a socket."""
    decoder = filter_program(machine, may_start=True, may_open=True, may_answer=False)
    driver = filter_program(machine, may_start=True, may_open=True, may_answer=False, may_drive=True)
    of_gpus = [0xC020462A, 0x30000001, 0x1B, 0xC0406400, 0x40086200, 0xC0303E03]
    # Types into a terminal, pastes into a console, looks at interfaces, at a disk's size, at a device's events.
    of_others = [0x5412, 0x541C, 0x8912, 0x1260, 0x80044501]

    assert {_judge(decoder, audit, ioctl, 3, command) for command in of_gpus + of_others} == {FORBIDDEN}
    assert {_judge(driver, audit, ioctl, 3, command) for command in of_gpus} == {ALLOW}
    assert {_judge(driver, audit, ioctl, 3, command) for command in of_others} == {FORBIDDEN}
    assert _judge(driver, audit, ioctl, 1, 0x5413) == ALLOW
    assert (_judge(decoder, audit, getdents64), _judge(driver, audit, getdents64)) == (FORBIDDEN, ALLOW)
    assert _judge(driver, audit, socket) == FORBIDDEN
    assert _judge(driver, audit, 56 if machine == "x86_64" else 220, FORK_FLAGS) == FORBIDDEN


def test_calls_that_are_new_are_unknown_not_forbidden() -> None:
    """A C library tries a new call, and falls back on the old one only where the kernel seems not to know it."""
    program = filter_program("x86_64", may_start=True, may_open=True, may_answer=False)

    assert _judge(program, X86, 435) == UNKNOWN


def test_another_machine_s_calls_end_the_process() -> None:
    """32-bit calls have other numbers: they are no way round the list."""
    program = filter_program("x86_64", may_start=True, may_open=True, may_answer=False)

    assert _judge(program, 0x40000003, 3) == KILL
    assert _judge(program, X86, 0x40000000) == UNKNOWN


def test_a_program_needs_itself_its_loader_and_its_libraries() -> None:
    """For a binary exact files are let in, and no directory."""
    files = files_to_start(Path(sys.executable).resolve())

    assert files[0] == Path(sys.executable).resolve()
    assert [path for path in files if path.is_dir()] == []
    assert [path for path in files if "libc" in path.name]


def test_a_script_needs_the_directories_of_programs(tmp_path: Path) -> None:
    """What a wrapper starts cannot be known, so the places of programs are let in."""
    script = tmp_path / "wrapper"
    script.write_text("#!/bin/sh\nexec ffmpeg\n")

    assert files_to_start(script) == (script, *PROGRAM_DIRECTORIES)


@pytest.mark.parametrize("head", [b"", b"\x7fELF\x02\x01", b"MZ" + b"\0" * 100, b"\x7fELF\x02\x01" + b"\xff" * 200])
def test_what_names_no_loader_has_none(head: bytes) -> None:
    """A cut, foreign or odd file is no reason to fail."""
    assert loader_of(head) is None
