"""Lists: filtered, searched, sorted, page by page, on both databases."""

import re
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import update

from db.reviews import add_review
from db.session import Database
from db.tables.batches import Entry
from db.tables.scans import Scan
from scheduler.control import cancel_batch
from tests.integration.cli.evidence_batches import kept_face, seed_judged
from tests.seeding import scan_ids, seed_batch
from tests.web_client import Site, running_site
from tests.web_judging import judge_all
from web.streaming_text import stream_text
from worker.evidence import save_evidence
from worker.pipeline.kept_faces import encode_jpeg


@pytest.fixture
def any_site(database: Database, tmp_path: Path) -> Iterator[Site]:
    """A site on SQLite, then on PostgreSQL."""
    with running_site(database, tmp_path) as running:
        yield running


def seed(site: Site) -> tuple[int, int]:
    """Two batches: of eight judged, of which three are fake, one waiting; and of two judged and two missing."""
    classifier_id = 1
    first = seed_batch(site.database, classifier_id, [f"clip-{number}" for number in range(8)], name="first")
    judge_all(site.database, first, [0.9, 0.1, 0.95, 0.2, 0.5, 0.85, 0.25, 0.05])
    second = seed_batch(site.database, classifier_id, ["other-1", "Other-2"], name="second", unread=2)
    judge_all(site.database, second, [0.97])
    return first, second


def all_pages(site: Site, **query: Any) -> list[dict[str, Any]]:
    """Every video of a list, fetched in pages of two."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        parameters = {**query, "limit": 2, **({} if cursor is None else {"cursor": cursor})}
        page = site.client.get("/api/v1/videos", params=parameters).json()
        found += page["videos"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def names(videos: list[dict[str, Any]]) -> list[str]:
    """Their names, without folder and extension."""
    return [Path(video["path"]).stem for video in videos]


def test_lists_are_in_order_and_whole(any_site: Site) -> None:
    """The newest submission comes first, its last file before its first; or all the other way round."""
    seed(any_site)
    newest = ["1", "0", "Other-2", "other-1", *(f"clip-{number}" for number in range(7, -1, -1))]

    assert names(all_pages(any_site)) == newest
    assert names(all_pages(any_site, sort="oldest")) == newest[::-1]


def test_lists_are_filtered(any_site: Site) -> None:
    """By batch, state and verdict, and by several at once."""
    first, second = seed(any_site)

    assert names(all_pages(any_site, verdict="fake")) == ["other-1", "clip-5", "clip-2", "clip-0"]
    assert names(all_pages(any_site, verdict="fake", batch=first)) == ["clip-5", "clip-2", "clip-0"]
    assert names(all_pages(any_site, verdict="uncertain", state="judged")) == ["clip-4"]
    assert names(all_pages(any_site, state="unreadable")) == ["1", "0"]
    assert names(all_pages(any_site, state="queued", batch=second)) == ["Other-2"]
    assert all_pages(any_site, state="running") == []
    assert all_pages(any_site, state="failed", verdict="fake") == []


def test_running_ones_are_told_apart_from_waiting_ones(any_site: Site) -> None:
    """Both stand as waiting until they end."""
    first = seed_batch(any_site.database, 1, ["a", "b", "c"])
    with any_site.database.begin() as session:
        session.execute(
            update(Scan).where(Scan.id == 2).values(state="running", lease_expires_at=9e9, worker="w", stage="decode")
        )

    assert names(all_pages(any_site, state="running")) == ["b"]
    assert names(all_pages(any_site, state="queued", batch=first)) == ["c", "a"]


def test_lists_are_searched(any_site: Site) -> None:
    """By a part of the path, whatever the case; nothing in it is a pattern."""
    seed(any_site)

    assert names(all_pages(any_site, q="oTHer")) == ["Other-2", "other-1"]
    assert names(all_pages(any_site, q="clip-1", verdict="real")) == ["clip-1"]
    assert all_pages(any_site, q="%") == []
    assert all_pages(any_site, q="c_ip") == []
    assert all_pages(any_site, q="\\") == []


def test_a_search_finds_names_of_any_bytes(any_site: Site) -> None:
    """A name that is not UTF-8 stops no search, and is told byte for byte."""
    seed_batch(any_site.database, 1, ["a"])
    with any_site.database.begin() as session:
        session.execute(update(Entry).values(path="/videos/ünïcode-".encode() + b"\xff\xfe.mp4"))

    found = all_pages(any_site, q="ünï")

    assert len(found) == 1
    assert found[0]["path_b64"] == "L3ZpZGVvcy/DvG7Dr2NvZGUt//4ubXA0"


def test_a_search_goes_on_where_it_stopped(any_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of a search costs no more than a part of the archive, and may be empty without being the last."""
    seed(any_site)
    monkeypatch.setattr("db.listing.SEARCHED_AT_ONCE", 3)

    page = any_site.client.get("/api/v1/videos", params={"q": "clip-0"}).json()

    assert page["videos"] == []
    assert page["next_cursor"] is not None
    assert names(all_pages(any_site, q="clip-0")) == ["clip-0"]


