"""scripts/setup, run whole on a small checkout with a small lock, without any network."""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.services import wait_until

ROOT = Path(__file__).resolve().parents[3]
BACKEND = """
import zipfile
def build_editable(folder, settings=None, metadata=None):
    name = "fakesweep-0-py3-none-any.whl"
    with zipfile.ZipFile(folder + "/" + name, "w") as wheel:
        info = "fakesweep-0.dist-info"
        wheel.writestr(info + "/METADATA", "Metadata-Version: 2.1\\nName: fakesweep\\nVersion: 0\\n")
        wheel.writestr(info + "/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "/entry_points.txt", "[console_scripts]\\nfakesweep = hello:main\\n")
        wheel.writestr(info + "/RECORD", "")
    return name
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose lock holds one package, and whose path holds a space."""
    root = tmp_path / "a check out"
    (root / "scripts" / "parts").mkdir(parents=True)
    (root / "worker" / "detectors").mkdir(parents=True)
    for name in ("setup", "parts/environment.py"):
        shutil.copy(ROOT / "scripts" / name, root / "scripts" / name)
    fetch = root / "scripts" / "fetch_weights"
    fetch.write_text(
        "from pathlib import Path\n(Path(__file__).parents[1] / 'worker' / 'detectors' / 'detector.onnx').touch()\n"
    )
    (root / "backend.py").write_text(BACKEND)
    (root / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "fakesweep"\nversion = "0"\n'
    )
    lock(root, "1.0")
    return root


def lock(root: Path, version: str) -> None:
    """Publishes a version of the package `hello`, and locks the checkout to it."""
    wheels = root.parent / "wheels"
    wheels.mkdir(exist_ok=True)
    wheel = wheels / f"hello-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        info = f"hello-{version}.dist-info"
        archive.writestr("hello.py", f"def main(): print({version!r})\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: hello\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (root / "requirements.lock").write_text(f"hello=={version} --hash=sha256:{digest}\n")


def command(root: Path, **variables: str) -> dict[str, object]:
    """How setup is started: without any network, with the wheels of this test alone."""
    offline = {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": (root.parent / "wheels").as_uri(),
        "PIP_CONFIG_FILE": os.devnull,
    }
    return {
        "args": [str(root / "scripts" / "setup")],
        "env": os.environ | offline | {"FAKESWEEP_PYTHON": sys.executable} | variables,
        "cwd": "/",
        "text": True,
    }


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(checkout: Path) -> Run:
    """Runs setup in the checkout, with other variables where given."""

    def run_setup(**variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(capture_output=True, check=False, **command(checkout, **variables))  # type: ignore[call-overload,no-any-return]  # arguments by name

    return run_setup


def installed(root: Path) -> str:
    """What the installed console script says."""
    done = subprocess.run([root / ".venv/bin/fakesweep"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.slow
def test_installs_once_and_again_only_when_the_lock_changes(checkout: Path, run: Run) -> None:
    """The environment is made by the first run, left alone by the second, and follows the lock."""
    first = run()
    assert (first.returncode, installed(checkout)) == (0, "1.0"), first.stderr
    assert "Already set up" in run().stderr

    lock(checkout, "1.1")

    assert run().returncode == 0
    assert installed(checkout) == "1.1"


@pytest.mark.slow
def test_two_at_once_make_one_environment(checkout: Path, run: Run) -> None:
    """A second run waits for the first, and finds nothing left to do."""
    with subprocess.Popen(stderr=subprocess.PIPE, **command(checkout)) as first:  # type: ignore[call-overload]  # arguments by name
        wait_until((checkout / ".cache" / "setup.lock").exists, what="the lock of the first run")
        second = run()
        said = first.communicate()[1]

    assert (first.returncode, second.returncode) == (0, 0), said + second.stderr
    assert ("Making" in said) != ("Making" in second.stderr)


@pytest.mark.slow
def test_makes_anew_what_was_interrupted_or_moved(checkout: Path, run: Run) -> None:
    """An environment that was half written, or made in another place, is not trusted."""
    assert run().returncode == 0
    (checkout / ".venv" / "fakesweep-stamp").unlink()
    (checkout / ".venv" / "fakesweep-unfinished").touch()
    assert "anew" in run().stderr

    moved = checkout.rename(checkout.with_name("elsewhere"))
    again = subprocess.run(capture_output=True, check=False, **command(moved))  # type: ignore[call-overload]  # arguments by name

    assert (again.returncode, installed(moved)) == (0, "1.0")
    assert "anew" in again.stderr


@pytest.mark.slow
def test_says_what_to_do_when_a_download_fails(checkout: Path, run: Run) -> None:
    """Without the network the message names it, and the next run goes on."""
    wheels = checkout.parent / "wheels"
    hidden = wheels.rename(wheels.with_name("hidden"))
    wheels.mkdir()
    failed = run()
    assert failed.returncode == 1
    assert "check the network" in failed.stderr
    assert "Traceback" not in failed.stderr

    wheels.rmdir()
    hidden.rename(wheels)

    assert run().returncode == 0


@pytest.mark.slow
def test_refuses_a_file_that_is_not_the_locked_one(checkout: Path, run: Run) -> None:
    """A package with another hash is not installed."""
    text = (checkout / "requirements.lock").read_text()
    (checkout / "requirements.lock").write_text(text[:-65] + "0" * 64 + "\n")

    failed = run()

    assert failed.returncode == 1
    assert "not the one that the lock names" in failed.stderr


def test_refuses_other_pythons(checkout: Path, run: Run, tmp_path: Path) -> None:
    """A Python that is too old is refused by name, with the variable that names another."""
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.1\nexit 1\n')
    old.chmod(0o755)

    for tool in ("bash", "dirname", "head"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or tool)

    named = run(FAKESWEEP_PYTHON=str(old))
    found = run(FAKESWEEP_PYTHON="", PATH=str(tmp_path))

    assert (named.returncode, found.returncode) == (1, 1)
    assert str(old) in named.stderr
    assert "python3 is: Python 3.9.1" in found.stderr
    assert "FAKESWEEP_PYTHON=" in found.stderr
