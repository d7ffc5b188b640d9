"""The page of a batch gives its reports away, and takes what failed up again."""

import json
import re
import sqlite3
from pathlib import Path

from playwright.sync_api import expect

from tests.end_to_end.face_clips import draw_face_video
from tests.end_to_end.installation import Installation
from tests.end_to_end.web.pages import submit_folder, wait_for_end
from tests.end_to_end.web.site import IN_A_BROWSER, Site

pytestmark = IN_A_BROWSER


def test_the_reports_of_a_batch_are_kept_with_one_click(site: Site, tmp_path: Path) -> None:
    """The evidence report opens from the disk, without a network; CSV and JSON come beside it."""
    kept = {}
    with site.opened() as page:
        page.goto("/batches/1")
        for name in ("Evidence report", "CSV", "JSON"):
            with page.expect_download() as download:
                page.get_by_role("link", name=name).click()
            kept[name] = tmp_path / download.value.suggested_filename
            download.value.save_as(kept[name])
    with site.opened() as page:
        page.context.set_offline(offline=True)
        page.goto(kept["Evidence report"].as_uri())
        page.get_by_role("button", name="moving.mp4").click()
        expect(page.locator("td.detail img").first).to_have_js_property("complete", value=True)

    assert [path.name for path in kept.values()] == [f"fakesweep-batch-1.{kind}" for kind in ("html", "csv", "json")]
    assert len(kept["CSV"].read_text(encoding="utf-8").splitlines()) == 3
    assert len(json.loads(kept["JSON"].read_bytes())["videos"]) == 2


def test_what_failed_is_judged_when_it_is_retried(site: Site) -> None:
    """The batch offers to retry what failed, and follows it to its verdict."""
    draw_face_video(site.folder / "again" / "second.mp4", start=80)
    with site.opened() as page:
        submit_folder(page, "again")
        wait_for_end(page)
        batch_id = int(page.url.rpartition("/")[2].partition("?")[0])
        _let_fail(site.installation, batch_id)
        page.goto(f"/batches/{batch_id}")
        page.get_by_role("button", name="Retry 1 failed").click()
        expect(page.get_by_text("1 videos are queued again.")).to_be_visible()
        expect(page.locator("#batch-videos .badge.failed")).to_have_count(0)
        wait_for_end(page)

        expect(page.locator("#batch-videos .badge").first).to_have_text(re.compile("fake|real|uncertain"))


def _let_fail(installation: Installation, batch_id: int) -> None:
    """Writes down that the scans of a batch failed, as a machine out of memory would have left them."""
    with sqlite3.connect(installation.home / "fakesweep.db") as database:
        database.execute(
            "UPDATE scans SET state = 'failed', reason = 'memory_limit', score_mean = NULL, score_top_k = NULL,"
            " score_confident = NULL, score_max_track = NULL"
            " WHERE id IN (SELECT scan_id FROM entries WHERE batch_id = ?)",
            [batch_id],
        )