@pytest.mark.parametrize("sorted_at_once", [0, 5000])
def test_the_highest_scores_come_first(any_site: Site, monkeypatch: pytest.MonkeyPatch, sorted_at_once: int) -> None:
    """The judged by their means, in a small batch and in a large one."""
    first, _ = seed(any_site)
    monkeypatch.setattr("db.listing._SORTED_AT_ONCE", sorted_at_once)

    everywhere = all_pages(any_site, sort="score")
    within = all_pages(any_site, sort="score", batch=first, verdict="fake")

    assert [video["score"] for video in everywhere] == [0.97, 0.95, 0.9, 0.85, 0.5, 0.25, 0.2, 0.1, 0.05]
    assert names(within) == ["clip-2", "clip-0", "clip-5"]
    assert any_site.client.get("/api/v1/videos?sort=score&q=x").status_code == 422


def test_a_listed_video_says_what_people_look_for(any_site: Site) -> None:
    """State, score, verdict, label and facts."""
    seed_batch(any_site.database, 1, ["a"], name="mine")
    judge_all(any_site.database, 1, [0.9])
    with any_site.database.begin() as session:
        add_review(session, 1, label="real")
        add_review(session, 1, label="fake")

    video = all_pages(any_site)[0]

    assert video | {"finished_at": None, "sha256": None} == {
        "id": 1,
        "entry_id": 1,
        "batch": {"id": 1, "name": "mine"},
        "path": "/videos/a.mp4",
        "sha256": None,
        "state": "judged",
        "reason": None,
        "warnings": [],
        "score": 0.9,
        "verdict": "fake",
        "label": "fake",
        "reused": False,
        "stage": None,
        "progress": None,
        "size_bytes": 1,
        "duration_s": 12.5,
        "width_px": 1280,
        "height_px": 720,
        "codec": "h264",
        "faces": 1,
        "finished_at": None,
    }


@pytest.mark.parametrize(
    "cursor", ["W10", "WzFd", "WzEsMiwzLDRd", "WyJhIiwiYiJd", "WzFlOTk5LDFd", "bnVsbA", "e30", "x"]
)
def test_a_cursor_that_is_none_is_refused(site: Site, cursor: str) -> None:
    """Nothing that somebody makes up is taken for a place in a list."""
    assert site.client.get("/api/v1/videos", params={"cursor": cursor}).status_code == 422


def test_batches_are_listed_with_their_counts(any_site: Site) -> None:
    """The newest first, page by page, each with what became of its files."""
    first, second = seed(any_site)

    page = any_site.client.get("/api/v1/batches?limit=1").json()
    rest = any_site.client.get("/api/v1/batches", params={"cursor": page["next_cursor"]}).json()

    assert [batch["id"] for batch in (*page["batches"], *rest["batches"])] == [second, first]
    assert page["batches"][0]["verdicts"] == {"fake": 1, "real": 0, "uncertain": 0}
    assert page["batches"][0]["counts"]["queued"] == 1
    assert page["batches"][0]["counts"]["unreadable"] == 2
    assert rest["batches"][0]["verdicts"] == {"fake": 3, "real": 4, "uncertain": 1}
    assert rest["next_cursor"] is None
    assert any_site.client.get(f"/api/v1/batches/{first}").json() == rest["batches"][0]


def test_a_batch_is_cancelled_and_retried(any_site: Site) -> None:
    """What waits ends, and waits again when it is wanted back."""
    batch_id = seed_batch(any_site.database, 1, ["a", "b"])

    cancelled = any_site.client.post(f"/api/v1/batches/{batch_id}/cancel").json()
    retried = any_site.client.post(f"/api/v1/batches/{batch_id}/retry", json={"states": ["cancelled"]}).json()

    assert cancelled == {"ended": 2, "stopping": 0, "kept": 0}
    assert retried == {"requeued": 2, "without_content": 0}
    assert cancel_batch(any_site.database, batch_id).ended == 2


