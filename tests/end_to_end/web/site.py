"""A served web application for browser tests: an installation of its own, with folders to submit from."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page

from tests.end_to_end.installation import Installation, stop
from tests.services import wait_until

IN_A_BROWSER = [pytest.mark.drill, pytest.mark.xdist_group("browser"), pytest.mark.timeout(600)]
"""Marks of the tests that drive one."""

STARTED_WITHIN_S = 90
WAIT_MS = 60_000
"""For whatever a busy machine takes long for."""
MISSING = "/nothing-here"
DESKTOP = (1280, 800)
PHONE = (390, 844)


@dataclass
class Site:
    """Where it is served, what may be submitted there, and what the browser complained of."""

    address: str
    folder: Path
    installation: Installation
    browser: Browser

    @contextmanager
    def opened(
        self, *, size: tuple[int, int] = DESKTOP, scheme: str = "light", script: bool = True, expected: str = MISSING
    ) -> Iterator[Page]:
        """A page in a browser of its own; anything that it complains of fails the test, but for what is expected."""
        context = self.browser.new_context(
            base_url=self.address,
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if scheme == "dark" else "light",
            java_script_enabled=script,
        )
        context.set_default_timeout(WAIT_MS)
        page = context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: _note(complaints, message, expected))
        try:
            yield page
        finally:
            context.close()
        assert complaints == []


@contextmanager
def serve(installation: Installation, folder: Path, browser: Browser, *more: str, log: Path) -> Iterator[Site]:
    """Runs `fakesweep serve` on a free port, with a worker and more options, for as long as the block lasts."""
    folder.mkdir(parents=True, exist_ok=True)
    installation.settings |= {"ROOTS": str(folder), "WEB_RATE": "1000"}
    process = installation.start("serve", "--port", "0", "--workers", "1", *more, log=log)
    try:
        wait_until(lambda: _address_in(log, process) is not None, timeout_s=STARTED_WITHIN_S, what="the server")
        yield Site(str(_address_in(log, process)), folder, installation, browser)
    finally:
        stop(process)
        shutil.copyfile(log, log.with_suffix(".kept"))


def serious_violations(page: Page) -> dict[str, str]:
    """What axe finds in a page that keeps somebody out, serious or critical: the start of an element, by rule."""
    violations = Axe().run(page).response["violations"]
    return {one["id"]: one["nodes"][0]["html"][:200] for one in violations if one["impact"] in ("serious", "critical")}


def _note(complaints: list[str], message: ConsoleMessage, expected: str) -> None:
    complaint = f"{message.text} {message.location['url']}"
    # The browser's own word on a page that a test knows to be missing, or to be refused, is no complaint.
    if message.type == "error" and expected not in complaint:
        complaints.append(complaint)


def _address_in(log: Path, process: "subprocess.Popen[bytes]") -> str | None:
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    assert process.poll() is None, text
    found = re.search(r"Serving at (http://\S+?)/;", text)
    return found[1] if found else None
