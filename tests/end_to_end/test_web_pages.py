"""What a person does in the web application, in a real browser on the real queue."""

import json
import re
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, Request, expect

from tests.end_to_end.face_clips import draw_face_video
from tests.end_to_end.installation import Installation
from tests.end_to_end.web_site import DESKTOP, MISSING, PHONE, WAIT_MS, Site, serve
from tests.http_server import Reply, serving
from tests.image_api import KEY, ImageApiServer, answer_with
from tests.services import wait_until
from web.pages.upload import EXAMPLES
from worker.figures import format_time

pytestmark = [pytest.mark.drill, pytest.mark.xdist_group("browser"), pytest.mark.timeout(600)]

PAGES = (
    "/",
    "/videos",
    "/batches",
    "/batches/1",
    "/videos/1",
    "/videos/2",
    "/upload",
    "/folders",
    "/live",
    "/classifiers",
)
PAGES += ("/classifiers/1", "/settings", "/login", MISSING)
# Its own five seconds are short on a busy machine.
expect.set_options(timeout=WAIT_MS)
_SERIOUS = ("serious", "critical")
# At the edges the moment stands beside its line.
_HALF_LABEL_PX = 30
# What the page sends at once.
_PIECE_BYTES = 8 * 2**20
_PADDING_BYTES = 5 * 2**22


@pytest.fixture(scope="module")
def image_api() -> Iterator[ImageApiServer]:
    """Draws faces, as OpenAI would."""
    with ImageApiServer() as server:
        yield server


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, bundle: Path, browser: Browser, image_api: ImageApiServer
) -> Iterator[Site]:
    """A site in which one batch was judged: a face, and a text that calls itself a video."""
    place = tmp_path_factory.mktemp("site")
    installation = Installation(place / "home", bundle, {"SWEEP_S": "1"})
    folder = place / "videos"
    (folder / "again").mkdir(parents=True)
    draw_face_video(folder / "moving.mp4")
    (folder / "shopping list.mp4").write_text("bread, milk")
    installation.settings |= {"IMAGE_API_KEY": KEY, "IMAGE_API_URL": image_api.base_url}
    with serve(installation, folder, browser, log=place / "serve.log") as served:
        with served.opened() as page:
            _submit_folder(page)
            _wait_for_end(page)
        yield served


def test_an_uploaded_video_is_judged_before_ones_eyes(site: Site, tmp_path: Path) -> None:
    """Who drops a video sees it sent, queued, judged and told, without loading a page again."""
    clip = draw_face_video(tmp_path / "holiday film.mp4", start=40)

    with site.opened() as page:
        page.goto("/")
        page.set_input_files("#drop-files", clip)
        page.get_by_role("link", name="Open the batch").click()
        _wait_for_end(page)
        page.get_by_role("link", name="holiday film.mp4").click()

        expect(page.get_by_role("heading", level=1)).to_have_text("holiday film.mp4")
        expect(page.locator("#video-state .badge")).to_have_text(re.compile("fake|real|uncertain"))


def test_a_broken_upload_goes_on_where_it_was(site: Site, tmp_path: Path) -> None:
    """What the server has of a large file is not sent again, when the network broke and the page was closed."""
    clip = draw_face_video(tmp_path / "long film.mp4", start=60)
    with clip.open("ab") as file:
        # A box that players skip: two pieces and a half of it.
        file.write((_PADDING_BYTES + 8).to_bytes(4, "big") + b"free" + b"\0" * _PADDING_BYTES)
    sent: list[tuple[str, int]] = []

    def is_second(request: Request) -> bool:
        sent.append((request.headers["upload-offset"], len(request.post_data_buffer or b"")))
        return len(sent) == 2

    with site.opened(expected="net::ERR_") as page:
        page.route(
            re.compile(r"/api/v1/uploads/\w+$"),
            lambda route: (
                route.abort() if route.request.method == "PATCH" and is_second(route.request) else route.continue_()
            ),
        )
        page.goto("/upload")
        page.set_input_files("#drop-files", clip)
        expect(page.locator(".uploads .small")).to_have_text("goes on in 1 s")
        page.reload()
        page.set_input_files("#drop-files", clip)
        page.get_by_role("link", name="Open the batch").click()
        _wait_for_end(page)

        expect(page.locator("#batch-videos .badge").first).to_have_text(re.compile("fake|real|uncertain"))
    assert sent[:3] == [("0", _PIECE_BYTES), (str(_PIECE_BYTES), _PIECE_BYTES), (str(_PIECE_BYTES), _PIECE_BYTES)]
    assert sent[3][0] == str(2 * _PIECE_BYTES)
    assert len(sent) == 4


