"""Decides, from a seed, which faults come in which order, and which videos there are."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from scheduler.drill.clips import POISONS

FAULTS = {
    "child_killed": "SIGKILL of a process that judges",
    "worker_killed": "SIGKILL of a whole worker",
    "worker_stopped": "SIGTERM of a worker in the middle of its work",
    "worker_frozen": "SIGSTOP of a worker past its leases, then SIGCONT",
    "scheduler_killed": "SIGKILL of the scheduler",
    "two_schedulers": "a second scheduler beside the first",
    "command_killed": "SIGKILL of `submit` or `scan`",
    "broker_killed": "SIGKILL of the broker",
    "broker_restarted": "the broker stopped and started",
    "broker_frozen": "SIGSTOP of the broker, then SIGCONT",
    "broker_emptied": "FLUSHALL",
    "messages_doubled": "ids delivered again, of scans in every state",
    "messages_forged": "messages that nobody of ours sent",
    "clock_off": "a worker or scheduler whose clock is minutes off",
    "watchdog_killed": "SIGKILL of the embedded broker's watchdog",
    "sqlite_locked": "the SQLite file locked by another process",
    "sqlite_read_only": "the SQLite file read-only for a while",
    "postgresql_restarted": "PostgreSQL restarted, its clients cut off",
    "postgresql_crashed": "PostgreSQL ended at once, so that it recovers at its start",
}
"""Every kind of fault and what it is, in the order in which they are shown."""

_OF_EMBEDDED_BROKER = {"watchdog_killed"}
_OF_SQLITE = {"sqlite_locked", "sqlite_read_only"}
_OF_OWN_POSTGRESQL = {"postgresql_restarted", "postgresql_crashed"}

# Kinds that take seconds come less often, so that the quick ones hit more often in the same time.
_WEIGHTS = {
    "worker_frozen": 0.4,
    "sqlite_locked": 0.4,
    "sqlite_read_only": 0.4,
    "postgresql_restarted": 0.5,
    "postgresql_crashed": 0.5,
    "broker_killed": 0.7,
    "watchdog_killed": 0.7,
    "broker_restarted": 0.7,
    "broker_frozen": 0.5,
}


@dataclass(frozen=True)
class Order:
    """What a drill was asked for.

    Args:
        faults: how many.
        videos: how many, the poisoned ones among them.
        seed: the same seed gives the same videos and the same faults in the same order.
        whole: how many of the videos go through the whole pipeline.
    """

    faults: int
    videos: int
    seed: int
    whole: int = 0

    def __post_init__(self) -> None:
        if self.faults < 0:
            raise ValueError(f"faults must be 0 or more, got {self.faults}")
        if self.videos < len(POISONS):
            raise ValueError(f"videos must be {len(POISONS)} or more, as one of each poison is among them")
        if not 0 <= self.whole <= self.videos - len(POISONS):
            raise ValueError(f"whole must lie between 0 and {self.videos - len(POISONS)}, got {self.whole}")


def kinds_for(*, embedded_broker: bool, sqlite: bool, own_postgresql: bool) -> tuple[str, ...]:
    """The faults that can be done to an installation of this kind."""
    impossible = set()
    if not embedded_broker:
        impossible |= _OF_EMBEDDED_BROKER
    if not sqlite:
        impossible |= _OF_SQLITE
    if not own_postgresql:
        impossible |= _OF_OWN_POSTGRESQL
    return tuple(kind for kind in FAULTS if kind not in impossible)


def plan_faults(order: Order, kinds: Sequence[str]) -> list[str]:
    """The kinds of the faults in their order; each kind comes at least once where there are enough of them."""
    dice = dice_of(order, "faults")
    some = list(kinds)
    dice.shuffle(some)
    chosen = some[: order.faults]
    weights = [_WEIGHTS.get(kind, 1.0) for kind in kinds]
    chosen += dice.choices(kinds, weights, k=order.faults - len(chosen))
    dice.shuffle(chosen)
    return chosen


def plan_videos(order: Order) -> list[str]:
    """The kind of each video: one in a hundred of each poison, as many slow ones, and at least one of each."""
    few = max(1, order.videos // 100)
    special = [kind for kind in (*POISONS, "slow") for _ in range(few)][: order.videos]
    special += ["whole"] * min(order.whole, order.videos - len(special))
    kinds = special + ["clip"] * (order.videos - len(special))
    dice_of(order, "videos").shuffle(kinds)
    return kinds


def dice_of(order: Order, purpose: str) -> random.Random:
    """A source of chance that is the same for the same seed; nothing secret depends on it."""
    return random.Random(f"{order.seed} {purpose}")  # noqa: S311 - a drill must be repeatable
