"""Takes all system calls from a process but a closed list, with Linux's seccomp filters.

The filter is a program for the kernel's classic BPF machine: `Documentation/userspace-api/seccomp_filter.rst`.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Sequence

from worker.pipeline import syscalls

_LOAD, _JUMP_IF_EQUAL, _JUMP_IF_AT_LEAST, _JUMP_IF_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_KEEP_BITS = 0x54
_NUMBER_AT, _MACHINE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_KILL_PROCESS, _FAIL, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2
_CLONE_THREAD = 0x00010000
# F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC: F_SETOWN would send signals to others.
_FCNTL_COMMANDS = (0, 1, 2, 3, 4, 1030)
# TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX: a terminal's TIOCSTI types into it.
_IOCTL_COMMANDS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
# The letter of a command says which driver's it is: those of NVIDIA, of its shared memory (none), of the kernel's
# rendering ("d"), buffers ("b") and fences (">"). A terminal's have "T", a socket's 0x89.
_IOCTL_LETTER, _IOCTL_LETTERS_OF_GPUS = 0xFF00, (0x46, 0x00, 0x64, 0x62, 0x3E)
_libc = ctypes.CDLL(None, use_errno=True)

Instruction = tuple[int, int, int, int]
"""Code, jump if true, jump if false, constant."""


def find_seccomp() -> str:
    """Why system calls cannot be filtered here; empty where they can."""
    machine = os.uname().machine
    if machine not in syscalls.AUDIT_ARCHITECTURES:
        return f"no list of system calls for {machine}, so they are not filtered"
    # Without a filter: a kernel that knows filters looks for it and faults.
    _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, None, 0, 0)
    number = ctypes.get_errno()
    return "" if number == errno.EFAULT else f"the kernel refuses seccomp filters: {os.strerror(number)}"


def filter_program(
    machine: str, *, may_start: bool, may_open: bool, may_answer: bool, may_drive: bool = False
) -> list[Instruction]:
    """A filter that lets the listed calls through; others fail, as if forbidden or unknown to the kernel.

    A process may start threads and no process, and may change limits of its own alone.

    Args:
        machine: "x86_64" or "aarch64".
        may_start: whether a program may be started in its place: the decoder itself is, behind the filter.
        may_open: whether files may be opened, as far as anything else allows.
        may_answer: whether messages may go over sockets that are open.
        may_drive: whether the drivers of a GPU may be asked, as far as their devices can be opened.
    """
    plain = {**syscalls.MEMORY_AND_FILES, **syscalls.THREADS_AND_TIME}
    plain |= syscalls.START_PROGRAM if may_start else {}
    plain |= syscalls.OPEN_FILES if may_open else {}
    plain |= syscalls.ANSWER_ON_SOCKET if may_answer else {}
    plain |= syscalls.DRIVE_GPU if may_drive else {}
    program: list[Instruction] = [
        (_LOAD, 0, 0, _MACHINE_AT),
        (_JUMP_IF_EQUAL, 1, 0, syscalls.AUDIT_ARCHITECTURES[machine]),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, _NUMBER_AT),
    ]
    for numbers in plain.values():
        number = syscalls.number_on(machine, numbers)
        if number is not None:
            program += [(_JUMP_IF_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    program += _if_argument_is_one_of(machine, syscalls.FCNTL, position=1, values=_FCNTL_COMMANDS)
    letters = _IOCTL_LETTERS_OF_GPUS if may_drive else ()
    program += _if_argument_is_one_of(machine, syscalls.IOCTL, position=1, values=_IOCTL_COMMANDS, letters=letters)
    program += _if_argument_is_one_of(machine, syscalls.PRLIMIT, position=0, values=(0,))
    program += _if_thread(machine)
    program += [
        (_JUMP_IF_AT_LEAST, 0, 1, syscalls.SEEN_FROM),
        (_RETURN, 0, 0, _FAIL | errno.ENOSYS),
        (_RETURN, 0, 0, _FAIL | errno.EPERM),
    ]
    return program


class Filter:
    """A filter that is ready to be put in force, as often as needed.

    Args:
        program: from `filter_program`.
    """

    def __init__(self, program: Sequence[Instruction]) -> None:
        code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
        self._code = ctypes.create_string_buffer(code, len(code))
        # struct sock_fprog: a count, padding, a pointer.
        self._wrapped = struct.pack("@HP", len(program), ctypes.addressof(self._code))

    def install(self) -> None:
        """Puts this thread, and what it starts, behind the filter for good; needs "no new privileges".

        Raises:
            OSError: the kernel refuses.
        """
        if _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, self._wrapped, 0, 0) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"seccomp: {os.strerror(number)}")


def _if_argument_is_one_of(
    machine: str,
    numbers: tuple[int, int | None],
    *,
    position: int,
    values: Sequence[int],
    letters: Sequence[int] = (),
) -> list[Instruction]:
    checks: list[Instruction] = [(_LOAD, 0, 0, _FIRST_ARGUMENT_AT + 8 * position)]
    for value in values:
        checks += [(_JUMP_IF_EQUAL, 0, 1, value), (_RETURN, 0, 0, _ALLOW)]
    checks += [(_KEEP_BITS, 0, 0, _IOCTL_LETTER)] if letters else []
    for letter in letters:
        checks += [(_JUMP_IF_EQUAL, 0, 1, letter << 8), (_RETURN, 0, 0, _ALLOW)]
    return _if_call(machine, numbers, [*checks, (_RETURN, 0, 0, _FAIL | errno.EPERM)])


def _if_thread(machine: str) -> list[Instruction]:
    checks: list[Instruction] = [
        (_LOAD, 0, 0, _FIRST_ARGUMENT_AT),
        (_JUMP_IF_BITS, 0, 1, _CLONE_THREAD),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _FAIL | errno.EPERM),
    ]
    return _if_call(machine, syscalls.CLONE, checks)


def _if_call(machine: str, numbers: tuple[int, int | None], checks: list[Instruction]) -> list[Instruction]:
    number = syscalls.number_on(machine, numbers)
    return [] if number is None else [(_JUMP_IF_EQUAL, 0, len(checks), number), *checks]