def test_a_face_is_drawn_and_judged(site: Site) -> None:
    """What an image API draws for a person's words is shown with its verdict."""
    with site.opened() as page:
        page.goto("/upload")
        page.get_by_label("What to draw").fill("a sailor who never was")
        page.get_by_role("button", name="Draw and judge").click()
        picture = page.locator("[data-answer] img").first
        expect(picture).to_have_attribute("src", re.compile("^data:image/png;base64,"))
        expect(page.locator("[data-took]")).to_have_text(re.compile(r"^\d+\.\d\d s$"))

        assert page.locator("[data-picture]").get_attribute("data-verdict") in ("fake", "real", "uncertain", "no_face")


def test_what_an_image_api_refuses_is_told(site: Site, image_api: ImageApiServer) -> None:
    """The person learns why there is no picture, and never the key."""
    image_api.do_next(answer_with(400, code="moderation_blocked"))
    with site.opened(expected="status of 502") as page:
        page.goto("/upload")
        page.get_by_role("button", name="Draw and judge").click()
        expect(page.locator("[data-answer]")).to_contain_text("the image API gave no picture")

        assert KEY not in page.content()


def test_the_box_lies_on_the_face_at_the_moment_that_is_shown(site: Site) -> None:
    """At every judged moment that one goes to by the keyboard, the box is where the report says, in the picture."""
    with site.opened() as page:
        _open_moving(page)
        video = _video_of(page)
        _until(page, "() => document.querySelector('video').readyState >= 1")
        page.locator("[data-timeline]").focus()
        for frame in video["frames"][:4]:
            page.keyboard.press("ArrowRight")
            _until(page, "t => Math.abs(document.querySelector('video').currentTime - t) < 0.05", frame["t_s"])
            _until(page, _IS_NEAR, _on_screen(page, video, frame["faces"][0]["box_px"]))
            moment = page.locator("[data-now]")
            expect(moment).to_have_text(format_time(frame["t_s"]))
            assert abs(_middle_of(moment) - _middle_of(page.locator("[data-head]"))) < _HALF_LABEL_PX
        axis = page.locator(".timeline .axis span").all_inner_texts()

    assert axis == ["0:00.00", format_time(video["duration_s"] / 2), format_time(video["duration_s"])]


def test_the_heat_map_lies_over_its_face(site: Site) -> None:
    """What spoke for the score is seen, and not hidden by the grey face below it."""
    with site.opened() as page:
        _open_moving(page)
        pair = page.locator(".heated").first
        pair.scroll_into_view_if_needed()
        expect(pair.locator("img").nth(1)).to_have_js_property("complete", value=True)

        assert pair.evaluate(_TOP_ALT) == pair.locator("img").nth(1).get_attribute("alt")


def test_a_label_is_kept_and_can_be_taken_back(site: Site) -> None:
    """A reviewer's label with its note stands beside the verdict, until it is taken back."""
    with site.opened() as page:
        page.goto("/videos/1")
        page.get_by_label("Note").fill("the chin swims")
        page.get_by_role("button", name="It is fake").click()
        expect(page.locator(".reviews")).to_contain_text("the chin swims")
        reviews = _video_of(page)["reviews"]
        page.get_by_role("button", name="Take my label back").click()
        expect(page.locator(".reviews")).to_have_count(0)

        assert [(review["label"], review["note"]) for review in reviews] == [("fake", "the chin swims")]
        assert _video_of(page)["reviews"] == []


def test_the_reports_of_a_batch_are_kept_with_one_click(site: Site, tmp_path: Path) -> None:
    """The evidence report opens from the disk, without a network; CSV and JSON come beside it."""
    kept = {}
    with site.opened() as page:
        page.goto("/batches/1")
        for name in ("Evidence report", "CSV", "JSON"):
            with page.expect_download() as download:
                page.get_by_role("link", name=name).click()
            kept[name] = tmp_path / download.value.suggested_filename
            download.value.save_as(kept[name])
    with site.opened() as page:
        page.context.set_offline(offline=True)
        page.goto(kept["Evidence report"].as_uri())
        page.get_by_role("button", name="moving.mp4").click()
        expect(page.locator("td.detail img").first).to_have_js_property("complete", value=True)

    assert [path.name for path in kept.values()] == [f"fakesweep-batch-1.{kind}" for kind in ("html", "csv", "json")]
    assert len(kept["CSV"].read_text(encoding="utf-8").splitlines()) == 3
    assert len(json.loads(kept["JSON"].read_bytes())["videos"]) == 2