@pytest.mark.parametrize("format_", ["json", "csv", "html"])
def test_reports_are_downloaded(any_site: Site, format_: str) -> None:
    """The same as `fakesweep report` writes."""
    first, _ = seed(any_site)

    answer = any_site.client.get(f"/api/v1/batches/{first}/report", params={"format": format_, "verdict": "fake"})

    assert answer.headers["content-disposition"] == f'attachment; filename="fakesweep-batch-{first}.{format_}"'
    if format_ == "json":
        assert names(answer.json()["videos"]) == ["clip-0", "clip-2", "clip-5"]
    elif format_ == "csv":
        assert len(answer.text.splitlines()) == 4
    else:
        assert re.findall(r"clip-\d(?=\.mp4</button>)", answer.text) == ["clip-0", "clip-2", "clip-5"]
        assert answer.text.endswith("</html>\n")


def test_a_report_that_cannot_be_written_is_no_wrong_wish(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wish that does not fit is told to whoever wished it; a defect of ours is none of theirs."""
    first, _ = seed(site)
    place = f"/api/v1/batches/{first}/report"

    def fail(*_arguments: object, **_options: object) -> None:
        raise ValueError("a defect")

    for format_ in ("json", "html"):
        monkeypatch.setattr("db.reports.read_header", fail)
        assert site.client.get(place, params={"format": format_}).status_code == 422
        monkeypatch.undo()
        monkeypatch.setattr("cli.rendering.report.write_report", fail)
        monkeypatch.setattr("cli.evidence_report.write_batch_page", fail)
        assert site.client.get(place, params={"format": format_}).status_code == 500
        monkeypatch.undo()


def test_the_evidence_of_a_video_is_downloaded(site: Site) -> None:
    """One video is one page to hand on, and its own page offers it."""
    seed(site)
    (video,) = site.client.get("/api/v1/videos?q=clip-0").json()["videos"]
    place = f"/api/v1/videos/{video['id']}/report"

    answer = site.client.get(place)
    page = site.client.get(f"/videos/{video['id']}").text

    assert answer.headers["content-disposition"] == f'attachment; filename="fakesweep-video-{video["id"]}.html"'
    assert "clip-0.mp4</button>" in answer.text
    assert answer.text.endswith("</html>\n")
    assert f'href="{place}"' in page
    assert site.client.get("/api/v1/videos/999/report").status_code == 404


def test_the_page_of_a_batch_offers_its_reports(site: Site) -> None:
    """A person gets with one click what `report` writes."""
    first, _ = seed(site)

    page = site.client.get(f"/batches/{first}").text

    for format_ in ("html", "csv", "json"):
        assert f'href="/api/v1/batches/{first}/report?format={format_}"' in page


def test_a_report_comes_in_parts(site: Site) -> None:
    """However many pictures a page holds, it is sent while it is written, and the server never holds all of it."""
    batch_id = seed_judged(site.database, [0.9] * 150)
    directory = site.context.settings.evidence_directory
    assert directory is not None
    noise = np.random.default_rng(7).integers(0, 255, (225, 400, 3), np.uint8)
    heavy = replace(kept_face(0.9), frame_jpeg=encode_jpeg(noise))
    for scan_id in scan_ids(site.database, batch_id):
        save_evidence(directory, scan_id, 1, [heavy])
    write_report = site.context.doors.write_report
    assert write_report is not None

    def write(stream: Any) -> None:
        with site.database.read() as session:
            write_report(session, batch_id, stream, format_="html")

    tracemalloc.start()
    sizes = [len(part) for part in stream_text(write)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert sum(sizes) > 8_000_000
    assert len(sizes) > 30
    assert peak < sum(sizes) / 3


def test_a_review_is_given_and_taken_back(any_site: Site) -> None:
    """By whoever gave it; others may not take it back."""
    seed(any_site)
    mine = any_site.bearer("review", "read")
    given = any_site.client.post("/api/v1/videos/1/reviews", json={"label": "real", "note": "seen\nit"}, headers=mine)
    place = f"/api/v1/videos/1/reviews/{given.json()['id']}"
    other = {"Authorization": f"Bearer {any_site.token('review', name='somebody else')}"}

    theirs = any_site.client.delete(place, headers=other)
    listed = any_site.client.get("/api/v1/videos/1/reviews").json()["reviews"]
    own = any_site.client.delete(place, headers=mine)

    assert given.status_code == 201
    assert theirs.status_code == 404
    assert [(one["label"], one["note"], one["reviewer"]) for one in listed] == [("real", "seen\nit", "tester")]
    assert own.status_code == 204
    assert any_site.client.get("/api/v1/videos/1/reviews").json()["reviews"] == []
