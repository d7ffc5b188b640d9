"""Locks the calling process in for good: no privileges, no files, no network, few system calls.

Each part is used where the kernel has it. Imports little, as the process that starts decoders is copied for each.
"""

import ctypes
import os
import struct
import sys
from collections.abc import Iterable

from worker.pipeline.landlock import make_ruleset, restrict_self
from worker.pipeline.seccomp import Filter, filter_program

REFUSED_STATUS = 97
"""The exit status of a process that could not lock itself in: no fault of the file that it was to read."""

_PR_SET_NO_NEW_PRIVS = 38
# struct __user_cap_header_struct with version 3, and two empty __user_cap_data_struct.
_OF_THIS_PROCESS, _NO_CAPABILITIES = struct.pack("=Ii", 0x20080522, 0), bytes(24)
_libc = ctypes.CDLL(None, use_errno=True)


def decoder_filter(*, may_drive: bool = False) -> Filter:
    """System calls of a process that is to start one program in its place; with those of a GPU's drivers if it may."""
    machine = os.uname().machine
    return Filter(filter_program(machine, may_start=True, may_open=True, may_answer=False, may_drive=may_drive))


def reader_filter() -> Filter:
    """System calls of a process that has loaded all that it needs, and answers on a socket."""
    return Filter(filter_program(os.uname().machine, may_start=False, may_open=False, may_answer=True))


def rules_for(landlock_abi: int, readable: Iterable[str], devices: Iterable[str] = ()) -> int | None:
    """A descriptor of Landlock rules that leave only these files, directories and devices; None without Landlock.

    Raises:
        OSError: the kernel refuses what it seemed to have.
    """
    return make_ruleset(landlock_abi, readable=readable, devices=devices) if landlock_abi else None


def lock_in(ruleset: int | None, calls: Filter | None) -> None:
    """Locks in this thread, and what it starts.

    Args:
        ruleset: from `rules_for`.
        calls: what is left of the system calls, None for all.

    Raises:
        OSError: the kernel refuses what it seemed to have.
    """
    if sys.platform != "linux":
        return
    _shed_privileges()
    if ruleset is not None:
        restrict_self(ruleset)
    if calls is not None:
        calls.install()


def _shed_privileges() -> None:
    """Gives up every capability, of which root has all, and what a program with set-user-ID would give."""
    for failed, what in (
        (_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs"),
        (_libc.capset(_OF_THIS_PROCESS, _NO_CAPABILITIES), "capset"),
    ):
        if failed:
            number = ctypes.get_errno()
            raise OSError(number, f"{what}: {os.strerror(number)}")