def test_what_failed_is_judged_when_it_is_retried(site: Site) -> None:
    """The batch offers to retry what failed, and follows it to its verdict."""
    draw_face_video(site.folder / "again" / "second.mp4", start=80)
    with site.opened() as page:
        _submit_folder(page, "again")
        _wait_for_end(page)
        batch_id = int(page.url.rpartition("/")[2].partition("?")[0])
        _let_fail(site.installation, batch_id)
        page.goto(f"/batches/{batch_id}")
        page.get_by_role("button", name="Retry 1 failed").click()
        expect(page.get_by_text("1 videos are queued again.")).to_be_visible()
        expect(page.locator("#batch-videos .badge.failed")).to_have_count(0)
        _wait_for_end(page)

        expect(page.locator("#batch-videos .badge").first).to_have_text(re.compile("fake|real|uncertain"))


def test_the_keyboard_is_enough(site: Site) -> None:
    """From the first page to a video's page and its search, no mouse is needed, and focus is always seen."""
    with site.opened() as page:
        page.goto("/videos")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        page.keyboard.press("Enter")
        page.keyboard.press("j")
        expect(page.locator("tr.is-current")).to_have_count(1)
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(r"/videos/\d+$"))
        page.keyboard.press("/")
        page.keyboard.type("moving")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(r"q=moving"))

        assert outline == "solid"
        expect(page.locator("#video-list a.name").first).to_have_text("moving.mp4")


def test_a_picture_is_judged_at_once(site: Site) -> None:
    """An example answers with score, verdict, and the time that it took."""
    with site.opened() as page:
        page.goto("/upload")
        page.locator("[data-example]").first.click()
        expect(page.locator("[data-answer] .score")).to_have_text(re.compile(r"^0\.\d{3}$|^1\.000$"))

        expect(page.locator("[data-took]")).to_have_text(re.compile(r"^\d+\.\d\d s$"))
        assert page.locator("[data-example]").count() == len(EXAMPLES)


def test_the_theme_is_chosen_and_kept(site: Site) -> None:
    """The button turns the page dark whatever the system says, and the next page is dark as well."""
    with site.opened(scheme="light") as page:
        page.goto("/videos")
        before = page.evaluate("getComputedStyle(document.body.parentElement).backgroundColor")
        page.get_by_role("button", name="Dark or light").click()
        page.goto("/batches")

        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        assert page.evaluate("getComputedStyle(document.body.parentElement).backgroundColor") != before


def test_lists_and_forms_work_without_scripts(site: Site) -> None:
    """Without JavaScript one still finds a video, reads its verdict, and labels it."""
    with site.opened(script=False) as page:
        page.goto("/videos?q=moving")
        page.get_by_role("link", name="moving.mp4").first.click()
        page.get_by_role("button", name="It is real").click()
        expect(page.locator(".reviews")).to_contain_text("real")
        page.get_by_role("button", name="Take my label back").click()
        expect(page.locator(".reviews")).to_have_count(0)


def test_a_link_from_elsewhere_ends_no_session(site: Site) -> None:
    """Who follows a link of another site arrives at the page, with the session that the browser had."""
    target = f"{site.address.rstrip('/')}/videos?q=moving"
    body = f'<!doctype html><link rel="icon" href="data:,"><a href="{target}">look</a>'.encode()
    with serving({"/": Reply(200, body, {"Content-Type": "text/html"})}) as elsewhere, site.opened() as page:
        page.goto("/videos")
        before = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
        # Another site by its name, and the same machine.
        page.goto(f"http://localhost:{elsewhere.port}/")
        page.get_by_role("link", name="look").click()
        expect(page.locator("#video-list a.name").first).to_have_text("moving.mp4")

        assert page.url == target
        assert {cookie["name"]: cookie["value"] for cookie in page.context.cookies()} == before


