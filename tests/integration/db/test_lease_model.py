"""Claims, leases, kills and clocks in any order: the database does what a model of twenty lines says.

Time is the database's clock, which the test moves on by shifting what is compared with it. Times are so long, and steps
so coarse, that what the test itself takes decides nothing.
"""

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select, update

from db.leases import claim_scan, hand_back_scan, note_loss, release_scan, renew_lease, save_outcome
from db.reconciling import take_back_lost
from db.schema import upgrade_database
from db.session import Database, open_database
from db.steering import cancel_scans, retry_scans
from db.tables.batches import Batch, Entry
from db.tables.crew import SweepRow
from db.tables.scans import Scan
from db.tallies import add_up_changes, read_tallies
from tests.seeding import judged, scan_ids, seed_batch, seed_classifier
from tests.services import PostgresServer

STEP_S = 1_000.0
LEASE_S = 20_500.0
GAP_S = 15_500.0
GRACE_S = 10_500.0
DELAY_S = 3_500.0
SCANS = 3

scans = st.integers(0, SCANS - 1)
picks = st.integers(0, 1_000)


@dataclass
class Modelled:
    """What one scan must be like."""

    state: str = "queued"
    token: int = 0
    attempts: int = 0
    losses: int = 0
    lease_until_s: float = 0.0
    not_before_s: float = 0.0
    runs_alone: bool = False
    is_cancel_requested: bool = False
    score: float | None = None

    def end(self, state: str) -> None:
        """The lease is over."""
        self.state, self.runs_alone, self.is_cancel_requested = state, False, False


@dataclass(frozen=True)
class Held:
    """A claim that a worker believes to hold, rightly or not."""

    scan: int
    token: int


