"""What Prometheus asks for."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.responses import Response

from db.progress import oldest_waiting_s
from db.reconciling import count_under_way
from db.session import Database
from db.workers import live_workers
from web.context import context_of
from web.identity import Principal
from web.rules import READ

router = APIRouter(tags=["operations"])


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(request: Request, _principal: Annotated[Principal, Depends(READ)]) -> Response:
    """Queue and workers, as Prometheus reads them."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(context_of(request).database))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class _Collector(Collector):
    """Asks the database when it is asked."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Every figure."""
        with self._database.read() as session:
            under_way = count_under_way(session)
            oldest_s = oldest_waiting_s(session)
            workers = live_workers(session)
        scans = GaugeMetricFamily("fakesweep_scans", "Scans that wait or run.", labels=["state"])
        for state, count in under_way.items():
            scans.add_metric([state], count)
        yield scans
        yield GaugeMetricFamily("fakesweep_oldest_waiting_seconds", "How long the oldest waits.", value=oldest_s or 0)
        yield GaugeMetricFamily("fakesweep_workers", "Workers seen of late.", value=len(workers))
        slots = sum(worker.concurrency for worker in workers)
        yield GaugeMetricFamily("fakesweep_worker_slots", "Videos that they judge at once.", value=slots)
