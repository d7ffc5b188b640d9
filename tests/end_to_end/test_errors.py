"""What cannot work ends with one clear message, before anything is started."""

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.end_to_end.installation import PROGRAM, Installation

pytestmark = pytest.mark.slow


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A file that nobody gets to look at."""
    path = tmp_path / "clip.mp4"
    path.write_text("no video")
    return path


def check_refused(installation: Installation, clip: Path, *words: str, status: int = 1) -> str:
    """`scan` ends with this status, with these words on standard error, with no traceback; returns them."""
    result = installation.run("scan", clip, "--json", "-")
    assert result.returncode == status, result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert not [word for word in words if word not in result.stderr], result.stderr
    return result.stderr


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("BROKER_URL", "redis://:hunter2@127.0.0.1:9/0", ["127.0.0.1:9", "FAKESWEEP_BROKER_URL"]),
        ("BROKER_URL", "amqp://somewhere", ["FAKESWEEP_BROKER_URL", "amqp"]),
        ("DATABASE_URL", "postgresql+psycopg://me:hunter2@127.0.0.1:9/x", ["127.0.0.1", "FAKESWEEP_DATABASE_URL"]),
        ("DATABASE_URL", "mysql://somewhere", ["FAKESWEEP_DATABASE_URL"]),
        ("CLASSIFIER", "/no/such/bundle", ["FAKESWEEP_CLASSIFIER", "/no/such/bundle"]),
        ("FFMPEG", "/no/such/ffmpeg", ["FAKESWEEP_FFMPEG", "/no/such/ffmpeg"]),
        ("HWACCEL", "qsv", ["FAKESWEEP_HWACCEL", "qsv", "vaapi"]),
        ("DEVICE", "abacus", ["FAKESWEEP_DEVICE", "abacus"]),
        ("LEASE_S", "soon", ["FAKESWEEP_LEASE_S", "soon"]),
    ],
)
def test_a_bad_setting(installation: Installation, clip: Path, name: str, value: str, words: list[str]) -> None:
    """A setting that does not work is named with its value, and a password in it is not shown."""
    broken = replace(installation, settings={**installation.settings, name: value})

    complaint = check_refused(broken, clip, *words)

    assert "hunter2" not in complaint


def test_an_altered_bundle(installation: Installation, clip: Path, bundle: Path, tmp_path: Path) -> None:
    """A classifier with a changed file is not used."""
    altered = tmp_path / "altered"
    shutil.copytree(bundle, altered)
    with (altered / "classifier.bin").open("ab") as file:
        file.write(b"!")

    check_refused(replace(installation, bundle=altered), clip, "classifier.bin", "altered")


def test_a_home_that_is_a_file(installation: Installation, clip: Path) -> None:
    """The state directory must be one."""
    check_refused(replace(installation, home=clip), clip, "FAKESWEEP_HOME", str(clip))


def test_a_database_that_is_none(installation: Installation, clip: Path) -> None:
    """A file that is no database is not overwritten."""
    installation.home.mkdir()
    (installation.home / "fakesweep.db").write_text("my diary" * 100)

    check_refused(installation, clip, "fakesweep.db", "not an SQLite database")

    assert (installation.home / "fakesweep.db").read_text() == "my diary" * 100


def test_an_empty_directory(installation: Installation, tmp_path: Path) -> None:
    """A directory without any video is wrong usage, and says so."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("nothing to see")

    check_refused(installation, tmp_path / "empty", "no video in", "empty", status=2)


def test_a_missing_path(installation: Installation, tmp_path: Path) -> None:
    """A path that is not there is an entry with its reason, and the status says that not all was judged."""
    result = installation.run("scan", tmp_path / "gone.mp4", "--json", "-")

    assert result.returncode == 3
    assert [video["reason"] for video in json.loads(result.stdout)["videos"]] == ["missing"]


def test_a_full_disk(installation: Installation, clip: Path) -> None:
    """A report that does not fit is an error; the verdicts are kept, and the message says how to get them."""
    result = installation.run("scan", clip, "--json", "/dev/full")
    report = installation.run("report", "--format", "json")

    assert result.returncode == 1
    assert "No space left on device" in result.stderr
    assert "fakesweep report 1 --format json" in result.stderr
    assert json.loads(report.stdout)["videos"][0]["state"] == "unreadable"


def test_standard_output_that_closes(installation: Installation, clip: Path) -> None:
    """A reader that has seen enough, such as `head`, causes no traceback."""
    installation.run("scan", clip)
    command = f'"{PROGRAM}" report --format json | true'

    result = subprocess.run(
        ["sh", "-c", command], env=installation.environ, capture_output=True, text=True, check=False
    )

    assert "Traceback" not in result.stderr


def test_doctor_names_what_is_missing(installation: Installation) -> None:
    """The doctor ends with 0 where all is there, and with 1 and the next step where something is not."""
    well = installation.run("doctor", "--json", "-")
    broken = replace(installation, settings={"BROKER_URL": "redis://:hunter2@127.0.0.1:9/0"})
    ill = broken.run("doctor")

    assert well.returncode == 0, well.stderr
    assert {finding["status"] for finding in json.loads(well.stdout)["findings"]} <= {"ok", "note"}
    assert ill.returncode == 1
    assert "127.0.0.1:9" in ill.stdout
    assert "hunter2" not in ill.stdout + ill.stderr
    assert not installation.home.exists()


def test_a_reader_that_has_had_enough(installation: Installation, clip: Path) -> None:
    """Whoever closes the pipe that the JSON goes to gets no complaint and no traceback."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        process = subprocess.run(
            [PROGRAM, "scan", clip, "--json", "-"],
            env=installation.environ,
            stdout=write_end,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        os.close(write_end)

    assert "1 of 1 video done" in process.stderr
    assert "Error" not in process.stderr
    assert "Traceback" not in process.stderr
