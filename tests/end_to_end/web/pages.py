"""What tests do on the pages of a site, and read there."""

import re
from collections.abc import Mapping
from typing import Any

from playwright.sync_api import Page, expect

from tests.end_to_end.web.site import WAIT_MS


def open_moving(page: Page) -> None:
    """Opens the page of the video with the face, whose number depends on its hash."""
    page.goto("/videos?q=moving")
    page.get_by_role("link", name="moving.mp4").first.click()
    page.wait_for_url(re.compile(r"/videos/\d+$"))


def submit_folder(page: Page, name: str | None = None) -> None:
    """Submits the one folder of the server, or a folder in it, and goes to its batch."""
    page.goto("/folders")
    page.locator(".entries a").first.click()
    if name is not None:
        page.get_by_role("link", name=name).click()
    page.get_by_role("button", name="Submit this folder").click()
    page.wait_for_url(re.compile(r"/batches/\d+"))


def wait_for_end(page: Page) -> None:
    """Waits for the page to say by itself that all is done."""
    expect(page.locator("#batch-state .badge")).to_have_text("finished", timeout=WAIT_MS)


def video_of(page: Page) -> Mapping[str, Any]:
    """What the API says of the video whose page is open."""
    video_id = page.locator("[data-player]").get_attribute("data-video")
    answer = page.request.get(f"/api/v1/videos/{video_id}")
    assert answer.ok, answer.text()
    found: Mapping[str, Any] = answer.json()
    return found
