"""Runs a drill: submits videos wave by wave, does one fault after the other, waits for the end, and checks."""

import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from db.errors import DatabaseUnavailableError
from db.holders import count_states
from db.invariants import Change, Findings, find_violations, read_history
from db.states import WAITING_STATES
from scheduler.drill.clips import POISONS, Clip, draw_clips, score_of
from scheduler.drill.crew import Crew
from scheduler.drill.faults import Faults, Spared
from scheduler.drill.installation import Installation, can_be_refused_writing
from scheduler.drill.messages import Messages
from scheduler.drill.plan import Order, dice_of, kinds_for, plan_faults, plan_videos
from worker.broker import BrokerError, use_broker

WAVES = 20
# Enough for every process to have something to do.
SMALLEST_WAVE = 8
STUCK_AFTER_S = 180.0
"""Where nothing has moved for so long although all faults are over, what waits is stuck."""

STOP_LIMIT_S = 60.0
LONGEST_S = 4.0
_TICK_S = 0.1
# A fault that spared its victim is tried so often before it is left out.
_TRIES = 40


@dataclass(frozen=True)
class Result:
    """What a drill came to.

    Args:
        faults: how many of each kind hit.
        spared: faults that were put off, as they would have hit a suspect that ran alone, or nobody.
        left_out: faults that found nobody to hit however often they were tried; others came in their place.
        complaints: what else was wrong, such as a process that did not end when told to.
        ended_by_themselves: ends that nobody asked for, such as of a program started while the database was away.
        takeover_s: from each death of a worker to the next claim of each scan that it held, come what may.
    """

    order: Order
    database: str
    broker: str
    faults: dict[str, int]
    findings: Findings
    states: dict[str, int]
    poison: int
    seconds: float
    spared: int = 0
    left_out: tuple[str, ...] = ()
    complaints: tuple[str, ...] = ()
    ended_by_themselves: dict[str, int] = field(default_factory=dict)
    takeover_s: tuple[float, ...] = ()

    @property
    def is_passed(self) -> bool:
        """Whether every promise was kept, under as many faults as were asked for."""
        are_done = sum(self.faults.values()) == self.order.faults
        return self.findings.are_none and not self.complaints and are_done

    def to_json(self) -> dict[str, Any]:
        """For programs: how many of each, and each in words."""
        counts = {name: len(lines) for name, lines in vars(self.findings).items()}
        takeovers = sorted(self.takeover_s)
        return {
            "passed": self.is_passed,
            "seed": self.order.seed,
            "database": self.database,
            "broker": self.broker,
            "videos": self.order.videos,
            "states": self.states,
            "faults": self.faults,
            **counts,
            "poison": {"submitted": self.poison, "quarantined": self.poison - counts["poison_at_large"]},
            "spared": self.spared,
            "left_out": list(self.left_out),
            "ended_by_themselves": self.ended_by_themselves,
            "takeover_s": {"count": len(takeovers), "median": median(takeovers), "most": takeovers[-1]}
            if takeovers
            else None,
            "seconds": round(self.seconds, 1),
            "complaints": list(self.complaints),
            "findings": {name: list(lines) for name, lines in vars(self.findings).items() if lines},
        }


Tell = Callable[[str], None]
"""Hears, many times a second, in a few words how far it is."""


