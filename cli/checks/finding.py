"""What a check found, and how a broken check becomes a finding too."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from cli.errors import expected_message

Status = Literal["ok", "note", "missing"]


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's table.

    Args:
        name: what was looked at, such as "ffmpeg".
        status: "ok", "note" (works, but worth knowing) or "missing" (scans will fail).
        value: what is there.
        next_step: what to do about it; empty when "ok".
    """

    name: str
    status: Status
    value: str
    next_step: str = ""

    def __post_init__(self) -> None:
        if self.status == "missing" and not self.next_step:
            raise ValueError(f"the finding {self.name!r} says that something is missing and not what to do")


def run_check(name: str, check: Callable[[], Finding]) -> Finding:
    """What the check found; an exception that it meets is a finding as well."""
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - whatever breaks a check is what the doctor is asked for
        message = expected_message(error)
        if message is None:
            value = f"{type(error).__name__}: {error}"
            return Finding(name, "missing", value, "set up again with `scripts/setup`")
        # Our messages end with the next step, after the last colon.
        value, _, next_step = message.rpartition(": ")
        return Finding(name, "missing", value or message, next_step)
