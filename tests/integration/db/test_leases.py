"""A scan has one owner at a time, and only the owner writes."""

import multiprocessing
import threading
from collections import Counter
from collections.abc import Iterator

import pytest
from sqlalchemy import func, select, update

from db.leases import (
    Claim,
    claim_scan,
    hand_back_scan,
    note_evidence,
    note_loss,
    release_scan,
    renew_lease,
    save_outcome,
    waits_for_solitude,
)
from db.outcomes import Outcome
from db.session import Database, open_database
from db.tables.contents import Video
from db.tables.findings import FaceRow, FrameRow, TrackRow
from db.tables.scans import Scan
from tests.seeding import expire_lease, judged, read_scan, scan_ids, seed_batch, seed_classifier


@pytest.fixture
def scan_id(database: Database) -> int:
    """One queued scan."""
    return scan_ids(database, seed_batch(database, seed_classifier(database), ["a"]))[0]


def _claim(database: Database, scan_id: int, *, worker: str = "w1", alone: bool = False) -> Claim | None:
    with database.begin() as session:
        return claim_scan(session, scan_id, worker=worker, lease_s=20, alone=alone)


def _must_claim(database: Database, scan_id: int, *, alone: bool = False) -> Claim:
    claim = _claim(database, scan_id, alone=alone)
    assert claim is not None
    return claim


def _set(database: Database, scan_id: int, **values: object) -> None:
    with database.begin() as session:
        session.execute(update(Scan).where(Scan.id == scan_id).values(**values))


def test_claim_brings_what_judging_needs(database: Database, scan_id: int) -> None:
    """A claim carries the path, the content's stamp, the options and the classifier."""
    claim = _must_claim(database, scan_id)

    assert (claim.path, claim.size_bytes, claim.mtime_ns) == (b"/videos/a.mp4", 1, 1_000)
    assert (claim.frames, claim.max_frames, claim.classifier_path) == (16, 256, "/classifiers/1")
    assert (claim.token, claim.attempt, claim.is_suspect) == (1, 1, False)


def test_claim_names_the_first_batch_that_asked(database: Database) -> None:
    """Also where the numbers of batch, entry and scan differ."""
    classifier_id = seed_classifier(database)
    for content in ("a", "b", "c"):
        seed_batch(database, classifier_id, [content])
    asking = seed_batch(database, classifier_id, ["d", "e", "f"])
    seed_batch(database, classifier_id, ["a", "d", "e", "f"])

    claims = [_must_claim(database, scan_id) for scan_id in scan_ids(database, asking)]

    assert [claim.batch_id for claim in claims] == [asking] * 3


def test_claimed_scan_is_not_claimed_again(database: Database, scan_id: int) -> None:
    """A second delivery of the same id gets nothing and changes nothing."""
    _must_claim(database, scan_id)

    assert _claim(database, scan_id, worker="w2") is None
    assert (read_scan(database, scan_id).worker, read_scan(database, scan_id).attempts) == ("w1", 1)


def test_unknown_scan_is_not_claimed(database: Database) -> None:
    """An id that no row has is nobody's."""
    assert _claim(database, 12345) is None


def test_scan_that_backs_off_is_not_claimed(database: Database, scan_id: int) -> None:
    """Before its moment a scan is not handed out."""
    claim = _must_claim(database, scan_id)
    with database.begin() as session:
        release_scan(session, scan_id, claim.token, reason="disk_full", detail="no space", delay_s=60)

    assert _claim(database, scan_id) is None


def test_suspect_is_claimed_only_alone(database: Database, scan_id: int) -> None:
    """A scan that lost two workers is handed out only to one that does nothing else."""
    _set(database, scan_id, losses=2)

    assert _claim(database, scan_id) is None
    with database.read() as session:
        assert waits_for_solitude(session, scan_id)
    assert _must_claim(database, scan_id, alone=True).is_suspect
    assert read_scan(database, scan_id).runs_alone


def test_alone_by_chance_condemns_nobody(database: Database, scan_id: int) -> None:
    """A scan that is no suspect does not count as run alone, whoever claims it."""
    _must_claim(database, scan_id, alone=True)

    assert not read_scan(database, scan_id).runs_alone


