"""The server's own cameras and streams: read while somebody watches, once for all, and by nobody who may not."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest

from cli.live_sources import NamedSource
from cli.web_doors import make_doors
from db.session import Database
from tests.bundles import build_bundle
from tests.end_to_end.face_clips import draw_face_video
from tests.live_doors import door
from tests.loops import run_alone
from tests.web_client import Site, running_site
from web import watching
from web.doors import LiveDoor
from web.problems import ProblemError
from web.watching import LiveDesk
from worker.settings import Settings


def pids(note: Path) -> list[int]:
    """Of the helpers that were started so far."""
    return [int(line) for line in note.read_text().split()] if note.exists() else []


async def first(pictures: AsyncIterator[bytes]) -> bytes:
    """The next part of a stream, without its head."""
    part = await asyncio.wait_for(anext(pictures), 30)
    return part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")


async def until_gone(pid: int) -> None:
    """Waits for the end of a process."""
    async with asyncio.timeout(30):
        while psutil.pid_exists(pid):
            await asyncio.sleep(0.05)


def test_who_watches_shares_one_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many watch, one process reads; it outlives all but the last of them, and ends soon after that one."""
    monkeypatch.setattr(watching, "LINGER_S", 0.3)
    desk = LiveDesk((door(tmp_path / "note"),))

    async def watch() -> tuple[set[bytes], Mapping[str, Any], Mapping[str, Any]]:
        streams = [await desk.stream(1) for _ in range(20)]
        seen = {await first(pictures) for pictures in streams}
        during = desk.describe(1)
        for pictures in streams[1:]:
            await pictures.aclose()  # type: ignore[attr-defined]
        await asyncio.sleep(0.8)
        seen.add(await first(streams[0]))
        await streams[0].aclose()  # type: ignore[attr-defined]
        await until_gone(pids(tmp_path / "note")[0])
        return seen, during, desk.describe(1)

    seen, during, afterwards = run_alone(watch())

    assert seen == {str(pid).encode() for pid in pids(tmp_path / "note")}
    assert len(seen) == 1
    assert (during["state"], during["viewers"]) == ("running", 20)
    assert (afterwards["state"], afterwards["viewers"]) == ("off", 0)


def test_who_comes_back_at_once_finds_the_same_reader(tmp_path: Path) -> None:
    """Loading the page again does not load the networks again."""
    desk = LiveDesk((door(tmp_path / "note"),))

    async def watch() -> None:
        for _ in range(3):
            pictures = await desk.stream(1)
            await first(pictures)
            await pictures.aclose()  # type: ignore[attr-defined]
        desk.close()
        await desk.wait_closed()

    run_alone(watch())

    (pid,) = pids(tmp_path / "note")
    assert not psutil.pid_exists(pid)


def test_what_ends_by_itself_says_why_and_begins_anew(tmp_path: Path) -> None:
    """Every viewer's stream ends, the reason is told, and the next viewer gets a new reader."""
    desk = LiveDesk((door(tmp_path / "note", count=3, then="end"),))

    async def watch() -> Mapping[str, Any]:
        for _ in range(2):
            async for _picture in await desk.stream(1):
                pass
        return desk.describe(1)

    told = run_alone(watch())

    assert (told["state"], told["detail"]) == ("ended", "no picture came from camera 7")
    assert len(pids(tmp_path / "note")) == 2


@pytest.mark.parametrize(
    ("then", "silence_s", "told"), [("hang", 2.0, "no picture came for 2 s"), ("", 60.0, "what judges it ended")]
)
def test_a_reader_that_fails_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str, silence_s: float, told: str
) -> None:
    """One that hangs is killed, one that died is noticed; neither leaves anything behind."""
    monkeypatch.setattr(watching, "SILENCE_S", silence_s)
    monkeypatch.setattr(watching, "_ENDS_WITHIN_S", 0.2)
    desk = LiveDesk((door(tmp_path / "note", count=1, then=then),))

    async def watch() -> str:
        async for _picture in await desk.stream(1):
            pass
        desk.close()
        await desk.wait_closed()
        return str(desk.describe(1)["detail"])

    assert run_alone(watch()) == told
    assert not psutil.pid_exists(pids(tmp_path / "note")[0])


