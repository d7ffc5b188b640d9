"""The evidence report: one file that holds all, says it in words that are safe, and works in a browser."""

import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cli import evidence_report
from cli.evidence_report import write_batch_page, write_video_page
from cli.rendering.evidence_page import PageHead, write_evidence_page
from db.reports import open_report
from db.reviews import add_review
from db.session import Database
from db.videos import find_videos, read_video
from tests.integration.cli.evidence_batches import HOSTILE, rename_first, seed_judged
from worker.evidence import list_evidence
from worker.settings import Settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SCORES = [0.1, 0.95, 0.5, 0.85]
WAIT_MS = 120_000


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Evidence in a directory of the test's own."""
    return Settings(home=tmp_path)


def batch_page(database: Database, batch_id: int, settings: Settings, **wanted: Any) -> str:
    """The page of a batch."""
    stream = io.StringIO()
    with database.read() as session:
        write_batch_page(session, batch_id, stream, settings, **wanted)
    return stream.getvalue()


def details(page: str) -> list[dict[str, Any]]:
    """What the script draws of each video."""
    return [json.loads(found) for found in re.findall(r'<script type="application/json" id="d\d+">(.*)</script>', page)]


def test_a_page_holds_everything_and_asks_nobody(sqlite: Database, settings: Settings) -> None:
    """Counts, verdicts, times, boxes, pictures, hashes, reviews and the classifier are in it; no address is."""
    batch_id = seed_judged(sqlite, SCORES, unread=1, evidence=settings.evidence_directory)
    with sqlite.begin() as session:
        add_review(session, find_videos(session, "/videos/video-00001.mp4")[0], label="fake", note="<b>sure</b>")

    page = batch_page(sqlite, batch_id, settings)

    assert re.findall(r"<b>(\d+)</b>(\w+)", page)[:4] == [
        ("5", "files"),
        ("2", "fake"),
        ("1", "uncertain"),
        ("1", "real"),
    ]
    found = details(page)
    assert len(found) == 5
    assert found[1]["frames"] == [[0.5, 0.95, [[10, 20, 64, 80, 0.95, 0]]], [1.5, None, []]]
    assert (found[1]["faces"][0]["box"], found[1]["faces"][0]["w"]) == ([400, 120, 180, 230], 1280)
    assert all(found[1]["faces"][0][name] for name in ("face", "frame", "heat"))
    assert found[1]["reviews"][0][:3] == ["fake", "–", "<b>sure</b>"]
    assert {"SHA-256", "codec", "worker", "attempts", "took"} <= {name for name, _ in found[1]["told"]}
    assert ("reason", "missing") in [tuple(fact) for fact in found[4]["told"]]
    assert found[4]["frames"] == found[4]["faces"] == []
    assert "real below 0.3000, fake from 0.8000" in page
    assert "not a proof" in page
    assert (
        re.findall(
            r"https?://(?!www\.w3\.org/2000/svg)|src=\"(?!data)|href=|@import|url\(", page.partition("<script>")[0]
        )
        == []
    )
    assert "default-src 'none'" in page


def test_hostile_names_stay_text(sqlite: Database, settings: Settings) -> None:
    """A name with tags, quotes, line breaks, a turn of direction and bytes that are no UTF-8 is shown, never obeyed."""
    batch_id = seed_judged(sqlite, [0.9])
    rename_first(sqlite, batch_id, HOSTILE)

    page = batch_page(sqlite, batch_id, settings)

    assert (
        "&lt;/script&gt;&lt;script&gt;document.title=&#x27;owned&#x27;&lt;/script&gt;&#x27;&quot;&amp;\\n\ufffd\\u202e.mp4"
        in page
    )
    assert "owned'</script>" not in page
    assert "\u202e" not in page
    assert any(name == "exact path" for name, _ in details(page)[0]["told"])


