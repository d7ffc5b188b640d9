"""Every page, for everybody: in both themes, on small screens and large, for those who cannot see it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.end_to_end.web.site import DESKTOP, IN_A_BROWSER, MISSING, PHONE, Site, serious_violations

pytestmark = IN_A_BROWSER

PAGES = (
    *("/", "/videos", "/batches", "/batches/1", "/videos/1", "/videos/2", "/upload", "/folders", "/live"),
    *("/classifiers", "/classifiers/1", "/settings", "/login", MISSING),
)


def test_the_theme_is_chosen_and_kept(site: Site) -> None:
    """The button turns the page dark whatever the system says, and the next page is dark as well."""
    with site.opened(scheme="light") as page:
        page.goto("/videos")
        before = page.evaluate("getComputedStyle(document.body.parentElement).backgroundColor")
        page.get_by_role("button", name="Dark or light").click()
        page.goto("/batches")

        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        assert page.evaluate("getComputedStyle(document.body.parentElement).backgroundColor") != before


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(site: Site, scheme: str) -> None:
    """No page, in either theme, keeps anybody out: axe names nothing serious or critical."""
    found = {}
    with site.opened(scheme=scheme) as page:
        for address in _reachable(page):
            bad = serious_violations(page)
            if bad:
                found[address] = bad

    assert found == {}


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_no_page_scrolls_sideways(site: Site, size: tuple[int, int]) -> None:
    """Whatever the width, a page is no wider than its window."""
    with site.opened(size=size) as page:
        widths = {address: page.evaluate("document.documentElement.scrollWidth") for address in _reachable(page)}

    assert {address: width for address, width in widths.items() if width > size[0]} == {}


def _reachable(page: Page) -> Iterator[str]:
    """Opens one page after the other, the one that is missing included."""
    for address in PAGES:
        page.goto(address)
        page.wait_for_load_state("load")
        yield address