def test_too_many_are_sent_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes when all places are taken is told to come back."""
    monkeypatch.setattr(watching, "_MOST_VIEWERS", 1)
    desk = LiveDesk((door(tmp_path / "note"),))

    async def watch() -> None:
        pictures = await desk.stream(1)
        with pytest.raises(ProblemError, match="too many watch"):
            await desk.stream(1)
        await first(pictures)
        with pytest.raises(ProblemError, match="too many watch"):
            await desk.stream(1)
        desk.close()
        await desk.wait_closed()

    run_alone(watch())


def test_a_stream_that_nobody_reads_takes_no_place(tmp_path: Path) -> None:
    """Who goes before the first picture is counted no longer, and what was started for them ends."""
    desk = LiveDesk((door(tmp_path / "note"),))

    async def watch() -> list[int]:
        pictures = await desk.stream(1)
        before = desk.describe(1)["viewers"]
        del pictures
        async with asyncio.timeout(30):
            while desk.describe(1)["viewers"]:
                await asyncio.sleep(0.01)
            while desk.describe(1)["state"] != "off":
                await asyncio.sleep(0.05)
        await desk.wait_closed()
        return [before, desk.describe(1)["viewers"]]

    assert run_alone(watch()) == [1, 0]


@pytest.mark.parametrize(
    "command", [("/nowhere/helper",), (sys.executable, "-c", "input(); print(3)")], ids=["absent", "nonsense"]
)
def test_a_reader_that_cannot_work_lets_nobody_wait(command: tuple[str, ...]) -> None:
    """Whether it is not there or says what no helper says: the streams end, and so does the server."""
    desk = LiveDesk((LiveDoor("Desk", command, {}),))

    async def watch() -> Mapping[str, Any]:
        async with asyncio.timeout(30):
            async for _picture in await desk.stream(1):
                pass
            desk.close()
            await desk.wait_closed()
        return desk.describe(1)

    told = run_alone(watch())

    assert (told["state"], told["detail"]) == ("ended", "what judges it ended")


def test_what_a_reader_started_does_not_outlive_it(tmp_path: Path) -> None:
    """A helper that was killed, as by a lack of memory, leaves nobody at the camera."""
    note = tmp_path / "note"
    killed = (
        "import os, signal, subprocess; input();"
        f"child = subprocess.Popen(['sleep', '1000'], stdout=subprocess.DEVNULL); open({str(note)!r}, 'w')"
        ".write(str(child.pid)); os.kill(os.getpid(), signal.SIGKILL)"
    )
    desk = LiveDesk((LiveDoor("Desk", (sys.executable, "-c", killed), {}),))

    async def watch() -> None:
        async for _picture in await desk.stream(1):
            pass
        await desk.wait_closed()

    run_alone(watch())

    (pid,) = pids(note)
    try:
        # Whoever collects orphans may be slow.
        assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    finally:
        subprocess.run(["kill", "-9", str(pid)], check=False, capture_output=True)


def test_a_camera_has_one_reader_however_people_come_and_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes while two lives before it are ending waits for both."""
    monkeypatch.setattr(watching, "LINGER_S", 0.0)
    monkeypatch.setattr(watching, "_ENDS_WITHIN_S", 2.0)
    desk = LiveDesk((door(tmp_path / "note"),))

    async def until_off() -> None:
        async with asyncio.timeout(30):
            while desk.describe(1)["state"] != "off":
                await asyncio.sleep(0.01)

    async def watch() -> bool:
        earliest = await desk.stream(1)
        pid = int(await first(earliest))
        await earliest.aclose()  # type: ignore[attr-defined]
        await until_off()
        between = await desk.stream(1)
        del between
        await until_off()
        latest = await desk.stream(1)
        await first(latest)
        overlaps = psutil.pid_exists(pid)
        desk.close()
        await desk.wait_closed()
        return overlaps

    assert not run_alone(watch())
    assert len(pids(tmp_path / "note")) == 2


def test_nobody_watches_what_was_not_named(site: Site) -> None:
    """Only what the server was started with is there; an address in a request opens nothing."""
    assert site.client.get("/api/v1/live").json() == {"sources": []}
    for path in ("/api/v1/live/1", "/api/v1/live/1/stream", "/live/1"):
        assert site.client.get(path).status_code == 404
    for path in ("/api/v1/live/rtsp%3A%2F%2Fevil.example/stream", "/api/v1/live/0/stream"):
        assert site.client.get(path).status_code in (404, 422)
    assert site.client.post("/api/v1/live", json={"source": "rtsp://evil.example"}).status_code == 405


