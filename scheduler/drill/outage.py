"""Takes the broker or the database away for minutes, in the middle of a batch, and sees whether all goes on."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from db.errors import DatabaseUnavailableError
from db.holders import count_states
from db.invariants import Findings, find_violations
from db.states import WAITING_STATES
from scheduler.drill.clips import Clip, draw_clips, score_of
from scheduler.drill.crew import Crew
from scheduler.drill.installation import Installation, Process
from worker.broker import use_broker

Part = Literal["broker", "database"]
PARTS: tuple[Part, ...] = ("broker", "database")

# The last of them is followed by `scan`, so that a command waits for the end as well.
FOLDERS = 4
LONGEST_S = 4.0
STUCK_AFTER_S = 180.0
STOP_LIMIT_S = 60.0
_TICK_S = 0.25


@dataclass(frozen=True)
class Outage:
    """What an outage came to.

    Args:
        part: what was away.
        away_s: for how long.
        before: videos that had ended when it went away.
        meanwhile: videos that ended while it was away, from what workers held.
        first_s: from its return to the first end after it; None where all had ended before.
        all_s: from its return to the last end.
        words: lines that each program wrote while it was away.
        ended_by_themselves: programs that ended though nobody asked them to.
    """

    part: Part
    away_s: float
    videos: int
    seed: int
    states: dict[str, int]
    before: int
    meanwhile: int
    first_s: float | None
    all_s: float
    words: dict[str, int]
    findings: Findings
    ended_by_themselves: dict[str, int]
    complaints: tuple[str, ...]

    @property
    def is_passed(self) -> bool:
        """Whether nobody ended, all who need it said a word, and every video was judged once."""
        is_judged = self.states == {"judged": self.videos}
        is_said = all(count > 0 for name, count in self.words.items() if name != "command")
        return self.findings.are_none and is_judged and is_said and not self.ended_by_themselves and not self.complaints

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        own = {name: value for name, value in vars(self).items() if name not in ("findings", "complaints")}
        rounded = {name: round(value, 1) if isinstance(value, float) else value for name, value in own.items()}
        counts = {name: len(lines) for name, lines in vars(self.findings).items()}
        findings = {name: list(lines) for name, lines in vars(self.findings).items() if lines}
        return {
            "passed": self.is_passed,
            **rounded,
            **counts,
            "complaints": list(self.complaints),
            "findings": findings,
        }


def run_outage(
    installation: Installation,
    part: Part,
    *,
    away_s: float,
    videos: int,
    seed: int,
    workers: int,
    concurrency: int,
    tell: Callable[[str], None] = lambda _: None,
) -> Outage:
    """Has a batch judged without `part` for so long; the installation has servers of its own, nothing runs afterwards.

    Args:
        tell: hears, several times a second, how far it is.
    """
    clips = draw_clips(
        installation.folder / "videos",
        ["clip"] * videos,
        seed=seed,
        per_folder=-(-videos // FOLDERS),
        ffmpeg=installation.settings.ffmpeg,
    )
    crew = Crew(installation, workers=workers, concurrency=concurrency, longest_s=LONGEST_S)
    for folder in dict.fromkeys(clip.path.parent for clip in clips):
        crew.submit(folder)
    with use_broker(installation.settings):
        try:
            return _Outage(installation, crew, clips, part, tell).run(away_s, seed)
        finally:
            installation.end_everything()


class _Outage:
    def __init__(
        self, installation: Installation, crew: Crew, clips: list[Clip], part: Part, tell: Callable[[str], None]
    ) -> None:
        self._installation = installation
        self._crew = crew
        self._clips = clips
        self._part = part
        self._tell = tell
        self._states: dict[str, int] = {}

    def run(self, away_s: float, seed: int) -> Outage:
        self._wait_for(self._is_in_full_swing)
        before = self._ended()
        written = self._written()
        self._take_away()
        self._pass_time(away_s)
        words = {name: lines - written[name] for name, lines in self._written().items()}
        self._bring_back()
        returned_s = time.monotonic()
        self._look()
        meanwhile = self._ended() - before
        self._wait_for(lambda: self._ended() > before + meanwhile or self._is_over())
        first_s = None if before + meanwhile == len(self._clips) else time.monotonic() - returned_s
        self._wait_for(self._is_over)
        all_s = time.monotonic() - returned_s
        try:
            self._crew.stop(limit_s=STOP_LIMIT_S)
        except subprocess.TimeoutExpired as error:
            self._crew.complaints.append(f"{error}")
        return Outage(
            part=self._part,
            away_s=away_s,
            videos=len(self._clips),
            seed=seed,
            states=self._states,
            before=before,
            meanwhile=meanwhile,
            first_s=first_s,
            all_s=all_s,
            words=words,
            findings=self._findings(),
            ended_by_themselves=dict(self._crew.ended_by_themselves),
            complaints=tuple(self._crew.complaints),
        )

    def _take_away(self) -> None:
        server = self._server()
        server.send_signal(signal.SIGQUIT if self._part == "database" else signal.SIGKILL)
        server.wait(STOP_LIMIT_S)

    def _bring_back(self) -> None:
        own = self._installation.postgres if self._part == "database" else self._installation.valkey
        assert own is not None  # noqa: S101 - for the type checker
        own.start()

    def _server(self) -> "subprocess.Popen[bytes]":
        own = self._installation.postgres if self._part == "database" else self._installation.valkey
        assert own is not None  # noqa: S101 - for the type checker
        assert own.process is not None  # noqa: S101 - as above
        return own.process

    def _pass_time(self, away_s: float) -> None:
        end_s = time.monotonic() + away_s
        while (left_s := end_s - time.monotonic()) > 0:
            self._crew.look_after()
            self._tell(f"the {self._part} is away for another {left_s:.0f} s")
            time.sleep(min(_TICK_S, left_s))

    def _wait_for(self, is_so: Callable[[], bool]) -> None:
        """Until it is so, or nothing has moved for long, which is a complaint."""
        seen, moved_s = -1, time.monotonic()
        while not is_so():
            self._crew.look_after()
            self._look()
            self._tell(f"{self._ended()} of {len(self._clips)} videos")
            if self._ended() != seen:
                seen, moved_s = self._ended(), time.monotonic()
            if time.monotonic() - moved_s > STUCK_AFTER_S:
                self._crew.complaints.append(f"nothing has moved for {STUCK_AFTER_S:g} s: {self._states}")
                return
            time.sleep(_TICK_S)

    def _is_in_full_swing(self) -> bool:
        """Whether some videos have ended, all are known, and the last command is past its start and follows them."""
        is_known = sum(self._states.values()) == len(self._clips)
        return self._crew.is_last_under_way and is_known and self._ended() > 0

    def _is_over(self) -> bool:
        return self._crew.is_all_submitted and self._ended() == len(self._clips)

    def _ended(self) -> int:
        return sum(count for state, count in self._states.items() if state not in WAITING_STATES)

    def _look(self) -> None:
        with suppress(DatabaseUnavailableError), self._installation.database.read() as session:
            self._states = count_states(session)

    def _written(self) -> dict[str, int]:
        """How many lines each program has written so far."""
        programs = [*self._crew.workers, self._crew.scheduler, self._crew.submission]
        return {
            program.name: self._installation.log_of(program).read_bytes().count(b"\n")
            for program in programs
            if isinstance(program, Process)
        }

    def _findings(self) -> Findings:
        with self._installation.database.read() as session:
            return find_violations(
                session,
                expected=[os.fsencode(clip.path) for clip in self._clips],
                poison=(),
                scores={clip.sha256: score_of(clip.sha256) for clip in self._clips},
            )
