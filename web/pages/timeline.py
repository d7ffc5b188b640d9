"""What is drawn of a video's scores over its length: a column per sampled frame, and the stretches called fake."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from db.verdicts import Thresholds, verdict_of

WIDTH = 1000.0
"""Of the drawing, whatever the video's length."""


@dataclass(frozen=True)
class Slot:
    """The stretch that a sampled frame stands for; places are 0..WIDTH.

    Args:
        look: the frame's verdict, "idle" where it has no face.
    """

    x: float
    width: float
    t_s: float
    score: float | None
    look: str


@dataclass(frozen=True)
class Stretch:
    """A part of the video whose frames were called fake, one after the other, in seconds."""

    from_s: float
    to_s: float
    x: float
    width: float


@dataclass(frozen=True)
class Timeline:
    """Everything that is drawn."""

    duration_s: float
    slots: tuple[Slot, ...]
    fake: tuple[Stretch, ...]

    @property
    def ticks_s(self) -> tuple[float, float, float]:
        """Beginning, middle and end, which the axis below names."""
        return 0.0, self.duration_s / 2, self.duration_s


def draw_timeline(
    frames: Sequence[Mapping[str, Any]], duration_s: float | None, thresholds: Thresholds
) -> Timeline | None:
    """The drawing for the frames of a report, in order of time; None where there are none."""
    if not frames:
        return None
    times = [float(frame["t_s"]) for frame in frames]
    length_s = max(duration_s or 0.0, times[-1] + 0.04)
    # Each frame reaches half way to its neighbours.
    borders = [0.0, *((left + right) / 2 for left, right in pairwise(times)), length_s]
    slots = tuple(
        Slot(
            x=WIDTH * borders[place] / length_s,
            width=WIDTH * (borders[place + 1] - borders[place]) / length_s,
            t_s=times[place],
            score=frame["score"],
            look="idle" if frame["score"] is None else verdict_of(frame["score"], thresholds),
        )
        for place, frame in enumerate(frames)
    )
    return Timeline(length_s, slots, tuple(_fake_stretches(slots, length_s)))


def _fake_stretches(slots: Sequence[Slot], length_s: float) -> list[Stretch]:
    found: list[Stretch] = []
    begin: float | None = None
    for slot in (*slots, None):
        if slot is not None and slot.look == "fake":
            begin = slot.x if begin is None else begin
        elif begin is not None:
            end = WIDTH if slot is None else slot.x
            found.append(Stretch(begin * length_s / WIDTH, end * length_s / WIDTH, begin, end - begin))
            begin = None
    return found
