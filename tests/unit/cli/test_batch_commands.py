"""The commands that look at a batch or steer it, run in this process on a seeded database."""

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from db.outcomes import Outcome
from db.session import Database
from tests.seeding import end_scan, judged, scan_ids, seed_batch, seed_classifier


@pytest.fixture
def batch_id(database: Database) -> int:
    """A batch of a fake, a real, an uncertain, an unreadable and a missing video, and one that waits."""
    batch_id = seed_batch(database, seed_classifier(database), list("abcde"), name="holiday", unread=1)
    outcomes = [judged(0.9), judged(0.1), judged(0.5), Outcome(state="unreadable", reason="not_a_video", detail="text")]
    for scan_id, outcome in zip(scan_ids(database, batch_id), outcomes, strict=False):
        end_scan(database, scan_id, outcome)
    return batch_id


def run(*arguments: str) -> Result:
    """The command's result; an error that it does not expect fails the test."""
    result = CliRunner().invoke(main, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_status_counts_and_names_what_is_missing(batch_id: int) -> None:
    """The states add up, and that nobody works is said."""
    result = run("status")

    assert result.exit_code == 0
    assert "6 files: 1 queued, 3 judged (1 fake, 1 real, 1 uncertain), 2 unreadable" in result.stdout
    assert "No worker is alive" in result.stdout


def test_status_as_json(batch_id: int) -> None:
    """`--json -` leaves nothing but JSON on standard output."""
    status = json.loads(run("status", "holiday", "--json", "-").stdout)

    assert status["batch"]["submitted"] == sum(status["batch"]["counts"].values()) == 6


def test_report_formats_agree(batch_id: int) -> None:
    """JSON, CSV and table have the same videos with the same verdicts."""
    report = json.loads(run("report", "--format", "json").stdout)
    rows = list(csv.DictReader(io.StringIO(run("report", "--format", "csv").stdout)))
    table = run("report").stdout

    assert [video["path"] for video in report["videos"]] == [row["path"] for row in rows]
    assert [video["verdict"] or "" for video in report["videos"]] == [row["verdict"] for row in rows]
    assert all(video["path"] in table for video in report["videos"])
    assert report["videos"][0]["frames"][0]["faces"][0]["track"] == 0


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--verdict", "fake"], ["a"]),
        (["--state", "unreadable"], ["d", "0"]),
        (["--threshold", "0.05", "--verdict", "fake"], ["a", "b", "c"]),
        (["--limit", "2"], ["a", "b"]),
    ],
)
def test_report_filters(batch_id: int, options: list[str], names: list[str]) -> None:
    """Filters choose videos, and a threshold changes verdicts without a new scan."""
    report = json.loads(run("report", str(batch_id), "--format", "json", *options).stdout)

    assert [Path(video["path"]).stem for video in report["videos"]] == names
    assert report["batch"]["submitted"] == 6


def test_report_to_a_file(batch_id: int, tmp_path: Path) -> None:
    """`--output` writes the file and leaves standard output empty."""
    result = run("report", "--format", "csv", "--output", str(tmp_path / "out.csv"))

    assert result.stdout == ""
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 7


def test_show_by_hash_prefix_and_path(batch_id: int) -> None:
    """A video is found by its path or the start of its hash, and shown frame by frame."""
    sha256 = json.loads(run("report", "--format", "json").stdout)["videos"][0]["sha256"]

    by_hash = run("show", sha256[:8]).stdout
    by_path = run("show", "/videos/a.mp4").stdout

    assert by_hash == by_path
    assert "fake  0.900" in by_hash
    assert "0:00.50" in by_hash


def test_show_of_a_video_that_could_not_be_read(batch_id: int) -> None:
    """The page has its state and reason, and no seconds, as no stage was timed."""
    page = run("show", "/videos/d.mp4").stdout

    assert "not_a_video: text" in page
    assert "took" not in page


def test_show_of_nothing_known(batch_id: int) -> None:
    """An unknown video is an error with its name and what to give instead."""
    result = run("show", "no\nsuch.mp4")

    assert result.exit_code == 1
    assert "no\\nsuch.mp4" in result.stderr.replace("\\\\", "\\")


