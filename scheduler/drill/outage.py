"""Takes the broker or the database away for minutes, in the middle of a batch, and sees whether all goes on."""

import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from db.invariants import Findings
from scheduler.drill.checking import check_clips
from scheduler.drill.clips import Clip, draw_clips, folders_of
from scheduler.drill.crew import Crew
from scheduler.drill.installation import Installation, Process
from scheduler.drill.states import States
from worker.broker import use_broker

Part = Literal["broker", "database"]
PARTS: tuple[Part, ...] = ("broker", "database")

# The last of them is followed by `scan`, so that a command waits for the end as well.
FOLDERS = 4
LONGEST_S = 4.0
STUCK_AFTER_S = 180.0
_DOWN_WITHIN_S = 60.0
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
        return {
            "passed": self.is_passed,
            **rounded,
            **self.findings.counts,
            "complaints": list(self.complaints),
            "findings": self.findings.told,
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
    for folder in folders_of(clips):
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
        self._states = States(installation.database)

    def run(self, away_s: float, seed: int) -> Outage:
        self._wait_for(self._is_in_full_swing)
        before = self._states.ended
        written = self._written()
        self._take_away()
        self._pass_time(away_s)
        words = {name: lines - written[name] for name, lines in self._written().items()}
        self._bring_back()
        returned_s = time.monotonic()
        self._states.look()
        meanwhile = self._states.ended - before
        self._wait_for(lambda: self._states.ended > before + meanwhile or self._is_over())
        first_s = None if before + meanwhile == len(self._clips) else time.monotonic() - returned_s
        self._wait_for(self._is_over)
        all_s = time.monotonic() - returned_s
        self._crew.stop()
        with self._installation.database.read() as session:
            findings = check_clips(session, self._clips)
        return Outage(
            part=self._part,
            away_s=away_s,
            videos=len(self._clips),
            seed=seed,
            states=self._states.counts,
            before=before,
            meanwhile=meanwhile,
            first_s=first_s,
            all_s=all_s,
            words=words,
            findings=findings,
            ended_by_themselves=dict(self._crew.ended_by_themselves),
            complaints=tuple(self._crew.complaints),
        )

    def _take_away(self) -> None:
        server = self._server()
        server.send_signal(signal.SIGQUIT if self._part == "database" else signal.SIGKILL)
        server.wait(_DOWN_WITHIN_S)

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
            self._states.look()
            self._tell(f"{self._states.ended} of {len(self._clips)} videos")
            if self._states.ended != seen:
                seen, moved_s = self._states.ended, time.monotonic()
            if time.monotonic() - moved_s > STUCK_AFTER_S:
                self._crew.complaints.append(f"nothing has moved for {STUCK_AFTER_S:g} s: {self._states.counts}")
                return
            time.sleep(_TICK_S)

    def _is_in_full_swing(self) -> bool:
        """Whether some videos have ended, all are known, and the last command is past its start and follows them."""
        is_known = sum(self._states.counts.values()) == len(self._clips)
        return self._crew.is_last_under_way and is_known and self._states.ended > 0

    def _is_over(self) -> bool:
        return self._crew.is_all_submitted and self._states.ended == len(self._clips)

    def _written(self) -> dict[str, int]:
        """How many lines each program has written so far."""
        programs = [*self._crew.workers, self._crew.scheduler, self._crew.submission]
        return {
            program.name: self._installation.log_of(program).read_bytes().count(b"\n")
            for program in programs
            if isinstance(program, Process)
        }
