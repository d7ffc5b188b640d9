"""The ways in, and from page to page: keyboard, links, forms, with scripts and without."""

import re

from playwright.sync_api import expect

from tests.end_to_end.web.site import IN_A_BROWSER, Site
from tests.http_server import Reply, serving

pytestmark = IN_A_BROWSER


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
