"""Classifiers are registered once, and at most one of them is active."""

from db.registry import (
    activate_classifier,
    active_classifier,
    find_classifier,
    list_classifiers,
    read_classifier,
    register_classifier,
    rollback_classifier,
)
from db.session import Database
from db.workers import live_workers, say_alive, say_goodbye
from tests.seeding import seed_classifier


def test_registering_twice_keeps_one_row(database: Database) -> None:
    """The same bundle elsewhere is the same classifier at a new place."""
    manifest = {"name": "n", "version": "v"}
    with database.begin() as session:
        first = register_classifier(session, manifest=manifest, path="/old", sha256="aa")
        second = register_classifier(session, manifest=manifest, path="/new", sha256="aa")
        known = read_classifier(session, first)

    assert first == second
    assert known is not None
    assert known.path == "/new"


def test_activating_moves_the_one_active(database: Database) -> None:
    """Activating a classifier deactivates the other, and a rollback walks back through what was active."""
    first, second, third = (seed_classifier(database, version=version) for version in "123")
    actives = []
    with database.begin() as session:
        for _ in range(3):
            active = active_classifier(session)
            actives.append(active.id if active else None)
            rollback_classifier(session)
        assert rollback_classifier(session) is None

    assert actives == [third, second, first]


def test_activating_the_active_one_changes_nothing(database: Database) -> None:
    """A classifier never becomes its own predecessor."""
    only = seed_classifier(database)
    with database.begin() as session:
        activate_classifier(session, only)

        assert rollback_classifier(session) is None


def test_classifier_is_found_by_what_a_person_types(database: Database) -> None:
    """An id, a version, a name (its newest) and the start of a hash all find a classifier."""
    first, second = seed_classifier(database, version="2026.1"), seed_classifier(database, version="2026.2")
    with database.read() as session:
        wanted = [str(first), "2026.1", "test", list_classifiers(session)[1].sha256[:8], "100%", "9" * 30]
        found = [find_classifier(session, text) for text in wanted]

    assert [row.id if row else None for row in found] == [first, first, second, second, None, None]


def test_live_workers_are_those_seen_of_late(database: Database) -> None:
    """A worker counts while it says so, and is gone once it said goodbye."""
    with database.begin() as session:
        for name in ("a", "b", "a"):
            say_alive(session, name=name, host="h", pid=1, queues="bulk", concurrency=2)
        both = [worker.name for worker in live_workers(session)]
        say_goodbye(session, "a")
        left = [worker.name for worker in live_workers(session)]
        old = live_workers(session, within_s=-1.0)

    assert (both, left, old) == (["a", "b"], ["b"], [])
