"""The doctor's findings."""

from pathlib import Path

import pytest

from cli.checks.finding import Finding, run_check
from cli.checks.machine import check_home, check_hwaccel, check_sandbox, lacking_decoders
from cli.doctor import shown_settings
from worker.pipeline.sandbox import SandboxParts
from worker.settings import SettingsError

_DECODERS = """ Decoders:
 V..... = Video
 ------
 VFS..D h264                 H.264
 VFS..D hevc                 HEVC
 V....D av1                  Alliance for Open Media AV1
 VF...D vp8                  On2 VP8
 A....D mp3                  MP3
"""


def test_decoders_that_are_missing() -> None:
    """Ffmpeg's own "av1" needs a GPU, so it does not count; a sound decoder is none of ours."""
    lacking = lacking_decoders(_DECODERS)

    assert "av1" in lacking
    assert "vp9" in lacking
    assert not {"h264", "hevc", "vp8"} & set(lacking)
    assert "av1" not in lacking_decoders(_DECODERS + " V....D libdav1d             dav1d (codec av1)\n")


def test_an_expected_error_is_a_finding_with_its_next_step() -> None:
    """Our messages end with what to do, and the table has a column for it."""

    def check() -> Finding:
        raise SettingsError("FAKESWEEP_X must be y, got 'z': set it to y")

    assert run_check("x", check) == Finding("x", "missing", "FAKESWEEP_X must be y, got 'z'", "set it to y")


def test_a_broken_check_is_a_finding_too() -> None:
    """What no check expects, a library that does not load say, does not end the doctor."""

    def check() -> Finding:
        raise ImportError("libGL.so.1: cannot open shared object file")

    finding = run_check("x", check)

    assert finding.status == "missing"
    assert "libGL.so.1" in finding.value
    assert finding.next_step


def test_something_missing_needs_a_next_step() -> None:
    """A finding that leaves people alone cannot be made."""
    with pytest.raises(ValueError, match="what to do"):
        Finding("x", "missing", "not there")


def test_looking_at_home_does_not_make_it(tmp_path: Path) -> None:
    """A state directory that is not there yet is looked at without making it."""
    finding = check_home(tmp_path / "deep" / "home")

    assert finding.status in ("ok", "note")
    assert "made by the first scan" in finding.value
    assert not (tmp_path / "deep").exists()


def test_settings_are_shown_without_passwords() -> None:
    """Every variable is listed, and no secret in it."""
    shown = shown_settings({"FAKESWEEP_BROKER_URL": "redis://:hunter2@host:6379/0"})

    by_name = {setting["name"]: setting["value"] for setting in shown}
    assert "hunter2" not in by_name["FAKESWEEP_BROKER_URL"]
    assert "host:6379" in by_name["FAKESWEEP_BROKER_URL"]
    assert by_name["FAKESWEEP_HOME"] == ""


def test_the_sandbox_is_tried_and_named() -> None:
    """The doctor runs ffmpeg locked in, and says with what."""
    finding = check_sandbox(None, is_wanted=True)

    assert finding.status == "ok"
    assert "Landlock ABI" in finding.value
    assert "no privileges, files, network, processes" in finding.value


def test_a_sandbox_that_is_switched_off_is_worth_knowing() -> None:
    """Whoever switched it off is told how to have it back."""
    finding = check_sandbox(None, is_wanted=False)

    assert (finding.status, finding.value) == ("note", "switched off")
    assert "FAKESWEEP_SANDBOX" in finding.next_step


def test_a_kernel_without_the_sandbox_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    """An old kernel judges too; the doctor says what is missing and why."""
    parts = SandboxParts(0, has_seccomp=True, refusals=("this kernel has no Landlock (it came with Linux 5.13)",))
    monkeypatch.setattr("worker.pipeline.sandbox.find_sandbox", lambda: parts)

    finding = check_sandbox(None, is_wanted=True)

    assert finding.status == "note"
    assert "no Landlock, seccomp" in finding.value
    assert "Linux 5.13" in finding.value
    assert finding.next_step


def test_without_a_hardware_decoder_nothing_is_opened() -> None:
    """The default is as good as any."""
    finding = check_hwaccel(None, method=None, is_confined=True)

    assert (finding.status, finding.value) == ("ok", "none set; videos are decoded in software")


@pytest.mark.parametrize("is_confined", [True, False])
def test_a_hardware_decoder_that_cannot_be_opened_is_a_note(
    *, is_confined: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scans go on in software, and the doctor says why and what to do; it tries behind the locks that decoders have."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")

    finding = check_hwaccel(None, method="cuda", is_confined=is_confined)

    assert finding.status == "note"
    assert finding.value.startswith("cuda cannot be opened, so videos are decoded in software (")
    assert "FAKESWEEP_HWACCEL" in finding.next_step


def test_a_hardware_decoder_that_opens_is_fine(tmp_path: Path) -> None:
    """A program that does what it is told stands in for an ffmpeg with a GPU."""
    ffmpeg = tmp_path / "ffmpeg"
    ffmpeg.write_text('#!/bin/sh\nprintf "Hardware acceleration methods:\\ncuda\\n"\n')
    ffmpeg.chmod(0o755)

    finding = check_hwaccel(ffmpeg, method="cuda", is_confined=True)

    assert finding.status == "ok"
    assert finding.value.startswith("cuda can be opened")


def test_a_hardware_decoder_that_ffmpeg_lacks_is_missing(tmp_path: Path) -> None:
    """Workers refuse to start with it, so the doctor does not call it a note."""
    ffmpeg = tmp_path / "ffmpeg"
    ffmpeg.write_text('#!/bin/sh\nprintf "Hardware acceleration methods:\\nvaapi\\n"\n')
    ffmpeg.chmod(0o755)

    finding = run_check("hardware decoder", lambda: check_hwaccel(ffmpeg, method="cuda", is_confined=True))

    assert finding.status == "missing"
    assert "'cuda'" in finding.value
    assert "it has vaapi" in finding.value
    assert "unset it" in finding.next_step
