"""Pictures behind URLs: some there, some not, some in disguise."""

import json
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.http_server import Call, LoopbackServer, Reply, serving
from tests.unit.training.faces import DrawnFaceDetector, draw_face
from training.collect import waiting
from training.collect.addresses import AddressRule
from training.collect.download import Downloader
from training.collect.entries import Entry, read_entries
from training.collect.fetch import Fetching, FetchOptions
from training.collect.ledger import read_ledger
from training.collect.local_store import LocalStore
from training.collect.picture_check import FaceRule
from training.collect.target import opened_target
from training.dataset import Item, discover_items
from training.errors import TrainingError


@pytest.fixture(autouse=True)
def quick_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first wait is 10 ms instead of a second."""
    monkeypatch.setattr(waiting, "FIRST_WAIT_S", 0.01)


def picture(seed: int, extension: str = ".jpg", *, side_px: int = 96) -> bytes:
    """A drawn face."""
    drawn = cv2.resize(draw_face(seed, is_fake=False), (side_px, side_px))
    return bytes(cv2.imencode(extension, drawn)[1])


def fetch(folder: Path, entries: list[Entry], *, allow_private: bool = True, **more: Any) -> Counter[str]:
    """A whole run."""
    options = FetchOptions(**{"source": "site", "threads": 4, **more})
    downloader = Downloader(AddressRule(allow_private=allow_private), "x", max_bytes=100_000, timeout_s=30)
    with opened_target(LocalStore(folder), home=folder) as target:
        return Fetching(options, target, downloader, say=lambda _: None).run(entries)


def entries_of(server: LoopbackServer, *paths: str) -> list[Entry]:
    """One entry for each path."""
    return [Entry((server.url + path,)) for path in paths]


def reals_of(folder: Path) -> list[Item]:
    """The collected pictures as training sees them, once there is a fake one beside them."""
    with (folder / "manifest.csv").open("a") as manifest:
        manifest.write("a-fake-one.jpg,fake\n")
    return [item for item in discover_items(folder) if not item.is_fake]


def reasons(folder: Path) -> dict[str, tuple[str, str]]:
    """How each entry ended, and why, by the last part of its URL."""
    lines = read_ledger(folder / ".fakesweep-collect" / "ledger.jsonl")
    return {line["entry"].rpartition("/")[2]: (line["state"], line.get("why", "")) for line in lines}


def test_keeps_pictures_and_says_of_the_rest_why_not(tmp_path: Path) -> None:
    """Content decides, not names; every entry ends in the ledger."""
    routes = {
        "/good.jpg": Reply(200, picture(1)),
        "/disguised.html": Reply(200, picture(2, ".png"), {"Content-Type": "text/html"}),
        "/page.jpg": Reply(200, b"<html>nothing here</html>", {"Content-Type": "image/jpeg"}),
        "/half.jpg": Reply(200, picture(3)[:900]),
        "/small.png": Reply(200, picture(4, ".png", side_px=32)),
        "/large.png": Reply(200, b"\x89PNG\r\n\x1a\n" + b"x" * 200_000),
        "/animated.gif": Reply(200, b"GIF89a" + b"\0" * 100),
    }
    with serving(routes) as server:
        tally = fetch(tmp_path, entries_of(server, *routes, "/gone.jpg"), licence="CC0")

    found = reasons(tmp_path)
    assert (tally["saved"], tally["rejected"]) == (2, 6)
    assert {item.path.suffix for item in reals_of(tmp_path)} == {".jpg", ".png"}
    assert {item.licence for item in reals_of(tmp_path)} == {"CC0"}
    assert "no picture" in found["page.jpg"][1]
    assert found["gone.jpg"] == ("rejected", "the server answered 404")
    assert "32 x 32" in found["small.png"][1]
    assert "the limit is 100000" in found["large.png"][1]


def test_the_same_picture_is_kept_once(tmp_path: Path) -> None:
    """The same bytes, and the same picture in another size or encoding, also in a later run."""
    routes = {
        "/a.png": Reply(200, picture(1, ".png")),
        "/copy.png": Reply(200, picture(1, ".png")),
        "/small.jpg": Reply(200, picture(1, ".jpg", side_px=72)),
        "/other.png": Reply(200, picture(2, ".png")),
        "/later.webp": Reply(200, picture(2, ".webp", side_px=120)),
    }
    with serving(routes) as server:
        first = fetch(tmp_path, entries_of(server, *list(routes)[:4]), threads=1)
        second = fetch(tmp_path, entries_of(server, "/later.webp"))

    assert (first["saved"], first["duplicate"], second["duplicate"]) == (2, 2, 1)


def test_a_second_run_asks_only_for_what_failed(tmp_path: Path) -> None:
    """What is decided stays decided; what was busy has another chance."""
    replies = {
        "/a.jpg": [Reply(200, picture(1))],
        "/b.jpg": [Reply(503)] * 3 + [Reply(200, picture(2))],
        "/c.jpg": [Reply(410)],
    }
    with LoopbackServer(lambda call: replies[call.path].pop(0)) as server:
        entries = entries_of(server, *replies)
        first = fetch(tmp_path, entries)
        second = fetch(tmp_path, entries)

    assert (first["saved"], first["failed"], first["rejected"]) == (1, 1, 1)
    assert (second["saved"], second["known"]) == (1, 2)
    assert Counter(call.path for call in server.calls) == {"/a.jpg": 1, "/b.jpg": 4, "/c.jpg": 1}


def test_the_next_best_url_is_tried(tmp_path: Path) -> None:
    """An object's `url` may be a page, and its thumbnail the picture."""
    with serving({"/page": Reply(200, b"<html>"), "/t.jpg": Reply(200, picture(1))}) as server:
        export = json.dumps([{"url": f"{server.url}/page", "thumbnail": f"{server.url}/t.jpg", "person": "Ann; Bea"}])
        tally = fetch(tmp_path, read_entries(export.encode(), name="x"))

    item = reals_of(tmp_path)[0]
    assert tally["saved"] == 1
    assert item.origin == f"{server.url}/t.jpg"
    assert item.identities == ("person:Ann, Bea",)