def _claim_all(url: str, ids: list[int], worker: str, won: "multiprocessing.Queue[tuple[str, list[int]]]") -> None:
    database = open_database(url)
    claimed = []
    for scan_id in ids:
        with database.begin() as session:
            if claim_scan(session, scan_id, worker=worker, lease_s=20, alone=False) is not None:
                claimed.append(scan_id)
    won.put((worker, claimed))


@pytest.fixture
def _seeded(empty_database_url: str, database: Database) -> Iterator[tuple[str, list[int]]]:
    ids = scan_ids(database, seed_batch(database, seed_classifier(database), [f"v{n}" for n in range(60)]))
    yield empty_database_url, ids


@pytest.mark.slow
def test_each_scan_is_claimed_by_one_process(_seeded: tuple[str, list[int]]) -> None:
    """Of several processes that claim the same scans at once, each scan goes to exactly one."""
    url, ids = _seeded
    spawning = multiprocessing.get_context("spawn")
    won: multiprocessing.Queue[tuple[str, list[int]]] = spawning.Queue()
    processes = [spawning.Process(target=_claim_all, args=(url, ids, f"w{n}", won)) for n in range(3)]
    for process in processes:
        process.start()
    claimed = Counter(scan_id for _ in processes for scan_id in won.get(timeout=60)[1])
    for process in processes:
        process.join()

    assert claimed == Counter(ids)


def test_each_scan_is_claimed_by_one_thread(database: Database, _seeded: tuple[str, list[int]]) -> None:
    """The same holds for threads that share one pool of connections."""
    _, ids = _seeded
    claimed: list[int] = []

    def claim_each() -> None:
        claimed.extend(scan_id for scan_id in ids if _claim(database, scan_id) is not None)

    threads = [threading.Thread(target=claim_each) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(claimed) == sorted(ids)


def test_renewal_prolongs_by_the_databases_clock(database: Database, scan_id: int) -> None:
    """A renewed lease ends so many seconds after the database's present, and keeps the progress."""
    claim = _must_claim(database, scan_id)
    before = read_scan(database, scan_id).lease_expires_at
    with database.begin() as session:
        renewal = renew_lease(session, scan_id, claim.token, lease_s=500, stage="decode", progress=0.25)

    scan = read_scan(database, scan_id)
    assert renewal == "held"
    assert before is not None
    assert scan.lease_expires_at is not None
    assert 470 < scan.lease_expires_at - before < 510
    assert (scan.stage, scan.progress) == ("decode", 0.25)


def test_expired_lease_that_nobody_took_is_renewed(database: Database, scan_id: int) -> None:
    """A worker cut off for a while keeps its scan if nobody took it back meanwhile."""
    claim = _must_claim(database, scan_id)
    with database.begin() as session:
        expire_lease(session, scan_id)
        assert renew_lease(session, scan_id, claim.token, lease_s=20, stage=None, progress=None) == "held"


def test_renewal_tells_of_cancelling_and_of_loss(database: Database, scan_id: int) -> None:
    """A worker learns from its heartbeat that it shall stop, or that the scan is no longer its own."""
    claim = _must_claim(database, scan_id)
    _set(database, scan_id, is_cancel_requested=True)
    with database.begin() as session:
        assert renew_lease(session, scan_id, claim.token, lease_s=20, stage=None, progress=None) == "cancel"
        assert renew_lease(session, scan_id, claim.token + 1, lease_s=20, stage=None, progress=None) == "lost"


def test_outcome_is_written_whole(database: Database, scan_id: int) -> None:
    """A verdict comes with its frames, faces, tracks and the video's facts."""
    claim = _must_claim(database, scan_id)
    with database.begin() as session:
        assert save_outcome(session, scan_id, claim.token, judged(0.9))

    scan = read_scan(database, scan_id)
    with database.read() as session:
        counts = [session.scalar(select(func.count()).select_from(table)) for table in (FrameRow, FaceRow, TrackRow)]
        video = session.scalars(select(Video)).one()
    assert (scan.state, scan.score_mean, scan.lease_expires_at) == ("judged", 0.9, None)
    assert (scan.frames_sampled, scan.frames_with_faces, scan.faces) == (2, 1, 1)
    assert counts == [2, 1, 1]
    assert (video.codec, video.width_px, video.duration_s) == ("h264", 1280, 12.5)


def test_late_write_is_refused(database: Database, scan_id: int) -> None:
    """Who lost the lease writes nothing, even when the scan runs again elsewhere or has ended."""
    frozen = _must_claim(database, scan_id)
    _set(database, scan_id, state="queued", lease_expires_at=None)
    second = _must_claim(database, scan_id)

    for _ in range(2):
        with database.begin() as session:
            assert not save_outcome(session, scan_id, frozen.token, judged(0.1))
            assert release_scan(session, scan_id, frozen.token, reason="disk_full", detail="") is None
            assert not hand_back_scan(session, scan_id, frozen.token)
            save_outcome(session, scan_id, second.token, judged(0.9))
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(FrameRow)) == 2
    assert read_scan(database, scan_id).score_mean == 0.9


