"""The page of a video shows where the faces are, what spoke for the score, and what people say of it."""

from collections.abc import Mapping
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.end_to_end.web.pages import open_moving, video_of
from tests.end_to_end.web.site import IN_A_BROWSER, WAIT_MS, Site
from tests.services import wait_until
from worker.figures import format_time

pytestmark = IN_A_BROWSER

# At the edges the moment stands beside its line.
_HALF_LABEL_PX = 30


def test_the_box_lies_on_the_face_at_the_moment_that_is_shown(site: Site) -> None:
    """At every judged moment that one goes to by the keyboard, the box is where the report says, in the picture."""
    with site.opened() as page:
        open_moving(page)
        video = video_of(page)
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
        open_moving(page)
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
        reviews = video_of(page)["reviews"]
        page.get_by_role("button", name="Take my label back").click()
        expect(page.locator(".reviews")).to_have_count(0)

        assert [(review["label"], review["note"]) for review in reviews] == [("fake", "the chin swims")]
        assert video_of(page)["reviews"] == []


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