def test_nothing_private_is_asked_unless_allowed(tmp_path: Path) -> None:
    """An export cannot make us ask the machine's own network."""
    with serving({"/a.jpg": Reply(200, picture(1))}) as server:
        tally = fetch(tmp_path, entries_of(server, "/a.jpg"), allow_private=False)

        assert (tally["blocked"], server.calls) == (1, [])
    assert "no public address" in reasons(tmp_path)["a.jpg"][1]


def test_a_host_is_not_asked_by_too_many_at_once(tmp_path: Path) -> None:
    """However many threads there are, one host sees only its share of them."""
    under_way, most = 0, 0
    lock = threading.Lock()

    def answer(call: Call) -> Reply:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.1)
        with lock:
            under_way -= 1
        return Reply(200, picture(int(call.path.strip("/"))))

    with LoopbackServer(answer) as server:
        tally = fetch(tmp_path, entries_of(server, *(f"/{n}" for n in range(12))), threads=8, per_host=2)

    assert (tally["saved"], most) == (12, 2)


def test_a_limit_ends_the_run(tmp_path: Path) -> None:
    """No more pictures are kept than asked for; the next run goes on."""
    with LoopbackServer(lambda call: Reply(200, picture(int(call.path.strip("/"))))) as server:
        entries = entries_of(server, *(f"/{n}" for n in range(9)))
        first = fetch(tmp_path, entries, limit=3)
        second = fetch(tmp_path, entries)

    assert (first["saved"], second["saved"], second["known"]) == (3, 6, 3)


def test_faces_are_asked_for_on_request(tmp_path: Path) -> None:
    """A picture of nobody is rejected, with the reason."""
    black = bytes(cv2.imencode(".png", np.zeros((96, 96, 3), np.uint8))[1])
    with serving({"/face": Reply(200, picture(1)), "/nobody": Reply(200, black)}) as server:
        tally = fetch(tmp_path, entries_of(server, "/face", "/nobody"), faces=FaceRule(DrawnFaceDetector()))

    assert (tally["saved"], tally["rejected"]) == (1, 1)
    assert reasons(tmp_path)["nobody"] == ("rejected", "no face of 64 px or more")


def test_hostile_names_and_texts_do_no_harm(tmp_path: Path) -> None:
    """URLs name no files, and what an export says is one harmless cell of the manifest."""
    routes = {"/..%2f..%2fetc%2fpasswd": Reply(200, picture(1)), "/%0a=cmd.jpg": Reply(200, picture(2))}
    with serving(routes) as server:
        urls = [f"{server.url}/..%2f..%2fetc%2fpasswd", f"{server.url}/%0a=cmd.jpg"]
        export = [{"url": url, "person": "=HYPERLINK(1)\r\nx,real", "license": "@SUM(1)"} for url in urls]
        tally = fetch(tmp_path / "target", read_entries(json.dumps(export).encode(), name="x"))

    items = reals_of(tmp_path / "target")
    assert tally["saved"] == len(items) == 2
    assert all(item.path.resolve().is_relative_to(tmp_path / "target" / "real" / "site") for item in items)
    assert {item.licence for item in items} == {"'@SUM(1)"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["target"]


def test_a_source_cannot_be_a_path(tmp_path: Path) -> None:
    """The name of a source is checked before anything is asked."""
    with pytest.raises(TrainingError, match="a source is named"):
        fetch(tmp_path, [], source="../elsewhere")
