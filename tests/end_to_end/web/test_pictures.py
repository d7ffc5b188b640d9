"""A picture is judged at once, whoever made it."""

import re

from playwright.sync_api import expect

from tests.end_to_end.web.site import IN_A_BROWSER, Site
from tests.image_api import KEY, ImageApiServer, answer_with
from web.pages.upload import EXAMPLES

pytestmark = IN_A_BROWSER


def test_a_picture_is_judged_at_once(site: Site) -> None:
    """An example answers with score, verdict, and the time that it took."""
    with site.opened() as page:
        page.goto("/upload")
        page.locator("[data-example]").first.click()
        expect(page.locator("[data-answer] .score")).to_have_text(re.compile(r"^0\.\d{3}$|^1\.000$"))

        expect(page.locator("[data-took]")).to_have_text(re.compile(r"^\d+\.\d\d s$"))
        assert page.locator("[data-example]").count() == len(EXAMPLES)


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
