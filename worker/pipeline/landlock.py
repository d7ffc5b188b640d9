"""Takes files and network from a process with Linux's Landlock: `Documentation/userspace-api/landlock.rst`.

Three system calls without a wrapper in the C library. What is not named as readable cannot be opened, whoever the
user is; from ABI 4 on no TCP port can be bound or reached, from ABI 6 on no process outside can be signalled.
"""

import ctypes
import errno
import os
import stat
import struct
from collections.abc import Callable, Iterable

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG = 1
_PATH_BENEATH = 1
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
IOCTL_DEV, _IOCTL_FROM_ABI = 1 << 15, 5
_FILES_OF_ABI = ((1, (1 << 13) - 1), (2, 1 << 13), (3, 1 << 14), (5, 1 << 15))
_NETWORK_FROM_ABI, _BIND_AND_CONNECT_TCP = 4, 0b11
_SCOPES_FROM_ABI, _SIGNALS_AND_ABSTRACT_SOCKETS = 6, 0b11

_libc = ctypes.CDLL(None, use_errno=True)

SystemCall = Callable[..., int]
"""Like libc's `syscall`: a number and its arguments in, -1 and errno out on failure."""


def find_landlock(call: SystemCall | None = None) -> tuple[int, str]:
    """The kernel's version of Landlock (its ABI), 0 where it has none, and why not."""
    try:
        return _checked(call or _system_call, _CREATE_RULESET, None, 0, _VERSION_FLAG), ""
    except OSError as error:
        if error.errno == errno.ENOSYS:
            return 0, "this kernel has no Landlock (it came with Linux 5.13)"
        if error.errno == errno.EOPNOTSUPP:
            return 0, "Landlock is not among the kernel's active security modules (lsm=)"
        return 0, f"the kernel refuses Landlock: {error.strerror}"


def handled_rights(abi: int) -> bytes:
    """All that this version can take away, as `struct landlock_ruleset_attr` of that version."""
    files = sum(bits for since, bits in _FILES_OF_ABI if abi >= since)
    network = _BIND_AND_CONNECT_TCP if abi >= _NETWORK_FROM_ABI else 0
    scopes = _SIGNALS_AND_ABSTRACT_SOCKETS if abi >= _SCOPES_FROM_ABI else 0
    size = 24 if abi >= _SCOPES_FROM_ABI else 16 if abi >= _NETWORK_FROM_ABI else 8
    return struct.pack("=QQQ", files, network, scopes)[:size]


def make_ruleset(
    abi: int, *, readable: Iterable[str] = (), devices: Iterable[str] = (), call: SystemCall | None = None
) -> int:
    """A descriptor of rules under which only these files, and what lies in these directories, can be reached.

    Args:
        abi: of the kernel.
        readable: can be read and run.
        devices: can be read and written, and asked by `ioctl`, which before ABI 5 no rule takes from any device.
        call: in place of the kernel's.

    Raises:
        OSError: the kernel refuses.
    """
    attributes = handled_rights(abi)
    ruleset = _checked(call or _system_call, _CREATE_RULESET, attributes, len(attributes), 0)
    of_devices = READ_FILE | WRITE_FILE | (IOCTL_DEV if abi >= _IOCTL_FROM_ABI else 0)
    try:
        for path in readable:
            _allow(ruleset, path, EXECUTE | READ_FILE, call or _system_call)
        for path in devices:
            _allow(ruleset, path, of_devices, call or _system_call)
    except OSError:
        os.close(ruleset)
        raise
    return ruleset


def allow_own_process(ruleset: int, call: SystemCall | None = None) -> None:
    """Adds that the calling process may read what the kernel says of itself, in `/proc/self`; of others, nothing.

    Raises:
        OSError: the kernel refuses.
    """
    _allow(ruleset, "/proc/self", READ_FILE, call or _system_call)


def restrict_self(ruleset: int, call: SystemCall | None = None) -> None:
    """Puts this thread, and what it starts, under the rules for good; needs "no new privileges".

    Raises:
        OSError: the kernel refuses.
    """
    _checked(call or _system_call, _RESTRICT_SELF, ruleset, 0)


def _allow(ruleset: int, path: str, rights: int, call: SystemCall) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        # What is not there needs no permission.
        return
    try:
        is_directory = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        rights |= READ_DIR if is_directory else 0
        _checked(call, _ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, descriptor), 0)
    finally:
        os.close(descriptor)


def _checked(call: SystemCall, *arguments: object) -> int:
    found = call(*arguments)
    if found < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return found


def _system_call(*arguments: object) -> int:
    # A variadic function takes words; ctypes would pass an int as half a one.
    words = [ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments]
    return int(_libc.syscall(*words))
