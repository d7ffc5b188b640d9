"""Lets people watch the server's own cameras and streams: one helper process for each, shared by all who watch it.

It begins with the first who looks and ends with the last, so that what nobody watches costs nothing.
"""

import asyncio
import json
import logging
import os
import signal
import weakref
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from web.doors import LiveDoor
from web.motion_jpeg import part_of
from web.problems import ProblemError

logger = logging.getLogger(__name__)

LINGER_S = 3.0
"""Who loads the page again does not wait for the networks again."""
SILENCE_S = 60.0
"""A helper from which no picture came for so long is ended; loading the networks takes seconds on a busy machine."""

# A page asks anew before that; a token that was revoked meanwhile does not let it in.
_STREAM_S = 600.0
_MOST_VIEWERS = 100
_REMEMBERED = 60
_ENDS_WITHIN_S = 5.0


@dataclass
class LiveDesk:
    """The sources that may be watched, by their number from 1 on.

    Args:
        doors: what the command line allows to be watched, and how.
    """

    doors: Sequence[LiveDoor]
    _runs: "dict[int, _Run]" = field(default_factory=dict)
    _is_closing: bool = False

    async def stream(self, number: int) -> AsyncIterator[bytes]:
        """The pictures of a source as parts of `multipart/x-mixed-replace`; who is slow misses some.

        Raises:
            ProblemError: there is no such source, too many watch, or the server ends.
        """
        door = self._door(number)
        if sum(len(run.viewers) for run in self._runs.values()) >= _MOST_VIEWERS:
            raise ProblemError(503, "too many watch already: try again later", headers={"Retry-After": "30"})
        if self._is_closing:
            raise ProblemError(503, "this server is stopping: try again later", headers={"Retry-After": "30"})
        run = self._runs.get(number)
        if run is None or run.is_over:
            run = self._runs[number] = _Run(door, after=run)
        # The place is taken now, as a stream's first picture may be asked for much later, or never.
        viewer = asyncio.Event()
        run.viewers.add(viewer)
        pictures = _pictures(run, viewer)
        weakref.finalize(pictures, _leave_later, asyncio.get_running_loop(), run, viewer).atexit = False
        return pictures

    def describe(self, number: int) -> dict[str, Any]:
        """What a source is at, with what was seen of late.

        Raises:
            ProblemError: there is no such source.
        """
        door = self._door(number)
        run = self._runs.get(number)
        told: dict[str, Any] = {"id": number, "name": door.name, "state": "off", "detail": None, "viewers": 0}
        if run is None:
            return {**told, "now": None, "recent": []}
        now = run.recent[-1] if run.recent else None
        told |= {"state": run.state, "detail": run.detail, "viewers": len(run.viewers)}
        return {**told, "now": now, "recent": list(run.recent)}

    def describe_all(self) -> list[dict[str, Any]]:
        """What each source is at."""
        return [{**self.describe(number), "recent": []} for number in range(1, len(self.doors) + 1)]

    def close(self) -> None:
        """Ends every stream and every helper; `wait_closed` waits for them."""
        self._is_closing = True
        for run in self._runs.values():
            run.end()

    async def wait_closed(self) -> None:
        """Waits until no helper is left."""
        # What another loop began has ended with it.
        tasks = [run.task for run in self._runs.values() if run.task.get_loop() is asyncio.get_running_loop()]
        if tasks:
            await asyncio.wait(tasks)

    def _door(self, number: int) -> LiveDoor:
        if not 1 <= number <= len(self.doors):
            raise ProblemError(404, f"there is no live source {number}: see /api/v1/live")
        return self.doors[number - 1]


async def _pictures(run: "_Run", viewer: asyncio.Event) -> AsyncIterator[bytes]:
    clock = asyncio.get_running_loop()
    ends_at = clock.time() + _STREAM_S
    try:
        while clock.time() < ends_at:
            await viewer.wait()
            viewer.clear()
            if run.is_over:
                return
            yield part_of(run.jpeg)
    finally:
        run.leave(viewer)