def run_drill(
    installation: Installation, order: Order, *, workers: int, concurrency: int, tell: Tell = lambda _: None
) -> Result:
    """Hurts the installation as ordered and checks what came of it; nothing of it runs afterwards."""
    clips = draw_clips(
        installation.folder / "videos",
        plan_videos(order),
        seed=order.seed,
        per_folder=max(SMALLEST_WAVE, -(-order.videos // WAVES)),
        ffmpeg=installation.settings.ffmpeg,
    )
    crew = Crew(installation, workers=workers, concurrency=concurrency, longest_s=LONGEST_S)
    with use_broker(installation.settings) as broker:
        messages = Messages(installation.settings, broker.url, scans=order.videos)
        try:
            return _Drill(installation, order, clips, crew, messages, broker.ensure_alive, tell).run()
        finally:
            installation.end_everything()


class _Drill:
    def __init__(
        self,
        installation: Installation,
        order: Order,
        clips: Sequence[Clip],
        crew: Crew,
        messages: Messages,
        ensure_broker: Callable[[], None],
        tell: Tell,
    ) -> None:
        self._installation = installation
        self._order = order
        self._clips = clips
        self._crew = crew
        self._ensure_broker = ensure_broker
        self._tell = tell
        self._dice = dice_of(order, "hits")
        self._faults = Faults(installation, crew, messages, self._dice, self._wait)
        self._done: Counter[str] = Counter()
        self._spared = 0
        self._left_out: list[str] = []
        self._states: dict[str, int] = {}
        self._folders = list(dict.fromkeys(clip.path.parent for clip in clips))
        self._waves = len(self._folders)

    def run(self) -> Result:
        started_s = time.monotonic()
        planned = plan_faults(self._order, self._kinds())
        for number, kind in enumerate(planned):
            self._give_waves(number / len(planned))
            self._hit(kind)
        self._give_waves(1.0)
        self._wait_for_end()
        self._stop()
        return self._result(time.monotonic() - started_s)

    def _kinds(self) -> tuple[str, ...]:
        is_sqlite = self._installation.database.is_sqlite
        kinds = kinds_for(
            embedded_broker=self._installation.valkey is None,
            sqlite=is_sqlite,
            own_postgresql=self._installation.postgres is not None,
        )
        if is_sqlite and not can_be_refused_writing():
            return tuple(kind for kind in kinds if kind != "sqlite_read_only")
        return kinds

    def _give_waves(self, share: float) -> None:
        """Has so many of the folders submitted; one more where nothing is under way, as faults shall hit somebody."""
        self._look()
        is_idle = self._crew.is_all_submitted and not any(self._states.get(state) for state in WAITING_STATES)
        while self._folders and (len(self._folders) > (1 - share) * self._waves or is_idle):
            self._crew.submit(self._folders.pop(0))
            is_idle = False

    def _hit(self, kind: str) -> None:
        """Does a fault; where it finds nobody to hit, one of another kind comes in its place."""
        while not self._has_hit(kind):
            self._left_out.append(kind)
            kind = self._dice.choice(self._kinds())
        self._wait(self._dice.uniform(0, 0.6))

    def _has_hit(self, kind: str) -> bool:
        for _ in range(_TRIES):
            try:
                self._faults.do(kind)
            except Spared:
                self._spared += 1
                self._wait(0.5)
                continue
            self._done[kind] += 1
            return True
        return False

    def _wait(self, wait_s: float) -> None:
        """Lets time pass, in which whoever ended is started again; asks the database nothing."""
        end_s = time.monotonic() + wait_s
        while True:
            self._crew.look_after()
            ended = sum(count for state, count in self._states.items() if state not in WAITING_STATES)
            self._tell(
                f"{sum(self._done.values())} of {self._order.faults} faults, {ended} of {self._order.videos} videos"
            )
            if time.monotonic() >= end_s:
                return
            time.sleep(_TICK_S)

    def _look(self) -> None:
        try:
            with self._installation.database.read() as session:
                self._states = count_states(session)
        except DatabaseUnavailableError:
            return

    def _wait_for_end(self) -> None:
        """Until every video is done, or nothing has moved for long."""
        before: object = None
        moved_s = time.monotonic()
        while time.monotonic() - moved_s < STUCK_AFTER_S:
            self._wait(0.5)
            self._keep_broker()
            self._look()
            waiting = sum(self._states.get(state, 0) for state in WAITING_STATES)
            if self._crew.is_all_submitted and not waiting:
                return
            now = (dict(self._states), self._crew.is_all_submitted)
            if now != before:
                before, moved_s = now, time.monotonic()

    def _keep_broker(self) -> None:
        try:
            self._ensure_broker()
        except BrokerError as error:
            complaint = str(error)
            if complaint not in self._crew.complaints:
                self._crew.complaints.append(complaint)

    def _stop(self) -> None:
        try:
            self._crew.stop(limit_s=STOP_LIMIT_S)
        except subprocess.TimeoutExpired as error:
            self._crew.complaints.append(f"{error}")

    def _result(self, seconds: float) -> Result:
        poison = [clip for clip in self._clips if clip.kind in POISONS]
        scores = {clip.sha256: score_of(clip.sha256) for clip in self._clips if clip.kind != "whole"}
        with self._installation.database.read() as session:
            findings = find_violations(
                session,
                expected=[os.fsencode(clip.path) for clip in self._clips],
                poison=[os.fsencode(clip.path) for clip in poison],
                scores=scores,
            )
            takeovers = tuple(self._takeovers(read_history(session)))
            states = count_states(session)
        return Result(
            order=self._order,
            database="SQLite" if self._installation.database.is_sqlite else "PostgreSQL",
            broker="Valkey of its own" if self._installation.valkey is not None else "embedded",
            faults=dict(self._done),
            findings=findings,
            states=states,
            poison=len(poison),
            seconds=seconds,
            spared=self._spared,
            left_out=tuple(self._left_out),
            complaints=tuple(self._crew.complaints),
            ended_by_themselves=dict(self._crew.ended_by_themselves),
            takeover_s=takeovers,
        )

    def _takeovers(self, history: Mapping[int, Sequence[Change]]) -> Iterator[float]:
        for killed_at, held in self._faults.taken_over:
            for holding in held:
                later = (
                    change.at
                    for change in history.get(holding.scan_id, ())
                    if change.new_state == "running" and change.at > killed_at
                )
                claimed_at = next(later, None)
                if claimed_at is not None:
                    yield claimed_at - killed_at
