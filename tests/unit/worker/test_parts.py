"""The small parts of a worker: log lines, cores, causes of death, the content of a file, loaded classifiers."""

import hashlib
import io
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.bundle_copy import copy_bundle
from cli.opening import manifest_sha256
from db.leases import Claim
from tests.bundles import build_bundle
from worker.content import check_content
from worker.cores import cores_of_limit, usable_cores
from worker.logs import configure_logging, set_current_scan, set_current_worker
from worker.pipeline.errors import BundleError, Reason, ScanStoppedError, UnreadableVideoError
from worker.presence import exit_status_of, signal_of
from worker.resources import find_bundle
from worker.settings import Settings


def never() -> bool:
    """Nobody asks to stop."""
    return False


def claim_of(path: Path, content: bytes, *, mtime_ns: int = 0, classifier_sha256: str = "") -> Claim:
    """A claim of a file that had this content when it was submitted."""
    sha256 = hashlib.sha256(content).hexdigest()
    return Claim(1, 1, os.fsencode(path), len(content), mtime_ns, sha256, 16, 256, "/x", classifier_sha256, 1, False)  # noqa: FBT003 - positional, as the row's


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What is logged during a test; the logging of before comes back."""
    root, handlers, level = logging.getLogger(), logging.getLogger().handlers[:], logging.getLogger().level
    stream = io.StringIO()
    configure_logging("info", stream)
    yield stream
    set_current_scan(None)
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_name_cannot_forge_a_log_line(log: io.StringIO) -> None:
    """Line breaks and terminal escapes in a message are written out."""
    logging.getLogger("x").info("judged %s", "a\n2026 error forged\x1b[2J\u2028\udcff")

    assert len(log.getvalue().splitlines()) == 1
    assert log.getvalue().endswith(r"judged a\n2026 error forged\x1b[2J\u2028\udcff" + "\n")


def test_log_lines_name_the_scan(log: io.StringIO) -> None:
    """Every line of a process says at which scan it is, and of which batch; a line may name others itself."""
    set_current_scan(7)
    logging.getLogger("x").warning("slow")
    set_current_scan(7, 3)
    logging.getLogger("x").warning("slower")
    logging.getLogger("x").warning("lost", extra={"scan_id": 8, "batch_id": 4})

    assert f" warning [{os.getpid()} scan=7] slow" in log.getvalue()
    assert f" warning [{os.getpid()} scan=7 batch=3] slower" in log.getvalue()
    assert f" warning [{os.getpid()} scan=8 batch=4] lost" in log.getvalue()


def test_a_broker_that_is_away_makes_a_line_and_no_traceback(log: io.StringIO) -> None:
    """What the library says of a message that it cannot acknowledge is one line; what else fails keeps its trace."""
    for message in ("Couldn't ack %r, reason:%r", "failed %r, %r"):
        refused = ConnectionError("refused")
        logging.getLogger("celery.worker").critical(message, "tag", refused, exc_info=refused)

    unanswered, other = log.getvalue().partition("failed 'tag'")[::2]
    assert len(unanswered.splitlines()) == 2
    assert "    ConnectionError: refused" not in unanswered
    assert "    ConnectionError: refused" in other


def test_json_lines_hold_ids_and_cannot_be_forged(log: io.StringIO) -> None:
    """One object per line, whatever a message or a traceback holds, with what is known of worker, scan and batch."""
    configure_logging("info", log, line_format="json")
    set_current_worker("host-1")
    set_current_scan(7)
    logging.getLogger("x").info("judged %s", 'a"\n{"level": "error"}\x1b[2J\u2028\udcff', extra={"batch_id": 3})
    try:
        int("bad\nname")
    except ValueError:
        logging.getLogger("y").exception("the judging failed")

    first, second = (json.loads(line) for line in log.getvalue().split("\n")[:-1])
    assert log.getvalue().isascii()
    assert first.pop("time").endswith("Z")
    assert first == {
        "level": "info",
        "logger": "x",
        "process": os.getpid(),
        "message": 'judged a"\n{"level": "error"}\x1b[2J\u2028\udcff',
        "worker": "host-1",
        "scan_id": 7,
        "batch_id": 3,
    }
    assert second["traceback"].endswith(r"'bad\nname'")


@pytest.mark.parametrize(
    ("limit", "cores"),
    [("max 100000", None), ("150000 100000", 1), ("400000 100000", 4), ("50000 100000", 1), ("", None)],
)
def test_a_container_s_limit_is_in_whole_cores(limit: str, cores: int | None) -> None:
    """A part of a core does not make another process worth while; less than one is one."""
    assert cores_of_limit(limit) == cores


def test_there_is_always_a_core() -> None:
    """Whatever the machine says, one process runs."""
    assert usable_cores() >= 1


@pytest.mark.parametrize(
    ("cause", "name", "status"),
    [
        ("Worker exited prematurely: signal 9 (SIGKILL) Job: 3.", "SIGKILL", None),
        ("Worker exited prematurely: signal 11 (SIGSEGV) Job: 3.", "SIGSEGV", None),
        ("Worker exited prematurely: exitcode 1 Job: 3.", None, 1),
        ("signal 99", "99", None),
    ],
)
def test_how_a_process_ended_is_read_from_what_the_pool_says(cause: str, name: str | None, status: int | None) -> None:
    """Evidence names the signal that ended a process, or the status that it ended with."""
    assert (signal_of(cause), exit_status_of(cause)) == (name, status)


def test_an_unchanged_file_is_not_read(tmp_path: Path) -> None:
    """Same size and time of change: believed without hashing."""
    path = tmp_path / "a.mp4"
    path.write_bytes(b"other")
    claim = claim_of(path, b"video", mtime_ns=path.stat().st_mtime_ns)

    check_content(claim, should_stop=never)


def test_a_touched_file_with_the_same_content_is_fine(tmp_path: Path) -> None:
    """A new time of change alone changes nothing."""
    path = tmp_path / "a.mp4"
    path.write_bytes(b"video")

    check_content(claim_of(path, b"video"), should_stop=never)


@pytest.mark.parametrize("content", [b"other", b"longer than it was", None])
def test_another_content_is_not_judged_under_this_hash(tmp_path: Path, content: bytes | None) -> None:
    """What is no longer there has vanished, whatever lies there instead."""
    path = tmp_path / "a.mp4"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(UnreadableVideoError) as raised:
        check_content(claim_of(path, b"video"), should_stop=never)

    assert raised.value.reason == Reason.VANISHED


def test_reading_a_file_again_can_be_stopped(tmp_path: Path) -> None:
    """A huge file that must be hashed again does not keep a worker from stopping."""
    path = tmp_path / "a.mp4"
    path.write_bytes(b"video")

    with pytest.raises(ScanStoppedError):
        check_content(claim_of(path, b"video"), should_stop=lambda: True)


def test_a_bundle_is_found_by_its_hash_wherever_it_lies(tmp_path: Path) -> None:
    """The path of registration may be another machine's; the hash is what counts."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "manifest.json").write_bytes(b"{}")
    settings = Settings(home=tmp_path, classifier=str(elsewhere))

    found = find_bundle(hashlib.sha256(b"{}").hexdigest(), tmp_path / "gone", settings)

    assert found == elsewhere


def test_an_imported_bundle_is_found_where_it_was_copied_to(tmp_path: Path) -> None:
    """A machine that shares the database, but not the disk, judges with its own import."""
    place = copy_bundle(build_bundle(tmp_path / "bundle"), home=tmp_path)

    found = find_bundle(manifest_sha256(place), tmp_path / "gone", Settings(home=tmp_path))

    assert found == place


def test_a_missing_bundle_says_what_to_do(tmp_path: Path) -> None:
    """The message names the hash, the places, and the command."""
    with pytest.raises(BundleError, match=r"no classifier with the hash abc.* at /gone .*classifiers import"):
        find_bundle("abc", Path("/gone"), Settings(home=tmp_path))
