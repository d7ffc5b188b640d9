"""Which machines scripts/setup accepts."""

import platform
import struct
import sys

import pytest

from scripts.parts.environment import SetupError, check_platform


@pytest.mark.parametrize(
    ("machine", "library"),
    [("x86_64", ("glibc", "2.28")), ("aarch64", ("glibc", "2.41"))],
)
def test_accepts_linux_with_a_new_enough_c_library(
    monkeypatch: pytest.MonkeyPatch, machine: str, library: tuple[str, str]
) -> None:
    """Linux on x86-64 or aarch64 with glibc 2.28 or newer is supported."""
    pretend(monkeypatch, machine=machine, library=library)

    check_platform()


@pytest.mark.parametrize(
    ("machine", "library", "complaint"),
    [
        ("x86_64", ("glibc", "2.17"), "glibc is 2.17"),
        ("x86_64", ("", ""), "musl"),
        ("riscv64", ("glibc", "2.39"), "riscv64"),
    ],
)
def test_refuses_machines_without_wheels(
    monkeypatch: pytest.MonkeyPatch, machine: str, library: tuple[str, str], complaint: str
) -> None:
    """An old glibc, musl and rare processors are refused by name."""
    pretend(monkeypatch, machine=machine, library=library)

    with pytest.raises(SetupError, match=complaint):
        check_platform()


def test_refuses_a_32_bit_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """A 32-bit Python is refused, whatever the processor is."""
    monkeypatch.setattr(struct, "calcsize", lambda _format: 4)

    with pytest.raises(SetupError, match="32-bit"):
        check_platform()


def pretend(monkeypatch: pytest.MonkeyPatch, *, machine: str, library: tuple[str, str]) -> None:
    """Makes this machine look like another one that runs Linux."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(platform, "libc_ver", lambda: library)
