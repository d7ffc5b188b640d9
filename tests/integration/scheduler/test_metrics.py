"""Prometheus gets figures that are true."""

import urllib.request
from collections.abc import Mapping

import pytest
from prometheus_client.parser import text_string_to_metric_families

from db.evaluation_sets import register_set, save_scores
from db.leases import claim_scan
from db.outcomes import Outcome
from db.schedulers import say_scheduling
from db.session import Database
from db.workers import say_alive
from scheduler.metrics import render_metrics, serving_metrics
from tests.seeding import end_scan, judged, scan_ids, seed_batch, seed_classifier
from tests.services import free_port


def read(content: bytes) -> Mapping[tuple[str, ...], float]:
    """Each sample by its name and the values of its labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(content.decode())
        for sample in family.samples
    }


def test_an_empty_installation_has_figures(database: Database) -> None:
    """Zeros, not gaps, so that an alert can tell calm from silence."""
    found = read(render_metrics(database))

    assert found["fakesweep_workers",] == found["fakesweep_schedulers",] == 0
    assert found["fakesweep_scans", "queued"] == found["fakesweep_oldest_waiting_seconds",] == 0


def test_figures_are_those_of_the_database(database: Database) -> None:
    """Queue, crew, verdicts, stages and rates."""
    batch_id = seed_batch(database, seed_classifier(database), list("abcdef"), unread=1)
    ids = scan_ids(database, batch_id)
    for scan_id, score in zip(ids[:2], (0.9, 0.1), strict=True):
        end_scan(database, scan_id, judged(score))
    end_scan(database, ids[2], Outcome(state="no_face"))
    with database.begin() as session:
        claim_scan(session, ids[3], worker="w", lease_s=60.0, alone=False)
        say_alive(session, name="w", host="h", pid=1, queues="bulk", concurrency=4)
        say_scheduling(session, name="s", host="h", pid=2)

    found = read(render_metrics(database))

    assert [found["fakesweep_scans", state] for state in ("queued", "running")] == [2, 1]
    assert [found["fakesweep_files", name] for name in ("fake", "real", "no_face", "unreadable")] == [1, 1, 1, 1]
    assert ("fakesweep_files", "waiting") not in found
    assert found["fakesweep_oldest_waiting_seconds",] >= 0
    assert (found["fakesweep_workers",], found["fakesweep_worker_slots",], found["fakesweep_schedulers",]) == (1, 4, 1)
    assert [found["fakesweep_recent_scans", state] for state in ("judged", "no_face")] == [2, 1]
    assert found["fakesweep_recent_stage_seconds", "detect"] == pytest.approx(0.3)
    assert found["fakesweep_recent_no_face_ratio",] == pytest.approx(1 / 3)
    assert not [key for key in found if key[0] == "fakesweep_score_drift"]


def test_drift_says_what_it_is_measured_against(database: Database) -> None:
    """The scores on the frozen set where there are any, else the first that were given."""
    classifier_id = seed_classifier(database)
    for scan_id in scan_ids(database, seed_batch(database, classifier_id, [str(number) for number in range(50)])):
        end_scan(database, scan_id, judged(0.9))
    before = read(render_metrics(database))
    with database.begin() as session:
        set_id = register_set(session, sha256="s", name="n", path="/s", counts={}, actor=None)
        scores = [{"kind": "video", "score": 0.1}] * 60 + [{"kind": "image", "score": 0.9}] * 60
        save_scores(session, classifier_id=classifier_id, set_id=set_id, protocol="p", scores=scores)
    after = read(render_metrics(database))

    assert before["fakesweep_score_drift", "test 1", "first_scans"] == pytest.approx(0.0)
    assert after["fakesweep_score_drift", "test 1", "evaluation"] > 0.25


def test_they_are_served(database: Database) -> None:
    """At a port of their own, for as long as the scheduler runs."""
    port = free_port()
    with (
        serving_metrics(database, "127.0.0.1", port),
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer,
    ):
        content = answer.read()

    assert ("fakesweep_scans", "queued") in read(content)