def _leave_later(loop: asyncio.AbstractEventLoop, run: "_Run", viewer: asyncio.Event) -> None:
    """Lets go of a stream that was forgotten, in whichever thread that is noticed."""
    # The loop may have ended before it.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(run.leave, viewer)


class _Run:
    """One life of a source's helper.

    Args:
        door: how it is started.
        after: the life before, whose end is waited for: a camera has one reader.
    """

    def __init__(self, door: LiveDoor, *, after: "_Run | None") -> None:
        self.viewers: set[asyncio.Event] = set()
        self.jpeg = b""
        self.recent: deque[Mapping[str, Any]] = deque(maxlen=_REMEMBERED)
        self.detail: str | None = None
        self.is_over = False
        self._door = door
        self._is_waiting = after is not None
        self.task: asyncio.Task[None] = asyncio.create_task(self._run(None if after is None else after.task))

    @property
    def state(self) -> str:
        """Such as "running"; "ended" where it ended by itself."""
        if self.is_over:
            return "off" if self.detail is None else "ended"
        return "running" if self.recent else "starting"

    def leave(self, viewer: asyncio.Event) -> None:
        """Forgets a viewer; the last one's going ends it after a while."""
        if viewer in self.viewers:
            self.viewers.discard(viewer)
            asyncio.get_running_loop().call_later(LINGER_S, self._end_if_alone)

    def end(self) -> None:
        """Lets those go who watch, and ends the helper."""
        self.is_over = True
        for viewer in self.viewers:
            viewer.set()
        # Who waits for the life before goes on waiting: the life after waits for this one alone.
        if not self._is_waiting:
            self.task.cancel()

    def _end_if_alone(self) -> None:
        if not self.viewers and not self.is_over:
            self.end()

    async def _run(self, before: "asyncio.Task[None] | None") -> None:
        if before is not None:
            await asyncio.wait([before])
            self._is_waiting = False
            if self.is_over:
                return
        helper = None
        try:
            helper = await asyncio.create_subprocess_exec(
                *self._door.command,
                stdin=PIPE,
                stdout=PIPE,
                # Ctrl-C is for the server, and what the helper started ends with it.
                start_new_session=True,
            )
            await self._read(helper)
        except TimeoutError:
            self.detail = f"no picture came for {SILENCE_S:.0f} s"
        except (OSError, ValueError, EOFError) as error:
            self.detail = "what judges it ended"
            logger.warning("live: the helper of %r ended: %s", self._door.name, str(error) or type(error).__name__)
        except Exception:
            self.detail = "what judges it ended"
            logger.exception("live: the helper of %r ended", self._door.name)
        finally:
            self.is_over = True
            for viewer in self.viewers:
                viewer.set()
            if helper is not None:
                await _end(helper)

    async def _read(self, helper: Process) -> None:
        if helper.stdin is None or helper.stdout is None:
            raise RuntimeError("the helper was started without pipes")
        helper.stdin.write(json.dumps(self._door.question).encode() + b"\n")
        while True:
            async with asyncio.timeout(SILENCE_S):
                line = await helper.stdout.readline()
                if not line:
                    raise EOFError("it said nothing more")
                facts = json.loads(line)
                if "ended" in facts:
                    self.detail = facts["ended"]
                    return
                self.jpeg = await helper.stdout.readexactly(facts.pop("bytes"))
            self.recent.append(facts)
            for viewer in self.viewers:
                viewer.set()


async def _end(helper: Process) -> None:
    """Asks a helper to end, by the end of its input, and kills it where it does not, and its own in any case."""
    if helper.stdin is not None:
        helper.stdin.close()
    with suppress(TimeoutError, asyncio.CancelledError):
        async with asyncio.timeout(_ENDS_WITHIN_S):
            await helper.wait()
    # What decodes for it would outlive one that was killed.
    with suppress(ProcessLookupError):
        os.killpg(helper.pid, signal.SIGKILL)
    await helper.wait()