def test_pictures_go_to_the_highest(sqlite: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where not all fit, fakes come first, and a video without pictures says how to get them."""
    monkeypatch.setattr(evidence_report, "MOST_PICTURED", 2)
    batch_id = seed_judged(sqlite, SCORES, evidence=settings.evidence_directory)

    page = batch_page(sqlite, batch_id, settings)

    assert [len(video["faces"]) for video in details(page)] == [0, 1, 0, 1]
    assert "Pictures of 2 videos" in page
    assert re.match(r"No pictures here, .*: fakesweep show [0-9a-f]{12} --html FILE", details(page)[0]["why"])


def test_lost_evidence_costs_pictures_alone(sqlite: Database, settings: Settings) -> None:
    """The figures stay, and the page says that pictures were not kept or are gone."""
    batch_id = seed_judged(sqlite, [0.9])

    (video,) = details(batch_page(sqlite, batch_id, settings))

    assert video["faces"] == []
    assert video["why"].startswith("No pictures: none were kept")
    assert len(video["frames"]) == 2


def test_a_damaged_file_is_told_in_the_page(sqlite: Database, settings: Settings) -> None:
    """Whoever reads the report learns which file is damaged, and not where we keep it; the others have pictures."""
    seed = seed_judged(sqlite, SCORES, evidence=settings.evidence_directory)
    assert settings.evidence_directory is not None
    damaged = next(iter(list_evidence(settings.evidence_directory)))
    damaged.path.write_bytes(damaged.path.read_bytes()[:-40])

    page = batch_page(sqlite, seed, settings)

    whys = [video["why"] for video in details(page) if not video["faces"]]
    name = damaged.path.name
    assert whys == [f"No pictures: the file with them, {name}, is damaged (BadZipFile). The verdict is not touched."]
    assert str(settings.evidence_directory) not in page
    assert sum(bool(video["faces"]) for video in details(page)) == 3


def test_filters_and_thresholds_are_those_of_the_table(sqlite: Database, settings: Settings) -> None:
    """Only what was asked for is listed; the counts stay those of the batch."""
    batch_id = seed_judged(sqlite, SCORES)

    page = batch_page(sqlite, batch_id, settings, verdict="fake")

    assert re.findall(r'data-s="([\d.]+)"', page) == ["0.950000", "0.850000"]
    assert "<b>4</b>files" in page


def test_one_video_is_a_page_of_its_own(sqlite: Database, settings: Settings) -> None:
    """The same facts and pictures, without the batch's counts."""
    seed_judged(sqlite, [0.9], evidence=settings.evidence_directory)
    stream = io.StringIO()
    with sqlite.read() as session:
        found = read_video(session, find_videos(session, "/videos/video-00000.mp4")[0])
        assert found is not None
        write_video_page(session, found, stream, settings)

    page = stream.getvalue()

    assert 'class="single"' in page
    assert "tiles" not in page.partition("</style>")[2]
    assert len(details(page)[0]["faces"]) == 1


def opened(browser: "Browser", path: Path, *, errors: list[str], **options: Any) -> "Page":
    """The file in a browser without a network, noting what goes wrong."""
    page = browser.new_context(offline=True, **options).new_page()
    page.set_default_timeout(WAIT_MS)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(path.as_uri())
    return page


@pytest.mark.drill
def test_a_person_sorts_filters_and_opens(
    sqlite: Database, settings: Settings, browser: "Browser", tmp_path: Path
) -> None:
    """Fakes come first; a click sorts, words and a choice filter, the keyboard opens; nothing is an error."""
    batch_id = seed_judged(sqlite, SCORES, unread=1, evidence=settings.evidence_directory)
    rename_first(sqlite, batch_id, HOSTILE)
    file = tmp_path / "report.html"
    file.write_text(batch_page(sqlite, batch_id, settings), encoding="utf-8")
    errors: list[str] = []
    page = opened(browser, file, errors=errors)
    rows = page.locator("#videos > tbody > tr:not(.open):visible")

    assert rows.locator(".verdict").all_inner_texts() == ["fake", "fake", "uncertain", "real", "unreadable"]
    assert page.title() == "batch: evidence report"
    page.get_by_role("button", name="score", exact=True).click()
    page.get_by_role("button", name="score", exact=True).click()
    assert rows.nth(0).locator(".verdict").inner_text() == "unreadable"
    page.get_by_label("Verdict or state").select_option("fake")
    assert page.locator("#shown").inner_text() == "2 of 5 shown"
    page.get_by_label("Verdict or state").select_option("")
    page.get_by_label("Search").fill("video-00003")
    page.get_by_text("1 of 5 shown").wait_for()
    rows.nth(0).get_by_role("button").focus()
    page.keyboard.press("Enter")
    pictures = page.locator("td.detail img")
    pictures.nth(2).wait_for()
    assert pictures.evaluate_all("pictures => pictures.every(one => one.naturalWidth > 0)")
    assert page.locator("td.detail svg.line rect").count() == 3
    assert "Looks fake in 0:00.00 to 0:01.00." in page.locator("td.detail").inner_text()
    assert page.locator("td.detail rect.box").nth(1).get_attribute("width") == "180"
    page.emulate_media(media="print")
    assert page.pdf(format="A4").startswith(b"%PDF")
    assert errors == []


@pytest.mark.drill
def test_a_page_without_scripts_is_a_table(
    sqlite: Database, settings: Settings, browser: "Browser", tmp_path: Path
) -> None:
    """On a phone whose scripts are off every video is listed, and nothing is wider than the screen."""
    file = tmp_path / "report.html"
    file.write_text(batch_page(sqlite, seed_judged(sqlite, SCORES), settings), encoding="utf-8")

    page = opened(browser, file, errors=[], java_script_enabled=False, viewport={"width": 390, "height": 844})

    assert page.locator("#videos > tbody > tr").count() == len(SCORES)
    assert page.get_by_text("Scripts are off").is_visible()
    box = page.locator("#videos").bounding_box()
    assert box is not None
    assert box["width"] <= 390


@pytest.mark.drill
def test_ten_thousand_videos_stay_usable(
    sqlite: Database, settings: Settings, browser: "Browser", tmp_path: Path
) -> None:
    """The file stays under 20 MB beside its pictures, and a browser filters and opens it."""
    count = 10_000
    batch_id = seed_judged(sqlite, [0.5])
    with sqlite.read() as session:
        report = open_report(session, batch_id, with_background=True)
        (video,) = report.videos
    frames = [{**video["frames"][0], "t_s": 0.75 * place} for place in range(16)]
    videos = (
        {**video, "path": f"/archive/video-{number:05}.mp4", "score": number / count, "frames": frames}
        for number in range(count)
    )
    file = tmp_path / "report.html"
    head = PageHead(title="archive", report=report.head, manifest={})
    with file.open("w", encoding="utf-8") as stream:
        assert write_evidence_page(head, videos, stream, faces_of=lambda _: "none") == count
    errors: list[str] = []

    page = opened(browser, file, errors=errors)
    page.get_by_text(f"{count} of {count}, the first 500 shown").wait_for()
    page.get_by_label("Search").fill("video-09")
    page.get_by_text("1000 of").wait_for()
    page.get_by_role("button", name="Show more").click()
    page.get_by_text(f"1000 of {count} shown").wait_for()
    page.locator("#videos > tbody > tr:visible button").first.click()

    page.locator("td.detail svg.line").wait_for()
    assert file.stat().st_size < 20_000_000
    assert errors == []


@pytest.mark.drill
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(
    sqlite: Database, settings: Settings, browser: "Browser", tmp_path: Path, scheme: str
) -> None:
    """The page keeps nobody out in either theme, with a row opened and on a phone."""
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415 - few tests need a browser

    file = tmp_path / "report.html"
    file.write_text(
        batch_page(sqlite, seed_judged(sqlite, SCORES, unread=1, evidence=settings.evidence_directory), settings),
        encoding="utf-8",
    )
    errors: list[str] = []
    found = {}
    for width in (1280, 390):
        page = opened(browser, file, errors=errors, color_scheme=scheme, viewport={"width": width, "height": 800})
        page.locator("#videos > tbody > tr button").nth(1).click()
        page.locator("td.detail svg.line").wait_for()
        violations = Axe().run(page).response["violations"]
        bad = {
            one["id"]: one["nodes"][0]["html"][:200] for one in violations if one["impact"] in ("serious", "critical")
        }
        found |= {f"{width}: {name}": place for name, place in bad.items()}

    assert found == {}
    assert errors == []
