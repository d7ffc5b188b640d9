"""The scripts as a newcomer calls them."""

import importlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import click
import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPTS = ("setup", "scan", "test", "bench", "lock", "demo_videos", "fetch_weights")


@pytest.mark.parametrize("name", SCRIPTS)
def test_can_be_run(name: str) -> None:
    """Every script of the README is there and may be executed."""
    assert os.access(ROOT / "scripts" / name, os.X_OK)


def test_unknown_options_of_the_test_command_are_refused() -> None:
    """A mistyped option of scripts/test is not taken for the default."""
    done = subprocess.run([ROOT / "scripts" / "test", "--fsat"], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "--fsat" in done.stderr


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """A checkout in which setup, the demo videos and `fakesweep` only say how they were called."""
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    shutil.copy(ROOT / "scripts" / "scan", scripts / "scan")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    stand_ins = {
        scripts / "setup": "echo setup",
        scripts / "demo_videos": 'echo making; mkdir -p "$1"; touch "$1/labels.csv"',
        tmp_path / ".venv" / "bin" / "fakesweep": 'printf "<%s>" "$@"; exit 3',
    }
    for path, text in stand_ins.items():
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    return scripts / "scan"


@pytest.mark.parametrize(
    "arguments",
    [
        ["clip.mp4"],
        ["--json", "-", "a b.mp4"],
        ["--force", "clip.mp4"],
        ["--json=out", "x"],
        ["--", "-x.mp4"],
    ],
)
def test_scan_passes_its_arguments_on(scan: Path, arguments: list[str]) -> None:
    """With a path, scripts/scan is `fakesweep scan`, its exit status and standard output included."""
    done = subprocess.run([scan, *arguments], capture_output=True, text=True, check=False)

    assert done.stdout == "".join(f"<{argument}>" for argument in ["scan", *arguments])
    assert done.returncode == 3


@pytest.mark.parametrize("arguments", [[], ["--json", "out.json"], ["--force"]])
def test_scan_without_a_path_scans_the_demo_videos(scan: Path, arguments: list[str]) -> None:
    """Without a path, the demo videos are made once and scanned."""
    first = subprocess.run([scan, *arguments], capture_output=True, text=True, check=False)
    second = subprocess.run([scan, *arguments], capture_output=True, text=True, check=False)

    demo = str(scan.parents[1] / "demo_videos")
    assert first.stdout == second.stdout == "".join(f"<{part}>" for part in ["scan", *arguments, demo])
    assert "making" in first.stderr
    assert "making" not in second.stderr


def test_scan_knows_which_options_take_no_value() -> None:
    """The flags that scripts/scan names are the flags of `fakesweep scan`."""
    command: click.Command = importlib.import_module("cli.scan").command
    flags = {
        name
        for option in command.params
        if isinstance(option, click.Option) and option.is_flag
        for name in (*option.opts, *option.secondary_opts)
        if name.startswith("--")
    }

    named = set(re.findall(r"--[a-z][a-z-]+(?= [|)]|\))", (ROOT / "scripts" / "scan").read_text()))

    assert flags - {"--help"} == named - {"--help"}