def test_a_form_that_is_too_old_is_told_on_a_page(site: Site) -> None:
    """A person whose session went sees why nothing happened, and comes back to the page with one click."""
    with site.opened(expected="status of 403") as page:
        page.goto("/folders")
        page.locator(".entries a").first.click()
        here = page.url
        page.context.clear_cookies()
        page.get_by_role("button", name="Submit this folder").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("This is not allowed")
        page.get_by_role("link", name="Try again").click()

        page.wait_for_url(here)
        expect(page.get_by_role("button", name="Submit this folder")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(site: Site, scheme: str) -> None:
    """No page, in either theme, keeps anybody out: axe names nothing serious or critical."""
    found = {}
    with site.opened(scheme=scheme) as page:
        for address in _reachable(page):
            violations = Axe().run(page).response["violations"]
            bad = {one["id"]: one["nodes"][0]["html"][:200] for one in violations if one["impact"] in _SERIOUS}
            if bad:
                found[address] = bad

    assert found == {}


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_no_page_scrolls_sideways(site: Site, size: tuple[int, int]) -> None:
    """Whatever the width, a page is no wider than its window."""
    with site.opened(size=size) as page:
        widths = {address: page.evaluate("document.documentElement.scrollWidth") for address in _reachable(page)}

    assert {address: width for address, width in widths.items() if width > size[0]} == {}


def _open_moving(page: Page) -> None:
    """Opens the page of the video with the face, whose number depends on its hash."""
    page.goto("/videos?q=moving")
    page.get_by_role("link", name="moving.mp4").first.click()
    page.wait_for_url(re.compile(r"/videos/\d+$"))


def _reachable(page: Page) -> Iterator[str]:
    """Opens one page after the other, the one that is missing included."""
    for address in PAGES:
        page.goto(address)
        page.wait_for_load_state("load")
        yield address


_TOP_ALT = """(pair) => {
  const { x, y, width, height } = pair.getBoundingClientRect();
  return document.elementFromPoint(x + width / 2, y + height / 2).alt;
}"""

_IS_NEAR = """([x, y, w, h]) => {
  const box = document.querySelector("[data-boxes] g:not(.between) rect");
  if (!box) return false;
  const place = box.getBoundingClientRect();
  return [[place.x, x], [place.y, y], [place.width, w], [place.height, h]].every(([is, be]) => Math.abs(is - be) < 4);
}"""


def _middle_of(place: Locator) -> float:
    box = place.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2


def _until(page: Page, condition: str, value: object = None) -> None:
    """Waits for a condition; Playwright's own way of it would need a page that lets strings be run."""
    wait_until(lambda: bool(page.evaluate(condition, value)), timeout_s=WAIT_MS / 1000, what=condition)


def _on_screen(page: Page, video: Mapping[str, Any], box: list[float]) -> list[float]:
    """Where a box of the report lies on the screen, by the size at which the picture is shown."""
    place = page.locator("video").bounding_box()
    assert place is not None
    scale = min(place["width"] / video["width_px"], place["height"] / video["height_px"])
    left = place["x"] + (place["width"] - scale * video["width_px"]) / 2
    top = place["y"] + (place["height"] - scale * video["height_px"]) / 2
    x, y, w, h = box
    return [left + scale * x, top + scale * y, scale * w, scale * h]


def _video_of(page: Page) -> Mapping[str, Any]:
    """What the API says of the video whose page is open."""
    video_id = page.locator("[data-player]").get_attribute("data-video")
    answer = page.request.get(f"/api/v1/videos/{video_id}")
    assert answer.ok, answer.text()
    found: Mapping[str, Any] = answer.json()
    return found


def _submit_folder(page: Page, name: str | None = None) -> None:
    page.goto("/folders")
    page.locator(".entries a").first.click()
    if name is not None:
        page.get_by_role("link", name=name).click()
    page.get_by_role("button", name="Submit this folder").click()
    page.wait_for_url(re.compile(r"/batches/\d+"))


def _wait_for_end(page: Page) -> None:
    """Waits for the page to say by itself that all is done."""
    expect(page.locator("#batch-state .badge")).to_have_text("finished", timeout=WAIT_MS)


def _let_fail(installation: Installation, batch_id: int) -> None:
    """Writes down that the scans of a batch failed, as a machine out of memory would have left them."""
    with sqlite3.connect(installation.home / "fakesweep.db") as database:
        database.execute(
            "UPDATE scans SET state = 'failed', reason = 'memory_limit', score_mean = NULL, score_top_k = NULL,"
            " score_confident = NULL, score_max_track = NULL"
            " WHERE id IN (SELECT scan_id FROM entries WHERE batch_id = ?)",
            [batch_id],
        )
