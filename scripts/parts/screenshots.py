"""Takes the README's pictures of the web application, with demo videos that the active classifier judged."""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import imageio_ffmpeg
import numpy as np

from scripts.parts.demo_videos import make_demo_videos
from scripts.parts.servers import wait_until
from scripts.parts.web_server import served
from tests.browser import ARGUMENTS, find_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_SIZE_PX = {"width": 1280, "height": 800}
_WEBP_QUALITY = 82
_JUDGED_WITHIN_S = 1200.0
# Long enough for the chart beside a live picture to fill.
_LIVE_MS = 12_000
_ENDED = {"judged", "no_face", "unreadable", "failed", "quarantined", "cancelled"}
_REPEATS = 20
_LIVE = {"Front desk": "mixed-video-call.mp4", "Gate": "real-h264-720p.mp4"}


class Site:
    """The web application over an installation of its own.

    Args:
        environment: of the installation.
        videos: the demo videos.
        folder: where the pictures go.
    """

    def __init__(self, browser: "Browser", port: int, environment: Mapping[str, str], videos: Path, folder: Path):
        self._browser = browser
        self._address = f"http://127.0.0.1:{port}"
        self._environment = environment
        self._videos = videos
        self._folder = folder

    def judge(self, name: str, *options: str) -> None:
        """Submits the demo videos as a batch, and waits for the end of it."""
        self.submit(name, *options)
        wait_until(self._is_idle, timeout_s=_JUDGED_WITHIN_S, what=f"the end of {name}", every_s=0.5)

    def submit(self, name: str, *options: str) -> None:
        """Queues the demo videos as a batch."""
        run(["submit", "--batch", name, *options, str(self._videos)], self._environment)

    def highest_video(self) -> int:
        """The video whose score is highest."""
        scored = [video for video in self._ask("/api/v1/videos?limit=100")["videos"] if video["score"] is not None]
        return int(max(scored, key=lambda video: float(video["score"]))["id"])

    def newest_batch(self) -> int:
        """The batch that was submitted last."""
        return int(self._ask("/api/v1/batches?limit=1")["batches"][0]["id"])

    @contextlib.contextmanager
    def opened(self, place: str, *, is_dark: bool = False) -> "Iterator[Page]":
        """A page in a window of its own."""
        scheme: Any = "dark" if is_dark else "light"
        with self._browser.new_context(viewport=_SIZE_PX, color_scheme=scheme) as context:  # type: ignore[arg-type]
            page = context.new_page()
            page.goto(self._address + place)
            page.wait_for_timeout(1500)
            yield page

    def save(self, page: "Page", name: str) -> None:
        """What is seen of a page, as WebP."""
        pixels = cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_COLOR)
        if pixels is None:
            raise ValueError(f"the browser's picture of {page.url} is none")
        path = self._folder / f"{name}.webp"
        cv2.imwrite(str(path), pixels, [cv2.IMWRITE_WEBP_QUALITY, _WEBP_QUALITY])
        sys.stderr.write(f"{path}\n")

    def _is_idle(self) -> bool:
        batch = self._ask("/api/v1/batches?limit=1")["batches"][0]
        return batch["is_submitted"] and {state for state, count in batch["counts"].items() if count} <= _ENDED

    def _ask(self, place: str) -> Any:
        with urllib.request.urlopen(self._address + place, timeout=30) as answer:  # noqa: S310 - ours
            return json.load(answer)


def main(arguments: Sequence[str] | None = None) -> int:
    """Takes every picture anew."""
    parser = argparse.ArgumentParser(prog="scripts/screenshots", description=__doc__)
    parser.add_argument("folder", metavar="DIR", type=Path, help="where the pictures go, such as docs/screenshots")
    parser.add_argument(
        "--videos", metavar="DIR", type=Path, help="of the demo videos, made where it is empty; its name is seen"
    )
    chosen = parser.parse_args(arguments)
    chosen.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fakesweep-screenshots-") as made:
        videos = chosen.videos or Path(made) / "videos"
        if not videos.is_dir() or not any(videos.iterdir()):
            make_demo_videos(videos)
        environment = {"FAKESWEEP_HOME": str(Path(made) / "home"), "FAKESWEEP_ROOTS": str(videos)}
        sources = [
            part
            for number, (name, file) in enumerate(_LIVE.items())
            for part in ("--live", f"{name}={repeated(videos / file, Path(made) / f'{number}.mp4')}")
        ]
        with served(environment, *sources) as server, started_browser() as browser:
            take_all(Site(browser, server.port, environment, videos, chosen.folder))
    return 0


def take_all(site: Site) -> None:
    """One picture of each page that the README shows."""
    site.judge("Demo videos")
    site.judge("Once more, quickly", "--force", "--preset", "fast")
    with site.opened(f"/videos/{site.highest_video()}") as page:
        page.locator("video").evaluate("player => { player.currentTime = player.duration / 3; }")
        page.wait_for_timeout(1500)
        site.save(page, "video")
    with site.opened("/videos") as page:
        site.save(page, "videos")
    with site.opened(f"/batches/{site.newest_batch()}") as page:
        site.save(page, "batch")
    with site.opened("/live/1", is_dark=True) as page:
        page.wait_for_timeout(_LIVE_MS)
        site.save(page, "live")
    site.submit("With more frames", "--force", "--preset", "thorough")
    with site.opened("/", is_dark=True) as page:
        page.wait_for_timeout(3000)
        site.save(page, "overview")


def repeated(video: Path, path: Path) -> Path:
    """The video over and over, for as long as a camera is looked at."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-stream_loop", str(_REPEATS), "-i", str(video)]
    subprocess.run([*command, "-an", "-c", "copy", str(path)], stdin=subprocess.DEVNULL, check=True)
    return path


@contextlib.contextmanager
def started_browser() -> "Iterator[Browser]":
    """The system's Chromium."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - nothing else here needs it

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """Runs a command of fakesweep to its end."""
    subprocess.run(
        [Path(sys.executable).with_name("fakesweep"), *arguments],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        check=True,
    )


if __name__ == "__main__":
    sys.exit(main())
