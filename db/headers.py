"""The head of a report: the batch, its counts, its classifier, its options and thresholds."""

import datetime
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from db.batches import BatchRecord, read_batch
from db.outcomes import SCORE_COLUMNS
from db.registry import RegisteredClassifier, read_classifier
from db.tables import STATES, Entry, Scan
from db.verdicts import VERDICTS, Thresholds, Verdict, thresholds_of


@dataclass(frozen=True)
class Judging:
    """How scores become verdicts in one report: which aggregation counts, and its thresholds."""

    aggregate: str
    thresholds: Thresholds

    @property
    def score_name(self) -> str:
        """The attribute of a scan that holds the score under this aggregation."""
        return SCORE_COLUMNS[self.aggregate].key

    @property
    def score(self) -> ColumnElement[float]:
        """The column of that score."""
        return Scan.__table__.columns[self.score_name]


@dataclass(frozen=True)
class Header:
    """A batch with its classifier, and how its scores are judged here."""

    batch: BatchRecord
    classifier: RegisteredClassifier
    judging: Judging


def read_header(session: Session, batch_id: int, *, aggregate: str | None, thresholds: Thresholds | None) -> Header:
    """Looks up a batch and settles how it is judged: as asked, else as submitted and its classifier says.

    Raises:
        LookupError: there is no such batch.
        ValueError: an aggregation that nobody knows, or one without thresholds.
    """
    batch = read_batch(session, batch_id)
    classifier = None if batch is None else read_classifier(session, batch.classifier_id)
    if batch is None or classifier is None:
        raise LookupError(f"there is no batch {batch_id}: see `fakesweep status`")
    chosen = aggregate or batch.options.get("aggregate", "mean")
    return Header(batch, classifier, settle_judging(classifier, chosen, thresholds))


def settle_judging(classifier: RegisteredClassifier, aggregate: str, thresholds: Thresholds | None) -> Judging:
    """How scores of this classifier are judged: by `thresholds`, else by its own.

    Raises:
        ValueError: an aggregation that nobody knows, or one without thresholds.
    """
    if aggregate not in SCORE_COLUMNS:
        raise ValueError(f"aggregate must be one of {', '.join(SCORE_COLUMNS)}, got {aggregate!r}")
    return Judging(aggregate, thresholds or thresholds_of(classifier.manifest, aggregate))


def describe_header(session: Session, header: Header) -> dict[str, Any]:
    """The head as the JSON report has it; `submitted` is the sum of `counts`."""
    counts = dict.fromkeys(STATES, 0)
    verdicts = dict.fromkeys(VERDICTS, 0)
    runtimes: set[str] = set()
    for state, runtime, entries, *by_verdict in _read_counts(session, header):
        counts[state] += entries
        for verdict, number in zip(VERDICTS, by_verdict, strict=True):
            verdicts[verdict] += number or 0
        runtimes |= {runtime} - {None, ""}
    return {
        "batch": {
            "id": header.batch.id,
            "name": header.batch.name,
            "created_at": iso_time(header.batch.created_at),
            "counts": counts,
            "submitted": sum(counts.values()),
            "ignored": header.batch.ignored,
            "verdicts": verdicts,
        },
        "classifier": {
            "name": header.classifier.name,
            "version": header.classifier.version,
            "sha256": header.classifier.sha256,
            "runtime": "+".join(sorted(runtimes)) or None,
        },
        "options": {**header.batch.options, "aggregate": header.judging.aggregate},
        "thresholds": vars(header.judging.thresholds),
    }


def verdict_is(judging: Judging, verdict: Verdict) -> ColumnElement[bool]:
    """The SQL for "this scan's verdict is so"; the same decision as `verdict_of`."""
    score, thresholds = judging.score, judging.thresholds
    if verdict == "fake":
        return score >= thresholds.fake_from
    if verdict == "real":
        return (score < thresholds.real_below) & (score < thresholds.fake_from)
    return (score >= thresholds.real_below) & (score < thresholds.fake_from)


def entry_state() -> ColumnElement[str]:
    """The SQL for the state of an entry: its scan's, else its own."""
    return func.coalesce(Scan.state, Entry.state)


def iso_time(moment: float | None) -> str | None:
    """Seconds since the epoch as ISO 8601 in UTC, to the millisecond."""
    if moment is None:
        return None
    exact = datetime.datetime.fromtimestamp(moment, datetime.UTC)
    return exact.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _read_counts(session: Session, header: Header) -> list[tuple[Any, ...]]:
    by_verdict = [func.sum(case((verdict_is(header.judging, verdict), 1), else_=0)) for verdict in VERDICTS]
    rows = session.execute(
        select(entry_state(), Scan.runtime, func.count(), *by_verdict)
        .select_from(Entry)
        .outerjoin(Scan, Scan.id == Entry.scan_id)
        .where(Entry.batch_id == header.batch.id)
        .group_by(entry_state(), Scan.runtime)
    )
    return [tuple(row) for row in rows]
