"""Decodes a clip as the product does, and says which pictures came out."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.drawing import RATE, read_number
from worker.pipeline.decoding import DecodeReport, decode_frames
from worker.pipeline.ffmpeg import find_ffmpeg
from worker.pipeline.limits import Limits
from worker.pipeline.opening import VideoPath
from worker.pipeline.probe import probe_video
from worker.pipeline.results import Frame, VideoFacts
from worker.pipeline.sampling import DecodePlan, Way, plan_decode


@dataclass(frozen=True)
class Reading:
    """What came of a clip: facts, plan, frames and report."""

    facts: VideoFacts
    plan: DecodePlan
    frames: list[Frame]
    report: DecodeReport

    @property
    def times_s(self) -> list[float]:
        """When each frame is presented."""
        return [frame.t_s for frame in self.frames]

    @property
    def numbers(self) -> list[int]:
        """What each frame shows."""
        return [read_number(frame.pixels) for frame in self.frames]

    @property
    def numbers_by_time(self) -> list[int]:
        """What each frame must show, by its own time."""
        return [round(frame.t_s * RATE) for frame in self.frames]


def read_clip(
    path: VideoPath,
    *,
    frames: int = 8,
    max_frames: int = 256,
    way: Way = "auto",
    limits: Limits | None = None,
    change: Callable[[VideoFacts], VideoFacts] = lambda facts: facts,
    ffmpeg: Path | None = None,
) -> Reading:
    """Probe, plan and decode a clip; `change` stands in for a lying container."""
    limits = limits or Limits()
    facts = change(probe_video(path, limits=limits))
    plan = plan_decode(facts, frames=frames, max_frames=max_frames, way=way)
    report = DecodeReport()
    found = list(decode_frames(path, facts, plan, ffmpeg=ffmpeg or find_ffmpeg(), limits=limits, report=report))
    return Reading(facts=facts, plan=plan, frames=found, report=report)
