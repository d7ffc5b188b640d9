"""Events for Flower and the like: only where they are asked for, and they steer nothing."""

import runpy
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from tests.integration.worker.installation import Installation
from tests.services import wait_until

pytestmark = pytest.mark.slow

FLOWER = Path(__file__).resolve().parents[3] / "docs" / "monitoring" / "flower" / "celeryconfig.py"


@contextmanager
def listening(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """All events of the broker meanwhile, heard as Flower hears them: with the configuration that we hand out."""
    monkeypatch.setenv("FAKESWEEP_BROKER_URL", installation.broker_url)
    listener = Celery("listener", set_as_current=False)
    listener.conf.update({name: value for name, value in runpy.run_path(str(FLOWER)).items() if name.islower()})
    heard: list[dict[str, Any]] = []
    with listener.connection_for_read() as connection:
        receiver = listener.events.Receiver(connection, handlers={"*": heard.append})
        thread = threading.Thread(target=lambda: receiver.capture(limit=None, timeout=None, wakeup=False))
        thread.start()
        try:
            # Until it hears, what it does not hear says nothing.
            wait_until(lambda: say(installation, "we-listen") or bool(heard), what="a listener that hears")
            yield heard
        finally:
            receiver.should_stop = True
            thread.join()


def say(installation: Installation, kind: str) -> None:
    """An event that somebody made up."""
    with installation.app.connection_for_write() as connection:
        installation.app.events.Dispatcher(connection, hostname="somebody").send(kind)


def kinds_of(heard: list[dict[str, Any]]) -> set[str]:
    """What kinds of events were heard."""
    return {event["type"] for event in heard}


def test_events_flow_where_they_are_asked_for(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signs of life and the course of each task, which tell a scan's number and nothing else of it."""
    installation.environment["FAKESWEEP_CELERY_EVENTS"] = "1"
    with listening(installation, monkeypatch) as heard, installation.scheduler():
        installation.start_worker()
        wait_until(lambda: "worker-heartbeat" in kinds_of(heard), what="a worker's sign of life")
        (scan_id,) = installation.submit(["quick-secret"])
        installation.wait_states(judged=1)
        wait_until(lambda: "task-succeeded" in kinds_of(heard), what="the end of a task")

    assert {"task-received", "task-started", "task-succeeded"} <= kinds_of(heard)
    (received,) = (event for event in heard if event["type"] == "task-received")
    assert received["args"] == f"({scan_id},)"
    assert "secret" not in str(heard)


def test_there_are_none_where_nobody_asked(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """By default the broker carries numbers alone."""
    with listening(installation, monkeypatch) as heard, installation.scheduler():
        installation.start_worker()
        installation.submit(["quick-1"])
        installation.wait_states(judged=1)
        say(installation, "that-was-all")
        wait_until(lambda: "that-was-all" in kinds_of(heard), what="the last event")

    assert kinds_of(heard) == {"we-listen", "that-was-all"}


def test_events_let_nobody_steer_a_worker(installation: Installation) -> None:
    """Orders by remote control reach nobody, and an event that was made up changes nothing."""
    installation.environment["FAKESWEEP_CELERY_EVENTS"] = "1"
    with installation.scheduler():
        worker = installation.start_worker()
        installation.submit(["quick-1"])
        installation.wait_states(judged=1)
        say(installation, "task-failed")

        assert not installation.app.control.ping(timeout=2)
        installation.app.control.shutdown()
        installation.submit(["quick-2"])
        installation.wait_states(judged=2)

    assert worker.poll() is None