def test_outcome_that_fails_leaves_nothing(database: Database, scan_id: int) -> None:
    """Verdict and frames are one transaction: an error between them leaves the scan as it was."""
    claim = _must_claim(database, scan_id)
    with pytest.raises(RuntimeError), database.begin() as session:
        save_outcome(session, scan_id, claim.token, judged(0.9))
        raise RuntimeError("the worker dies here")

    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(FrameRow)) == 0
    assert read_scan(database, scan_id).state == "running"


def test_detail_of_any_characters_is_stored(database: Database, scan_id: int) -> None:
    """Text that no database stores (NUL, lone surrogates, no end) is made storable, not refused."""
    claim = _must_claim(database, scan_id)
    outcome = Outcome(state="unreadable", reason="not_a_video", detail="\0\udcff" + "x" * 10_000)
    with database.begin() as session:
        save_outcome(session, scan_id, claim.token, outcome)

    detail = read_scan(database, scan_id).detail
    assert detail is not None
    assert (detail[0], len(detail), detail[-1]) == ("\ufffd", 4000, "…")


def test_release_requeues_then_fails(database: Database, scan_id: int) -> None:
    """A transient error gives the scan back, until the last attempt is used up."""
    states = []
    for _ in range(3):
        claim = _must_claim(database, scan_id)
        with database.begin() as session:
            states.append(release_scan(session, scan_id, claim.token, reason="memory_limit", detail="full"))

    assert states == ["queued", "queued", "failed"]
    scan = read_scan(database, scan_id)
    assert (scan.reason, scan.attempts, scan.finished_at is not None) == ("memory_limit", 3, True)


def test_lost_attempts_do_not_fail_a_scan(database: Database, scan_id: int) -> None:
    """Attempts that lost their worker are counted apart from those that ended with an error."""
    _set(database, scan_id, attempts=4, losses=4)
    claim = _must_claim(database, scan_id, alone=True)
    with database.begin() as session:
        assert release_scan(session, scan_id, claim.token, reason="memory_limit", detail="full") == "queued"


def test_cancelled_scan_is_not_requeued(database: Database, scan_id: int) -> None:
    """A scan that shall stop ends when its worker lets go of it, for whatever reason."""
    claim = _must_claim(database, scan_id)
    _set(database, scan_id, is_cancel_requested=True)
    with database.begin() as session:
        assert hand_back_scan(session, scan_id, claim.token)

    assert read_scan(database, scan_id).state == "cancelled"


def test_handing_back_costs_no_attempt(database: Database, scan_id: int) -> None:
    """A worker that is told to stop puts its scan back as if it had never begun."""
    claim = _must_claim(database, scan_id)
    with database.begin() as session:
        assert hand_back_scan(session, scan_id, claim.token)

    scan = read_scan(database, scan_id)
    assert (scan.state, scan.attempts, scan.sent_at) == ("queued", 0, None)


def test_evidence_is_added_up(database: Database, scan_id: int) -> None:
    """What is found out about a worker's death is kept beside what was known, under the same lease only."""
    claim = _must_claim(database, scan_id)
    with database.begin() as session:
        assert note_evidence(session, scan_id, claim.token, {"stage": "decode"})
        assert note_loss(session, scan_id, claim.token, {"signal": 9})
        assert not note_evidence(session, scan_id, claim.token + 1, {"signal": 11})

    scan = read_scan(database, scan_id)
    assert (scan.evidence, scan.lease_expires_at) == ({"stage": "decode", "signal": 9}, 0.0)
