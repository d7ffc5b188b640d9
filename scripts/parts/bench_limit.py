"""Measures the limit of judging: decoders and networks alone, at full load, for the frames of a whole batch.

As many processes as the batch has, side by side; each takes the next video when it is done with one, as a worker's
do, so that all are busy until the end. It first judges the video, which tells what decoders and networks are given, and
then runs on the same inputs ffmpeg alone, the detector alone and the classifier alone. The limit of the batch is the
sum of these seconds over the processes.
"""

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, fields

from scripts.parts.bench_networks import kept_calls, seconds_alone
from scripts.parts.bench_videos import Bench
from worker.pipeline.errors import UnreadableVideoError
from worker.processes import ask_for_long_turns


@dataclass(frozen=True)
class Alone:
    """Wall seconds, summed over the videos and the processes.

    Args:
        judging_s: of the same process judging the same videos, one after the other.
        decode_s: of ffmpeg alone.
        detect_s: of the detector's network alone.
        classify_s: of the classifier's network alone.
    """

    videos: int
    judging_s: float
    decode_s: float
    detect_s: float
    classify_s: float

    @property
    def total_s(self) -> float:
        """Of the three alone."""
        return self.decode_s + self.detect_s + self.classify_s


_of_process: list[Bench] = []


def measure_alone(paths: Sequence[bytes], *, frames: int, processes: int) -> Alone:
    """The seconds alone of all videos, with so many processes at work at once."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_prepare, initargs=(paths[0], frames)) as pool:
        parts = list(pool.map(_measure_video, paths))
    return Alone(**{field.name: sum(getattr(part, field.name) for part in parts) for field in fields(Alone)})


def _prepare(path: bytes, frames: int) -> None:
    """Loads the networks and judges one video, as the first pays for what is set up once."""
    ask_for_long_turns()
    bench = Bench(frames=frames)
    _of_process[:] = [bench]
    with suppress(UnreadableVideoError):
        bench.judge(path)


def _measure_video(path: bytes) -> Alone:
    """The seconds of one video; one that cannot be judged costs nothing here."""
    (bench,) = _of_process
    try:
        with kept_calls() as calls:
            result = bench.judge(path)
    except UnreadableVideoError:
        return Alone(0, 0.0, 0.0, 0.0, 0.0)
    return Alone(
        videos=1,
        judging_s=result.seconds["total"],
        decode_s=bench.decode_alone(path, result)[0],
        detect_s=seconds_alone([call for call in calls if not call.is_classifier]),
        classify_s=seconds_alone([call for call in calls if call.is_classifier]),
    )
