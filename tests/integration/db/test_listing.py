"""A page of a list costs a few statements, however long the list is; what it shows is in test_lists.py of the web."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, delete, event, select

from db.batch_listing import list_counted_batches
from db.dialects import among
from db.listing import Wanted, list_videos, session_for
from db.session import Database
from db.tables.batches import Entry
from tests.seeding import end_scan, judged, scan_ids, seed_batch, seed_classifier


@contextmanager
def _counted_statements() -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith("BEGIN"):
            statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def _two_batches(database: Database) -> None:
    classifier_id = seed_classifier(database)
    for name in ("first", "second"):
        batch_id = seed_batch(database, classifier_id, [f"{name}-{number}" for number in range(5)], name=name)
        for scan_id in scan_ids(database, batch_id)[:4]:
            end_scan(database, scan_id, judged(0.9))


@pytest.mark.parametrize(
    ("wanted", "statements"),
    [
        (Wanted(limit=3), 2),
        (Wanted(limit=3, after=(2, 2)), 2),
        (Wanted(limit=3, batch_id=1, sort="oldest"), 2),
        (Wanted(limit=3, verdict="fake"), 3),
        (Wanted(limit=3, verdict="fake", batch_id=1), 2),
        (Wanted(limit=3, verdict="fake", batch_id=1, after=(1, 4)), 2),
        (Wanted(limit=3, sort="score"), 2),
    ],
)
def test_a_page_is_a_few_statements(database: Database, wanted: Wanted, statements: int) -> None:
    """Which entries, and what is shown of them; over all batches, first which of these hold what is wanted."""
    _two_batches(database)

    with _counted_statements() as counted, database.glance() as session:
        page = list_videos(session, wanted)

    assert len(page.videos) == 3
    assert len(counted) == statements, counted


def test_a_search_sees_one_moment(database: Database) -> None:
    """What goes away between its questions neither ends the search nor is left out of its page."""
    batch_id = seed_batch(database, seed_classifier(database), [f"clip-{number}" for number in range(5)])
    wanted = Wanted(text="clip", sort="oldest", limit=2)
    asked: list[str] = []

    def take_away(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("SELECT") and not asked:
            asked.append(statement)
            with database.begin() as other:
                other.execute(delete(Entry).where(Entry.batch_id == batch_id, Entry.position == 1))

    event.listen(Engine, "after_cursor_execute", take_away)
    try:
        with session_for(database, wanted) as session:
            page = list_videos(session, wanted)
    finally:
        event.remove(Engine, "after_cursor_execute", take_away)

    assert asked
    assert [video["path"] for video in page.videos] == ["/videos/clip-0.mp4", "/videos/clip-1.mp4"]
    assert page.next == (batch_id, 1)


def test_batches_are_three_statements(database: Database) -> None:
    """However many there are."""
    _two_batches(database)

    with database.read() as session, _counted_statements() as counted:
        batches = list_counted_batches(session)

    assert [batch["verdicts"]["fake"] for batch in batches] == [4, 4]
    assert len(counted) == 3


@pytest.mark.parametrize(("numbers", "found"), [([], []), ([2], [2]), ([1, 3, 2**62], [1, 3])])
def test_numbers_are_bound_as_one_value(database: Database, numbers: list[int], found: list[int]) -> None:
    """None, one or many: the statement is the same."""
    seed_batch(database, seed_classifier(database), ["a", "b", "c"])
    query = select(Entry.id).where(among(Entry.id, "ids")).order_by(Entry.id)

    with database.glance() as session, _counted_statements() as counted:
        assert list(session.scalars(query, {"ids": numbers})) == found

    assert len(counted) == 1


def test_a_cursor_beyond_every_number_of_ours_ends_the_list(database: Database) -> None:
    """Whoever makes up a place in a list gets what lies after it, not an error."""
    _two_batches(database)

    with database.glance() as session:
        whole = list_videos(session, Wanted(after=(2**62, 2**62)))
        none = list_videos(session, Wanted(after=(2**62, 2**62), sort="oldest"))

    assert len(whole.videos) == 10
    assert none.videos == []
