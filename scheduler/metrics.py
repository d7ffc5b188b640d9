"""What Prometheus reads: queue, workers, verdicts, seconds per stage, and how scores drift."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from db.monitoring import (
    Recent,
    read_evaluation_scores,
    read_first_scores,
    read_latest_scores,
    read_recent,
    read_standing_totals,
)
from db.progress import oldest_waiting_s
from db.reconciling import count_under_way
from db.registry import active_classifier
from db.schedulers import count_live_schedulers
from db.session import Database
from db.standings import WAITING
from db.workers import live_workers
from scheduler.drift import population_stability

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

RECENT_S = 3600.0
DRIFT_WINDOW_S = 7 * 86_400.0
_DRIFT_SCORES = 1000
# With fewer on either side the index says nothing.
FEWEST_SCORES = 50


def render_metrics(database: Database) -> bytes:
    """Every figure, in Prometheus' text format.

    Raises:
        DatabaseError: it does not answer.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(database))
    return generate_latest(registry)


@contextmanager
def serving_metrics(database: Database, host: str, port: int) -> Iterator[int]:
    """Serves the figures to whoever asks at this address, without a password; gives the port.

    Raises:
        OSError: the address cannot be listened at.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(database))
    server, thread = start_http_server(port, host, registry)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Collector(Collector):
    """Asks the database when it is asked."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Every figure, of one moment."""
        with self._database.read() as session:
            families = [*_queue(session), *_crew(session), *_recent(read_recent(session, within_s=RECENT_S))]
            families += _drift(session)
        yield from families


def _queue(session: "Session") -> Iterator[GaugeMetricFamily]:
    yield _labelled("fakesweep_scans", "Scans that wait or run.", "state", count_under_way(session))
    oldest_s = oldest_waiting_s(session)
    yield GaugeMetricFamily("fakesweep_oldest_waiting_seconds", "How long the oldest waits.", value=oldest_s or 0)
    totals = read_standing_totals(session)
    totals.pop(WAITING, None)
    help_text = "Submitted files that ended, by verdict or state; batches that were taken away do not count."
    yield _labelled("fakesweep_files", help_text, "standing", totals)


def _crew(session: "Session") -> Iterator[GaugeMetricFamily]:
    workers = live_workers(session)
    yield GaugeMetricFamily("fakesweep_workers", "Workers seen of late.", value=len(workers))
    slots = sum(worker.concurrency for worker in workers)
    yield GaugeMetricFamily("fakesweep_worker_slots", "Videos that they judge at once.", value=slots)
    schedulers = count_live_schedulers(session)
    yield GaugeMetricFamily("fakesweep_schedulers", "Schedulers seen of late.", value=schedulers)


def _recent(recent: Recent) -> Iterator[GaugeMetricFamily]:
    ended = sum(recent.states.values())
    yield _labelled("fakesweep_recent_scans", "Scans that ended within the last hour.", "state", recent.states)
    means = {stage: total_s / recent.stage_scans[stage] for stage, total_s in recent.stage_seconds.items()}
    help_text = "Mean seconds that a scan of the last hour spent in a stage."
    yield _labelled("fakesweep_recent_stage_seconds", help_text, "stage", means)
    for state in ("no_face", "unreadable", "failed"):
        share = recent.states[state] / ended if ended else 0.0
        help_text = f"Share of the scans of the last hour that ended {state}."
        yield GaugeMetricFamily(f"fakesweep_recent_{state}_ratio", help_text, value=share)


def _drift(session: "Session") -> Iterator[GaugeMetricFamily]:
    """Nothing where there is no classifier, or too few scores to tell."""
    active = active_classifier(session)
    if active is None:
        return
    recent = read_latest_scores(session, active.id, within_s=DRIFT_WINDOW_S, limit=_DRIFT_SCORES)
    against, reference = "evaluation", read_evaluation_scores(session, active.id)
    if len(reference) < FEWEST_SCORES:
        against, reference = "first_scans", read_first_scores(session, active.id, limit=_DRIFT_SCORES)
    if min(len(recent), len(reference)) < FEWEST_SCORES:
        return
    help_text = "Population stability index of the latest video scores; 0.25 and more is another population."
    family = GaugeMetricFamily("fakesweep_score_drift", help_text, labels=["classifier", "reference"])
    family.add_metric([f"{active.name} {active.version}", against], population_stability(reference, recent))
    yield family


def _labelled(name: str, help_text: str, label: str, values: "dict[str, int] | dict[str, float]") -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help_text, labels=[label])
    for key, value in sorted(values.items()):
        family.add_metric([key], value)
    return family
