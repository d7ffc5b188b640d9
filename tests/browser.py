"""A real browser for tests: the system's Chromium, headless, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# No namespaces in containers, and little shared memory.
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage"]
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


def find_chromium() -> str:
    """The path of the system's Chromium.

    Raises:
        RuntimeError: there is none.
    """
    for name in PROGRAMS:
        path = shutil.which(name)
        if path:
            return path
    raise RuntimeError(
        f"the browser tests need one of {', '.join(PROGRAMS)}: run `apt-get install --yes chromium` as root"
    )


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A running Chromium, shared by the whole session; each test opens a context of its own."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - every test loads this file, few need a browser

    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        yield opened
        opened.close()
