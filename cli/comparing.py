"""Sets two classifiers' verdicts on one batch side by side, and judges here what one of them never judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from db.comparing import ComparedVideo, Judgement
from db.findings import describe_path
from db.verdicts import VERDICTS, Thresholds, thresholds_of, verdict_of

if TYPE_CHECKING:
    from db.batches import BatchRecord
    from db.registry import RegisteredClassifier
    from worker.settings import Settings


@dataclass(frozen=True)
class Side:
    """One of the two classifiers, with the thresholds that make its verdicts."""

    classifier: RegisteredClassifier
    thresholds: Thresholds

    def word_on(self, judgement: Judgement) -> str:
        """The verdict, or the state of a video that has none."""
        return judgement.state if judgement.score is None else verdict_of(judgement.score, self.thresholds)

    def to_json(self) -> dict[str, Any]:
        """Which one it is."""
        told = {name: getattr(self.classifier, name) for name in ("id", "name", "version", "sha256")}
        return {**told, "thresholds": vars(self.thresholds)}


def side_of(classifier: RegisteredClassifier, aggregate: str) -> Side:
    """A classifier with its own thresholds for this aggregation.

    Raises:
        ValueError: it has none.
    """
    return Side(classifier, thresholds_of(classifier.manifest, aggregate))


def judge_missing(
    videos: Sequence[ComparedVideo],
    sides: tuple[Side, Side],
    batch: BatchRecord,
    settings: Settings,
    *,
    aggregate: str,
    on_progress: Callable[[int, int], None],
) -> list[ComparedVideo]:
    """The videos with every judgement that can be made here; nothing of it is stored.

    A file that is gone, was changed, or could not be judged for a reason of this machine's stays without.

    Raises:
        BundleError: a classifier that is needed is not on this machine, or the detector is not.
    """
    judged: tuple[dict[int, Judgement], ...] = ({}, {})
    done, missing_in_all = 0, count_missing(videos)
    for number, side in enumerate(sides):
        missing = _missing(videos, number)
        if not missing:
            continue
        judge = _open_judge(side.classifier, batch, settings, aggregate=aggregate)
        for video_id, (paths, sha256) in missing.items():
            judgement = _judge_first_readable(judge, paths, sha256)
            if judgement is not None:
                judged[number][video_id] = judgement
            done += 1
            on_progress(done, missing_in_all)
    return [replace(video, judgements=_filled(video, judged)) for video in videos]


def count_missing(videos: Sequence[ComparedVideo]) -> int:
    """How many contents have yet to be judged, once for each classifier."""
    return len(_missing(videos, 0)) + len(_missing(videos, 1))


def compare_to_json(videos: Iterable[ComparedVideo], sides: tuple[Side, Side]) -> dict[str, Any]:
    """Counts, the matrix of verdicts and every video, as `--json` has them.

    Videos that a classifier has no word on count as left out.
    """
    rows: list[dict[str, Any]] = []
    matrix: dict[str, Counter[str]] = {}
    left_out = 0
    for video in videos:
        first, second = video.judgements
        if first is None or second is None:
            left_out += 1
            continue
        words = sides[0].word_on(first), sides[1].word_on(second)
        matrix.setdefault(words[0], Counter())[words[1]] += 1
        told = {"a": _judgement(first, words[0]), "b": _judgement(second, words[1]), "flips": words[0] != words[1]}
        rows.append({**describe_path(video.path), "sha256": video.sha256, **told, "label": video.label})
    counts = {"compared": len(rows), "flips": sum(row["flips"] for row in rows), "left_out": left_out}
    return {"counts": counts, "matrix": _in_order(matrix), "reviewed": _agreement(rows), "videos": rows}


def _missing(videos: Sequence[ComparedVideo], number: int) -> dict[int, tuple[list[bytes], str]]:
    """The paths and the hash of each content that this side has no judgement of."""
    found: dict[int, tuple[list[bytes], str]] = {}
    for video in videos:
        if video.judgements[number] is None:
            found.setdefault(video.video_id, ([], video.sha256))[0].append(video.path)
    return found


def _filled(
    video: ComparedVideo, judged: Sequence[Mapping[int, Judgement]]
) -> tuple[Judgement | None, Judgement | None]:
    first, second = video.judgements
    return first or judged[0].get(video.video_id), second or judged[1].get(video.video_id)


def _judge_first_readable(
    judge: Callable[[bytes], Judgement | None], paths: Sequence[bytes], sha256: str
) -> Judgement | None:
    from scheduler.hashing import Content, read_content

    for path in paths:
        content = read_content(path)
        if isinstance(content, Content) and content.sha256 == sha256:
            return judge(path)
    return None


def _open_judge(
    classifier: RegisteredClassifier, batch: BatchRecord, settings: Settings, *, aggregate: str
) -> Callable[[bytes], Judgement | None]:
    from worker.cores import usable_cores
    from worker.judging import limits_of
    from worker.pipeline.classifier import load_classifier
    from worker.pipeline.errors import TransientError, UnreadableVideoError
    from worker.pipeline.ffmpeg import find_ffmpeg
    from worker.pipeline.results import ScanResult
    from worker.pipeline.scan import ScanOptions, scan_video
    from worker.resources import find_bundle, load_detector

    threads = usable_cores()
    directory = find_bundle(classifier.sha256, Path(classifier.path), settings)
    loaded = load_classifier(directory, device=settings.device, threads=threads, precision=settings.precision)
    detector = load_detector(settings, threads=threads)
    ffmpeg = find_ffmpeg(settings.ffmpeg)
    options = ScanOptions(frames=batch.options["frames"], max_frames=batch.options["max_frames"])
    limits = limits_of(settings)

    def scan(path: bytes) -> ScanResult:
        return scan_video(path, options=options, detector=detector, classifier=loaded, ffmpeg=ffmpeg, limits=limits)

    def judge(path: bytes) -> Judgement | None:
        try:
            result = scan(path)
        except UnreadableVideoError:
            return Judgement("unreadable", None, is_stored=False)
        except TransientError:
            return None
        scores: Mapping[str, float] = {str(name): score for name, score in result.scores.items()}
        return Judgement(result.state, scores.get(aggregate), is_stored=False)

    return judge


def _judgement(judgement: Judgement, word: str) -> dict[str, Any]:
    verdict = None if judgement.score is None else word
    return {
        "state": judgement.state,
        "score": judgement.score,
        "verdict": verdict,
        "is_stored": judgement.is_stored,
    }


def _in_order(matrix: Mapping[str, Counter[str]]) -> dict[str, dict[str, int]]:
    """Rows and columns alike: the verdicts first, then the states that occur."""
    words = set(matrix) | {word for row in matrix.values() for word in row}
    order = [word for word in VERDICTS if word in words] + sorted(words - set(VERDICTS))
    return {row: {column: matrix.get(row, Counter())[column] for column in order} for row in order}


def _agreement(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How often each classifier says what a reviewer said."""
    reviewed = [row for row in rows if row["label"] is not None]
    right = {side: sum(row[side]["verdict"] == row["label"] for row in reviewed) for side in ("a", "b")}
    return {"videos": len(reviewed), "a_is_right": right["a"], "b_is_right": right["b"]}
