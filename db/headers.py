"""The head of a report: the batch, its counts, its classifier, its options and thresholds."""

import datetime
from dataclasses import dataclass
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from db.batches import BatchRecord, read_batch
from db.judging import Judging, possible_verdicts, settle_judging, verdict_is
from db.registry import RegisteredClassifier, read_classifier
from db.standings import JUDGED_STANDINGS
from db.states import STATES
from db.tables.batches import Entry
from db.tables.scans import Scan
from db.tallies import BatchTallies, read_tallies
from db.verdicts import VERDICTS, Thresholds, Verdict


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
    kept = batch.thresholds if chosen == batch.aggregate else None
    return Header(batch, classifier, settle_judging(classifier, chosen, thresholds, kept=kept))


def describe_header(session: Session, header: Header) -> dict[str, Any]:
    """The head as the JSON report has it; `submitted` is the sum of `counts`."""
    tallies = read_tallies(session, header.batch.id)
    counts = dict.fromkeys(STATES, 0) | tallies.states()
    verdicts = _count_verdicts(session, header, tallies)
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
            "runtime": "+".join(sorted(tallies.runtimes)) or None,
        },
        "options": {**header.batch.options, "aggregate": header.judging.aggregate},
        "thresholds": vars(header.judging.thresholds),
    }


def iso_time(moment: float | None) -> str | None:
    """Seconds since the epoch as ISO 8601 in UTC, to the millisecond."""
    if moment is None:
        return None
    exact = datetime.datetime.fromtimestamp(moment, datetime.UTC)
    return exact.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _count_verdicts(session: Session, header: Header, tallies: BatchTallies) -> dict[Verdict, int]:
    """How many are fake, real and uncertain; only where a standing leaves it open, scores are looked at."""
    counts = dict.fromkeys(VERDICTS, 0)
    open_standings = []
    for standing in JUDGED_STANDINGS:
        possible = possible_verdicts(header.judging, standing)
        if len(possible) == 1:
            counts[possible[0]] += tallies.standings[standing]
        elif tallies.standings[standing]:
            open_standings.append(standing)
    if open_standings:
        sums = [func.sum(case((verdict_is(header.judging, verdict), 1), else_=0)) for verdict in VERDICTS]
        looked_at = (
            select(*sums)
            .select_from(Entry)
            .join(Scan, Scan.id == Entry.scan_id)
            .where(Entry.batch_id == header.batch.id, Entry.standing.in_(open_standings))
        )
        for verdict, count in zip(VERDICTS, session.execute(looked_at).one(), strict=True):
            counts[verdict] += count or 0
    return counts
