"""Turns a forked child into the program that it is to be: bound to its parent's life, in its bounds, locked in."""

import contextlib
import ctypes
import errno
import fcntl
import os
import resource
import signal
import sys
from typing import Any, NoReturn

from worker.pipeline.landlock import allow_own_process
from worker.pipeline.locking_in import lock_in
from worker.pipeline.seccomp import Filter

OUT_OF_FILES = "no file descriptors left"
"""The complaint where a process could not be given what it needs: no fault of its own, nor of what it should read."""

# Above all numbers that a started process gets.
_SPARE_DESCRIPTOR = 16
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def become_program(
    request: dict[str, Any],
    descriptors: list[int],
    confinement: tuple[int | None, Filter | None] | None,
    complaint: int,
    parent: int,
) -> NoReturn:
    """In the forked child: turns into the program, or says why not and ends. Few steps: each page touched is copied."""
    try:
        complaint = spare(complaint)
        os.setsid()
        die_with(parent)
        program = spare(os.open(request["argv"][0], os.O_RDONLY | os.O_CLOEXEC))
        if confinement is None:
            _place(descriptors)
        else:
            ruleset = None if confinement[0] is None else spare(confinement[0])
            _place(descriptors)
            if ruleset is not None and request["hardware"] is not None:
                # These rules are of this start alone: who it is shows only now.
                allow_own_process(ruleset)
            lock_in(ruleset, confinement[1])
        _run(program, request)
    except BaseException as error:  # noqa: BLE001 - the child of a fork must not return
        os.write(complaint, complaint_about(error).encode("utf-8", "replace"))
    finally:
        os._exit(127)


def complaint_about(error: BaseException) -> str:
    """What to say of an error that kept a program from starting."""
    if isinstance(error, OSError):
        return OUT_OF_FILES if error.errno in (errno.EMFILE, errno.ENFILE) else error.strerror or str(error)
    return str(error) or type(error).__name__


def spare(descriptor: int) -> int:
    """The same under a number that no started process is given, closed when the program runs."""
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _SPARE_DESCRIPTOR)


def die_with(parent: int) -> None:
    """From now on the kernel ends this process together with the thread that started it.

    Args:
        parent: the process id of that thread; where it is gone already, this process ends at once.
    """
    if sys.platform == "linux":
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(127)


def _place(descriptors: list[int]) -> None:
    """The descriptors become 0, 1, 2 and so on; all others close when the program runs."""
    spared = [spare(descriptor) for descriptor in descriptors]
    for number, descriptor in enumerate(spared):
        os.dup2(descriptor, number)


def _run(program: int, request: dict[str, Any]) -> None:
    argv, environment = request["argv"], request["environment"]
    for which, soft, hard in request["bounds"]:
        # A platform may lack a bound, and nobody may raise one.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(which, (soft, hard))
    variables = os.environ if environment is None else environment
    try:
        os.execve(argv[0], argv, variables)  # noqa: S606 - a list of arguments, and no shell
    except PermissionError:
        # Root without privileges does not get into another user's directories, where it was opened from before.
        os.execve(program, argv, variables)  # noqa: S606 - as above
