"""Fixtures of the tests that drive a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.end_to_end.face_clips import draw_face_video
from tests.end_to_end.installation import Installation
from tests.end_to_end.web.pages import submit_folder, wait_for_end
from tests.end_to_end.web.site import WAIT_MS, Site, serve
from tests.image_api import KEY, ImageApiServer

# Its own five seconds are short on a busy machine.
expect.set_options(timeout=WAIT_MS)


@pytest.fixture(scope="session")
def image_api() -> Iterator[ImageApiServer]:
    """Draws faces, as OpenAI would."""
    with ImageApiServer() as server:
        yield server


@pytest.fixture(scope="session")
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
            submit_folder(page)
            wait_for_end(page)
        yield served