def test_watching_needs_the_scope_and_a_page_of_ours(sqlite: Database, tmp_path: Path) -> None:
    """Without `read` nothing is seen and nothing starts; nor does it for a picture on another site's page."""
    note = tmp_path / "note"
    live = (door(note, count=2, then="end"),)
    with running_site(sqlite, tmp_path, needs_token=True, lent={"live": live}) as site:
        reader = site.bearer("read")
        stranger = site.client.get("/api/v1/live/1/stream")
        submitter = site.client.get("/api/v1/live/1/stream", headers=site.bearer("submit"))
        foreign = site.client.get("/api/v1/live/1/stream", headers={**reader, "Sec-Fetch-Site": "cross-site"})
        started = pids(note)
        seen = site.client.get("/api/v1/live/1/stream", headers={**reader, "Sec-Fetch-Site": "same-origin"})
        listed = site.client.get("/api/v1/live", headers=reader).json()["sources"]
        page = site.client.get("/live/1", headers=reader)
        moved = site.client.get("/live", headers=reader)

    assert [stranger.status_code, submitter.status_code, foreign.status_code] == [401, 403, 403]
    assert started == []
    assert seen.headers["content-type"] == "multipart/x-mixed-replace; boundary=picture"
    assert seen.headers["cache-control"] == "no-store"
    assert seen.text.count("--picture\r\nContent-Type: image/jpeg\r\n") in (1, 2)
    assert [(one["name"], one["state"]) for one in listed] == [("Desk", "ended")]
    assert 'src="/api/v1/live/1/stream"' in page.text
    assert "inline" not in page.headers["content-security-policy"]
    assert moved.headers["location"] == "/live/1"


@pytest.mark.slow
def test_a_video_file_is_judged_while_it_is_watched(sqlite: Database, tmp_path: Path, monkeypatch: Any) -> None:
    """The helper that `serve` starts reads, judges and draws, and ends with its file."""
    clip = draw_face_video(tmp_path / "clip.mp4", seconds=4.0)
    monkeypatch.setenv("FAKESWEEP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FAKESWEEP_CLASSIFIER", str(build_bundle(tmp_path / "red")))
    settings = Settings(home=tmp_path / "home")
    live = make_doors(settings, sqlite, lambda: None, [NamedSource("Hall", str(clip))]).live
    with running_site(sqlite, tmp_path, lent={"live": live}) as site:
        seen = site.client.get("/api/v1/live/1/stream")
        told = site.client.get("/api/v1/live/1").json()

    pictures = [
        part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for part in seen.content.split(b"--picture\r\n")[1:]
    ]
    shown = [cv2.imdecode(np.frombuffer(one, np.uint8), cv2.IMREAD_COLOR) for one in pictures]
    assert {picture.shape for picture in shown if picture is not None} == {(480, 480, 3)}
    assert (told["state"], told["detail"]) == ("ended", "the source has ended")
    assert told["now"]["faces"] == 1
    assert told["now"]["look"] in ("fake", "uncertain", "real")


@pytest.mark.slow
def test_a_reader_ends_with_its_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the server went: neither the helper nor what decodes for it outlives the pipe between them."""
    clip = draw_face_video(tmp_path / "clip.mp4", seconds=30.0)
    monkeypatch.setenv("FAKESWEEP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FAKESWEEP_CLASSIFIER", str(build_bundle(tmp_path / "red")))
    command = [sys.executable, "-P", "-m", "cli.live_helper"]

    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as helper:
        assert helper.stdin is not None
        assert helper.stdout is not None
        helper.stdin.write(json.dumps({"source": str(clip)}).encode() + b"\n")
        helper.stdin.flush()
        facts = json.loads(helper.stdout.readline())
        decoders = psutil.Process(helper.pid).children(recursive=True)
        helper.stdin.close()
        # Whoever waits for room in the pipe would not see the end of the other.
        helper.stdout.close()

        assert helper.wait(60) is not None
    assert facts["bytes"] > 0
    assert decoders
    assert psutil.wait_procs(decoders, timeout=30)[1] == []
