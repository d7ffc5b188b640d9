"""Live pictures in a real browser: a source of the server's, and a camera of the browser's own."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, expect

from tests.browser import ARGUMENTS, find_chromium
from tests.end_to_end.face_clips import draw_face_video
from tests.end_to_end.installation import Installation
from tests.end_to_end.web.site import DESKTOP, IN_A_BROWSER, PHONE, Site, serious_violations, serve
from tests.services import wait_until
from worker.pipeline.ffmpeg import find_ffmpeg

pytestmark = IN_A_BROWSER

_SCORE = re.compile(r"^[01]\.\d{3}$")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a minute of a face."""
    return draw_face_video(tmp_path_factory.mktemp("clip") / "hall.mp4", seconds=30.0)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, bundle: Path, browser: Browser, clip: Path) -> Iterator[Site]:
    """A site with one live source, a file that plays at its own speed."""
    place = tmp_path_factory.mktemp("live")
    installation = Installation(place / "home", bundle, {"SWEEP_S": "1"})
    with serve(installation, place / "videos", browser, "--live", f"Hall={clip}", log=place / "serve.log") as served:
        yield served


def readers(site: Site) -> int:
    """How many processes read live sources."""
    count = 0
    for process in site.installation.processes():
        # One that has just ended says nothing any more.
        with suppress(psutil.NoSuchProcess):
            count += "cli.live_helper" in process.cmdline()
    return count


def test_a_source_of_the_server_is_watched(site: Site) -> None:
    """Its picture comes with the score of the face, once for two who watch; nothing reads when both have left."""
    with site.opened() as page, site.opened() as other:
        page.goto("/live")
        page.get_by_role("link", name="Hall").click()
        expect(page.locator("[data-live-verdict] .score")).to_have_text(_SCORE)
        expect(page.locator("[data-live-badge]")).to_have_text("live")
        other.goto("/live/1")
        expect(other.locator("[data-live-verdict] .score")).to_have_text(_SCORE)
        expect(other.locator("[data-live-viewers]")).to_have_text("2")
        sizes = page.evaluate(
            "(view => [view.naturalWidth, view.naturalHeight])(document.querySelector('img.live-view'))"
        )
        while_watched = readers(site)

    wait_until(lambda: readers(site) == 0, timeout_s=60, what="the end of the reader")
    assert sizes == [480, 480]
    assert while_watched == 1


def test_a_source_is_seen_without_scripts(site: Site) -> None:
    """The picture alone needs none."""
    with site.opened(script=False) as page:
        page.goto("/live/1", wait_until="commit")
        expect(page.locator("img.live-view")).to_have_js_property("naturalWidth", 480)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_a_running_source_keeps_nobody_out(site: Site, scheme: str, size: tuple[int, int]) -> None:
    """With figures and picture there, axe finds nothing serious, and the page is no wider than its window."""
    with site.opened(scheme=scheme, size=size) as page:
        page.goto("/live/1", wait_until="commit")
        expect(page.locator("[data-live-verdict] .score")).to_have_text(_SCORE)
        violations = serious_violations(page)
        width = page.evaluate("document.documentElement.scrollWidth")

    assert violations == {}
    assert width <= size[0]


def test_the_browsers_camera_is_judged(site: Site, browser: Browser, clip: Path, tmp_path: Path) -> None:
    """A face before the camera gets its box and its score again and again, until the camera is stopped."""
    recording = tmp_path / "camera.mjpeg"
    subprocess.run([find_ffmpeg(), "-v", "error", "-i", clip, "-t", "4", "-q:v", "3", recording], check=True)
    camera = [f"--use-file-for-fake-video-capture={recording}"]
    camera += ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    launched = browser.browser_type.launch(executable_path=find_chromium(), args=[*ARGUMENTS, *camera])
    with launched as with_camera, replace(site, browser=with_camera).opened() as page:
        page.goto("/live")
        page.get_by_role("button", name="Start the camera").click()
        expect(page.locator("[data-live-verdict] .score")).to_have_text(_SCORE)
        expect(page.locator("[data-boxes] rect")).to_have_count(1)
        expect(page.locator("[data-live-scores] rect").nth(3)).to_be_attached()
        page.get_by_role("button", name="Stop").click()

        expect(page.get_by_text("The camera is off")).to_be_visible()
        expect(page.locator("[data-boxes] rect")).to_have_count(0)
        assert page.evaluate("document.querySelector('video').srcObject.active") is False
