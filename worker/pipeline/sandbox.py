"""Says what this machine can lock a process in with, before that process meets a stranger's bytes."""

import sys
from dataclasses import dataclass

from worker.pipeline.landlock import find_landlock
from worker.pipeline.seccomp import find_seccomp

LANDLOCK_OF_TCP = 4
"""The first version of Landlock that knows of connections; it knows those of TCP alone."""


@dataclass(frozen=True)
class SandboxParts:
    """The parts of the sandbox that hold here.

    Args:
        landlock_abi: version of Landlock, 0 for none. From 1 on it guards files, from 4 on TCP, from 6 on signals.
        has_seccomp: whether system calls can be filtered.
        refusals: why what is missing is missing, a sentence each.
    """

    landlock_abi: int
    has_seccomp: bool
    refusals: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.landlock_abi < 0:
            raise ValueError(f"landlock_abi must be 0 or above, got {self.landlock_abi}")

    def guards(self) -> list[str]:
        """What a locked-in process cannot do, in words."""
        words = ["privileges"] if sys.platform == "linux" else []
        words += ["files"] if self.landlock_abi else []
        if self.has_seccomp:
            words.append("network")
        elif self.landlock_abi >= LANDLOCK_OF_TCP:
            words.append("TCP (UDP stays open)")
        words += ["processes"] if self.has_seccomp else []
        return words


def find_sandbox() -> SandboxParts:
    """The parts of the sandbox that this machine has."""
    if sys.platform != "linux":
        return SandboxParts(0, has_seccomp=False, refusals=(f"{sys.platform} has neither Landlock nor seccomp",))
    abi, no_landlock = find_landlock()
    no_seccomp = find_seccomp()
    refusals = tuple(refusal for refusal in (no_landlock, no_seccomp) if refusal)
    return SandboxParts(abi, has_seccomp=not no_seccomp, refusals=refusals)
