"""How scores become verdicts in one report, and what the standings that are kept say of that.

Under the thresholds of its batch, an entry's standing is its verdict. Under others a standing says at least between
which scores it lies: of those who stand as real below 0.3, none is fake from 0.9 on.
"""

import math
from dataclasses import dataclass
from typing import cast

from sqlalchemy import ColumnElement, Table

from db.outcomes import SCORE_COLUMNS
from db.registry import RegisteredClassifier
from db.standings import UNSETTLED
from db.tables.scans import Scan
from db.verdicts import VERDICTS, Thresholds, Verdict, thresholds_of, verdict_of

_RISING: tuple[Verdict, ...] = ("real", "uncertain", "fake")


@dataclass(frozen=True)
class Judging:
    """Which aggregation counts, and its thresholds.

    Args:
        kept: the thresholds that the standings were made by; None where they were made by another aggregation.
    """

    aggregate: str
    thresholds: Thresholds
    kept: Thresholds | None = None

    @property
    def score_name(self) -> str:
        """The attribute of a scan that holds the score under this aggregation."""
        return SCORE_COLUMNS[self.aggregate].key

    @property
    def score(self) -> ColumnElement[float]:
        """The column of that score."""
        return cast(Table, Scan.__table__).columns[self.score_name]


def settle_judging(
    classifier: RegisteredClassifier, aggregate: str, thresholds: Thresholds | None, *, kept: Thresholds | None = None
) -> Judging:
    """How scores of this classifier are judged: by `thresholds`, else by its own.

    Raises:
        ValueError: an aggregation that nobody knows, or one without thresholds.
    """
    if aggregate not in SCORE_COLUMNS:
        raise ValueError(f"aggregate must be one of {', '.join(SCORE_COLUMNS)}, got {aggregate!r}")
    return Judging(aggregate, thresholds or thresholds_of(classifier.manifest, aggregate), kept)


def verdict_is(judging: Judging, verdict: Verdict) -> ColumnElement[bool]:
    """The SQL for "this scan's verdict is so"; the same decision as `verdict_of`."""
    score, thresholds = judging.score, judging.thresholds
    if verdict == "fake":
        return score >= thresholds.fake_from
    if verdict == "real":
        return (score < thresholds.real_below) & (score < thresholds.fake_from)
    return (score >= thresholds.real_below) & (score < thresholds.fake_from)


def possible_verdicts(judging: Judging, standing: str) -> tuple[Verdict, ...]:
    """The verdicts that entries at a judged standing may have: one where the standing settles it."""
    if standing == UNSETTLED or judging.kept is None:
        return VERDICTS
    ends = [_RISING.index(verdict_of(score, judging.thresholds)) for score in _scores_at(standing, judging.kept)]
    return _RISING[ends[0] : ends[1] + 1]


def _scores_at(standing: str, thresholds: Thresholds) -> tuple[float, float]:
    """The lowest and the highest score that stands so."""
    if standing == "fake":
        return thresholds.fake_from, 1.0
    if standing == "real":
        return 0.0, math.nextafter(thresholds.real_below, 0.0)
    return thresholds.real_below, math.nextafter(thresholds.fake_from, 0.0)
