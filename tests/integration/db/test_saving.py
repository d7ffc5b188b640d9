"""A verdict is written whole, in as few journeys as the database allows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select, update

from db.leases import claim_scan, save_at_once, save_outcome
from db.outcomes import Outcome, OutcomeFace, OutcomeFacts, OutcomeFrame, OutcomeTrack
from db.reports import open_report
from db.session import Database
from db.tables.contents import Video
from db.tables.findings import FaceRow, FrameRow, TrackRow
from db.tables.scans import Scan
from tests.seeding import judged, read_scan, scan_ids, seed_batch, seed_classifier


@contextmanager
def _counted_statements(engine: Engine) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith("BEGIN"):
            statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


@pytest.fixture
def scan_id(database: Database) -> int:
    """One queued scan."""
    return scan_ids(database, seed_batch(database, seed_classifier(database), ["a"]))[0]


def _claim(database: Database, scan_id: int) -> int:
    with database.begin_single() as session:
        claim = claim_scan(session, scan_id, worker="w", lease_s=20, alone=False)
    assert claim is not None
    return claim.token


def _many_faces() -> Outcome:
    faces = tuple(OutcomeFace(1.0, 2.0, 3.0, 4.0, 0.9, 0.5, 0.6, track) for track in range(3))
    frames = tuple(OutcomeFrame(float(t_s), 0.6, faces) for t_s in range(256))
    scores = dict.fromkeys(("mean", "top-k", "confident", "max-track"), 0.6)
    tracks = tuple(OutcomeTrack(track, 256, 0.6) for track in range(3))
    return Outcome("judged", scores=scores, frames=frames, tracks=tracks, facts=OutcomeFacts(codec="h\0264"))


def test_no_frame_costs_a_journey(database: Database, scan_id: int) -> None:
    """However many frames and faces there are, claim and save take the same few statements."""
    with _counted_statements(database.engine) as statements:
        token = _claim(database, scan_id)
        claimed = len(statements)
        with database.begin() as session:
            assert save_outcome(session, scan_id, token, _many_faces())

    assert claimed == 1
    assert len(statements) - claimed == (5 if database.is_sqlite else 1)
    with database.read() as session:
        counts = [session.scalar(select(func.count()).select_from(table)) for table in (FrameRow, FaceRow, TrackRow)]
    assert counts == [256, 768, 3]


def test_both_ways_of_saving_write_the_same(database: Database, scan_id: int) -> None:
    """One statement or several, a report tells the same of the video."""
    told = []
    for way in (save_outcome, save_at_once):
        token = _claim(database, scan_id)
        with database.begin_single() if way is save_at_once else database.begin() as session:
            is_saved = way(session, scan_id, token, judged(0.9))
        assert is_saved == (way is save_outcome or not database.is_sqlite)
        if is_saved:
            with database.read() as session:
                (video,) = open_report(session, 1).whole()["videos"]
            told.append({name: value for name, value in video.items() if name not in ("attempts", "finished_at")})
        with database.begin() as session:
            for table in (FaceRow, FrameRow, TrackRow):
                session.query(table).delete()
            session.execute(update(Video).values(codec=None, duration_s=None, width_px=None))
            session.execute(update(Scan).values(state="queued", score_mean=None, lease_expires_at=None))

    assert all(video == told[0] for video in told)
    assert (told[0]["codec"], told[0]["faces"], len(told[0]["frames"])) == ("h264", 1, 2)


def test_saving_in_one_statement_is_fenced(database: Database, scan_id: int) -> None:
    """Who lost the lease writes nothing, neither verdict nor frames nor facts."""
    token = _claim(database, scan_id)
    with database.begin_single() as session:
        assert not save_at_once(session, scan_id, token + 1, judged(0.1))

    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(FrameRow)) == 0
        assert session.scalar(select(Video.codec)) is None
    assert read_scan(database, scan_id).state == "running"


def test_frames_of_an_earlier_verdict_are_replaced(database: Database, scan_id: int) -> None:
    """A scan that was set back by hand is saved anew, with the new frames alone."""
    for outcome in (_many_faces(), judged(0.9)):
        token = _claim(database, scan_id)
        with database.begin() as session:
            assert save_outcome(session, scan_id, token, outcome)
        with database.begin() as session:
            session.execute(update(Scan).values(state="queued", score_mean=None))

    with database.read() as session:
        counts = [session.scalar(select(func.count()).select_from(table)) for table in (FrameRow, FaceRow, TrackRow)]
    assert counts == [2, 1, 1]


def test_what_is_not_known_of_a_video_stays(database: Database, scan_id: int) -> None:
    """A later scan that learns less leaves what an earlier one learnt; NUL and infinity are not stored."""
    with database.begin() as session:
        session.execute(update(Video).values(codec="h264", duration_s=12.5, width_px=640))
    token = _claim(database, scan_id)
    facts = OutcomeFacts(duration_s=float("inf"), width_px=1280, container="mov\0")
    with database.begin() as session:
        assert save_outcome(session, scan_id, token, Outcome("no_face", facts=facts))

    with database.read() as session:
        video = session.scalars(select(Video)).one()
    assert (video.codec, video.duration_s, video.width_px, video.container) == ("h264", 12.5, 1280, "mov\ufffd")
