"""Who drops a video on a page sees it come, and judged."""

import re
from pathlib import Path

from playwright.sync_api import Request, expect

from tests.end_to_end.face_clips import draw_face_video
from tests.end_to_end.web.pages import wait_for_end
from tests.end_to_end.web.site import IN_A_BROWSER, Site

pytestmark = IN_A_BROWSER

# What the page sends at once.
_PIECE_BYTES = 8 * 2**20
_PADDING_BYTES = 5 * 2**22


def test_an_uploaded_video_is_judged_before_ones_eyes(site: Site, tmp_path: Path) -> None:
    """Who drops a video sees it sent, queued, judged and told, without loading a page again."""
    clip = draw_face_video(tmp_path / "holiday film.mp4", start=40)

    with site.opened() as page:
        page.goto("/")
        page.set_input_files("#drop-files", clip)
        page.get_by_role("link", name="Open the batch").click()
        wait_for_end(page)
        page.get_by_role("link", name="holiday film.mp4").click()

        expect(page.get_by_role("heading", level=1)).to_have_text("holiday film.mp4")
        expect(page.locator("#video-state .badge")).to_have_text(re.compile("fake|real|uncertain"))


def test_a_broken_upload_goes_on_where_it_was(site: Site, tmp_path: Path) -> None:
    """What the server has of a large file is not sent again, when the network broke and the page was closed."""
    clip = draw_face_video(tmp_path / "long film.mp4", start=60)
    with clip.open("ab") as file:
        # A box that players skip: two pieces and a half of it.
        file.write((_PADDING_BYTES + 8).to_bytes(4, "big") + b"free" + b"\0" * _PADDING_BYTES)
    sent: list[tuple[str, int]] = []

    def is_second(request: Request) -> bool:
        sent.append((request.headers["upload-offset"], len(request.post_data_buffer or b"")))
        return len(sent) == 2

    with site.opened(expected="net::ERR_") as page:
        page.route(
            re.compile(r"/api/v1/uploads/\w+$"),
            lambda route: (
                route.abort() if route.request.method == "PATCH" and is_second(route.request) else route.continue_()
            ),
        )
        page.goto("/upload")
        page.set_input_files("#drop-files", clip)
        expect(page.locator(".uploads .small")).to_have_text("goes on in 1 s")
        page.reload()
        page.set_input_files("#drop-files", clip)
        page.get_by_role("link", name="Open the batch").click()
        wait_for_end(page)

        expect(page.locator("#batch-videos .badge").first).to_have_text(re.compile("fake|real|uncertain"))
    assert sent[:3] == [("0", _PIECE_BYTES), (str(_PIECE_BYTES), _PIECE_BYTES), (str(_PIECE_BYTES), _PIECE_BYTES)]
    assert sent[3][0] == str(2 * _PIECE_BYTES)
    assert len(sent) == 4
