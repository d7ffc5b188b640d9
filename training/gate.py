"""Decides whether a classifier is no worse than another one, by what both scored on the same files.

A figure may fall by its margin at most. A margin is never finer than one example of the set: a single picture that
changes sides proves nothing. The AUC must not fall surely either, however little, unless its margin was stated: many
small falls would add up.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from training.errors import TrainingError
from training.freezing import LEAST_OF_A_CLASS
from training.intervals import ROUNDS, draw_weights, middle
from training.margins import DEFAULT_MARGINS, LOWER_IS_BETTER, Margins
from training.metrics import EXAMPLES_FOR_FIVE_PER_CENT, Ranked, measure_ranked, rounded

_KINDS = ("image", "video")
_ROUNDING = 1e-9


@dataclass(frozen=True)
class FileScore:
    """What one classifier said of one file.

    Args:
        file: its name in the frozen set.
        kind: "image" or "video".
        group: what a bootstrap draws together: files that share a person or footage.
        score: calibrated, 0..1; of a video by the mean of its frames.
        is_called_fake: whether the score reaches the classifier's own threshold.
    """

    file: str
    kind: str
    is_fake: bool
    group: int
    score: float
    is_called_fake: bool

    def __post_init__(self) -> None:
        if not 0 <= self.score <= 1:
            raise ValueError(f"score must lie between 0 and 1, got {self.score}")

    def to_json(self) -> dict[str, Any]:
        """As the database keeps it."""
        return dict(vars(self))

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        """What `to_json` made."""
        return cls(**told)


@dataclass(frozen=True)
class Check:
    """One figure of both classifiers.

    Args:
        change: the candidate's minus the active one's.
        interval: the middle 95 % of the change over paired bootstrap rounds; nan where they cannot tell.
        allowed: by how much it may be worse on this set.
        fault: why it does not pass, None where it does.
    """

    kind: str
    figure: str
    active: float
    candidate: float
    change: float
    interval: tuple[float, float]
    allowed: float
    fault: str | None


@dataclass(frozen=True)
class Comparison:
    """The candidate beside the active classifier on one set.

    Args:
        examples: how many real and fake files of each kind both have judged.
        left_out: files that only one of them has judged.
    """

    checks: tuple[Check, ...]
    examples: Mapping[str, Mapping[str, int]]
    left_out: int
    margins: Margins

    @property
    def is_passed(self) -> bool:
        """Whether nothing is worse than it may be."""
        return all(check.fault is None for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        """As the database keeps it, and as `--json` tells it."""
        told: dict[str, Any] = rounded(
            {
                "is_passed": self.is_passed,
                "examples": {kind: dict(counts) for kind, counts in self.examples.items()},
                "left_out": self.left_out,
                "margins": {name: self.margins.of(name) for name in DEFAULT_MARGINS},
                "checks": [{**vars(check), "interval": list(check.interval)} for check in self.checks],
            }
        )
        return told


def compare_scores(active: Sequence[FileScore], candidate: Sequence[FileScore], *, margins: Margins) -> Comparison:
    """Compares two classifiers on the files that both have judged, pictures and videos apart.

    Raises:
        TrainingError: of neither kind there are enough to compare anything.
    """
    ours, theirs = ({one.file: one for one in scores} for scores in (active, candidate))
    common = sorted(ours.keys() & theirs.keys())
    checks: list[Check] = []
    examples: dict[str, dict[str, int]] = {}
    for kind in _KINDS:
        pairs = [(ours[file], theirs[file]) for file in common if ours[file].kind == kind]
        fakes = sum(one.is_fake for one, _ in pairs)
        examples[kind] = {"real": len(pairs) - fakes, "fake": fakes}
        if min(examples[kind].values()) >= LEAST_OF_A_CLASS:
            checks += _checks_of(kind, pairs, margins)
    if not checks:
        raise TrainingError(
            f"nothing can be compared: of neither pictures nor videos both classifiers have judged {LEAST_OF_A_CLASS}"
            f" real and {LEAST_OF_A_CLASS} fake ones: freeze a larger set"
        )
    return Comparison(tuple(checks), examples, len(ours.keys() ^ theirs.keys()), margins)


def _checks_of(kind: str, pairs: Sequence[tuple[FileScore, FileScore]], margins: Margins) -> Iterator[Check]:
    groups = np.array([one.group for one, _ in pairs])
    sides = [_Side([pair[side] for pair in pairs]) for side in (0, 1)]
    even = np.ones(len(pairs))
    active, candidate = (side.figures(even) for side in sides)
    rounds = [
        [side.figures(weights) for side in sides] for weights in draw_weights(len(pairs), groups, rounds=ROUNDS, seed=0)
    ]
    fakes = sum(one.is_fake for one, _ in pairs)
    for name, before in active.items():
        changes = [after[name] - first[name] for first, after in rounds if name in first]
        interval = middle(changes) if len(changes) > len(rounds) / 2 else (float("nan"), float("nan"))
        allowed = max(margins.of(name), _one_example(name, real=len(pairs) - fakes, fake=fakes))
        change = candidate[name] - before
        fault = _fault(name, change, interval, allowed, is_stated=name in margins.stated)
        yield Check(kind, name, before, candidate[name], change, interval, allowed, fault)


class _Side:
    """One classifier's scores, sorted once for any number of rounds."""

    def __init__(self, scores: Sequence[FileScore]) -> None:
        self._truth = np.array([one.is_fake for one in scores], np.float64)
        self._called = np.array([one.is_called_fake for one in scores], np.float64)
        self._ranked = Ranked(self._truth, [one.score for one in scores])

    def figures(self, weights: NDArray[np.float64]) -> dict[str, float]:
        """What the margins are about; nothing where a class is missing."""
        fakes, reals = (weights * self._truth).sum(), (weights * (1 - self._truth)).sum()
        if not (fakes and reals):
            return {}
        measured = measure_ranked(self._ranked, weights[self._ranked.order])
        found = {name: value for name in DEFAULT_MARGINS if (value := measured.get(name)) is not None}
        if (self._truth < 0.5).sum() < EXAMPLES_FOR_FIVE_PER_CENT:
            found.pop("tpr_at_5_fpr")
        called = weights * self._called
        return {
            **found,
            "fakes_called": float((called * self._truth).sum() / fakes),
            "false_alarms": float((called * (1 - self._truth)).sum() / reals),
        }


def _one_example(name: str, *, real: int, fake: int) -> float:
    """By how much one example that changes sides moves a figure."""
    fewer = min(real, fake)
    moved = {
        "auc": 1 / fewer,
        "balanced_accuracy": 0.5 / fewer,
        "calibration_error": 1 / (real + fake),
        "false_alarms": 1 / real,
    }
    return moved.get(name, 1 / fake)


def _fault(name: str, change: float, interval: tuple[float, float], allowed: float, *, is_stated: bool) -> str | None:
    fall = change if name in LOWER_IS_BETTER else -change
    if fall > allowed + _ROUNDING:
        is_sure = interval[0] > 0 or interval[1] < 0
        return "worse" if is_sure else "worse, or the set is too small to tell"
    if name == "auc" and not is_stated and interval[1] < 0:
        return "surely worse, if little"
    return None