class Leases(RuleBasedStateMachine):
    """Workers that claim, renew, save, give back and die; schedulers that sweep; operators; and time."""

    make_database: ClassVar[Any]

    def __init__(self) -> None:
        super().__init__()
        self._opened = type(self).make_database()
        self.database: Database = self._opened.__enter__()
        self.model = [Modelled() for _ in range(SCANS)]
        self.held: list[Held] = []
        self.now_s = 0.0
        self.swept_s = -1e9
        self.grace_until_s = -1e9
        self.saves = 0

    @initialize()
    def submit(self) -> None:
        """A batch."""
        self.batch_id = seed_batch(self.database, seed_classifier(self.database), [f"v{n}" for n in range(SCANS)])
        self.ids = scan_ids(self.database, self.batch_id)

    def teardown(self) -> None:
        """Closes the database."""
        self._opened.__exit__(None, None, None)

    @rule(scan=scans, alone=st.booleans())
    def claim(self, *, scan: int, alone: bool) -> None:
        """A message arrives, once or again."""
        modelled = self.model[scan]
        may = modelled.state == "queued" and modelled.not_before_s <= self.now_s and (alone or modelled.losses < 2)
        with self.database.begin() as session:
            claim = claim_scan(session, self.ids[scan], worker="w", lease_s=LEASE_S, alone=alone)

        assert (claim is not None) == may
        if claim is not None:
            modelled.state = "running"
            modelled.token += 1
            modelled.attempts += 1
            modelled.runs_alone = modelled.losses >= 2
            modelled.lease_until_s = self.now_s + LEASE_S
            modelled.not_before_s = 0.0
            assert (claim.token, claim.attempt) == (modelled.token, modelled.attempts)
            self.held.append(Held(scan, claim.token))

    @precondition(lambda self: self.held)
    @rule(pick=picks)
    def renew(self, pick: int) -> None:
        """A heartbeat of one who holds the lease, or of one who was frozen and wakes."""
        held, modelled, is_ours = self._picked(pick)
        with self.database.begin() as session:
            renewal = renew_lease(
                session, self.ids[held.scan], held.token, lease_s=LEASE_S, stage="decode", progress=0.5
            )

        assert renewal == ("lost" if not is_ours else "cancel" if modelled.is_cancel_requested else "held")
        if is_ours:
            modelled.lease_until_s = self.now_s + LEASE_S

    @precondition(lambda self: self.held)
    @rule(pick=picks)
    def save(self, pick: int) -> None:
        """A verdict, in time or too late."""
        held, modelled, is_ours = self._picked(pick)
        self.saves += 1
        score = 1.0 / (1 + self.saves)
        with self.database.begin() as session:
            is_saved = save_outcome(session, self.ids[held.scan], held.token, judged(score))

        assert is_saved == is_ours
        if is_ours:
            modelled.end("judged")
            modelled.score = score

    @precondition(lambda self: self.held)
    @rule(pick=picks)
    def release(self, pick: int) -> None:
        """An error that may pass."""
        held, modelled, is_ours = self._picked(pick)
        with self.database.begin() as session:
            state = release_scan(
                session, self.ids[held.scan], held.token, reason="disk_full", detail="", delay_s=DELAY_S
            )

        if not is_ours:
            assert state is None
            return
        is_last = modelled.attempts - modelled.losses >= 3
        modelled.not_before_s = self.now_s + DELAY_S
        modelled.end("cancelled" if modelled.is_cancel_requested else "failed" if is_last else "queued")
        assert state == modelled.state

    @precondition(lambda self: self.held)
    @rule(pick=picks)
    def hand_back(self, pick: int) -> None:
        """A worker stops in good order."""
        held, modelled, is_ours = self._picked(pick)
        with self.database.begin() as session:
            assert hand_back_scan(session, self.ids[held.scan], held.token) == is_ours

        if is_ours:
            modelled.attempts -= 1
            modelled.end("cancelled" if modelled.is_cancel_requested else "queued")

    @precondition(lambda self: self.held)
    @rule(pick=picks)
    def die(self, pick: int) -> None:
        """A process is killed, and its worker tells; a worker that tells it late changes nothing."""
        held, modelled, is_ours = self._picked(pick)
        with self.database.begin() as session:
            note_loss(session, self.ids[held.scan], held.token, {"signal": "SIGKILL"})

        if is_ours:
            modelled.lease_until_s = -1e12

    @rule(schedulers=st.integers(1, 2))
    def sweep(self, schedulers: int) -> None:
        """One scheduler, or two, one after the other."""
        for _ in range(schedulers):
            if self.now_s - self.swept_s > GAP_S:
                self.grace_until_s = self.now_s + GRACE_S
            self.swept_s = self.now_s
            with self.database.begin() as session:
                take_back_lost(session, gap_s=GAP_S, grace_s=GRACE_S)
            with self.database.begin() as session:
                add_up_changes(session)
            for modelled in self.model:
                self._sweep(modelled)

    @rule(steps=st.sampled_from([1, 4, 11, 16, 21, 50]))
    def wait(self, steps: int) -> None:
        """Time passes, by the database's clock alone: no worker has one that counts."""
        passed_s = steps * STEP_S
        self.now_s += passed_s
        with self.database.begin() as session:
            lease = Scan.lease_expires_at - passed_s
            silent = update(Scan).execution_options(synchronize_session=False)
            session.execute(silent.values(lease_expires_at=lease, not_before=Scan.not_before - passed_s))
            session.execute(
                update(SweepRow).values(
                    swept_at=SweepRow.swept_at - passed_s, grace_until=SweepRow.grace_until - passed_s
                )
            )

    @rule()
    def cancel(self) -> None:
        """The operator has enough of the batch."""
        with self.database.begin() as session:
            cancel_scans(session, self.batch_id)
        for modelled in self.model:
            if modelled.state == "queued":
                modelled.state = "cancelled"
            elif modelled.state == "running":
                modelled.is_cancel_requested = True

    @rule(state=st.sampled_from(["failed", "quarantined", "cancelled"]))
    def retry(self, state: str) -> None:
        """Another chance, with all attempts; the token goes on rising."""
        with self.database.begin() as session:
            assert retry_scans(session, self.batch_id, [state]) == sum(each.state == state for each in self.model)
        for modelled in self.model:
            if modelled.state == state:
                modelled.state = "queued"
                modelled.attempts = modelled.losses = 0
                modelled.not_before_s = 0.0

    @invariant()
    def database_is_as_modelled(self) -> None:
        """Each scan is in the model's state, under the model's token, with the one verdict that was saved."""
        with self.database.read() as session:
            columns = (Scan.state, Scan.token, Scan.attempts, Scan.losses, Scan.runs_alone, Scan.score_mean)
            rows = session.execute(select(*columns).order_by(Scan.id)).all()
            tallies = read_tallies(session, self.batch_id).states()
            counted = Counter(row.state for row in rows)
            entries = session.scalar(select(func.count()).select_from(Entry).join(Batch)) or 0

        assert [tuple(row) for row in rows] == [
            (each.state, each.token, each.attempts, each.losses, each.runs_alone, each.score) for each in self.model
        ]
        assert tallies == counted
        assert sum(tallies.values()) == entries

    def _picked(self, pick: int) -> tuple[Held, Modelled, bool]:
        held = self.held[pick % len(self.held)]
        modelled = self.model[held.scan]
        return held, modelled, (modelled.state, modelled.token) == ("running", held.token)

    def _sweep(self, modelled: Modelled) -> None:
        is_known_dead = modelled.lease_until_s <= -1e11
        is_over = modelled.lease_until_s < self.now_s and self.now_s >= self.grace_until_s
        if modelled.state != "running" or not (is_known_dead or is_over):
            return
        modelled.losses += 1
        if modelled.is_cancel_requested:
            modelled.end("cancelled")
        else:
            modelled.end("quarantined" if modelled.runs_alone else "queued")


@dataclass(frozen=True)
class _Maker:
    """Makes an empty database for each run of the machine; on SQLite a copy of one that was migrated once."""

    postgres: PostgresServer | None
    template: Path

    @contextmanager
    def __call__(self) -> Iterator[Database]:
        with TemporaryDirectory(prefix="fsm-") as folder:
            if self.postgres is None:
                url = f"sqlite:///{shutil.copy(self.template, folder)}"
            else:
                url = self.postgres.create_database()
            database = open_database(url)
            upgrade_database(database)
            try:
                yield database
            finally:
                database.dispose()
                if self.postgres is not None:
                    self.postgres.drop_database(url)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "examples"), [("sqlite", 30), ("postgresql", 5)])
def test_any_order_of_events_is_as_modelled(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, examples: int
) -> None:
    """One verdict per scan, a token that only rises, losses and attempts that add up, tallies that are the counts."""
    template = tmp_path / "migrated.db"
    migrated = open_database(f"sqlite:///{template}")
    upgrade_database(migrated)
    migrated.dispose()
    maker = _Maker(None if kind == "sqlite" else request.getfixturevalue("postgres"), template)
    machine = type("Machine", (Leases,), {"make_database": staticmethod(maker.__call__)})
    quiet = settings(
        max_examples=examples,
        stateful_step_count=40,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )

    run_state_machine_as_test(machine, settings=quiet)
