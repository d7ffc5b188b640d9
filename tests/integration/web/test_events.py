"""Everybody who watches learns what happens, from one look at the database a second."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from db.session import Database
from tests.loops import run_alone
from tests.seeding import seed_batch, seed_classifier
from tests.web_judging import judge_all
from web import events
from web.events import Hub

Told = tuple[str, str, dict[str, Any]]


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The looks of these tests follow each other quickly."""
    monkeypatch.setattr(events, "LOOK_EVERY_S", 0.05)


async def read_until(lines: AsyncIterator[bytes], is_enough: Callable[[list[Told]], bool]) -> list[Told]:
    """What a client is told (id, kind, content) until it is enough."""
    told: list[Told] = []

    async def read() -> None:
        async for part in lines:
            fields = dict(line.split(": ", 1) for line in part.decode().strip().splitlines())
            if "event" in fields:
                told.append((fields["id"], fields["event"], json.loads(fields["data"])))
                if is_enough(told):
                    return

    await asyncio.wait_for(read(), 60)
    return told


def has(kind: str) -> Callable[[list[Told]], bool]:
    """Whether something of this kind was told."""
    return lambda told: any(one[1] == kind for one in told)


def test_verdicts_and_progress_are_told(database: Database) -> None:
    """Who watches sees a batch appear, and each verdict once."""
    classifier_id = seed_classifier(database)
    hub = Hub(database)

    async def watch() -> list[Told]:
        lines = await hub.stream(None)
        first = await read_until(lines, has("queue"))
        batch_id = await asyncio.to_thread(seed_batch, database, classifier_id, ["a", "b"])
        await asyncio.to_thread(judge_all, database, batch_id, [0.9, 0.1])
        rest = await read_until(lines, lambda told: sum(one[1] == "verdict" for one in told) == 2)
        await asyncio.sleep(0.5)
        hub.close()
        late = await read_until(lines, lambda _: False)
        return first + rest + late

    told = run_alone(watch())

    verdicts = [content for _, kind, content in told if kind == "verdict"]
    assert sorted((one["path"], one["verdict"]) for one in verdicts) == [
        ("/videos/a.mp4", "fake"),
        ("/videos/b.mp4", "real"),
    ]
    batches = [content["batches"] for _, kind, content in told if kind == "batches"]
    assert any(batch["verdicts"]["fake"] == 1 for listed in batches for batch in listed)


def test_clients_that_come_at_once_are_counted(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit holds also for those who asked before the first of them was told anything."""
    monkeypatch.setattr(events, "_MOST_CLIENTS", 2)
    hub = Hub(sqlite)

    async def watch() -> list[bool]:
        streams = [await hub.stream(None) for _ in range(4)]
        told = [await anext(lines, None) is not None for lines in streams]
        hub.close()
        return told

    assert run_alone(watch()) == [True, True, False, False]


def test_many_clients_cost_one_look(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many watch, the database is asked once a look, and not at all when nobody is left."""
    looks = []
    original = events.read_news
    monkeypatch.setattr(events, "read_news", lambda *given, **more: (looks.append(1), original(*given, **more))[1])
    hub = Hub(sqlite)

    async def watch() -> tuple[int, int]:
        streams = [await hub.stream(None) for _ in range(50)]
        await asyncio.gather(*(read_until(lines, has("queue")) for lines in streams))
        most = len(looks)
        for lines in streams:
            await lines.aclose()  # type: ignore[attr-defined]
        await asyncio.sleep(0.3)
        before = len(looks)
        await asyncio.sleep(0.3)
        return most, len(looks) - before

    most, afterwards = run_alone(watch())

    assert most < 50
    assert afterwards == 0


def test_who_comes_back_gets_what_was_missed(sqlite: Database) -> None:
    """By the id of the last event; with an id of another process, what holds now."""
    classifier_id = seed_classifier(sqlite)
    hub = Hub(sqlite)

    async def watch() -> tuple[list[Told], list[Told], list[Told]]:
        keeper = await hub.stream(None)
        lines = await hub.stream(None)
        kept = await asyncio.gather(read_until(keeper, has("queue")), read_until(lines, has("queue")))
        await lines.aclose()  # type: ignore[attr-defined]
        await asyncio.to_thread(seed_batch, sqlite, classifier_id, ["a"])
        seen = await read_until(keeper, has("batches"))
        missed = await read_until(await hub.stream(kept[1][-1][0]), has("batches"))
        fresh = await read_until(await hub.stream("0000-5"), has("batches"))
        hub.close()
        return seen, missed, fresh

    seen, missed, fresh = run_alone(watch())

    assert {one[0] for one in seen} <= {one[0] for one in missed}
    assert {one[1] for one in fresh} >= {"queue", "batches"}


def test_a_client_that_lags_is_let_go(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing piles up for one who does not read; it comes back and gets what holds then."""
    monkeypatch.setattr(events, "_LAG", 3)
    hub = Hub(sqlite)

    async def watch() -> list[Told]:
        lines = await hub.stream(None)
        await anext(lines)
        for number in range(20):
            hub._send("queue", json.dumps({"waiting": number}))
        return await read_until(lines, lambda _: False)

    told = run_alone(watch())

    assert len(told) <= 3
