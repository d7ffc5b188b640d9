"""Measures the limit of judging: decoders and networks alone, at full load, for the frames of a whole batch.

As many processes as the batch has, side by side, each with its share of the videos. Each first judges a video, which
tells what decoders and networks are given, and then runs on the same inputs ffmpeg alone, the detector alone and the
classifier alone. The limit of the batch is the sum of these seconds over the processes.
"""

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from scripts.parts.bench_networks import kept_calls, seconds_alone
from scripts.parts.bench_videos import Bench
from worker.pipeline.errors import UnreadableVideoError


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


def measure_alone(paths: Sequence[bytes], *, frames: int, processes: int) -> Alone:
    """The seconds alone of all videos, with so many processes at work at once."""
    shares = [paths[number::processes] for number in range(processes)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        parts = list(pool.map(measure_share, shares, [frames] * processes))
    return Alone(
        videos=sum(part.videos for part in parts),
        judging_s=sum(part.judging_s for part in parts),
        decode_s=sum(part.decode_s for part in parts),
        detect_s=sum(part.detect_s for part in parts),
        classify_s=sum(part.classify_s for part in parts),
    )


def measure_share(paths: Sequence[bytes], frames: int) -> Alone:
    """The seconds of one process's videos; those that cannot be judged cost nothing here."""
    bench = Bench(frames=frames)
    judged = 0
    judging_s = decode_s = detect_s = classify_s = 0.0
    for number, path in enumerate([*paths[:1], *paths]):
        try:
            with kept_calls() as calls:
                result = bench.judge(path)
        except UnreadableVideoError:
            continue
        # The first is judged twice: the first time pays for what is set up once.
        if number == 0:
            continue
        judged += 1
        judging_s += result.seconds["total"]
        decode_s += bench.decode_alone(path, result)[0]
        detect_s += seconds_alone([call for call in calls if not call.is_classifier])
        classify_s += seconds_alone([call for call in calls if call.is_classifier])
    return Alone(judged, judging_s, decode_s, detect_s, classify_s)
