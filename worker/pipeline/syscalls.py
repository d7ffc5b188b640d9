"""The Linux system calls that a decoder or a header reader makes, with their numbers on the machines that we know.

From the kernel's `arch/x86/entry/syscalls/syscall_64.tbl` and `include/uapi/asm-generic/unistd.h`.
"""

AUDIT_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""How the kernel tells a filter which table a number belongs to (`AUDIT_ARCH_*`)."""

_COLUMNS = ("x86_64", "aarch64")

MEMORY_AND_FILES = {
    "read": (0, 63),
    "write": (1, 64),
    "readv": (19, 65),
    "writev": (20, 66),
    "pread64": (17, 67),
    "lseek": (8, 62),
    "close": (3, 57),
    "fstat": (5, 80),
    "newfstatat": (262, 79),
    "statx": (332, 291),
    "stat": (4, None),
    "lstat": (6, None),
    "fadvise64": (221, 223),
    "mmap": (9, 222),
    "munmap": (11, 215),
    "mprotect": (10, 226),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "brk": (12, 214),
    "dup": (32, 23),
    "dup2": (33, None),
    "dup3": (292, 24),
    "pipe": (22, None),
    "pipe2": (293, 59),
    "eventfd2": (290, 19),
    "poll": (7, None),
    "ppoll": (271, 73),
    "select": (23, None),
    "pselect6": (270, 72),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "access": (21, None),
    "faccessat": (269, 48),
    "getcwd": (79, 17),
}
"""Memory, and descriptors that are open already; to look at a name tells no content."""

THREADS_AND_TIME = {
    "futex": (202, 98),
    "set_robust_list": (273, 99),
    "set_tid_address": (218, 96),
    "rseq": (334, 293),
    "membarrier": (324, 283),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "sched_getparam": (143, 121),
    "sched_getscheduler": (145, 120),
    "sched_get_priority_max": (146, 125),
    "sched_get_priority_min": (147, 126),
    "getcpu": (309, 168),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "times": (100, 153),
    "getrusage": (98, 165),
    "getrlimit": (97, 163),
    "getrandom": (318, 278),
    "uname": (63, 160),
    "sysinfo": (99, 179),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "getppid": (110, 173),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "arch_prctl": (158, None),
}

OPEN_FILES = {"open": (2, None), "openat": (257, 56)}
"""For programs that load libraries when they start; Landlock says which files."""

START_PROGRAM = {"execve": (59, 221), "execveat": (322, 281)}

ANSWER_ON_SOCKET = {"recvmsg": (47, 212), "sendmsg": (46, 211), "recvfrom": (45, 207), "sendto": (44, 206)}
"""On a socket that is open already: `socket` and `connect` are nowhere in these tables."""

DRIVE_GPU = {
    "getdents64": (217, 61),
    "statfs": (137, 43),
    "fstatfs": (138, 44),
    "mincore": (27, 232),
    "mlock": (149, 228),
    "munlock": (150, 229),
    "get_mempolicy": (239, 236),
    "mbind": (237, 235),
}
"""For drivers, which look for their devices and settle where their memory lies."""

CLONE = (56, 220)
FCNTL = (72, 25)
IOCTL = (16, 29)
PRLIMIT = (302, 261)

SEEN_FROM = 424
"""From this number on the tables are the same everywhere, and programs ask whether a call exists."""


def number_on(machine: str, numbers: tuple[int, int | None]) -> int | None:
    """The number of a call on "x86_64" or "aarch64"; None where that machine has no such call."""
    return numbers[_COLUMNS.index(machine)]
