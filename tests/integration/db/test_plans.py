"""SQLite, which knows no figures of its tables here, finds by an index what a list asks for."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from db.batch_fakes import latest_batch_fakes
from db.batch_listing import read_many_tallies
from db.listing import Wanted, list_videos
from db.listing_statements import read_shown
from db.session import Database
from db.tallies import read_tallies
from tests.seeding import seed_batch, seed_classifier


def _plans(database: Database, ask: Callable[[Session], object]) -> list[str]:
    """The steps of everything that is asked."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            asked.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        with database.read() as session:
            ask(session)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert asked
    steps: list[str] = []
    with database.read() as session:
        for statement, parameters in asked:
            rows = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            steps += [row[3] for row in rows]
    return steps


@pytest.mark.parametrize(
    "ask",
    [
        lambda session: read_shown(session, [1, 2]),
        lambda session: read_many_tallies(session, [1, 2]),
        lambda session: list_videos(session, Wanted(state="running")),
        lambda session: list_videos(session, Wanted(state="running", batch_id=1)),
    ],
    ids=["rows", "batches", "running", "running-of-batch"],
)
def test_numbers_are_found_by_an_index(sqlite: Database, ask: Callable[[Session], object]) -> None:
    """No page reads the whole of a table whose rows it asks for by number."""
    steps = _plans(sqlite, ask)
    scanned = {step.split()[1] for step in steps if step.startswith("SCAN")}
    assert not scanned & {"entries", "tallies", "tally_changes"}, steps


@pytest.mark.parametrize(
    "ask",
    [lambda session: read_many_tallies(session, [1]), lambda session: read_tallies(session, 1)],
    ids=["many", "one"],
)
def test_what_runs_is_counted_from_the_few_that_run(sqlite: Database, ask: Callable[[Session], object]) -> None:
    """Not from all entries of the batch."""
    steps = _plans(sqlite, ask)
    assert any("scans USING" in step and "ix_scans_running" in step for step in steps), steps
    assert not any("entries" in step and "batch_id=?" in step for step in steps), steps


def test_the_latest_fakes_are_found_from_what_ended_of_late(sqlite: Database) -> None:
    """Not from all fakes of the batch."""
    with sqlite.read() as session:
        assert latest_batch_fakes(session, 1, limit=5) == []
    seed_batch(sqlite, seed_classifier(sqlite), ["one"])

    steps = _plans(sqlite, lambda session: latest_batch_fakes(session, 1, limit=5))

    assert not any("batch_id=? AND standing=?" in step for step in steps), steps