def test_review_stands_beside_the_verdict(batch_id: int) -> None:
    """A label is kept and shown, and changes no verdict."""
    assert run("review", "/videos/a.mp4", "--label", "real", "--note", "I was there", "--reviewer", "me").exit_code == 0

    page = run("show", "/videos/a.mp4").stdout

    assert "real by me: I was there" in page
    assert "fake  0.900" in page


def test_cancel_and_retry(batch_id: int, home: Path) -> None:
    """What waits is cancelled at once, and can be queued again."""
    cancelled = run("cancel", str(batch_id))
    after_cancel = json.loads(run("status", "--json", "-").stdout)["batch"]["counts"]
    retried = run("retry", "holiday", "--state", "cancelled", "--state", "unreadable")
    after_retry = json.loads(run("status", "--json", "-").stdout)["batch"]["counts"]

    assert "1 waiting video cancelled" in cancelled.stderr
    assert (after_cancel["queued"], after_cancel["cancelled"]) == (0, 1)
    assert "2 videos queued again" in retried.stderr
    assert "1 file could not be read" in retried.stderr
    assert (after_retry["queued"], after_retry["unreadable"]) == (2, 1)


@pytest.mark.parametrize("command", ["status", "report", "watch"])
def test_without_any_batch(home: Path, command: str) -> None:
    """Where nothing was submitted yet, the message says how to begin."""
    result = run(command)

    assert result.exit_code == 1
    assert "fakesweep scan PATH" in result.stderr


@pytest.mark.parametrize("command", ["status", "report", "cancel", "retry"])
def test_an_unknown_batch(batch_id: int, command: str) -> None:
    """A wrong name is repeated, with the batches that there are."""
    result = run(command, "nonsense")

    assert result.exit_code == 1
    assert "nonsense" in result.stderr
    assert f"{batch_id} (holiday)" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        (["report", "--threshold", "1.5"], "1.5"),
        (["report", "--state", "lost"], "lost"),
        (["report", "--limit", "0"], "0"),
        (["retry", "1", "--state", "judged"], "judged"),
        (["scan", "x", "--preset", "slow"], "slow"),
        (["scan", "x", "--frames", "0"], "0"),
        (["scan", "x", "--frames", "300"], "300"),
        (["scan", "x", "--preset", "thorough", "--max-frames", "20"], "thorough"),
        (["scan", "x", "--workers", "-1"], "-1"),
        (["scan", "x", "--force", "--outdated"], "--force"),
        (["scan", "x", "--json", "-", "--csv", "-"], "'-'"),
        (["scan", "x", "--json", "/no/such/dir/report.json"], "/no/such/dir"),
        (["scan"], "PATH"),
        (["submit", "x", "--priority", "high"], "high"),
        (["worker", "--concurrency", "many"], "many"),
        (["worker", "--queues", "fast"], "fast"),
    ],
)
def test_a_bad_value_is_named(home: Path, arguments: list[str], value: str) -> None:
    """Wrong usage ends with status 2 before anything is started, and repeats the value."""
    result = run(*arguments)

    assert result.exit_code == 2
    assert value in result.stderr
    assert not home.exists()


def test_classifiers_are_listed(database: Database, batch_id: int) -> None:
    """The active one has a star."""
    seed_classifier(database, version="2")

    listed = json.loads(run("classifiers", "list", "--json", "-").stdout)["classifiers"]

    assert [(entry["version"], entry["active"]) for entry in listed] == [("1", False), ("2", True)]
    assert "*" in run("classifiers", "list").stdout


@pytest.mark.parametrize("step", [["rollback"], ["activate", "1"]])
def test_a_classifier_that_is_gone_is_not_activated(database: Database, batch_id: int, step: list[str]) -> None:
    """Where the files of the other classifier are missing, the present one stays."""
    seed_classifier(database, version="2")

    result = run("classifiers", *step)
    listed = json.loads(run("classifiers", "list", "--json", "-").stdout)["classifiers"]

    assert result.exit_code == 1
    assert "/classifiers/1" in result.stderr
    assert [entry["active"] for entry in listed] == [False, True]


def test_db_upgrade_is_safe_to_repeat(home: Path) -> None:
    """The first run makes the tables, the second has nothing to do."""
    assert "is now at revision" in run("db", "upgrade").stderr
    assert "was already at revision" in run("db", "upgrade").stderr
